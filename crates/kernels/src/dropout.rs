//! Dropout from counters: no mask is stored.
//!
//! Element i is kept or dropped by word i mod 4 of Philox at the counter
//! [i / 4, tail…]; the backward pass calls the same function on the gradient.
//! Any split of the values into tasks gives the same result.
//!
//! Not inside: where key and tail come from (the engine's `Rng` makes them of
//! seed, step and node).

use crate::philox::philox4x32;
use crate::simd::{Arith, Kernel, dispatch};
use crate::{Isa, Real};

/// Counters whose words are computed before they are used: enough to fill a
/// vector loop, few enough to stay in the nearest cache.
const WIDE: usize = 128;

/// The words of consecutive counters.
#[inline(always)]
fn words(block: u32, tail: [u32; 3], key: [u32; 2], out: &mut [[u32; 4]]) {
    for (j, out) in out.iter_mut().enumerate() {
        *out = philox4x32([block.wrapping_add(j as u32), tail[0], tail[1], tail[2]], key);
    }
}

struct Apply<'a, T> {
    key: [u32; 2],
    tail: [u32; 3],
    block: u32,
    /// Kept iff the word is at least this.
    threshold: u32,
    scale: T,
    values: &'a mut [T],
}

impl<T: Real> Kernel for Apply<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let mut block = self.block;
        let mut buffer = [[0; 4]; WIDE];
        for group in self.values.chunks_mut(4 * WIDE) {
            let counters = group.len().div_ceil(4);
            words(block, self.tail, self.key, &mut buffer[..counters]);
            for (x, word) in group.iter_mut().zip(buffer.as_flattened()) {
                *x = if *word >= self.threshold { *x * self.scale } else { T::ZERO };
            }
            block = block.wrapping_add(WIDE as u32);
        }
    }
}

/// Multiplies kept values by `scale` and sets dropped ones to 0 (NaN too).
///
/// `values[j]` is element i = `first` + j of the draw; `first` is a multiple of 4.
/// Kept iff (bits_i >> 8) · 2^-24 ≥ `p`. `scale` is 1 / (1 − p) for inverted
/// dropout, 1 for the form that scales at evaluation.
pub fn apply<T: Real>(
    isa: Isa,
    key: [u32; 2],
    tail: [u32; 3],
    first: usize,
    p: f32,
    scale: T,
    values: &mut [T],
) {
    assert!(first.is_multiple_of(4), "a task starts at a multiple of 4 elements");
    assert!((first + values.len()).div_ceil(4) as u64 <= 1 << 32, "a draw has 2^34 words");
    // k · 2^-24 ≥ p for a whole k, exactly: k ≥ ⌈p · 2^24⌉; and k = word >> 8.
    let threshold = (f64::from(p) * 16_777_216.0).ceil().max(0.0) as u64 * 256;
    match u32::try_from(threshold) {
        Ok(threshold) => {
            dispatch(isa, Apply { key, tail, block: (first / 4) as u32, threshold, scale, values });
        }
        // No word reaches p = 1.
        Err(_) => values.fill(T::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{SIZES, bit_difference, must_fail, values};

    const KEY: [u32; 2] = [7, 0];
    const TAIL: [u32; 3] = [0x103, 42, 0];

    /// The definition, element by element.
    fn kept(i: usize, p: f32) -> bool {
        let word = philox4x32([(i / 4) as u32, TAIL[0], TAIL[1], TAIL[2]], KEY)[i % 4];
        (word >> 8) as f32 * (1.0 / 16_777_216.0) >= p
    }

    #[test]
    fn agrees_with_the_definition() {
        for n in SIZES {
            for first in [0, 4, 60, 1000] {
                for p in [0.0, 1e-7, 0.1, 0.5, 0.999, 1.0] {
                    let x = values(n, 3.0, 1);
                    let want: Vec<f32> = x
                        .iter()
                        .enumerate()
                        .map(|(j, x)| if kept(first + j, p) { x * 1.25 } else { 0.0 })
                        .collect();
                    for isa in Isa::available() {
                        let mut y = x.clone();
                        apply(isa, KEY, TAIL, first, p, 1.25, &mut y);
                        assert_eq!(bit_difference(&y, &want), None, "{n} from {first}, p {p}, {isa}");
                        let mut y: Vec<f64> = crate::checks::widened(&x);
                        apply(isa, KEY, TAIL, first, p, 1.25, &mut y);
                        assert!(y.iter().enumerate().all(|(j, y)| (*y != 0.0) == kept(first + j, p)));
                    }
                }
            }
        }
        must_fail("an odd start", || apply(Isa::SCALAR, KEY, TAIL, 3, 0.5, 1.0, &mut [0.0f32]));
    }

    /// Five standard deviations.
    #[test]
    fn frequency() {
        let n = 100_000;
        let mut x = vec![1.0f32; n];
        apply(Isa::best(), KEY, TAIL, 0, 0.3, 1.0, &mut x);
        let kept = x.iter().filter(|x| **x != 0.0).count() as f64;
        let sd = (n as f64 * 0.3 * 0.7).sqrt();
        assert!((kept - 0.7 * n as f64).abs() < 5.0 * sd, "{kept}");
    }
}
