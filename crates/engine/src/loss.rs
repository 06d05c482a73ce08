//! Losses: what training makes small.

use kobai_kernels::{Isa, Real, softmax};

/// The loss of a batch is the mean over its examples.
///
/// | loss | per example | gradient with respect to the output |
/// |---|---|---|
/// | cross-entropy | −ln softmax(z)ₗ, l the label | (softmax(z) − onehot(l)) / n |
/// | mean squared error | mean over outputs of (z − t)² | 2(z − t) / (n·width) |
///
/// Cross-entropy takes logits: the soft-max is part of it. Both agree with
/// PyTorch's `CrossEntropyLoss` and `MSELoss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Soft-max and cross-entropy on class labels.
    CrossEntropy,
    /// Mean squared error on values.
    MeanSquaredError,
}

/// What the outputs of a batch should be.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a, T> {
    /// One class per example.
    Classes(&'a [u32]),
    /// As many values per example as the network has outputs.
    Values(&'a [T]),
}

/// Result of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Sum of the examples' losses.
    pub loss_sum: f64,
    /// Examples whose largest output is their class.
    pub correct: usize,
    /// Examples.
    pub n: usize,
}

impl Score {
    /// Mean loss.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.loss_sum / self.n as f64
    }

    /// Share of correct examples.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.n as f64
    }

    /// The score of two batches together.
    #[must_use]
    pub fn and(self, other: Score) -> Score {
        Score {
            loss_sum: self.loss_sum + other.loss_sum,
            correct: self.correct + other.correct,
            n: self.n + other.n,
        }
    }
}

impl Loss {
    /// Its name in files and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Loss::CrossEntropy => "cross-entropy",
            Loss::MeanSquaredError => "mean-squared-error",
        }
    }

    /// Loss of `n` examples. `work` has the size of the output, `losses` one
    /// value per example.
    pub(crate) fn forward<T: Real>(
        self,
        isa: Isa,
        n: usize,
        output: &[T],
        targets: Targets<'_, T>,
        work: &mut [T],
        losses: &mut [T],
    ) -> Score {
        let width = output.len() / n;
        let mut factor = 1.0;
        let correct = match (self, targets) {
            (Loss::CrossEntropy, Targets::Classes(labels)) => {
                softmax::cross_entropy_forward(isa, width, output, labels, work, losses)
            }
            (Loss::MeanSquaredError, Targets::Values(values)) => {
                // The kernel gives half the sum of squares.
                softmax::squared_error_forward(isa, width, output, values, losses);
                factor = 2.0 / width as f64;
                0
            }
            _ => panic!("targets of another kind than the loss {}", self.name()),
        };
        // In the order of the examples: the same sum for any number of threads.
        let loss_sum = factor * losses.iter().map(|l| l.to_f64()).sum::<f64>();
        Score { loss_sum, correct, n }
    }

    /// Gradient of the mean loss with respect to the output, after [`Loss::forward`].
    pub(crate) fn backward<T: Real>(
        self,
        isa: Isa,
        n: usize,
        output: &[T],
        targets: Targets<'_, T>,
        work: &[T],
        grad: &mut [T],
    ) {
        let width = output.len() / n;
        match (self, targets) {
            (Loss::CrossEntropy, Targets::Classes(labels)) => {
                let scale = T::from_f64(1.0 / n as f64);
                softmax::cross_entropy_backward(isa, width, work, labels, scale, grad);
            }
            (Loss::MeanSquaredError, Targets::Values(values)) => {
                let scale = T::from_f64(2.0 / (n * width) as f64);
                grad.copy_from_slice(output);
                softmax::squared_error_backward(isa, values, scale, grad);
            }
            _ => panic!("targets of another kind than the loss {}", self.name()),
        }
    }
}
