//! Numbers for tests: pure functions of length and key, the same everywhere.

use kobai_engine::{Draw, Rng, Stream};

fn draw(key: u64) -> Draw {
    Rng::new(0).draw(Stream::Test, key, 1)
}

/// Uniform in (−1, 1).
///
/// ```
/// use kobai_testkit::values;
/// assert!(values(100, 0).iter().all(|x| x.abs() < 1.0));
/// assert_ne!(values(100, 0), values(100, 1));
/// ```
#[must_use]
pub fn values(len: usize, key: u64) -> Vec<f64> {
    (0..len as u64).map(|i| 2.0 * draw(key).uniform(i) - 1.0).collect()
}

/// In (−8, 8) and at least 0.25 from every whole number: the kinks of the
/// activations (0, ±3, 6) are far beyond the step of a central difference.
///
/// ```
/// let x = kobai_testkit::values_off_integers(100, 0);
/// assert!(x.iter().all(|x| (x - x.round()).abs() >= 0.25));
/// ```
#[must_use]
pub fn values_off_integers(len: usize, key: u64) -> Vec<f64> {
    let spread = |u: f64| (16.0 * u).floor() - 7.75 + (16.0 * u).fract() / 2.0;
    (0..len as u64).map(|i| spread(draw(key).uniform(i))).collect()
}

/// Labels below `classes`.
#[must_use]
pub fn labels(len: usize, classes: u32, key: u64) -> Vec<u32> {
    (0..len as u64).map(|i| draw(key).below(classes, i)).collect()
}
