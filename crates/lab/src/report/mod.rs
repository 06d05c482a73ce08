//! The report of an experiment: one page that needs nothing else.
//!
//! Pictures first, then numbers, verdicts and how to make them again. The page
//! carries its style and pictures; it requests nothing, runs no script and
//! follows the reader's light or dark mode (`data-theme` on `<html>` overrides
//! it). The same results give the same bytes.

mod activations;
mod figures;
pub(crate) mod summary;
pub(crate) mod table;

use kobai_engine::{Lang, say};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, context};

use crate::chart;
use crate::results::{Outcome, Results};
use figures::Figure;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// The whole page.
///
/// Everything that comes from `results` is escaped, so labels may hold any text.
#[must_use]
pub fn html(results: &Results, lang: Lang) -> String {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.unwrap_or_default());
    // The name's ending turns on escaping.
    let page = environment.add_template("page.html", PAGE);
    let page = page.and_then(|()| environment.get_template("page.html"));
    let page = page.and_then(|page| page.render(values(results, lang)));
    // The template is part of the program and has no fallible step that depends on results.
    let page = page.unwrap_or_else(|e| unreachable!("the report's template is wrong: {e:#}"));
    // Control characters, such as a terminal's colours in a label, are no text.
    page.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

fn values(results: &Results, lang: Lang) -> Value {
    let accuracy = figures::accuracy(results, lang);
    let others = [
        figures::gradient_map(results, lang),
        figures::gradient_flow(results, lang),
        figures::curves(results, lang),
        figures::update_ratio(results, lang),
        activations::figure(results, lang),
    ];
    let others: Vec<Value> = others.into_iter().flatten().map(figure).collect();
    let tally: Vec<Value> = table::tally(results)
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .map(|(v, n)| {
            context! { mark => table::mark(v), word => table::word_of(v, n, lang), kind => table::kind(v), n }
        })
        .collect();
    context! {
        lang => lang.code(),
        style => Value::from_safe_string(format!("{}{STYLE}", chart::STYLE)),
        title => results.title.get(lang),
        summary => results.summary.get(lang),
        tally,
        facts => facts(results, lang),
        accuracy => figure(accuracy),
        rows => table::rows(results, lang),
        any_published => results.rows.iter().any(|r| r.published.is_some()),
        any_flow => summary::has_flow(results),
        figures => others,
        no_flow => (!summary::has_flow(results)).then(|| say!(
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
        say => words(lang),
    }
}

fn figure(figure: Figure) -> Value {
    context! {
        heading => figure.heading,
        caption => figure.caption,
        // Charts escape what they are given.
        svg => Value::from_safe_string(figure.svg),
    }
}

/// The experiment's size in one line.
fn facts(results: &Results, lang: Lang) -> String {
    let (rows, seeds) = (results.rows.len(), results.seeds.len());
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
    }
}
