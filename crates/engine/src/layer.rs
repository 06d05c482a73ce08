//! What a layer is: plain configuration and four functions.
//!
//! A layer owns no tensors. It says what it needs for given input shapes
//! ([`Layer::plan`]), and computes on memory that the plan lends it. Four words
//! name that memory everywhere: **params** (learned), **state** (kept, not
//! learned), **saved** (forward to backward of one step), **scratch** (inside
//! one call).
//!
//! The set of layers is closed ([`LayerKind`]), so that a plan can be read,
//! printed and one day run by another device.

mod plan;

pub use plan::{Extent, Fuses, LayerPlan, Layout, ParamSpec, Rounding, StateSpec};

use crate::Shape;
use crate::error::Problem;
use crate::layers::{
    Activation, AdaptiveAvgPool2d, Add, AvgPool2d, BatchNorm, Concat, Conv2d, Dropout, Flatten, Linear,
    LocalResponseNorm, MaxPool2d, Softmax,
};
use crate::observe::{Part, Probe};
use crate::rng::{Draw, Rng, Stream};
pub use kobai_kernels::conv::Fold;
pub use kobai_kernels::then::{After, Then};
use kobai_kernels::{Isa, Pool, Real};

/// Whether a step learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics, dropout, saved values.
    Train,
    /// Running statistics, no dropout, nothing saved.
    Eval,
}

/// One differentiable operation.
pub trait Layer {
    /// Its name in plans and files, such as `linear`.
    fn kind(&self) -> &'static str;

    /// Everything that follows from the shapes of the inputs, or why they do
    /// not fit. The only place where a layer may fail.
    ///
    /// # Errors
    /// What is wrong with the inputs or the settings.
    fn plan(&self, inputs: &[Shape]) -> Result<LayerPlan, Problem>;

    /// Writes the output, the saved values and the state.
    fn forward<T: Real>(&self, cx: &Cx<'_>, io: Forward<'_, T>);

    /// Given the gradient of the loss with respect to the output, writes the
    /// gradients with respect to the inputs that want one and to the params.
    fn backward<T: Real>(&self, cx: &Cx<'_>, io: Backward<'_, T>);

    /// Elements of the params in the form in which evaluation reads them, for batches
    /// of `n` examples; 0 if it reads the params themselves.
    fn prepared(&self, _inputs: &[Shape], _n: usize) -> usize {
        0
    }

    /// Writes them ([`Forward::prepared`]), with the batch normalisation behind the
    /// layer if that is folded in. `cx.n` is the `n` of [`Layer::prepared`].
    fn prepare<T: Real>(&self, _cx: &Cx<'_>, _params: &[T], _fold: Option<Fold<'_, T>>, _to: &mut [T]) {}
}

/// What is true for every layer of a step.
#[derive(Clone, Copy, Debug)]
pub struct Cx<'a> {
    /// Training or evaluation.
    pub mode: Mode,
    /// Number of examples.
    pub n: usize,
    /// Shapes of the inputs.
    pub shapes: &'a [Shape],
    /// Instruction set.
    pub isa: Isa,
    /// Threads.
    pub pool: &'a Pool,
    /// Random numbers of the run.
    pub rng: Rng,
    /// Step, from 0.
    pub step: u64,
    /// Index of the node, which keys its random numbers.
    pub node: u32,
    /// Who times the parts of the step.
    pub probe: Option<&'a dyn Probe>,
}

impl Cx<'_> {
    /// This node's draw of a stream at this step.
    #[must_use]
    pub fn draw(&self, stream: Stream) -> Draw {
        self.rng.draw(stream, self.step, self.node)
    }

    /// Says that the gradients of the params are there.
    pub fn params_done(&self) {
        if let Some(probe) = self.probe {
            probe.ended(Part::ParamGradient(self.node as usize));
        }
    }
}

/// Memory of a forward call. Every slice holds `n` examples.
#[derive(Debug)]
pub struct Forward<'a, T> {
    /// Inputs. Empty slices if the layer works in place.
    pub inputs: &'a [&'a [T]],
    /// Params, one after the other.
    pub params: &'a [T],
    /// What [`Layer::prepare`] wrote, in evaluation; otherwise empty.
    pub prepared: &'a [T],
    /// State, one after the other.
    pub state: &'a mut [T],
    /// Output. Holds the input if the layer works in place.
    pub output: &'a mut [T],
    /// Saved values; empty in evaluation.
    pub saved: &'a mut [T],
    /// Scratch.
    pub scratch: &'a mut [T],
    /// What happens to each value of the output in the same pass; nothing unless
    /// the plan says that the layer can ([`LayerPlan::fuses`]).
    pub then: Then<'a, T>,
}

