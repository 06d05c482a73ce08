//! 2-d convolution over images that lie channels-last: (n, height, width, channels).
//!
//! Weights lie `[out][kernel row][kernel column][in/groups]`, so that the inner
//! index of every product, (tap, channel), is contiguous on both sides.
//!
//! | file | what |
//! |---|---|
//! | `im2col.rs` | the reference: the matrix that the fast paths never build |
//! | `gather.rs` | blocks of that matrix on demand; phases of a stride |
//! | `direct.rs`, `stem_weight.rs` | images of few channels, read where they lie, for `f32` |
//! | `pooled.rs` | the same and a maximum behind it, while a few lines are in a cache |
//! | `indirect.rs` | the three passes as gathered products (`gemm/gathered.rs`, `weight.rs`) |
//! | `depthwise/` | one filter for each channel, over channel vectors |
//! | `portable.rs` | the same in plain loops, for `f64` and other processors |
//! | `bands.rs` | 1×1, depthwise and 1×1 behind each other, a band of lines at a time |
//! | `prepared.rs` | params in the form in which evaluation reads them |
//! | `buffer.rs` | a thread's memory |
//! | `winograd/` | 3×3 and 5×5 at stride 1 with fewer products, for `f32` |
//!
//! # Numeric order
//!
//! An element of the output starts at its bias and receives fused multiply-adds
//! in the order (kernel row, kernel column, channel), padding included as zeros:
//! the bits of im2col and a scalar product. An element of the input's gradient
//! receives them in the order (kernel row descending, kernel column descending,
//! output channel), so that output pixels ascend. An element of the weight's
//! gradient receives them with (image, row, column) of the output ascending, in
//! chunks whose number depends on the shape alone and whose sums are added in order. So
//! does the bias's, `direct` in the chunks of the weight, others in those of
//! [`reduce::column_sums_of_many`].
//! None of it depends on the number of threads, and AVX2 and AVX-512 give the
//! same bits.

mod bands;
#[cfg(test)]
mod bf16_tests;
mod buffer;
mod depthwise;
mod direct;
mod gather;
mod im2col;
mod indirect;
mod pooled;
mod portable;
mod prepared;
#[cfg(test)]
mod prepared_tests;
mod stem_weight;
#[cfg(test)]
mod tests;
mod weight;
mod winograd;

pub use bands::{Bands, Stage, bands_serve, forward_bands};
pub use im2col::{col2im, im2col};
pub use pooled::{Pooling, backward_pooled, forward_pooled};
pub use prepared::{Fold, forward_prepared, prepare};

use crate::gemm::{Mat, Start, gemm, gemm_then};
use crate::then::Then;
use crate::{Isa, Pool, Real, reduce};

/// One 2-d convolution for one image size. Pairs are (vertical, horizontal).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv {
    /// Rows of an input image.
    pub height: usize,
    /// Columns of an input image.
    pub width: usize,
    /// Channels of an input pixel.
    pub in_channels: usize,
    /// Channels of an output pixel.
    pub out_channels: usize,
    /// Taps.
    pub kernel: [usize; 2],
    /// Input pixels between the windows of neighbouring output pixels.
    pub stride: [usize; 2],
    /// Rows and columns of zeros on each side of the image.
    pub padding: [usize; 2],
    /// Input pixels between neighbouring taps.
    pub dilation: [usize; 2],
    /// Output channel o sees only the input channels of its group, which are
    /// in/groups neighbours; divides both channel counts.
    pub groups: usize,
}

/// Channels from which on AMX is faster than Winograd.
const MANY_CHANNELS: usize = 128;

impl Conv {
    fn out_extent(&self, axis: usize, size: usize) -> usize {
        let window = self.dilation[axis] * (self.kernel[axis] - 1) + 1;
        let padded = size + 2 * self.padding[axis];
        if padded < window { 0 } else { (padded - window) / self.stride[axis] + 1 }
    }

    /// Rows of an output image: floor((h + 2p − d(k−1) − 1) / s) + 1, or 0 if the
    /// window is larger than the padded image.
    #[must_use]
    pub fn out_height(&self) -> usize {
        self.out_extent(0, self.height)
    }

    /// Columns of an output image.
    #[must_use]
    pub fn out_width(&self) -> usize {
        self.out_extent(1, self.width)
    }

    /// Elements of `n` input images.
    #[must_use]
    pub fn in_len(&self, n: usize) -> usize {
        n * self.height * self.width * self.in_channels
    }

    /// Elements of `n` output images.
    #[must_use]
    pub fn out_len(&self, n: usize) -> usize {
        self.pixels(n) * self.out_channels
    }

    /// Elements of the weight: out · taps · in/groups.
    #[must_use]
    pub fn weight_len(&self) -> usize {
        self.out_channels * self.depth()
    }

    /// Multiply-adds of the forward pass for one example, padding included.
    #[must_use]
    pub fn macs(&self) -> u64 {
        self.pixels(1) as u64 * self.weight_len() as u64
    }

    /// Output pixels of `n` images.
    pub(crate) fn pixels(&self, n: usize) -> usize {
        n * self.out_height() * self.out_width()
    }

