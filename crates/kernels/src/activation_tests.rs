use super::*;
use crate::checks::{SIZES, close, same_bits, values, widened};

/// One function with its double-precision twin, so that a table can hold it.
struct Case {
    name: &'static str,
    forward: fn(Isa, &mut [f32]),
    backward: fn(Isa, &[f32], &mut [f32]),
    forward64: fn(Isa, &mut [f64]),
    backward64: fn(Isa, &[f64], &mut [f64]),
    /// The backward pass takes x instead of y.
    from_input: bool,
    /// Forward and backward error: ulps of the result, and multiples of 2^-24.
    bounds: [(f64, f64); 2],
    /// Where the derivative jumps: no finite differences there.
    kinks: &'static [f64],
}

macro_rules! case {
    ($name:literal, $f:expr, $b:expr, $from_input:literal, $bounds:expr, $kinks:expr) => {
        Case {
            name: $name,
            forward: |i, x| $f(i, x),
            backward: |i, s, g| $b(i, s, g),
            forward64: |i, x| $f(i, x),
            backward64: |i, s, g| $b(i, s, g),
            from_input: $from_input,
            bounds: $bounds,
            kinks: $kinks,
        }
    };
}

/// Bounds: the ulps of the function in `math`, one per further rounding, and an
/// absolute part where two terms of size 1 cancel (counted in roundings at 1;
/// arguments are at most 6, gradients at most 2).
fn cases() -> Vec<Case> {
    vec![
        case!("relu", relu, relu_backward, false, [(0.0, 0.0), (0.0, 0.0)], &[0.0]),
        case!("relu6", relu6, relu6_backward, false, [(0.0, 0.0), (0.0, 0.0)], &[0.0, 6.0]),
        case!(
            "leaky_relu",
            |i, x: &mut [_]| leaky_relu(i, 0.01, x),
            |i, s: &[_], g: &mut [_]| leaky_relu_backward(i, 0.01, s, g),
            false,
            [(2.0, 0.0), (2.0, 0.0)],
            &[0.0]
        ),
        case!(
            "elu",
            |i, x: &mut [_]| elu(i, 1.5, x),
            |i, s: &[_], g: &mut [_]| elu_backward(i, 1.5, s, g),
            false,
            [(3.0, 0.0), (2.0, 4.0)],
            &[0.0]
        ),
        case!("sigmoid", sigmoid, sigmoid_backward, false, [(3.0, 0.0), (4.0, 0.0)], &[]),
        case!("tanh", tanh, tanh_backward, false, [(4.0, 0.0), (3.0, 2.0)], &[]),
        case!("gelu", gelu, gelu_backward, true, [(4.0, 18.0), (8.0, 24.0)], &[]),
        case!("softplus", softplus, softplus_backward, false, [(3.0, 0.0), (3.0, 0.0)], &[]),
        case!("hard_swish", hard_swish, hard_swish_backward, true, [(4.0, 18.0), (4.0, 4.0)], &[-3.0, 3.0]),
    ]
}

/// Two ulps of relative error at most per ulp: an ulp is 2^-24 to 2^-23 of its value.
const ULP: f64 = 1.0 / 8_388_608.0;

#[test]
fn same_bits_and_close_to_the_twin() {
    for case in cases() {
        for n in SIZES {
            for start in [0, 1] {
                let what = format!("{} of {n} from {start}", case.name);
                let x = values(n + start, 6.0, 1);
                let ys = same_bits(&what, false, |isa| {
                    let mut y = x.clone();
                    (case.forward)(isa, &mut y[start..]);
                    y
                });
                let mut want = widened(&x);
                (case.forward64)(Isa::SCALAR, &mut want[start..]);
                let (relative, absolute) = case.bounds[0];
                for (_, y) in &ys {
                    close(&what, y, &want, relative * ULP, absolute * ULP / 2.0);
                }

                let saved = if case.from_input { x } else { ys.last().unwrap().1.clone() };
                let grad = values(n + start, 2.0, 2);
                let grads = same_bits(&what, false, |isa| {
                    let mut g = grad.clone();
                    (case.backward)(isa, &saved[start..], &mut g[start..]);
                    g
                });
                let mut want = widened(&grad);
                (case.backward64)(Isa::SCALAR, &widened(&saved[start..]), &mut want[start..]);
                let (relative, absolute) = case.bounds[1];
                for (_, g) in &grads {
                    close(&format!("{what}, backward"), g, &want, relative * ULP, absolute * ULP / 2.0);
                }
            }
        }
    }
}

/// Central differences of the twin: error about h² · |f'''| / 6 + 1e-16 / h.
#[test]
fn gradients_are_derivatives() {
    let h = 1e-5;
    for case in cases() {
        for i in -40..=40 {
            let x = f64::from(i) * 0.17 + 0.01;
            if case.kinks.iter().any(|k| (x - k).abs() < 2.0 * h) {
                continue;
            }
            let at = |x: f64| {
                let mut y = [x];
                (case.forward64)(Isa::SCALAR, &mut y);
                y[0]
            };
            let want = (at(x + h) - at(x - h)) / (2.0 * h);
            let mut g = [1.0];
            (case.backward64)(Isa::SCALAR, &[if case.from_input { x } else { at(x) }], &mut g);
            assert!((g[0] - want).abs() < 1e-8, "{} at {x}: {} and {want}", case.name, g[0]);
        }
    }
}

#[test]
fn nan_and_infinities() {
    for isa in Isa::available() {
        for case in cases() {
            let mut x = [f32::NAN; 17];
            (case.forward)(isa, &mut x);
            assert!(x.iter().all(|y| y.is_nan()), "{} hides NaN on {isa}", case.name);
            let mut g = [f32::NAN; 17];
            (case.backward)(isa, &[1.0; 17], &mut g);
            assert!(g.iter().all(|y| y.is_nan()), "{} hides a NaN gradient on {isa}", case.name);
            let mut x = [200.0f32; 17];
            (case.forward)(isa, &mut x);
            assert!(x.iter().all(|y| *y == x[0] && y.is_finite()), "{} at 200 on {isa}", case.name);
        }
        let mut g = [1.0f32, 1.0, 1.0];
        relu_backward(isa, &[0.0, -0.0, 1e-30], &mut g);
        assert_eq!(g, [0.0, 0.0, 1.0]);
        let mut x = [-f32::INFINITY, -1000.0, f32::INFINITY];
        sigmoid(isa, &mut x);
        assert_eq!(x, [0.0, 0.0, 1.0]);
    }
}

/// σ'(σ(x)) by its formula, which is not the derivative.
#[test]
fn published_sigmoid_gradient() {
    for isa in Isa::available() {
        let x = values(100, 6.0, 3);
        let mut y = x.clone();
        sigmoid(isa, &mut y);
        let mut wrong = vec![1.0f32; 100];
        sigmoid_backward_at_output(isa, &y, &mut wrong);
        let want: Vec<f64> = widened(&y)
            .iter()
            .map(|z| {
                let s = 1.0 / (1.0 + (-z).exp());
                s * (1.0 - s)
            })
            .collect();
        // σ: 3 ulp; 1 − s adds that error of s again, at most 2.72 times as large; two roundings.
        close("at output", &wrong, &want, 14.0 * ULP, 0.0);
        assert!(wrong.iter().all(|g| (0.196..=0.2501).contains(g)));
    }
}
