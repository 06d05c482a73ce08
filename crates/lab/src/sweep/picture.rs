//! A sweep as a table and pictures.

use super::{Point, Swept, is_log, number, shown};
use crate::chart::{self, Axis, Ink, LineChart, Multiples, Panel, Series, number::fixed};
use crate::report::{self, Page};
use crate::stats::Summary;
use kobai_engine::{Lang, say};
use unicode_width::UnicodeWidthStr;

/// Points listed in a terminal at most.
const LISTED: usize = 30;

/// `0.9550 ± 0.0026`, or why there is none.
fn measured(point: &Point, lang: Lang) -> String {
    if point.diverged > 0 {
        let (n, all) = (point.diverged, point.measured.len());
        return say!(lang, "{n} of {all} diverged", "{all} 回中 {n} 回発散");
    }
    match point.mean() {
        None => "—".into(),
        Some(mean) if point.measured.len() < 2 => fixed(mean, 4),
        Some(mean) => format!("{} ± {}", fixed(mean, 4), fixed(Summary::of(&point.measured, 0.99).sd, 4)),
    }
}

fn heads(swept: &Swept, lang: Lang) -> Vec<String> {
    let mut heads: Vec<String> = swept.spec.keys.iter().map(|k| k.key.clone()).collect();
    if several_rows(swept) {
        heads.insert(0, say!(lang, "row", "行"));
    }
    heads.push(swept.spec.measure.clone());
    if swept.spec.halving.is_some() {
        heads.push(say!(lang, "steps", "ステップ"));
    }
    heads
}

fn several_rows(swept: &Swept) -> bool {
    swept.points.iter().any(|p| p.row != swept.points[0].row)
}

fn cells(swept: &Swept, point: &Point, lang: Lang) -> Vec<String> {
    let mut cells: Vec<String> = point.values.iter().map(shown).collect();
    if several_rows(swept) {
        cells.insert(0, point.row.clone());
    }
    cells.push(measured(point, lang));
    if swept.spec.halving.is_some() {
        cells.push(point.steps.to_string());
    }
    cells
}

/// The table for a terminal, the best first, with a bar for the measure.
#[must_use]
pub fn text(swept: &Swept, lang: Lang, width: usize) -> String {
    let shown: Vec<&Point> = swept.points.iter().take(LISTED).collect();
    let lines: Vec<Vec<String>> =
        std::iter::once(heads(swept, lang)).chain(shown.iter().map(|p| cells(swept, p, lang))).collect();
    let widths: Vec<usize> =
        (0..lines[0].len()).map(|i| lines.iter().map(|l| l[i].width()).max().unwrap_or(0)).collect();
    let used: usize = widths.iter().map(|w| w + 2).sum();
    let bar = width.saturating_sub(used).min(40);
    let extent = chart::scale::extent(shown.iter().filter_map(|p| p.mean()));
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        let mut text = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            text += &format!("{}{cell}  ", " ".repeat(width - cell.width()));
        }
        if let (Some(point), Some([lo, hi])) = (i.checked_sub(1).map(|i| shown[i]), extent)
            && let Some(mean) = point.mean()
            && bar >= 8
        {
            let share = if hi > lo { (mean - lo) / (hi - lo) } else { 1.0 };
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to the width
            let full = (share * (bar - 1) as f64).round() as usize;
            text += &"█".repeat(full + 1);
        }
        out += &(text.trim_end().to_string() + "\n");
        if i == 0 {
            out += &("─".repeat(used.saturating_sub(2)) + "\n");
        }
    }
    let more = swept.points.len() - shown.len();
    if more > 0 {
        out += &say!(lang, "… and {more} more in the report\n", "… ほか {more} 点はレポートに\n");
    }
    out
}

/// The report of a sweep: one self-contained page.
#[must_use]
pub fn html(swept: &Swept, lang: Lang) -> String {
    let measure = &swept.spec.measure;
    let title = say!(lang, "Sweep of {}: {}", "{} の探索: {}", swept.spec.experiment, swept.spec.id);
    let (points, seeds) = (swept.points.len(), swept.seeds);
    let lead = say!(
        lang,
        "{points} points × {seeds} seeds on {}; compared by {measure}, the best first.",
        "{points} 点 × シード {seeds}、データ {}。{measure} で比べ、よい順に並べる。",
        swept.data
    );
    let caption = say!(
        lang,
        "One dot or line for every setting: mean over seeds; the band goes from the lowest to the highest seed.",
        "点または線は一つの設定の、シードについての平均。帯は最も低いシードから最も高いシードまで。"
    );
    let table: Vec<Vec<String>> = swept.points.iter().map(|p| cells(swept, p, lang)).collect();
    report::plain(
        &Page {
            title,
            lead,
            svg: chart(swept, lang),
            caption,
            heads: heads(swept, lang),
            table,
            command: swept.command.clone(),
        },
        lang,
    )
}

