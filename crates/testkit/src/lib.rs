//! Gradient checker, tolerances and golden values for Kobai's tests.
