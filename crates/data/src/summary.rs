//! Figures about a data set: how many of each class, mean and spread.

use crate::dataset::{Dataset, Inputs, Targets};

/// Figures about a data set, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Number of examples.
    pub len: usize,
    /// Examples of each class; empty for regression.
    pub class_counts: Vec<usize>,
    /// Mean of all input numbers, after the division.
    pub mean: f64,
    /// Standard deviation of all input numbers (population), after the division.
    pub std: f64,
    /// Smallest input number.
    pub min: f32,
    /// Largest input number.
    pub max: f32,
}

impl Dataset {
    /// Class counts, mean and spread.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let class_counts = match self.targets() {
            Targets::Classes(classes) => {
                let mut counts = vec![0; self.classes()];
                for &class in classes {
                    counts[class as usize] += 1;
                }
                counts
            }
            Targets::Values { .. } => Vec::new(),
        };
        let (mean, std, min, max) = match self.inputs() {
            Inputs::U8 { data, divisor } => byte_moments(data, *divisor),
            Inputs::F32(data) => float_moments(data),
        };
        Summary { len: self.len(), class_counts, mean, std, min, max }
    }
}

impl Dataset {
    /// Mean and standard deviation (population) of each channel of pictures,
    /// after the division; for other shapes one pair for all numbers. What
    /// per-channel normalisation subtracts and divides by.
    ///
    /// Bytes are summed as integers, exactly; floats in f64 in two passes, in
    /// storage order.
    #[must_use]
    pub fn channel_moments(&self) -> Vec<(f64, f64)> {
        let channels = channels(self);
        match self.inputs() {
            Inputs::U8 { data, divisor } => {
                let mut sums = vec![(0u64, 0u64); channels];
                for pixel in data.chunks_exact(channels) {
                    for ((sum, squares), &byte) in sums.iter_mut().zip(pixel) {
                        *sum += u64::from(byte);
                        *squares += u64::from(byte) * u64::from(byte);
                    }
                }
                let (n, d) = ((data.len() / channels) as f64, f64::from(*divisor));
                let moments = |(sum, squares): (u64, u64)| {
                    let mean = sum as f64 / n;
                    (mean / d, (squares as f64 / n - mean * mean).max(0.0).sqrt() / d)
                };
                sums.into_iter().map(moments).collect()
            }
            Inputs::F32(data) => {
                let n = (data.len() / channels) as f64;
                let of = |c: usize| data.iter().skip(c).step_by(channels).map(|&x| f64::from(x));
                let moments = |c: usize| {
                    let mean = of(c).sum::<f64>() / n;
                    (mean, (of(c).map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt())
                };
                (0..channels).map(moments).collect()
            }
        }
    }
}

/// Channels of pictures, which lie side by side in memory; 1 for anything else.
pub(crate) fn channels(set: &Dataset) -> usize {
    match set.shape().dims() {
        [channels, _, _] => *channels,
        _ => 1,
    }
}

/// Mean, standard deviation, least and greatest. Sums of integers: exact.
fn byte_moments(data: &[u8], divisor: u8) -> (f64, f64, f32, f32) {
    let (mut sum, mut squares, mut least, mut most) = (0u64, 0u64, u8::MAX, 0u8);
    for &byte in data {
        sum += u64::from(byte);
        squares += u64::from(byte) * u64::from(byte);
        least = least.min(byte);
        most = most.max(byte);
    }
    if data.is_empty() {
        return (f64::NAN, f64::NAN, f32::NAN, f32::NAN);
    }
    let n = data.len() as f64;
    let mean = sum as f64 / n;
    let variance = (squares as f64 / n - mean * mean).max(0.0);
    let d = f64::from(divisor);
    let scaled = |byte: u8| f32::from(byte) / f32::from(divisor);
    (mean / d, variance.sqrt() / d, scaled(least), scaled(most))
}

/// The same for floats: two passes in f64, in storage order.
fn float_moments(data: &[f32]) -> (f64, f64, f32, f32) {
    let n = data.len() as f64;
    let mean = data.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let variance = data.iter().map(|&x| (f64::from(x) - mean) * (f64::from(x) - mean)).sum::<f64>() / n;
    let least = data.iter().copied().fold(f32::NAN, f32::min);
    let most = data.iter().copied().fold(f32::NAN, f32::max);
    (mean, variance.sqrt(), least, most)
}
