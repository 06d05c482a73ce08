//! AVX-512: 16 lanes, 32 registers.

use super::micro::{MAX_ROWS, MAX_VECTORS, Tile, TileFn, Tiles, Vector, copy_rows, tile};
use std::arch::x86_64::{
    __m512, __mmask16, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

impl Vector for __m512 {
    const LANES: usize = 16;
    type Mask = __mmask16;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller has AVX-512F.
        unsafe { _mm512_setzero_ps() }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller has AVX-512F.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller has AVX-512F and 16 readable elements.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller has AVX-512F and 16 writable elements.
        unsafe { _mm512_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn mask(lanes: usize) -> __mmask16 {
        ((1_u32 << lanes) - 1) as __mmask16
    }
    #[inline(always)]
    unsafe fn load_masked(mask: __mmask16, from: *const f32) -> Self {
        // SAFETY: the caller has AVX-512F; lanes outside the mask are not read.
        unsafe { _mm512_maskz_loadu_ps(mask, from) }
    }
    #[inline(always)]
    unsafe fn store_masked(self, mask: __mmask16, to: *mut f32) {
        // SAFETY: the caller has AVX-512F; lanes outside the mask are not written.
        unsafe { _mm512_mask_storeu_ps(to, mask, self) }
    }
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        // SAFETY: the caller has AVX-512F.
        unsafe { _mm512_fmadd_ps(self, b, c) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn entry<const MR: usize, const NV: usize, const PACKED: bool>(t: &Tile) {
    // SAFETY: this function enables the features; the caller answers for the operands.
    unsafe { tile::<__m512, MR, NV, PACKED>(t) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn copy(from: *const f32, from_row: usize, to: *mut f32, to_row: usize, rows: usize, cols: usize) {
    // SAFETY: this function enables the features; the caller answers for the rows.
    unsafe { copy_rows::<__m512>(from, from_row, to, to_row, rows, cols) }
}

const fn rows<const NV: usize, const PACKED: bool>() -> [Option<TileFn>; MAX_ROWS] {
    let all: [TileFn; MAX_ROWS] = [
        entry::<1, NV, PACKED>,
        entry::<2, NV, PACKED>,
        entry::<3, NV, PACKED>,
        entry::<4, NV, PACKED>,
        entry::<5, NV, PACKED>,
        entry::<6, NV, PACKED>,
        entry::<7, NV, PACKED>,
        entry::<8, NV, PACKED>,
    ];
    // Accumulators, one row of B and one broadcast must fit into 32 registers.
    let mut table = [None; MAX_ROWS];
    let mut i = 0;
    while i < MAX_ROWS && (i + 1) * NV + NV < 32 {
        table[i] = Some(all[i]);
        i += 1;
    }
    table
}

const fn tiles<const PACKED: bool>() -> [[Option<TileFn>; MAX_ROWS]; MAX_VECTORS] {
    [rows::<1, PACKED>(), rows::<2, PACKED>(), rows::<3, PACKED>(), rows::<4, PACKED>()]
}

pub(super) static TILES: Tiles = Tiles {
    lanes: 16,
    max_rows: [8, 8, 8, 6],
    wide: 3,
    tiles: [tiles::<false>(), tiles::<true>()],
    copy,
    transpose8: super::avx2::transpose8,
};
