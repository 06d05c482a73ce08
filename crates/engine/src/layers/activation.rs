use super::in_pieces;
use crate::Shape;
use crate::error::Problem;
use crate::layer::{Backward, Cx, Forward, Layer, LayerPlan, one_input};
use kobai_kernels::{Real, activation as kernel};

/// An element-wise non-linear function.
///
/// # Formula and gradient
///
/// | kind | y | dL/dx, for g = dL/dy |
/// |---|---|---|
/// | `sigmoid` | 1 / (1 + e⁻ˣ) | g·y·(1 − y): at most g/4, at x = 0 |
/// | `tanh` | tanh x | g·(1 − y²): at most g, at x = 0 |
/// | `relu` | max(0, x) | g where x > 0, else 0 |
/// | `leaky-relu` | x where x > 0, else slope·x | g where x > 0, else slope·g |
/// | `elu` | x where x > 0, else α(eˣ − 1) | g where x > 0, else g·(y + α) |
/// | `gelu` | x·Φ(x), Φ the normal distribution function | g·(Φ(x) + x·φ(x)) |
/// | `softplus` | ln(1 + eˣ) | g·(1 − e⁻ʸ) |
/// | `hard-swish` | x·min(max(x + 3, 0), 6)/6 | g·(0 below −3, 1 above 3, (2x + 3)/6 between) |
/// | `relu6` | min(max(0, x), 6) | g where 0 < x < 6, else 0 |
/// | `exp` | eˣ | g·y |
///
/// # Shapes
/// Any → the same.
///
/// # Saved
/// Nothing; backward reads the output (of `gelu` and `hard-swish`: the input).
///
/// # Train/Eval
/// The same.
///
/// # Cost
/// One pass over the values each way, in place where the input is not needed.
///
/// # Errors
/// More than one input; a slope or α that is not finite or not positive.
///
/// # Source
/// ReLU: Nair & Hinton 2010; leaky ReLU: Maas et al. 2013; ELU: Clevert et al.
/// 2016; GELU: Hendrycks & Gimpel 2016; hard-swish: Howard et al. 2019; ReLU6:
/// Krizhevsky 2010. The exponential grows beyond every bound when layers of it are
/// stacked; it is here to be told apart from what works. All agree with PyTorch's functions of these names.
///
/// # Example
/// ```
/// use kobai_engine::{Alone, layers::Activation};
/// let mut layer = Alone::<f64>::new(Activation::SIGMOID, &[[3].into()], 1).unwrap();
/// let y = layer.forward(&[&[-50.0, 0.0, 50.0]]);
/// assert_eq!(y[1], 0.5);
/// let gradient = layer.backward(&[1.0, 1.0, 1.0]).inputs.remove(0);
/// assert_eq!(gradient[1], 0.25); // the largest value of the derivative
/// assert!(gradient[0] < 1e-20 && gradient[2] < 1e-20); // saturated
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the table above")]
pub enum Activation {
    Sigmoid(SigmoidGradient),
    Tanh,
    Relu,
    LeakyRelu { slope: f64 },
    Elu { alpha: f64 },
    Gelu,
    Softplus,
    HardSwish,
    Relu6,
    Exp,
}

/// Where the sigmoid's derivative is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SigmoidGradient {
    /// σ'(x) = y(1 − y): right.
    #[default]
    AtInput,
    /// σ'(y) = σ(y)(1 − σ(y)): wrong. A published course notebook applies the
    /// derivative to the layer's output. y lies in (0, 1), so the factor stays
    /// between 0.197 and 0.25 and never vanishes: the bug hides the effect that
    /// the notebook wants to show, and the "gradient" is none. Selectable so
    /// that its published accuracies can be reproduced.
    AtOutput,
}

impl Activation {
    /// The sigmoid with its right derivative.
    pub const SIGMOID: Activation = Activation::Sigmoid(SigmoidGradient::AtInput);

    /// The derivative at x, computed by this layer's own backward pass in f64.
    #[must_use]
    pub fn derivative(self, x: f64) -> f64 {
        let isa = kobai_kernels::Isa::SCALAR;
        let (mut known, mut grad) = ([x], [1.0]);
        if !self.reads_input() {
            self.apply(isa, &mut known);
        }
        self.apply_backward(isa, &known, &mut grad);
        grad[0]
    }

