use super::*;
use crate::checks::{SIZES, close, must_fail, same_bits, values, widened};

const ULP: f64 = 1.0 / 8_388_608.0;

type Step = fn(Isa, u64, &mut [f32], &[f32], &mut [f32], &mut [f32]);
/// (t, p, g, m, v) → (p, m, v), in double precision, written from the papers' formulas.
type Formula = fn(i32, f64, f64, f64, f64) -> (f64, f64, f64);

const MOMENTUM: Momentum = Momentum { lr: 0.1, momentum: 0.9 };
const ADAM: Adam = Adam { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-7 };

fn table() -> [(&'static str, Step, Formula); 12] {
    [
        ("sgd", |i, _, p, g, _, _| sgd(i, 0.1, p, g), |_, p, g, m, v| (p - 0.1 * g, m, v)),
        (
            "momentum",
            |i, _, p, g, m, _| momentum(i, MOMENTUM, p, g, m),
            |_, p, g, m, v| (p - 0.1 * (0.9 * m + g), 0.9 * m + g, v),
        ),
        (
            "momentum_course",
            |i, _, p, g, m, _| momentum_course(i, MOMENTUM, p, g, m),
            |_, p, g, m, v| (p + 0.9 * m - 0.1 * g, 0.9 * m - 0.1 * g, v),
        ),
        (
            "nesterov",
            |i, _, p, g, m, _| nesterov(i, MOMENTUM, p, g, m),
            |_, p, g, m, v| (p - 0.1 * (g + 0.9 * (0.9 * m + g)), 0.9 * m + g, v),
        ),
        (
            "nesterov_course",
            |i, _, p, g, m, _| nesterov_course(i, MOMENTUM, p, g, m),
            |_, p, g, m, v| {
                let m = 0.9 * m - 0.1 * g;
                (p + 0.81 * m - 1.9 * 0.1 * g, m, v)
            },
        ),
        (
            "adagrad",
            |i, _, p, g, m, _| adagrad(i, AdaGrad { lr: 0.01, eps: 1e-7 }, p, g, m),
            |_, p, g, m, v| (p - 0.01 * g / ((m + g * g).sqrt() + 1e-7), m + g * g, v),
        ),
        (
            "adagrad_first_skipped",
            |i, t, p, g, m, _| adagrad_first_skipped(i, AdaGrad { lr: 0.01, eps: 0.0 }, 1e-4, t, p, g, m),
            |t, p, g, m, v| {
                let m = if t == 1 { 1e-4 } else { m + g * g };
                (p - 0.01 * g / m.sqrt(), m, v)
            },
        ),
        (
            "rmsprop",
            |i, _, p, g, m, _| rmsprop(i, RmsProp { lr: 0.01, rho: 0.99, eps: 1e-7 }, p, g, m),
            |_, p, g, m, v| {
                let m = 0.99 * m + (1.0 - 0.99) * g * g;
                (p - 0.01 * g / (m.sqrt() + 1e-7), m, v)
            },
        ),
        (
            "adam",
            |i, t, p, g, m, v| adam(i, ADAM, t, p, g, m, v),
            |t, p, g, m, v| {
                let (m, v) = (0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g);
                let (m_hat, v_hat) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
                (p - 0.01 * m_hat / (v_hat.sqrt() + 1e-7), m, v)
            },
        ),
        (
            "adam_course",
            |i, t, p, g, m, v| adam_course(i, ADAM, t, p, g, m, v),
            |t, p, g, m, v| {
                let (m, v) = (m + 0.1 * (g - m), v + 0.001 * (g * g - v));
                let rate = 0.01 * (1.0 - 0.999f64.powi(t)).sqrt() / (1.0 - 0.9f64.powi(t));
                (p - rate * m / (v.sqrt() + 1e-7), m, v)
            },
        ),
        (
            "adamw",
            |i, t, p, g, m, v| adamw(i, AdamW { adam: ADAM, weight_decay: 0.5 }, t, p, g, m, v),
            |t, p, g, m, v| {
                let (m, v) = (0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g);
                let (m_hat, v_hat) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
                (p - 0.01 * 0.5 * p - 0.01 * m_hat / (v_hat.sqrt() + 1e-7), m, v)
            },
        ),
        (
            "penalties",
            |i, _, p, g, m, _| {
                m.copy_from_slice(g);
                add_l2(i, 0.1, p, m);
                add_l1(i, 0.005, p, m);
                clip_by_value(i, 0.5, m);
            },
            |_, p, g, _, v| {
                let sign = if p == 0.0 { 0.0 } else { p.signum() };
                (p, (g + 0.1 * p + 0.005 * sign).clamp(-0.5, 0.5), v)
            },
        ),
    ]
}

/// Three steps: the same bits everywhere, and close to the formulas.
#[test]
fn formulas() {
    for (name, step, formula) in table() {
        for n in SIZES {
            let start = usize::from(n > 0);
            let p0 = {
                let mut p = values(n, 1.0, 1);
                if n > 3 {
                    p[3] = 0.0;
                }
                p
            };
            let got = same_bits(name, true, |isa| {
                let (mut p, mut m, mut v) = (p0.clone(), vec![0.0; n], vec![0.0; n]);
                for t in 1..=3 {
                    let g = values(n, 1.0, 10 + t as u32);
                    step(isa, t, &mut p[start..], &g[start..], &mut m[start..], &mut v[start..]);
                }
                [p, m, v].concat()
            });
            let (mut p, mut m, mut v) = (widened(&p0), vec![0.0; n], vec![0.0; n]);
            for t in 1..=3 {
                let g = values(n, 1.0, 10 + t as u32);
                for i in start..n {
                    (p[i], m[i], v[i]) = formula(t, p[i], f64::from(g[i]), m[i], v[i]);
                }
            }
            // Per step at most ten roundings of values of size 1 at most (states and
            // updates are below 3); adagrad's first divisor is 0.01: a hundredfold.
            close(name, &got[0].1, &[p, m, v].concat(), 30.0 * ULP, 30.0 * ULP);
        }
    }
}

/// Momentum's two forms walk the same path while the rate is constant.
#[test]
fn momentum_forms_agree() {
    let (mut a, mut b) = (widened(&values(50, 1.0, 1)), widened(&values(50, 1.0, 1)));
    let (mut va, mut vb) = (vec![0.0; 50], vec![0.0; 50]);
    for t in 0..20 {
        let g = widened(&values(50, 1.0, t));
        momentum(Isa::SCALAR, MOMENTUM, &mut a, &g, &mut va);
        momentum_course(Isa::SCALAR, MOMENTUM, &mut b, &g, &mut vb);
    }
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-13));
}

#[test]
fn lengths_and_nan() {
    must_fail("a short state", || {
        adagrad(Isa::SCALAR, AdaGrad { lr: 1.0, eps: 0.0 }, &mut [0.0f32; 2], &[0.0; 2], &mut [0.0])
    });
    for isa in Isa::available() {
        let mut g = [f32::NAN, f32::INFINITY, -2.0];
        clip_by_value(isa, 1.0, &mut g);
        assert!(g[0].is_nan());
        assert_eq!(g[1..], [1.0, -1.0]);
    }
}
