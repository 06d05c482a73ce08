//! Level 0: the checkers themselves. What is wrong must be rejected.

use kobai_testkit::{
    Mismatch, STEP, Tol, Verdict, assert_close, assert_gradient, check_close, check_gradient,
};
use std::panic::catch_unwind;

fn tolerances() -> [Tol; 4] {
    [Tol::exact(), Tol::ulps(4), Tol::sum(100), Tol::central_difference(STEP)]
}

fn wave(n: usize) -> Vec<f64> {
    (0..n).map(|i| (0.7 * i as f64 + 0.3).sin() + 0.1).collect()
}

#[test]
fn equal_values_pass() {
    for tol in tolerances() {
        assert_close(&wave(9), &wave(9), tol, "itself");
        assert_close::<f32>(&[], &[], tol, "nothing");
        assert_close(&[f32::INFINITY, -1.0], &[f32::INFINITY, -1.0], tol, "infinities");
    }
}

#[test]
fn one_ulp_is_not_exact() {
    let expected = [1.0f32, -0.5, 3.0];
    for up in [1.0f32.next_up(), 1.0f32.next_down()] {
        let actual = [up, -0.5, 3.0];
        assert!(check_close(&actual, &expected, Tol::exact()).is_err());
        assert!(check_close(&actual, &expected, Tol::ulps(0)).is_err());
        assert!(check_close(&actual, &expected, Tol::ulps(1)).is_ok());
    }
    let actual = [1.0f64, -0.5, 3.0f64.next_down()];
    assert!(check_close(&actual, &[1.0, -0.5, 3.0], Tol::exact()).is_err());
    assert!(check_close(&[0.0f32], &[-0.0], Tol::exact()).is_err());
}

#[test]
fn ulps_count_across_zero_and_to_the_limit() {
    let tiny = f32::from_bits(1);
    assert!(check_close(&[tiny], &[-tiny], Tol::ulps(2)).is_ok());
    assert!(check_close(&[tiny], &[-tiny], Tol::ulps(1)).is_err());
    assert!(check_close(&[0.0f64], &[-0.0], Tol::ulps(0)).is_ok());
    assert!(check_close(&[f32::MAX], &[f32::INFINITY], Tol::ulps(1)).is_err());
}

#[test]
fn sign_flip_nan_and_length_are_rejected_by_every_tolerance() {
    let expected = wave(9);
    let broken = |change: &dyn Fn(&mut Vec<f64>)| {
        let mut actual = expected.clone();
        change(&mut actual);
        actual
    };
    let cases = [
        ("sign flip", broken(&|a| a[4] = -a[4])),
        ("missing write", broken(&|a| a[8] = f64::NAN)),
        ("infinity", broken(&|a| a[0] = f64::INFINITY)),
        ("one short", broken(&|a| a.truncate(8))),
        ("one long", broken(&|a| a.push(0.0))),
    ];
    for tol in tolerances() {
        for (name, actual) in &cases {
            assert!(check_close(actual, &expected, tol).is_err(), "{tol} accepts: {name}");
            let single = |v: &[f64]| v.iter().map(|x| *x as f32).collect::<Vec<f32>>();
            assert!(check_close(&single(actual), &single(&expected), tol).is_err(), "{tol}, f32: {name}");
            let both = catch_unwind(|| assert_close(actual, &expected, tol, "case"));
            assert!(both.is_err(), "{tol} does not panic: {name}");
        }
        assert!(check_close(&[f32::NAN], &[f32::NAN], tol).is_err(), "{tol} accepts NaN for NaN");
        assert!(check_close(&[1.0, f64::NAN], &[1.0, f64::INFINITY], tol).is_err());
    }
}

#[test]
fn the_limit_of_a_sum_follows_terms_type_and_scale() {
    let e = f64::EPSILON;
    let close = |error: f64, tol: Tol| check_close(&[8.0 + error, 1.0], &[8.0, 1.0], tol).is_ok();
    assert!(close(8.0 * 3.0 * e, Tol::sum(3)));
    assert!(!close(8.0 * 4.0 * e, Tol::sum(3)));
    assert!(close(8.0 * 4.0 * e, Tol::sum(3).of_magnitude(12.0)));
    assert!(!close(8.0 * e, Tol::sum(3).of_magnitude(0.0)));
    // One epsilon of f32 is far beyond f64's bound, and within f32's.
    assert!(!close(8.0 * f64::from(f32::EPSILON), Tol::sum(3)));
    assert!(check_close(&[8.0f32 + 8.0 * f32::EPSILON], &[8.0], Tol::sum(3)).is_ok());
    assert!(catch_unwind(|| Tol::exact().of_magnitude(1.0)).is_err());
}

