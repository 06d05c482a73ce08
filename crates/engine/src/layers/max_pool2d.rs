use crate::Shape;
use crate::error::Problem;
use crate::layer::{Backward, Cx, Extent, Forward, Layer, LayerPlan, in_range, one_image};
use kobai_kernels::Real;
use kobai_kernels::pool2d::{self, Axis, Pool2d};

/// The largest value of each window of an image, channel by channel.
///
/// # Formula
/// y\[c, i, j\] = max over a, b of x\[c, i·s + a − p, j·s + b − p\], a and b
/// below the kernel's height and width, s the stride, p the padding. Padding
/// counts as −∞.
///
/// # Gradient
/// dL/dy goes to the value that was the largest, the first in row-major order
/// if there are several; where windows overlap, gradients add up.
///
/// # Shapes
/// `[C, H, W]` → `[C, H', W']`, H' = ⌊(H + 2p − k)/s⌋ + 1. With `ceil_mode` the
/// quotient is rounded up, and a last window that would begin in the padding
/// after the image is left out.
///
/// # Saved
/// Where the largest value was, a byte for each output. For windows of more than 256
/// values nothing: backward reads the input and finds it again. A ReLU or ReLU6
/// before the pooling is computed in its pass: the largest of clamped values is the
/// clamped largest value.
///
/// # Train/Eval
/// The same.
///
/// # Cost
/// k² comparisons per output value forward, the same backward.
///
/// # Errors
/// Input that is not `[C, H, W]`; kernel or stride 0; padding of more than half
/// the kernel; a kernel larger than the padded image.
///
/// # Source
/// Agrees with `torch.nn.MaxPool2d`.
///
/// # Example
/// ```
/// use kobai_engine::{Alone, layers::MaxPool2d};
/// let mut layer = Alone::<f32>::new(MaxPool2d::new(2, 2), &[[1, 2, 4].into()], 1).unwrap();
/// let y = layer.forward(&[&[1.0, 5.0, 0.0, 2.0, /* next row */ 4.0, 3.0, 7.0, 2.0]]);
/// assert_eq!(y, [5.0, 7.0]);
/// let gradient = &layer.backward(&[10.0, 20.0]).inputs[0];
/// assert_eq!(*gradient, [0.0, 10.0, 0.0, 0.0, 0.0, 0.0, 20.0, 0.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool2d {
    /// Height and width of a window.
    pub kernel: [usize; 2],
    /// Rows and columns from one window to the next.
    pub stride: [usize; 2],
    /// Rows and columns added on each side.
    pub padding: [usize; 2],
    /// Whether a last window may be incomplete.
    pub ceil_mode: bool,
}

impl MaxPool2d {
    /// Square windows without padding.
    #[must_use]
    pub fn new(kernel: usize, stride: usize) -> Self {
        MaxPool2d { kernel: [kernel; 2], stride: [stride; 2], padding: [0; 2], ceil_mode: false }
    }

    /// The same with padding on all sides.
    #[must_use]
    pub fn padding(self, padding: usize) -> Self {
        MaxPool2d { padding: [padding; 2], ..self }
    }

    /// The same with or without incomplete windows at the end.
    #[must_use]
    pub fn ceil_mode(self, ceil_mode: bool) -> Self {
        MaxPool2d { ceil_mode, ..self }
    }

    /// The windows of an input that a plan has accepted.
    pub(crate) fn kernels(&self, inputs: &[Shape]) -> Pool2d {
        planned(self.geometry(inputs))
    }

    fn geometry(&self, inputs: &[Shape]) -> Result<Pool2d, Problem> {
        sliding(inputs, self.kernel, self.stride, self.padding, self.ceil_mode)
    }
}

/// The windows of a pooling, or why there are none.
pub(super) fn sliding(
    inputs: &[Shape],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    ceil_mode: bool,
) -> Result<Pool2d, Problem> {
    let [channels, height, width] = one_image(inputs)?;
    in_range("kernel", kernel, 1)?;
    in_range("stride", stride, 1)?;
    in_range("padding", padding, 0)?;
    if (0..2).any(|i| padding[i] > kernel[i] / 2) {
        return Err(Problem::Padding { kernel, padding });
    }
    let axis = |i: usize, input| Axis::sliding(input, kernel[i], stride[i], padding[i], ceil_mode);
    match (axis(0, height), axis(1, width)) {
        (Some(height), Some(width)) => Ok(Pool2d { channels, height, width }),
        _ => {
            let padded = [height + 2 * padding[0], width + 2 * padding[1]];
            Err(Problem::Window { window: kernel, padded, got: inputs[0] })
        }
    }
}

/// Shape of the output.
pub(super) fn output(by: &Pool2d) -> Shape {
    [by.channels, by.height.output(), by.width.output()].into()
}

/// The windows for a shape that a plan has accepted.
pub(super) fn planned(geometry: Result<Pool2d, Problem>) -> Pool2d {
    geometry.expect("a plan was made for this shape")
}

impl Layer for MaxPool2d {
    fn kind(&self) -> &'static str {
        "max-pool2d"
    }

    fn plan(&self, inputs: &[Shape]) -> Result<LayerPlan, Problem> {
        let by = self.geometry(inputs)?;
        let saves = pool2d::fits_a_byte(self.kernel);
        let positions = if saves { pool2d::positions_len(&by) } else { 0 };
        Ok(LayerPlan {
            reads_input: !saves,
            reads_output: true,
            saved: Extent { fixed: 0, per_example: positions },
            ..LayerPlan::new(output(&by))
        })
    }

    fn forward<T: Real>(&self, cx: &Cx<'_>, io: Forward<'_, T>) {
        let by = self.kernels(cx.shapes);
        let (x, after) = (io.inputs[0], io.then.after);
        match io.saved {
            [] => pool2d::max_forward(cx.isa, cx.pool, (&by, after), cx.n, x, io.output),
            saved => pool2d::max_forward_saving(cx.isa, cx.pool, (&by, after), cx.n, x, io.output, saved),
        }
    }

    fn backward<T: Real>(&self, cx: &Cx<'_>, mut io: Backward<'_, T>) {
        let by = self.kernels(cx.shapes);
        let (x, y, g) = (io.inputs, io.output, io.grad_output);
        let (saved, after) = (io.saved, io.after);
        let Some(grad) = io.grad_input(0) else { return };
        match x.first() {
            Some(x) => pool2d::max_backward(cx.isa, cx.pool, &by, cx.n, x, y, g, grad),
            None => {
                pool2d::max_backward_saved(cx.isa, cx.pool, &by, after, cx.n, (y, saved), g, grad);
            }
        }
    }
}
