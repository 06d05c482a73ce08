//! Depthwise convolution: one filter for each channel, so that everything runs
//! over channel vectors and nothing is multiplied across channels.
//!
//! Output (or input-gradient) rows are tasks. A row is walked pixel by pixel with
//! all channels inside, so that memory is read in order; where a 3-wide kernel
//! lies wholly inside the image, [`GROUP`] neighbouring pixels share the values
//! and weights that they load. The weight gradient keeps the sums of a channel
//! block in registers along a row of the output.
//!
//! `vectors.rs` and `vector_sums.rs` do so with explicit vectors, `twin.rs` in plain loops,
//! for `f64` and other processors.
//!
//! The order of every sum is that of the module above; the weight gradient is cut
//! into at most [`CHUNKS`] chunks of whole output rows, added in order.

mod twin;
mod vector_sums;
mod vectors;

use super::Conv;
use crate::simd::{dispatch, dispatch_vectors};
use crate::then::{After, Then};
use crate::{Isa, Pool, Real};
use twin::Wide;
use vector_sums::VectorSums;
use vectors::VectorRows;

/// Neighbouring pixels that are computed together.
const GROUP: usize = 4;
/// Elements of a task.
const TASK: usize = 1 << 14;
/// Most partial sums of an element of the weight gradient.
const CHUNKS: usize = 16;
/// Output pixels that are worth a chunk.
const CHUNK_PIXELS: usize = 1 << 11;
/// Channels of a task of the weight gradient where there are few chunks.
const BLOCK: usize = 64;

/// Whether these kernels serve the convolution.
pub(super) fn serves(conv: &Conv) -> bool {
    conv.groups > 1 && conv.groups == conv.in_channels && conv.groups == conv.out_channels
}

