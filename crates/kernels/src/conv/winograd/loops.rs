//! Transforms of whole tiles, on vectors of channels, for every instruction set.
//!
//! [`Loops`] is the table of one instruction set and one form. Its functions take
//! raw pointers: the callers in `image.rs` and `weight.rs` cut the memory.

use super::Form;
use super::grid::Grid;
use super::points::{self, Axis};
use crate::Isa;
use crate::lanes::{Lanes, Portable, prefetch_near};
use crate::simd;
use crate::then::{After, activate};
use std::ops::Range;

/// Where transformed values lie: point t, tile p of a block, channel c at
/// `t * point + c / width * panel + p * row + c % width`. Panels hold whole
/// vectors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) point: usize,
    pub(super) width: usize,
    pub(super) panel: usize,
    pub(super) row: usize,
}

impl Place {
    #[inline(always)]
    fn at(&self, tile: usize, channel: usize) -> usize {
        channel / self.width * self.panel + tile * self.row + channel % self.width
    }
}

/// Windows of images into transformed values.
pub(super) struct Spread<'a> {
    pub(super) grid: &'a Grid,
    /// First tile and number of tiles.
    pub(super) tile: usize,
    pub(super) count: usize,
    /// Which of the channels; the first lies at place 0.
    pub(super) channels: Range<usize>,
    pub(super) image: *const f32,
    pub(super) place: Place,
    pub(super) to: *mut f32,
}

/// Products into pixels.
pub(super) struct Collect<'a> {
    pub(super) grid: &'a Grid,
    pub(super) tile: usize,
    pub(super) count: usize,
    /// The first of the tile's products: point t, tile p at `t * point + p * row`.
    pub(super) from: *const f32,
    pub(super) point: usize,
    pub(super) row: usize,
    /// First output channel, and how many.
    pub(super) channel: usize,
    pub(super) channels: usize,
    /// One value for each of these channels, or null.
    pub(super) bias: *const f32,
    /// Where the values to be added to the image's begin, or null.
    pub(super) add: *const f32,
    pub(super) after: After,
    pub(super) image: *mut f32,
}

/// Rows of taps into one row of transformed weights, and back.
pub(super) struct Taps {
    /// Tap i begins at `from + i * from_step`; or the last but i if reversed.
    pub(super) from: *const f32,
    pub(super) from_step: usize,
    pub(super) reversed: bool,
    /// Values of a row.
    pub(super) len: usize,
    /// Point t begins at `to + t * to_step`.
    pub(super) to: *mut f32,
    pub(super) to_step: usize,
}

