use crate::Shape;
use crate::error::Problem;
use crate::layer::{Backward, Cx, Forward, Layer, LayerPlan, one_input};
use kobai_kernels::{Real, softmax};

/// Makes the values of an example positive, with sum 1.
///
/// # Formula
/// yⱼ = eˣʲ / Σₖ eˣᵏ over the features of a row, or over the channels of each pixel.
///
/// # Gradient
/// dL/dxⱼ = yⱼ (gⱼ − Σₖ gₖyₖ), for g = dL/dy.
///
/// # Shapes
/// Any → the same.
///
/// # Saved
/// Nothing; backward reads the output.
///
/// # Train/Eval
/// The same.
///
/// # Cost
/// Two passes over the values each way.
///
/// # Errors
/// More than one input.
///
/// # Source
/// `torch.nn.Softmax(dim=1)`. [`Loss::CrossEntropy`](crate::Loss) contains one already: a network
/// that ends with this layer wants [`Loss::CrossEntropyOfProbabilities`](crate::Loss).
///
/// # Example
/// ```
/// use kobai_engine::{Alone, layers::Softmax};
/// let mut layer = Alone::<f64>::new(Softmax, &[[2].into()], 1).unwrap();
/// assert_eq!(layer.forward(&[&[3.0, 3.0]]), [0.5, 0.5]);
/// // Adding the same to all inputs changes nothing: the gradient sums to 0.
/// assert_eq!(layer.backward(&[1.0, 0.0]).inputs[0], [0.25, -0.25]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Softmax;

/// Values that sum to 1: they lie side by side, as images are channels-last.
fn width(shape: Shape) -> usize {
    shape.dims().first().copied().unwrap_or(1)
}

impl Layer for Softmax {
    fn kind(&self) -> &'static str {
        "softmax"
    }

    fn plan(&self, inputs: &[Shape]) -> Result<LayerPlan, Problem> {
        Ok(LayerPlan { reads_output: true, ..LayerPlan::new(one_input(inputs)?) })
    }

    fn forward<T: Real>(&self, cx: &Cx<'_>, io: Forward<'_, T>) {
        softmax::softmax_rows(cx.isa, width(cx.shapes[0]), io.inputs[0], io.output);
    }

    fn backward<T: Real>(&self, cx: &Cx<'_>, mut io: Backward<'_, T>) {
        let (y, from) = (io.output, io.grad_output);
        if let Some(grad) = io.grad_input(0) {
            softmax::softmax_backward(width(cx.shapes[0]), y, from, grad);
        }
    }
}
