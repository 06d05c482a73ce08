//! The pictures of over-fitting and regularisation: training against test,
//! weights, penalties, signals, and paired differences.

use kobai_engine::{Lang, say};
use std::collections::BTreeMap;

use super::figures::{Figure, WIDTH};
use super::summary::{Size, geometric, layers, stat};
use crate::chart::{
    Axis, Histogram, HistogramCell, HistogramGrid, Ink, LineChart, Multiples, Panel, Point, Series, Strip,
    StripRow,
};
use crate::results::{Claim, CurvePoint, Results, Row};

/// A mean gap from which over-fitting is worth a picture.
const GAP: f64 = 0.05;
/// Layers from which the signal by layer is worth a picture.
const DEEP: usize = 4;
/// Layers of weights shown of each row at most.
const SHOWN: usize = 7;
/// Lines up to which one plot holds them.
const ONE_PLOT: usize = 10;

fn mean_of(row: &Row, measure: &str) -> Option<f64> {
    let values: Vec<f64> = row.runs.iter().filter_map(|r| r.measures.get(measure).copied()).collect();
    stat(&values).map(|s| s.mean)
}

fn decays(row: &Row) -> bool {
    row.runs.iter().flat_map(|r| &r.flow).flat_map(|p| &p.layers).any(|l| l.penalty_rms > 0.0)
}

fn panels(title: String, axes: [Axis; 2], panels: Vec<Panel>, legend: Vec<(String, Ink)>) -> String {
    let [x, y] = axes;
    let chart = Multiples {
        title,
        x,
        y,
        panels,
        behind: vec![],
        legend,
        marks: vec![],
        columns: 3,
        width: WIDTH,
        height: 130.0,
    };
    chart.svg()
}

/// Training and test accuracy by step, a panel for every row, if any over-fits.
pub(super) fn gap(results: &Results, lang: Lang) -> Option<Figure> {
    if !results.rows.iter().any(|row| mean_of(row, "gap").is_some_and(|g| g > GAP)) {
        return None;
    }
    let names = [say!(lang, "training", "訓練"), say!(lang, "test", "テスト")];
    let line = |row: &Row, i: usize, of: fn(&CurvePoint) -> f64| {
        let mut steps: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for p in row.runs.iter().flat_map(|r| &r.curve) {
            steps.entry(p.step).or_default().push(of(p));
        }
        let points = steps.into_iter().map(|(step, values)| Point {
            x: step as f64,
            y: stat(&values).map_or(f64::NAN, |s| s.mean),
            band: (values.len() > 1).then(|| crate::chart::scale::extent(values)).flatten(),
        });
        Series { label: names[i].clone(), ink: Ink::Series(i), points: points.collect() }
    };
    let all = results.rows.iter().map(|row| Panel {
        title: row.label.get(lang).to_string(),
        series: vec![line(row, 0, |p| p.train_accuracy), line(row, 1, |p| p.test_accuracy)],
    });
    let legend = names.iter().enumerate().map(|(i, n)| (n.clone(), Ink::Series(i))).collect();
    let axes = [
        Axis::linear(say!(lang, "step", "ステップ")),
        Axis::linear(say!(lang, "accuracy", "正解率")).over(0.0, 1.0),
    ];
    let title = say!(lang, "Training and test accuracy by step", "ステップごとの訓練とテストの正解率");
    let svg = panels(title, axes, all.collect(), legend);
    let caption = say!(
        lang,
        "The space between the two lines is the gap: what was learned by heart and does not carry over. \
         Bands: from the lowest to the highest seed.",
        "二本の線のあいだが差、つまり丸暗記されて新しいデータに通用しない部分。帯：最も低いシードから最も高いシードまで。"
    );
    Some(Figure::new(say!(lang, "Where the curves part", "曲線はどこで離れるか"), caption, svg))
}

