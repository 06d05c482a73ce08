//! `[[axes]]`: rows that are the product of a few choices, for a matrix or a
//! sensitivity curve, instead of being written out one by one.
//!
//! ```toml
//! [[axes]]
//! along = "rows"                     # or "columns"
//! label = { en = "optimiser", ja = "最適化手法" }
//! points = [{ id = "sgd", label = { en = "SGD", ja = "SGD" }, set = { "optimizer.name" = "sgd" } }]
//!
//! [[axes]]
//! along = "columns"
//! label = { en = "learning rate", ja = "学習率" }
//! key = "optimizer.lr"               # every value becomes a point
//! values = [0.001, 0.01, 0.1]
//! ```
//!
//! The first axis names the groups that claims refer to (`sgd.range`).

use super::error::ExperimentProblem;
use super::reader::{Read, Reader};
use crate::results::{Place, Text};
use toml::{Table, Value};

/// One choice of an axis.
struct Point {
    id: String,
    label: Text,
    set: Table,
    x: Option<f64>,
}

struct Axis {
    label: Text,
    down: bool,
    points: Vec<Point>,
}

/// A row to be read, and its place in the grid.
pub(super) type Cell = (Table, Place);

/// The rows that the axes make; none without axes.
pub(super) fn read(file: &Reader<'_>) -> Read<Vec<Cell>> {
    let mut axes = Vec::new();
    for at in file.tables("axes")? {
        axes.push(axis(&at)?);
        at.finish()?;
    }
    if axes.is_empty() {
        return Ok(Vec::new());
    }
    let mut cells: Vec<Vec<usize>> = vec![Vec::new()];
    for axis in &axes {
        let extended = cells.iter().flat_map(|cell| {
            (0..axis.points.len()).map(move |i| cell.iter().copied().chain([i]).collect::<Vec<usize>>())
        });
        cells = extended.collect();
    }
    Ok(cells.into_iter().map(|cell| row(&axes, &cell)).collect())
}

fn axis(at: &Reader<'_>) -> Read<Axis> {
    let label = at.must_text("label")?;
    let along = at.must_string("along")?;
    let down = at.choice("along", along, &[("rows", true), ("columns", false)])?;
    let mut points = Vec::new();
    for point in at.tables("points")? {
        let Some(Value::Table(set)) = point.value("set") else {
            return point.fail("set", |key| ExperimentProblem::Missing { key });
        };
        let id = point.must_string("id")?.to_string();
        let label = point.text("label")?.unwrap_or_else(|| Text::plain(&id));
        points.push(Point { id, label, set: set.clone(), x: None });
        point.finish()?;
    }
    if let Some(values) = at.array("values")? {
        let key = at.must_string("key")?;
        for value in values {
            let Some(x) = value.as_float().or_else(|| value.as_integer().map(|i| i as f64)) else {
                return at.fail("values", |key| ExperimentProblem::Kind {
                    key,
                    expected: ["a number", "数"],
                    got: value.to_string(),
                });
            };
            let set = Table::from_iter([(key.to_string(), value.clone())]);
            points.push(Point { id: number(x), label: Text::plain(&written(x)), set, x: Some(x) });
        }
    }
    if points.is_empty() {
        return at.missing("points");
    }
    Ok(Axis { label, down, points })
}

/// A number as part of an identifier, without dots: `1e-3`, `2_5e0`.
fn number(x: f64) -> String {
    format!("{x:e}").replace('.', "_")
}

/// A number as people write it.
fn written(x: f64) -> String {
    if x == 0.0 || (1e-3..1e4).contains(&x.abs()) {
        x.to_string()
    } else {
        crate::chart::number::compact(x, 2)
    }
}

fn row(axes: &[Axis], cell: &[usize]) -> Cell {
    let points = || axes.iter().zip(cell).map(|(axis, i)| (axis, &axis.points[*i]));
    let join = |of: &dyn Fn(&Axis, &Point) -> Option<String>, between: &str| {
        points().filter_map(|(a, p)| of(a, p)).collect::<Vec<_>>().join(between)
    };
    let text = |down: Option<bool>| {
        let shown = |a: &Axis| down.is_none_or(|d| a.down == d);
        Text {
            en: join(&|a, p| shown(a).then(|| p.label.en.clone()), ", "),
            ja: join(&|a, p| shown(a).then(|| p.label.ja.clone()), "・"),
        }
    };
    let title = Text {
        en: join(&|a, _| (!a.down).then(|| a.label.en.clone()), ", "),
        ja: join(&|a, _| (!a.down).then(|| a.label.ja.clone()), "・"),
    };
    let mut set = Table::new();
    points().for_each(|(_, p)| set.extend(p.set.clone()));
    let label = text(None);
    let first = &axes[0].points[cell[0]];
    let place = Place {
        group: first.id.clone(),
        group_label: first.label.clone(),
        row: text(Some(true)),
        column: text(Some(false)),
        columns: title,
        x: (axes.len() == 2).then(|| points().next_back().and_then(|(_, p)| p.x)).flatten(),
    };
    let label = Table::from_iter([("en", label.en), ("ja", label.ja)].map(|(k, v)| (k.into(), v.into())));
    let row = Table::from_iter([
        ("id".to_string(), Value::String(join(&|_, p| Some(p.id.clone()), "-"))),
        ("label".to_string(), Value::Table(label)),
        ("set".to_string(), Value::Table(set)),
    ]);
    (row, place)
}
