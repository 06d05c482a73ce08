//! The named numbers of a run that claims refer to.
//!
//! Accuracies and curves:
//!
//! | measure | what |
//! |---|---|
//! | `test`, `train`, `test_loss` | final accuracies, final test loss |
//! | `gap` | final training minus final test accuracy |
//! | `steps_to_50`, `_80`, `_90` | first evaluated step with this test accuracy in percent; the run's length if it was never reached |
//! | `steps_to_train_90` | the same for 90 % training accuracy |
//! | `gap_onset` | first evaluated step with a gap above 0.1; the run's length if there was none |
//! | `oscillation` | RMS of the change of the test accuracy from one evaluation to the next, second half of the run |
//! | `diverged` | 1 for a run that diverged, 0 otherwise |
//!
//! Of the network and its inputs:
//!
//! | measure | what |
//! |---|---|
//! | `params`, `macs` | learned values; multiply-adds for one example |
//! | `ms_per_step` | median time of a training step, with `training.time = true`: the one measure that two runs do not share |
//! | `test_shifted`, `shift_loss` | accuracy on test pictures moved at random by up to `input.test_shift` pixels; how much less that is |
//!
//! Params:
//!
//! | measure | what |
//! |---|---|
//! | `first_layer_moved`, `last_layer_moved` | RMS of the change of the first or last weight over the whole run, relative to its initial RMS |
//! | `weight_growth` | RMS of all weights at the end, relative to the beginning |
//! | `near_zeros`, `exact_zeros` | share of the trained weights below 2 % of their layer's initial RMS, and of exact zeros |
//!
//! Observers:
//!
//! | measure | what |
//! |---|---|
//! | `gradient_ratio` | RMS of the first layer's weight gradient over the last layer's, median over the observed steps |
//! | `gradient_ratio_start` | the same at the first step |
//! | `unit_spread` | largest difference between incoming weights of two units of one hidden layer, at any observed step |
//! | `zeros`, `saturated` | share of exact zeros and of saturated values among the activations, mean over layers, last observed step |
//! | `signal_left` | RMS of the last hidden layer's activations over the first's, first step |
//! | `input_change` | largest over smallest spread of what activations receive, over layers and observed steps |
//! | `input_bias` | \|mean\| over spread of what activations receive, mean over layers and observed steps |
//! | `penalty_ratio`, `penalty_ratio_first` | RMS of the penalty's gradient over that of the data's gradient at the first step: largest over the layers that decay, and in the first layer |
//! | `penalty_ratio_late` | the largest at the last observed step |
//! | `effective_step_change` | RMS of update over RMS of gradient, median of the last quarter of the observed steps over that of the first, mean over layers |

use crate::experiment::Training;
use crate::results::{FlowPoint, LayerFlow, Outcome, Run};
use crate::watch::InputPoint;
use kobai_engine::Plan;
use kobai_engine::optim::Penalty;
use kobai_engine::plan::ParamSlot;
use std::collections::BTreeMap;

/// Below this share of the layer's initial RMS a weight is nearly zero. Of
/// normally distributed initial weights 1.6 % are.
const NEAR_ZERO: f64 = 0.02;
/// A gap above this counts as over-fitting.
const GAP: f64 = 0.1;

/// What is left of a run besides its record.
pub(crate) struct Ended<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) training: &'a Training,
    pub(crate) first: &'a [f32],
    pub(crate) last: &'a [f32],
    pub(crate) inputs: &'a [InputPoint],
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|v| v.is_finite());
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn square_sum(values: &[f32]) -> f64 {
    values.iter().map(|x| f64::from(*x) * f64::from(*x)).sum()
}

/// All measures of a run.
pub(crate) fn of(run: &Run, ended: &Ended<'_>) -> BTreeMap<String, f64> {
    let mut all = Measures(BTreeMap::new());
    all.put("diverged", Some(f64::from(run.outcome != Outcome::Finished)));
    all.put("params", Some(ended.plan.param_len() as f64));
    all.put("macs", Some(ended.plan.macs() as f64));
    if run.outcome == Outcome::Finished {
        curve(&mut all, run, ended.training);
    }
    params(&mut all, ended);
    flow(&mut all, run, ended);
    if let Some(point) = run.activations.last().filter(|p| !p.layers.is_empty()) {
        let n = point.layers.len() as f64;
        all.put("zeros", Some(point.layers.iter().map(|l| l.zeros).sum::<f64>() / n));
        all.put("saturated", Some(point.layers.iter().map(|l| l.saturated).sum::<f64>() / n));
    }
    signal(&mut all, run, ended.inputs);
    all.0
}

/// The median of the times of steps, in milliseconds, if any were taken.
pub(crate) fn put_time(all: &mut BTreeMap<String, f64>, seconds: Vec<f64>) {
    if let Some(middle) = median(seconds) {
        all.insert("ms_per_step".into(), 1e3 * middle);
    }
}

struct Measures(BTreeMap<String, f64>);

impl Measures {
    fn put(&mut self, name: &str, value: Option<f64>) {
        if let Some(value) = value.filter(|v| v.is_finite()) {
            self.0.insert(name.to_string(), value);
        }
    }
}