/// Histograms of weights before and after, if any row has a penalty.
pub(super) fn weights(results: &Results, lang: Lang) -> Option<Figure> {
    if !results.rows.iter().any(decays) {
        return None;
    }
    let cell = |row: &Row, layer: usize| {
        let stats: Vec<_> = row.runs.iter().filter_map(|r| r.weights.get(layer)).collect();
        let near = stat(&stats.iter().map(|s| s.near_zeros[1]).collect::<Vec<_>>()).map_or(0.0, |s| s.mean);
        let share = 100.0 * near;
        let sum = |of: fn(&crate::results::WeightStats) -> &Vec<u32>| {
            let bins = stats.iter().map(|s| of(s).len()).max().unwrap_or(0);
            let counts =
                (0..bins).map(|b| stats.iter().filter_map(|s| of(s).get(b)).map(|c| u64::from(*c)).sum());
            let (low, high) = stats.first().map_or((0.0, 1.0), |s| (s.low, s.high));
            Histogram { low, high, counts: counts.collect() }
        };
        HistogramCell {
            name: stats.first().map_or_else(String::new, |s| s.layer.clone()),
            note: if share >= 0.5 {
                say!(lang, "≈ 0: {share:.0} %", "ほぼ 0：{share:.0} %")
            } else {
                String::new()
            },
            before: sum(|s| &s.first),
            after: sum(|s| &s.last),
        }
    };
    let rows = results.rows.iter().filter_map(|row| {
        let count = row.runs.iter().map(|r| r.weights.len()).max().filter(|n| *n > 0)?;
        let picked = super::summary::pick_evenly(count, SHOWN);
        Some((row.label.get(lang).to_string(), picked.into_iter().map(|l| cell(row, l)).collect()))
    });
    let chart = HistogramGrid {
        title: say!(lang, "Distribution of weights by network and layer", "ネットワークと層ごとの重みの分布"),
        rows: rows.collect(),
        legend: [
            say!(lang, "before the first step", "最初のステップの前"),
            say!(lang, "after the last", "最後のステップの後"),
        ],
        width: WIDTH,
    };
    let caption = say!(
        lang,
        "Weights of each layer, all seeds together, over three initial RMS to either side; what lies outside is \
         in the end bins. L2 narrows the whole bell; L1 makes a peak at zero and leaves a few large weights. \
         ≈ 0: share of weights below 2 % of the layer's initial RMS.",
        "各層の重み（全シードの合計）。横軸は初期 RMS の ±3 倍で、外の値は端の階級に入る。L2 は山全体を細くし、\
         L1 は 0 に鋭い峰を作って少数の大きな重みを残す。ほぼ 0：層の初期 RMS の 2 % 未満の重みの割合。"
    );
    Some(Figure::new(
        say!(lang, "What penalties do to weights", "罰則は重みをどう変えるか"),
        caption,
        chart.svg(),
    ))
}

/// The penalty's gradient and the data's by layer at the first step.
pub(super) fn penalty(results: &Results, lang: Lang) -> Option<Figure> {
    let rows: Vec<&Row> = results.rows.iter().filter(|r| decays(r)).collect();
    if rows.is_empty() {
        return None;
    }
    let names = [
        say!(lang, "gradient of the data", "データの勾配"),
        say!(lang, "gradient of the penalty", "罰則の勾配"),
    ];
    let all = rows.iter().map(|row| {
        let line = |i: usize, of: fn(&crate::results::LayerFlow) -> f64| {
            let points = layers(row).into_iter().enumerate().map(|(l, name)| {
                let values = row.runs.iter().filter_map(|r| {
                    let first = r.flow.first()?;
                    first.layers.iter().find(|f| f.layer == name).map(of)
                });
                let y = match geometric(&values.collect::<Vec<_>>()) {
                    // A layer that does not decay has no penalty: a gap, not a zero.
                    Size::Zero if i == 1 => f64::NAN,
                    size => size.number(),
                };
                Point { x: (l + 1) as f64, y, band: None }
            });
            Series { label: names[i].clone(), ink: Ink::Series(i), points: points.collect() }
        };
        let series = vec![line(0, |f| f.gradient_rms), line(1, |f| f.penalty_rms)];
        Panel { title: row.label.get(lang).to_string(), series }
    });
    let legend = names.iter().enumerate().map(|(i, n)| (n.clone(), Ink::Series(i))).collect();
    let axes = [
        Axis::linear(say!(lang, "layer, from the input", "層（入力から数えて）")),
        Axis::log(say!(lang, "RMS of the gradient", "勾配の RMS")),
    ];
    let title = say!(lang, "Gradient of penalty and data by layer", "層ごとの罰則とデータの勾配");
    let svg = panels(title, axes, all.collect(), legend);
    let caption = say!(
        lang,
        "At the first step, geometric mean over seeds. Where the penalty's line lies above the data's, the \
         weights follow the penalty: they shrink faster than the data can shape them.",
        "最初のステップでの値（シードの幾何平均）。罰則の線がデータの線より上にある所では、重みは罰則に従い、\
         データが形づくるより速く縮む。"
    );
    Some(Figure::new(say!(lang, "Penalty against data", "罰則とデータの綱引き"), caption, svg))
}

