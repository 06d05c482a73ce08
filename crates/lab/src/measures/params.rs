//! Measures of the params before and after, and their histograms.

use super::{Ended, Measures};
use crate::results::WeightStats;
use kobai_engine::optim::Penalty;
use kobai_engine::plan::ParamSlot;
use kobai_kernels::reduce;

/// Below this share of the layer's initial RMS a weight is nearly zero. Of
/// normally distributed initial weights 1.6 % are.
const NEAR_ZERO: f64 = 0.02;
/// Bins of a histogram: odd, so that one of them has zero in its middle.
const BINS: usize = 41;
/// A histogram reaches so many initial RMS to either side.
const REACH: f64 = 3.0;

fn square_sum(values: &[f32]) -> f64 {
    values.iter().map(|x| f64::from(*x) * f64::from(*x)).sum()
}

/// Root mean square.
pub(crate) fn rms(values: &[f32]) -> f64 {
    (square_sum(values) / values.len().max(1) as f64).sqrt()
}

fn below(values: &[f32], limit: f64) -> usize {
    values.iter().filter(|w| f64::from(w.abs()) < limit).count()
}

/// The weights of layers: not biases, not the params of normalisation.
fn weights<'a>(ended: &'a Ended<'_>) -> Vec<&'a ParamSlot> {
    ended.plan.params.iter().filter(|p| p.spec.name == "weight" && p.spec.dims.len() > 1).collect()
}

pub(super) fn put(all: &mut Measures, ended: &Ended<'_>) {
    let weights = weights(ended);
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
    all.put("weight_norm", Some(total(ended.last).sqrt()));
    let (mut near, mut exact, mut count) = (0usize, 0usize, 0usize);
    let (mut squares, mut norms) = (0.0, 0.0);
    for slot in weights.iter().filter(|w| !ended.training.is_frozen(&w.name)) {
        let (first, last) = (&ended.first[slot.range.clone()], &ended.last[slot.range.clone()]);
        near += below(last, NEAR_ZERO * rms(first));
        exact += last.iter().filter(|w| **w == 0.0).count();
        count += last.len();
        squares += square_sum(last);
        norms += square_sum(last).sqrt();
    }
    let share = |n: usize| (count > 0).then(|| n as f64 / count as f64);
    all.put("near_zeros", share(near));
    all.put("exact_zeros", share(exact));
    if let Penalty::L2(lambda) = ended.training.updates.penalty {
        all.put("penalty_loss", Some(lambda / 2.0 * squares));
        all.put("penalty_loss_root", Some(lambda / 2.0 * norms));
    }
}

/// Histograms of the weights of every layer.
pub(crate) fn histograms(ended: &Ended<'_>) -> Vec<WeightStats> {
    let of = |slot: &&ParamSlot| {
        let both = [&ended.first[slot.range.clone()], &ended.last[slot.range.clone()]];
        let size = both.map(rms);
        // Weights that begin as zeros have no initial size.
        let unit = if size[0] > 0.0 { size[0] } else { size[1] };
        let reach = if unit > 0.0 && unit.is_finite() { REACH * unit } else { 1.0 };
        let count = |values: &[f32]| {
            let mut bins = [0u64; BINS];
            reduce::histogram(values, -reach, reach, &mut bins);
            bins.iter().map(|b| u32::try_from(*b).unwrap_or(u32::MAX)).collect()
        };
        let share = |values: &[f32]| below(values, NEAR_ZERO * unit) as f64 / values.len().max(1) as f64;
        WeightStats {
            layer: slot.name.trim_end_matches(".weight").to_string(),
            rms: size,
            near_zeros: both.map(share),
            low: -reach,
            high: reach,
            first: count(both[0]),
            last: count(both[1]),
        }
    };
    weights(ended).iter().map(of).collect()
}