fn band(point: &Point) -> Option<[f64; 2]> {
    chart::scale::extent(point.measured.iter().copied()).filter(|_| point.measured.len() > 1)
}

/// Lines over the first numeric key, one for each combination of the others;
/// for random draws a panel for every numeric key.
fn chart(swept: &Swept, lang: Lang) -> String {
    let numeric = |k: usize| swept.points.iter().all(|p| number(&p.values[k]).is_some());
    let keys: Vec<usize> = (0..swept.spec.keys.len()).filter(|k| numeric(*k)).collect();
    let values =
        |k: usize| -> Vec<f64> { swept.points.iter().filter_map(|p| number(&p.values[k])).collect() };
    let axis = |k: usize| {
        let key = &swept.spec.keys[k];
        if is_log(&key.values, &values(k)) {
            Axis::log(key.key.clone())
        } else {
            Axis::linear(key.key.clone())
        }
    };
    let title = say!(lang, "The measure by the keys that vary", "変えたキーと測定値");
    let y = Axis::linear(swept.spec.measure.clone());
    let dot = |p: &Point, k: usize, band: Option<[f64; 2]>| chart::Point {
        x: number(&p.values[k]).unwrap_or(f64::NAN),
        y: p.mean().unwrap_or(f64::NAN),
        band,
    };
    match keys[..] {
        [] => {
            let bars = swept.points.iter().map(|p| chart::Bar {
                label: cells(swept, p, lang)[..p.values.len()].join(", "),
                value: p.mean().unwrap_or(f64::NAN),
            });
            chart::Bars { title, axis: y, bars: bars.collect(), width: 980.0 }.svg()
        }
        [k, ..] if swept.spec.random.is_none() => {
            let mut series: Vec<(String, Vec<&Point>)> = Vec::new();
            for point in &swept.points {
                let mut name: Vec<String> = (0..point.values.len())
                    .filter(|i| *i != k)
                    .map(|i| format!("{} {}", short(&swept.spec.keys[i].key), shown(&point.values[i])))
                    .collect();
                if several_rows(swept) || name.is_empty() {
                    name.insert(0, point.label.get(lang).to_string());
                }
                let name = name.join(", ");
                match series.iter_mut().find(|(n, _)| *n == name) {
                    Some((_, points)) => points.push(point),
                    None => series.push((name, vec![point])),
                }
            }
            series.sort_by(|a, b| a.0.cmp(&b.0));
            let series = series.into_iter().enumerate().map(|(i, (label, mut points))| {
                let x = |p: &Point| number(&p.values[k]).unwrap_or(f64::NAN);
                points.sort_by(|a, b| x(a).total_cmp(&x(b)));
                let points = points.iter().map(|p| dot(p, k, band(p))).collect();
                Series { label, ink: Ink::Series(i), points }
            });
            let series = series.collect();
            LineChart { title, x: axis(k), y, series, marks: vec![], width: 980.0, height: 320.0 }.svg()
        }
        _ => {
            // One axis for all panels would mix units: each key has a chart of its own.
            let panels = keys.iter().map(|k| {
                // A gap after every point leaves dots without a line.
                let points = swept.points.iter().flat_map(|p| {
                    let dot = dot(p, *k, None);
                    [dot, chart::Point { y: f64::NAN, ..dot }]
                });
                let name = swept.spec.measure.clone();
                let series = vec![Series { label: name, ink: Ink::Series(0), points: points.collect() }];
                Multiples {
                    behind: vec![],
                    title: title.clone(),
                    x: axis(*k),
                    y: y.clone(),
                    panels: vec![Panel { title: swept.spec.keys[*k].key.clone(), series }],
                    legend: vec![],
                    marks: vec![],
                    columns: 1,
                    width: 980.0,
                    height: 180.0,
                }
                .svg()
            });
            panels.collect::<Vec<_>>().join("\n")
        }
    }
}

fn short(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}
