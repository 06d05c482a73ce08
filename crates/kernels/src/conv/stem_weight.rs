//! The weight's gradient over images with few channels.
//!
//! A row of taps is `run` neighbouring elements of a copied line. Kernels over one
//! channel have rows of three or five, too few sums to keep the multiply-adds busy:
//! there several rows of taps are summed together, over all lines of a band without
//! leaving the registers. Longer rows are blocks of a product, line by line. In both
//! an element receives its multiply-adds with the pixel ascending.

use super::Conv;
use super::buffer::{aligned, with_buffer};
use super::direct::Band;
use super::pooled::Behind;
use crate::gemm::strips::{Block, NOTHING, Strip, product, strips};
use crate::lanes::{Lanes, prefetch_near};
use crate::reduce::add_column_sums;
use crate::{Isa, Pool};

/// Output pixels that a chunk of the weight's gradient sums at least, and most chunks.
const CHUNK: usize = 1024;
pub(super) const MOST_CHUNKS: usize = 16;
/// Gradients of so many elements are in no core's cache.
const FAR: usize = 1 << 20;

/// The gradient with respect to the output.
#[derive(Clone, Copy)]
pub(super) enum Arriving<'a> {
    Stored(&'a [f32]),
    /// Of a pooling behind it.
    Pooled(Behind<'a>),
}

#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(super) fn backward_params(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    n: usize,
    x: &[f32],
    g: Arriving<'_>,
    scratch: &mut [f32],
    grad_weight: &mut [f32],
    grad_bias: &mut [f32],
) {
    let (k, outs, run) = (conv.depth(), conv.out_channels, conv.kernel[1] * conv.in_channels);
    assert_eq!(x.len(), conv.in_len(n), "the input has another length");
    let band = Band::new(conv);
    let bands = n * band.count;
    let chunks = (conv.pixels(n) / CHUNK).clamp(1, MOST_CHUNKS.min(bands.max(1)));
    assert!(grad_bias.is_empty() || grad_bias.len() == outs, "the bias has another length");
    // Sums lie [kernel row, kernel column, channel][output channel], behind them the bias's.
    let all = (k + 1) * outs;
    let sums = &mut aligned(scratch)[..chunks * all];
    if bands == 0 {
        grad_bias.fill(0.0);
        return grad_weight.fill(0.0);
    }
    let (in_len, out_len, line) = (conv.in_len(1), conv.out_len(1), conv.out_width() * outs);
    let far = match g {
        Arriving::Stored(g) => {
            assert_eq!(g.len(), n * out_len, "the gradient has another length");
            g.len() >= FAR
        }
        Arriving::Pooled(_) => false,
    };
    let biased = !grad_bias.is_empty();
    pool.chunks_mut(sums, all, |chunk, sums| {
        let (sums, bias) = sums.split_at_mut(k * outs);
        bias.fill(0.0);
        with_buffer(|buffer| {
            for (i, task) in (chunk * bands / chunks..(chunk + 1) * bands / chunks).enumerate() {
                let (image, rows) = (task / band.count, band.lines(conv, task % band.count));
                let (lines, rest) = buffer.split_at_mut(band.copied(conv, rows.len()));
                band.copy(conv, &x[image * in_len..][..in_len], &rows, lines);
                let count = rows.len();
                let g = match g {
                    Arriving::Stored(g) => &g[image * out_len + rows.start * line..],
                    Arriving::Pooled(behind) => behind.gradient(isa, conv, image, rows, rest),
                };
                if biased {
                    add_column_sums(isa, &g[..count * line], bias);
                }
                for strip in strips(isa, outs) {
                    let mut tap = 0;
                    while tap < conv.kernel[0] {
                        let sum = Sum {
                            x: lines[tap * band.line..].as_ptr(),
                            x_step: conv.stride[1] * conv.in_channels,
                            x_line: conv.stride[0] * band.line,
                            tap_line: band.line,
                            g: g[strip.col..].as_ptr(),
                            g_row: outs,
                            lines: count,
                            pixels: conv.out_width(),
                            c: sums[tap * run * outs + strip.col..].as_mut_ptr(),
                            cols: strip.cols,
                            accumulate: i > 0,
                            ask: far && strip.col == 0 && tap == 0,
                        };
                        // SAFETY: the copied lines hold the windows of all pixels of
                        // these output lines, whose gradients have `outs` elements; the
                        // sums of a row of taps are `run` rows of this chunk.
                        tap += unsafe { sum.run(isa, strip, run, conv.kernel[0] - tap) };
                    }
                }
            }
        });
    });
    let (first, others) = sums.split_at_mut(all);
    for part in others.chunks_exact(all) {
        crate::elementwise::add_assign(isa, first, part);
    }
    if biased {
        grad_bias.copy_from_slice(&first[k * outs..]);
    }
    for (o, grad) in grad_weight.chunks_exact_mut(k).enumerate() {
        for (grad, sums) in grad.iter_mut().zip(first.chunks_exact(outs)) {
            *grad = sums[o];
        }
    }
}