/// Scratch elements: the weights by tap, or partial sums of their gradient.
pub(super) fn scratch_len(conv: &Conv) -> usize {
    conv.taps() * (CHUNKS * conv.in_channels).max(conv.in_channels + BLOCK)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The taps of one position on one axis that fall on the image, in the order of the
/// sum: both the taps and the places where they fall are evenly spaced.
#[derive(Clone, Copy)]
struct Taps {
    len: usize,
    tap: usize,
    /// Wraps: taps descend in the backward pass.
    tap_step: usize,
    place: usize,
    place_step: usize,
}

impl Taps {
    const NONE: Taps = Taps { len: 0, tap: 0, tap_step: 0, place: 0, place_step: 0 };

    /// (tap, place) of each.
    #[inline(always)]
    fn each(self) -> impl Iterator<Item = (usize, usize)> {
        let Taps { len, tap, tap_step, place, place_step } = self;
        (0..len).map(move |i| (tap.wrapping_add(i.wrapping_mul(tap_step)), place + i * place_step))
    }
}

/// How positions of the image that is written depend on those of the one that is read.
#[derive(Clone, Copy)]
struct Axis {
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
    /// Extents of the image that is read and of the one that is written.
    from: usize,
    to: usize,
    /// Whether outputs are read, to write the gradient of inputs.
    backward: bool,
}

impl Axis {
    fn of(conv: &Conv, axis: usize, backward: bool) -> Self {
        let input = [conv.height, conv.width][axis];
        let output = [conv.out_height(), conv.out_width()][axis];
        let (from, to) = if backward { (output, input) } else { (input, output) };
        Axis {
            kernel: conv.kernel[axis],
            stride: conv.stride[axis],
            padding: conv.padding[axis],
            dilation: conv.dilation[axis],
            from,
            to,
            backward,
        }
    }

    #[inline]
    fn taps(&self, to: usize) -> Taps {
        if self.backward { self.taps_backward(to) } else { self.taps_forward(to) }
    }

    /// Tap k falls on to · stride + k · dilation − padding.
    #[inline]
    fn taps_forward(&self, to: usize) -> Taps {
        let first = to * self.stride;
        let tap = self.padding.saturating_sub(first).div_ceil(self.dilation);
        let place = first + tap * self.dilation - self.padding.min(first + tap * self.dilation);
        if tap >= self.kernel || place >= self.from {
            return Taps::NONE;
        }
        let len = (self.kernel - tap).min((self.from - place).div_ceil(self.dilation));
        Taps { len, tap, tap_step: 1, place, place_step: self.dilation }
    }

    /// Tap k falls on (to + padding − k · dilation) / stride where that is whole.
    #[inline]
    fn taps_backward(&self, to: usize) -> Taps {
        let shifted = to + self.padding;
        let most = (shifted / self.dilation).min(self.kernel - 1);
        // Whole again after at most `stride` taps, or never.
        let whole = |k: &usize| (shifted - k * self.dilation).is_multiple_of(self.stride);
        let Some(tap) = (most.saturating_sub(self.stride - 1)..=most).rev().find(whole) else {
            return Taps::NONE;
        };
        let place = (shifted - tap * self.dilation) / self.stride;
        if place >= self.from {
            return Taps::NONE;
        }
        let shared = gcd(self.stride, self.dilation);
        let (taps, places) = (self.stride / shared, self.dilation / shared);
        let len = (tap / taps + 1).min((self.from - place).div_ceil(places));
        Taps { len, tap, tap_step: 0usize.wrapping_sub(taps), place, place_step: places }
    }

    /// Whether three taps fall on three neighbours, and the step from one
    /// position's neighbours to the next one's.
    fn neighbours(&self) -> Option<usize> {
        let step = if self.backward { 1 } else { self.stride };
        let plain = self.kernel == 3 && self.dilation == 1 && (!self.backward || self.stride == 1);
        (plain && step <= 2).then_some(step)
    }

    /// Lines that the next line of what is written sees for the first time.
    fn lines(&self) -> usize {
        if self.backward { 1 } else { self.stride }
    }

    /// Positions that see all three neighbours.
    fn inside(&self, step: usize) -> std::ops::Range<usize> {
        let before = if self.backward { 2usize.saturating_sub(self.padding) } else { self.padding };
        let skipped = if self.backward { self.padding.saturating_sub(2) } else { 0 };
        let start = before.div_ceil(step);
        // The last position whose third neighbour exists.
        let last = (self.from + before).checked_sub(3 + skipped).map(|room| room / step);
        start..last.map_or(0, |last| (last + 1).min(self.to)).max(start)
    }
}

/// Some rows of the image that is written.
struct Rows<'a, T> {
    axes: [Axis; 2],
    channels: usize,
    /// First row, counted over all images.
    first: usize,
    from: &'a [T],
    /// `[tap][channel]`.
    weight: &'a [T],
    bias: Option<&'a [T]>,
    /// What happens to each value; vectors only.
    after: After,
    to: &'a mut [T],
}

/// `weight` by tap: `[tap][channel]` from `[channel][tap]`.
pub(super) fn by_tap<T: Real>(conv: &Conv, weight: &[T], to: &mut [T]) {
    let taps = conv.taps();
    for (tap, to) in to.chunks_exact_mut(conv.in_channels).enumerate() {
        for (to, w) in to.iter_mut().zip(weight[tap..].iter().step_by(taps)) {
            *to = *w;
        }
    }
}

/// Rows of the image that is written, from a weight by tap.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
fn rows<T: Real>(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    backward: bool,
    from: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    then: Then<'_, T>,
    to: &mut [T],
) {
    then.check(to.len());
    // A sum takes a pass of its own: no network has one behind these.
    let after = if then.add.is_none() { then.after } else { After::Nothing };
    let axes = [0, 1].map(|axis| Axis::of(conv, axis, backward));
    let channels = conv.in_channels;
    let row = axes[1].to * channels;
    if row == 0 {
        return;
    }
    let count = TASK.div_ceil(row);
    pool.chunks_mut(to, count * row, |i, to| {
        let first = i * count;
        if isa != Isa::SCALAR
            && let (Some(from), Some(weight), Some(to)) =
                (T::as_f32(from), T::as_f32(weight), T::as_f32_mut(to))
        {
            let bias = bias.and_then(T::as_f32);
            let rows = Rows { axes, channels, first, from, weight, bias, after, to };
            return dispatch_vectors(isa, VectorRows(rows));
        }
        let rows = Rows { axes, channels, first, from, weight, bias, after, to: &mut *to };
        dispatch(isa, Wide::<_, 8>(rows));
        Then { add: None, after }.apply(isa, &Pool::serial(), to);
    });
    if then.add.is_some() {
        then.apply(isa, pool, to);
    }
}

