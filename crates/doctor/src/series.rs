//! Statistics of short series.

/// The middle value, of those that are numbers.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|v| v.is_finite());
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Least-squares slope of values at 0, 1, 2 …
pub(crate) fn slope(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let (mx, my) = ((n - 1.0) / 2.0, values.iter().sum::<f64>() / n);
    let (mut xy, mut xx) = (0.0, 0.0);
    for (i, y) in values.iter().enumerate() {
        xy += (i as f64 - mx) * (y - my);
        xx += (i as f64 - mx) * (i as f64 - mx);
    }
    if xx > 0.0 { xy / xx } else { 0.0 }
}

/// Mann–Kendall: how many standard deviations the number of rising pairs lies
/// above chance. Above 1.645 the series rises, at a level of 5 %.
pub(crate) fn trend(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mut score = 0.0;
    for (i, a) in values.iter().enumerate() {
        for b in &values[i + 1..] {
            score += f64::from(i8::from(b > a) - i8::from(b < a));
        }
    }
    let sd = (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    // `signum` of 0 is 1: a series without a trend must not get one.
    if sd > 0.0 && score != 0.0 { (score - score.signum()) / sd } else { 0.0 }
}

/// Belief from how far a value is beyond its limit: 0.6 at the limit, 0.8 at
/// twice, 0.9 at four times, at most 0.99. A monotone scale, not a frequency.
pub(crate) fn belief(beyond: f64) -> f64 {
    if beyond.is_nan() || beyond < 1.0 {
        return 0.6;
    }
    (1.0 - 0.4 * 0.5f64.powf(beyond.log2())).min(0.99)
}

#[cfg(test)]
mod tests {
    use super::{belief, median, slope, trend};

    #[test]
    fn small_series() {
        assert_eq!(median(vec![3.0, f64::NAN, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![]), None);
        assert!((slope(&[1.0, 3.0, 5.0]) - 2.0).abs() < 1e-12);
        // Five rising values: 10 pairs, sd √(5·4·15/18) = 4.08, (10 − 1)/4.08.
        assert!((trend(&[1.0, 2.0, 3.0, 4.0, 5.0]) - 9.0 / (300.0f64 / 18.0).sqrt()).abs() < 1e-12);
        assert_eq!(trend(&[1.0, 1.0, 1.0]), 0.0);
        assert!((belief(1.0) - 0.6).abs() < 1e-12 && (belief(2.0) - 0.8).abs() < 1e-12);
        assert_eq!(belief(f64::INFINITY), 0.99);
    }
}
