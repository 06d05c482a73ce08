//! Gradient checker, tolerances and golden values for Kobai's tests.
//!
//! - [`golden`]: tensors recorded from PyTorch.
//! - [`tol`]: derived tolerances and the comparison that uses them.
//! - [`gradcheck`]: analytic gradients against central differences.
//! - [`values`](mod@values): numbers to compute with.
//!
//! For tests only: these helpers panic with a readable text where a library
//! would return an error. They know nothing of layers or plans.

pub mod golden;
pub mod gradcheck;
pub mod tol;
pub mod values;

pub use golden::Golden;
pub use gradcheck::{GradientReport, STEP, Verdict, assert_gradient, check_gradient};
pub use tol::{Float, Mismatch, Tol, assert_close, check_close};
pub use values::{labels, values, values_off_integers};
