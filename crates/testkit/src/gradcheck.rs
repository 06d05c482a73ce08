//! Analytic gradients against central differences, in `f64`.
//!
//! The checker sees a function of a vector and a vector that claims to be its
//! gradient; layers and plans are adapted to that by their own tests. Kinks
//! are the caller's business: choose inputs away from them.

use crate::tol::{CURVATURE, ROUNDINGS};
use kobai_engine::{Rng, Stream};
use std::fmt::{self, Display};

/// A step at which truncation and rounding are both small for functions whose
/// inputs and values are of order one.
pub const STEP: f64 = 1e-5;

/// Up to this many values every coordinate is checked, above it directions.
const ALL_COORDINATES: usize = 2_000;

/// How many directions. One wrong coordinate shows in each of them; that
/// several wrong ones cancel in all is out of the question.
const DIRECTIONS: usize = 16;

/// An error of 1 % must be seen. Where the limit is coarser than this part of
/// the gradient, the check is void and says so.
const COARSEST: f64 = 1e-3;

/// The outcome of a gradient check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every checked derivative agrees.
    Agrees,
    /// At least one is beyond the limit, or not a number.
    Wrong,
    /// The function is too large beside its gradient for differences to tell
    /// right from wrong. Counts as a failure.
    Blind,
}

/// What a gradient check found.
#[derive(Clone, Debug)]
pub struct GradientReport {
    /// The outcome.
    pub verdict: Verdict,
    /// Whether coordinates (`true`) or random directions were checked.
    pub by_coordinate: bool,
    /// The worst coordinate, or the number of the worst direction.
    pub worst: usize,
    /// The central difference there.
    pub numeric: f64,
    /// The claimed derivative there.
    pub analytic: f64,
    /// The absolute difference of the two, infinite for a NaN.
    pub error: f64,
    /// The largest absolute difference allowed there.
    pub limit: f64,
    /// The root mean square of the gradient tensor: the scale of all errors.
    pub rms: f64,
    /// How many derivatives are beyond their limit.
    pub bad: usize,
    /// How many derivatives were checked.
    pub checked: usize,
}

impl GradientReport {
    /// Whether the gradient passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Agrees
    }
}

impl Display for GradientReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.by_coordinate { "coordinate" } else { "direction" };
        let (n, worst) = (self.checked, self.worst);
        match self.verdict {
            Verdict::Agrees => write!(f, "gradient agrees in {n} {unit}s; closest to its limit at {worst}")?,
            Verdict::Wrong => {
                write!(f, "gradient is wrong in {} of {n} {unit}s, worst at {worst}", self.bad)?
            }
            Verdict::Blind => write!(f, "gradient cannot be judged from differences, see {unit} {worst}")?,
        }
        write!(
            f,
            ": analytic {:e}, numeric {:e}, error {:.2e}, limit {:.2e}, gradient RMS {:.2e}",
            self.analytic, self.numeric, self.error, self.limit, self.rms
        )?;
        if self.rms > 0.0 {
            write!(f, ", error / RMS {:.2e}", self.error / self.rms)?;
        }
        if self.verdict == Verdict::Blind {
            write!(f, "\nhint: the function is large beside its gradient; check a smaller part of it")?;
        }
        Ok(())
    }
}

/// One derivative: along coordinate or direction `index`.
struct Probe {
    numeric: f64,
    analytic: f64,
    rounding: f64,
}

