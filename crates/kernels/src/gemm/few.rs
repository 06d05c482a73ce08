//! AVX-512: tiles of at most four columns, with which rows of C end whose length is
//! a little more than whole vectors.
//!
//! A tile of `micro.rs` would leave at least twelve of sixteen lanes without work. Where
//! rows of A are adjacent, a vector of sums holds four rows: lane 4 i + j is row i and
//! column j. Each step multiplies the row of B, repeated for each of the four, with an
//! element of A, repeated for each column. Where rows of A lie apart, a vector of sums is
//! one column of 16 rows, whose elements of A are turned round 16 inner indices at a time.
//! Elements receive their products in the order of `mod.rs`.

use super::drive::even_parts;
use super::micro::{First, Tile, TileFn};
use super::transpose::{SIDE, lines, quarters, square};
use crate::then::{After, activate};
use std::arch::x86_64::*;

/// Columns, at most.
pub(super) const COLS: usize = 4;
/// Rows, at most.
pub(super) const ROWS: usize = 128;
/// Adjacent rows at a time: eight chains of multiply-adds hide how long one takes.
const ADJACENT: usize = 32;

/// `[packed]`.
pub(super) const TILES: [TileFn; 2] = [apart, adjacent];

/// Rows of A that are adjacent.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn adjacent(t: &Tile) {
    let step = even_parts(t.rows, ADJACENT).next_multiple_of(4);
    for r in (0..t.rows).step_by(step) {
        let rows = step.min(t.rows - r);
        let (whole, rest) = (rows / 4, rows % 4);
        // SAFETY: this function enables the features; the caller answers for the operands.
        unsafe {
            match whole {
                0 => {}
                1 => quads::<1>(t, r, 4),
                2 => quads::<2>(t, r, 4),
                3 => quads::<3>(t, r, 4),
                4 => quads::<4>(t, r, 4),
                5 => quads::<5>(t, r, 4),
                6 => quads::<6>(t, r, 4),
                7 => quads::<7>(t, r, 4),
                _ => quads::<8>(t, r, 4),
            }
            if rest > 0 {
                quads::<1>(t, r + 4 * whole, rest);
            }
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

/// Stores four rows of at most four columns, the rows `stride` apart, of which `rows` exist.
///
/// # Safety
/// As [`load`], to write.
#[inline(always)]
unsafe fn store(v: __m512, to: *mut f32, stride: usize, rows: usize, cols: usize) {
    // SAFETY: the caller's; lanes outside the mask are not written.
    unsafe {
        let mask = ((1_u32 << cols) - 1) as __mmask8;
        let parts = [
            _mm512_castps512_ps128(v),
            _mm512_extractf32x4_ps::<1>(v),
            _mm512_extractf32x4_ps::<2>(v),
            _mm512_extractf32x4_ps::<3>(v),
        ];
        for (i, part) in parts.into_iter().enumerate().take(rows) {
            _mm_mask_storeu_ps(to.add(i * stride), mask, part);
        }
    }
}

/// Sums of Q times four rows from row `r` on; of the last four `rows` exist.
///
/// # Safety
/// The instruction set must be present, and the strides must keep all elements of the
/// tile inside their allocations.
#[inline(always)]
unsafe fn quads<const Q: usize>(t: &Tile, r: usize, rows: usize) {
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
        match t.n == COLS {
            true => products::<Q, true>(t, r, rows, &mut sums),
            false => products::<Q, false>(t, r, rows, &mut sums),
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
        for (q, sum) in sums.into_iter().enumerate() {
            store(sum, c.add(4 * q * t.c_row), t.c_row, rows, t.n);
        }
    }
}

/// The products of rows of A that are adjacent: four of them are one load.
///
/// # Safety
/// As [`quads`].
#[inline(always)]
unsafe fn products<const Q: usize, const WHOLE: bool>(
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

/// Rows of A that lie apart.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn apart(t: &Tile) {
    let count = t.rows.div_ceil(SIDE);
    assert!(count <= ROWS / SIDE, "more rows than a tile has");
    // SAFETY: this function enables the features; the caller answers for the operands.
    // Rows that do not exist are the last one's double, columns zeros.
    unsafe {
        let mut sums = [[_mm512_setzero_ps(); COLS]; ROWS / SIDE];
        let sums = &mut sums[..count];
        match t.first {
            First::Zero => {}
            First::Bias(bias) => {
                sums.fill([0, 1, 2, 3].map(|j: usize| _mm512_set1_ps(*bias.add(j.min(t.n - 1)))))
            }
            First::Load => {
                for (g, sums) in sums.iter_mut().enumerate() {
                    *sums = by_columns(t, t.c, g);
                }
            }
        }
        let mut from = [t.a; SIDE];
        for k in (0..t.k).step_by(SIDE) {
            let depth = SIDE.min(t.k - k);
            // Where the compiler knows each place.
            let mut b = [0.0f32; COLS * SIDE];
            for (i, b) in b.chunks_exact_mut(COLS).enumerate().take(depth) {
                _mm_storeu_ps(b.as_mut_ptr(), first(t.b.add((k + i) * t.b_row), t.n));
            }
            for (g, sums) in sums.iter_mut().enumerate() {
                let (a, rows) = (t.a.add(g * SIDE * t.a_row + k), SIDE.min(t.rows - g * SIDE));
                let x = if rows == SIDE && depth == SIDE {
                    square(lines(a, t.a_row))
                } else {
                    for (i, from) in from.iter_mut().enumerate() {
                        *from = a.add(i.min(rows - 1) * t.a_row);
                    }
                    let mask = ((1_u32 << depth) - 1) as __mmask16;
                    square(from.map(|from| _mm512_maskz_loadu_ps(mask, from)))
                };
                let mut sum = *sums;
                // Unrolled by hand: otherwise the sums live in memory.
                macro_rules! steps {
                    ($depth:expr, $($i:literal)*) => {$(
                        if $i < $depth {
                            sum[0] = _mm512_fmadd_ps(x[$i], _mm512_set1_ps(b[4 * $i]), sum[0]);
                            sum[1] = _mm512_fmadd_ps(x[$i], _mm512_set1_ps(b[4 * $i + 1]), sum[1]);
                            sum[2] = _mm512_fmadd_ps(x[$i], _mm512_set1_ps(b[4 * $i + 2]), sum[2]);
                            sum[3] = _mm512_fmadd_ps(x[$i], _mm512_set1_ps(b[4 * $i + 3]), sum[3]);
                        }
                    )*};
                }
                if depth == SIDE {
                    steps!(SIDE, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
                } else {
                    steps!(depth, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
                }
                *sums = sum;
            }
        }
        for (g, sums) in sums.iter_mut().enumerate() {
            if !t.last.add.is_null() {
                let add = by_columns(t, t.last.add, g);
                for (sum, add) in sums.iter_mut().zip(add) {
                    *sum = _mm512_add_ps(*sum, add);
                }
            }
            if t.last.after != After::Nothing {
                sums.iter_mut().for_each(|sum| *sum = activate(*sum, t.last.after));
            }
            // Vector i: the rows i, i + 4, i + 8 and i + 12.
            for (i, part) in quarters(*sums).into_iter().enumerate() {
                let first = g * SIDE + i;
                if first < t.rows {
                    let rows = (t.rows - first).div_ceil(4).min(4);
                    store(part, t.c.add(first * t.c_row), 4 * t.c_row, rows, t.n);
                }
            }
        }
    }
}

/// Four columns of the group `g` of 16 rows of C, or of what has its shape.
///
/// # Safety
/// As [`load`], for the rows that exist.
#[inline(always)]
unsafe fn by_columns(t: &Tile, from: *const f32, g: usize) -> [__m512; COLS] {
    // SAFETY: the caller's; rows that do not exist are doubles of others.
    unsafe {
        quarters([0, 1, 2, 3].map(|i: usize| {
            let first = (g * SIDE + i).min(t.rows - 1);
            let rows = (t.rows - first).div_ceil(4).min(4);
            load(from.add(first * t.c_row), 4 * t.c_row, rows, t.n)
        }))
    }
}