    /// Kernel positions.
    pub(crate) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Products of one output element: taps · in/groups.
    pub(crate) fn depth(&self) -> usize {
        self.taps() * (self.in_channels / self.groups)
    }

    /// The kind of convolution: `gemm` (1×1, a plain matrix product), `winograd
    /// 4x4` and `winograd 2x2` (3×3 and 5×5 at stride 1 in tiles of so many outputs),
    /// `direct` (few channels), `depthwise` (one filter for each channel) or `indirect`,
    /// a gathered product for each group. `f64` runs Winograd and direct ones as
    /// `indirect`.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        if let Some(form) = winograd::choose(self) {
            form.name()
        } else if self.is_plain() {
            "gemm"
        } else if direct::applies(self) {
            "direct"
        } else if self.is_depthwise() {
            "depthwise"
        } else {
            "indirect"
        }
    }

    /// The same in `f32`, with pairs of bfloat16 and with AMX. Products of bfloat16 are those
    /// of which `gemm` and `indirect` consist; the others stay as they are. AMX multiplies so
    /// fast that with many channels Winograd does not pay: there it is `indirect`, too.
    #[must_use]
    pub fn algorithms(&self) -> [&'static str; 3] {
        match self.algorithm() {
            "gemm" => ["gemm", "gemm bf16", "gemm bf16"],
            "indirect" => ["indirect", "indirect bf16", "indirect bf16"],
            winograd if self.suits_amx() && winograd::choose(self).is_some() => {
                [winograd, winograd, "indirect bf16"]
            }
            same => [same; 3],
        }
    }

    /// The form in which Winograd serves this convolution on an instruction set.
    fn winograd_on(&self, isa: Isa) -> Option<winograd::Form> {
        if isa.is_amx() && self.suits_amx() { None } else { winograd::choose(self) }
    }

    /// Whether there are so many products for each value that is gathered for AMX that
    /// Winograd's transforms in `f32` take longer than these products.
    fn suits_amx(&self) -> bool {
        self.in_channels.min(self.out_channels) >= MANY_CHANNELS
    }

    fn is_plain(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0] && self.groups == 1
    }

    fn is_depthwise(&self) -> bool {
        depthwise::serves(self)
    }

    /// Scratch elements that do not depend on the number of images.
    #[must_use]
    pub fn scratch_fixed(&self) -> usize {
        if self.is_depthwise() {
            return depthwise::scratch_len(self);
        }
        let tiles = winograd::choose(self).map_or(0, |form| winograd::scratch_len(self, form));
        let lines = if direct::applies(self) { direct::scratch_len(self) } else { 0 };
        indirect::scratch_len(self).max(tiles).max(lines)
    }

    /// Scratch elements for each image.
    #[must_use]
    pub fn scratch_per_example(&self) -> usize {
        0
    }

    /// Scratch elements that any of the three passes needs for `n` images.
    #[must_use]
    pub fn scratch_len(&self, n: usize) -> usize {
        self.scratch_fixed() + n * self.scratch_per_example()
    }

    /// Panics with the reason if a field makes no sense.
    fn check(&self) {
        assert!(self.groups > 0, "no groups");
        assert_eq!(self.in_channels % self.groups, 0, "groups do not divide the input channels");
        assert_eq!(self.out_channels % self.groups, 0, "groups do not divide the output channels");
        for axis in 0..2 {
            assert!(self.kernel[axis] > 0, "a kernel of extent 0");
            assert!(self.stride[axis] > 0, "a stride of 0");
            assert!(self.dilation[axis] > 0, "a dilation of 0");
        }
    }

    fn check_lengths(&self, n: usize, x: usize, weight: usize, y: usize, scratch: usize) {
        self.check();
        assert_eq!(x, self.in_len(n), "the input has another length");
        assert_eq!(weight, self.weight_len(), "the weight has another length");
        assert_eq!(y, self.out_len(n), "the output has another length");
        assert!(scratch >= self.scratch_len(n), "scratch is too small");
    }
}

/// `y` = bias + convolution of `x` with `weight`, then what follows ([`Then`]).
///
/// `x`: (n, height, width, in); `weight`: `[out][kh][kw][in/groups]`; `bias`: out;
/// `y`: (n, out height, out width, out), overwritten; `scratch`: at least
/// [`Conv::scratch_len`], any values.
///
/// # Panics
/// If a length differs.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub fn forward<T: Real>(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    n: usize,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    then: Then<'_, T>,
    scratch: &mut [T],
    y: &mut [T],
) {
    then.check(y.len());
    conv.check_lengths(n, x.len(), weight.len(), y.len(), scratch.len());
    if let Some(bias) = bias {
        assert_eq!(bias.len(), conv.out_channels, "the bias has another length");
    }
    if conv.is_plain() {
        let (m, k, outs) = (conv.pixels(n), conv.in_channels, conv.out_channels);
        let b = Mat::new(weight, outs, k).t();
        let start = bias.map_or(Start::Zero, Start::Bias);
        return gemm_then(isa, pool, Mat::new(x, m, k), b, start, then, y);
    }
    if let Some(form) = conv.winograd_on(isa)
        && let (Some(x), Some(weight)) = (T::as_f32(x), T::as_f32(weight))
        && let (Some(scratch), Some(y)) = (T::as_f32_mut(scratch), T::as_f32_mut(y))
    {
        let (bias, then) = (bias.and_then(T::as_f32), then.as_f32().expect("one element type"));
        return winograd::forward(isa, pool, conv, form, n, x, weight, bias, then, scratch, y);
    }
    if direct::applies(conv)
        && let (Some(x), Some(weight)) = (T::as_f32(x), T::as_f32(weight))
        && let (Some(scratch), Some(y)) = (T::as_f32_mut(scratch), T::as_f32_mut(y))
    {
        let (bias, then) = (bias.and_then(T::as_f32), then.as_f32().expect("one element type"));
        return direct::forward(isa, pool, conv, n, x, weight, bias, then, scratch, y);
    }
    if conv.is_depthwise() {
        return depthwise::forward(isa, pool, conv, x, weight, bias, then, scratch, y);
    }
    indirect::forward(isa, pool, conv, n, x, weight, bias, then, scratch, y);
}