    fn reads_input(self) -> bool {
        matches!(self, Activation::Gelu | Activation::HardSwish)
    }

    fn apply<T: Real>(self, isa: kobai_kernels::Isa, values: &mut [T]) {
        match self {
            Activation::Sigmoid(_) => kernel::sigmoid(isa, values),
            Activation::Tanh => kernel::tanh(isa, values),
            Activation::Relu => kernel::relu(isa, values),
            Activation::LeakyRelu { slope } => kernel::leaky_relu(isa, slope, values),
            Activation::Elu { alpha } => kernel::elu(isa, alpha, values),
            Activation::Gelu => kernel::gelu(isa, values),
            Activation::Softplus => kernel::softplus(isa, values),
            Activation::HardSwish => kernel::hard_swish(isa, values),
            Activation::Relu6 => kernel::relu6(isa, values),
            Activation::Exp => kernel::exp(isa, values),
        }
    }

    /// `known` is the output, or the input where [`Activation::reads_input`].
    fn apply_backward<T: Real>(self, isa: kobai_kernels::Isa, known: &[T], grad: &mut [T]) {
        match self {
            Activation::Sigmoid(SigmoidGradient::AtInput) => kernel::sigmoid_backward(isa, known, grad),
            Activation::Sigmoid(SigmoidGradient::AtOutput) => {
                kernel::sigmoid_backward_at_output(isa, known, grad);
            }
            Activation::Tanh => kernel::tanh_backward(isa, known, grad),
            Activation::Relu => kernel::relu_backward(isa, known, grad),
            Activation::LeakyRelu { slope } => kernel::leaky_relu_backward(isa, slope, known, grad),
            Activation::Elu { alpha } => kernel::elu_backward(isa, alpha, known, grad),
            Activation::Gelu => kernel::gelu_backward(isa, known, grad),
            Activation::Softplus => kernel::softplus_backward(isa, known, grad),
            Activation::HardSwish => kernel::hard_swish_backward(isa, known, grad),
            Activation::Relu6 => kernel::relu6_backward(isa, known, grad),
            Activation::Exp => kernel::exp_backward(isa, known, grad),
        }
    }
}

impl Layer for Activation {
    fn kind(&self) -> &'static str {
        match self {
            Activation::Sigmoid(_) => "sigmoid",
            Activation::Tanh => "tanh",
            Activation::Relu => "relu",
            Activation::LeakyRelu { .. } => "leaky-relu",
            Activation::Elu { .. } => "elu",
            Activation::Gelu => "gelu",
            Activation::Softplus => "softplus",
            Activation::HardSwish => "hard-swish",
            Activation::Relu6 => "relu6",
            Activation::Exp => "exp",
        }
    }

    fn plan(&self, inputs: &[Shape]) -> Result<LayerPlan, Problem> {
        let (name, value) = match *self {
            Activation::LeakyRelu { slope } => ("slope", slope),
            Activation::Elu { alpha } => ("alpha", alpha),
            _ => ("", 1.0),
        };
        // Backward tells the side of the kink by the sign of the output.
        if !(value.is_finite() && value > 0.0) {
            return Err(Problem::Setting { name, got: value, range: "0 < value < inf" });
        }
        let shape = one_input(inputs)?;
        Ok(LayerPlan {
            in_place: !self.reads_input(),
            reads_input: self.reads_input(),
            reads_output: !self.reads_input(),
            ..LayerPlan::new(shape)
        })
    }

    fn forward<T: Real>(&self, cx: &Cx<'_>, io: Forward<'_, T>) {
        in_pieces(cx.pool, io.output, |at, output| {
            if self.reads_input() {
                output.copy_from_slice(&io.inputs[0][at]);
            }
            self.apply(cx.isa, output);
        });
    }

    fn backward<T: Real>(&self, cx: &Cx<'_>, mut io: Backward<'_, T>) {
        let (known, from) =
            if self.reads_input() { (io.inputs[0], io.grad_output) } else { (io.output, &[][..]) };
        let copy = self.reads_input();
        if let Some(grad) = io.grad_input(0) {
            in_pieces(cx.pool, grad, |at, grad| {
                if copy {
                    grad.copy_from_slice(&from[at.clone()]);
                }
                self.apply_backward(cx.isa, &known[at], grad);
            });
        }
    }
}
