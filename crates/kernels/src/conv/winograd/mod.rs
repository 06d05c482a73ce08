//! Winograd's convolution for 3×3 and 5×5 taps at stride 1, in all three passes.
//!
//! | file | what |
//! |---|---|
//! | `points.rs` | the transforms on one axis |
//! | `grid.rs` | where the windows of tiles lie |
//! | `loops.rs` | transforms of tiles, for every instruction set |
//! | `image.rs` | forward pass and gradient of the input |
//! | `few.rs` | the same for few tiles and many weights |
//! | `filter.rs` | their weight: transformed, or kept for that |
//! | `weight.rs` | gradient of the weight |
//!
//! F(M, R) computes M×M outputs from R×R taps and a window of T×T inputs, T = M +
//! R − 1, with T² products instead of M²R²: 36 instead of 144 for F(4, 3), 16
//! instead of 36 for F(2, 3), 36 instead of 100 for F(2, 5). For a tile d of one input channel and the taps w
//!
//! ```text
//! y  = Aᵀ [ Σ over channels (G w Gᵀ) ⊙ (Bᵀ d B) ] A
//! dw = Gᵀ [ Σ over tiles    (A g Aᵀ) ⊙ (Bᵀ d B) ] G
//! ```
//!
//! and the gradient of the input is the first form with g for d and the taps
//! turned by 180°. For each of the T² points the sum is a matrix product over
//! channels (tiles).
//!
//! # Numeric order
//!
//! Transforms are applied down the columns, then along the rows, in the
//! operations of `points.rs`. A product of a point is one chain of fused
//! multiply-adds with the channel (tile) ascending; tiles are counted by image,
//! row, column. For the gradient of the weight they are cut into chunks, whose
//! number depends on the shape alone; the chunks' gradients are added in order. A
//! bias is added last. Blocks of tiles and threads do not change that, and AVX2
//! and AVX-512 give the same bits.
//!
//! # Error
//!
//! Let |X| be a matrix of magnitudes, and u = 2⁻²⁴. A transform on one axis has
//! at most `r` roundings on the way to a value, constants included, a chain of
//! k products k. So, to first order in u (Higham, *Accuracy and Stability of
//! Numerical Algorithms*, 3.1), an output is off by at most
//!
//! ```text
//! (k + 2·(r_B + r_G + r_A)) · u · |Aᵀ| [ Σ (|G| |w| |Gᵀ|) ⊙ (|Bᵀ| |d| |B|) ] |A|
//! ```
//!
//! which is what the tests allow. The amplification, the last factor over
//! Σ |w| ⊙ |d|, is what distinguishes algorithms: for equal magnitudes its mean
//! over the outputs of a tile is 52 and its maximum 69 for F(4, 3) with the points
//! of `points.rs` (77 and 256 with 0, ±1, ±2, ∞), 56 and 56 for F(2, 5), 7 for
//! F(2, 3), 1 for the direct sum. Errors do not all point the same way: measured on
//! normal numbers, F(4, 3) is off by about twice as much as the direct sum, F(2, 3)
//! by no more than it.

mod few;
mod filter;
mod grid;
mod image;
mod loops;
mod points;
#[cfg(test)]
mod tests;
mod weight;

use super::Conv;
use super::buffer::LINE;

pub(super) use filter::keep;
pub(super) use image::{backward_input, forward, forward_kept, kept_len};
pub(super) use weight::backward_weight;

/// Most channels: a block of transformed tiles must fit into the thread's buffer.
const MOST_CHANNELS: usize = 2048;

/// How many outputs a tile has on an axis, and how many taps there are on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// Outputs.
    pub(super) m: usize,
    /// Taps.
    pub(super) r: usize,
}

impl Form {
    /// All that there are.
    pub(super) const ALL: [Form; 3] = [Form { m: 2, r: 3 }, Form { m: 4, r: 3 }, Form { m: 2, r: 5 }];

    /// Points of a tile.
    const fn points(self) -> usize {
        (self.m + self.r - 1) * (self.m + self.r - 1)
    }

    /// Taps of a kernel.
    const fn taps(self) -> usize {
        self.r * self.r
    }

    /// The name of the algorithm.
    pub(super) fn name(self) -> &'static str {
        if self.m == 4 { "winograd 4x4" } else { "winograd 2x2" }
    }
}

/// The form with which Winograd pays for this convolution, if one does.
///
/// Counted in multiply-adds: the products, and transforms of some six
/// operations for each point and channel, in whole vectors.
pub(super) fn choose(conv: &Conv) -> Option<Form> {
    let [r, _] = conv.kernel;
    let applies = conv.kernel == [r; 2]
        && conv.stride == [1, 1]
        && conv.dilation == [1, 1]
        && conv.groups == 1
        && conv.padding.iter().all(|p| *p < r)
        && conv.in_channels.max(conv.out_channels) <= MOST_CHANNELS;
    if !applies || conv.pixels(1) == 0 {
        return None;
    }
    let whole = |channels: usize| channels.next_multiple_of(16);
    let products = conv.in_channels * conv.out_channels;
    let cost = |form: &Form| {
        let tiles = conv.out_height().div_ceil(form.m) * conv.out_width().div_ceil(form.m);
        let transforms = 6 * (whole(conv.in_channels) + whole(conv.out_channels));
        tiles * form.points() * (products + transforms)
    };
    let direct = conv.pixels(1) * conv.taps() * products;
    let best = Form::ALL.into_iter().filter(|form| form.r == r).min_by_key(cost)?;
    (cost(&best) * 4 <= direct * 3).then_some(best)
}

/// Scratch elements of any pass.
pub(super) fn scratch_len(conv: &Conv, form: Form) -> usize {
    image::scratch_len(conv, form).max(weight::scratch_len(conv)) + LINE
}
