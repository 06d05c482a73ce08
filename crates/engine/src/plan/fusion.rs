//! Which steps are computed in the same pass over memory as the step before them.
//!
//! The steps stay in the program, each with its buffers: an executor that is
//! watched runs them one by one, and gives the same bits. Three patterns:
//!
//! - forward, a layer that fuses (convolution, product, batch normalisation), then
//!   perhaps a sum with another value, then perhaps a ReLU or ReLU6, if nobody else
//!   reads the values in between; in evaluation, between a convolution and these, a
//!   batch normalisation, which goes into its params (there with other bits, so that
//!   evaluation always does it);
//! - backward, such an activation and then the layer;
//! - such an activation and then a maximum over windows, in both directions: the
//!   pooling clamps its few outputs instead of all its inputs.

use super::NodePlan;
use super::program::{SlotId, Step};
use crate::layer::{Fuses, LayerKind};
use crate::layers::Activation;
use kobai_kernels::norm::After;

/// The steps that a forward step takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fused {
    /// The other operand of the sum.
    pub add: Option<SlotId>,
    /// The activation.
    pub after: After,
    /// Where the result is written.
    pub output: SlotId,
    /// How many of the steps that follow are done.
    pub steps: usize,
    /// The batch normalisation that is folded into the layer's params, in evaluation.
    pub fold: Option<usize>,
}

/// The activation as kernels know it, if they have it in their pass.
fn after(node: &NodePlan) -> Option<After> {
    match node.layer {
        Some(LayerKind::Activation(Activation::Relu)) => Some(After::Relu),
        Some(LayerKind::Activation(Activation::Relu6)) => Some(After::Relu6),
        _ => None,
    }
}

/// Marks the steps. `single` tells of each node whether one node alone reads its value.
pub(super) fn fuse(nodes: &[NodePlan], single: &[bool], steps: &mut [Step], train: bool) {
    for i in 0..steps.len() {
        if let Some(fused) = forward(nodes, single, &steps[i..], train)
            && let Step::Forward(s) = &mut steps[i]
        {
            s.fused = Some(fused);
        }
    }
    pool(nodes, single, steps);
    for i in 0..steps.len() {
        if let Some(undoes) = backward(nodes, &steps[i..]) {
            if let Step::Backward(s) = &mut steps[i] {
                s.elsewhere = true;
            }
            if let Step::Backward(s) = &mut steps[i + 1] {
                s.undoes = undoes;
            }
        }
    }
}

/// Activations that the pooling behind them computes.
fn pool(nodes: &[NodePlan], single: &[bool], steps: &mut [Step]) {
    // The last step that an earlier one has taken over.
    let mut taken = 0;
    for i in 0..steps.len().saturating_sub(1) {
        match &steps[i..=i + 1] {
            [Step::Forward(s), _] if s.fused.is_some() => {
                taken = i + s.fused.map_or(0, |f| f.steps);
            }
            [Step::Forward(a), Step::Forward(b)] if i > taken && !a.copy_first => {
                if let Some(after) = pooled(nodes, single, a.node, b.node) {
                    let output = b.output;
                    if let Step::Forward(a) = &mut steps[i] {
                        a.elsewhere = true;
                    }
                    if let Step::Forward(b) = &mut steps[i + 1] {
                        b.fused = Some(Fused { add: None, after, output, steps: 0, fold: None });
                    }
                }
            }
            [Step::Backward(b), Step::Backward(a)]
                if a.grad_inputs == [Some(a.grad_output)] && b.grad_inputs == [Some(a.grad_output)] =>
            {
                if let Some(after) = pooled(nodes, single, a.node, b.node) {
                    if let Step::Backward(b) = &mut steps[i] {
                        b.undoes = after;
                    }
                    if let Step::Backward(a) = &mut steps[i + 1] {
                        a.elsewhere = true;
                    }
                }
            }
            _ => {}
        }
    }
}

/// The clamp of node `a` if node `b`, its only reader, is a pooling that can do it.
fn pooled(nodes: &[NodePlan], single: &[bool], a: usize, b: usize) -> Option<After> {
    let saves = matches!(nodes[b].layer, Some(LayerKind::MaxPool2d(_))) && !nodes[b].plan.reads_input;
    (saves && single[a] && nodes[b].inputs == [a]).then(|| after(&nodes[a])).flatten()
}

fn forward(nodes: &[NodePlan], single: &[bool], steps: &[Step], train: bool) -> Option<Fused> {
    let (Step::Forward(first), rest) = steps.split_first()? else { return None };
    if nodes[first.node].plan.fuses == Fuses::Nothing || first.elsewhere {
        return None;
    }
    let mut fused = Fused { add: None, after: After::Nothing, output: first.output, steps: 0, fold: None };
    let mut node = first.node;
    let mut rest = rest.iter().peekable();
    let mut next = rest.next();
    if let Some(Step::Forward(s)) = next
        && !train
        && matches!(nodes[node].layer, Some(LayerKind::Conv2d(_)))
        && matches!(nodes[s.node].layer, Some(LayerKind::BatchNorm(_)))
        && single[node]
        && nodes[s.node].inputs == [node]
    {
        fused.fold = Some(s.node);
        (fused.output, fused.steps, node) = (s.output, 1, s.node);
        next = rest.next();
    }
    if let Some(Step::Forward(s)) = next
        && let (Some(LayerKind::Add(_)), [a, b]) = (&nodes[s.node].layer, nodes[s.node].inputs.as_slice())
        && single[node]
        && (*a == node) != (*b == node)
    {
        fused.add = Some(if *a == node { s.inputs[1] } else { s.inputs[0] });
        (fused.output, fused.steps, node) = (s.output, fused.steps + 1, s.node);
        next = rest.next();
    }
    if let Some(Step::Forward(s)) = next
        && let Some(after) = after(&nodes[s.node])
        && single[node]
        && nodes[s.node].inputs == [node]
        // The pooling behind has fewer values to clamp, and no gradient to mask.
        && !matches!(rest.peek(), Some(Step::Forward(next))
            if fused.steps == 0 && nodes[first.node].plan.fuses == Fuses::Forward
                && pooled(nodes, single, s.node, next.node).is_some())
    {
        fused.after = after;
        (fused.output, fused.steps) = (s.output, fused.steps + 1);
    }
    (fused.steps > 0).then_some(fused)
}

/// The activation that the second of two backward steps can undo itself.
fn backward(nodes: &[NodePlan], steps: &[Step]) -> Option<After> {
    let [Step::Backward(activation), Step::Backward(layer), ..] = steps else { return None };
    if activation.elsewhere {
        return None;
    }
    let in_place = activation.grad_inputs == [Some(activation.grad_output)];
    let follows =
        nodes[activation.node].inputs == [layer.node] && nodes[layer.node].plan.fuses == Fuses::Both;
    let same = layer.grad_output == activation.grad_output;
    (in_place && follows && same).then(|| after(&nodes[activation.node])).flatten()
}
