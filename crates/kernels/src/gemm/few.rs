//! AVX-512: tiles of at most four columns, with which rows of C end whose length is
//! a little more than whole vectors.
//!
//! A tile of `micro.rs` would leave at least twelve of sixteen lanes without work. Here
//! a vector of sums holds four rows: lane 4 i + j is row i and column j. Each step
//! multiplies the row of B, repeated for each of the four, with an element of A,
//! repeated for each column. Elements receive their products in the order of `mod.rs`.

use super::micro::{First, Tile, TileFn};
use crate::then::{After, activate};
use std::arch::x86_64::*;

/// Columns, at most.
pub(super) const COLS: usize = 4;
/// Rows, at most: eight chains of multiply-adds hide how long one takes.
pub(super) const ROWS: usize = 32;

/// `[packed]`.
pub(super) const TILES: [TileFn; 2] = [few::<false>, few::<true>];

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn few<const PACKED: bool>(t: &Tile) {
    // SAFETY: this function enables the features; the caller answers for the operands.
    unsafe {
        let (whole, rest) = (t.rows / 4, t.rows % 4);
        match whole {
            0 => {}
            1 => quads::<1, PACKED>(t, 0, 4),
            2 => quads::<2, PACKED>(t, 0, 4),
            3 => quads::<3, PACKED>(t, 0, 4),
            4 => quads::<4, PACKED>(t, 0, 4),
            5 => quads::<5, PACKED>(t, 0, 4),
            6 => quads::<6, PACKED>(t, 0, 4),
            7 => quads::<7, PACKED>(t, 0, 4),
            _ => quads::<8, PACKED>(t, 0, 4),
        }
        if rest > 0 {
            quads::<1, PACKED>(t, 4 * whole, rest);
        }
    }
}

/// The first `n` elements, at most four, and zeros.
///
/// # Safety
/// AVX-512VL; `n` readable elements.
#[inline(always)]
unsafe fn first(from: *const f32, n: usize) -> __m128 {
    // SAFETY: the caller's; lanes outside the mask are not read.
    unsafe { _mm_maskz_loadu_ps(((1_u32 << n) - 1) as __mmask8, from) }
}

/// Four rows of at most four columns, the rows `stride` apart, of which `rows` exist.
///
/// # Safety
/// As [`first`], for each row.
#[inline(always)]
unsafe fn load(from: *const f32, stride: usize, rows: usize, cols: usize) -> __m512 {
    // SAFETY: the caller's.
    unsafe {
        let row = |i: usize| first(from.add(i.min(rows - 1) * stride), cols);
        join([row(0), row(1), row(2), row(3)])
    }
}

/// # Safety
/// AVX-512F.
#[inline(always)]
unsafe fn join(rows: [__m128; 4]) -> __m512 {
    // SAFETY: the caller has the instruction set.
    unsafe {
        let v = _mm512_insertf32x4::<1>(_mm512_castps128_ps512(rows[0]), rows[1]);
        _mm512_insertf32x4::<3>(_mm512_insertf32x4::<2>(v, rows[2]), rows[3])
    }
}

/// Sums of Q times four rows from row `r` on; of the last four `rows` exist.
///
/// # Safety
/// The instruction set must be present, and the strides must keep all elements of the
/// tile inside their allocations.
#[inline(always)]
unsafe fn quads<const Q: usize, const PACKED: bool>(t: &Tile, r: usize, rows: usize) {
    // SAFETY: the caller answers for the operands; masks and doubled rows keep what is
    // cut inside them.
    unsafe {
        let c = t.c.add(r * t.c_row);
        let mut sums = [_mm512_setzero_ps(); Q];
        match t.first {
            First::Zero => {}
            First::Bias(bias) => sums = [_mm512_broadcast_f32x4(first(bias, t.n)); Q],
            First::Load => {
                for (q, sum) in sums.iter_mut().enumerate() {
                    *sum = load(c.add(4 * q * t.c_row), t.c_row, rows, t.n);
                }
            }
        }
        // Outside the loops: a question inside them would be asked in each step.
        match (PACKED, t.n == COLS) {
            (true, true) => adjacent::<Q, true>(t, r, rows, &mut sums),
            (true, false) => adjacent::<Q, false>(t, r, rows, &mut sums),
            (false, _) => apart::<Q>(t, r, rows, &mut sums),
        }
        if !t.last.add.is_null() {
            let add = t.last.add.add(r * t.c_row);
            for (q, sum) in sums.iter_mut().enumerate() {
                *sum = _mm512_add_ps(*sum, load(add.add(4 * q * t.c_row), t.c_row, rows, t.n));
            }
        }
        if t.last.after != After::Nothing {
            sums.iter_mut().for_each(|sum| *sum = activate(*sum, t.last.after));
        }
        let mask = ((1_u32 << t.n) - 1) as __mmask8;
        for (q, sum) in sums.into_iter().enumerate() {
            let parts = [
                _mm512_castps512_ps128(sum),
                _mm512_extractf32x4_ps::<1>(sum),
                _mm512_extractf32x4_ps::<2>(sum),
                _mm512_extractf32x4_ps::<3>(sum),
            ];
            for (i, part) in parts.into_iter().enumerate().take(rows) {
                _mm_mask_storeu_ps(c.add((4 * q + i) * t.c_row), mask, part);
            }
        }
    }
}

