//! Params from the formula of integers of `tools/golden/zoo.py`.

use kobai_engine::Shape;
use kobai_engine::layer::{LayerKind, Layout};
use kobai_engine::plan::{ParamSlot, Plan};

/// The script's `scatter`.
pub(crate) fn scatter(n: usize, key: u32) -> Vec<f64> {
    let one = |i: u32| {
        let h = i.wrapping_mul(0x9E37_79B1).wrapping_add(key.wrapping_mul(0x85EB_CA77));
        let h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
        let h = (h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35);
        f64::from(h ^ (h >> 16)) / 2f64.powi(31) - 1.0
    };
    (0..n as u32).map(one).collect()
}

/// From PyTorch's order to the order in memory.
fn arranged(slot: &ParamSlot, values: &[f64]) -> Vec<f64> {
    match (slot.spec.layout, slot.spec.dims.as_slice()) {
        (Layout::ConvChannelsLast, &[out, ins, h, w]) => {
            let mut to = Vec::with_capacity(values.len());
            for o in 0..out {
                for pixel in 0..h * w {
                    to.extend((0..ins).map(|i| values[(o * ins + i) * h * w + pixel]));
                }
            }
            to
        }
        _ => values.to_vec(),
    }
}

/// The script's `fill`.
pub(crate) fn initial(plan: &Plan) -> Vec<f64> {
    let mut params = Vec::with_capacity(plan.param_len());
    for (key, slot) in (1..).zip(&plan.params) {
        let mut values = scatter(slot.range.len(), key);
        let is_norm = matches!(plan.nodes[slot.node].layer, Some(LayerKind::BatchNorm(_)));
        if slot.spec.dims.len() > 1 {
            let fan_in: usize = slot.spec.dims[1..].iter().product();
            let bound = (6.0 / fan_in as f64).sqrt();
            values.iter_mut().for_each(|v| *v *= bound);
        } else {
            values.iter_mut().for_each(|v| *v *= 0.1);
        }
        if is_norm && slot.name.ends_with("weight") {
            values.iter_mut().for_each(|v| *v = *v * 2.0 + 1.0);
        }
        params.extend(arranged(slot, &values));
    }
    params
}

/// Roundings of the longest way through the network, the terms of each sum; `norm` says how
/// many a batch normalisation of such an output has.
pub(crate) fn longest(plan: &Plan, norm: impl Fn(&Shape) -> usize) -> usize {
    let mut longest: Vec<usize> = Vec::new();
    for node in &plan.nodes {
        let before = node.inputs.iter().map(|i| longest[*i]).max().unwrap_or(0);
        let own = match &node.layer {
            Some(LayerKind::Conv2d(_) | LayerKind::Linear(_)) => {
                node.plan.params[0].dims[1..].iter().product::<usize>() + 1
            }
            Some(LayerKind::BatchNorm(_)) => norm(&node.plan.output),
            Some(LayerKind::AdaptiveAvgPool2d(_)) => node.input_shapes[0].dims()[1..].iter().product(),
            Some(LayerKind::LocalResponseNorm(_)) => 5 + 6,
            Some(LayerKind::Add(_)) => 1,
            _ => 0,
        };
        longest.push(before + own);
    }
    longest[plan.output]
}
