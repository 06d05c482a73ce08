//! What the kernels' tests share: data, sizes, and comparisons that can fail.

#![allow(clippy::print_stdout, reason = "a skipped path is said")]

use crate::Isa;
use crate::philox::philox4x32;

/// Empty, one, around the lane counts, tails, and longer than any unrolled loop.
pub(crate) const SIZES: [usize; 9] = [0, 1, 15, 16, 17, 31, 33, 100, 1000];

/// Values in [−scale, scale), the same on every machine.
pub(crate) fn values(n: usize, scale: f32, seed: u32) -> Vec<f32> {
    (0..n as u32)
        .map(|i| {
            let word = philox4x32([i, 0, 0, 0], [seed, 0])[0];
            ((word >> 8) as f32 * (1.0 / 8_388_608.0) - 1.0) * scale
        })
        .collect()
}

/// The same values in double precision.
pub(crate) fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|x| f64::from(*x)).collect()
}

/// Where two slices differ in their bits (NaN equals NaN), in words.
pub(crate) fn bit_difference(a: &[f32], b: &[f32]) -> Option<String> {
    if a.len() != b.len() {
        return Some(format!("lengths {} and {}", a.len(), b.len()));
    }
    let at = a.iter().zip(b).position(|(x, y)| x.to_bits() != y.to_bits() && !(x.is_nan() && y.is_nan()))?;
    Some(format!("element {at}: {:e} and {:e}", a[at], b[at]))
}

/// Panics unless AVX2 and AVX-512 give the same bits, and, where a kernel only
/// adds, multiplies and divides (`exact`), the portable path too. Returns the
/// result of every available instruction set.
pub(crate) fn same_bits(what: &str, exact: bool, run: impl Fn(Isa) -> Vec<f32>) -> Vec<(Isa, Vec<f32>)> {
    for (isa, name) in [(Isa::avx2(), "avx2"), (Isa::avx512(), "avx512")] {
        if isa.is_none() {
            println!("skipped: needs {name}");
        }
    }
    let results: Vec<_> = Isa::available().into_iter().map(|isa| (isa, run(isa))).collect();
    let first = usize::from(!exact);
    for pair in results.get(first..).unwrap_or(&[]).windows(2) {
        if let Some(difference) = bit_difference(&pair[0].1, &pair[1].1) {
            panic!("{what}: {} and {} differ, {difference}", pair[0].0, pair[1].0);
        }
    }
    results
}

/// Panics unless every |got − want| ≤ `relative` · |want| + `absolute`.
pub(crate) fn close(what: &str, got: &[f32], want: &[f64], relative: f64, absolute: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let bound = relative * w.abs() + absolute;
        let error = (f64::from(*g) - w).abs();
        assert!(error <= bound, "{what}: element {i} is {g:e}, expected {w:e}, off by {error:e} > {bound:e}");
    }
}

/// Panics when the closure does not.
pub(crate) fn must_fail(what: &str, check: impl FnOnce() + std::panic::UnwindSafe) {
    assert!(std::panic::catch_unwind(check).is_err(), "{what} was not rejected");
}

mod tests {
    use super::{bit_difference, close, must_fail, same_bits};

    #[test]
    fn one_ulp_is_rejected() {
        let a = [1.0, 2.0f32];
        assert_eq!(bit_difference(&a, &a), None);
        assert!(bit_difference(&a, &[1.0, 2.0f32.next_up()]).is_some());
        assert!(bit_difference(&[0.0], &[-0.0]).is_some());
        assert!(bit_difference(&a, &a[..1]).is_some());
        if crate::Isa::avx512().is_some() {
            let best = crate::Isa::best();
            let run = move |isa| if isa == best { vec![1.0f32.next_up()] } else { vec![1.0] };
            must_fail("a one-ulp change on one instruction set", || {
                same_bits("must fail", false, run);
            });
        } else {
            println!("skipped: needs avx512");
        }
        must_fail("an error", || close("must fail", &[1.1], &[1.0], 0.01, 0.0));
        must_fail("NaN", || close("must fail", &[f32::NAN], &[1.0], 0.01, 0.0));
    }
}
