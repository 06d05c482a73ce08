//! Statistics over seeds.

/// Mean and standard deviation (n − 1), and a confidence interval of the mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Number of values.
    pub n: usize,
    /// Mean.
    pub mean: f64,
    /// Standard deviation of the sample; 0 for one value.
    pub sd: f64,
    /// Interval of the mean, for at least two values.
    pub interval: Option<[f64; 2]>,
}

impl Summary {
    /// Summarises values, with Student's interval of a confidence such as 0.99.
    #[must_use]
    pub fn of(values: &[f64], confidence: f64) -> Summary {
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        if n < 2 {
            return Summary { n, mean, sd: 0.0, interval: None };
        }
        let sd = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1) as f64).sqrt();
        // Equal values have no spread; the sum's rounding must not invent one.
        let equal = values.iter().all(|x| *x == values[0]);
        let (mean, sd) = if equal { (values[0], 0.0) } else { (mean, sd) };
        let half = student_quantile(n - 1, 0.5 + confidence / 2.0) * sd / (n as f64).sqrt();
        Summary { n, mean, sd, interval: Some([mean - half, mean + half]) }
    }
}

/// The value below which Student's t with so many degrees of freedom lies with
/// probability p, 0.5 ≤ p < 1. By bisection on [`student_cdf`].
#[must_use]
pub fn student_quantile(degrees: usize, p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while student_cdf(degrees, high) < p && high < 1e9 {
        high *= 2.0;
    }
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if student_cdf(degrees, middle) < p { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// Student's distribution function for t ≥ 0, by the finite sums for whole
/// degrees of freedom (Abramowitz & Stegun 26.7.3 and 26.7.4).
#[must_use]
pub fn student_cdf(degrees: usize, t: f64) -> f64 {
    let v = degrees as f64;
    let theta = libm::atan(t / v.sqrt());
    let (sin, cos) = (libm::sin(theta), libm::cos(theta));
    let area = if degrees % 2 == 1 {
        let (mut term, mut sum) = (cos, 0.0);
        for k in (1..degrees).step_by(2) {
            sum += term;
            term *= cos * cos * (k + 1) as f64 / (k + 2) as f64;
        }
        (theta + sin * sum) * std::f64::consts::FRAC_2_PI
    } else {
        let (mut term, mut sum) = (1.0, 0.0);
        for k in (0..degrees).step_by(2) {
            sum += term;
            term *= cos * cos * (k + 1) as f64 / (k + 2) as f64;
        }
        sin * sum
    };
    0.5 + area / 2.0
}

#[cfg(test)]
mod tests {
    use super::{Summary, student_quantile};

    /// The usual table of Student's t.
    #[test]
    fn quantiles_of_the_table() {
        for (degrees, p, t) in [
            (1, 0.975, 12.7062),
            (2, 0.995, 9.9248),
            (4, 0.995, 4.6041),
            (7, 0.995, 3.4995),
            (8, 0.975, 2.3060),
            (23, 0.995, 2.8073),
            (100, 0.975, 1.9840),
        ] {
            let got = student_quantile(degrees, p);
            assert!((got - t).abs() < 5e-5, "t({degrees}, {p}) = {got}, table {t}");
        }
    }

    #[test]
    fn summaries() {
        let s = Summary::of(&[1.0, 2.0, 3.0], 0.95);
        assert!((s.mean - 2.0).abs() < 1e-15 && (s.sd - 1.0).abs() < 1e-15);
        let half = 4.3027 / 3f64.sqrt();
        assert!((s.interval.unwrap()[1] - 2.0 - half).abs() < 1e-4);
        assert_eq!(Summary::of(&[0.1; 7], 0.99).interval, Some([0.1, 0.1]));
        assert_eq!(Summary::of(&[5.0], 0.99).interval, None);
    }
}
