use super::max_pool2d::{output, planned};
use crate::Shape;
use crate::error::Problem;
use crate::layer::{Backward, Cx, Forward, Layer, LayerPlan, in_range, one_image};
use kobai_kernels::Real;
use kobai_kernels::pool2d::{self, Axis, Pool2d};

/// The mean of as many windows as the output should have pixels; with an output
/// of 1×1 the mean of each channel.
///
/// # Formula
/// Output row i of H' averages the input rows ⌊i·H/H'⌋ .. ⌈(i + 1)·H/H'⌉ of H,
/// columns likewise.
///
/// # Gradient
/// Each value of a window receives dL/dy divided by the window's size; where
/// windows overlap, gradients add up.
///
/// # Shapes
/// `[C, H, W]` → `[C, H', W']`, whatever H and W are.
///
/// # Saved
/// Nothing.
///
/// # Train/Eval
/// The same.
///
/// # Cost
/// One addition per value of each window, each way.
///
/// # Errors
/// Input that is not `[C, H, W]`; an output of 0 rows or columns.
///
/// # Source
/// Agrees with `torch.nn.AdaptiveAvgPool2d`; the global form is that of Lin et
/// al. 2014.
///
/// # Example
/// ```
/// use kobai_engine::{Alone, layers::AdaptiveAvgPool2d};
/// let image = [[1, 1, 3].into()];
/// let mut global = Alone::<f32>::new(AdaptiveAvgPool2d::new(1, 1), &image, 1).unwrap();
/// assert_eq!(global.forward(&[&[1.0, 2.0, 6.0]]), [3.0]);
/// // Two windows share the pixel in the middle.
/// let mut halves = Alone::<f32>::new(AdaptiveAvgPool2d::new(1, 2), &image, 1).unwrap();
/// assert_eq!(halves.forward(&[&[1.0, 2.0, 6.0]]), [1.5, 4.0]);
/// assert_eq!(halves.backward(&[2.0, 4.0]).inputs[0], [1.0, 3.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveAvgPool2d {
    /// Height and width of the output.
    pub output: [usize; 2],
}

impl AdaptiveAvgPool2d {
    /// An output of this height and width.
    #[must_use]
    pub fn new(height: usize, width: usize) -> Self {
        AdaptiveAvgPool2d { output: [height, width] }
    }

    fn geometry(&self, inputs: &[Shape]) -> Result<Pool2d, Problem> {
        let [channels, height, width] = one_image(inputs)?;
        in_range("output", self.output, 1)?;
        let (height, width) = (Axis::adaptive(height, self.output[0]), Axis::adaptive(width, self.output[1]));
        Ok(Pool2d { channels, height, width })
    }
}

impl Layer for AdaptiveAvgPool2d {
    fn kind(&self) -> &'static str {
        "adaptive-avg-pool2d"
    }

    fn plan(&self, inputs: &[Shape]) -> Result<LayerPlan, Problem> {
        Ok(LayerPlan::new(output(&self.geometry(inputs)?)))
    }

    fn forward<T: Real>(&self, cx: &Cx<'_>, io: Forward<'_, T>) {
        let by = planned(self.geometry(cx.shapes));
        pool2d::avg_forward(cx.isa, cx.pool, &by, false, cx.n, io.inputs[0], io.output);
    }

    fn backward<T: Real>(&self, cx: &Cx<'_>, mut io: Backward<'_, T>) {
        let by = planned(self.geometry(cx.shapes));
        let g = io.grad_output;
        if let Some(grad) = io.grad_input(0) {
            pool2d::avg_backward(cx.isa, cx.pool, &by, false, cx.n, g, grad);
        }
    }
}
