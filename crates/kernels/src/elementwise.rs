//! Element-wise arithmetic over slices.
//!
//! Every result but those of [`exp`] and [`log`] is one or two correctly rounded
//! operations without fusing, so all instruction sets give the same bits. Slices have equal lengths unless
//! the doc says otherwise.
//!
//! Not inside: activation functions (`activation`), sums (`reduce`).

use crate::simd::{Arith, Kernel, dispatch};
use crate::{Isa, Real, math};

/// `f` at every element. The closure must be small, so that it is inlined.
struct Each<'a, T, F>(&'a mut [T], F);

impl<T: Real, F: Fn(T) -> T> Kernel for Each<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        for x in self.0 {
            *x = self.1(*x);
        }
    }
}

/// `f` at every pair of elements.
struct EachPair<'a, T, F>(&'a mut [T], &'a [T], F);

impl<T: Real, F: Fn(T, T) -> T> Kernel for EachPair<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        for (y, x) in self.0.iter_mut().zip(self.1) {
            *y = self.2(*y, *x);
        }
    }
}

#[inline(always)]
pub(crate) fn each<T: Real>(isa: Isa, values: &mut [T], f: impl Fn(T) -> T) {
    dispatch(isa, Each(values, f));
}

#[inline(always)]
pub(crate) fn each_pair<T: Real>(isa: Isa, target: &mut [T], source: &[T], f: impl Fn(T, T) -> T) {
    assert_eq!(target.len(), source.len(), "target and source differ in length");
    dispatch(isa, EachPair(target, source, f));
}

/// Sets every element.
pub fn fill<T: Real>(values: &mut [T], value: T) {
    values.fill(value);
}

/// `target = source`.
pub fn copy<T: Real>(target: &mut [T], source: &[T]) {
    assert_eq!(target.len(), source.len(), "target and source differ in length");
    target.copy_from_slice(source);
}

/// `target += source`.
pub fn add_assign<T: Real>(isa: Isa, target: &mut [T], source: &[T]) {
    each_pair(isa, target, source, move |y, x| y + x);
}

/// `target *= source`.
pub fn mul_assign<T: Real>(isa: Isa, target: &mut [T], source: &[T]) {
    each_pair(isa, target, source, move |y, x| y * x);
}

/// `values *= factor`.
pub fn scale<T: Real>(isa: Isa, factor: T, values: &mut [T]) {
    each(isa, values, move |x| x * factor);
}

/// `target += factor · source`, the product rounded before the sum.
pub fn axpy<T: Real>(isa: Isa, factor: T, source: &[T], target: &mut [T]) {
    each_pair(isa, target, source, move |y, x| y + factor * x);
}

struct Exp<'a>(&'a mut [f32]);

impl Kernel for Exp<'_> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        for x in self.0 {
            *x = math::exp::<A>(*x);
        }
    }
}

/// `values = e^values`, at most 1.0 ulp; results that would be subnormal are 0.
pub fn exp<T: Real>(isa: Isa, values: &mut [T]) {
    if let Some(values) = T::as_f32_mut(values) {
        return dispatch(isa, Exp(values));
    }
    for x in values {
        *x = T::from_f64(libm::exp(x.to_f64()));
    }
}

struct Log<'a>(&'a mut [f32]);

impl Kernel for Log<'_> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        for x in self.0 {
            *x = math::log::<A>(*x);
        }
    }
}

/// `values = ln values`, at most 0.9 ulp.
pub fn log<T: Real>(isa: Isa, values: &mut [T]) {
    if let Some(values) = T::as_f32_mut(values) {
        return dispatch(isa, Log(values));
    }
    for x in values {
        *x = T::from_f64(libm::log(x.to_f64()));
    }
}

struct AddRows<'a, T>(&'a mut [T], &'a [T]);

impl<T: Real> Kernel for AddRows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        for row in self.0.chunks_exact_mut(self.1.len()) {
            for (y, x) in row.iter_mut().zip(self.1) {
                *y += *x;
            }
        }
    }
}

/// Adds `row` to each row of a matrix with `row.len()` columns (a bias).
pub fn add_rows<T: Real>(isa: Isa, matrix: &mut [T], row: &[T]) {
    if row.is_empty() {
        assert!(matrix.is_empty(), "a matrix without columns has elements");
        return;
    }
    assert_eq!(matrix.len() % row.len(), 0, "the matrix is not a whole number of rows");
    dispatch(isa, AddRows(matrix, row));
}

struct Divide<'a> {
    source: &'a [u8],
    divisor: f32,
    target: &'a mut [f32],
}

