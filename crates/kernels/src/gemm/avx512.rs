//! AVX-512: 16 lanes, 32 registers.

use super::micro::{Tile, TileFn, Vector, copy_rows, tile, tile_half};
use super::tables::{MAX_ROWS, Table, Tiles};
use crate::lanes::Lanes;
use crate::then::{After, activate};
use std::arch::x86_64::{__cpuid, __m256, __m512};
use std::sync::OnceLock;

/// A vector type of AVX-512 and its half, which differ from others in what they multiply.
macro_rules! vectors {
    ($whole:ident: |$a:ident, $b:ident, $c:ident| $fma:expr, $half:ident: |$d:ident, $e:ident, $f:ident| $fma_half:expr) => {
        /// 16 lanes.
        #[derive(Clone, Copy)]
        pub(in crate::gemm) struct $whole(__m512);

        /// 8 lanes with the masks of AVX-512VL.
        #[derive(Clone, Copy)]
        pub(in crate::gemm) struct $half(__m256);

        const _: () = {
            use std::arch::x86_64::*;
            vectors!(one $whole, 16, __mmask16, |$a, $b, $c| $fma, |v| $half(_mm512_castps512_ps256(v.0)), $half,
                _mm512_setzero_ps, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps,
                _mm512_maskz_loadu_ps, _mm512_mask_storeu_ps);
            vectors!(one $half, 8, __mmask8, |$d, $e, $f| $fma_half, |v| v, $half,
                _mm256_setzero_ps, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps,
                _mm256_maskz_loadu_ps, _mm256_mask_storeu_ps);
        };
    };
    (one $name:ident, $lanes:literal, $mask:ty, |$a:ident, $b:ident, $c:ident| $fma:expr, |$v:ident| $low:expr,
        $half:ident, $zero:ident, $splat:ident, $load:ident, $store:ident, $load_masked:ident, $store_masked:ident) => {
        impl Vector for $name {
            const LANES: usize = $lanes;
            type Mask = $mask;
            // LLVM gathers the loads of all four steps and runs out of registers.
            const UNROLL: bool = false;
            type Half = $half;

            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the caller has the instruction set.
                $name(unsafe { $zero() })
            }
            #[inline(always)]
            unsafe fn splat(x: f32) -> Self {
                // SAFETY: the caller has the instruction set.
                $name(unsafe { $splat(x) })
            }
            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: the caller has the instruction set and as many readable elements.
                $name(unsafe { $load(from) })
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: the caller has the instruction set and as many writable elements.
                unsafe { $store(to, self.0) }
            }
            #[inline(always)]
            unsafe fn stream(self, to: *mut f32) {
                // SAFETY: the caller has the instruction set and as many writable elements
                // on a multiple of the vector's size.
                unsafe { Lanes::stream(self.0, to) }
            }
            #[inline(always)]
            unsafe fn mask(lanes: usize) -> $mask {
                ((1_u32 << lanes) - 1) as $mask
            }
            #[inline(always)]
            unsafe fn load_masked(mask: $mask, from: *const f32) -> Self {
                // SAFETY: the caller has the instruction set; lanes outside the mask are not read.
                $name(unsafe { $load_masked(mask, from) })
            }
            #[inline(always)]
            unsafe fn store_masked(self, mask: $mask, to: *mut f32) {
                // SAFETY: the caller has the instruction set; lanes outside the mask are not
                // written.
                unsafe { $store_masked(to, mask, self.0) }
            }
            #[inline(always)]
            unsafe fn low(self) -> $half {
                let $v = self;
                // SAFETY: the caller has the instruction set.
                #[allow(unused_unsafe, reason = "half of a half is itself")]
                unsafe {
                    $low
                }
            }
            #[inline(always)]
            unsafe fn fma(self, b: Self, c: Self) -> Self {
                let ($a, $b, $c) = (self.0, b.0, c.0);
                // SAFETY: the caller has the instruction set.
                $name(unsafe { $fma })
            }
            #[inline(always)]
            unsafe fn ended(self, add: Option<Self>, after: After) -> Self {
                // SAFETY: the caller has the instruction set.
                unsafe {
                    let sum = add.map_or(self.0, |add| Lanes::add(self.0, add.0));
                    $name(activate(sum, after))
                }
            }
        }
    };
}
pub(super) use vectors;

vectors!(Whole: |a, b, c| _mm512_fmadd_ps(a, b, c), Half: |a, b, c| _mm256_fmadd_ps(a, b, c));

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub(super) unsafe fn copy(
    from: *const f32,
    from_row: usize,
    to: *mut f32,
    to_row: usize,
    rows: usize,
    cols: usize,
) {
    // SAFETY: this function enables the features; the caller answers for the rows.
    unsafe { copy_rows::<Whole>(from, from_row, to, to_row, rows, cols) }
}

