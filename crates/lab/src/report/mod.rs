//! The report of an experiment: one page that needs nothing else.
//!
//! Pictures first, then numbers, verdicts and how to make them again. The page
//! carries its style and pictures; it requests nothing and follows the reader's
//! light or dark mode (`data-theme` on `<html>` overrides it). It runs no script
//! except, where there are paths to follow, the player in `player.js`. The same
//! results give the same bytes.

mod activations;
mod course;
mod figures;
mod fit;
pub(crate) mod grid;
mod look;
pub(crate) mod summary;
mod surfaces;
pub(crate) mod table;

use kobai_engine::{Lang, say};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, context};

use crate::chart;
use crate::results::{Outcome, Results};
use figures::Figure;

pub use course::{Standing, Statement, chapter, course, statements, tally as course_tally};
pub use look::{Look, Map};

const TEMPLATES: [(&str, &str); 4] = [
    ("parts.html", include_str!("parts.html")),
    ("page.html", include_str!("page.html")),
    ("course.html", include_str!("course.html")),
    ("plain.html", include_str!("plain.html")),
];
const STYLE: &str = include_str!("page.css");
const PLAYER: &str = include_str!("player.js");

/// The whole page.
///
/// Everything that comes from `results` is escaped, so labels may hold any text.
#[must_use]
pub fn html(results: &Results, lang: Lang) -> String {
    html_with(results, &[], lang)
}

/// The whole page, with pictures of what trained networks see.
#[must_use]
pub fn html_with(results: &Results, looks: &[Look], lang: Lang) -> String {
    let e = values(results, looks, "", lang);
    render(
        "page.html",
        context! {
            lang => lang.code(),
            style => Value::from_safe_string(format!("{}{STYLE}", chart::STYLE)),
            script => results.surfaces.is_some().then(|| Value::from_safe_string(PLAYER.to_string())),
            e,
            say => words(lang),
        },
    )
}

/// A page of one picture and one table.
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) lead: String,
    /// One or more `<svg>` elements.
    pub(crate) svg: String,
    pub(crate) caption: String,
    pub(crate) heads: Vec<String>,
    pub(crate) table: Vec<Vec<String>>,
    pub(crate) command: String,
}

pub(crate) fn plain(page: &Page, lang: Lang) -> String {
    let Page { title, lead, svg, caption, heads, table, command } = page;
    render(
        "plain.html",
        context! {
            lang => lang.code(),
            style => Value::from_safe_string(format!("{}{STYLE}", chart::STYLE)),
            svg => Value::from_safe_string(svg.clone()),
            title, lead, caption, heads, table, command,
        },
    )
}

fn render(name: &str, values: Value) -> String {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.unwrap_or_default());
    // The names' endings turn on escaping.
    let added: Result<(), _> = TEMPLATES.iter().try_for_each(|(n, text)| environment.add_template(n, text));
    let page = added.and_then(|()| environment.get_template(name)).and_then(|page| page.render(values));
    // The templates are part of the program and have no fallible step that depends on results.
    let page = page.unwrap_or_else(|e| unreachable!("the report's template is wrong: {e:#}"));
    // Control characters, such as a terminal's colours in a label, are no text.
    page.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

/// What a template says about one experiment. `anchor` begins its links.
fn values(results: &Results, looks: &[Look], anchor: &str, lang: Lang) -> Value {
    let matrix = grid::matrix(results, lang);
    let is_grid = matrix.is_some();
    let curve = grid::sensitivity(results, lang);
    // The first picture answers the experiment's question.
    let mut first = [curve, matrix].into_iter().flatten();
    let accuracy = first.next().unwrap_or_else(|| figures::accuracy(results, lang));
    let of_rows = || {
        [
            fit::differences(results, lang),
            fit::gap(results, lang),
            fit::penalty(results, lang),
            fit::weights(results, lang),
            fit::signal(results, lang),
            figures::gradient_map(results, lang),
            figures::gradient_flow(results, lang),
            figures::curves(results, lang),
            figures::update_ratio(results, lang),
            activations::figure(results, lang),
        ]
    };
    let rest: Vec<Figure> = first.collect();
    // A grid has too many rows for a picture of each.
    let of_rows = if is_grid { Vec::new() } else { of_rows().into_iter().flatten().collect() };
    let surfaces = results.surfaces.as_ref().map(|s| surfaces::figures(s, lang)).unwrap_or_default();
    let looks = looks.iter().flat_map(|look| look::figures(look, lang));
    let others: Vec<Value> = rest.into_iter().chain(of_rows).chain(looks).map(figure).collect();
    let tally: Vec<Value> = table::tally(results)
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .map(|(v, n)| {
            context! { mark => table::mark(v), word => table::word_of(v, n, lang), kind => table::kind(v), n }
        })
        .collect();
    context! {
        anchor,
        section => results.section.get(lang),
        title => results.title.get(lang),
        summary => results.summary.get(lang),
        tally,
        facts => facts(results, lang),
        accuracy => figure(accuracy),
        rows => table::rows(results, lang),
        any_published => results.rows.iter().any(|r| r.published.is_some()),
        any_flow => summary::has_flow(results),
        figures => others,
        surfaces => surfaces.into_iter().map(figure).collect::<Vec<_>>(),
        no_flow => (!results.rows.is_empty() && !summary::has_flow(results)).then(|| say!(
            lang,
            "This run recorded no gradients and activations (observers were off), so their pictures are missing.",
            "この実行では勾配と活性を記録していない（観測なし）ため、その図はない。"
        )),
        claims => table::claims(results, lang),
        notes => results.notes.iter().map(|n| n.get(lang).to_string()).collect::<Vec<_>>(),
        command => results.command.as_str(),
        data_line => results.data_line.get(lang),
        environment => say!(
            lang,
            "Kōbai {} · instruction set {} · seeds {}",
            "Kōbai {} ・命令セット {} ・シード {}",
            results.version,
            results.isa,
            seeds(&results.seeds)
        ),
        hashes => hashes(results, lang),
    }
}

