//! Vectors of `f32` for kernels that keep many of them in registers, written
//! once for all instruction sets.
//!
//! Loops over one or two vectors go through `simd.rs` instead, where the
//! compiler vectorises. Here the caller decides what stays in registers.

use crate::simd::Arith;
use std::marker::PhantomData;

/// A vector of f32. Methods are inlined into functions that enable the
/// features they need.
///
/// # Safety
/// Every method requires the instruction set of the implementing type, and
/// pointers to as many elements as it reads or writes.
pub(crate) trait Lanes: Copy {
    /// Elements.
    const LANES: usize;

    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Writes past the caches, to a multiple of the vector's size. [`streamed`] has to
    /// follow before another thread reads it.
    unsafe fn stream(self, to: *mut f32);
    /// The first `n` elements (fewer than all), zeros after them.
    unsafe fn load_first(from: *const f32, n: usize) -> Self;
    /// Writes the first `n` elements (fewer than all).
    unsafe fn store_first(self, to: *mut f32, n: usize);
    unsafe fn add(self, b: Self) -> Self;
    unsafe fn sub(self, b: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    /// `self * b + c`
    unsafe fn fma(self, b: Self, c: Self) -> Self;
    /// (x, tap) where x > self or x is no number, (self, at) elsewhere.
    unsafe fn larger(self, at: Self, x: Self, tap: Self) -> (Self, Self);
    /// `value` where self = b, 0 elsewhere.
    unsafe fn where_equal(self, b: Self, value: Self) -> Self;
    /// 0 where y ≤ bound, self elsewhere, also where y is no number.
    unsafe fn unless_at_most(self, y: Self, bound: Self) -> Self;
    /// 0 where y ≥ bound, self elsewhere, also where y is no number.
    unsafe fn unless_at_least(self, y: Self, bound: Self) -> Self;
    /// The lesser of self and bound; self where it is no number.
    unsafe fn at_most(self, bound: Self) -> Self;
    /// As many bytes, as numbers.
    unsafe fn load_bytes(from: *const u8) -> Self;
    /// Whole numbers from 0 to 255 as bytes.
    unsafe fn store_bytes(self, to: *mut u8);
}

/// Asks for the cache lines of `len` elements, to arrive in the second-level
/// cache. The addresses need not be valid.
#[inline(always)]
pub(crate) fn prefetch(from: *const f32, len: usize) {
    #[cfg(target_arch = "x86_64")]
    ask::<{ std::arch::x86_64::_MM_HINT_T1 }>(from, len);
    let _ = (from, len);
}

/// [`prefetch`], to arrive in the nearest cache.
#[inline(always)]
pub(crate) fn prefetch_near(from: *const f32, len: usize) {
    #[cfg(target_arch = "x86_64")]
    ask::<{ std::arch::x86_64::_MM_HINT_T0 }>(from, len);
    let _ = (from, len);
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn ask<const HINT: i32>(from: *const f32, len: usize) {
    for at in (0..len).step_by(16) {
        // SAFETY: a prefetch has no effect on memory and never faults; SSE is
        // part of every x86-64.
        unsafe { std::arch::x86_64::_mm_prefetch::<HINT>(from.wrapping_add(at).cast()) };
    }
}

/// Makes what [`Lanes::stream`] wrote visible before what this thread writes next.
#[inline(always)]
pub(crate) fn streamed() {
    // SAFETY: a fence has no effect on values; SSE is part of every x86-64.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

/// Plain loops that a compiler turns into whatever vectors the target has.
#[derive(Clone, Copy)]
pub(crate) struct Portable<A>([f32; 4], PhantomData<A>);

impl<A> Portable<A> {
    #[inline(always)]
    fn each(f: impl Fn(usize) -> f32) -> Self {
        Portable(std::array::from_fn(f), PhantomData)
    }
}

impl<A: Arith> Lanes for Portable<A> {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self::each(|_| x)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller has four readable elements.
        Self::each(|i| unsafe { *from.add(i) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        for (i, x) in self.0.into_iter().enumerate() {
            // SAFETY: the caller has four writable elements.
            unsafe { *to.add(i) = x };
        }
    }
    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        // SAFETY: the caller's.
        unsafe { self.store(to) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        // SAFETY: the caller has `n` readable elements.
        Self::each(|i| if i < n { unsafe { *from.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        for (i, x) in self.0.into_iter().enumerate().take(n) {
            // SAFETY: the caller has `n` writable elements.
            unsafe { *to.add(i) = x };
        }
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        Self::each(|i| self.0[i] + b.0[i])
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        Self::each(|i| self.0[i] - b.0[i])
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        Self::each(|i| self.0[i] * b.0[i])
    }
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        Self::each(|i| A::fma(self.0[i], b.0[i], c.0[i]))
    }
    #[inline(always)]
    unsafe fn larger(self, at: Self, x: Self, tap: Self) -> (Self, Self) {
        let wins = |i: usize| x.0[i] > self.0[i] || x.0[i].is_nan();
        let pick = |a: &Self, b: &Self| Self::each(|i| if wins(i) { a.0[i] } else { b.0[i] });
        (pick(&x, &self), pick(&tap, &at))
    }
    #[inline(always)]
    unsafe fn where_equal(self, b: Self, value: Self) -> Self {
        Self::each(|i| if self.0[i] == b.0[i] { value.0[i] } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn unless_at_most(self, y: Self, bound: Self) -> Self {
        Self::each(|i| if y.0[i] <= bound.0[i] { 0.0 } else { self.0[i] })
    }
    #[inline(always)]
    unsafe fn unless_at_least(self, y: Self, bound: Self) -> Self {
        Self::each(|i| if y.0[i] >= bound.0[i] { 0.0 } else { self.0[i] })
    }
    #[inline(always)]
    unsafe fn at_most(self, bound: Self) -> Self {
        Self::each(|i| if self.0[i] > bound.0[i] { bound.0[i] } else { self.0[i] })
    }
    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        // SAFETY: the caller has four readable bytes.
        Self::each(|i| f32::from(unsafe { *from.add(i) }))
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        for (i, x) in self.0.into_iter().enumerate() {
            // SAFETY: the caller has four writable bytes.
            unsafe { *to.add(i) = x as u8 };
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    /// Masks of the first 0..=8 lanes: eight words from `MASK[8 - n]` on.
    static MASK: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

    impl Lanes for __m256 {
        const LANES: usize = 8;

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
            unsafe { _mm256_stream_ps(to, self) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, n: usize) -> Self {
            // SAFETY: the caller has AVX, and lanes outside the mask are not read;
            // `n` is at most 8, so that the mask lies inside its table.
            unsafe {
                let mask = _mm256_loadu_si256(MASK.as_ptr().add(8 - n).cast());
                _mm256_maskload_ps(from, mask)
            }
        }
        #[inline(always)]
        unsafe fn store_first(self, to: *mut f32, n: usize) {
            // Through memory: a masked store takes tens of cycles on some processors.
            let mut all = [0.0f32; 8];
            // SAFETY: the caller has AVX and `n` ≤ 8 writable elements.
            unsafe {
                _mm256_storeu_ps(all.as_mut_ptr(), self);
                std::ptr::copy_nonoverlapping(all.as_ptr(), to, n);
            }
        }
        #[inline(always)]
        unsafe fn add(self, b: Self) -> Self {
            // SAFETY: the caller has AVX.
            unsafe { _mm256_add_ps(self, b) }
        }
        #[inline(always)]
        unsafe fn sub(self, b: Self) -> Self {
            // SAFETY: the caller has AVX.
            unsafe { _mm256_sub_ps(self, b) }
        }
        #[inline(always)]
        unsafe fn mul(self, b: Self) -> Self {
            // SAFETY: the caller has AVX.
            unsafe { _mm256_mul_ps(self, b) }
        }
        #[inline(always)]
        unsafe fn fma(self, b: Self, c: Self) -> Self {
            // SAFETY: the caller has FMA.
            unsafe { _mm256_fmadd_ps(self, b, c) }
        }
        #[inline(always)]
        unsafe fn larger(self, at: Self, x: Self, tap: Self) -> (Self, Self) {
            // SAFETY: the caller has AVX.
            unsafe {
                let larger = _mm256_cmp_ps::<_CMP_GT_OQ>(x, self);
                let wins = _mm256_or_ps(larger, _mm256_cmp_ps::<_CMP_UNORD_Q>(x, x));
                (_mm256_blendv_ps(self, x, wins), _mm256_blendv_ps(at, tap, wins))
            }
        }
        #[inline(always)]
        unsafe fn where_equal(self, b: Self, value: Self) -> Self {
            // SAFETY: the caller has AVX.
            unsafe { _mm256_and_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(self, b), value) }
        }
        #[inline(always)]
        unsafe fn unless_at_most(self, y: Self, bound: Self) -> Self {
            // SAFETY: the caller has AVX.
            unsafe { _mm256_andnot_ps(_mm256_cmp_ps::<_CMP_LE_OQ>(y, bound), self) }
        }
        #[inline(always)]
        unsafe fn unless_at_least(self, y: Self, bound: Self) -> Self {
            // SAFETY: the caller has AVX.
            unsafe { _mm256_andnot_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(y, bound), self) }
        }
        #[inline(always)]
        unsafe fn at_most(self, bound: Self) -> Self {
            // The instruction returns its second operand unless the first is less.
            // SAFETY: the caller has AVX.
            unsafe { _mm256_min_ps(bound, self) }
        }
        #[inline(always)]
        unsafe fn load_bytes(from: *const u8) -> Self {
            // SAFETY: the caller has AVX2 and 8 readable bytes.
            unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(from.cast()))) }
        }
        #[inline(always)]
        unsafe fn store_bytes(self, to: *mut u8) {
            // SAFETY: the caller has AVX2 and 8 writable bytes; values fit, so that
            // saturation changes none.
            unsafe {
                let words = _mm256_cvtps_epi32(self);
                let (low, high) = (_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
                let halves = _mm_packs_epi32(low, high);
                _mm_storel_epi64(to.cast(), _mm_packus_epi16(halves, halves));
            }
        }
    }

    impl Lanes for __m512 {
        const LANES: usize = 16;

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
        unsafe fn stream(self, to: *mut f32) {
            // SAFETY: the caller has AVX-512F and 16 writable elements on a multiple of 64 bytes.
            unsafe { _mm512_stream_ps(to, self) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, n: usize) -> Self {
            // SAFETY: the caller has AVX-512F; lanes outside the mask are not read.
            unsafe { _mm512_maskz_loadu_ps(((1_u32 << n) - 1) as __mmask16, from) }
        }
        #[inline(always)]
        unsafe fn store_first(self, to: *mut f32, n: usize) {
            // SAFETY: the caller has AVX-512F; lanes outside the mask are not written.
            unsafe { _mm512_mask_storeu_ps(to, ((1_u32 << n) - 1) as __mmask16, self) }
        }
        #[inline(always)]
        unsafe fn add(self, b: Self) -> Self {
            // SAFETY: the caller has AVX-512F.
            unsafe { _mm512_add_ps(self, b) }
        }
        #[inline(always)]
        unsafe fn sub(self, b: Self) -> Self {
            // SAFETY: the caller has AVX-512F.
            unsafe { _mm512_sub_ps(self, b) }
        }
        #[inline(always)]
        unsafe fn mul(self, b: Self) -> Self {
            // SAFETY: the caller has AVX-512F.
            unsafe { _mm512_mul_ps(self, b) }
        }
        #[inline(always)]
        unsafe fn fma(self, b: Self, c: Self) -> Self {
            // SAFETY: the caller has AVX-512F.
            unsafe { _mm512_fmadd_ps(self, b, c) }
        }
        #[inline(always)]
        unsafe fn larger(self, at: Self, x: Self, tap: Self) -> (Self, Self) {
            // SAFETY: the caller has AVX-512F.
            unsafe {
                let larger = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, self);
                let wins = larger | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x);
                (_mm512_mask_blend_ps(wins, self, x), _mm512_mask_blend_ps(wins, at, tap))
            }
        }
        #[inline(always)]
        unsafe fn where_equal(self, b: Self, value: Self) -> Self {
            // SAFETY: the caller has AVX-512F.
            unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self, b), value) }
        }
        #[inline(always)]
        unsafe fn unless_at_most(self, y: Self, bound: Self) -> Self {
            // SAFETY: the caller has AVX-512F.
            unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_NLE_UQ>(y, bound), self) }
        }
        #[inline(always)]
        unsafe fn unless_at_least(self, y: Self, bound: Self) -> Self {
            // SAFETY: the caller has AVX-512F.
            unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_NGE_UQ>(y, bound), self) }
        }
        #[inline(always)]
        unsafe fn at_most(self, bound: Self) -> Self {
            // The instruction returns its second operand unless the first is less.
            // SAFETY: the caller has AVX-512F.
            unsafe { _mm512_min_ps(bound, self) }
        }
        #[inline(always)]
        unsafe fn load_bytes(from: *const u8) -> Self {
            // SAFETY: the caller has AVX-512F and 16 readable bytes.
            unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()))) }
        }
        #[inline(always)]
        unsafe fn store_bytes(self, to: *mut u8) {
            // SAFETY: the caller has AVX-512F and 16 writable bytes.
            unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(self))) }
        }
    }
}
