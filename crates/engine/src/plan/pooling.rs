//! Which convolutions of a training step run with the maximum over windows behind them,
//! some lines at a time ([`kobai_kernels::conv::Pooling`]): first convolutions, whose output
//! is the largest tensor and is read by the pooling alone.
//!
//! The steps stay in the program, each with its buffers. Whoever looks sees them run one by
//! one, as does an executor of other elements than `f32`; the bits are the same.

use super::NodePlan;
use super::program::{SlotId, Step};
use crate::layer::LayerKind;
use kobai_kernels::conv::Pooling;
use kobai_kernels::norm::After;

/// Forward, the convolution and the pooling behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pooled {
    /// Steps from the convolution to the pooling, which are done with it.
    pub steps: usize,
    /// The activation between the two.
    pub after: After,
    /// The pooling's result, and the positions of the maxima.
    pub output: SlotId,
    #[allow(missing_docs, reason = "see above")]
    pub saved: SlotId,
}

/// Backward, the pooling and the convolution in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpooled {
    /// Steps from the pooling to the convolution, which are done with it.
    pub steps: usize,
    /// The convolution's.
    pub scratch: Option<SlotId>,
}

/// The two together, as the kernels know them.
pub(crate) fn kernels(nodes: &[NodePlan], conv: usize, pool: usize) -> Option<Pooling> {
    match (&nodes[conv].layer, &nodes[pool].layer) {
        (Some(LayerKind::Conv2d(layer)), Some(LayerKind::MaxPool2d(by))) => {
            let of = layer.kernels(nodes[conv].input_shapes[0]);
            Pooling::of(of, by.kernels(&nodes[pool].input_shapes))
        }
        _ => None,
    }
}

/// Marks the steps, after activations were given to the pooling.
pub(super) fn mark(nodes: &[NodePlan], single: &[bool], steps: &mut [Step]) {
    let follows = |a: usize, b: usize| single[a] && nodes[b].inputs == [a];
    for at in 0..steps.len() {
        let next = |i: usize| steps.get(at + i);
        match &steps[at] {
            Step::Forward(conv) if conv.fused.is_none() => {
                // An activation that the pooling computes, or none.
                let (last, between) = match next(1) {
                    Some(Step::Forward(s)) if s.elsewhere => (2, Some(s.node)),
                    _ => (1, None),
                };
                let Some(Step::Forward(pool)) = next(last) else { continue };
                let direct = between.map_or_else(
                    || follows(conv.node, pool.node),
                    |node| follows(conv.node, node) && follows(node, pool.node),
                );
                let Some(saved) = pool.saved.filter(|_| direct) else { continue };
                if kernels(nodes, conv.node, pool.node).is_none() {
                    continue;
                }
                let after = pool.fused.map_or(After::Nothing, |f| f.after);
                let mark = Pooled { steps: last, after, output: pool.output, saved };
                let Step::Forward(conv) = &mut steps[at] else { continue };
                conv.pooled = Some(mark);
            }
            Step::Backward(pool) => {
                let (last, between) = match next(1) {
                    Some(Step::Backward(s)) if s.elsewhere => (2, Some(s.node)),
                    _ => (1, None),
                };
                let Some(Step::Backward(conv)) = next(last) else { continue };
                let direct = between.map_or_else(
                    || follows(conv.node, pool.node),
                    |node| follows(conv.node, node) && follows(node, pool.node),
                );
                let first = conv.grad_inputs.iter().all(Option::is_none);
                if !direct || !first || kernels(nodes, conv.node, pool.node).is_none() {
                    continue;
                }
                let mark = Unpooled { steps: last, scratch: conv.scratch };
                let Step::Backward(pool) = &mut steps[at] else { continue };
                pool.unpooled = Some(mark);
            }
            _ => {}
        }
    }
}