/// The products of rows of A that are adjacent: four of them are one load.
///
/// # Safety
/// As [`quads`].
#[inline(always)]
unsafe fn adjacent<const Q: usize, const WHOLE: bool>(
    t: &Tile,
    r: usize,
    rows: usize,
    sums: &mut [__m512; Q],
) {
    // SAFETY: the caller answers for the operands; what is cut is masked.
    unsafe {
        let each = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
        let (mut a, mut b) = (t.a.add(r), t.b);
        for _ in 0..t.k {
            let row = _mm512_broadcast_f32x4(if WHOLE { _mm_loadu_ps(b) } else { first(b, t.n) });
            for (q, sum) in sums.iter_mut().enumerate() {
                let four = if rows == 4 { _mm_loadu_ps(a.add(4 * q)) } else { first(a.add(4 * q), rows) };
                let x = _mm512_permutevar_ps(_mm512_broadcast_f32x4(four), each);
                *sum = _mm512_fmadd_ps(x, row, *sum);
            }
            a = a.add(t.a_col);
            b = b.add(t.b_row);
        }
    }
}

/// The products of rows of A that lie apart, 16 inner indices at a time.
///
/// # Safety
/// As [`quads`].
#[inline(always)]
unsafe fn apart<const Q: usize>(t: &Tile, r: usize, rows: usize, sums: &mut [__m512; Q]) {
    // SAFETY: the caller answers for the operands.
    unsafe {
        let a = t.a.add(r * t.a_row);
        let whole = t.k / 16 * 16;
        for k in (0..whole).step_by(16) {
            // Four columns of B, without a mask.
            let (mut own, mut b, mut b_row) = ([0.0f32; 64], t.b.add(k * t.b_row), t.b_row);
            if t.n < COLS {
                for (i, own) in own.chunks_exact_mut(4).enumerate() {
                    _mm_storeu_ps(own.as_mut_ptr(), first(b.add(i * b_row), t.n));
                }
                (b, b_row) = (own.as_ptr(), 4);
            }
            for (q, sum) in sums.iter_mut().enumerate() {
                let line = |i: usize| _mm512_loadu_ps(a.add((4 * q + i.min(rows - 1)) * t.a_row + k));
                let lines = [line(0), line(1), line(2), line(3)];
                // Vector i: the inner indices from 4 i on, of each row in turn.
                let low = [
                    _mm512_shuffle_f32x4::<0x44>(lines[0], lines[1]),
                    _mm512_shuffle_f32x4::<0x44>(lines[2], lines[3]),
                ];
                let high = [
                    _mm512_shuffle_f32x4::<0xEE>(lines[0], lines[1]),
                    _mm512_shuffle_f32x4::<0xEE>(lines[2], lines[3]),
                ];
                let steps = [
                    _mm512_shuffle_f32x4::<0x88>(low[0], low[1]),
                    _mm512_shuffle_f32x4::<0xDD>(low[0], low[1]),
                    _mm512_shuffle_f32x4::<0x88>(high[0], high[1]),
                    _mm512_shuffle_f32x4::<0xDD>(high[0], high[1]),
                ];
                for (i, x) in steps.into_iter().enumerate() {
                    let b = b.add(4 * i * b_row);
                    let row = |j: usize| _mm512_broadcast_f32x4(_mm_loadu_ps(b.add(j * b_row)));
                    *sum = _mm512_fmadd_ps(_mm512_permute_ps::<0x00>(x), row(0), *sum);
                    *sum = _mm512_fmadd_ps(_mm512_permute_ps::<0x55>(x), row(1), *sum);
                    *sum = _mm512_fmadd_ps(_mm512_permute_ps::<0xAA>(x), row(2), *sum);
                    *sum = _mm512_fmadd_ps(_mm512_permute_ps::<0xFF>(x), row(3), *sum);
                }
            }
        }
        for k in whole..t.k {
            let row = _mm512_broadcast_f32x4(first(t.b.add(k * t.b_row), t.n));
            for (q, sum) in sums.iter_mut().enumerate() {
                let element = |i: usize| _mm_set1_ps(*a.add((4 * q + i.min(rows - 1)) * t.a_row + k));
                let x = join([element(0), element(1), element(2), element(3)]);
                *sum = _mm512_fmadd_ps(x, row, *sum);
            }
        }
    }
}
