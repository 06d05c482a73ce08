//! From values to places: linear and logarithmic scales and their ticks.
//!
//! A logarithmic scale can carry a *zero lane*: a place apart, below its
//! lowest value, for values that are exactly zero. Vanished gradients are then
//! drawn, not left out.

use super::number::{compact, coordinate, power};

/// How values are spread over an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Equal differences, equal distances.
    #[default]
    Linear,
    /// Equal ratios, equal distances.
    Log,
}

/// A place on an axis with its label.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// The value.
    pub value: f64,
    /// The value as text.
    pub label: String,
}

/// A mapping from values to places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    kind: Kind,
    domain: [f64; 2],
    range: [f64; 2],
    zero: Option<f64>,
}

impl Scale {
    /// A scale from `domain` (values) to `range` (places). A domain that is
    /// empty, reversed or not finite is replaced by one that can be drawn.
    #[must_use]
    pub fn new(kind: Kind, domain: [f64; 2], range: [f64; 2]) -> Self {
        Scale { kind, domain: drawable(kind, domain), range, zero: None }
    }

    /// The same scale with its domain widened to nice numbers: to ticks, or to
    /// powers of ten.
    #[must_use]
    pub fn nice(mut self, ticks: usize) -> Self {
        let [lo, hi] = self.domain;
        self.domain = match self.kind {
            Kind::Linear => {
                let step = nice_step((hi - lo) / ticks.max(1) as f64);
                [(lo / step).floor() * step, (hi / step).ceil() * step]
            }
            Kind::Log => {
                // A thousandth of a decade of tolerance, so that 0.1 stays 10⁻¹.
                let (a, b) = ((lo.log10() + 1e-3).floor(), (hi.log10() - 1e-3).ceil());
                [10f64.powf(a), 10f64.powf(b.max(a + 1.0))]
            }
        };
        self
    }

    /// The same scale with a place for values that are exactly zero.
    #[must_use]
    pub fn with_zero(mut self, place: f64) -> Self {
        self.zero = Some(place);
        self
    }

    /// The place of exact zeros, if this scale has one apart.
    #[must_use]
    pub fn zero(&self) -> Option<f64> {
        self.zero
    }

    /// Lowest and highest value.
    #[must_use]
    pub fn domain(&self) -> [f64; 2] {
        self.domain
    }

    /// The place of a value; values outside the domain are put at its ends.
    /// None where there is no place: NaN, infinite, or not above zero on a
    /// logarithmic scale without a zero lane.
    #[must_use]
    pub fn at(&self, value: f64) -> Option<f64> {
        if !value.is_finite() {
            return None;
        }
        if self.kind == Kind::Log && value <= 0.0 {
            return if value == 0.0 { self.zero } else { None };
        }
        let [lo, hi] = self.domain;
        let value = value.clamp(lo, hi);
        let share = match self.kind {
            Kind::Linear => (value - lo) / (hi - lo),
            Kind::Log => (value.log10() - lo.log10()) / (hi.log10() - lo.log10()),
        };
        Some(self.range[0] + share * (self.range[1] - self.range[0]))
    }

    /// Ticks inside the domain, about `count` of them and never more than twice that.
    #[must_use]
    pub fn ticks(&self, count: usize) -> Vec<Tick> {
        match self.kind {
            Kind::Linear => self.linear_ticks(count.max(1)),
            Kind::Log => self.log_ticks(count.max(1)),
        }
    }

    fn linear_ticks(&self, count: usize) -> Vec<Tick> {
        let [lo, hi] = self.domain;
        let step = nice_step((hi - lo) / count as f64);
        let slack = step * 1e-6;
        let first = ((lo - slack) / step).ceil();
        (0..=2 * count)
            .map(|i| (first + i as f64) * step)
            .take_while(|v| *v <= hi + slack)
            .map(|v| {
                // Multiples of the step carry rounding dust; the label must not.
                let value = if v.abs() < slack { 0.0 } else { v };
                Tick { value: value.clamp(lo, hi), label: tick_label(value, step) }
            })
            .collect()
    }

    fn log_ticks(&self, count: usize) -> Vec<Tick> {
        let [lo, hi] = self.domain;
        #[allow(clippy::cast_possible_truncation)] // exponents of f64 are small
        let (first, last) = ((lo.log10() - 1e-6).ceil() as i32, (hi.log10() + 1e-6).floor() as i32);
        if last <= first {
            // Less than a decade holds at most one power: show the ends.
            return [lo, hi].iter().map(|v| Tick { value: *v, label: compact(*v, 2) }).collect();
        }
        let count = i32::try_from(count).unwrap_or(10);
        let step = [1, 2, 3, 4, 5, 10, 20, 50, 100, 200]
            .into_iter()
            .find(|s| (last - first) / s < count)
            .unwrap_or(400);
        (first..=last)
            .filter(|e| e.rem_euclid(step) == 0)
            .map(|e| Tick { value: 10f64.powi(e).clamp(lo, hi), label: power(e) })
            .collect()
    }
}

