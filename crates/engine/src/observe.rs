//! Looking at a run.
//!
//! An observer receives borrowed views at fixed moments of a step. It cannot
//! change a number, and what it does not ask for is not computed.

use crate::plan::NodePlan;

/// Which events of a step an observer wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// [`Event::Forward`] of every node.
    pub forward: bool,
    /// [`Event::Backward`] of every node.
    pub backward: bool,
    /// [`Event::Updated`] of every node with params.
    pub updated: bool,
}

impl Wants {
    /// Nothing.
    pub const NOTHING: Wants = Wants { forward: false, backward: false, updated: false };
    /// Everything.
    pub const ALL: Wants = Wants { forward: true, backward: true, updated: true };
}

/// What happens in a training step, in this order.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a, T> {
    /// A node has its output.
    Forward {
        /// The step, from 0.
        step: u64,
        /// The node.
        node: &'a NodePlan,
        /// Examples in the batch.
        n: usize,
        /// Its output, `n` examples.
        output: &'a [T],
    },
    /// The gradients of a node's params are known.
    Backward {
        /// The step, from 0.
        step: u64,
        /// The node.
        node: &'a NodePlan,
        /// Examples in the batch.
        n: usize,
        /// Gradient of the loss with respect to the node's output.
        grad_output: &'a [T],
        /// Its params, before the update.
        params: &'a [T],
        /// Gradient of the loss with respect to its params.
        grad_params: &'a [T],
    },
    /// The params of a node were updated.
    Updated {
        /// The step, from 0.
        step: u64,
        /// The node.
        node: &'a NodePlan,
        /// Its params, after the update.
        params: &'a [T],
    },
    /// A step ended.
    StepEnded {
        /// The step, from 0.
        step: u64,
        /// Mean loss of the batch, before the update.
        loss: f64,
    },
}

/// A part of a step, for those who time it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// A node forward.
    Forward(usize),
    /// The first half of a node backward: its params' gradients.
    ParamGradient(usize),
    /// A node backward, or its second half: its inputs' gradients.
    Backward(usize),
    /// A loss and its gradient.
    Loss,
    /// The sum of gradients of a value with several readers.
    Accumulate(usize),
    /// The change of all params.
    Update,
}

/// Is told when each part of a step has ended. It holds the clock, which the
/// engine has not.
pub trait Probe: std::fmt::Debug + Sync {
    /// A part has ended; the next one begins.
    fn ended(&self, part: Part);
}

/// Something that looks at a run.
pub trait Observer<T> {
    /// Who times the parts of the steps, if anybody.
    fn probe(&self) -> Option<&dyn Probe> {
        None
    }

    /// What it wants to see of this step.
    fn wants(&self, step: u64) -> Wants;
    /// Called for each event that it wants, and for the end of every step.
    fn event(&mut self, event: &Event<'_, T>);
}

/// Nobody looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl<T> Observer<T> for Unobserved {
    fn wants(&self, _: u64) -> Wants {
        Wants::NOTHING
    }
    fn event(&mut self, _: &Event<'_, T>) {}
}
