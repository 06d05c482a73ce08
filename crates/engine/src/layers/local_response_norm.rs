use crate::Shape;
use crate::error::Problem;
use crate::layer::{Backward, Cx, Extent, Forward, Layer, LayerPlan, Mode, in_range, one_image};
use kobai_kernels::Real;
use kobai_kernels::lrn::{self, Lrn};

/// Divides each value by the strength of the neighbouring channels at its pixel.
///
/// # Formula
/// y = x / d^β, d = k + α/size · Σ x² over `size` channels around the own one:
/// ⌊size/2⌋ below to ⌊(size − 1)/2⌋ above, as far as there are any. α is divided
/// by `size` even at the borders.
///
/// # Gradient
/// For g = dL/dy: dL/dx = g/d^β − 2αβ/size · x · Σ g·x/d^(β+1) over the channels
/// whose windows contain the own one.
///
/// # Shapes
/// `[C, H, W]` → the same.
///
/// # Saved
/// d; backward reads the input.
///
/// # Train/Eval
/// The same.
///
/// # Cost
/// `size` additions, a logarithm and an exponential per value each way.
///
/// # Errors
/// Input that is not `[C, H, W]`; size 0; k ≤ 0 or α < 0 (d could be 0); β not
/// finite.
///
/// # Source
/// Krizhevsky et al. 2012, section 3.3, where α is not divided by the size (their
/// 1e-4 is 5e-4 here); agrees with `torch.nn.LocalResponseNorm`.
///
/// # Example
/// ```
/// use kobai_engine::{Alone, layers::LocalResponseNorm};
/// let lrn = LocalResponseNorm { size: 3, alpha: 3.0, beta: 1.0, k: 1.0 };
/// let mut layer = Alone::<f64>::new(lrn, &[[3, 1, 1].into()], 1).unwrap();
/// let y = layer.forward(&[&[1.0, 2.0, 3.0]]);
/// let expected = [1.0 / 6.0, 2.0 / 15.0, 3.0 / 14.0]; // 1 + 1 + 4, 1 + 1 + 4 + 9, 1 + 4 + 9
/// assert!(y.iter().zip(expected).all(|(y, e)| (y - e).abs() < 1e-15));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalResponseNorm {
    /// Channels of a window.
    pub size: usize,
    /// Factor of the mean of squares.
    pub alpha: f64,
    /// Exponent.
    pub beta: f64,
    /// Offset.
    pub k: f64,
}

impl LocalResponseNorm {
    /// Windows of `size` channels with PyTorch's α 1e-4, β 0.75, k 1.
    #[must_use]
    pub fn new(size: usize) -> Self {
        LocalResponseNorm { size, alpha: 1e-4, beta: 0.75, k: 1.0 }
    }

    fn kernel(&self, shape: Shape) -> Lrn {
        let LocalResponseNorm { size, alpha, beta, k } = *self;
        Lrn { channels: shape.dims()[0], size, alpha, beta, k }
    }
}

impl Layer for LocalResponseNorm {
    fn kind(&self) -> &'static str {
        "local-response-norm"
    }

    fn plan(&self, inputs: &[Shape]) -> Result<LayerPlan, Problem> {
        one_image(inputs)?;
        in_range("size", [self.size; 2], 1)?;
        let bad = [
            ("alpha", self.alpha, "a finite value >= 0", self.alpha >= 0.0),
            ("beta", self.beta, "a finite value", true),
            ("k", self.k, "a finite value > 0", self.k > 0.0),
        ];
        if let Some((name, got, range, _)) = bad.into_iter().find(|(_, v, _, ok)| !(*ok && v.is_finite())) {
            return Err(Problem::Setting { name, got, range });
        }
        let all = Extent { fixed: 0, per_example: inputs[0].len() };
        Ok(LayerPlan { reads_input: true, saved: all, scratch: all, ..LayerPlan::new(inputs[0]) })
    }

    fn forward<T: Real>(&self, cx: &Cx<'_>, io: Forward<'_, T>) {
        let (by, x) = (self.kernel(cx.shapes[0]), io.inputs[0]);
        if cx.mode == Mode::Train {
            lrn::denominators(cx.isa, cx.pool, &by, x, io.saved);
            io.output.copy_from_slice(io.saved);
        } else {
            lrn::denominators(cx.isa, cx.pool, &by, x, io.output);
        }
        lrn::divide(cx.isa, cx.pool, &by, x, io.output);
    }

    fn backward<T: Real>(&self, cx: &Cx<'_>, mut io: Backward<'_, T>) {
        let by = self.kernel(cx.shapes[0]);
        let (x, d, g) = (io.inputs[0], io.saved, io.grad_output);
        let scratch = std::mem::take(&mut io.scratch);
        if let Some(grad) = io.grad_input(0) {
            lrn::backward(cx.isa, cx.pool, &by, x, d, g, scratch, grad);
        }
    }
}