fn curve(all: &mut Measures, run: &Run, training: &Training) {
    all.put("test", Some(run.test));
    all.put("train", Some(run.train));
    all.put("gap", Some(run.train - run.test));
    all.put("test_loss", run.curve.last().map(|p| p.test_loss));
    let first = |met: &dyn Fn(&crate::results::CurvePoint) -> bool| {
        Some(run.curve.iter().find(|p| met(p)).map_or(training.steps, |p| p.step) as f64)
    };
    for (name, level) in [("steps_to_50", 0.5), ("steps_to_80", 0.8), ("steps_to_90", 0.9)] {
        all.put(name, first(&|p| p.test_accuracy >= level));
    }
    all.put("steps_to_train_90", first(&|p| p.train_accuracy >= 0.9));
    all.put("gap_onset", first(&|p| p.train_accuracy - p.test_accuracy > GAP));
    let late = &run.curve[run.curve.len() / 2..];
    let changes: Vec<f64> =
        late.windows(2).map(|w| (w[1].test_accuracy - w[0].test_accuracy).powi(2)).collect();
    all.put("oscillation", mean(&changes).map(f64::sqrt));
}

fn params(all: &mut Measures, ended: &Ended<'_>) {
    let weights: Vec<&ParamSlot> =
        ended.plan.params.iter().filter(|p| p.spec.name == "weight" && p.spec.dims.len() > 1).collect();
    let moved = |slot: Option<&&ParamSlot>| {
        let range = slot?.range.clone();
        let square = |x: f32| f64::from(x) * f64::from(x);
        let (first, last) = (&ended.first[range.clone()], &ended.last[range]);
        let change: f64 = first.iter().zip(last).map(|(a, b)| square(b - a)).sum();
        let start = square_sum(first);
        (start > 0.0).then(|| (change / start).sqrt())
    };
    all.put("first_layer_moved", moved(weights.first()));
    all.put("last_layer_moved", moved(weights.last()));
    let total = |values: &[f32]| weights.iter().map(|w| square_sum(&values[w.range.clone()])).sum::<f64>();
    let start = total(ended.first);
    all.put("weight_growth", (start > 0.0).then(|| (total(ended.last) / start).sqrt()));
    let (mut near, mut exact, mut count) = (0usize, 0usize, 0usize);
    for slot in weights.iter().filter(|w| !ended.training.is_frozen(&w.name)) {
        let (first, last) = (&ended.first[slot.range.clone()], &ended.last[slot.range.clone()]);
        let limit = NEAR_ZERO * (square_sum(first) / first.len() as f64).sqrt();
        near += last.iter().filter(|w| f64::from(w.abs()) < limit).count();
        exact += last.iter().filter(|w| **w == 0.0).count();
        count += last.len();
    }
    let share = |n: usize| (count > 0).then(|| n as f64 / count as f64);
    all.put("near_zeros", share(near));
    all.put("exact_zeros", share(exact));
}

/// RMS of the penalty's gradient of a layer, if it decays.
fn penalty(layer: &LayerFlow, training: &Training) -> Option<f64> {
    if training.is_frozen(&format!("{}.weight", layer.layer)) {
        return None;
    }
    match training.updates.penalty {
        Penalty::None => None,
        Penalty::L1(lambda) => Some(lambda),
        Penalty::L2(lambda) => Some(lambda * layer.weight_rms),
    }
}

fn flow(all: &mut Measures, run: &Run, ended: &Ended<'_>) {
    let ratio = |point: &FlowPoint| {
        let (first, last) = (point.layers.first()?, point.layers.last()?);
        Some(first.gradient_rms / last.gradient_rms)
    };
    all.put("gradient_ratio", median(run.flow.iter().filter_map(ratio).collect()));
    all.put("gradient_ratio_start", run.flow.first().and_then(ratio));
    let hidden = |point: &FlowPoint| {
        let layers = &point.layers[..point.layers.len().saturating_sub(1)];
        layers.iter().map(|l| l.unit_spread).fold(0.0, f64::max)
    };
    if !run.flow.is_empty() {
        all.put("unit_spread", Some(run.flow.iter().map(hidden).fold(0.0, f64::max)));
    }
    let ratios = |point: &FlowPoint| -> Vec<f64> {
        let of = |l: &LayerFlow| Some(penalty(l, ended.training)? / l.gradient_rms);
        point.layers.iter().filter_map(of).collect()
    };
    let largest = |values: Vec<f64>| values.into_iter().reduce(f64::max);
    if let Some(point) = run.flow.first() {
        let start = ratios(point);
        all.put("penalty_ratio_first", start.first().copied());
        all.put("penalty_ratio", largest(start));
    }
    all.put("penalty_ratio_late", run.flow.last().and_then(|p| largest(ratios(p))));
    let step = |points: &[FlowPoint], i: usize| {
        median(points.iter().filter_map(|p| p.layers.get(i)).map(|l| l.update_rms / l.gradient_rms).collect())
    };
    // Without the first step, which some optimisers treat apart.
    let points = run.flow.get(1..).unwrap_or_default();
    let quarter = points.len() / 4;
    if quarter > 0 {
        let (early, late) = (&points[..quarter], &points[points.len() - quarter..]);
        let layers = points[0].layers.len();
        let changes: Vec<f64> = (0..layers).filter_map(|i| Some(step(late, i)? / step(early, i)?)).collect();
        all.put("effective_step_change", mean(&changes));
    }
}

fn signal(all: &mut Measures, run: &Run, inputs: &[InputPoint]) {
    let size = |l: &crate::results::ActivationStats| (l.mean * l.mean + l.std * l.std).sqrt();
    if let Some(point) = run.activations.first()
        && let (Some(first), Some(last)) = (point.layers.first(), point.layers.last())
    {
        all.put("signal_left", Some(size(last) / size(first)));
    }
    let layers = || inputs.iter().flat_map(|(_, layers)| layers);
    let (low, high) =
        layers().fold((f64::INFINITY, 0.0f64), |(low, high), [_, std]| (low.min(*std), high.max(*std)));
    all.put("input_change", Some(high / low));
    let biases: Vec<f64> = layers().map(|[mean, std]| mean.abs() / std).filter(|b| b.is_finite()).collect();
    all.put("input_bias", mean(&biases));
}
