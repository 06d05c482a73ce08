//! One loop, compiled once per instruction set.
//!
//! A kernel is a struct that holds its slices and implements [`Kernel`]; its
//! loop is generic over [`Arith`] and marked `#[inline(always)]`, so that it is
//! compiled inside the three functions below with their target features, where
//! the compiler vectorises it. Element-wise code needs no intrinsics this way,
//! and the scalar twin is the same source. GEMM and other register-blocked
//! kernels are written with intrinsics in their own modules.

use crate::Isa;
use crate::lanes::Lanes;

/// How `a * b + c` is computed.
pub(crate) trait Arith: Copy {
    /// Whether there is one rounding.
    const FUSED: bool;

    /// `a * b + c`.
    fn fma(a: f32, b: f32, c: f32) -> f32;
}

/// One rounding. The definition of every kernel on AVX2, AVX-512 and AArch64.
#[derive(Clone, Copy)]
pub(crate) struct Fused;

/// Two roundings: for targets whose baseline has no fused instruction, where a
/// call into software emulation per element would cost a hundredfold.
#[derive(Clone, Copy)]
pub(crate) struct Plain;

impl Arith for Fused {
    const FUSED: bool = true;

    #[inline(always)]
    fn fma(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

impl Arith for Plain {
    const FUSED: bool = false;

    #[inline(always)]
    fn fma(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
}

/// The arithmetic of the portable path on this target.
#[cfg(any(target_arch = "aarch64", target_feature = "fma"))]
pub(crate) type Portable = Fused;
/// The arithmetic of the portable path on this target.
#[cfg(not(any(target_arch = "aarch64", target_feature = "fma")))]
pub(crate) type Portable = Plain;

/// A loop over slices. `run` must be `#[inline(always)]`, and so must all that
/// it calls per element: a function that is not inlined loses the features.
pub(crate) trait Kernel {
    type Output;
    fn run<A: Arith>(self) -> Self::Output;
}

/// A loop that says itself what stays in which vector.
pub(crate) trait VectorKernel {
    type Output;

    /// `run` must be `#[inline(always)]`, and so must all that it calls.
    ///
    /// # Safety
    /// The processor has the instruction set of `V`.
    unsafe fn run<V: Lanes>(self) -> Self::Output;
}

/// Runs a vector kernel on an instruction set.
#[inline]
pub(crate) fn dispatch_vectors<K: VectorKernel>(isa: Isa, kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if isa.is_avx512() {
            // SAFETY: an `Isa` that says AVX-512 exists only if the processor has it.
            return unsafe { vectors_avx512(kernel) };
        }
        if isa.is_avx2() {
            // SAFETY: an `Isa` that says AVX2 exists only if the processor has AVX2 and FMA.
            return unsafe { vectors_avx2(kernel) };
        }
    }
    let _ = isa;
    // SAFETY: plain loops need nothing.
    unsafe { kernel.run::<crate::lanes::Portable<Portable>>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn vectors_avx512<K: VectorKernel>(kernel: K) -> K::Output {
    // SAFETY: this function enables the features.
    unsafe { kernel.run::<std::arch::x86_64::__m512>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn vectors_avx2<K: VectorKernel>(kernel: K) -> K::Output {
    // SAFETY: this function enables the features.
    unsafe { kernel.run::<std::arch::x86_64::__m256>() }
}

/// Runs a kernel on an instruction set.
#[inline]
pub(crate) fn dispatch<K: Kernel>(isa: Isa, kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if isa.is_avx512() {
            // SAFETY: an `Isa` that says AVX-512 exists only if the processor has it.
            return unsafe { run_avx512(kernel) };
        }
        if isa.is_avx2() {
            // SAFETY: an `Isa` that says AVX2 exists only if the processor has AVX2 and FMA.
            return unsafe { run_avx2(kernel) };
        }
    }
    let _ = isa;
    kernel.run::<Portable>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Fused>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Fused>()
}
