//! Which convolutions of an evaluation run behind each other band by band
//! ([`kobai_kernels::conv::forward_bands`]): 1×1, depthwise, 1×1, or the last two.
//!
//! The steps stay in the program; an executor of other elements than `f32` runs them one by
//! one, and gives the same bits.

use super::NodePlan;
use super::program::{ForwardStep, SlotId, Step};
use crate::layer::LayerKind;
use kobai_kernels::conv::{Conv, bands_serve};

/// The steps that run with the one that has this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// Steps from this one to that of the depthwise convolution: 0 if this is it.
    pub depthwise: usize,
    /// Steps from this one to that of the last convolution.
    pub project: usize,
    /// How many of the steps that follow are done.
    pub steps: usize,
    /// What is added behind the last convolution.
    pub add: Option<SlotId>,
    /// Where the result is written.
    pub output: SlotId,
}

/// A convolution's step: what the kernels know of it, the node whose value it ends with, and
/// how many steps it takes over.
struct Found {
    conv: Conv,
    input: SlotId,
    value: usize,
    output: SlotId,
    add: Option<SlotId>,
    steps: usize,
}

fn found(nodes: &[NodePlan], steps: &[Step], at: usize) -> Option<Found> {
    let Some(Step::Forward(s)) = steps.get(at) else { return None };
    let node = &nodes[s.node];
    let (Some(LayerKind::Conv2d(layer)), [input]) = (&node.layer, s.inputs.as_slice()) else { return None };
    let conv = layer.kernels(node.input_shapes[0]);
    let steps_of = s.fused.map_or(0, |f| f.steps);
    let value = match steps.get(at + steps_of) {
        Some(Step::Forward(last)) => last.node,
        _ => return None,
    };
    Some(Found {
        conv,
        input: *input,
        value,
        output: s.fused.map_or(s.output, |f| f.output),
        add: s.fused.and_then(|f| f.add),
        steps: steps_of,
    })
}

/// Marks the steps. `single` tells of each node whether one node alone reads its value.
pub(super) fn mark(nodes: &[NodePlan], single: &[bool], steps: &mut [Step]) {
    let mut at = 0;
    while at < steps.len() {
        let band = [true, false].into_iter().find_map(|expands| band(nodes, single, steps, at, expands));
        if let (Some(band), Step::Forward(ForwardStep { band: to, .. })) = (band, &mut steps[at]) {
            *to = Some(band);
            at += band.steps;
        }
        at += 1;
    }
}

fn band(nodes: &[NodePlan], single: &[bool], steps: &[Step], at: usize, expands: bool) -> Option<Band> {
    let follows = |a: &Found, b: &Found| single[a.value] && a.add.is_none() && a.output == b.input;
    let first = found(nodes, steps, at)?;
    let (mut depthwise, mut expand) = (0, None);
    let middle = if expands {
        depthwise = first.steps + 1;
        let middle = found(nodes, steps, at + depthwise)?;
        if !follows(&first, &middle) {
            return None;
        }
        expand = Some(first.conv);
        middle
    } else {
        first
    };
    let project = depthwise + middle.steps + 1;
    let last = found(nodes, steps, at + project)?;
    let serve = follows(&middle, &last) && bands_serve(expand.as_ref(), &middle.conv, &last.conv);
    serve.then(|| Band {
        depthwise,
        project,
        steps: project + last.steps,
        add: last.add,
        output: last.output,
    })
}
