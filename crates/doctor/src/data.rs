//! Figures about inputs and labels.

use serde::{Deserialize, Serialize};

/// What is known of a data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DataFacts {
    /// Training examples.
    pub examples: usize,
    /// Test examples.
    pub test_examples: usize,
    /// Values per input.
    pub features: usize,
    /// Mean of all inputs.
    pub mean: f64,
    /// Standard deviation of all inputs.
    pub std: f64,
    /// Mean of the test inputs.
    pub test_mean: f64,
    /// Standard deviation of the test inputs; 0 if there are none.
    pub test_std: f64,
    /// Largest absolute input.
    pub max_abs: f64,
    /// Features that never change.
    pub constant: usize,
    /// Largest over smallest standard deviation of the features that change.
    pub std_ratio: f64,
    /// Largest |mean| / std of a feature that changes, where it is not a
    /// feature that is mostly zero.
    pub offset: f64,
    /// Inputs that are no numbers.
    pub non_finite: usize,
    /// Training examples of each class; empty for regression.
    pub class_counts: Vec<usize>,
    /// Test examples of each class.
    pub test_counts: Vec<usize>,
    /// Smallest and largest target of a regression.
    pub target_range: [f64; 2],
    /// Mean of a regression's targets.
    pub target_mean: f64,
    /// Variance of a regression's targets.
    pub target_variance: f64,
    /// Test examples that are training examples, bit for bit.
    pub leaked: usize,
    /// Training examples that are there already.
    pub duplicates: usize,
}

impl DataFacts {
    /// Looks at training inputs, row after row of `features` values.
    pub fn inputs(&mut self, rows: &[f32], features: usize) {
        self.features = features;
        let n = (rows.len() / features.max(1)) as f64;
        let (mut total, mut squares) = (0.0, 0.0);
        let (mut least, mut most) = (f64::INFINITY, 0.0f64);
        for j in 0..features {
            let column = || rows.iter().skip(j).step_by(features).map(|x| f64::from(*x));
            let (mut sum, mut zeros) = (0.0, 0usize);
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            for x in column() {
                if !x.is_finite() {
                    self.non_finite += 1;
                    continue;
                }
                sum += x;
                squares += x * x;
                zeros += usize::from(x == 0.0);
                low = low.min(x);
                high = high.max(x);
            }
            self.max_abs = self.max_abs.max(low.abs()).max(high.abs());
            total += sum;
            let mean = sum / n;
            let variance =
                column().filter(|x| x.is_finite()).map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
            let std = variance.sqrt();
            if low >= high {
                self.constant += 1;
                continue;
            }
            // A feature that is mostly zero says little about scales.
            if (zeros as f64) < 0.5 * n {
                least = least.min(std);
                most = most.max(std);
                self.offset = self.offset.max(mean.abs() / std);
            }
        }
        let count = n * features as f64;
        self.mean = total / count;
        self.std = (squares / count - self.mean * self.mean).max(0.0).sqrt();
        self.std_ratio = if least.is_finite() && least > 0.0 { most / least } else { 1.0 };
    }

    /// Looks at test inputs.
    pub fn test_inputs(&mut self, rows: &[f32]) {
        let n = rows.len().max(1) as f64;
        self.test_mean = rows.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
        let square = |x: &f32| (f64::from(*x) - self.test_mean).powi(2);
        self.test_std = (rows.iter().map(square).sum::<f64>() / n).sqrt();
    }

    /// Looks at a regression's targets.
    pub fn values(&mut self, values: &[f32]) {
        let n = values.len().max(1) as f64;
        self.target_mean = values.iter().map(|y| f64::from(*y)).sum::<f64>() / n;
        let square = |y: &f32| (f64::from(*y) - self.target_mean) * (f64::from(*y) - self.target_mean);
        self.target_variance = values.iter().map(square).sum::<f64>() / n;
        let fold = |start: f64, f: fn(f64, f64) -> f64| values.iter().map(|y| f64::from(*y)).fold(start, f);
        self.target_range = [fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max)];
    }

    /// Number of classes; 0 for regression.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.class_counts.len()
    }

    /// Share of the most frequent class; 0 for regression.
    #[must_use]
    pub fn largest_share(&self) -> f64 {
        let total: usize = self.class_counts.iter().sum();
        self.class_counts.iter().max().map_or(0.0, |m| *m as f64 / total.max(1) as f64)
    }

    /// Entropy of the labels in nats: the loss of knowing only the frequencies.
    #[must_use]
    pub fn label_entropy(&self) -> f64 {
        let total = self.class_counts.iter().sum::<usize>() as f64;
        let part = |c: &usize| {
            let p = *c as f64 / total;
            if p > 0.0 { -p * p.ln() } else { 0.0 }
        };
        self.class_counts.iter().map(part).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::DataFacts;

    #[test]
    fn figures_of_a_small_set() {
        let mut facts = DataFacts::default();
        // Two features: 1, 3, 5, 7 (mean 4, std √5) and a constant.
        facts.inputs(&[1.0, 2.0, 3.0, 2.0, 5.0, 2.0, 7.0, 2.0], 2);
        assert_eq!((facts.constant, facts.max_abs, facts.mean), (1, 7.0, 3.0));
        assert!((facts.offset - 4.0 / 5f64.sqrt()).abs() < 1e-12);
        facts.class_counts = vec![1, 1, 2];
        assert_eq!(facts.largest_share(), 0.5);
        assert!((facts.label_entropy() - 1.5 * 2f64.ln()).abs() < 1e-12);
        facts.values(&[1.0, 3.0]);
        assert_eq!((facts.target_mean, facts.target_variance, facts.target_range), (2.0, 1.0, [1.0, 3.0]));
    }
}
