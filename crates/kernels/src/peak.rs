//! What this processor can do at most: the yardstick of the benchmarks.

use crate::simd::{Arith, Kernel, dispatch};
use crate::{Isa, Pool};
use std::hint::black_box;

/// Runs `rounds` rounds of independent fused multiply-adds on registers and
/// returns the floating-point operations done (two per multiply-add and lane)
/// and a value that depends on all of them. The caller holds the clock.
#[must_use]
pub fn fma_loop(isa: Isa, rounds: u64) -> (u64, f32) {
    #[cfg(target_arch = "x86_64")]
    {
        if isa.is_avx512() {
            // SAFETY: `Isa` proves the instruction set.
            return (rounds * CHAINS as u64 * 16 * 2, unsafe { avx512(rounds) });
        }
        if isa.is_avx2() {
            // SAFETY: `Isa` proves the instruction set.
            return (rounds * CHAINS as u64 * 8 * 2, unsafe { avx2(rounds) });
        }
    }
    let _ = isa;
    let mut sum = black_box([[1.0f32; 4]; CHAINS]);
    let (x, y) = (black_box(0.999_999f32), black_box(1e-6f32));
    for _ in 0..rounds {
        for chain in &mut sum {
            for s in chain {
                *s = *s * x + y;
            }
        }
    }
    (rounds * CHAINS as u64 * 4 * 2, sum.iter().flatten().sum())
}

/// Independent chains: more than latency times throughput of any FMA unit, and
/// few enough for 16 registers.
const CHAINS: usize = 12;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(rounds: u64) -> f32 {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_reduce_add_ps, _mm512_set1_ps};
    let (x, y) = (_mm512_set1_ps(black_box(0.999_999)), _mm512_set1_ps(black_box(1e-6)));
    let mut sum = [_mm512_set1_ps(1.0); CHAINS];
    for (i, s) in sum.iter_mut().enumerate() {
        *s = _mm512_set1_ps(black_box(i as f32));
    }
    for _ in 0..rounds {
        for s in &mut sum {
            *s = _mm512_fmadd_ps(*s, x, y);
        }
    }
    sum.iter().map(|s| _mm512_reduce_add_ps(*s)).sum()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(rounds: u64) -> f32 {
    use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps, _mm256_storeu_ps};
    let (x, y) = (_mm256_set1_ps(black_box(0.999_999)), _mm256_set1_ps(black_box(1e-6)));
    let mut sum = [_mm256_set1_ps(1.0); CHAINS];
    for (i, s) in sum.iter_mut().enumerate() {
        *s = _mm256_set1_ps(black_box(i as f32));
    }
    for _ in 0..rounds {
        for s in &mut sum {
            *s = _mm256_fmadd_ps(*s, x, y);
        }
    }
    let mut lanes = [0.0f32; 8];
    let mut total = 0.0;
    for s in sum {
        // SAFETY: `lanes` has room for the eight elements.
        unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), s) };
        total += lanes.iter().sum::<f32>();
    }
    total
}

struct Triad<'a>(&'a mut [f32], &'a [f32], &'a [f32], f32);

impl Kernel for Triad<'_> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        for ((a, b), c) in self.0.iter_mut().zip(self.1).zip(self.2) {
            *a = A::fma(self.3, *c, *b);
        }
    }
}

/// a = b + s·c: what memory can do at most (McCalpin's STREAM triad). The caller
/// holds the clock and chooses arrays larger than the caches.
///
/// # Panics
/// If lengths differ.
pub fn triad(isa: Isa, pool: &Pool, a: &mut [f32], b: &[f32], c: &[f32], s: f32) {
    assert!(a.len() == b.len() && a.len() == c.len(), "arrays of different lengths");
    const TASK: usize = 1 << 16;
    pool.chunks_mut(a, TASK, |i, a| {
        let at = i * TASK..i * TASK + a.len();
        dispatch(isa, Triad(a, &b[at.clone()], &c[at], s));
    });
}

#[cfg(test)]
mod tests {
    use super::{fma_loop, triad};
    use crate::{Isa, Pool};

    #[test]
    fn triad_reaches_every_element() {
        let b: Vec<f32> = (0..100_000).map(|i| i as f32).collect();
        for isa in Isa::available() {
            let mut a = vec![f32::NAN; b.len()];
            triad(isa, &Pool::new(2), &mut a, &b, &b, 2.0);
            assert!(a.iter().zip(&b).all(|(a, b)| *a == 3.0 * b), "{isa}");
        }
    }

    #[test]
    fn counts_and_converges() {
        for isa in Isa::available() {
            let (flops, value) = fma_loop(isa, 1000);
            assert!(flops >= 1000 * 8 && value.is_finite(), "{isa}");
        }
    }
}