/// The tile loops of one instruction set.
pub(super) struct Loops {
    /// Bᵀ d B of input windows.
    pub(super) windows: unsafe fn(&Spread<'_>),
    /// A g Aᵀ of output gradients.
    pub(super) gradients: unsafe fn(&Spread<'_>),
    /// Aᵀ m A into output pixels.
    pub(super) outputs: unsafe fn(&Collect<'_>),
    /// G w Gᵀ: taps into all points. Writes whole vectors.
    pub(super) taps: unsafe fn(&Taps),
    /// Gᵀ s G: all points (`from`) into taps (`to`).
    pub(super) tap_gradients: unsafe fn(&Taps),
}

/// Applies a transform to both axes: down the columns, then along the rows.
///
/// # Safety
/// The instruction set.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "a column of the one is a row of the other")]
unsafe fn both<V: Lanes, F: Axis<I, O>, const I: usize, const O: usize>(
    x: impl Fn(usize, usize) -> V,
) -> [[V; O]; O] {
    // SAFETY: the caller has the instruction set.
    unsafe {
        let zero = V::splat(0.0);
        let mut half = [[zero; I]; O];
        for j in 0..I {
            let mut column = [zero; I];
            for (i, to) in column.iter_mut().enumerate() {
                *to = x(i, j);
            }
            let column = F::map(column);
            for (half, x) in half.iter_mut().zip(column) {
                half[j] = x;
            }
        }
        let mut all = [[zero; O]; O];
        for (all, half) in all.iter_mut().zip(half) {
            *all = F::map(half);
        }
        all
    }
}

/// # Safety
/// The instruction set; the images of all tiles are readable, and the places of
/// all tiles and points writable.
#[inline(always)]
unsafe fn spread<V: Lanes, F: Axis<I, T>, const I: usize, const T: usize>(a: &Spread<'_>) {
    let (channels, pixel) = (a.channels.len(), a.grid.channels);
    let row = a.grid.extent[1] * pixel;
    for p in 0..a.count {
        let window = a.grid.window(a.tile + p, I);
        let next = a.grid.next((a.tile, p, a.count), I, channels, V::LANES);
        let whole = window.rows == [0, I] && window.cols == [0, I];
        for c in (0..channels).step_by(V::LANES) {
            let base = a.image.wrapping_offset(window.at).wrapping_add(a.channels.start + c);
            let at = |i: usize, j: usize| base.wrapping_add(i * row + j * pixel);
            let asked = a.image.wrapping_offset(next.at(window.at, c)).wrapping_add(a.channels.start);
            for i in 0..I {
                // The columns before these belong to the tile before, too.
                for j in I - a.grid.step.min(I)..I {
                    prefetch_near(asked.wrapping_add(i * row + j * pixel), V::LANES);
                }
            }
            // SAFETY: the caller has the instruction set.
            let zero = unsafe { V::splat(0.0) };
            let left = channels - c;
            // SAFETY: pixels are read only where the window lies on the image, and
            // no more than the channels that are left.
            let values = unsafe {
                if whole && left >= V::LANES {
                    both::<V, F, _, _>(|i, j| V::load(at(i, j)))
                } else {
                    let [top, bottom] = window.rows;
                    let [first, last] = window.cols;
                    let inside = |i: usize, j: usize| i >= top && i < bottom && j >= first && j < last;
                    if left >= V::LANES {
                        both::<V, F, _, _>(|i, j| if inside(i, j) { V::load(at(i, j)) } else { zero })
                    } else {
                        let part = |i, j| {
                            if inside(i, j) { V::load_first(at(i, j), left) } else { zero }
                        };
                        both::<V, F, _, _>(part)
                    }
                }
            };
            let to = a.to.wrapping_add(a.place.at(p, c));
            for (i, values) in values.into_iter().enumerate() {
                for (j, value) in values.into_iter().enumerate() {
                    // SAFETY: the caller has room for every point of this tile, whole vectors.
                    unsafe { value.store(to.wrapping_add((i * T + j) * a.place.point)) };
                }
            }
        }
    }
}

/// # Safety
/// The instruction set; the products of all tiles are readable as whole
/// vectors, the bias has the channels, and the pixels belong to the caller.
#[inline(always)]
unsafe fn collect<V: Lanes, F: Axis<T, M>, const M: usize, const T: usize>(a: &Collect<'_>) {
    let pixel = a.grid.channels;
    let row = a.grid.extent[1] * pixel;
    for p in 0..a.count {
        let window = a.grid.window(a.tile + p, M);
        let next = a.grid.next((a.tile, p, a.count), M, a.channels, V::LANES);
        let (rows, cols) = (window.rows[1], window.cols[1]);
        for c in (0..a.channels).step_by(V::LANES) {
            let left = a.channels - c;
            let asked = a.image.wrapping_offset(next.at(window.at, c)).wrapping_add(a.channel);
            for i in 0..rows {
                for j in 0..cols {
                    prefetch_near(asked.wrapping_add(i * row + j * pixel), V::LANES);
                }
            }
            let from = a.from.wrapping_add(p * a.row + c);
            // SAFETY: the caller answers for the products and the bias.
            let (values, bias) = unsafe {
                let zero = V::splat(0.0);
                let point = |i: usize, j: usize| V::load(from.wrapping_add((i * T + j) * a.point));
                let bias = if a.bias.is_null() {
                    zero
                } else if left >= V::LANES {
                    V::load(a.bias.wrapping_add(c))
                } else {
                    V::load_first(a.bias.wrapping_add(c), left)
                };
                (both::<V, F, _, _>(point), bias)
            };
            let base = a.image.wrapping_offset(window.at).wrapping_add(a.channel + c);
            for (i, values) in values.into_iter().enumerate() {
                for (j, value) in values.into_iter().enumerate() {
                    if i < rows && j < cols {
                        let to = base.wrapping_add(i * row + j * pixel);
                        // SAFETY: the pixel lies on the image and belongs to this call.
                        unsafe {
                            let mut value = value.add(bias);
                            if !a.add.is_null() {
                                let from = a.add.wrapping_offset(to.offset_from(a.image));
                                let more =
                                    if left >= V::LANES { V::load(from) } else { V::load_first(from, left) };
                                value = value.add(more);
                            }
                            let value = activate(value, a.after);
                            if left >= V::LANES { value.store(to) } else { value.store_first(to, left) }
                        }
                    }
                }
            }
        }
    }
}

/// # Safety
/// The instruction set; rows of `len` of all taps are readable, and every point has
/// room for `len` values in whole vectors.
#[inline(always)]
unsafe fn taps<V: Lanes, F: Axis<R, T>, const R: usize, const T: usize>(a: &Taps) {
    for c in (0..a.len).step_by(V::LANES) {
        let left = a.len - c;
        // SAFETY: the caller answers for the rows.
        let values = unsafe {
            let tap = |i: usize, j: usize| {
                let tap = if a.reversed { R * R - 1 - (R * i + j) } else { R * i + j };
                let from = a.from.wrapping_add(tap * a.from_step + c);
                if left >= V::LANES { V::load(from) } else { V::load_first(from, left) }
            };
            both::<V, F, _, _>(tap)
        };
        for (i, values) in values.into_iter().enumerate() {
            for (j, value) in values.into_iter().enumerate() {
                // SAFETY: the caller has room for whole vectors.
                unsafe { value.store(a.to.wrapping_add((i * T + j) * a.to_step + c)) };
            }
        }
    }
}

/// # Safety
/// The instruction set; all points are readable as whole vectors, and rows of
/// `len` of all taps belong to the caller.
#[inline(always)]
unsafe fn tap_gradients<V: Lanes, F: Axis<T, R>, const T: usize, const R: usize>(a: &Taps) {
    for c in (0..a.len).step_by(V::LANES) {
        let left = a.len - c;
        // SAFETY: the caller answers for the points.
        let values = unsafe {
            let point = |i: usize, j: usize| V::load(a.from.wrapping_add((i * T + j) * a.from_step + c));
            both::<V, F, _, _>(point)
        };
        for (i, values) in values.into_iter().enumerate() {
            for (j, value) in values.into_iter().enumerate() {
                let to = a.to.wrapping_add((R * i + j) * a.to_step + c);
                // SAFETY: the caller has the rows.
                unsafe { if left >= V::LANES { value.store(to) } else { value.store_first(to, left) } };
            }
        }
    }
}

/// The functions of the module in which it stands, for F(m, r).
macro_rules! table {
    ($m:literal, $r:literal, $t:literal) => {
        Loops {
            windows: windows::<$t, points::Window>,
            gradients: gradients::<$m, $t, points::Gradients>,
            outputs: outputs::<$m, $t, points::Outputs>,
            taps: tap_rows::<$r, $t, points::Taps>,
            tap_gradients: tap_gradient_rows::<$r, $t, points::TapGradients>,
        }
    };
}

/// A table for one instruction set: `loops!(name, vector, "features")`.
macro_rules! loops {
    ($name:ident, $vector:ty $(, $features:literal)?) => {
        mod $name {
            use super::*;

            $(#[target_feature(enable = $features)])?
            unsafe fn windows<const T: usize, F: Axis<T, T>>(a: &Spread<'_>) {
                // SAFETY: this function enables the features; the caller answers for the memory.
                unsafe { spread::<$vector, F, T, T>(a) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn gradients<const M: usize, const T: usize, F: Axis<M, T>>(a: &Spread<'_>) {
                // SAFETY: as above.
                unsafe { spread::<$vector, F, M, T>(a) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn outputs<const M: usize, const T: usize, F: Axis<T, M>>(a: &Collect<'_>) {
                // SAFETY: as above.
                unsafe { collect::<$vector, F, M, T>(a) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn tap_rows<const R: usize, const T: usize, F: Axis<R, T>>(a: &Taps) {
                // SAFETY: as above.
                unsafe { taps::<$vector, F, R, T>(a) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn tap_gradient_rows<const R: usize, const T: usize, F: Axis<T, R>>(a: &Taps) {
                // SAFETY: as above.
                unsafe { tap_gradients::<$vector, F, T, R>(a) }
            }

            /// In the order of [`Form::ALL`].
            pub(in super::super) static LOOPS: [Loops; 3] = [table!(2, 3, 4), table!(4, 3, 6), table!(2, 5, 6)];
        }
    };
}

#[cfg(target_arch = "x86_64")]
loops!(avx512, std::arch::x86_64::__m512, "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma");
#[cfg(target_arch = "x86_64")]
loops!(avx2, std::arch::x86_64::__m256, "avx2,fma");
loops!(portable, Portable<simd::Portable>);

/// The tile loops of a form for an instruction set.
pub(super) fn loops(isa: Isa, form: Form) -> &'static Loops {
    let which = Form::ALL.iter().position(|f| *f == form).expect("a known form");
    #[cfg(target_arch = "x86_64")]
    {
        if isa.is_avx512() {
            return &avx512::LOOPS[which];
        }
        if isa.is_avx2() {
            return &avx2::LOOPS[which];
        }
    }
    let _ = isa;
    &portable::LOOPS[which]
}
