//! The report of the whole course: one page for all experiments.

use super::table::{deciding_numbers, kind, mark, word, word_of};
use super::{PLAYER, STYLE, render, values, words};
use crate::chart;
use crate::experiment;
use crate::results::{Claim, Results, Text, Verdict};
use kobai_engine::{Lang, say};
use minijinja::context;
use minijinja::value::Value;

/// Statements of the course's notes by chapter: how many each has.
const STATEMENTS: [(usize, [&str; 2]); 5] = [
    (14, ["1 Vanishing gradients, initial values, batch normalisation", "1 勾配消失・初期値・バッチ正規化"]),
    (10, ["2 Optimisers", "2 最適化手法"]),
    (10, ["3 Over-fitting and regularisation", "3 過学習と正則化"]),
    (6, ["4 Convolution", "4 畳み込み"]),
    (7, ["5 The famous CNNs", "5 有名な CNN"]),
];

/// What is decided about a statement of the notes by all its claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// All its claims have this verdict.
    All(Verdict),
    /// Some hold, others do not or are undecided.
    Partly,
    /// Nothing was run that is about it.
    Missing,
}

impl Standing {
    fn of(claims: &[(&Results, &Claim)]) -> Standing {
        let Some((_, first)) = claims.first() else { return Standing::Missing };
        if claims.iter().all(|(_, c)| c.verdict == first.verdict) {
            Standing::All(first.verdict)
        } else {
            Standing::Partly
        }
    }

    /// Its mark, which says it without colour.
    #[must_use]
    pub fn mark(self) -> &'static str {
        match self {
            Standing::All(verdict) => mark(verdict),
            Standing::Partly => "◐",
            Standing::Missing => "–",
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Standing::All(verdict) => kind(verdict),
            Standing::Partly => "partly",
            Standing::Missing => "absent",
        }
    }
}

/// A statement of the notes with the claims that decide it.
#[derive(Clone, Debug)]
pub struct Statement<'a> {
    /// Identifier, such as `C1.04`.
    pub id: String,
    /// What it says, in our words.
    pub text: Text,
    /// Number of its chapter, from 0.
    pub chapter: usize,
    /// Experiment and claim, in the order in which they ran.
    pub claims: Vec<(&'a Results, &'a Claim)>,
    /// What they say together.
    pub standing: Standing,
}

/// Every statement of the notes, decided or not.
#[must_use]
pub fn statements(all: &[Results]) -> Vec<Statement<'_>> {
    let texts = experiment::statements();
    let mut list = Vec::new();
    for (chapter, (count, _)) in STATEMENTS.iter().enumerate() {
        for n in 1..=*count {
            let id = format!("C{}.{n:02}", chapter + 1);
            let about = |r: &'_ Results| -> Vec<usize> {
                (0..r.claims.len()).filter(|i| r.claims[*i].notes.contains(&id)).collect()
            };
            let claims: Vec<(&Results, &Claim)> =
                all.iter().flat_map(|r| about(r).into_iter().map(move |i| (r, &r.claims[i]))).collect();
            let standing = Standing::of(&claims);
            let text =
                texts.iter().find(|(known, _)| *known == id).map(|(_, t)| t.clone()).unwrap_or_default();
            list.push(Statement { id, text, chapter, claims, standing });
        }
    }
    list
}

/// The heading of a chapter of the notes, from 0.
#[must_use]
pub fn chapter(n: usize, lang: Lang) -> &'static str {
    STATEMENTS.get(n).map_or("", |(_, [en, ja])| lang.pick(en, ja))
}

/// How many claims of all experiments have each verdict.
#[must_use]
pub fn tally(all: &[Results]) -> [(Verdict, usize); 3] {
    let count = |v| all.iter().flat_map(|r| &r.claims).filter(|c| c.verdict == v).count();
    [Verdict::Holds, Verdict::DoesNotHold, Verdict::Undecided].map(|v| (v, count(v)))
}

/// The whole page. `command` is what makes it again.
#[must_use]
pub fn course(all: &[Results], command: &str, lang: Lang) -> String {
    let statements = statements(all);
    let anchor = |r: &Results, c: &Claim| format!("{}-{}", r.id, c.id);
    let map = (0..STATEMENTS.len()).map(|n| {
        let marks = statements.iter().filter(|s| s.chapter == n).map(|s| {
            context! { id => s.id.clone(), mark => s.standing.mark(), kind => s.standing.kind(), text => s.text.get(lang) }
        });
        context! { section => chapter(n, lang), marks => marks.collect::<Vec<_>>() }
    });
    let lines = statements.iter().map(|s| {
        let claims = s.claims.iter().map(|(r, c)| {
            context! {
                anchor => anchor(r, c),
                kind => kind(c.verdict),
                mark => mark(c.verdict),
                word => word(c.verdict, lang),
                text => c.text.get(lang),
                numbers => deciding_numbers(c, lang),
            }
        });
        context! {
            id => s.id.clone(), mark => s.standing.mark(), kind => s.standing.kind(), text => s.text.get(lang),
            claims => claims.collect::<Vec<_>>(),
        }
    });
    let tallies = tally(all).into_iter().filter(|(_, n)| *n > 0).map(|(v, n)| {
        context! { mark => mark(v), word => word_of(v, n, lang), kind => kind(v), n }
    });
    let experiments: Vec<Value> = all.iter().map(|r| values(r, &[], &r.id, lang)).collect();
    let (runs, claims): (usize, usize) = (
        all.iter().flat_map(|r| &r.rows).map(|row| row.runs.len()).sum(),
        all.iter().map(|r| r.claims.len()).sum(),
    );
    let moves = all.iter().any(|r| r.surfaces.is_some());
    let count = all.len();
    render(
        "course.html",
        context! {
            lang => lang.code(),
            style => Value::from_safe_string(format!("{}{STYLE}", chart::STYLE)),
            title => say!(lang, "The course, experiment by experiment", "講座のすべてを実験で確かめる"),
            lead => say!(
                lang,
                "Every statement of the course, decided by experiments on this machine. Each figure has the command \
                 below it that makes it again.",
                "講座の記述を、この計算機の上の実験で一つずつ判定する。どの図にも、それを再現するコマンドを添えた。"
            ),
            facts => say!(
                lang,
                "{count} experiments · {runs} training runs · {claims} claims",
                "実験 {count} 件 ・学習 {runs} 回 ・主張 {claims} 件"
            ),
            tallies => tallies.collect::<Vec<_>>(),
            map => map.collect::<Vec<_>>(),
            missing => statements.iter().any(|s| s.standing == Standing::Missing),
            experiments,
            statements => lines.collect::<Vec<_>>(),
            command,
            script => moves.then(|| Value::from_safe_string(PLAYER.to_string())),
            say => words(lang),
        },
    )
}