/// Memory of a backward call.
#[derive(Debug)]
pub struct Backward<'a, T> {
    /// Inputs of the forward call, if the plan says that backward reads them.
    pub inputs: &'a [&'a [T]],
    /// Output of the forward call, if the plan says that backward reads it.
    pub output: &'a [T],
    /// Params.
    pub params: &'a [T],
    /// Saved values.
    pub saved: &'a [T],
    /// Gradient with respect to the output. Empty if the layer works in place.
    pub grad_output: &'a [T],
    /// Gradients with respect to the inputs, where one is wanted. The first
    /// holds the gradient with respect to the output if the layer works in place.
    pub grad_inputs: &'a mut [Option<&'a mut [T]>],
    /// Gradient with respect to the params, to be written.
    pub grad_params: &'a mut [T],
    /// Scratch.
    pub scratch: &'a mut [T],
    /// The activation that was computed in the forward pass: `grad_output` is the
    /// gradient with respect to its output.
    pub after: After,
}

impl<T> Backward<'_, T> {
    /// The gradient with respect to input `i`, if it is wanted.
    pub fn grad_input(&mut self, i: usize) -> Option<&mut [T]> {
        self.grad_inputs.get_mut(i).and_then(|g| g.as_deref_mut())
    }
}

/// Every layer there is.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant is documented at its type")]
pub enum LayerKind {
    Linear(Linear),
    Activation(Activation),
    BatchNorm(BatchNorm),
    Dropout(Dropout),
    Flatten(Flatten),
    Add(Add),
    Conv2d(Conv2d),
    MaxPool2d(MaxPool2d),
    AvgPool2d(AvgPool2d),
    AdaptiveAvgPool2d(AdaptiveAvgPool2d),
    LocalResponseNorm(LocalResponseNorm),
    Concat(Concat),
    Softmax(Softmax),
}

/// Calls one method of whichever layer it is.
macro_rules! each {
    ($self:expr, $layer:ident => $call:expr) => {
        match $self {
            LayerKind::Linear($layer) => $call,
            LayerKind::Activation($layer) => $call,
            LayerKind::BatchNorm($layer) => $call,
            LayerKind::Dropout($layer) => $call,
            LayerKind::Flatten($layer) => $call,
            LayerKind::Add($layer) => $call,
            LayerKind::Conv2d($layer) => $call,
            LayerKind::MaxPool2d($layer) => $call,
            LayerKind::AvgPool2d($layer) => $call,
            LayerKind::AdaptiveAvgPool2d($layer) => $call,
            LayerKind::LocalResponseNorm($layer) => $call,
            LayerKind::Concat($layer) => $call,
            LayerKind::Softmax($layer) => $call,
        }
    };
}

impl Layer for LayerKind {
    fn kind(&self) -> &'static str {
        each!(self, layer => layer.kind())
    }

    fn plan(&self, inputs: &[Shape]) -> Result<LayerPlan, Problem> {
        each!(self, layer => layer.plan(inputs))
    }

    fn forward<T: Real>(&self, cx: &Cx<'_>, io: Forward<'_, T>) {
        each!(self, layer => layer.forward(cx, io));
    }

    fn backward<T: Real>(&self, cx: &Cx<'_>, io: Backward<'_, T>) {
        each!(self, layer => layer.backward(cx, io));
    }

    fn prepared(&self, inputs: &[Shape], n: usize) -> usize {
        each!(self, layer => layer.prepared(inputs, n))
    }

    fn prepare<T: Real>(&self, cx: &Cx<'_>, params: &[T], fold: Option<Fold<'_, T>>, to: &mut [T]) {
        each!(self, layer => layer.prepare(cx, params, fold, to));
    }
}

/// The only input's shape.
///
/// # Errors
/// If there is another number of inputs.
pub(crate) fn one_input(inputs: &[Shape]) -> Result<Shape, Problem> {
    match inputs {
        [shape] => Ok(*shape),
        _ => Err(Problem::Inputs { expected: 1, got: inputs.len() }),
    }
}

/// Channels, height and width of the only input.
///
/// # Errors
/// If there is another number of inputs, or it is no image, or an empty one.
pub(crate) fn one_image(inputs: &[Shape]) -> Result<[usize; 3], Problem> {
    let shape = one_input(inputs)?;
    match *shape.dims() {
        [_, _, _] if shape.is_empty() => Err(Problem::Empty { got: shape }),
        [channels, height, width] => Ok([channels, height, width]),
        _ => Err(Problem::Rank { expected: 3, got: shape }),
    }
}

/// Refuses a pair of settings below `least`, or so large that sums overflow.
///
/// # Errors
/// The first value outside the range.
pub(crate) fn in_range(name: &'static str, values: [usize; 2], least: usize) -> Result<(), Problem> {
    const MOST: usize = 1 << 16;
    let range = if least == 0 { "0 .. 65536" } else { "1 .. 65536" };
    match values.iter().find(|v| !(least..=MOST).contains(*v)) {
        Some(got) => Err(Problem::Setting { name, got: *got as f64, range }),
        None => Ok(()),
    }
}
