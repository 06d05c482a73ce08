//! What comparisons with values recorded from PyTorch share.

use kobai_kernels::Real;
use kobai_testkit::Float;

/// The type of a comparison.
pub(crate) trait Number: Real + Float {}
impl Number for f32 {}
impl Number for f64 {}

pub(crate) fn to<T: Number>(values: &[f64]) -> Vec<T> {
    values.iter().map(|v| T::from_f64(*v)).collect()
}

pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m, v| v.abs().max(m))
}

/// Runs each generic function as a test in both types.
macro_rules! in_both_types {
    ($($test:ident),* $(,)?) => {
        mod in_f64 {
            $(#[test] fn $test() { super::$test::<f64>(); })*
        }
        mod in_f32 {
            $(#[test] fn $test() { super::$test::<f32>(); })*
        }
    };
}
pub(crate) use in_both_types;
