//! The whole course as text: every statement with its claims and verdicts.

use super::LEAST_WIDTH;
use super::text::{Style, clean, paint, wrap};
use crate::report::table::{mark, word_of};
use crate::report::{Standing, chapter, course_tally, statements};
use crate::results::{Results, Verdict};
use kobai_engine::{Lang, say};

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Holds => Style::Good,
        Verdict::DoesNotHold => Style::Bad,
        Verdict::Undecided => Style::Unsure,
    }
}

/// Chapter by chapter, each statement with its mark and the claims that decide
/// it; claims that belong to no statement after them, and the counts.
#[must_use]
pub fn course(all: &[Results], lang: Lang, width: usize, colour: bool) -> String {
    let width = width.max(LEAST_WIDTH);
    let mut out = String::new();
    let statements = statements(all);
    let mut last = usize::MAX;
    for s in &statements {
        if s.chapter != last {
            last = s.chapter;
            let space = if last == 0 { "" } else { "\n" };
            out += &format!("{space}{}\n", paint(chapter(last, lang), Style::Bold, colour));
        }
        let kind = match s.standing {
            Standing::All(verdict) => style(verdict),
            _ => Style::Dim,
        };
        let open = match s.claims[..] {
            [] => lang.pick(" (not among these experiments)", "（今回の実験に含まれない）"),
            _ => "",
        };
        for (i, line) in
            wrap(&format!("{} {}{open}", s.id, clean(s.text.get(lang))), width - 2).iter().enumerate()
        {
            let sign = if i == 0 { paint(s.standing.mark(), kind, colour) } else { " ".into() };
            out += &format!("{sign} {}\n", paint(line, Style::Bold, colour));
        }
        for (_, claim) in &s.claims {
            for (i, line) in wrap(&clean(claim.text.get(lang)), width - 4).iter().enumerate() {
                let sign = if i == 0 {
                    paint(mark(claim.verdict), style(claim.verdict), colour)
                } else {
                    " ".into()
                };
                out += &format!("  {sign} {line}\n");
            }
        }
    }
    let counts = course_tally(all).into_iter().filter(|(_, n)| *n > 0);
    let counts: Vec<String> = counts
        .map(|(v, n)| paint(&format!("{} {n} {}", mark(v), word_of(v, n, lang)), style(v), colour))
        .collect();
    let claims: usize = all.iter().map(|r| r.claims.len()).sum();
    out += &say!(lang, "\n{claims} claims: ", "\n主張 {claims} 件: ");
    out += &(counts.join("   ") + "\n");
    out
}
