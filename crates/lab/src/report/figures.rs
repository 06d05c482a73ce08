//! The pictures of a report: from results to charts, captions and all.

use kobai_engine::{Lang, say};

use super::summary::{
    Size, accuracies, all_layers, geometric, gradient_size, has_flow, layers, learning_curve, over_steps,
};
use crate::chart::{
    Axis, Cell, Heat, Ink, LineChart, Mark, Multiples, Panel, Point, Series, Strip, StripRow, number,
};
use crate::results::{LayerFlow, Results, Row};

/// Width of every picture in pixels.
pub(super) const WIDTH: f64 = 980.0;
/// Rows up to which learning curves share one plot.
const ONE_PLOT: usize = 10;

/// A picture with its heading and the sentence that tells how to read it.
pub(super) struct Figure {
    pub(super) heading: String,
    pub(super) caption: String,
    pub(super) svg: String,
    /// Whether the page's player moves it.
    pub(super) moves: bool,
}

impl Figure {
    /// A picture that stands still.
    pub(super) fn new(heading: String, caption: String, svg: String) -> Figure {
        Figure { heading, caption, svg, moves: false }
    }
}

/// Test accuracy of every seed, by row.
pub(super) fn accuracy(results: &Results, lang: Lang) -> Figure {
    let rows = results.rows.iter().map(|row| {
        let a = accuracies(row);
        let (n, all) = (a.diverged.len(), row.runs.len());
        let warning = if n == 0 {
            String::new()
        } else {
            say!(lang, "⚠ {n} of {all} runs diverged", "⚠ {all} 回中 {n} 回が発散")
        };
        StripRow {
            label: row.label.get(lang).to_string(),
            values: a.tests,
            mean: a.test.map(|s| [s.mean, s.sd.unwrap_or(0.0)]),
            published: row.published.as_ref().map(|p| p.mean),
            note: super::table::plus_minus(a.test),
            remark: warning,
        }
    });
    let heading = say!(lang, "Who learns?", "どれが学習したか");
    let chart = Strip {
        title: say!(lang, "Test accuracy by network and seed", "ネットワークとシードごとのテスト正解率"),
        axis: Axis::linear(say!(lang, "test accuracy", "テスト正解率")).over(0.0, 1.0),
        rows: rows.collect(),
        legend: [
            say!(lang, "one seed", "シード 1 つ"),
            say!(lang, "mean ± standard deviation", "平均 ± 標準偏差"),
            say!(lang, "published", "公表値"),
        ],
        width: WIDTH,
    };
    let caption = say!(
        lang,
        "Accuracy on all test examples after the last step. Further right is better.",
        "最後のステップの後、テスト用の全データで測った正解率。右にあるほどよい。"
    );
    Figure::new(heading, caption, chart.svg())
}

/// Test accuracy by step.
pub(super) fn curves(results: &Results, lang: Lang) -> Option<Figure> {
    let series: Vec<Series> = results
        .rows
        .iter()
        .enumerate()
        .map(|(i, row)| {
            let points = learning_curve(row);
            let points = points.into_iter().map(|(step, y, band)| Point { x: step as f64, y, band });
            Series { label: row.label.get(lang).to_string(), ink: Ink::Series(i), points: points.collect() }
        })
        .collect();
    if series.iter().all(|s| s.points.is_empty()) {
        return None;
    }
    let title = say!(lang, "Test accuracy by step", "ステップごとのテスト正解率");
    let x = Axis::linear(say!(lang, "step", "ステップ"));
    let y = Axis::linear(say!(lang, "test accuracy", "テスト正解率")).over(0.0, 1.0);
    let svg = if series.len() <= ONE_PLOT {
        LineChart { title, x, y, series, marks: vec![], width: WIDTH, height: 320.0 }.svg()
    } else {
        // Too many for one plot: each gets a panel, with the others behind it.
        let behind = series.iter().map(|s| Series { ink: Ink::Muted, ..without_band(s) }).collect();
        let panels = series
            .into_iter()
            .map(|s| Panel { title: s.label.clone(), series: vec![Series { ink: Ink::Series(0), ..s }] });
        let panels = panels.collect();
        let (legend, marks) = (vec![], vec![]);
        Multiples { title, x, y, panels, behind, legend, marks, columns: 4, width: WIDTH, height: 110.0 }
            .svg()
    };
    let caption = if results.seeds.len() > 1 {
        say!(
            lang,
            "Line: mean over {} seeds. Band: from the lowest to the highest seed.",
            "線：{} 個のシードの平均。帯：最も低いシードから最も高いシードまで。",
            results.seeds.len()
        )
    } else {
        say!(lang, "One seed, so no band.", "シードは 1 つだけなので、帯はない。")
    };
    Some(Figure::new(say!(lang, "How it learns", "学習の進み方"), caption, svg))
}

fn without_band(series: &Series) -> Series {
    let points = series.points.iter().map(|p| Point { band: None, ..*p }).collect();
    Series { points, ..series.clone() }
}

