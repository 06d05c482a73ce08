//! One number to be predicted from one number, or from ten.

use std::f64::consts::PI;

use super::{Kind, Numbers};
use kobai_engine::Draw;

/// Input and noisy value. Number 0 is the input, number 2 the noise.
pub(super) fn example(kind: Kind, noise: f64, numbers: Numbers) -> (f64, f64) {
    let x = 2.0 * numbers.uniform(0) - 1.0;
    (x, curve(kind, x) + noise * numbers.normal(2))
}

/// Features of [`Kind::Friedman`].
pub(super) const FEATURES: usize = 10;

/// Adds the features of example `i` and gives its noisy value. Each example reads
/// sixteen numbers: the features, then the noise.
pub(super) fn friedman(draw: Draw, i: u64, noise: f64, inputs: &mut Vec<f32>) -> f64 {
    let x: [f64; FEATURES] = std::array::from_fn(|j| draw.uniform(16 * i + j as u64));
    inputs.extend(x.map(|x| x as f32));
    let y = 10.0 * libm::sin(PI * x[0] * x[1]) + 20.0 * (x[2] - 0.5).powi(2) + 10.0 * x[3] + 5.0 * x[4];
    (y - 14.4) / 4.9 + noise * draw.normal(16 * i + 12)
}

/// The curve without noise.
fn curve(kind: Kind, x: f64) -> f64 {
    match kind {
        Kind::Sine { periods } => libm::sin(PI * periods * x),
        Kind::Step if x < 0.0 => -1.0,
        Kind::Step => 1.0,
        Kind::Polynomial { degree } => chebyshev(degree, x),
        _ => unreachable!("no curve of one number"),
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
