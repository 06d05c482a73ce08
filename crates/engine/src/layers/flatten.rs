use crate::Shape;
use crate::error::Problem;
use crate::layer::{Backward, Cx, Forward, Layer, LayerPlan, one_input};
use kobai_kernels::Real;
use kobai_kernels::reorder::transpose;

/// Turns an example of any shape into a row of features.
///
/// # Formula
/// Channel-major order, as PyTorch flattens (C, H, W). Images lie channels-last
/// in memory, so the values of an image with several channels are reordered;
/// rows and images with one channel keep their order.
///
/// # Gradient
/// The inverse reordering.
///
/// # Shapes
/// `[d₁, …, dᵣ]` → `[d₁·…·dᵣ]`.
///
/// # Saved
/// Nothing.
///
/// # Train/Eval
/// The same.
///
/// # Cost
/// Nothing, or one pass over the values if there are several channels.
///
/// # Errors
/// More than one input.
///
/// # Source
/// `torch.nn.Flatten`.
///
/// # Example
/// ```
/// use kobai_engine::{Alone, layers::Flatten};
/// // Two channels of 1×2 pixels: in memory pixel by pixel, flattened channel by channel.
/// let mut layer = Alone::<f32>::new(Flatten, &[[2, 1, 2].into()], 1).unwrap();
/// assert_eq!(layer.forward(&[&[1.0, 10.0, 2.0, 20.0]]), [1.0, 2.0, 10.0, 20.0]);
/// assert_eq!(layer.backward(&[1.0, 2.0, 10.0, 20.0]).inputs[0], [1.0, 10.0, 2.0, 20.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flatten;

/// Channels and positions of an image; one channel for anything else.
fn extents(shape: Shape) -> (usize, usize) {
    match *shape.dims() {
        [c, h, w] => (c, h * w),
        _ => (1, shape.len()),
    }
}

/// Whether the order in memory is already the flattened order.
fn is_view(shape: Shape) -> bool {
    let (channels, positions) = extents(shape);
    channels == 1 || positions == 1
}

impl Layer for Flatten {
    fn kind(&self) -> &'static str {
        "flatten"
    }

    fn plan(&self, inputs: &[Shape]) -> Result<LayerPlan, Problem> {
        let input = one_input(inputs)?;
        let in_place = is_view(input);
        Ok(LayerPlan {
            in_place,
            algorithm: if in_place { "view" } else { "reorder" },
            ..LayerPlan::new([input.len()].into())
        })
    }

    fn forward<T: Real>(&self, cx: &Cx<'_>, io: Forward<'_, T>) {
        if !is_view(cx.shapes[0]) {
            let (channels, positions) = extents(cx.shapes[0]);
            transpose(cx.isa, cx.pool, (positions, channels), io.inputs[0], io.output);
        }
    }

    fn backward<T: Real>(&self, cx: &Cx<'_>, mut io: Backward<'_, T>) {
        let from = io.grad_output;
        if let Some(grad) = io.grad_input(0)
            && !is_view(cx.shapes[0])
        {
            let (channels, positions) = extents(cx.shapes[0]);
            transpose(cx.isa, cx.pool, (channels, positions), from, grad);
        }
    }
}