#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(super) fn forward<T: Real>(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    then: Then<'_, T>,
    scratch: &mut [T],
    y: &mut [T],
) {
    let by_taps = &mut scratch[..conv.weight_len()];
    by_tap(conv, weight, by_taps);
    rows(isa, pool, conv, false, x, by_taps, bias, then, y);
}

/// [`forward`] with a weight that lies by tap ([`by_tap`]).
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(super) fn forward_by_tap<T: Real>(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    x: &[T],
    weight: &[T],
    bias: &[T],
    then: Then<'_, T>,
    y: &mut [T],
) {
    rows(isa, pool, conv, false, x, weight, Some(bias), then, y);
}

pub(super) fn backward_input<T: Real>(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    g: &[T],
    weight: &[T],
    scratch: &mut [T],
    grad_x: &mut [T],
) {
    let by_taps = &mut scratch[..conv.weight_len()];
    by_tap(conv, weight, by_taps);
    rows(isa, pool, conv, true, g, by_taps, None, Then::default(), grad_x);
}

/// The gradient of a block of channels over some output rows.
struct Sums<'a, T, const W: usize> {
    conv: &'a Conv,
    rows: std::ops::Range<usize>,
    channels: std::ops::Range<usize>,
    x: &'a [T],
    g: &'a [T],
    /// `[tap][channel of the block]`, overwritten.
    to: &'a mut [T],
}

impl<T, const W: usize> Sums<'_, T, W> {
    /// Output columns where a tap falls on the image.
    fn columns(&self, tap: usize) -> std::ops::Range<usize> {
        let conv = self.conv;
        let (step, shift) = (conv.stride[1], tap * conv.dilation[1]);
        let start = conv.padding[1].saturating_sub(shift).div_ceil(step);
        let room = (conv.width + conv.padding[1]).saturating_sub(shift);
        let end = room.div_ceil(step).min(conv.out_width());
        start.min(end)..end
    }
}

#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(super) fn backward_weight<T: Real>(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    n: usize,
    x: &[T],
    g: &[T],
    scratch: &mut [T],
    grad_weight: &mut [T],
) {
    let (taps, channels) = (conv.taps(), conv.in_channels);
    let rows = n * conv.out_height();
    let pixels = conv.pixels(n);
    // Even, so that two threads have as much to do.
    let chunks = (pixels / CHUNK_PIXELS / 2 * 2).clamp(1, CHUNKS);
    let rows_of = rows.div_ceil(chunks).max(1);
    let chunks = rows.div_ceil(rows_of).max(1);
    let block = if chunks > 1 { channels } else { BLOCK.min(channels) };
    let blocks = channels.div_ceil(block);
    let part = taps * block;
    let partial = &mut scratch[..chunks * blocks * part];
    pool.chunks_mut(partial, part, |task, to| {
        let (chunk, start) = (task / blocks, task % blocks * block);
        let rows = (chunk * rows_of).min(rows)..((chunk + 1) * rows_of).min(rows);
        let channels = start..(start + block).min(channels);
        let to = &mut to[..taps * channels.len()];
        if isa != Isa::SCALAR
            && let (Some(x), Some(g), Some(to)) = (T::as_f32(x), T::as_f32(g), T::as_f32_mut(to))
        {
            return dispatch_vectors(isa, VectorSums(Sums { conv, rows, channels, x, g, to }));
        }
        dispatch(isa, Sums::<_, 8> { conv, rows, channels, x, g, to });
    });
    for (c, to) in grad_weight.chunks_exact_mut(taps).enumerate() {
        let (b, at) = (c / block, c % block);
        let len = block.min(channels - b * block);
        for (tap, to) in to.iter_mut().enumerate() {
            let of = |chunk: usize| partial[(chunk * blocks + b) * part + tap * len + at];
            *to = (1..chunks).fold(of(0), |sum, chunk| sum + of(chunk));
        }
    }
}
