//! The steps of a training step or an evaluation, and the buffers they use.

use super::bands::Band;
use super::fusion::Fused;
use super::pooling::{Pooled, Unpooled};
use crate::layer::Extent;
use kobai_kernels::norm::After;
use std::ops::Range;

/// A buffer of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotId(pub usize);

/// What a buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Output of a node.
    Value,
    /// Gradient of the loss with respect to an output.
    Gradient,
    /// Forward to backward of one step.
    Saved,
    /// Inside one call.
    Scratch,
}

/// A buffer: role, size, lifetime, place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// What it holds.
    pub role: Role,
    /// Node that it belongs to.
    pub node: usize,
    /// Elements.
    pub extent: Extent,
    /// Steps during which its contents matter.
    pub live: Range<usize>,
    /// First element in the arena.
    pub offset: usize,
}

/// Runs a node forward.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields of `Forward`, as slots")]
pub struct ForwardStep {
    pub node: usize,
    pub inputs: Vec<SlotId>,
    pub output: SlotId,
    /// The input must be copied to the output first: the layer works in place,
    /// but its input is needed later.
    pub copy_first: bool,
    pub saved: Option<SlotId>,
    pub scratch: Option<SlotId>,
    /// Another step does this one's work too, unless somebody watches.
    pub elsewhere: bool,
    /// What is computed in the same pass, unless somebody watches.
    pub fused: Option<Fused>,
    /// Which convolutions run with this one, band by band; none in training.
    pub band: Option<Band>,
    /// The pooling that runs with this convolution, unless somebody watches.
    pub pooled: Option<Pooled>,
    /// The node's part of the prepared params; empty in training.
    pub prepared: Range<usize>,
}

/// Computes the loss and, while training, its gradient with respect to the output.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "slots named after the arguments of `Loss`")]
pub struct LossStep {
    /// Factor of the loss and of its gradient; none for the output itself.
    pub weight: Option<f64>,
    pub output: SlotId,
    pub work: SlotId,
    pub losses: SlotId,
    pub grad: Option<SlotId>,
}

/// Runs a node backward.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields of `Backward`, as slots")]
pub struct BackwardStep {
    pub node: usize,
    pub inputs: Vec<SlotId>,
    pub output: Option<SlotId>,
    pub grad_output: SlotId,
    pub grad_inputs: Vec<Option<SlotId>>,
    /// The gradient must be copied to `grad_inputs[0]` first, for a layer that works in place.
    pub copy_first: bool,
    pub saved: Option<SlotId>,
    pub scratch: Option<SlotId>,
    /// Another step does this one's work too, unless somebody watches.
    pub elsewhere: bool,
    /// The activation whose step this one takes over.
    pub undoes: After,
    /// The convolution that runs with this pooling, unless somebody watches.
    pub unpooled: Option<Unpooled>,
}

/// One entry of a program.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A node forward.
    Forward(ForwardStep),
    /// The loss.
    Loss(LossStep),
    /// A node backward.
    Backward(BackwardStep),
    /// `to += from`: a value that several nodes read receives several gradients,
    /// added in the reverse order of its readers; before them come the losses, in
    /// the order in which they were declared.
    Accumulate {
        /// Gradient from one reader.
        from: SlotId,
        /// Sum.
        to: SlotId,
    },
}

/// Steps and buffers.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// In execution order.
    pub steps: Vec<Step>,
    /// Buffers.
    pub slots: Vec<Slot>,
    /// Buffer of the input.
    pub input: SlotId,
    /// Buffer of the output.
    pub output: SlotId,
    /// Elements of the params in the form in which evaluation reads them.
    pub prepared: usize,
    /// Elements of the arena.
    pub arena: usize,
    /// Elements that the arena would have if no buffers shared memory.
    pub unshared: usize,
}

/// A node with a loss, and the weight of an auxiliary one.
pub(super) type Head = (usize, Option<f64>);

impl Program {
    /// Whether a node runs in this program.
    #[must_use]
    pub fn runs(&self, node: usize) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Forward(f) if f.node == node))
    }
}

impl Step {
    /// Every buffer that the step reads or writes.
    pub fn slots(&self) -> Vec<SlotId> {
        match self {
            Step::Forward(s) => {
                let own = s.inputs.iter().chain([&s.output]).chain(&s.saved).chain(&s.scratch).copied();
                let own = own.chain(s.fused.iter().flat_map(|f| f.add.into_iter().chain([f.output])));
                let own = own.chain(s.band.iter().flat_map(|b| b.add.into_iter().chain([b.output])));
                own.chain(s.pooled.iter().flat_map(|p| [p.output, p.saved])).collect()
            }
            Step::Loss(s) => [s.output, s.work, s.losses].iter().chain(&s.grad).copied().collect(),
            Step::Backward(s) => s
                .inputs
                .iter()
                .chain(&s.output)
                .chain([&s.grad_output])
                .chain(s.grad_inputs.iter().flatten())
                .chain(&s.saved)
                .chain(&s.scratch)
                .chain(s.unpooled.iter().flat_map(|u| &u.scratch))
                .copied()
                .collect(),
            Step::Accumulate { from, to } => vec![*from, *to],
        }
    }
}
