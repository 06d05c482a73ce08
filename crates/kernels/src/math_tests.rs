#![allow(clippy::print_stdout, reason = "the measured errors are the result")]

use super::*;
use crate::simd::{Fused, Plain};

/// |got − want| in units in the last place of `want`; 0 where both are NaN or equal.
fn ulps(got: f32, want: f64) -> f64 {
    if got.is_nan() && want.is_nan() || f64::from(got) == want || got == want as f32 {
        return 0.0;
    }
    if got.is_infinite() && f64::from(f32::MAX) < want.abs() && got.is_sign_negative() == (want < 0.0) {
        return 0.0;
    }
    let exponent = libm::ilogb(want).max(-126);
    (f64::from(got) - want).abs() / libm::ldexp(1.0, exponent - 23)
}

type Function = (&'static str, fn(f32) -> f32, fn(f32) -> f32, fn(f64) -> f64, fn(f32) -> bool, f64);

/// Name, fused, plain, oracle, domain, documented error.
const FUNCTIONS: [Function; 9] = [
    ("exp", exp::<Fused>, exp::<Plain>, libm::exp, |_| true, 1.0),
    ("exp_nonpositive", exp_nonpositive::<Fused>, exp_nonpositive::<Plain>, libm::exp, |x| x <= 0.0, 1.0),
    ("exp_m1", exp_m1_nonpositive::<Fused>, exp_m1_nonpositive::<Plain>, libm::expm1, |x| x <= 0.0, 0.9),
    ("log", log::<Fused>, log::<Plain>, libm::log, |_| true, 0.9),
    ("log1p", log1p_unit::<Fused>, log1p_unit::<Plain>, libm::log1p, |x| (0.0..=1.0).contains(&x), 1.5),
    ("sigmoid", sigmoid::<Fused>, sigmoid::<Plain>, |x| 1.0 / (1.0 + libm::exp(-x)), |_| true, 3.0),
    ("tanh", tanh::<Fused>, tanh::<Plain>, libm::tanh, |_| true, 3.2),
    (
        "softplus",
        softplus::<Fused>,
        softplus::<Plain>,
        |x| x.max(0.0) + libm::log1p(libm::exp(-x.abs())),
        |_| true,
        2.0,
    ),
    ("erf", erf::<Fused>, erf::<Plain>, libm::erf, |_| true, 1.2),
];

fn measure(stride: usize) {
    let mut failed = false;
    for (name, fused, plain, oracle, domain, bound) in FUNCTIONS {
        let (mut worst, mut at, mut worst_plain) = (0.0, 0.0, 0.0);
        for bits in (0..=u32::MAX).step_by(stride) {
            let x = f32::from_bits(bits);
            if !domain(x) {
                continue;
            }
            let want = oracle(f64::from(x));
            let flushed = want.abs() < f64::from(f32::MIN_POSITIVE) && x.abs() > 80.0;
            let want = if flushed { 0.0 } else { want };
            let error = ulps(fused(x), want);
            if error > worst {
                (worst, at) = (error, x);
            }
            worst_plain = ulps(plain(x), want).max(worst_plain);
        }
        println!("{name}: fused {worst:.3} ulp at {at:e}, plain {worst_plain:.3} ulp; documented {bound}");
        failed |= worst > bound || worst_plain > 1.5 * bound;
    }
    assert!(!failed, "an error is larger than documented");
}

#[test]
fn sampled_accuracy() {
    measure(4093);
}

#[test]
#[ignore = "all 2^32 arguments take forty minutes"]
fn exhaustive_accuracy() {
    measure(1);
}

/// The same bits as an expected special value.
fn is(got: f32, want: f32) {
    assert!(got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan(), "{got:e}, expected {want:e}");
}

#[test]
fn special_values() {
    let inf = f32::INFINITY;
    let payloads = [f32::NAN, -f32::NAN, f32::from_bits(0x7F80_0001), f32::from_bits(0xFFFF_FFFF)];
    for nan in payloads {
        for (name, fused, plain, ..) in FUNCTIONS {
            assert!(fused(nan).is_nan() && plain(nan).is_nan(), "{name}(NaN) is not NaN");
        }
    }
    is(exp::<Fused>(inf), inf);
    is(exp::<Fused>(-inf), 0.0);
    is(exp::<Fused>(0.0), 1.0);
    is(exp::<Fused>(-0.0), 1.0);
    is(exp::<Fused>(88.722_84), inf);
    assert!(exp::<Fused>(88.722_83).is_finite());
    assert!(exp::<Fused>(-87.336_54) >= f32::MIN_POSITIVE);
    is(exp::<Fused>((-87.336_54f32).next_down()), 0.0);
    is(exp_nonpositive::<Fused>(-inf), 0.0);
    is(exp_nonpositive::<Fused>(-0.0), 1.0);
    is(exp_m1_nonpositive::<Fused>(-inf), -1.0);
    is(exp_m1_nonpositive::<Fused>(-1e-40), -1e-40);
    is(log::<Fused>(0.0), -inf);
    is(log::<Fused>(-0.0), -inf);
    is(log::<Fused>(-1.0), f32::NAN);
    is(log::<Fused>(-inf), f32::NAN);
    is(log::<Fused>(inf), inf);
    is(log::<Fused>(1.0), 0.0);
    is(log1p_unit::<Fused>(0.0), 0.0);
    is(sigmoid::<Fused>(inf), 1.0);
    is(sigmoid::<Fused>(-inf), 0.0);
    is(sigmoid::<Fused>(0.0), 0.5);
    is(sigmoid::<Fused>(-1000.0), 0.0);
    is(tanh::<Fused>(inf), 1.0);
    is(tanh::<Fused>(-inf), -1.0);
    is(tanh::<Fused>(0.0), 0.0);
    is(tanh::<Fused>(-0.0), -0.0);
    is(softplus::<Fused>(inf), inf);
    is(softplus::<Fused>(-inf), 0.0);
    is(softplus::<Fused>(100.0), 100.0);
    is(erf::<Fused>(inf), 1.0);
    is(erf::<Fused>(-inf), -1.0);
    is(erf::<Fused>(-0.0), -0.0);
}

#[test]
fn tanh_is_odd_and_monotone() {
    // Every argument of [8.5, 9.1], where it saturates, and a sample of the rest.
    let near = 8.5f32.to_bits()..9.1f32.to_bits();
    let mut last = 0.0;
    for x in near.map(f32::from_bits) {
        let y = tanh::<Fused>(x);
        assert!(y >= last && y <= 1.0, "tanh({x}) = {y} after {last}");
        is(tanh::<Fused>(-x), -y);
        last = y;
    }
    is(tanh::<Fused>(9.02), 1.0);
    for bits in (0..f32::INFINITY.to_bits()).step_by(997) {
        is(tanh::<Fused>(-f32::from_bits(bits)), -tanh::<Fused>(f32::from_bits(bits)));
    }
}

#[test]
fn ulps_counts() {
    assert_eq!(ulps(1.0f32.next_up(), 1.0), 1.0);
    assert_eq!(ulps(1.0, 1.0), 0.0);
    assert!(ulps(f32::NAN, 1.0).is_nan() || ulps(f32::NAN, 1.0) > 1.0);
    assert!(ulps(f32::INFINITY, 1.0) > 1e6);
}
