//! The text of a run folder's files: `results.json`, `metrics.csv`, `events.jsonl`.

use crate::results::{ActivationPoint, FlowPoint, Outcome, Results, Row, Run};
use crate::surfaces::Surfaces;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(crate) fn pretty(value: &Value) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("values serialise");
    text.push(b'\n');
    text
}

/// The document of `--json`, schema `kobai.lab/1`.
#[must_use]
pub fn results(results: &Results) -> Value {
    let rows = results.rows.iter().map(|row| {
        let each = |f: fn(&Run) -> f64| row.runs.iter().map(f).collect::<Vec<f64>>();
        let diverged: Vec<Value> = row
            .runs
            .iter()
            .filter_map(|run| match run.outcome {
                Outcome::Diverged { step } => Some(json!({ "seed": run.seed, "step": step })),
                Outcome::Finished => None,
            })
            .collect();
        json!({
            "id": row.id,
            "label": row.label,
            "reference": row.reference,
            "published": row.published,
            "test": each(|r| r.test),
            "train": each(|r| r.train),
            "diverged": diverged,
            "measures": row.runs.iter().map(|r| &r.measures).collect::<Vec<_>>(),
            "weights_sha256": row.runs.iter().map(|r| &r.weights_sha256).collect::<Vec<_>>(),
        })
    });
    json!({
        "schema": "kobai.lab/1",
        "id": results.id,
        "section": results.section,
        "title": results.title,
        "data": results.data,
        "steps": results.steps,
        "batch": results.batch,
        "seeds": results.seeds,
        "isa": results.isa,
        "version": results.version,
        "command": results.command,
        "notes": results.notes,
        "rows": rows.collect::<Vec<_>>(),
        "surfaces": results.surfaces.as_ref().map(surfaces),
        "claims": results.claims,
    })
}

/// Learning rates and measures on surfaces; paths are in the report.
fn surfaces(surfaces: &Surfaces) -> Value {
    let on = surfaces.surfaces.iter().map(|on| {
        let rates: BTreeMap<&str, f64> = on.paths.iter().map(|p| (p.rule.as_str(), p.lr)).collect();
        json!({ "surface": on.surface, "lr": rates, "measures": on.measures })
    });
    json!({ "steps": surfaces.steps, "starts": surfaces.starts, "on": on.collect::<Vec<_>>() })
}

/// `metrics.csv`: one line per point of a learning curve.
pub(crate) fn metrics(rows: &[Row]) -> String {
    let mut csv = String::from("row,seed,step,train_loss,train_accuracy,test_loss,test_accuracy\n");
    for row in rows {
        for run in &row.runs {
            for p in &run.curve {
                let _ = writeln!(
                    csv,
                    "{},{},{},{},{},{},{}",
                    row.id, run.seed, p.step, p.train_loss, p.train_accuracy, p.test_loss, p.test_accuracy
                );
            }
        }
    }
    csv
}

/// `events.jsonl`: one line per look of an observer.
pub(crate) fn events(rows: &[Row]) -> String {
    let mut lines = String::new();
    let mut line = |value: Value| {
        let _ = writeln!(lines, "{value}");
    };
    for row in rows {
        for run in &row.runs {
            for FlowPoint { step, layers } in &run.flow {
                line(
                    json!({ "event": "flow", "row": row.id, "seed": run.seed, "step": step, "layers": layers }),
                );
            }
            for ActivationPoint { step, layers } in &run.activations {
                line(json!({
                    "event": "activations", "row": row.id, "seed": run.seed, "step": step, "layers": layers
                }));
            }
        }
    }
    lines
}
