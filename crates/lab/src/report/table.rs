//! The table of networks and the list of verdicts, as values for the template.

use kobai_engine::{Lang, say};
use minijinja::context;
use minijinja::value::Value;

use super::figures::{published, reach};
use super::summary::{Stat, accuracies};
use crate::chart::number;
use crate::results::{Claim, Results, Verdict};

/// `0.9550 ± 0.0026`; without the spread for a single value, `—` for none.
pub(crate) fn plus_minus(stat: Option<Stat>) -> String {
    match stat {
        None => "—".to_string(),
        Some(Stat { mean, sd: None }) => number::fixed(mean, 4),
        Some(Stat { mean, sd: Some(sd) }) => {
            format!("{} ± {}", number::fixed(mean, 4), number::fixed(sd, 4))
        }
    }
}

/// The lines of the table of networks.
pub(super) fn rows(results: &Results, lang: Lang) -> Vec<Value> {
    let line = |row: &crate::results::Row| {
        let a = accuracies(row);
        let (n, all) = (a.diverged.len(), row.runs.len());
        let warning = a.diverged.iter().min().map_or_else(String::new, |first| {
            say!(
                lang,
                "{n} of {all} runs diverged, the first at step {first}; means without them",
                "{all} 回中 {n} 回が発散（最初はステップ {first}）。平均には含まない"
            )
        });
        let notebooks = row.published.as_ref().map(|p| p.notebooks.iter().map(|v| number::fixed(*v, 4)));
        context! {
            label => row.label.get(lang).to_string(),
            id => row.id.clone(),
            train => plus_minus(a.train),
            test => plus_minus(a.test),
            published => published(row).unwrap_or_default(),
            notebooks => notebooks.map(|n| n.collect::<Vec<_>>().join(", ")).unwrap_or_default(),
            reach => reach(row).map_or_else(|| "—".to_string(), |v| number::compact(v, 2)),
            warning,
        }
    };
    results.rows.iter().map(line).collect()
}

/// The mark of a verdict, which says it without colour.
pub(crate) fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "✓",
        Verdict::DoesNotHold => "✗",
        Verdict::Undecided => "?",
    }
}

/// The verdict in words.
pub(crate) fn word(verdict: Verdict, lang: Lang) -> &'static str {
    match verdict {
        Verdict::Holds => lang.pick("holds", "成り立つ"),
        Verdict::DoesNotHold => lang.pick("does not hold", "成り立たない"),
        Verdict::Undecided => lang.pick("undecided", "未決定"),
    }
}

/// The verdict in words after a number of claims, as in `3 do not hold`.
pub(crate) fn word_of(verdict: Verdict, n: usize, lang: Lang) -> &'static str {
    match (verdict, n) {
        (Verdict::Holds, 2..) => lang.pick("hold", "成り立つ"),
        (Verdict::DoesNotHold, 2..) => lang.pick("do not hold", "成り立たない"),
        _ => word(verdict, lang),
    }
}

/// The numbers that decide a claim, in one line.
pub(crate) fn deciding_numbers(claim: &Claim, lang: Lang) -> String {
    // Every run diverged or measures nothing of the kind.
    let mean = if claim.n == 0 { "–".to_string() } else { decisive(claim.mean) };
    let mut parts = vec![format!("{} = {mean}", claim.measure)];
    if let Some([low, high]) = claim.interval {
        let confidence = number::compact(claim.confidence * 100.0, 3);
        let (low, high) = (decisive(low), decisive(high));
        parts[0].push_str(&say!(
            lang,
            " ({confidence} % interval {low} to {high})",
            "（{confidence} % 信頼区間 {low} ～ {high}）"
        ));
    }
    parts.push(say!(lang, "condition: {}", "条件：{}", claim.condition.words(lang)));
    // The spaces do not break.
    parts.push(format!("n\u{a0}=\u{a0}{}", claim.n));
    if let Some(effect) = claim.effect {
        // Seeds that differ by rounding alone make it meaninglessly large.
        let effect = match effect {
            e if e > 1000.0 => "> 1000".to_string(),
            e if e < -1000.0 => "< −1000".to_string(),
            e => number::compact(e, 2),
        };
        parts.push(say!(
            lang,
            "effect\u{a0}{effect}\u{a0}standard deviations",
            "効果量\u{a0}{effect}（標準偏差を単位とする）"
        ));
    }
    if let (Verdict::Undecided, Some(seeds)) = (claim.verdict, claim.seeds_needed) {
        parts.push(say!(lang, "about {seeds} seeds would decide", "約 {seeds} シードで決着する見込み"));
    }
    parts.join(lang.pick("; ", "、"))
}

/// A number as verdicts show it: four digits after the point where that says
/// enough, as for accuracies.
fn decisive(value: f64) -> String {
    if (0.01..10.0).contains(&value.abs()) { number::fixed(value, 4) } else { number::compact(value, 3) }
}

/// How many claims have each verdict.
pub(crate) fn tally(results: &Results) -> [(Verdict, usize); 3] {
    [Verdict::Holds, Verdict::DoesNotHold, Verdict::Undecided]
        .map(|v| (v, results.claims.iter().filter(|c| c.verdict == v).count()))
}

/// The style class of a verdict.
pub(super) fn kind(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "holds",
        Verdict::DoesNotHold => "fails",
        Verdict::Undecided => "open",
    }
}

/// The verdicts, in the order of the claims.
pub(super) fn claims(results: &Results, lang: Lang) -> Vec<Value> {
    let card = |claim: &Claim| {
        context! {
            id => claim.id.clone(),
            kind => kind(claim.verdict),
            mark => mark(claim.verdict),
            word => word(claim.verdict, lang),
            text => claim.text.get(lang).to_string(),
            because => claim.because.get(lang).to_string(),
            numbers => deciding_numbers(claim, lang),
            notes => claim.notes.join(", "),
        }
    };
    results.claims.iter().map(card).collect()
}