/// Compares `analytic` with central differences of `f` at `x`.
///
/// Up to 2,000 values every coordinate is moved by `step * max(1, |x_i|)`;
/// above, 16 random directions of unit length are. An error is compared with
/// the root mean square of the whole gradient (the analytic or the numeric
/// one, whichever is larger), so that a tensor of small gradients is held to
/// its own scale and has no absolute floor to hide below. What is allowed is
/// truncation (`step²`) and the rounding of `f`, estimated from its values and
/// from the terms `analytic_i * x_i`.
///
/// A tensor whose gradient is zero by mathematics but not in its bits (a bias
/// before batch norm) is [`Verdict::Blind`] alone: check it joined with another.
///
/// # Panics
/// If the lengths differ, `x` is empty or the step is not positive.
pub fn check_gradient(
    mut f: impl FnMut(&[f64]) -> f64,
    x: &[f64],
    analytic: &[f64],
    step: f64,
) -> GradientReport {
    let n = x.len();
    assert_eq!(n, analytic.len(), "the gradient has another length than the point");
    assert!(n > 0, "nothing to check");
    assert!(step > 0.0, "the step {step} is not positive");

    let terms: f64 = x.iter().zip(analytic).map(|(x, g)| (x * g).abs()).sum();
    let mut at = x.to_vec();
    let mut probe = |at: &mut Vec<f64>, claim: f64, h: f64, shift: &dyn Fn(&mut [f64], f64)| {
        let mut value = |sign: f64| {
            at.copy_from_slice(x);
            shift(at, sign * h);
            f(at)
        };
        let (up, down) = (value(1.0), value(-1.0));
        let size = up.abs().max(down.abs()) + terms;
        let numeric = (up - down) / (2.0 * h);
        Probe { numeric, analytic: claim, rounding: ROUNDINGS * f64::EPSILON * size / h }
    };

    let by_coordinate = n <= ALL_COORDINATES;
    let probes: Vec<Probe> = if by_coordinate {
        (0..n)
            .map(|i| {
                // A power of two near the wanted step, so that most sums x + h are exact.
                let h = (step * x[i].abs().max(1.0)).log2().round().exp2();
                probe(&mut at, analytic[i], h, &|at, h| at[i] += h)
            })
            .collect()
    } else {
        let norm = (n as f64).sqrt();
        let size = rms(x).max(1.0);
        (0..DIRECTIONS)
            .map(|k| {
                let draw = Rng::new(0).draw(Stream::Test, k as u64, 0);
                // Entries +-1 / sqrt(n): unit length, no coordinate left out.
                let sign = |i: usize| if draw.bits(i as u64) & 1 == 0 { 1.0 } else { -1.0 };
                let claim = analytic.iter().enumerate().map(|(i, g)| sign(i) * g).sum::<f64>() / norm;
                let shift = |at: &mut [f64], h: f64| {
                    at.iter_mut().enumerate().for_each(|(i, v)| *v += sign(i) * h / norm);
                };
                probe(&mut at, claim, step * size, &shift)
            })
            .collect()
    };
    judge(&probes, by_coordinate, rms(analytic), step)
}

fn judge(probes: &[Probe], by_coordinate: bool, rms_analytic: f64, step: f64) -> GradientReport {
    // Coordinates are the tensor itself; a random unit direction has on
    // average the square of one coordinate.
    let rms_numeric = rms(&probes.iter().map(|p| p.numeric).collect::<Vec<f64>>());
    let rms = rms_analytic.max(rms_numeric);
    let (mut bad, mut blind) = (0, false);
    let (mut worst, mut worst_ratio) = (0, -1.0);
    let error = |p: &Probe| {
        let error = (p.analytic - p.numeric).abs();
        if error.is_nan() { f64::INFINITY } else { error }
    };
    let limit = |p: &Probe| CURVATURE * step * step * rms + p.rounding;
    for (i, p) in probes.iter().enumerate() {
        // Negated comparisons: a NaN on either side must not pass.
        #[allow(clippy::neg_cmp_op_on_partial_ord)]
        let (wrong, coarse) = (!(error(p) <= limit(p)), rms > 0.0 && !(limit(p) <= COARSEST * rms));
        bad += usize::from(wrong);
        blind |= coarse;
        let ratio = match error(p) / limit(p) {
            _ if wrong && !(error(p) / limit(p)).is_finite() => f64::INFINITY,
            ratio if ratio.is_finite() => ratio,
            _ => 0.0,
        };
        if ratio > worst_ratio {
            (worst, worst_ratio) = (i, ratio);
        }
    }
    let verdict = match (bad, blind) {
        (0, false) => Verdict::Agrees,
        (0, true) => Verdict::Blind,
        _ => Verdict::Wrong,
    };
    let p = &probes[worst];
    GradientReport {
        verdict,
        by_coordinate,
        worst,
        numeric: p.numeric,
        analytic: p.analytic,
        error: error(p),
        limit: limit(p),
        rms,
        bad,
        checked: probes.len(),
    }
}

fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
}

/// [`check_gradient`] that panics with `what` and the report.
///
/// ```
/// use kobai_testkit::{STEP, assert_gradient};
/// let x = [0.5, -1.5, 2.0];
/// let gradient: Vec<f64> = x.iter().map(|x: &f64| x.cos()).collect();
/// assert_gradient(|x| x.iter().map(|x| x.sin()).sum(), &x, &gradient, STEP, "sum of sines");
/// ```
///
/// # Panics
/// If the gradient does not pass.
#[track_caller]
pub fn assert_gradient(f: impl FnMut(&[f64]) -> f64, x: &[f64], analytic: &[f64], step: f64, what: &str) {
    let report = check_gradient(f, x, analytic, step);
    assert!(report.passed(), "{what}: {report}");
}
