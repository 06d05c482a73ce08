//! AVX2 with FMA: 8 lanes, 16 registers.

use super::micro::{MAX_ROWS, MAX_VECTORS, Tile, TileFn, Tiles, Vector, copy_rows, tile};
use std::arch::x86_64::{
    __m256, __m256i, _mm_castps_pd, _mm_movehl_ps, _mm_store_ss, _mm_storel_pd, _mm_storeu_ps,
    _mm256_castps256_ps128, _mm256_castsi256_ps, _mm256_cmpgt_epi32, _mm256_extractf128_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_maskload_ps, _mm256_permute2f128_ps, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setr_epi32, _mm256_setzero_ps, _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_unpackhi_ps,
    _mm256_unpacklo_ps,
};

impl Vector for __m256 {
    const LANES: usize = 8;
    /// The selected lanes, and how many there are.
    type Mask = (__m256i, usize);

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
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        // SAFETY: the caller has FMA.
        unsafe { _mm256_fmadd_ps(self, b, c) }
    }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn entry<const MR: usize, const NV: usize, const PACKED: bool>(t: &Tile) {
    // SAFETY: this function enables the features; the caller answers for the operands.
    unsafe { tile::<__m256, MR, NV, PACKED>(t) }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn copy(from: *const f32, from_row: usize, to: *mut f32, to_row: usize, rows: usize, cols: usize) {
    // SAFETY: this function enables the features; the caller answers for the rows.
    unsafe { copy_rows::<__m256>(from, from_row, to, to_row, rows, cols) }
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
    // Accumulators, one row of B and one broadcast must fit into 16 registers.
    let mut table = [None; MAX_ROWS];
    let mut i = 0;
    while i < MAX_ROWS && (i + 1) * NV + NV < 15 {
        table[i] = Some(all[i]);
        i += 1;
    }
    table
}

const fn tiles<const PACKED: bool>() -> [[Option<TileFn>; MAX_ROWS]; MAX_VECTORS] {
    [rows::<1, PACKED>(), rows::<2, PACKED>(), rows::<3, PACKED>(), [None; MAX_ROWS]]
}

pub(super) static TILES: Tiles = Tiles {
    lanes: 8,
    max_rows: [8, 6, 3, 0],
    wide: 2,
    tiles: [tiles::<false>(), tiles::<true>()],
    copy,
    transpose8,
};

/// `to[j * to_row + i] = from[i * from_row + j]` for i, j in 0..8.
///
/// # Safety
/// Requires AVX; all 64 elements must lie inside both allocations.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn transpose8(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
    // SAFETY: the caller answers for the 64 elements on both sides.
    unsafe {
        let mut r = [_mm256_setzero_ps(); 8];
        for (i, r) in r.iter_mut().enumerate() {
            *r = _mm256_loadu_ps(from.add(i * from_row));
        }
        let mut s = [_mm256_castsi256_ps(_mm256_set1_epi32(0)); 8];
        for i in 0..4 {
            s[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
            s[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
        }
        for half in 0..2 {
            let q = &s[4 * half..4 * half + 4];
            r[4 * half] = _mm256_shuffle_ps::<0x44>(q[0], q[2]);
            r[4 * half + 1] = _mm256_shuffle_ps::<0xEE>(q[0], q[2]);
            r[4 * half + 2] = _mm256_shuffle_ps::<0x44>(q[1], q[3]);
            r[4 * half + 3] = _mm256_shuffle_ps::<0xEE>(q[1], q[3]);
        }
        for i in 0..4 {
            _mm256_storeu_ps(to.add(i * to_row), _mm256_permute2f128_ps::<0x20>(r[i], r[i + 4]));
            _mm256_storeu_ps(to.add((i + 4) * to_row), _mm256_permute2f128_ps::<0x31>(r[i], r[i + 4]));
        }
    }
}
