use super::max_pool2d::{output, planned, sliding};
use crate::Shape;
use crate::error::Problem;
use crate::layer::{Backward, Cx, Forward, Layer, LayerPlan};
use kobai_kernels::Real;
use kobai_kernels::pool2d::{self, Pool2d};

/// The mean of each window of an image, channel by channel.
///
/// # Formula
/// y\[c, i, j\] = 1/N · Σ over a, b of x\[c, i·s + a − p, j·s + b − p\], a and b
/// below the kernel's height and width, s the stride, p the padding. Padding
/// counts as 0. N is the number of positions of the window inside the padded
/// image, or without `count_include_pad` inside the image.
///
/// # Gradient
/// Each value of a window receives dL/dy / N; where windows overlap, gradients
/// add up.
///
/// # Shapes
/// `[C, H, W]` → `[C, H', W']`, H' = ⌊(H + 2p − k)/s⌋ + 1. With `ceil_mode` the
/// quotient is rounded up, and a last window that would begin in the padding
/// after the image is left out.
///
/// # Saved
/// Nothing.
///
/// # Train/Eval
/// The same.
///
/// # Cost
/// k² additions per output value each way.
///
/// # Errors
/// Input that is not `[C, H, W]`; kernel or stride 0; padding of more than half
/// the kernel; a kernel larger than the padded image.
///
/// # Source
/// Agrees with `torch.nn.AvgPool2d`.
///
/// # Example
/// ```
/// use kobai_engine::{Alone, layers::AvgPool2d};
/// let mut layer = Alone::<f32>::new(AvgPool2d::new(2, 2), &[[1, 2, 4].into()], 1).unwrap();
/// let y = layer.forward(&[&[1.0, 5.0, 0.0, 2.0, /* next row */ 4.0, 2.0, 4.0, 2.0]]);
/// assert_eq!(y, [3.0, 2.0]);
/// let gradient = &layer.backward(&[4.0, 8.0]).inputs[0];
/// assert_eq!(*gradient, [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvgPool2d {
    /// Height and width of a window.
    pub kernel: [usize; 2],
    /// Rows and columns from one window to the next.
    pub stride: [usize; 2],
    /// Rows and columns added on each side.
    pub padding: [usize; 2],
    /// Whether a last window may be incomplete.
    pub ceil_mode: bool,
    /// Whether the padding counts in the divisor.
    pub count_include_pad: bool,
}

impl AvgPool2d {
    /// Square windows without padding.
    #[must_use]
    pub fn new(kernel: usize, stride: usize) -> Self {
        AvgPool2d {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [0; 2],
            ceil_mode: false,
            count_include_pad: true,
        }
    }

    /// The same with padding on all sides.
    #[must_use]
    pub fn padding(self, padding: usize) -> Self {
        AvgPool2d { padding: [padding; 2], ..self }
    }

    /// The same with or without incomplete windows at the end.
    #[must_use]
    pub fn ceil_mode(self, ceil_mode: bool) -> Self {
        AvgPool2d { ceil_mode, ..self }
    }

    /// The same with or without the padding in the divisor.
    #[must_use]
    pub fn count_include_pad(self, count_include_pad: bool) -> Self {
        AvgPool2d { count_include_pad, ..self }
    }

    fn geometry(&self, inputs: &[Shape]) -> Result<Pool2d, Problem> {
        sliding(inputs, self.kernel, self.stride, self.padding, self.ceil_mode)
    }
}

impl Layer for AvgPool2d {
    fn kind(&self) -> &'static str {
        "avg-pool2d"
    }

    fn plan(&self, inputs: &[Shape]) -> Result<LayerPlan, Problem> {
        Ok(LayerPlan::new(output(&self.geometry(inputs)?)))
    }

    fn forward<T: Real>(&self, cx: &Cx<'_>, io: Forward<'_, T>) {
        let by = planned(self.geometry(cx.shapes));
        pool2d::avg_forward(cx.isa, cx.pool, &by, self.count_include_pad, cx.n, io.inputs[0], io.output);
    }

    fn backward<T: Real>(&self, cx: &Cx<'_>, mut io: Backward<'_, T>) {
        let by = planned(self.geometry(cx.shapes));
        let g = io.grad_output;
        if let Some(grad) = io.grad_input(0) {
            pool2d::avg_backward(cx.isa, cx.pool, &by, self.count_include_pad, cx.n, g, grad);
        }
    }
}