#[test]
fn the_message_names_the_worst_value() {
    let error = check_close(&[1.0f32, 2.5, 2.0, f32::NAN], &[1.0, 2.0, 2.1, 4.0], Tol::ulps(1)).unwrap_err();
    assert!(matches!(error, Mismatch::Value { index: 3, bad: 3, len: 4, .. }), "{error:?}");
    let error = check_close(&[1.0f32, 2.5, 2.0], &[1.0, 2.0, 2.0], Tol::sum(4)).unwrap_err();
    let text = error.to_string();
    for part in ["1 of 3", "at 1", "got 2.5", "expected 2.0", "error 5.000e-1", "limit 9.537e-7", "4 eps"] {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

/// f(x) = sum a_i sin(x_i) + x_i x_{i+1} / 2 + a constant, and its gradient.
fn function(x: &[f64]) -> f64 {
    let n = x.len();
    let a = |i: usize| 0.3 + (i % 5) as f64;
    (0..n).map(|i| a(i) * x[i].sin() + 0.5 * x[i] * x[(i + 1) % n]).sum::<f64>() + 3.0
}

fn gradient(x: &[f64]) -> Vec<f64> {
    let n = x.len();
    let a = |i: usize| 0.3 + (i % 5) as f64;
    (0..n).map(|i| a(i) * x[i].cos() + 0.5 * (x[(i + 1) % n] + x[(i + n - 1) % n])).collect()
}

/// Below, at and above the number of values where directions take over.
const SIZES: [usize; 5] = [3, 17, 2_000, 2_001, 5_000];

#[test]
fn an_exact_gradient_passes() {
    for n in SIZES {
        let x = wave(n);
        let report = check_gradient(function, &x, &gradient(&x), STEP);
        assert!(report.passed(), "n = {n}: {report}");
        assert_eq!(report.by_coordinate, n <= 2_000);
        assert_gradient(|_| 4.0, &x, &vec![0.0; n], STEP, "constant");
    }
}

#[test]
fn wrong_gradients_are_rejected_at_any_scale() {
    for n in SIZES {
        let x = wave(n);
        let right = gradient(&x);
        let with = |change: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
            right.iter().enumerate().map(|(i, g)| change(i, *g)).collect()
        };
        let cases = [
            ("sign flip", with(&|_, g| -g)),
            ("one sign", with(&|i, g| if i == 1 { -g } else { g })),
            ("dropped term", with(&|i, g| g - 0.5 * x[(i + 1) % n])),
            ("scaled", with(&|_, g| 1.01 * g)),
            ("one zeroed", with(&|i, g| if i == n - 1 { 0.0 } else { g })),
            ("all zero", with(&|_, _| 0.0)),
            ("swapped", with(&|i, g| if i < 2 { right[1 - i] } else { g })),
            ("NaN", with(&|i, g| if i == 2 { f64::NAN } else { g })),
        ];
        for (name, wrong) in &cases {
            for scale in [1.0, 1e-9, 1e9] {
                let f = |x: &[f64]| scale * function(x);
                let claim: Vec<f64> = wrong.iter().map(|g| scale * g).collect();
                let report = check_gradient(f, &x, &claim, STEP);
                assert_eq!(report.verdict, Verdict::Wrong, "{name}, n = {n}, scale {scale}: {report}");
            }
        }
        assert!(!check_gradient(|_| f64::NAN, &x, &right, STEP).passed(), "a NaN function passes");
    }
}

#[test]
fn a_check_that_cannot_see_does_not_pass() {
    let x = wave(5);
    let report = check_gradient(|x| 1e9 + function(x), &x, &gradient(&x), STEP);
    assert!(!report.passed(), "{report}");
    let scaled: Vec<f64> = gradient(&x).iter().map(|g| 1.01 * g).collect();
    assert!(!check_gradient(|x| 1e9 + function(x), &x, &scaled, STEP).passed());
}

#[test]
fn the_report_names_the_coordinate() {
    let x = wave(7);
    let mut claim = gradient(&x);
    claim[4] = 0.0;
    let report = check_gradient(function, &x, &claim, STEP);
    assert_eq!((report.worst, report.bad, report.checked), (4, 1, 7));
    let text = catch_unwind(|| assert_gradient(function, &x, &claim, STEP, "weight")).unwrap_err();
    let text = text.downcast_ref::<String>().expect("a text");
    assert!(
        text.starts_with("weight: gradient is wrong in 1 of 7 coordinates, worst at 4: analytic 0e0"),
        "{text}"
    );
}
