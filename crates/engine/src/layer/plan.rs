//! What a layer says of itself for given input shapes.

use crate::Shape;
use crate::init::{Fans, Init};
use kobai_kernels::Isa;

/// What a layer does in its own pass over memory with the steps behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fuses {
    /// Nothing.
    #[default]
    Nothing,
    /// Sum and activation in the forward pass.
    Forward,
    /// In the forward pass, and the activation's gradient in the backward pass.
    Both,
}

/// What a layer needs for given input shapes.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerPlan {
    /// Shape of the output.
    pub output: Shape,
    /// Learned values, in the order in which they lie in memory.
    pub params: Vec<ParamSpec>,
    /// Persistent values that are not learned.
    pub state: Vec<StateSpec>,
    /// Elements kept from forward to backward.
    pub saved: Extent,
    /// Elements used inside one call.
    pub scratch: Extent,
    /// Whether backward reads the input.
    pub reads_input: bool,
    /// Whether backward reads the output.
    pub reads_output: bool,
    /// Whether the layer transforms its input where it lies. Forward then finds
    /// the input in `output`, and backward the gradient in `grad_inputs[0]`.
    pub in_place: bool,
    /// Whether the layer can add to its output and activate it in the same pass
    /// ([`Then`](super::Then)).
    pub fuses: Fuses,
    /// Whether the gradient with respect to every input is the gradient with respect
    /// to the output, so that nobody needs to copy it.
    pub passes_gradient: bool,
    /// Multiply-adds of one example, forward.
    pub macs: u64,
    /// Algorithm, chosen from the shape; empty if there is only one.
    pub algorithm: &'static str,
    /// The same with products of bfloat16; nothing if they change nothing.
    pub rounding: Option<Rounding>,
    /// Smallest batch that the layer can train on.
    pub min_batch: usize,
}

/// Algorithms with products of bfloat16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounding {
    /// In pairs.
    pub pairs: &'static str,
    /// With AMX.
    pub tiles: &'static str,
    /// From which batch on.
    pub from: usize,
}

impl LayerPlan {
    /// The plan of an element-wise layer without parameters that works in place.
    #[must_use]
    pub fn elementwise(shape: Shape) -> Self {
        LayerPlan { in_place: true, ..LayerPlan::new(shape) }
    }

    /// The plan of a layer that needs nothing but its output.
    #[must_use]
    pub fn new(output: Shape) -> Self {
        LayerPlan {
            output,
            params: Vec::new(),
            state: Vec::new(),
            saved: Extent::default(),
            scratch: Extent::default(),
            reads_input: false,
            reads_output: false,
            in_place: false,
            fuses: Fuses::Nothing,
            passes_gradient: false,
            macs: 0,
            algorithm: "",
            rounding: None,
            min_batch: 1,
        }
    }

    /// The algorithm on an instruction set, for such a batch.
    #[must_use]
    pub fn algorithm_on(&self, isa: Isa, batch: usize) -> &'static str {
        match self.rounding {
            Some(rounding) if isa.is_bf16() && batch >= rounding.from => {
                if isa.is_amx() {
                    rounding.tiles
                } else {
                    rounding.pairs
                }
            }
            _ => self.algorithm,
        }
    }

    /// Number of learned values.
    #[must_use]
    pub fn param_len(&self) -> usize {
        self.params.iter().map(ParamSpec::len).sum()
    }

    /// Number of persistent values that are not learned.
    #[must_use]
    pub fn state_len(&self) -> usize {
        self.state.iter().map(|s| s.len).sum()
    }
}

/// A number of elements that grows with the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Elements whatever the batch.
    pub fixed: usize,
    /// Elements for each example.
    pub per_example: usize,
}

impl Extent {
    /// Elements for a batch.
    #[must_use]
    pub fn len(self, batch: usize) -> usize {
        self.fixed + self.per_example * batch
    }

    /// Whether nothing is needed.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Extent::default()
    }
}

/// Order in which the elements of a learned tensor lie in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Row-major in the order of `dims`.
    #[default]
    Plain,
    /// `dims` are [out, in, height, width]; memory is row-major in
    /// [out, height, width, in], as the images are.
    ConvChannelsLast,
}

/// A learned tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamSpec {
    /// Last part of its path, such as `weight`.
    pub name: &'static str,
    /// Extents in PyTorch's order, outermost first.
    pub dims: Vec<usize>,
    /// Order of the elements in memory.
    pub layout: Layout,
    /// How it begins.
    pub init: Init,
    /// Fans for the scaled rules.
    pub fans: Fans,
    /// Whether penalties apply unless told otherwise: weights yes, biases and
    /// the parameters of normalisation no.
    pub decay: bool,
}

impl ParamSpec {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A persistent tensor that is not learned.
#[derive(Clone, Debug, PartialEq)]
pub struct StateSpec {
    /// Last part of its path, such as `running_mean`.
    pub name: &'static str,
    /// Number of elements.
    pub len: usize,
    /// Value at the start.
    pub start: f64,
}
