//! Derived tolerances: each says which rounding it allows for.
//!
//! There is no free relative or absolute tolerance on purpose. A comparison
//! that needs one has not been understood yet.

use std::fmt::{self, Debug, Display};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`.
pub trait Float: sealed::Sealed + Copy + Debug + Display {
    /// The distance from 1 to the next larger number.
    const EPSILON: f64;
    /// The same value in double precision.
    fn to_f64(self) -> f64;
    /// The bits as an integer, zero-extended.
    fn bits(self) -> u64;
    /// The number of representable values between two numbers; both zeros are
    /// one value. Nothing sensible for NaN.
    fn ulps_to(self, other: Self) -> u64;
}

impl Float for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn bits(self) -> u64 {
        u64::from(self.to_bits())
    }
    fn ulps_to(self, other: f32) -> u64 {
        let line = |x: f32| {
            let magnitude = i64::from(x.to_bits() & !(1 << 31));
            if x.is_sign_negative() { -magnitude } else { magnitude }
        };
        line(self).abs_diff(line(other))
    }
}

impl Float for f64 {
    const EPSILON: f64 = f64::EPSILON;
    fn to_f64(self) -> f64 {
        self
    }
    fn bits(self) -> u64 {
        self.to_bits()
    }
    fn ulps_to(self, other: f64) -> u64 {
        let line = |x: f64| {
            let magnitude = (x.to_bits() & !(1 << 63)) as i64;
            if x.is_sign_negative() { -magnitude } else { magnitude }
        };
        line(self).abs_diff(line(other))
    }
}

/// How far a value may be from the expected one, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tol(Kind);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Exact,
    Ulps(u64),
    /// `relative(eps) * scale`; the scale is the tensor's largest expected
    /// magnitude if it is not given.
    Scaled {
        eps_factor: f64,
        fixed: f64,
        scale: Option<f64>,
    },
}

/// The third derivative that a central difference allows for, divided by six
/// and by the size of the gradient. Losses over activations and normalised
/// values stay well below; a wrong gradient is off by 1e-2 and more, so the
/// allowance (1e-7 at a step of 1e-5) hides nothing.
pub(crate) const CURVATURE: f64 = 1e3;

/// Roundings that one evaluation of a checked function is allowed, in units
/// of epsilon times the size of its terms.
pub(crate) const ROUNDINGS: f64 = 16.0;

impl Tol {
    /// The same bits. +0 and -0 differ.
    #[must_use]
    pub fn exact() -> Self {
        Tol(Kind::Exact)
    }

    /// At most `k` representable values apart, each element by itself.
    #[must_use]
    pub fn ulps(k: u64) -> Self {
        Tol(Kind::Ulps(k))
    }

    /// A sum of `n_terms` products in any order: `n_terms * eps * scale`, with
    /// the epsilon of the compared type.
    ///
    /// The bound is proven (Higham, *Accuracy and Stability of Numerical
    /// Algorithms*, 3.1) where the scale is the sum of the terms' magnitudes:
    /// give it with [`Tol::of_magnitude`]. By default it is the largest
    /// expected magnitude of the tensor, which is less than that sum, and so
    /// stricter, where terms cancel.
    #[must_use]
    pub fn sum(n_terms: usize) -> Self {
        Tol(Kind::Scaled { eps_factor: n_terms.max(1) as f64, fixed: 0.0, scale: None })
    }

    /// A central difference in `f64` with this step: truncation, which grows
    /// with the step's square, plus rounding, which grows with its inverse;
    /// relative to the largest expected magnitude unless
    /// [`Tol::of_magnitude`] says otherwise.
    ///
    /// # Panics
    /// If the step is not positive.
    #[must_use]
    pub fn central_difference(step: f64) -> Self {
        assert!(step > 0.0, "the step {step} is not positive");
        let fixed = CURVATURE * step * step + ROUNDINGS * f64::EPSILON / step;
        Tol(Kind::Scaled { eps_factor: 0.0, fixed, scale: None })
    }

    /// Sets the scale: for a sum, the (largest) sum of the terms' magnitudes.
    ///
    /// # Panics
    /// If the scale is negative or not finite, or the tolerance has none.
    #[must_use]
    pub fn of_magnitude(self, scale: f64) -> Self {
        assert!(scale >= 0.0 && scale.is_finite(), "the scale {scale} is not a magnitude");
        match self.0 {
            Kind::Scaled { eps_factor, fixed, .. } => {
                Tol(Kind::Scaled { eps_factor, fixed, scale: Some(scale) })
            }
            kind => panic!("{kind:?} has no scale"),
        }
    }

    /// The absolute limit for a tensor of type `T`; `None` for exact and ulps.
    fn limit<T: Float>(self, expected: &[T]) -> Option<f64> {
        match self.0 {
            Kind::Exact | Kind::Ulps(_) => None,
            Kind::Scaled { eps_factor, fixed, scale } => {
                let largest = || {
                    let magnitudes = expected.iter().map(|x| x.to_f64().abs());
                    magnitudes.filter(|x| x.is_finite()).fold(0.0, f64::max)
                };
                Some((eps_factor * T::EPSILON + fixed) * scale.unwrap_or_else(largest))
            }
        }
    }
}

impl Display for Tol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Exact => write!(f, "the same bits"),
            Kind::Ulps(k) => write!(f, "{k} ulps"),
            Kind::Scaled { eps_factor, fixed, scale } => {
                if fixed > 0.0 {
                    write!(f, "{fixed:.1e}")?;
                } else {
                    write!(f, "{eps_factor} eps")?;
                }
                match scale {
                    Some(scale) => write!(f, " of {scale:.3e}"),
                    None => write!(f, " of the largest expected value"),
                }
            }
        }
    }
}

/// Why two tensors are not close.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    /// The numbers of elements differ.
    Length {
        /// Elements got.
        actual: usize,
        /// Elements expected.
        expected: usize,
    },
    /// Values are too far apart, or not numbers.
    Value {
        /// The worst element. An element that is NaN counts as infinitely bad.
        index: usize,
        /// What was got there.
        actual: f64,
        /// What was expected there.
        expected: f64,
        /// The absolute difference.
        error: f64,
        /// The error in ulps of the compared type.
        ulps: u64,
        /// The absolute limit, for tolerances that have one.
        limit: Option<f64>,
        /// The tolerance.
        tol: Tol,
        /// How many elements are beyond the limit.
        bad: usize,
        /// How many elements there are.
        len: usize,
    },
}

impl Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Length { actual, expected } => {
                write!(f, "{actual} values, expected {expected}")
            }
            Mismatch::Value { index, actual, expected, error, ulps, limit, tol, bad, len } => {
                write!(
                    f,
                    "{bad} of {len} values are off, the worst at {index}: got {actual:?}, expected \
                     {expected:?}, error {error:.3e}"
                )?;
                if error.is_finite() {
                    write!(f, " ({ulps} ulps)")?;
                }
                match limit {
                    Some(limit) => write!(f, ", limit {limit:.3e} ({tol})"),
                    None => write!(f, ", limit {tol}"),
                }
            }
        }
    }
}

impl std::error::Error for Mismatch {}

/// Compares two tensors. A NaN on either side never passes; infinities pass
/// only against the same infinity.
///
/// # Errors
/// The first reason: unequal lengths, or the worst value.
pub fn check_close<T: Float>(actual: &[T], expected: &[T], tol: Tol) -> Result<(), Mismatch> {
    if actual.len() != expected.len() {
        return Err(Mismatch::Length { actual: actual.len(), expected: expected.len() });
    }
    let limit = tol.limit(expected);
    let (mut bad, mut worst, mut worst_error) = (0, 0, -1.0);
    for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
        let (x, y) = (a.to_f64(), e.to_f64());
        let distance = if x == y { 0.0 } else { (x - y).abs() };
        let ok = !x.is_nan()
            && !y.is_nan()
            && match tol.0 {
                Kind::Exact => a.bits() == e.bits(),
                Kind::Ulps(k) => a.ulps_to(*e) <= k && (x.is_finite() == y.is_finite()),
                Kind::Scaled { .. } => limit.is_some_and(|limit| distance <= limit),
            };
        if !ok {
            bad += 1;
            let rank = match (distance.is_nan(), tol.0) {
                (true, _) => f64::INFINITY,
                (false, Kind::Ulps(_)) => a.ulps_to(*e) as f64,
                (false, _) => distance,
            };
            if rank > worst_error {
                (worst, worst_error) = (i, rank);
            }
        }
    }
    if bad == 0 {
        return Ok(());
    }
    let (a, e) = (actual[worst], expected[worst]);
    let error = (a.to_f64() - e.to_f64()).abs();
    Err(Mismatch::Value {
        index: worst,
        actual: a.to_f64(),
        expected: e.to_f64(),
        error,
        ulps: a.ulps_to(e),
        limit,
        tol,
        bad,
        len: actual.len(),
    })
}

/// [`check_close`] that panics with `what` and the reason.
///
/// ```
/// use kobai_testkit::{Tol, assert_close};
/// assert_close(&[0.1 + 0.2], &[0.3], Tol::ulps(1), "a famous sum");
/// ```
///
/// # Panics
/// If the tensors are not close.
#[track_caller]
pub fn assert_close<T: Float>(actual: &[T], expected: &[T], tol: Tol, what: &str) {
    if let Err(mismatch) = check_close(actual, expected, tol) {
        panic!("{what}: {mismatch}");
    }
}
