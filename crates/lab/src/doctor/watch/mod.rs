//! What a run showed, as a file: the event format `kobai.watch/1`.
//!
//! One JSON object per line. Kōbai writes it beside a run that the doctor
//! watched; `kobai_watch.py` writes it from a PyTorch training. Unknown keys are
//! ignored; a number that is none is `null`.
//!
//! | event | keys |
//! |---|---|
//! | `start` | `schema`, `source`, `batch`, `steps` (planned), `loss` (`cross-entropy` or `mse`), `optimizer` {`name`, `lr`, `momentum`, `beta1`, `beta2`, `eps`, `l1`, `l2`, `weight_decay`}, `layers` [{`name`, `kind`, `units`, `fan_in`, `bias`, `p`, `momentum`}], `frozen` (a list of names) |
//! | `data` | `examples`, `test_examples`, `features`, `mean`, `std`, `max_abs`, `constant`, `std_ratio`, `offset`, `non_finite`, `class_counts`, `target_mean`, `target_variance`, `target_range` |
//! | `loss` | `step`, `loss`: the mean loss of a batch |
//! | `look` | `step`, `layers` [{`layer`, `signal`, `delta_rms`, `gradient_rms`, `penalty_rms`, `weight_rms`, `update_rms`, `unit_spread`}], `units` [{`layer`, `examples`, `dead`, `saturated`, `units`, `rms`, `max`}], `output_std`, `top_class` |
//! | `point` | `step`, `train_loss`, `train_accuracy`, `test_loss`, `test_accuracy`, `noisy_loss` |
//! | `non_finite` | `step`, `layer`, `phase` (`forward`, `loss`, `backward`, `update`) |
//!
//! Kinds of layers: `linear`, `conv`, `batch-norm`, `dropout`, `relu`,
//! `leaky-relu`, `elu`, `gelu`, `sigmoid`, `tanh`, `softplus`, `relu6`; others
//! are left out. The meaning of every figure is that of `kobai_doctor::record`.

mod event;
mod foreign;

pub use foreign::{about, foreign};

use event::{LayerFigures, Line, UnitFigures};
use kobai_doctor::Record;
use kobai_doctor::record::{LayerStats, Look, NonFinite, Point, UnitStats};
use kobai_engine::{Explain, Explanation, Lang, say};
use serde_json::{Value, json};

/// The schema of the `start` line.
pub const SCHEMA: &str = "kobai.watch/1";

/// Why a file of events cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchError {
    /// The line, from 1; 0 for the whole file.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

impl Explain for WatchError {
    fn explain(&self, lang: Lang) -> Explanation {
        let (line, problem) = (self.line, &self.problem);
        let what = match line {
            0 => say!(lang, "this is not a file of events", "イベントのファイルとして読めません"),
            _ => say!(lang, "line {line} is not an event", "{line} 行目はイベントとして読めません"),
        };
        Explanation::new(what).fact(problem.clone()).hint(say!(
            lang,
            "the format is {SCHEMA}: `kobai doctor torch-hook` prints the file that writes it from PyTorch",
            "形式は {SCHEMA}。PyTorch から書き出すファイルは `kobai doctor torch-hook` で得られます"
        ))
    }
}

impl std::fmt::Display for WatchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.explain(Lang::En))
    }
}

impl std::error::Error for WatchError {}

/// A number, or `null` for what is none.
fn plain(x: f64) -> Value {
    if x.is_finite() { json!(x) } else { Value::Null }
}

/// The lines of what a record saw.
#[must_use]
pub fn lines(record: &Record) -> String {
    lines_from(record, 0, 0) + &ends(record)
}

/// The lines `loss` and `look` from some on.
pub(crate) fn lines_from(record: &Record, looks: usize, losses: usize) -> String {
    let mut text = String::new();
    let mut line = |value: Value| {
        text.push_str(&value.to_string());
        text.push('\n');
    };
    for (step, loss) in record.losses.iter().enumerate().skip(losses) {
        line(json!({ "event": "loss", "step": step, "loss": plain(*loss) }));
    }
    for look in &record.looks[looks..] {
        let layers = look.layers.iter().map(|l| {
            json!({
                "layer": l.layer, "signal": plain(l.signal), "delta_rms": plain(l.delta_rms),
                "gradient_rms": plain(l.gradient_rms), "penalty_rms": plain(l.penalty_rms),
                "weight_rms": plain(l.weight_rms), "update_rms": plain(l.update_rms),
                "unit_spread": plain(l.unit_spread),
            })
        });
        let units = look.units.iter().map(|u| {
            json!({
                "layer": u.layer, "examples": u.examples, "dead": u.dead, "saturated": u.saturated,
                "units": u.units, "rms": plain(u.rms), "max": plain(u.max),
            })
        });
        line(json!({
            "event": "look", "step": look.step, "layers": layers.collect::<Vec<_>>(),
            "units": units.collect::<Vec<_>>(), "output_std": plain(look.output_std),
            "top_class": plain(look.top_class),
        }));
    }
    text
}