/// Accumulators, one row of B and one broadcast must fit into 32 registers.
pub(super) const fn fitting(nv: usize, all: [TileFn; MAX_ROWS]) -> [Option<TileFn>; MAX_ROWS] {
    let mut table = [None; MAX_ROWS];
    let mut i = 0;
    while i < MAX_ROWS && (i + 1) * nv + nv < 32 {
        table[i] = Some(all[i]);
        i += 1;
    }
    table
}

/// The tiles of a vector type and its half, compiled with the features that it needs.
macro_rules! tile_tables {
    ($features:literal, $vector:ty, $half:ty) => {
        #[target_feature(enable = $features)]
        unsafe fn entry<const MR: usize, const NV: usize, const PACKED: bool, const TAIL: bool>(t: &Tile) {
            // SAFETY: this function enables the features; the caller answers for the operands.
            unsafe { tile::<$vector, MR, NV, PACKED, TAIL>(t) }
        }

        /// `NV` whole vectors and a half.
        #[target_feature(enable = $features)]
        unsafe fn entry_half<const MR: usize, const NV: usize, const PACKED: bool>(t: &Tile) {
            // SAFETY: this function enables the features; the caller answers for the operands.
            unsafe {
                if NV == 0 {
                    tile::<$half, MR, 1, PACKED, true>(t);
                } else {
                    tile_half::<$vector, MR, NV, PACKED>(t);
                }
            }
        }

        const fn rows<const NV: usize, const PACKED: bool, const TAIL: bool>() -> [Option<TileFn>; MAX_ROWS] {
            fitting(
                NV,
                [
                    entry::<1, NV, PACKED, TAIL>,
                    entry::<2, NV, PACKED, TAIL>,
                    entry::<3, NV, PACKED, TAIL>,
                    entry::<4, NV, PACKED, TAIL>,
                    entry::<5, NV, PACKED, TAIL>,
                    entry::<6, NV, PACKED, TAIL>,
                    entry::<7, NV, PACKED, TAIL>,
                    entry::<8, NV, PACKED, TAIL>,
                ],
            )
        }

        const fn rows_half<const NV: usize, const PACKED: bool>() -> [Option<TileFn>; MAX_ROWS] {
            fitting(
                NV + 1,
                [
                    entry_half::<1, NV, PACKED>,
                    entry_half::<2, NV, PACKED>,
                    entry_half::<3, NV, PACKED>,
                    entry_half::<4, NV, PACKED>,
                    entry_half::<5, NV, PACKED>,
                    entry_half::<6, NV, PACKED>,
                    entry_half::<7, NV, PACKED>,
                    entry_half::<8, NV, PACKED>,
                ],
            )
        }

        const fn whole<const PACKED: bool, const TAIL: bool>() -> Table {
            [
                rows::<1, PACKED, TAIL>(),
                rows::<2, PACKED, TAIL>(),
                rows::<3, PACKED, TAIL>(),
                rows::<4, PACKED, TAIL>(),
            ]
        }

        const fn half<const PACKED: bool>() -> Table {
            [
                rows_half::<0, PACKED>(),
                rows_half::<1, PACKED>(),
                rows_half::<2, PACKED>(),
                rows_half::<3, PACKED>(),
            ]
        }

        const fn tables<const PACKED: bool>() -> [Table; 3] {
            [whole::<PACKED, false>(), whole::<PACKED, true>(), half::<PACKED>()]
        }
    };
}
pub(super) use tile_tables;

tile_tables!("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma", Whole, Half);

/// Half a vector counts as a whole one.
pub(super) static WHOLE: Tiles = Tiles {
    lanes: 16,
    max_rows: [8, 8, 8, 6],
    wide: 3,
    tables: [tables::<false>(), tables::<true>()],
    half: 0,
    few: 8,
    any: None,
    steps: 1,
    copy,
    transpose: super::transpose::avx512,
};

/// For processors that do half a vector in half the time (Zen 4), or in the same (Zen 5).
pub(super) static HALVES: Tiles = Tiles { half: Half::LANES, few: 4, ..WHOLE };

/// The tiles for this processor. Intel's have one port for vectors of 256 bits that are
/// computed between vectors of 512, and two for these: halves would take longer than wholes.
pub(super) fn tiles() -> &'static Tiles {
    static INTEL: OnceLock<bool> = OnceLock::new();
    let of_intel = || {
        let maker = __cpuid(0);
        [maker.ebx, maker.edx, maker.ecx].map(u32::to_le_bytes).as_flattened() == b"GenuineIntel"
    };
    if *INTEL.get_or_init(of_intel) { &WHOLE } else { &HALVES }
}
