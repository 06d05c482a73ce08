//! The picture of activations: histograms by row and layer, first and last step.

use kobai_engine::{Lang, say};

use super::figures::{Figure, WIDTH};
use super::summary::{pick_evenly, stat};
use crate::chart::{Histogram, HistogramCell, HistogramGrid};
use crate::results::{ActivationPoint, ActivationStats, Results, Row};

/// Layers shown of each row at most.
const SHOWN: usize = 6;

/// Histograms at the first and at the last recorded step.
pub(super) fn figure(results: &Results, lang: Lang) -> Option<Figure> {
    let mut cut = false;
    let rows: Vec<(String, Vec<HistogramCell>)> = results
        .rows
        .iter()
        .filter_map(|row| {
            let layers = layer_count(row)?;
            cut |= layers > SHOWN;
            let picked = pick_evenly(layers, SHOWN);
            let cells = picked.into_iter().map(|layer| cell(row, layer, lang)).collect();
            Some((row.label.get(lang).to_string(), cells))
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let (first, last) = steps(results)?;
    let chart = HistogramGrid {
        title: say!(
            lang,
            "Distribution of activations by network and layer",
            "ネットワークと層ごとの活性の分布"
        ),
        rows,
        legend: [
            say!(lang, "step {first} (first recorded)", "ステップ {first}（最初の記録）"),
            say!(lang, "step {last} (last recorded)", "ステップ {last}（最後の記録）"),
        ],
        width: WIDTH,
    };
    let mut caption = say!(
        lang,
        "Outputs of each activation layer over a batch, input side on the left, all seeds together. All \
         values in one place: the layer passes no information on. Saturated: where the derivative is below \
         0.01. Shares are those of the last step; every picture is as tall as its own highest bin.",
        "バッチに対する各活性化層の出力。左が入力側、全シードの合計。値が 1 か所に集まった層は、情報を先へ\
         伝えていない。飽和：微分が 0.01 より小さい値。割合は最後のステップのもの。高さは図ごとに、\
         最も高い階級に合わせてある。"
    );
    if cut {
        caption.push_str(&say!(
            lang,
            " Of deep networks, {SHOWN} layers from the first to the last are shown.",
            "深いネットワークでは、最初から最後までの {SHOWN} 層だけを示す。"
        ));
    }
    Some(Figure {
        moves: false,
        heading: say!(lang, "What the layers pass on", "層が伝えているもの"),
        caption,
        svg: chart.svg(),
    })
}

fn layer_count(row: &Row) -> Option<usize> {
    row.runs.iter().flat_map(|r| &r.activations).map(|p| p.layers.len()).max().filter(|n| *n > 0)
}

/// First and last recorded step of all runs.
fn steps(results: &Results) -> Option<(u64, u64)> {
    let all = || results.rows.iter().flat_map(|r| &r.runs).flat_map(|r| &r.activations).map(|p| p.step);
    Some((all().min()?, all().max()?))
}

fn cell(row: &Row, layer: usize, lang: Lang) -> HistogramCell {
    let at = |pick: fn(&[ActivationPoint]) -> Option<&ActivationPoint>| -> Vec<&ActivationStats> {
        row.runs.iter().filter_map(|r| pick(&r.activations)?.layers.get(layer)).collect()
    };
    let (first, last) = (at(<[_]>::first), at(<[_]>::last));
    let share = |of: fn(&ActivationStats) -> f64| {
        let values: Vec<f64> = last.iter().map(|s| of(s)).collect();
        stat(&values).map_or(0.0, |s| s.mean)
    };
    let (zeros, saturated) = (share(|s| s.zeros), share(|s| s.saturated));
    // Of two shares, the one that says more: zeros of ReLU, saturation of the others.
    let note = if zeros >= 0.005 {
        say!(lang, "zeros {}", "0 が {}", percent(zeros))
    } else if saturated >= 0.005 {
        say!(lang, "saturated {}", "飽和 {}", percent(saturated))
    } else {
        String::new()
    };
    let name = last.first().or(first.first()).map_or_else(String::new, |s| s.layer.clone());
    HistogramCell { name, note, before: together(&first), after: together(&last) }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// The histograms of all seeds as one, over all their edges.
fn together(stats: &[&ActivationStats]) -> Histogram {
    let usable = || {
        stats
            .iter()
            .filter(|s| s.low.is_finite() && s.high.is_finite() && s.low < s.high && !s.histogram.is_empty())
    };
    let low = usable().map(|s| s.low).fold(f64::INFINITY, f64::min);
    let high = usable().map(|s| s.high).fold(f64::NEG_INFINITY, f64::max);
    let bins = usable().map(|s| s.histogram.len()).max().unwrap_or(0);
    let mut counts = vec![0u64; bins];
    for s in usable() {
        let width = (s.high - s.low) / s.histogram.len() as f64;
        for (i, count) in s.histogram.iter().enumerate() {
            // A bin goes where its middle falls; with equal edges that is the same bin.
            let middle = s.low + (i as f64 + 0.5) * width;
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within the bins
            let bin = ((middle - low) / (high - low) * bins as f64) as usize;
            counts[bin.min(bins - 1)] += u64::from(*count);
        }
    }
    if bins == 0 { Histogram::default() } else { Histogram { low, high, counts } }
}
