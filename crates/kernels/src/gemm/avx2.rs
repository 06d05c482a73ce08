//! AVX2 with FMA: 8 lanes, 16 registers.

use super::micro::{Tile, TileFn, Vector, copy_rows, tile};
use super::tables::{MAX_ROWS, MAX_VECTORS, Table, Tiles};
use crate::lanes::Lanes;
use crate::then::{After, activate};
use std::arch::x86_64::{
    __m256, __m256i, _mm_castps_pd, _mm_movehl_ps, _mm_store_ss, _mm_storel_pd, _mm_storeu_ps,
    _mm256_castps256_ps128, _mm256_cmpgt_epi32, _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_maskload_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi32, _mm256_setzero_ps,
    _mm256_storeu_ps,
};

impl Vector for __m256 {
    const LANES: usize = 8;
    /// The selected lanes, and how many there are.
    type Mask = (__m256i, usize);
    const UNROLL: bool = true;
    type Half = __m256;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller has AVX.
        unsafe { _mm256_setzero_ps() }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller has AVX.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller has AVX and 8 readable elements.
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller has AVX and 8 writable elements.
        unsafe { _mm256_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        // SAFETY: the caller has AVX and 8 writable elements on a multiple of 32 bytes.
        unsafe { Lanes::stream(self, to) }
    }
    #[inline(always)]
    unsafe fn mask(lanes: usize) -> (__m256i, usize) {
        // SAFETY: the caller has AVX2.
        let mask = unsafe {
            _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
        };
        (mask, lanes)
    }
    #[inline(always)]
    unsafe fn load_masked((mask, _): (__m256i, usize), from: *const f32) -> Self {
        // SAFETY: the caller has AVX; lanes outside the mask are not read.
        unsafe { _mm256_maskload_ps(from, mask) }
    }
    #[inline(always)]
    unsafe fn store_masked(self, (_, lanes): (__m256i, usize), to: *mut f32) {
        // Four, two and one lanes: a masked store takes tens of cycles on some processors.
        // SAFETY: the caller has AVX; exactly the first `lanes` elements are written.
        unsafe {
            let (mut rest, mut to) = (_mm256_castps256_ps128(self), to);
            if lanes & 8 != 0 {
                return _mm256_storeu_ps(to, self);
            }
            if lanes & 4 != 0 {
                _mm_storeu_ps(to, rest);
                rest = _mm256_extractf128_ps::<1>(self);
                to = to.add(4);
            }
            if lanes & 2 != 0 {
                _mm_storel_pd(to.cast(), _mm_castps_pd(rest));
                rest = _mm_movehl_ps(rest, rest);
                to = to.add(2);
            }
            if lanes & 1 != 0 {
                _mm_store_ss(to, rest);
            }
        }
    }
    #[inline(always)]
    unsafe fn low(self) -> Self {
        self
    }
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        // SAFETY: the caller has FMA.
        unsafe { _mm256_fmadd_ps(self, b, c) }
    }
    #[inline(always)]
    unsafe fn ended(self, add: Option<Self>, after: After) -> Self {
        // SAFETY: the caller has AVX.
        unsafe {
            let sum = add.map_or(self, |add| Lanes::add(self, add));
            activate(sum, after)
        }
    }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn entry<const MR: usize, const NV: usize, const PACKED: bool, const TAIL: bool>(t: &Tile) {
    // SAFETY: this function enables the features; the caller answers for the operands.
    unsafe { tile::<__m256, MR, NV, PACKED, TAIL>(t) }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn copy(from: *const f32, from_row: usize, to: *mut f32, to_row: usize, rows: usize, cols: usize) {
    // SAFETY: this function enables the features; the caller answers for the rows.
    unsafe { copy_rows::<__m256>(from, from_row, to, to_row, rows, cols) }
}

const fn rows<const NV: usize, const PACKED: bool, const TAIL: bool>() -> [Option<TileFn>; MAX_ROWS] {
    let all: [TileFn; MAX_ROWS] = [
        entry::<1, NV, PACKED, TAIL>,
        entry::<2, NV, PACKED, TAIL>,
        entry::<3, NV, PACKED, TAIL>,
        entry::<4, NV, PACKED, TAIL>,
        entry::<5, NV, PACKED, TAIL>,
        entry::<6, NV, PACKED, TAIL>,
        entry::<7, NV, PACKED, TAIL>,
        entry::<8, NV, PACKED, TAIL>,
    ];
    // Accumulators, one row of B and one broadcast must fit into 16 registers.
    let mut table = [None; MAX_ROWS];
    let mut i = 0;
    while i < MAX_ROWS && (i + 1) * NV + NV < 15 {
        table[i] = Some(all[i]);
        i += 1;
    }
    table
}

const fn table<const PACKED: bool, const TAIL: bool>() -> Table {
    let none = [None; MAX_ROWS];
    [rows::<1, PACKED, TAIL>(), rows::<2, PACKED, TAIL>(), rows::<3, PACKED, TAIL>(), none]
}

const fn tables<const PACKED: bool>() -> [Table; 3] {
    [table::<PACKED, false>(), table::<PACKED, true>(), [[None; MAX_ROWS]; MAX_VECTORS]]
}

pub(super) static TILES: Tiles = Tiles {
    lanes: 8,
    max_rows: [8, 6, 3, 0],
    wide: 2,
    tables: [tables::<false>(), tables::<true>()],
    // Half a vector takes as long as a whole one.
    half: 0,
    few: 0,
    any: None,
    steps: 1,
    copy,
    transpose: super::transpose::avx2,
};
