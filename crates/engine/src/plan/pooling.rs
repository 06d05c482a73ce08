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

/// How many steps behind this one the layer runs that is next to it in the network, and that
/// layer's node: an activation between the two may be done elsewhere, and nobody else reads
/// what lies between.
fn neighbour(nodes: &[NodePlan], single: &[bool], steps: &[Step]) -> Option<(usize, usize)> {
    let of = |i: usize| match steps.get(i)? {
        Step::Forward(s) => Some((s.node, s.elsewhere)),
        Step::Backward(s) => Some((s.node, s.elsewhere)),
        _ => None,
    };
    let backward = matches!(steps.first()?, Step::Backward(_));
    let joined = |a: usize, b: usize| {
        let (from, to) = if backward { (b, a) } else { (a, b) };
        single[from] && nodes[to].inputs == [from]
    };
    let ((first, _), (second, elsewhere)) = (of(0)?, of(1)?);
    let (distance, node) = if elsewhere { (2, of(2)?.0) } else { (1, second) };
    (joined(first, second) && (!elsewhere || joined(second, node))).then_some((distance, node))
}

/// Marks the steps, after activations were given to the pooling.
pub(super) fn mark(nodes: &[NodePlan], single: &[bool], steps: &mut [Step]) {
    for at in 0..steps.len() {
        let Some((distance, node)) = neighbour(nodes, single, &steps[at..]) else { continue };
        // An activation whose own step backward runs reads its value, which is not written.
        let reads = |s: &Step| {
            matches!((s, steps.get(at + 1)),
            (Step::Backward(s), Some(Step::Forward(between))) if s.node == between.node && !s.elsewhere)
        };
        if distance > 1 && steps.iter().any(reads) {
            continue;
        }
        let (this, rest) = steps[at..].split_at_mut(1);
        match (&mut this[0], &rest[distance - 1]) {
            (Step::Forward(conv), Step::Forward(pool)) if conv.fused.is_none() => {
                let Some(saved) = pool.saved else { continue };
                if kernels(nodes, conv.node, node).is_some() {
                    let after = pool.fused.map_or(After::Nothing, |f| f.after);
                    conv.pooled = Some(Pooled { steps: distance, after, output: pool.output, saved });
                }
            }
            (Step::Backward(pool), Step::Backward(conv)) => {
                let first = conv.grad_inputs.iter().all(Option::is_none);
                if first && kernels(nodes, node, pool.node).is_some() {
                    pool.unpooled = Some(Unpooled { steps: distance, scratch: conv.scratch });
                }
            }
            _ => {}
        }
    }
}