/// Lowest and highest finite value, None if there is none.
#[must_use]
pub fn extent(values: impl IntoIterator<Item = f64>) -> Option<[f64; 2]> {
    values.into_iter().filter(|v| v.is_finite()).fold(None, |e, v| match e {
        None => Some([v, v]),
        Some([lo, hi]) => Some([lo.min(v), hi.max(v)]),
    })
}

/// The next of 1, 2, 5, 10 … at or above a distance.
fn nice_step(distance: f64) -> f64 {
    if !(distance.is_finite() && distance > 0.0) {
        return 1.0;
    }
    let unit = 10f64.powf(distance.log10().floor());
    let factor = distance / unit;
    let nice = [1.0, 2.0, 5.0].into_iter().find(|n| factor <= n + 1e-9).unwrap_or(10.0);
    nice * unit
}

/// The label of a linear tick: as many digits as its step has.
fn tick_label(value: f64, step: f64) -> String {
    if value == 0.0 {
        return "0".to_string();
    }
    if value.abs() >= 1e5 || step < 1e-5 {
        return compact(value, 3);
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 5
    let digits = (-step.log10().floor()).clamp(0.0, 5.0) as usize;
    if digits <= 2 { coordinate(value) } else { format!("{value:.digits$}") }.replace('-', "−")
}

/// A domain that can be drawn.
fn drawable(kind: Kind, [lo, hi]: [f64; 2]) -> [f64; 2] {
    let finite = lo.is_finite() && hi.is_finite() && lo <= hi;
    match kind {
        Kind::Linear if !finite => [0.0, 1.0],
        Kind::Linear if lo == hi => {
            let pad = if lo == 0.0 { 1.0 } else { lo.abs() * 0.1 };
            [lo - pad, hi + pad]
        }
        Kind::Log if !finite || hi <= 0.0 => [1e-3, 1.0],
        Kind::Log if lo <= 0.0 => [hi * 1e-3, hi],
        Kind::Log if lo == hi => [lo / 10.0, hi * 10.0],
        _ => [lo, hi],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_nice_and_inside() {
        let labels = |s: Scale, n| s.ticks(n).into_iter().map(|t| t.label).collect::<Vec<_>>();
        assert_eq!(
            labels(Scale::new(Kind::Linear, [0.0, 1.0], [0.0, 100.0]), 5),
            ["0", "0.2", "0.4", "0.6", "0.8", "1"]
        );
        assert_eq!(
            labels(Scale::new(Kind::Linear, [0.0, 2000.0], [0.0, 100.0]), 4),
            ["0", "500", "1000", "1500", "2000"]
        );
        assert_eq!(
            labels(Scale::new(Kind::Log, [1e-3, 1.0], [0.0, 100.0]), 6),
            ["10⁻³", "10⁻²", "10⁻¹", "10⁰"]
        );
        // Property: whatever the domain, ticks are finite, inside, increasing and not too many.
        let ends = [f64::NAN, f64::NEG_INFINITY, -3e7, -1.0, 0.0, 1e-300, 1e-9, 0.017, 1.0, 999.0, 1e12];
        for kind in [Kind::Linear, Kind::Log] {
            for lo in ends {
                for hi in ends {
                    for nice in [false, true] {
                        for count in [1, 3, 7] {
                            let mut s = Scale::new(kind, [lo, hi], [10.0, 200.0]);
                            if nice {
                                s = s.nice(count);
                            }
                            let ticks = s.ticks(count);
                            let [a, b] = s.domain();
                            assert!(a < b, "{kind:?} {lo} {hi} gives {a} {b}");
                            assert!(ticks.len() <= 2 * count + 1, "{kind:?} {lo} {hi}: {}", ticks.len());
                            assert!(ticks.iter().all(|t| t.value >= a && t.value <= b));
                            assert!(ticks.windows(2).all(|w| w[0].value < w[1].value), "{lo} {hi} {ticks:?}");
                            for t in &ticks {
                                let place = s.at(t.value).expect("a place");
                                assert!((9.999..=200.001).contains(&place));
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn zeros_have_their_lane() {
        let s = Scale::new(Kind::Log, [1e-4, 1.0], [100.0, 0.0]);
        assert_eq!(s.at(0.0), None);
        assert_eq!(s.with_zero(120.0).at(0.0), Some(120.0));
        assert_eq!(s.at(f64::NAN), None);
        assert_eq!(s.at(1e-9), Some(100.0));
        assert!((s.at(1e-2).expect("inside") - 50.0).abs() < 1e-9);
    }
}
