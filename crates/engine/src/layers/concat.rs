use crate::error::Problem;
use crate::layer::{Backward, Cx, Forward, Layer, LayerPlan};
use crate::{MAX_INPUTS, Shape};
use kobai_kernels::Real;
use kobai_kernels::concat::{Columns, copy_columns};

/// Joins the channels of its inputs, one input after the other.
///
/// # Formula
/// y\[c\] = a\[c\] for the channels of the first input a, then b\[c − channels of
/// a\], and so on.
///
/// # Gradient
/// Each input receives its part of dL/dy.
///
/// # Shapes
/// `[C₁, H, W]`, `[C₂, H, W]`, … → `[C₁ + C₂ + …, H, W]`; rows of features too.
///
/// # Saved
/// Nothing.
///
/// # Train/Eval
/// The same.
///
/// # Cost
/// One copy of the values each way.
///
/// # Errors
/// No input, or more than [`MAX_INPUTS`]; inputs that differ in more than their
/// channels.
///
/// # Source
/// `torch.cat` along the channels; Szegedy et al. 2015 joins branches with it.
///
/// # Example
/// ```
/// use kobai_engine::{Alone, layers::Concat};
/// // One and two channels of two pixels, which lie pixel by pixel.
/// let mut layer = Alone::<f32>::new(Concat, &[[1, 1, 2].into(), [2, 1, 2].into()], 1).unwrap();
/// let y = layer.forward(&[&[1.0, 2.0], &[10.0, 11.0, 20.0, 21.0]]);
/// assert_eq!(y, [1.0, 10.0, 11.0, 2.0, 20.0, 21.0]);
/// assert_eq!(layer.backward(&y).inputs[1], [10.0, 11.0, 20.0, 21.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concat;

/// The channels of each input among those of the output.
fn parts(shapes: &[Shape]) -> impl Iterator<Item = Columns> {
    let of = shapes.iter().map(|s| s.dims()[0]).sum();
    shapes.iter().scan(0, move |start, shape| {
        let len = shape.dims()[0];
        *start += len;
        Some(Columns { of, start: *start - len, len })
    })
}

impl Layer for Concat {
    fn kind(&self) -> &'static str {
        "concat"
    }

    fn plan(&self, inputs: &[Shape]) -> Result<LayerPlan, Problem> {
        let Some(first) = inputs.first().copied() else {
            return Err(Problem::Inputs { expected: 1, got: 0 });
        };
        if inputs.len() > MAX_INPUTS {
            return Err(Problem::TooManyInputs { most: MAX_INPUTS, got: inputs.len() });
        }
        if let Some(got) = inputs.iter().copied().find(|s| s.is_empty() || s.rank() == 0) {
            return Err(Problem::Empty { got });
        }
        let rest = |shape: &Shape| shape.dims()[1..].to_vec();
        if let Some(other) = inputs.iter().copied().find(|s| rest(s) != rest(&first)) {
            return Err(Problem::Joint { first, other });
        }
        let mut dims = first.dims().to_vec();
        dims[0] = inputs.iter().map(|s| s.dims()[0]).sum();
        Ok(LayerPlan::new(Shape::new(&dims)))
    }

    fn forward<T: Real>(&self, cx: &Cx<'_>, io: Forward<'_, T>) {
        for (x, to) in io.inputs.iter().zip(parts(cx.shapes)) {
            copy_columns(cx.pool, x, Columns::all(to.len), io.output, to);
        }
    }

    fn backward<T: Real>(&self, cx: &Cx<'_>, io: Backward<'_, T>) {
        for (grad, from) in io.grad_inputs.iter_mut().zip(parts(cx.shapes)) {
            if let Some(grad) = grad {
                copy_columns(cx.pool, io.grad_output, from, grad, Columns::all(from.len));
            }
        }
    }
}