/// The sums of a strip of output channels over some lines of output pixels.
#[derive(Clone, Copy)]
struct Sum {
    /// The first pixel's elements in the first row of taps, and the elements to the next
    /// pixel's, to those of the next line of pixels, and to the next row of taps.
    x: *const f32,
    x_step: usize,
    x_line: usize,
    tap_line: usize,
    /// The first pixel's gradients, and the elements from pixel to pixel; lines follow
    /// each other.
    g: *const f32,
    g_row: usize,
    lines: usize,
    pixels: usize,
    /// The first row of taps' first sums; `g_row` elements from one to the next.
    c: *mut f32,
    cols: usize,
    accumulate: bool,
    /// Whether the gradients are to be asked for ahead.
    ask: bool,
}

/// Elements of gradients that are asked for ahead.
const AHEAD: usize = 1 << 11;

/// Sums rows of taps; the number of rows and the length of one are its own.
type SumFn = unsafe fn(&Sum);

impl Sum {
    /// One row of taps, of `run` elements, or several of `left`; how many.
    ///
    /// # Safety
    /// Everything that the fields name lies inside its allocation, for `left` rows of
    /// taps, and the sums belong to the caller.
    unsafe fn run(&self, isa: Isa, strip: Strip, run: usize, left: usize) -> usize {
        if let Some((count, sum)) = tile(isa, strip.width, run, left) {
            // SAFETY: the table belongs to an instruction set that the processor has,
            // and the caller answers for the memory.
            unsafe { sum(self) };
            return count;
        }
        for line in 0..self.lines {
            let block = Block {
                rows: run,
                k: self.pixels,
                a: self.x.wrapping_add(line * self.x_line),
                a_row: 1,
                a_col: self.x_step,
                b: self.g.wrapping_add(line * self.pixels * self.g_row),
                b_row: self.g_row,
                c: self.c,
                c_row: self.g_row,
                accumulate: self.accumulate || line > 0,
                next: NOTHING,
            };
            // SAFETY: the caller's.
            unsafe { product(isa, strip, &block) };
        }
        1
    }
}

