//! What is said while an experiment runs, and after it.

use super::layout::padded;
use super::place;
use crate::doctor::Watched;
use kobai_doctor::checks;
use kobai_doctor::finding::{Finding, Severity};
use kobai_engine::{Lang, say};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

/// A finding that has become sure while a run trains, in two lines.
#[must_use]
pub fn live_finding(f: &Finding, (row, seed, step): (&str, u64, u64), lang: Lang) -> String {
    let name = checks::named(f.code).map_or("", |c| c.about().name(lang));
    let (word, percent) = (f.severity.word(lang), f.probability * 100.0);
    let (what, place) = (f.what.get(lang), place(f, lang));
    say!(
        lang,
        "{row}, seed {seed}, step {step}: {0} {name} [{word}, {percent:.0} % sure]\n    {what} ({place})",
        "{row}、シード {seed}、ステップ {step}: {0} {name} [{word}、確信度 {percent:.0} %]\n    {what}（{place}）",
        f.code
    )
}

/// What the doctor saw while an experiment ran, a line per row and finding.
#[must_use]
pub fn watched(all: &[(String, u64, Box<Watched>)], lang: Lang) -> String {
    let mut text = format!("{}\n", lang.pick("doctor", "医師の所見"));
    let mut rows: Vec<&str> = all.iter().map(|(row, _, _)| row.as_str()).collect();
    rows.dedup();
    let widest = rows.iter().map(|r| r.width()).max().unwrap_or(0);
    for row in rows {
        let runs: Vec<&Watched> = all.iter().filter(|(r, _, _)| r == row).map(|(_, _, w)| &**w).collect();
        // Findings of the row's runs in order of belief, with the number of runs that have them.
        let mut found: Vec<(&'static str, usize)> = Vec::new();
        for f in runs.iter().flat_map(|w| &w.diagnosis.findings) {
            if f.severity == Severity::Hint || f.explained_by.is_some() {
                continue;
            }
            match found.iter_mut().find(|(code, _)| *code == f.code) {
                Some((_, count)) => *count += 1,
                None => found.push((f.code, 1)),
            }
        }
        found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let n = runs.len();
        let line = match found.is_empty() {
            true => lang.pick("healthy", "健康").to_string(),
            false => {
                let one = |(code, count): &(&'static str, usize)| {
                    let name = checks::named(code).map_or("", |c| c.about().name(lang));
                    format!("{code} {name} ({count}/{n})")
                };
                found.iter().map(one).collect::<Vec<_>>().join(lang.pick(", ", "、"))
            }
        };
        let _ = writeln!(text, "  {}  {line}", padded(row, widest));
    }
    let shares: Vec<f64> = all.iter().map(|(_, _, w)| w.share * 100.0).collect();
    let mut sorted = shares.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    let _ = writeln!(
        text,
        "  {}",
        say!(
            lang,
            "watching took {median:.1} % of a run's time (median); diagnosis.json has the evidence",
            "見張りにかかった時間は学習の {median:.1} %（中央値）。証拠は diagnosis.json にあります"
        )
    );
    text
}