/// `grad_x` = gradient with respect to the input, overwritten.
///
/// `g`: (n, out height, out width, out), the gradient with respect to the
/// output; others as in [`forward`].
///
/// # Panics
/// If a length differs.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub fn backward_input<T: Real>(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    n: usize,
    g: &[T],
    weight: &[T],
    scratch: &mut [T],
    grad_x: &mut [T],
) {
    conv.check_lengths(n, grad_x.len(), weight.len(), g.len(), scratch.len());
    if conv.is_plain() {
        let (m, k, outs) = (conv.pixels(n), conv.in_channels, conv.out_channels);
        return gemm(isa, pool, Mat::new(g, m, outs), Mat::new(weight, outs, k), Start::Zero, grad_x);
    }
    if let Some(form) = conv.winograd_on(isa)
        && let (Some(g), Some(weight)) = (T::as_f32(g), T::as_f32(weight))
        && let (Some(scratch), Some(grad_x)) = (T::as_f32_mut(scratch), T::as_f32_mut(grad_x))
    {
        return winograd::backward_input(isa, pool, conv, form, n, g, weight, scratch, grad_x);
    }
    if conv.is_depthwise() {
        return depthwise::backward_input(isa, pool, conv, g, weight, scratch, grad_x);
    }
    // One algorithm, one precision.
    let isa = if direct::applies(conv) { isa.in_f32() } else { isa };
    indirect::backward_input(isa, pool, conv, n, g, weight, scratch, grad_x);
}

/// `grad_weight` = gradient with respect to the weight, overwritten.
///
/// # Panics
/// If a length differs.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub fn backward_weight<T: Real>(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    n: usize,
    x: &[T],
    g: &[T],
    scratch: &mut [T],
    grad_weight: &mut [T],
) {
    backward_params(isa, pool, conv, n, x, g, scratch, grad_weight, &mut []);
}

/// [`backward_weight`], and `grad_bias` = gradient with respect to the bias, unless it is
/// empty; `scratch` then has [`reduce::SUM_CHUNKS`] elements for each output channel, too.
///
/// # Panics
/// If a length differs.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub fn backward_params<T: Real>(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    n: usize,
    x: &[T],
    g: &[T],
    scratch: &mut [T],
    grad_weight: &mut [T],
    grad_bias: &mut [T],
) {
    conv.check_lengths(n, x.len(), grad_weight.len(), g.len(), scratch.len());
    if direct::applies(conv)
        && conv.winograd_on(isa).is_none()
        && let (Some(x), Some(g)) = (T::as_f32(x), T::as_f32(g))
        && let (Some(scratch), Some(grad)) = (T::as_f32_mut(scratch), T::as_f32_mut(grad_weight))
    {
        let (g, bias) = (stem_weight::Arriving::Stored(g), T::as_f32_mut(grad_bias));
        let bias = bias.expect("one element type");
        return stem_weight::backward_params(isa, pool, conv, n, x, g, scratch, grad, bias);
    }
    weight_alone(isa, pool, conv, n, x, g, scratch, grad_weight);
    if !grad_bias.is_empty() {
        reduce::column_sums_of_many(isa, pool, conv.pixels(n), conv.out_channels, g, scratch, grad_bias);
    }
}

/// The weight's gradient of all convolutions but direct ones.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
fn weight_alone<T: Real>(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    n: usize,
    x: &[T],
    g: &[T],
    scratch: &mut [T],
    grad_weight: &mut [T],
) {
    if let Some(form) = conv.winograd_on(isa)
        && let (Some(x), Some(g)) = (T::as_f32(x), T::as_f32(g))
        && let (Some(scratch), Some(grad)) = (T::as_f32_mut(scratch), T::as_f32_mut(grad_weight))
    {
        return winograd::backward_weight(isa, pool, conv, form, n, x, g, scratch, grad);
    }
    if conv.is_depthwise() {
        return depthwise::backward_weight(isa, pool, conv, n, x, g, scratch, grad_weight);
    }
    indirect::backward_weight(isa, pool, conv, n, x, g, scratch, grad_weight);
}
