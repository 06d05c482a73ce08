//! What tables and pictures have in common: means over seeds and sizes by layer.
//!
//! Pure reductions of [`Results`] in a written order. Values that are not
//! finite never enter a mean; they are counted or left as gaps.

use std::collections::BTreeMap;

use crate::results::{LayerFlow, Outcome, Results, Row, Run};

/// Mean and standard deviation over seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stat {
    pub(crate) mean: f64,
    /// Sample standard deviation; None for a single value.
    pub(crate) sd: Option<f64>,
}

/// Mean and sample standard deviation of the finite values.
pub(crate) fn stat(values: &[f64]) -> Option<Stat> {
    let kept: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if kept.is_empty() {
        return None;
    }
    let n = kept.len() as f64;
    let mean = kept.iter().sum::<f64>() / n;
    let sd =
        (kept.len() > 1).then(|| (kept.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt());
    Some(Stat { mean, sd })
}

/// Accuracies of a row over its runs that did not diverge.
pub(crate) struct Accuracies {
    pub(crate) train: Option<Stat>,
    pub(crate) test: Option<Stat>,
    /// Test accuracy of every run that finished.
    pub(crate) tests: Vec<f64>,
    /// The step at which each diverged run diverged.
    pub(crate) diverged: Vec<u64>,
}

pub(crate) fn accuracies(row: &Row) -> Accuracies {
    let finished: Vec<&Run> = row.runs.iter().filter(|r| r.outcome == Outcome::Finished).collect();
    let train: Vec<f64> = finished.iter().map(|r| r.train).collect();
    let tests: Vec<f64> = finished.iter().map(|r| r.test).collect();
    let diverged = row.runs.iter().filter_map(|r| match r.outcome {
        Outcome::Diverged { step } => Some(step),
        Outcome::Finished => None,
    });
    Accuracies { train: stat(&train), test: stat(&tests), tests, diverged: diverged.collect() }
}

/// A size that may be exactly zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Size {
    /// Exactly zero in every run.
    Zero,
    /// Geometric mean over the runs in which it is not zero.
    Value(f64),
    /// Not recorded, or not finite in any run.
    Missing,
}

impl Size {
    /// The size as a number for a scale with a zero lane: NaN if missing.
    pub(crate) fn number(self) -> f64 {
        match self {
            Size::Zero => 0.0,
            Size::Value(v) => v,
            Size::Missing => f64::NAN,
        }
    }
}

/// Geometric mean of sizes.
pub(crate) fn geometric(values: &[f64]) -> Size {
    let kept: Vec<f64> = values.iter().copied().filter(|v| v.is_finite() && *v >= 0.0).collect();
    let positive: Vec<f64> = kept.iter().copied().filter(|v| *v > 0.0).collect();
    if kept.is_empty() {
        Size::Missing
    } else if positive.is_empty() {
        Size::Zero
    } else {
        Size::Value((positive.iter().map(|v| v.ln()).sum::<f64>() / positive.len() as f64).exp())
    }
}

/// Layers with weights of one row, from input to output.
pub(crate) fn layers(row: &Row) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for layer in row.runs.iter().flat_map(|r| &r.flow).flat_map(|p| &p.layers) {
        if !names.contains(&layer.layer) {
            names.push(layer.layer.clone());
        }
    }
    names
}

/// Layers of all rows: those of the deepest row in its order, then the others.
pub(crate) fn all_layers(results: &Results) -> Vec<String> {
    let by_row: Vec<Vec<String>> = results.rows.iter().map(layers).collect();
    let mut names: Vec<String> = Vec::new();
    for row in &by_row {
        if row.len() > names.len() {
            names.clone_from(row);
        }
    }
    for name in by_row.into_iter().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Whether any run recorded gradients.
pub(crate) fn has_flow(results: &Results) -> bool {
    results.rows.iter().any(|row| row.runs.iter().any(|run| !run.flow.is_empty()))
}

/// RMS of a layer's weight gradient: mean over the recorded steps of each run,
/// then the geometric mean over runs.
pub(crate) fn gradient_size(row: &Row, layer: &str) -> Size {
    let means: Vec<f64> = row
        .runs
        .iter()
        .filter_map(|run| {
            let sizes: Vec<f64> = run
                .flow
                .iter()
                .flat_map(|p| &p.layers)
                .filter(|l| l.layer == layer)
                .map(|l| l.gradient_rms)
                .collect();
            stat(&sizes).map(|s| s.mean)
        })
        .collect();
    geometric(&means)
}

/// A measure of one layer by step: the geometric mean over runs.
pub(crate) fn over_steps(row: &Row, layer: &str, measure: impl Fn(&LayerFlow) -> f64) -> Vec<(u64, Size)> {
    let mut steps: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for point in row.runs.iter().flat_map(|r| &r.flow) {
        for flow in point.layers.iter().filter(|l| l.layer == layer) {
            steps.entry(point.step).or_default().push(measure(flow));
        }
    }
    steps.into_iter().map(|(step, values)| (step, geometric(&values))).collect()
}

/// Test accuracy by step: mean, lowest and highest over runs.
pub(crate) fn learning_curve(row: &Row) -> Vec<(u64, f64, Option<[f64; 2]>)> {
    let mut steps: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for point in row.runs.iter().flat_map(|r| &r.curve) {
        steps.entry(point.step).or_default().push(point.test_accuracy);
    }
    let points = steps.into_iter().map(|(step, values)| {
        let mean = stat(&values).map_or(f64::NAN, |s| s.mean);
        let band = (row.runs.len() > 1).then(|| crate::chart::scale::extent(values)).flatten();
        (step, mean, band)
    });
    points.collect()
}

/// At most `count` of `n` indices, evenly, with the first and the last.
pub(crate) fn pick_evenly(n: usize, count: usize) -> Vec<usize> {
    if n <= count || count < 2 {
        return (0..n.min(count.max(1))).collect();
    }
    (0..count).map(|i| (i * (n - 1) + (count - 1) / 2) / (count - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_skip_what_is_not_finite() {
        let s = stat(&[0.9, f64::NAN, 0.7, f64::INFINITY]).expect("two values");
        assert!((s.mean - 0.8).abs() < 1e-12);
        assert!((s.sd.expect("two values") - 0.02f64.sqrt()).abs() < 1e-12);
        assert_eq!(stat(&[0.5]).and_then(|s| s.sd), None);
        assert_eq!(stat(&[f64::NAN]), None);
        assert_eq!(geometric(&[0.0, 0.0]), Size::Zero);
        assert_eq!(geometric(&[f64::NAN]), Size::Missing);
        let Size::Value(v) = geometric(&[1e-8, 1e-6, 0.0]) else { panic!("a value") };
        assert!((v / 1e-7 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn even_picks_keep_both_ends() {
        assert_eq!(pick_evenly(3, 6), [0, 1, 2]);
        assert_eq!(pick_evenly(40, 6), [0, 8, 16, 23, 31, 39]);
        for n in 0..60 {
            for count in 1..12 {
                let picked = pick_evenly(n, count);
                assert!(picked.len() <= count.max(1));
                assert!(picked.windows(2).all(|w| w[0] < w[1]));
                assert!(picked.iter().all(|i| *i < n));
            }
        }
    }
}