impl Kernel for Divide<'_> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let reciprocal = 1.0 / self.divisor;
        for (y, p) in self.target.iter_mut().zip(self.source) {
            let p = f32::from(*p);
            let quotient = p * reciprocal;
            // The remainder is exact when fused.
            let remainder = A::fma(-quotient, self.divisor, p);
            *y = A::fma(remainder, reciprocal, quotient);
        }
    }
}

/// `target[i] = source[i] / divisor`, correctly rounded (as `p as f32 / divisor`).
///
/// For whole divisors from 1 to 255 this is a multiplication and a fused
/// correction, which a test compares with the division for all 65 280 pairs;
/// other divisors divide.
pub fn u8_to_f32(isa: Isa, source: &[u8], divisor: f32, target: &mut [f32]) {
    assert_eq!(source.len(), target.len(), "source and target differ in length");
    if isa != Isa::SCALAR && (1.0..=255.0).contains(&divisor) && divisor.fract() == 0.0 {
        return dispatch(isa, Divide { source, divisor, target });
    }
    for (y, p) in target.iter_mut().zip(source) {
        *y = f32::from(*p) / divisor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{SIZES, bit_difference, close, must_fail, same_bits, values, widened};

    type Run<'a> = &'a dyn Fn(Isa, &mut [f32], &[f32]);

    #[test]
    fn formulas() {
        for n in SIZES {
            for start in [0, 1] {
                let (a, b) = (values(n + start, 3.0, 1), values(n + start, 3.0, 2));
                let check = |what: &str, run: Run, want: fn(f32, f32) -> f32| {
                    let got = same_bits(what, true, |isa| {
                        let mut y = a.clone();
                        run(isa, &mut y[start..], &b[start..]);
                        y
                    });
                    let expected: Vec<f32> =
                        (0..n + start).map(|i| if i < start { a[i] } else { want(a[i], b[i]) }).collect();
                    assert_eq!(bit_difference(&got[0].1, &expected), None, "{what} of {n} from {start}");
                };
                check("add_assign", &|i, y, x| add_assign(i, y, x), |y, x| y + x);
                check("mul_assign", &|i, y, x| mul_assign(i, y, x), |y, x| y * x);
                check("scale", &|i, y, _| scale(i, 0.3, y), |y, _| y * 0.3);
                check("axpy", &|i, y, x| axpy(i, 0.3, x, y), |y, x| y + 0.3 * x);
                check("copy", &|_, y, x| copy(y, x), |_, x| x);
                check("fill", &|_, y, _| fill(y, 2.0), |_, _| 2.0);
            }
        }
        must_fail("a length", || add_assign(Isa::SCALAR, &mut [0.0f32; 2], &[0.0; 3]));
    }

    #[test]
    fn exponential_and_logarithm() {
        const ULP: f64 = 1.0 / 8_388_608.0;
        for n in SIZES {
            let x = values(n, 80.0, 1);
            for (isa, got) in same_bits("exp", false, |isa| {
                let mut y = x.clone();
                exp(isa, &mut y);
                y
            }) {
                let mut want = widened(&x);
                exp(isa, &mut want);
                close("exp", &got, &want, 1.5 * ULP, 0.0);
                let back = same_bits("log", false, |isa| {
                    let mut y = got.clone();
                    log(isa, &mut y);
                    y
                });
                let mut want = widened(&got);
                log(isa, &mut want);
                for (_, back) in &back {
                    close("log", back, &want, 1.5 * ULP, 0.0);
                }
            }
        }
    }

    #[test]
    fn bias_rows() {
        for cols in [1, 3, 10, 16, 40] {
            let (m, row) = (values(7 * cols, 3.0, 1), values(cols, 3.0, 2));
            let got = same_bits("add_rows", true, |isa| {
                let mut y = m.clone();
                add_rows(isa, &mut y, &row);
                y
            });
            let want: Vec<f32> = m.iter().enumerate().map(|(i, x)| x + row[i % cols]).collect();
            assert_eq!(bit_difference(&got[0].1, &want), None);
        }
        add_rows::<f32>(Isa::SCALAR, &mut [], &[]);
        must_fail("a ragged matrix", || add_rows(Isa::SCALAR, &mut [0.0f32; 4], &[0.0; 3]));
    }

    #[test]
    fn bytes_divide_exactly() {
        let source: Vec<u8> = (0..=255).collect();
        for isa in Isa::available() {
            for divisor in (1..=255u8).map(f32::from).chain([127.5, 1e-3, 300.0]) {
                let mut got = [0.0; 256];
                u8_to_f32(isa, &source, divisor, &mut got);
                let want: Vec<f32> = source.iter().map(|p| f32::from(*p) / divisor).collect();
                assert_eq!(bit_difference(&got, &want), None, "divisor {divisor} on {isa}");
            }
        }
    }
}