fn figure(figure: Figure) -> Value {
    context! {
        heading => figure.heading,
        caption => figure.caption,
        // Charts escape what they are given.
        svg => Value::from_safe_string(figure.svg),
        moves => figure.moves,
    }
}

/// The experiment's size in one line.
fn facts(results: &Results, lang: Lang) -> String {
    let (rows, seeds) = (results.rows.len(), results.seeds.len());
    if let (0, Some(on)) = (rows, &results.surfaces) {
        let (rules, surfaces, starts, steps) = (on.rules.len(), on.surfaces.len(), on.starts, on.steps);
        return say!(
            lang,
            "{rules} rules × {surfaces} surfaces × {seeds} seeds × {starts} starts × {steps} steps",
            "手法 {rules} 種類 × 曲面 {surfaces} 種類 × シード {seeds} × 出発点 {starts} × {steps} ステップ"
        );
    }
    let (steps, batch) = (results.steps, results.batch);
    say!(
        lang,
        "{rows} {} × {seeds} {} × {steps} steps · batches of {batch}",
        "{rows}{}のネットワーク × {seeds}{}シード × {steps} ステップ ・バッチサイズ {batch}",
        lang.pick(if rows == 1 { "network" } else { "networks" }, " 種類"),
        lang.pick(if seeds == 1 { "seed" } else { "seeds" }, " "),
    )
}

/// `0–7` for a run of consecutive seeds, otherwise all of them.
fn seeds(seeds: &[u64]) -> String {
    let consecutive = seeds.windows(2).all(|w| w[0].checked_add(1) == Some(w[1]));
    match seeds {
        [first, .., last] if consecutive && seeds.len() > 2 => format!("{first}–{last}"),
        _ => seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// The weights' hashes of every run, for comparing bits.
fn hashes(results: &Results, lang: Lang) -> Vec<Value> {
    let mut lines = Vec::new();
    for row in &results.rows {
        for run in &row.runs {
            let outcome = match run.outcome {
                Outcome::Finished => String::new(),
                Outcome::Diverged { step } => {
                    say!(lang, "diverged at step {step}", "ステップ {step} で発散")
                }
            };
            lines.push(context! {
                label => row.label.get(lang), seed => run.seed, outcome, sha => run.weights_sha256.as_str(),
            });
        }
    }
    lines
}

/// The page's own words.
fn words(lang: Lang) -> Value {
    context! {
        network => lang.pick("Network", "ネットワーク"),
        train => lang.pick("Train accuracy", "訓練正解率"),
        test => lang.pick("Test accuracy", "テスト正解率"),
        all_rows => lang.pick("All networks in numbers", "すべてのネットワークの数値"),
        published => lang.pick("Published", "公表値"),
        reach => lang.pick("Gradient, first / last layer", "勾配：最初の層 ÷ 最後の層"),
        claims => lang.pick("Claims and verdicts", "主張と判定"),
        statements => lang.pick("statements", "対応する記述"),
        notes => lang.pick("Notes", "注意"),
        again => lang.pick("Make it again", "再現するには"),
        same_bits => lang.pick(
            "On the same instruction set the same command gives the same bits, for any number of threads.",
            "命令セットが同じなら、同じコマンドはスレッド数によらず同じビットを与える。"
        ),
        data => lang.pick("Data", "データ"),
        environment => lang.pick("Environment", "環境"),
        hashes => lang.pick("SHA-256 of the final parameters of every run", "各実行の最終パラメータの SHA-256"),
        seed => lang.pick("Seed", "シード"),
        play => lang.pick("▶ Play", "▶ 再生"),
        pause => lang.pick("❚❚ Pause", "❚❚ 停止"),
        step => lang.pick("step", "ステップ"),
        map => lang.pick("The statements at a glance", "記述の一覧"),
        contents => lang.pick("Experiments", "実験"),
        statements_heading => lang.pick("Every statement and what decides it", "すべての記述と、それを決めるもの"),
        statements_lead => lang.pick(
            "Numbered as in the course's sections. A verdict leads to its explanation.",
            "番号は講座の節による。判定を選ぶと説明へ移る。"
        ),
        holds => lang.pick("holds", "成り立つ"),
        fails => lang.pick("does not hold", "成り立たない"),
        partly => lang.pick("in part: see its claims", "一部：主張ごとの判定を参照"),
        open => lang.pick("undecided", "未決定"),
        not_run => lang.pick("not among these experiments", "今回の実験に含まれない"),
    }
}
