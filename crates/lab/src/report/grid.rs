//! The pictures of an experiment with axes: a matrix, and curves over a
//! numeric axis.

use kobai_engine::{Lang, say};

use super::figures::{Figure, WIDTH};
use super::summary::{accuracies, stat};
use crate::chart::scale::extent;
use crate::chart::{Axis, Ink, Matrix, Multiples, Panel, Point, Series, Shade, number};
use crate::groups;
use crate::results::{Place, Results, Row};

/// Rows of the grid with their places.
pub(crate) fn cells(results: &Results) -> Vec<(&Row, &Place)> {
    results.rows.iter().filter_map(|row| Some((row, row.place.as_ref()?))).collect()
}

/// Mean test accuracy of a cell; a run that diverged counts 0.
fn mean(row: &Row) -> Option<f64> {
    let a = accuracies(row);
    let n = a.tests.len() + a.diverged.len();
    (n > 0).then(|| a.tests.iter().sum::<f64>() / n as f64)
}

/// Line and column names with the means, in the order of the rows.
pub(crate) struct Grid {
    pub(crate) across: String,
    pub(crate) rows: Vec<String>,
    pub(crate) columns: Vec<String>,
    pub(crate) cells: Vec<Vec<Option<f64>>>,
}

/// The grid, if the experiment has axes.
pub(crate) fn grid(results: &Results, lang: Lang) -> Option<Grid> {
    let all = cells(results);
    let across = all.first()?.1.columns.get(lang).to_string();
    let mut grid = Grid { across, rows: Vec::new(), columns: Vec::new(), cells: Vec::new() };
    let index = |names: &mut Vec<String>, name: &str| {
        names.iter().position(|n| n == name).unwrap_or_else(|| {
            names.push(name.to_string());
            names.len() - 1
        })
    };
    for (row, place) in all {
        let line = index(&mut grid.rows, place.row.get(lang));
        let column = index(&mut grid.columns, place.column.get(lang));
        grid.cells.resize_with(grid.rows.len().max(grid.cells.len()), Vec::new);
        let cells = &mut grid.cells[line];
        cells.resize(cells.len().max(column + 1), None);
        cells[column] = mean(row);
    }
    Some(grid)
}

/// All cells in one picture.
pub(super) fn matrix(results: &Results, lang: Lang) -> Option<Figure> {
    let Grid { across, rows, columns, cells } = grid(results, lang)?;
    let [low, high] = extent(cells.iter().flatten().filter_map(|c| *c)).unwrap_or([0.0, 1.0]);
    let end = |v: f64| (v, number::fixed(v, 2));
    let chart = Matrix {
        title: say!(lang, "Test accuracy of every combination", "すべての組み合わせのテスト正解率"),
        measure: say!(lang, "mean test accuracy over seeds", "テスト正解率（シードの平均）"),
        across,
        rows,
        columns,
        cells,
        shade: Shade { low: end(low), high: end(high) },
        width: WIDTH,
    };
    let caption = say!(
        lang,
        "Accuracy on all test examples after the last step, mean over seeds; a run that diverged counts 0. \
         Deeper is better.",
        "最後のステップの後、テスト用の全データで測った正解率のシード平均（発散した実行は 0）。濃いほどよい。"
    );
    Some(Figure::new(say!(lang, "Every combination", "すべての組み合わせ"), caption, chart.svg()))
}

/// Accuracy over the numeric axis: a line for every group, a band over seeds.
pub(super) fn sensitivity(results: &Results, lang: Lang) -> Option<Figure> {
    let all = cells(results);
    if all.is_empty() || all.iter().any(|(_, place)| place.x.is_none()) {
        return None;
    }
    let mut series: Vec<Series> = Vec::new();
    let mut last = "";
    for (row, place) in &all {
        if place.group != last {
            last = &place.group;
            let (label, ink) = (place.group_label.get(lang).to_string(), Ink::Series(series.len()));
            series.push(Series { label, ink, points: Vec::new() });
        }
        let a = accuracies(row);
        let values = a.tests.iter().copied().chain(a.diverged.iter().map(|_| 0.0));
        let point = Point { x: place.x?, y: mean(row).unwrap_or(f64::NAN), band: extent(values) };
        series.last_mut()?.points.push(point);
    }
    let axis = all[0].1.columns.get(lang).to_string();
    // Plateaus lie on top of each other: each group has a panel, with the others behind it.
    let panels = (0..series.len()).map(|i| {
        let muted = |s: &Series| {
            let points = s.points.iter().map(|p| Point { band: None, ..*p }).collect();
            Series { ink: Ink::Muted, points, ..s.clone() }
        };
        let behind = series.iter().enumerate().filter(|(j, _)| *j != i);
        let mut lines: Vec<Series> = behind.map(|(_, s)| muted(s)).collect();
        lines.push(Series { ink: Ink::Series(0), ..series[i].clone() });
        let names = groups::names(&results.rows);
        let range = groups::measure(&results.rows, names[i], "range").and_then(|v| stat(&v));
        let range = range.map_or_else(String::new, |s| say!(lang, ": {:.1} decades", "：{:.1} 桁", s.mean));
        Panel { title: format!("{}{range}", series[i].label), series: lines }
    });
    let chart = Multiples {
        behind: vec![],
        title: say!(lang, "Final test accuracy over {axis}", "{axis}に対する最終テスト正解率"),
        x: Axis::log(axis.clone()),
        y: Axis::linear(say!(lang, "test accuracy", "テスト正解率")).over(0.0, 1.0),
        panels: panels.collect(),
        legend: vec![],
        marks: vec![],
        columns: 4,
        width: WIDTH,
        height: 150.0,
    };
    let caption = say!(
        lang,
        "Final test accuracy of every setting, one panel each with the others in grey. Line: mean over {} \
         seeds; band: from the lowest to the highest seed. Decades: how far the setting can be moved, around \
         the best, without losing more than 2 points; a wide plateau hardly needs tuning.",
        "各設定の最終テスト正解率。パネルごとに一つ、灰色はほかのもの。線：{} 個のシードの平均。帯：最も低いシードから最も\
         高いシードまで。桁数：最良の値のまわりで 2 ポイント以上失わずに動かせる幅。広いほど調整の必要が少ない。",
        results.seeds.len()
    );
    let heading = say!(lang, "How much tuning?", "どれだけ調整が要るか");
    Some(Figure::new(heading, caption, chart.svg()))
}
