//! Measures of the learning curve.

use super::{Measures, mean};
use crate::experiment::Training;
use crate::results::{CurvePoint, Run};

/// A gap above this counts as over-fitting.
const GAP: f64 = 0.1;

pub(super) fn put(all: &mut Measures, run: &Run, training: &Training) {
    all.put("test", Some(run.test));
    all.put("train", Some(run.train));
    all.put("gap", Some(run.train - run.test));
    all.put("test_loss", run.curve.last().map(|p| p.test_loss));
    all.put("best_test", run.curve.iter().map(|p| p.test_accuracy).reduce(f64::max));
    let first = |met: &dyn Fn(&CurvePoint) -> bool| {
        Some(run.curve.iter().find(|p| met(p)).map_or(training.steps, |p| p.step) as f64)
    };
    for (name, level) in [("steps_to_50", 0.5), ("steps_to_80", 0.8), ("steps_to_90", 0.9)] {
        all.put(name, first(&|p| p.test_accuracy >= level));
    }
    all.put("steps_to_train_90", first(&|p| p.train_accuracy >= 0.9));
    all.put("steps_to_loss_50", first(&|p| p.train_loss < 0.5));
    all.put("gap_onset", first(&|p| p.train_accuracy - p.test_accuracy > GAP));
    let learned = run.curve.iter().find(|p| p.train_accuracy >= 0.9);
    all.put("gap_at_train_90", learned.map(|p| p.train_accuracy - p.test_accuracy));
    let quarter = &run.curve[run.curve.len() - run.curve.len().div_ceil(4)..];
    all.put("test_late", mean(&quarter.iter().map(|p| p.test_accuracy).collect::<Vec<f64>>()));
    let late = &run.curve[run.curve.len() / 2..];
    let changes: Vec<f64> =
        late.windows(2).map(|w| (w[1].test_accuracy - w[0].test_accuracy).powi(2)).collect();
    all.put("oscillation", mean(&changes).map(f64::sqrt));
}
