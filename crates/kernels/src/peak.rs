//! What this processor can do at most: the yardstick of the benchmarks.

use crate::Isa;
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

#[cfg(test)]
mod tests {
    use super::fma_loop;
    use crate::Isa;

    #[test]
    fn counts_and_converges() {
        for isa in Isa::available() {
            let (flops, value) = fma_loop(isa, 1000);
            assert!(flops >= 1000 * 8 && value.is_finite(), "{isa}");
        }
    }
}
