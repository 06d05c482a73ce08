//! One number to be predicted from one number.

use std::f64::consts::PI;

use super::{Kind, Numbers};

/// Input and noisy value. Number 0 is the input, number 2 the noise.
pub(super) fn example(kind: Kind, noise: f64, numbers: Numbers) -> (f64, f64) {
    let x = 2.0 * numbers.uniform(0) - 1.0;
    (x, curve(kind, x) + noise * numbers.normal(2))
}

/// The curve without noise.
fn curve(kind: Kind, x: f64) -> f64 {
    match kind {
        Kind::Sine { periods } => libm::sin(PI * periods * x),
        Kind::Step if x < 0.0 => -1.0,
        Kind::Step => 1.0,
        Kind::Polynomial { degree } => chebyshev(degree, x),
        _ => unreachable!("classification has no curve"),
    }
}

/// T₀ = 1, T₁ = x, Tₙ₊₁ = 2 x Tₙ - Tₙ₋₁.
fn chebyshev(degree: u32, x: f64) -> f64 {
    let (mut before, mut now) = (1.0, x);
    for _ in 1..degree {
        (before, now) = (now, 2.0 * x * now - before);
    }
    now
}