/// The lines `point` and `non_finite`.
pub(crate) fn ends(record: &Record) -> String {
    let mut text = String::new();
    for p in &record.points {
        let line = json!({
            "event": "point", "step": p.step, "train_loss": plain(p.train_loss),
            "train_accuracy": plain(p.train_accuracy), "test_loss": plain(p.test_loss),
            "test_accuracy": plain(p.test_accuracy), "noisy_loss": plain(p.noisy_loss),
        });
        text += &format!("{line}\n");
    }
    if let Some(bad) = &record.non_finite {
        let line = json!({ "event": "non_finite", "step": bad.step, "layer": bad.layer, "phase": bad.phase });
        text += &format!("{line}\n");
    }
    text
}

fn events(text: &str) -> Result<Vec<Line>, WatchError> {
    let lines = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty());
    let all: Vec<(usize, &str)> = lines.collect();
    let last = all.last().map_or(0, |l| l.0);
    let mut events = Vec::new();
    for (i, line) in all {
        match serde_json::from_str(line) {
            Ok(event) => events.push(event),
            // A run that was killed leaves half a line at its end.
            Err(_) if i == last && !events.is_empty() => {}
            Err(e) => return Err(WatchError { line: i + 1, problem: e.to_string() }),
        }
    }
    Ok(events)
}

/// Adds what a file saw to a record whose network is known.
///
/// # Errors
/// The first line that is no event.
pub fn read_into(record: &mut Record, text: &str) -> Result<(), WatchError> {
    for event in events(text)? {
        add(record, event);
    }
    finish(record);
    Ok(())
}

fn finish(record: &mut Record) {
    record.looks.sort_by_key(|l| l.step);
    record.points.sort_by_key(|p| p.step);
    record.done = record.done.max(record.losses.len() as u64);
    let last = record.points.last().map_or(0, |p| p.step);
    record.done = record.done.max(last);
}

fn add(record: &mut Record, event: Line) {
    match event {
        Line::Loss { loss } => record.losses.push(loss),
        Line::Look(look) => record.looks.push(Look {
            step: look.step,
            layers: look.layers.into_iter().map(layer).collect(),
            units: look.units.into_iter().map(units).collect(),
            output_std: look.output_std,
            top_class: look.top_class,
        }),
        Line::Point(p) => record.points.push(Point {
            step: p.step,
            train_loss: p.train_loss,
            train_accuracy: p.train_accuracy,
            test_loss: p.test_loss,
            test_accuracy: p.test_accuracy,
            noisy_loss: if p.noisy_loss.is_nan() { p.train_loss } else { p.noisy_loss },
        }),
        Line::NonFinite { step, layer, phase } => {
            let known = ["forward", "loss", "backward", "update"];
            let phase = known.into_iter().find(|k| *k == phase).unwrap_or("loss");
            record.non_finite = Some(NonFinite { step, layer, phase: phase.into() });
        }
        Line::Start(_) | Line::Data(_) | Line::Other => {}
    }
}

fn layer(l: LayerFigures) -> LayerStats {
    LayerStats {
        layer: l.layer,
        signal: l.signal,
        delta_rms: l.delta_rms,
        gradient_rms: l.gradient_rms,
        penalty_rms: if l.penalty_rms.is_nan() { 0.0 } else { l.penalty_rms },
        weight_rms: l.weight_rms,
        update_rms: l.update_rms,
        unit_spread: l.unit_spread,
    }
}

fn units(u: UnitFigures) -> UnitStats {
    UnitStats {
        layer: u.layer,
        examples: u.examples,
        dead: u.dead,
        saturated: u.saturated,
        units: u.units.max(1),
        zeros: 0.0,
        outside: 0.0,
        rms: u.rms,
        max: u.max,
    }
}
