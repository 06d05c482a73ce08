//! AVX-512 BF16: vectors of 16 and of 8 pairs, and how pairs are made.

use crate::gemm::avx512::{copy, fitting, tile_tables, vectors};
use crate::gemm::micro::{Tile, TileFn, Vector, tile, tile_half};
use crate::gemm::tables::{MAX_ROWS, Table, Tiles};
use crate::lanes::Lanes;
use crate::then::{After, activate};
use std::arch::x86_64::{
    __m256, __m512, __m512bh, __m512i, _mm512_cvtne2ps_pbh, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_mask_storeu_epi32, _mm512_maskz_loadu_ps, _mm512_permutexvar_epi16, _mm512_storeu_si512,
};
use std::mem::transmute;

// 16 and 8 pairs, or sums: what the lanes hold follows from the use. Sums are loaded, stored
// and added to; operands are loaded and repeated. Vectors of one size: any bits are a value of
// either type.
vectors!(
    Pairs: |a, b, c| _mm512_dpbf16_ps(c, transmute::<__m512, __m512bh>(a), transmute::<__m512, __m512bh>(b)),
    HalfPairs: |a, b, c| _mm256_dpbf16_ps(c, transmute::<__m256, __m256bh>(a), transmute::<__m256, __m256bh>(b))
);

tile_tables!("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma", Pairs, HalfPairs);

pub(in crate::gemm) static TILES: Tiles = Tiles {
    lanes: 16,
    max_rows: [8, 8, 8, 6],
    wide: 3,
    tables: [tables::<false>(), tables::<true>()],
    half: HalfPairs::LANES,
    few: 0,
    any: None,
    steps: 1,
    copy,
    transpose: crate::gemm::transpose::avx512,
};

/// Where the elements of two vectors of bfloat16 come from when they are interleaved.
static INTERLEAVED: [u16; 32] = {
    let mut from = [0; 32];
    let mut i = 0;
    while i < 32 {
        from[i] = (i / 2 + i % 2 * 16) as u16;
        i += 1;
    }
    from
};

/// `to[i * to_row + j]` = the pair of `from[2i * from_row + j]` and
/// `from[(2i + 1) * from_row + j]`, for j below `cols`. `to` may be `from` with the same
/// distance of rows.
///
/// # Safety
/// Requires the features below; all rows must lie inside their allocations.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) unsafe fn pair_rows(
    from: *const f32,
    from_row: usize,
    to: *mut f32,
    to_row: usize,
    rows: usize,
    cols: usize,
) {
    // SAFETY: the caller answers for the rows; masks keep the last vector inside them.
    unsafe {
        let order: __m512i = _mm512_loadu_si512(INTERLEAVED.as_ptr().cast());
        for i in 0..rows.div_ceil(2) {
            let (even, to) = (from.add(2 * i * from_row), to.add(i * to_row));
            for j in (0..cols).step_by(16) {
                let mask = Pairs::mask((cols - j).min(16));
                let low = _mm512_maskz_loadu_ps(mask, even.add(j));
                let high = if 2 * i + 1 < rows { mask } else { 0 };
                let high = _mm512_maskz_loadu_ps(high, even.wrapping_add(from_row + j));
                let both = transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low));
                let pairs = _mm512_permutexvar_epi16(order, both);
                _mm512_mask_storeu_epi32(to.add(j).cast(), mask, pairs);
            }
        }
    }
}

/// `to[i * to_row + j]` = the pair of `from[i * from_row + 2j]` and its neighbour. `to`
/// may be `from` if its rows are not farther apart.
///
/// # Safety
/// Requires the features below; all rows must lie inside their allocations.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) unsafe fn pair_columns(
    from: *const f32,
    from_row: usize,
    to: *mut f32,
    to_row: usize,
    rows: usize,
    cols: usize,
) {
    let whole = cols / 32 * 32;
    // SAFETY: the caller answers for the rows; masks keep the last vectors inside them.
    unsafe {
        for i in 0..rows {
            let (from, to) = (from.add(i * from_row), to.add(i * to_row));
            for j in (0..whole).step_by(32) {
                let (low, high) = (_mm512_loadu_ps(from.add(j)), _mm512_loadu_ps(from.add(j + 16)));
                let pairs = transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low));
                _mm512_storeu_si512(to.add(j / 2).cast(), pairs);
            }
            let left = cols - whole;
            if left > 0 {
                let (low, high) = (Pairs::mask(left.min(16)), Pairs::mask(left.saturating_sub(16)));
                let low = _mm512_maskz_loadu_ps(low, from.add(whole));
                let high = _mm512_maskz_loadu_ps(high, from.wrapping_add(whole + 16));
                let pairs = transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low));
                let mask = Pairs::mask(left.div_ceil(2));
                _mm512_mask_storeu_epi32(to.add(whole / 2).cast(), mask, pairs);
            }
        }
    }
}