/// # Safety
/// The instruction set, and the memory of TAPS rows of RUN taps.
#[inline(always)]
unsafe fn sums<V: Lanes, const TAPS: usize, const RUN: usize, const NV: usize>(s: &Sum) {
    // SAFETY: the caller answers for both; the last vector of a row is cut to the
    // columns that the strip has.
    unsafe {
        let last = s.cols - (NV - 1) * V::LANES;
        let whole = |j: usize| j < NV - 1 || last == V::LANES;
        let load = |from: *const f32, j: usize| {
            let from = from.add(j * V::LANES);
            if whole(j) { V::load(from) } else { V::load_first(from, last) }
        };
        let mut sum = [[[V::splat(0.0); NV]; RUN]; TAPS];
        if s.accumulate {
            for (t, sum) in sum.iter_mut().enumerate() {
                for (i, sum) in sum.iter_mut().enumerate() {
                    for (j, sum) in sum.iter_mut().enumerate() {
                        *sum = load(s.c.add((t * RUN + i) * s.g_row), j);
                    }
                }
            }
        }
        let mut g = s.g;
        for line in 0..s.lines {
            let mut x = s.x.add(line * s.x_line);
            for _ in 0..s.pixels {
                let mut y = [V::splat(0.0); NV];
                for (j, y) in y.iter_mut().enumerate() {
                    *y = load(g, j);
                }
                if s.ask {
                    prefetch_near(g.wrapping_add(AHEAD), s.g_row);
                }
                for (t, sum) in sum.iter_mut().enumerate() {
                    let row = x.add(t * s.tap_line);
                    for (i, sum) in sum.iter_mut().enumerate() {
                        let x = V::splat(*row.add(i));
                        for (sum, y) in sum.iter_mut().zip(y) {
                            *sum = x.fma(y, *sum);
                        }
                    }
                }
                x = x.wrapping_add(s.x_step);
                g = g.wrapping_add(s.g_row);
            }
        }
        for (t, sum) in sum.into_iter().enumerate() {
            for (i, sum) in sum.into_iter().enumerate() {
                for (j, sum) in sum.into_iter().enumerate() {
                    let to = s.c.add((t * RUN + i) * s.g_row + j * V::LANES);
                    if whole(j) { sum.store(to) } else { sum.store_first(to, last) }
                }
            }
        }
    }
}

/// The tiles of an instruction set: `tiles!(name, vector, "features")`.
#[cfg(target_arch = "x86_64")]
macro_rules! tiles {
    ($name:ident, $vector:ty, $features:literal) => {
        mod $name {
            use super::*;

            #[target_feature(enable = $features)]
            pub(super) unsafe fn sum<const TAPS: usize, const RUN: usize, const NV: usize>(s: &Sum) {
                // SAFETY: this function enables the features; the caller answers for the memory.
                unsafe { sums::<$vector, TAPS, RUN, NV>(s) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
tiles!(avx512, std::arch::x86_64::__m512, "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma");
#[cfg(target_arch = "x86_64")]
tiles!(avx2, std::arch::x86_64::__m256, "avx2,fma");

/// The tile for rows of `run` taps and columns in so many elements of whole vectors,
/// and how many of the rows that are `left` it takes: as many as the registers hold.
#[cfg(target_arch = "x86_64")]
fn tile(isa: Isa, width: usize, run: usize, left: usize) -> Option<(usize, SumFn)> {
    if isa.is_avx512() {
        return Some(match (run, width / 16, left) {
            (3, 1, 3..) => (3, avx512::sum::<3, 3, 1>),
            (3, 1, _) => (1, avx512::sum::<1, 3, 1>),
            (3, 2, 3..) => (3, avx512::sum::<3, 3, 2>),
            (3, 2, _) => (1, avx512::sum::<1, 3, 2>),
            (5, 1, 3..) => (3, avx512::sum::<3, 5, 1>),
            (5, 1, 2) => (2, avx512::sum::<2, 5, 1>),
            (5, 1, _) => (1, avx512::sum::<1, 5, 1>),
            (5, 2, 2..) => (2, avx512::sum::<2, 5, 2>),
            (5, 2, _) => (1, avx512::sum::<1, 5, 2>),
            _ => return None,
        });
    }
    if isa.is_avx2() {
        return Some(match (run, width / 8, left) {
            (3, 1, 3..) => (3, avx2::sum::<3, 3, 1>),
            (3, 1, _) => (1, avx2::sum::<1, 3, 1>),
            (3, 2, _) => (1, avx2::sum::<1, 3, 2>),
            (5, 1, 2..) => (2, avx2::sum::<2, 5, 1>),
            (5, 1, _) => (1, avx2::sum::<1, 5, 1>),
            (5, 2, _) => (1, avx2::sum::<1, 5, 2>),
            _ => return None,
        });
    }
    None
}

#[cfg(not(target_arch = "x86_64"))]
fn tile(_: Isa, _: usize, _: usize, _: usize) -> Option<(usize, SumFn)> {
    None
}