/// Size of the activations by layer at the first step, for deep rows.
pub(super) fn signal(results: &Results, lang: Lang) -> Option<Figure> {
    let depth =
        |row: &Row| row.runs.iter().filter_map(|r| r.activations.first()).map(|p| p.layers.len()).max();
    let deep: Vec<&Row> = results.rows.iter().filter(|r| depth(r).is_some_and(|d| d >= DEEP)).collect();
    if deep.is_empty() {
        return None;
    }
    // Rows that share their first step, such as those that differ in the optimiser, share a line.
    let mut lines: Vec<(Vec<f64>, String)> = Vec::new();
    for row in deep {
        let sizes: Vec<f64> = (0..depth(row).unwrap_or(0))
            .map(|l| {
                let of = row.runs.iter().filter_map(|r| Some(r.activations.first()?.layers.get(l)?.rms()));
                geometric(&of.collect::<Vec<_>>()).number()
            })
            .collect();
        match lines.iter_mut().find(|(known, _)| *known == sizes) {
            Some((_, names)) => {
                if !names.ends_with('…') {
                    names.push_str(" …");
                }
            }
            None => lines.push((sizes, row.label.get(lang).to_string())),
        }
    }
    let series = lines.into_iter().enumerate().map(|(i, (sizes, label))| {
        let points = sizes.into_iter().enumerate();
        let points = points.map(|(l, y)| Point { x: (l + 1) as f64, y, band: None });
        Series { label, ink: Ink::Series(i), points: points.collect() }
    });
    let mut series: Vec<Series> = series.collect();
    series.truncate(2 * ONE_PLOT);
    let chart = LineChart {
        title: say!(lang, "Size of the signal by layer", "層ごとの信号の大きさ"),
        x: Axis::linear(say!(lang, "activation layer, from the input", "活性化層（入力から数えて）")),
        y: Axis::log(say!(lang, "RMS of the activations at the first step", "最初のステップでの活性の RMS")),
        series,
        marks: vec![],
        width: WIDTH,
        height: 300.0,
    };
    let caption = say!(
        lang,
        "Before anything is learned, while training (dropout at work). A falling line loses its signal on the \
         way to the output, a rising one blows it up. Networks with the same first step share a line (…).",
        "何も学習していない最初のステップでの訓練時の値（ドロップアウトも働いている）。下がる線は出力へ向かうあいだに信号を失い、\
         上がる線は信号を膨らませる。最初のステップが同じネットワークは一本の線にまとめた（…）。"
    );
    Some(Figure::new(say!(lang, "What is left of the signal", "信号はどれだけ残るか"), caption, chart.svg()))
}

/// Measures whose differences are differences of accuracies.
const ACCURACIES: [&str; 5] = ["test", "train", "gap", "test_late", "best_test"];

/// The rows of a claim about a difference of accuracies.
fn pair<'a>(results: &'a Results, claim: &Claim) -> Option<[&'a Row; 2]> {
    let (a, b) = claim.measure.split_once(" - ")?;
    let row = |operand: &str| {
        let (id, measure) = operand.split_once('.')?;
        results.rows.iter().find(|r| r.id == id).filter(|_| ACCURACIES.contains(&measure))
    };
    Some([row(a)?, row(b)?])
}

/// Paired differences that claims are about.
pub(super) fn differences(results: &Results, lang: Lang) -> Option<Figure> {
    let rows: Vec<StripRow> = results
        .claims
        .iter()
        .filter_map(|claim| {
            let [a, b] = pair(results, claim)?;
            let mean = claim.interval.map(|[low, high]| [claim.mean, (high - low) / 2.0]);
            Some(StripRow {
                label: format!("{} − {}", a.label.get(lang), b.label.get(lang)),
                values: claim.values.clone(),
                mean,
                published: None,
                note: format!("{} {:+.4}", super::table::mark(claim.verdict), claim.mean).replace('-', "−"),
                remark: claim.text.get(lang).to_string(),
            })
        })
        .collect();
    if rows.len() < 2 {
        return None;
    }
    let chart = Strip {
        title: say!(lang, "Paired differences", "対にした差"),
        axis: Axis::linear(say!(lang, "difference of accuracies, same seed", "正解率の差（同じシード）")),
        rows,
        legend: [
            say!(lang, "one seed", "シード 1 つ"),
            say!(lang, "mean, 99 % interval", "平均と 99 % 信頼区間"),
            String::new(),
        ],
        width: WIDTH,
    };
    let caption = say!(
        lang,
        "Each line compares two networks from the same seeds: same first weights where the shapes allow, same \
         batches. Right of 0 the first has the larger accuracy or, where the words are of a gap, the larger gap.",
        "各行は同じシード（同じバッチ、形が同じなら同じ初期値の乱数）の二つのネットワークを比べる。0 より右なら前者の正解率（差についての主張では差）が\
         大きい。"
    );
    Some(Figure::new(say!(lang, "Before and after", "前と後"), caption, chart.svg()))
}
