//! AVX-512: tiles of at most four, or eight, columns, with which rows of C end whose length
//! is a little more than whole vectors.
//!
//! A tile of `micro.rs` would leave at least half of the lanes without work. Here a vector of
//! sums holds four rows of four columns, or two of eight: lane `PER * j + i` is row i and
//! column j. Each step multiplies elements of so many rows of A, which one load repeats over
//! the vector, with a row of B, whose elements are repeated for each of the rows once for
//! all. Rows of A that lie apart are interleaved before, 16 inner indices at a time.
//! Elements receive their products in the order of `mod.rs`.

use super::drive::even_parts;
use super::micro::{First, Tile, TileFn};
use super::transpose::quarters;
use crate::then::{After, activate};
use std::arch::x86_64::*;
use std::mem::{MaybeUninit, transmute};

/// Rows, at most.
pub(super) const ROWS: usize = 128;
/// Inner indices at a time: those of one vector of a row of A.
const DEPTH: usize = 16;
/// Vectors of sums at a time: at least as many as hide how long a multiply-add takes.
const SUMS: usize = 13;

/// The tile of at most eight columns.
pub(super) fn tile(packed: bool, cols: usize) -> TileFn {
    match (packed, cols <= 4) {
        (false, false) => entry::<2, false>,
        (false, true) => entry::<4, false>,
        (true, false) => entry::<2, true>,
        (true, true) => entry::<4, true>,
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn entry<const PER: usize, const PACKED: bool>(t: &Tile) {
    // SAFETY: this function enables the features; the caller answers for the operands.
    unsafe { few::<PER, PACKED>(t) }
}

/// Where the elements of `PER` interleaved rows lie, for each inner index: in the order in
/// which [`interleave`] leaves them.
const fn places<const PER: usize>() -> [usize; DEPTH] {
    let mut places = [0; DEPTH];
    let mut i = 0;
    while i < DEPTH {
        // Unpacking works inside the quarters of vectors.
        let quarter = i / 4 * 4;
        places[i] = if PER == 4 { i % 4 * 16 + quarter } else { i % 4 / 2 * 16 + quarter + i % 2 * 2 };
        i += 1;
    }
    places
}

/// `PER` rows of 16 / `PER` columns, row after row, as many as there are of both.
///
/// # Safety
/// AVX-512F; readable elements in the rows that exist.
#[inline(always)]
unsafe fn load<const PER: usize>(from: *const f32, stride: usize, rows: usize, cols: usize) -> __m512 {
    let width = 16 / PER;
    // SAFETY: the caller's; lanes outside the mask are not read.
    unsafe {
        let mut v = _mm512_setzero_ps();
        for i in 0..rows.min(PER) {
            let mask = ((1_u32 << cols) - 1) << (i * width);
            v = _mm512_mask_loadu_ps(
                v,
                mask as __mmask16,
                from.wrapping_add(i * stride).wrapping_sub(i * width),
            );
        }
        v
    }
}

/// Stores what [`load`] loads.
///
/// # Safety
/// As [`load`], to write.
#[inline(always)]
unsafe fn store<const PER: usize>(v: __m512, to: *mut f32, stride: usize, rows: usize, cols: usize) {
    let width = 16 / PER;
    // SAFETY: the caller's; lanes outside the mask are not written.
    unsafe {
        for i in 0..rows.min(PER) {
            let mask = ((1_u32 << cols) - 1) << (i * width);
            _mm512_mask_storeu_ps(to.wrapping_add(i * stride).wrapping_sub(i * width), mask as __mmask16, v);
        }
    }
}

/// The tile in vectors of `PER` rows.
///
/// # Safety
/// The instruction set must be present, and the strides must keep all elements of the
/// tile inside their allocations.
#[inline(always)]
unsafe fn few<const PER: usize, const PACKED: bool>(t: &Tile) {
    const { assert!(PER == 2 || PER == 4) };
    let width = 16 / PER;
    let count = t.rows.div_ceil(PER);
    assert!(t.rows <= ROWS && (1..=width).contains(&t.n), "a tile of {} rows and {} columns", t.rows, t.n);
    let rows_of = |g: usize| PER.min(t.rows - g * PER);
    // SAFETY: the caller answers for the operands; masks keep what is cut inside them, and
    // rows that do not exist are the last one's double.
    unsafe {
        let order = |from: [i32; 16]| transmute::<[i32; 16], __m512i>(from);
        let to_sums = order(std::array::from_fn(|l| (l % PER * width + l / PER) as i32));
        let to_rows = order(std::array::from_fn(|l| (l % width * PER + l / width) as i32));
        let spread = order(std::array::from_fn(|l| (l / PER) as i32));
        let cut = ((1_u32 << t.n) - 1) as __mmask16;
        let mut sums = [_mm512_setzero_ps(); ROWS / 2];
        let sums = &mut sums[..count];
        match t.first {
            First::Zero => {}
            First::Bias(bias) => {
                sums.fill(_mm512_permutexvar_ps(spread, _mm512_maskz_loadu_ps(cut, bias)));
            }
            First::Load => {
                for (g, sum) in sums.iter_mut().enumerate() {
                    let rows = load::<PER>(t.c.add(g * PER * t.c_row), t.c_row, rows_of(g), t.n);
                    *sum = _mm512_permutexvar_ps(to_sums, rows);
                }
            }
        }
        let places = const { places::<PER>() };
        let mut buffer = MaybeUninit::<[__m512; ROWS]>::uninit();
        let buffer = buffer.as_mut_ptr().cast::<f32>();
        let mut b = [_mm512_setzero_ps(); DEPTH];
        let in_place = std::array::from_fn(|i| i * t.a_col);
        // Adjacent rows are read where they are, but for the last ones if they are cut.
        let whole = if PACKED { t.rows / PER } else { 0 };
        for k in (0..t.k).step_by(DEPTH) {
            let depth = DEPTH.min(t.k - k);
            for (i, b) in b.iter_mut().enumerate().take(depth) {
                let row = _mm512_maskz_loadu_ps(cut, t.b.add((k + i) * t.b_row));
                *b = _mm512_permutexvar_ps(spread, row);
            }
            let b = &b[..depth];
            if PACKED {
                let a = t.a.add(k * t.a_col);
                products::<PER, PER>(a, &in_place, b, &mut sums[..whole]);
                if whole < count {
                    for (place, i) in places.into_iter().zip(0..depth) {
                        for r in 0..PER {
                            let from = a.add(i * t.a_col + (whole * PER + r).min(t.rows - 1));
                            *buffer.add(place + r) = *from;
                        }
                    }
                    // The distance between vectors does not matter for one.
                    products::<PER, PER>(buffer, &places, b, &mut sums[whole..]);
                }
            } else {
                let mask = ((1_u32 << depth) - 1) as __mmask16;
                for g in 0..count {
                    let row = |i: usize| t.a.add((g * PER + i).min(t.rows - 1) * t.a_row + k);
                    interleave::<PER>(row, mask, buffer.add(g * PER * DEPTH));
                }
                match PER {
                    4 => products::<PER, { 4 * DEPTH }>(buffer, &places, b, sums),
                    _ => products::<PER, { 2 * DEPTH }>(buffer, &places, b, sums),
                }
            }
        }
        for (g, sum) in sums.iter().enumerate() {
            let mut rows = _mm512_permutexvar_ps(to_rows, *sum);
            if !t.last.add.is_null() {
                let add = load::<PER>(t.last.add.add(g * PER * t.c_row), t.c_row, rows_of(g), t.n);
                rows = _mm512_add_ps(rows, add);
            }
            if t.last.after != After::Nothing {
                rows = activate(rows, t.last.after);
            }
            store::<PER>(rows, t.c.add(g * PER * t.c_row), t.c_row, rows_of(g), t.n);
        }
    }
}

/// The elements of `PER` rows, at most 16 of each, one row's beside the other's, in
/// [`places`].
///
/// # Safety
/// AVX-512F; `mask` selects readable elements of each row; `PER` vectors at `to`.
#[inline(always)]
unsafe fn interleave<const PER: usize>(row: impl Fn(usize) -> *const f32, mask: __mmask16, to: *mut f32) {
    // SAFETY: the caller's; lanes outside the mask are not read.
    unsafe {
        let line = |i: usize| _mm512_maskz_loadu_ps(mask, row(i));
        if PER == 4 {
            for (i, part) in quarters([line(0), line(1), line(2), line(3)]).into_iter().enumerate() {
                _mm512_storeu_ps(to.add(16 * i), part);
            }
        } else {
            let (a, b) = (line(0), line(1));
            _mm512_storeu_ps(to, _mm512_unpacklo_ps(a, b));
            _mm512_storeu_ps(to.add(16), _mm512_unpackhi_ps(a, b));
        }
    }
}

/// Adds the products of some inner indices, at `places`, to sums of `PER` rows each, whose
/// elements of A are `APART` from vector to vector.
///
/// # Safety
/// AVX-512F; the elements must be readable.
#[inline(always)]
unsafe fn products<const PER: usize, const APART: usize>(
    a: *const f32,
    places: &[usize; DEPTH],
    b: &[__m512],
    sums: &mut [__m512],
) {
    if sums.is_empty() {
        return;
    }
    let each = even_parts(sums.len(), SUMS);
    for (i, sums) in sums.chunks_mut(each).enumerate() {
        macro_rules! of {
            ($($count:literal)*) => {
                match sums.len() {
                    // SAFETY: the caller's.
                    $($count => unsafe { some::<PER, APART, $count>(a.add(i * each * APART), places, b, sums) },)*
                    _ => unreachable!("more sums than registers"),
                }
            };
        }
        of!(1 2 3 4 5 6 7 8 9 10 11 12 13);
    }
}

/// The same for as many sums as stay in registers.
///
/// # Safety
/// As [`products`]; `sums` has `Q` vectors.
#[inline(always)]
unsafe fn some<const PER: usize, const APART: usize, const Q: usize>(
    a: *const f32,
    places: &[usize; DEPTH],
    b: &[__m512],
    sums: &mut [__m512],
) {
    // SAFETY: the caller's.
    unsafe {
        let mut sum = [_mm512_setzero_ps(); Q];
        sum.copy_from_slice(sums);
        for (place, b) in places.iter().zip(b) {
            let a = a.add(*place);
            for (q, sum) in sum.iter_mut().enumerate() {
                let a = a.add(q * APART);
                let x = if PER == 4 {
                    _mm512_broadcast_f32x4(_mm_loadu_ps(a))
                } else {
                    _mm512_castpd_ps(_mm512_broadcastsd_pd(_mm_load_sd(a.cast())))
                };
                *sum = _mm512_fmadd_ps(x, *b, *sum);
            }
        }
        sums.copy_from_slice(&sum);
    }
}