/// Mean gradient size, rows × layers.
pub(super) fn gradient_map(results: &Results, lang: Lang) -> Option<Figure> {
    if !has_flow(results) {
        return None;
    }
    let columns = all_layers(results);
    let cells = results.rows.iter().map(|row| {
        columns
            .iter()
            .map(|layer| match gradient_size(row, layer) {
                Size::Zero => Cell::Zero,
                Size::Value(v) => Cell::Size(v),
                Size::Missing => Cell::Empty,
            })
            .collect()
    });
    let chart = Heat {
        title: say!(lang, "Size of the gradient by network and layer", "ネットワークと層ごとの勾配の大きさ"),
        rows: results.rows.iter().map(|r| r.label.get(lang).to_string()).collect(),
        cells: cells.collect(),
        columns,
        measure: say!(lang, "RMS of the weight's gradient", "重みの勾配の二乗平均平方根（RMS）"),
        plain: false,
        zero: say!(lang, "exactly zero", "ちょうど 0"),
        width: WIDTH,
    };
    let caption = say!(
        lang,
        "Input side on the left, output side on the right. Where a row fades towards the left, the gradient \
         vanishes on its way to the input. Mean over the recorded steps, geometric mean over seeds.",
        "左が入力側、右が出力側。左へ行くほど色が薄くなる行では、勾配が入力へ届くまでに消えている。\
         記録したステップの平均を、シードについて幾何平均した値。"
    );
    let heading = say!(lang, "How far the gradient reaches", "勾配はどこまで届くか");
    Some(Figure::new(heading, caption, chart.svg()))
}

/// Gradient size by step: a panel for every row, a line for every layer.
pub(super) fn gradient_flow(results: &Results, lang: Lang) -> Option<Figure> {
    let svg = by_layer(
        results,
        lang,
        &say!(lang, "Size of the gradient by step", "ステップごとの勾配の大きさ"),
        &say!(lang, "RMS of the weight's gradient", "重みの勾配の RMS"),
        vec![],
        |l| l.gradient_rms,
    )?;
    let caption = say!(
        lang,
        "One panel per network, one line per layer. Lines far apart: the layers learn at very different \
         speeds. The lane below the axis holds values that are exactly zero.",
        "パネルはネットワーク、線は層を表す。線が離れているほど、層ごとの学習の速さが違う。\
         軸の下の帯は、ちょうど 0 の値。"
    );
    Some(Figure::new(say!(lang, "Gradient flow over time", "勾配の流れの移り変わり"), caption, svg))
}

/// Size of the update over size of the weight, by step.
pub(super) fn update_ratio(results: &Results, lang: Lang) -> Option<Figure> {
    let label = say!(lang, "often healthy: 10⁻³", "目安：10⁻³");
    let svg = by_layer(
        results,
        lang,
        &say!(lang, "Update-to-weight ratio by step", "ステップごとの更新量と重みの比"),
        &say!(lang, "RMS of the update / RMS of the weight", "更新量の RMS ÷ 重みの RMS"),
        vec![Mark { value: 1e-3, label }],
        |l| l.update_rms / l.weight_rms,
    )?;
    let caption = say!(
        lang,
        "How much of itself a layer changes in one step. Far below 10⁻³ a layer hardly moves; near 1 it is \
         overwritten. Steps at which all weights are zero have no ratio.",
        "1 ステップで重みが自分の大きさの何割変わるか。10⁻³ よりずっと小さければほとんど動かず、1 に近ければ\
         上書きされている。重みがすべて 0 のステップには比がない。"
    );
    Some(Figure::new(say!(lang, "Do the weights move?", "重みは動いているか"), caption, svg))
}

fn by_layer(
    results: &Results,
    lang: Lang,
    title: &str,
    measure: &str,
    marks: Vec<Mark>,
    of: impl Fn(&LayerFlow) -> f64 + Copy,
) -> Option<String> {
    let names = all_layers(results);
    let shown: Vec<&Row> =
        results.rows.iter().filter(|r| r.runs.iter().any(|r| !r.flow.is_empty())).collect();
    if shown.is_empty() {
        return None;
    }
    let ink = |i: usize| Ink::ordered(i, names.len());
    let panels = shown.iter().map(|row| {
        let own = layers(row);
        let lines = names.iter().enumerate().filter(|(_, name)| own.contains(name)).map(|(i, name)| {
            let points = over_steps(row, name, of);
            let points =
                points.into_iter().map(|(step, size)| Point { x: step as f64, y: size.number(), band: None });
            Series { label: name.clone(), ink: ink(i), points: points.collect() }
        });
        Panel { title: row.label.get(lang).to_string(), series: lines.collect() }
    });
    let chart = Multiples {
        title: title.to_string(),
        x: Axis::linear(say!(lang, "step", "ステップ")),
        y: Axis::log(measure),
        panels: panels.collect(),
        behind: vec![],
        legend: names.iter().enumerate().map(|(i, name)| (name.clone(), ink(i))).collect(),
        marks,
        columns: 4,
        width: WIDTH,
        height: 150.0,
    };
    Some(chart.svg())
}

/// The published figure of a row in words, with its spread.
pub(super) fn published(row: &Row) -> Option<String> {
    let p = row.published.as_ref()?;
    Some(format!("{} ± {}", number::fixed(p.mean, 4), number::fixed(p.sd, 4)))
}

/// The first layer's gradient over the last layer's, of a row.
pub(super) fn reach(row: &Row) -> Option<f64> {
    let names = layers(row);
    let (first, last) = (names.first()?, names.last()?);
    let ratio = match (gradient_size(row, first), gradient_size(row, last)) {
        (Size::Value(a), Size::Value(b)) => geometric(&[a / b]),
        (Size::Zero, Size::Value(_)) => Size::Zero,
        _ => Size::Missing,
    };
    Some(ratio.number()).filter(|v| v.is_finite())
}
