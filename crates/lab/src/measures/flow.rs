//! Measures of what the observer saw: gradients, updates, signals.

use super::{Ended, Measures, mean, median};
use crate::results::{FlowPoint, LayerFlow, Run};
use crate::watch::InputPoint;

pub(super) fn put(all: &mut Measures, run: &Run) {
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
    if let Some(point) = run.flow.first() {
        all.put("gradient_first_start", point.layers.first().map(|l| l.gradient_rms));
        all.put("gradient_last_start", point.layers.last().map(|l| l.gradient_rms));
    }
    let of_layer = |pick: fn(&[LayerFlow]) -> Option<&LayerFlow>, of: fn(&LayerFlow) -> f64| {
        median(run.flow.iter().filter_map(|p| pick(&p.layers)).map(of).collect())
    };
    let update = |l: &LayerFlow| l.update_rms / l.weight_rms;
    all.put("update_ratio_first", of_layer(<[_]>::first, update));
    all.put("update_ratio_last", of_layer(<[_]>::last, update));
    penalty(all, &run.flow);
    effective_step(all, &run.flow);
}

/// The penalty's gradient against that of the data.
fn penalty(all: &mut Measures, flow: &[FlowPoint]) {
    let ratios = |point: &FlowPoint| -> Vec<f64> {
        let decaying = point.layers.iter().filter(|l| l.penalty_rms > 0.0);
        decaying.map(|l| l.penalty_rms / l.gradient_rms).collect()
    };
    let largest = |values: Vec<f64>| values.into_iter().reduce(f64::max);
    if let Some(point) = flow.first() {
        let start = ratios(point);
        all.put("penalty_ratio_first", start.first().copied());
        all.put("penalty_ratio_least", start.iter().copied().reduce(f64::min));
        all.put("penalty_ratio", largest(start));
    }
    all.put("penalty_ratio_late", flow.last().and_then(|p| largest(ratios(p))));
}

/// How far a unit of gradient moves the weights.
fn effective_step(all: &mut Measures, flow: &[FlowPoint]) {
    // Without the first step, which some optimisers treat apart.
    let points = flow.get(1..).unwrap_or_default();
    let Some(layers) = points.first().map(|p| p.layers.len()) else { return };
    let step = |points: &[FlowPoint], i: usize| {
        median(points.iter().filter_map(|p| p.layers.get(i)).map(|l| l.update_rms / l.gradient_rms).collect())
    };
    let over_layers =
        |of: &dyn Fn(usize) -> Option<f64>| mean(&(0..layers).filter_map(of).collect::<Vec<_>>());
    all.put("effective_step", over_layers(&|i| step(points, i)));
    let quarter = points.len() / 4;
    if quarter > 0 {
        let (early, late) = (&points[..quarter], &points[points.len() - quarter..]);
        all.put("effective_step_change", over_layers(&|i| Some(step(late, i)? / step(early, i)?)));
    }
}

/// What layers hand on and receive.
pub(super) fn signal(all: &mut Measures, run: &Run, ended: &Ended<'_>) {
    if let Some(point) = run.activations.last().filter(|p| !p.layers.is_empty()) {
        let n = point.layers.len() as f64;
        all.put("zeros", Some(point.layers.iter().map(|l| l.zeros).sum::<f64>() / n));
        all.put("zeros_least", point.layers.iter().map(|l| l.zeros).reduce(f64::min));
        all.put("saturated", Some(point.layers.iter().map(|l| l.saturated).sum::<f64>() / n));
    }
    if let Some(point) = run.activations.first()
        && let (Some(first), Some(last)) = (point.layers.first(), point.layers.last())
    {
        all.put("signal_left", Some(last.rms() / first.rms()));
        all.put("signal_last_start", Some(last.rms()));
    }
    all.put("output_start", ended.output_start);
    inputs(all, ended.inputs);
}

fn inputs(all: &mut Measures, inputs: &[InputPoint]) {
    let layers = || inputs.iter().flat_map(|(_, layers)| layers);
    let (low, high) =
        layers().fold((f64::INFINITY, 0.0f64), |(low, high), [_, std]| (low.min(*std), high.max(*std)));
    all.put("input_change", Some(high / low));
    let biases: Vec<f64> = layers().map(|[mean, std]| mean.abs() / std).filter(|b| b.is_finite()).collect();
    all.put("input_bias", mean(&biases));
}
