//! Which values of a large tensor a look passes over.
//!
//! A statistic over tens of thousands of values is as good as one over millions, and
//! takes a hundredth of the time. Which values are taken follows from shapes alone.

use kobai_engine::Shape;
use kobai_kernels::{Isa, reduce};

/// Values that are enough for a statistic.
const ENOUGH: usize = 1 << 16;
/// Examples of which a variance over examples is taken, at least.
const EXAMPLES: usize = 16;
/// Lines of a picture that are looked at, at least.
const LINES: usize = 4;

/// A part of a batch of activations: the first examples, and of pictures evenly spaced
/// lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Examples, from the first.
    pub(crate) examples: usize,
    /// Values of an example, and of one of its lines.
    values: usize,
    line: usize,
    /// One line of so many.
    every: usize,
}

impl Sample {
    /// All of it.
    pub(crate) fn whole(shape: &Shape, n: usize) -> Sample {
        let values = shape.len();
        // In memory a picture is height × width × channels.
        let line = if shape.rank() == 3 { shape.dims()[0] * shape.dims()[2] } else { values };
        Sample { examples: n, values, line, every: 1 }
    }

    /// Enough lines of every example.
    pub(crate) fn of_lines(shape: &Shape, n: usize) -> Sample {
        let all = Self::whole(shape, n);
        let (lines, wanted) = (all.values / all.line, n.min(EXAMPLES) * all.values / ENOUGH);
        Sample { every: wanted.clamp(1, (lines / LINES).max(1)), ..all }
    }

    /// Enough lines of enough examples.
    pub(crate) fn of_examples(shape: &Shape, n: usize) -> Sample {
        let lines = Self::of_lines(shape, n);
        let enough = ENOUGH.div_ceil(lines.kept()).max(EXAMPLES);
        Sample { examples: enough.min(n), ..lines }
    }

    /// Values of an example that are looked at.
    pub(crate) fn kept(self) -> usize {
        self.values / self.line / self.every * self.line
    }

    /// Values that are looked at.
    pub(crate) fn len(self) -> usize {
        self.examples * self.kept()
    }

    /// The lines of each example, one iterator for each.
    pub(crate) fn examples<T>(self, values: &[T]) -> impl Iterator<Item = impl Iterator<Item = &[T]>> {
        let whole = self.every * self.line;
        values.chunks_exact(self.values).take(self.examples).map(move |example| {
            // The line in the middle of each group.
            let start = self.every / 2 * self.line;
            example.chunks_exact(whole).map(move |group| &group[start..start + self.line])
        })
    }

    /// The root of the mean square.
    pub(crate) fn rms(self, isa: Isa, values: &[f32]) -> f64 {
        let squares = self.examples(values).flatten().map(|line| reduce::sum_squares_f64(isa, line));
        (squares.sum::<f64>() / self.len().max(1) as f64).sqrt()
    }
}

/// One row of so many of a weight is looked at: evenly spaced, with enough values, and at
/// least [`EXAMPLES`] of them.
pub(crate) fn every_row(rows: usize, inputs: usize) -> usize {
    (rows * inputs / ENOUGH).clamp(1, (rows / EXAMPLES).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_tensor_is_taken_whole() {
        let (flat, picture) = (Shape::new(&[100]), Shape::new(&[8, 12, 12]));
        for shape in [flat, picture] {
            assert_eq!(Sample::of_examples(&shape, 32), Sample::whole(&shape, 32));
            assert_eq!(Sample::of_examples(&shape, 32).len(), 32 * shape.len());
        }
        assert_eq!((every_row(100, 100), every_row(10, 784)), (1, 1));
    }

    #[test]
    fn of_a_large_one_lines_are_evenly_spaced() {
        let shape = Shape::new(&[64, 32, 32]);
        let sample = Sample::of_examples(&shape, 8);
        assert_eq!((sample.examples, sample.every, sample.len()), (8, 8, 8 * 4 * 64 * 32));
        // A value that is the number of its line.
        let values: Vec<usize> = (0..8 * shape.len()).map(|i| i / (64 * 32)).collect();
        let lines: Vec<usize> = sample.examples(&values).flatten().map(|line| line[0]).collect();
        assert_eq!(lines[..6], [4, 12, 20, 28, 36, 44]);
        assert!(sample.examples(&values).flatten().all(|line| line.len() == 64 * 32));
    }

    #[test]
    fn few_examples_of_many_are_enough_for_a_statistic_and_all_for_units() {
        let shape = Shape::new(&[30, 24, 24]);
        assert_eq!(Sample::of_examples(&shape, 100).examples, 16);
        assert_eq!(Sample::of_lines(&shape, 100).examples, 100);
        assert_eq!(every_row(512, 512 * 9), 32);
    }

    #[test]
    fn a_statistic_of_the_sample_is_that_of_the_whole() {
        let shape = Shape::new(&[16, 64, 64]);
        let values: Vec<f32> = (0..4 * shape.len()).map(|i| ((i * 7919) % 1009) as f32 / 1009.0).collect();
        let (isa, sample) = (Isa::best(), Sample::of_examples(&shape, 4));
        assert!(sample.len() * 3 < values.len());
        let (some, all) = (sample.rms(isa, &values), Sample::whole(&shape, 4).rms(isa, &values));
        assert!((some / all - 1.0).abs() < 0.01, "{some} {all}");
    }
}
