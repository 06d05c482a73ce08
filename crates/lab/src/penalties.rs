//! What the gradients of penalties are, computed: the engine's own terms
//! against central differences of the penalties' values.
//!
//! | value | what |
//! |---|---|
//! | `computed.l2_gradient_error` | largest difference between d(λ/2·Σw²)/dw and λ·w |
//! | `computed.l1_gradient_error` | largest difference between d(λ·Σ\|w\|)/dw and λ·sign(w) |
//! | `computed.l2_step_error` | largest difference between the engine's L2 term and λ·w |
//! | `computed.l1_step_error` | largest difference between the engine's L1 term and λ·sign(w), sign(0) = 0 |

use kobai_kernels::{Isa, optim};

const LAMBDA: f64 = 0.1;
/// Weights on both sides of zero, none so close that a difference would cross it.
const WEIGHTS: [f64; 6] = [-2.0, -0.5, -0.01, 0.02, 0.7, 3.0];

fn sign(w: f64) -> f64 {
    if w == 0.0 { 0.0 } else { w.signum() }
}

fn largest(a: impl IntoIterator<Item = f64>, b: impl IntoIterator<Item = f64>) -> f64 {
    a.into_iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Central differences of a penalty of one weight.
fn slope(of: impl Fn(f64) -> f64) -> Vec<f64> {
    const H: f64 = 1e-6;
    WEIGHTS.iter().map(|w| (of(w + H) - of(w - H)) / (2.0 * H)).collect()
}

/// The value of this name, if it is one of these.
pub(crate) fn computed(name: &str) -> Option<f64> {
    let (l1, l2) = (|w: f64| LAMBDA * w.abs(), |w: f64| LAMBDA / 2.0 * w * w);
    let term = |add: fn(Isa, f64, &[f64], &mut [f64])| {
        let weights: Vec<f64> = WEIGHTS.into_iter().chain([0.0]).collect();
        let mut gradient = vec![0.0; weights.len()];
        add(Isa::SCALAR, LAMBDA, &weights, &mut gradient);
        (weights, gradient)
    };
    match name {
        "computed.l2_gradient_error" => Some(largest(slope(l2), WEIGHTS.map(|w| LAMBDA * w))),
        "computed.l1_gradient_error" => Some(largest(slope(l1), WEIGHTS.map(|w| LAMBDA * sign(w)))),
        "computed.l2_step_error" => {
            let (weights, gradient) = term(optim::add_l2);
            Some(largest(gradient, weights.into_iter().map(|w| LAMBDA * w)))
        }
        "computed.l1_step_error" => {
            let (weights, gradient) = term(optim::add_l1);
            Some(largest(gradient, weights.into_iter().map(|w| LAMBDA * sign(w))))
        }
        _ => None,
    }
}
