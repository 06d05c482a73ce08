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
    /// The first `n` elements (fewer than all), zeros after them.
    unsafe fn load_first(from: *const f32, n: usize) -> Self;
    /// Writes the first `n` elements (fewer than all).
    unsafe fn store_first(self, to: *mut f32, n: usize);
    unsafe fn add(self, b: Self) -> Self;
    unsafe fn sub(self, b: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    /// `self * b + c`
    unsafe fn fma(self, b: Self, c: Self) -> Self;
}

/// Asks for the cache lines of `len` elements, to arrive in the second-level
/// cache. The addresses need not be valid.
#[inline(always)]
pub(crate) fn prefetch(from: *const f32, len: usize) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..len).step_by(16) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch has no effect on memory and never faults; SSE is
        // part of every x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(from.wrapping_add(at).cast()) };
    }
    let _ = (from, len);
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
    }
}
