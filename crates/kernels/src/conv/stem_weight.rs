//! Sums of the weight gradient over lines of an image with few channels.
//!
//! A row of taps is `run` neighbouring elements of a copied line. Kernels over one
//! channel have rows of three or five, too few sums to keep the multiply-adds busy:
//! there several rows of taps are summed together, over all lines of a band without
//! leaving the registers. Longer rows are blocks of a product, line by line. In both
//! an element receives its multiply-adds with the pixel ascending.

use crate::Isa;
use crate::gemm::strips::{Block, Strip, product};
use crate::lanes::{Lanes, prefetch_near};

/// The sums of a strip of output channels over some lines of output pixels.
#[derive(Clone, Copy)]
pub(super) struct Sum {
    /// The first pixel's elements in the first row of taps, and the elements to the next
    /// pixel's, to those of the next line of pixels, and to the next row of taps.
    pub(super) x: *const f32,
    pub(super) x_step: usize,
    pub(super) x_line: usize,
    pub(super) tap_line: usize,
    /// The first pixel's gradients, and the elements from pixel to pixel; lines follow
    /// each other.
    pub(super) g: *const f32,
    pub(super) g_row: usize,
    pub(super) lines: usize,
    pub(super) pixels: usize,
    /// The first row of taps' first sums; `g_row` elements from one to the next.
    pub(super) c: *mut f32,
    pub(super) cols: usize,
    pub(super) accumulate: bool,
    /// Whether the gradients are to be asked for ahead.
    pub(super) ask: bool,
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
    pub(super) unsafe fn run(&self, isa: Isa, strip: Strip, run: usize, left: usize) -> usize {
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
