//! What optimisers are, computed with the engine's own updates.
//!
//! | value | what |
//! |---|---|
//! | `computed.momentum_decaying_sum` | largest difference between Momentum's velocity and Σ 0.9ᵗ⁻ᵏ gₖ |
//! | `computed.momentum_gain` | what the velocity tends to when every gradient is 1 |
//! | `computed.rmsprop_decaying_mean` | largest difference between RMSProp's h and Σ 0.01·0.99ᵗ⁻ᵏ gₖ² |
//! | `computed.adagrad_sum` | largest difference between AdaGrad's h and Σ gₖ² |
//! | `computed.rmsprop_is_adagrad_rule` | largest difference between the two updates when they are given the same h |
//! | `computed.adam_is_both` | largest difference between Adam's update and (Momentum's mean) / (√RMSProp's mean), both corrected for their start at 0 |
//!
//! Differences are relative to the larger of the two, over 60 updates with
//! normally distributed gradients.

use kobai_engine::optim::{Optimizer, Updater, Updates};
use kobai_engine::{Rng, Stream};
use kobai_kernels::Isa;

const STEPS: usize = 60;

/// The gradients that every rule is given.
fn gradients() -> Vec<f64> {
    let draw = Rng::new(0).draw(Stream::Data, 0, 100);
    (0..STEPS as u64).map(|i| draw.normal(i)).collect()
}

/// Moments and change of the param after each update.
fn run(optimizer: Optimizer, gradients: &[f64]) -> Vec<(Vec<f64>, f64)> {
    let mut updater = Updater::<f64>::plain(1, Updates::new(optimizer));
    let mut p = [0.0];
    let step = |g: &f64| {
        let before = p[0];
        updater.update(Isa::SCALAR, &mut p, &mut [*g]);
        (updater.export().values.iter().map(|v| v[0]).collect(), p[0] - before)
    };
    gradients.iter().map(step).collect()
}

/// Σ weight · rateᵗ⁻ᵏ xₖ for k ≤ t, straight from the definition.
fn decaying(values: &[f64], rate: f64, weight: f64) -> Vec<f64> {
    let sum = |t: usize| (0..=t).map(|k| weight * libm::pow(rate, (t - k) as f64) * values[k]).sum::<f64>();
    (0..values.len()).map(sum).collect()
}

/// Largest relative difference.
fn difference(a: impl IntoIterator<Item = f64>, b: impl IntoIterator<Item = f64>) -> f64 {
    let pairs = a.into_iter().zip(b);
    pairs.map(|(a, b)| (a - b).abs() / a.abs().max(b.abs()).max(f64::MIN_POSITIVE)).fold(0.0, f64::max)
}

/// How far the first moment of a rule is from Σ 0.9ᵗ⁻ᵏ gₖ, from
/// Σ 0.01·0.99ᵗ⁻ᵏ gₖ² and from Σ gₖ², as the largest relative difference.
pub(crate) fn memory(optimizer: Optimizer) -> [f64; 3] {
    let g = gradients();
    let squares: Vec<f64> = g.iter().map(|g| g * g).collect();
    let kept: Vec<f64> = run(optimizer, &g).iter().map(|(m, _)| m[0]).collect();
    let sums = [decaying(&g, 0.9, 1.0), decaying(&squares, 0.99, 1.0 - 0.99), decaying(&squares, 1.0, 1.0)];
    sums.map(|sum| difference(kept.iter().copied(), sum))
}

/// The value of this name, if it is one of these.
pub(crate) fn computed(name: &str) -> Option<f64> {
    let name = name.strip_prefix("computed.")?;
    let g = gradients();
    let squares: Vec<f64> = g.iter().map(|g| g * g).collect();
    let (lr, momentum, rho, eps) = (1.0, 0.9, 0.99, 0.0);
    let moment = |run: &[(Vec<f64>, f64)], k: usize| run.iter().map(|(m, _)| m[k]).collect::<Vec<f64>>();
    let value = match name {
        "momentum_decaying_sum" => {
            let run = run(Optimizer::Momentum { lr, momentum }, &g);
            difference(moment(&run, 0), decaying(&g, momentum, 1.0))
        }
        "momentum_gain" => {
            let run = run(Optimizer::Momentum { lr, momentum }, &[1.0; 400]);
            run.last()?.0[0]
        }
        "rmsprop_decaying_mean" => {
            let run = run(Optimizer::RmsProp { lr, rho, eps }, &g);
            difference(moment(&run, 0), decaying(&squares, rho, 1.0 - rho))
        }
        "adagrad_sum" => {
            let run = run(Optimizer::AdaGrad { lr, eps }, &g);
            difference(moment(&run, 0), decaying(&squares, 1.0, 1.0))
        }
        "rmsprop_is_adagrad_rule" => {
            // Each update times √h is lr·g for both rules.
            let scaled = |o: Optimizer| run(o, &g).into_iter().map(|(m, step)| step * m[0].sqrt());
            difference(
                scaled(Optimizer::RmsProp { lr, rho, eps }).collect::<Vec<_>>(),
                scaled(Optimizer::AdaGrad { lr, eps }).collect::<Vec<_>>(),
            )
        }
        "adam_is_both" => {
            let (beta1, beta2) = (0.9, 0.999);
            let means = run(Optimizer::Momentum { lr, momentum: beta1 }, &g);
            let squares = run(Optimizer::RmsProp { lr, rho: beta2, eps }, &g);
            let expected = means.iter().zip(&squares).enumerate().map(|(i, ((m, _), (h, _)))| {
                let t = (i + 1) as f64;
                let m = (1.0 - beta1) * m[0] / (1.0 - libm::pow(beta1, t));
                let h = h[0] / (1.0 - libm::pow(beta2, t));
                -lr * m / h.sqrt()
            });
            let adam = run(Optimizer::Adam { lr, beta1, beta2, eps }, &g);
            difference(adam.into_iter().map(|(_, step)| step), expected.collect::<Vec<_>>())
        }
        _ => return None,
    };
    Some(value)
}
