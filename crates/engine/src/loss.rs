//! Losses: what training makes small.

use kobai_kernels::{Isa, Real, softmax};

/// The loss of a batch is the mean over its examples.
///
/// | loss | per example | gradient with respect to the output |
/// |---|---|---|
/// | cross-entropy | −ln softmax(z)ₗ, l the label | (softmax(z) − onehot(l)) / n |
/// | mean squared error | mean over outputs of (z − t)² | 2(z − t) / (n·width) |
/// | mean absolute error | mean over outputs of \|z − t\| | sign(z − t) / (n·width) |
/// | binary cross-entropy | mean over outputs of ln(1 + eᶻ) − tz | (σ(z) − t) / (n·width) |
/// | cross-entropy of probabilities | −ln clip(pₗ / Σp) | (1/Σp − onehot(l)/pₗ) / n, 0 where clipped |
/// | binary cross-entropy of probabilities | mean of −t ln clip(p) − (1 − t) ln clip(1 − p) | (p − t) / (p(1 − p)·n·width), 0 where clipped |
///
/// Cross-entropy takes logits: the soft-max is part of it; binary cross-entropy
/// takes logits too. They and the first two errors agree with PyTorch's
/// `CrossEntropyLoss`, `BCEWithLogitsLoss`, `MSELoss` and `L1Loss`. The losses of
/// probabilities are Keras's with `from_logits=False` (clip to 1e-7 … 1 − 1e-7):
/// what they are given must be probabilities already.
///
/// Where examples have classes, a loss of values compares with the one-hot
/// vector of the class, or, if there is one output, with the class itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Soft-max and cross-entropy on class labels.
    CrossEntropy,
    /// Mean squared error on values.
    MeanSquaredError,
    /// Mean absolute error on values.
    MeanAbsoluteError,
    /// Sigmoid and cross-entropy, output by output.
    BinaryCrossEntropy,
    /// Cross-entropy of outputs that are probabilities already.
    CrossEntropyOfProbabilities,
    /// Binary cross-entropy of outputs that are probabilities already.
    BinaryCrossEntropyOfProbabilities,
}

/// What the gradients of the examples of a batch become together. The loss that
/// is reported is the mean in either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean: the size of a step does not depend on the batch.
    #[default]
    Mean,
    /// Their sum: twice the batch, twice the gradient.
    Sum,
}

/// Keras's bound on probabilities.
const CLIP: f64 = 1e-7;

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
    /// All losses.
    pub const ALL: [Loss; 6] = [
        Loss::CrossEntropy,
        Loss::MeanSquaredError,
        Loss::MeanAbsoluteError,
        Loss::BinaryCrossEntropy,
        Loss::CrossEntropyOfProbabilities,
        Loss::BinaryCrossEntropyOfProbabilities,
    ];

    /// Its name in files and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Loss::CrossEntropy => "cross-entropy",
            Loss::MeanSquaredError => "mean-squared-error",
            Loss::MeanAbsoluteError => "mean-absolute-error",
            Loss::BinaryCrossEntropy => "binary-cross-entropy",
            Loss::CrossEntropyOfProbabilities => "cross-entropy-of-probabilities",
            Loss::BinaryCrossEntropyOfProbabilities => "binary-cross-entropy-of-probabilities",
        }
    }

    /// Whether only classes can be its targets.
    #[must_use]
    pub fn needs_classes(self) -> bool {
        matches!(self, Loss::CrossEntropy | Loss::CrossEntropyOfProbabilities)
    }

    /// Whether its outputs must be probabilities already.
    #[must_use]
    pub fn takes_probabilities(self) -> bool {
        matches!(self, Loss::CrossEntropyOfProbabilities | Loss::BinaryCrossEntropyOfProbabilities)
    }

    /// Whether one output can tell two classes apart.
    #[must_use]
    pub fn one_output_for_two_classes(self) -> bool {
        !self.needs_classes()
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
            (Loss::CrossEntropyOfProbabilities, Targets::Classes(labels)) => {
                for ((row, label), loss) in output.chunks_exact(width).zip(labels).zip(losses.iter_mut()) {
                    *loss = T::from_f64(-share(row, *label).clamp(CLIP, 1.0 - CLIP).ln());
                }
                self.correct(output, labels, width)
            }
            (Loss::CrossEntropy | Loss::CrossEntropyOfProbabilities, Targets::Values(_)) => {
                panic!("targets of another kind than the loss {}", self.name())
            }
            (_, targets) => {
                let correct = match targets {
                    Targets::Values(values) => {
                        work.copy_from_slice(values);
                        0
                    }
                    Targets::Classes(labels) => {
                        as_values(labels, width, work);
                        self.correct(output, labels, width)
                    }
                };
                if self == Loss::MeanSquaredError {
                    // The kernel gives half the sum of squares.
                    softmax::squared_error_forward(isa, width, output, work, losses);
                    factor = 2.0 / width as f64;
                } else {
                    let rows = output.chunks_exact(width).zip(work.chunks_exact(width));
                    for ((row, target), loss) in rows.zip(losses.iter_mut()) {
                        let each = row.iter().zip(target).map(|(z, t)| self.of(z.to_f64(), t.to_f64()));
                        *loss = T::from_f64(each.sum::<f64>() / width as f64);
                    }
                }
                correct
            }
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
            (Loss::CrossEntropyOfProbabilities, Targets::Classes(labels)) => {
                let rows = output.chunks_exact(width).zip(grad.chunks_exact_mut(width));
                for ((row, grad), label) in rows.zip(labels) {
                    let p = share(row, *label);
                    let inside = (CLIP..=1.0 - CLIP).contains(&p);
                    let sum: f64 = row.iter().map(|p| p.to_f64()).sum();
                    for (j, (g, p)) in grad.iter_mut().zip(row).enumerate() {
                        let own = if j == *label as usize { 1.0 / p.to_f64() } else { 0.0 };
                        *g = T::from_f64(if inside { (1.0 / sum - own) / n as f64 } else { 0.0 });
                    }
                }
            }
            (Loss::CrossEntropy | Loss::CrossEntropyOfProbabilities, Targets::Values(_)) => {
                panic!("targets of another kind than the loss {}", self.name())
            }
            (Loss::MeanSquaredError, _) => {
                let scale = T::from_f64(2.0 / (n * width) as f64);
                grad.copy_from_slice(output);
                softmax::squared_error_backward(isa, work, scale, grad);
            }
            _ => {
                let scale = 1.0 / (n * width) as f64;
                for ((g, z), t) in grad.iter_mut().zip(output).zip(work) {
                    *g = T::from_f64(scale * self.slope(z.to_f64(), t.to_f64()));
                }
            }
        }
    }

    /// Loss of one output.
    fn of(self, z: f64, t: f64) -> f64 {
        match self {
            Loss::MeanAbsoluteError => (z - t).abs(),
            // ln(1 + eᶻ) without overflow.
            Loss::BinaryCrossEntropy => z.max(0.0) + libm::log1p(libm::exp(-z.abs())) - t * z,
            _ => {
                let ln = |p: f64| libm::log(if p.is_nan() { p } else { p.clamp(CLIP, 1.0 - CLIP) });
                -t * ln(z) - (1.0 - t) * ln(1.0 - z)
            }
        }
    }

    /// Its derivative.
    fn slope(self, z: f64, t: f64) -> f64 {
        match self {
            Loss::MeanAbsoluteError if z == t => 0.0,
            Loss::MeanAbsoluteError => (z - t).signum(),
            Loss::BinaryCrossEntropy => 1.0 / (1.0 + libm::exp(-z)) - t,
            _ if (CLIP..=1.0 - CLIP).contains(&z) => (z - t) / (z * (1.0 - z)),
            _ => 0.0,
        }
    }

    /// Examples whose class is that of the largest output, or of the side of the
    /// boundary that a single output is on.
    fn correct<T: Real>(self, output: &[T], labels: &[u32], width: usize) -> usize {
        let boundary = if self == Loss::BinaryCrossEntropy { 0.0 } else { 0.5 };
        let right = |(row, label): &(&[T], &u32)| {
            let class = if width == 1 {
                usize::from(row[0].to_f64() > boundary)
            } else {
                row.iter().enumerate().fold(0, |best, (i, y)| if *y > row[best] { i } else { best })
            };
            class == **label as usize
        };
        output.chunks_exact(width).zip(labels).filter(right).count()
    }
}

/// The label's part of a row that should sum to 1.
fn share<T: Real>(row: &[T], label: u32) -> f64 {
    let p = row[label as usize].to_f64() / row.iter().map(|p| p.to_f64()).sum::<f64>();
    // Outputs that are all 0 say nothing: neither is right.
    if p.is_nan() && row.iter().all(|p| *p == T::ZERO) { 0.0 } else { p }
}

/// Classes as values: one-hot, or the class itself if there is one output.
fn as_values<T: Real>(labels: &[u32], width: usize, values: &mut [T]) {
    if width == 1 {
        for (value, label) in values.iter_mut().zip(labels) {
            *value = T::from_f64(f64::from(*label));
        }
        return;
    }
    values.fill(T::ZERO);
    for (row, label) in values.chunks_exact_mut(width).zip(labels) {
        row[*label as usize] = T::ONE;
    }
}

#[cfg(test)]
mod tests {
    use super::{Loss, Targets};
    use kobai_kernels::Isa;

    fn loss(loss: Loss, output: &[f64], targets: Targets<'_, f64>, n: usize) -> (f64, usize, Vec<f64>) {
        let (mut work, mut losses, mut grad) =
            (vec![0.0; output.len()], vec![0.0; n], vec![0.0; output.len()]);
        let score = loss.forward(Isa::SCALAR, n, output, targets, &mut work, &mut losses);
        loss.backward(Isa::SCALAR, n, output, targets, &work, &mut grad);
        (score.loss(), score.correct, grad)
    }

    #[test]
    fn losses_by_hand() {
        // |0.5 − 1| and |2 − 0|, the mean of both.
        let (l, _, g) = loss(Loss::MeanAbsoluteError, &[0.5, 2.0], Targets::Values(&[1.0, 0.0]), 1);
        assert_eq!((l, g), (1.25, vec![-0.5, 0.5]));
        // σ(0) = ½: ln 2 whatever the target.
        let (l, correct, g) = loss(Loss::BinaryCrossEntropy, &[0.0, 1e3], Targets::Classes(&[1, 1]), 2);
        assert_eq!((l, correct, g), (0.5 * 2f64.ln(), 1, vec![-0.25, 0.0]));
        // Shares of (1, 3): a quarter and three.
        let (l, correct, g) = loss(Loss::CrossEntropyOfProbabilities, &[1.0, 3.0], Targets::Classes(&[1]), 1);
        assert!((l - (4.0f64 / 3.0).ln()).abs() < 1e-15 && correct == 1);
        assert_eq!(g, [0.25, 0.25 - 1.0 / 3.0]);
        // Nothing to learn from where the probability is clipped.
        let (l, _, g) = loss(Loss::CrossEntropyOfProbabilities, &[0.0, 0.0], Targets::Classes(&[1]), 1);
        assert_eq!((l, g), (-(1e-7f64).ln(), vec![0.0, 0.0]));
        let (l, _, g) = loss(Loss::BinaryCrossEntropyOfProbabilities, &[1.0], Targets::Classes(&[0]), 1);
        assert!((l + (1e-7f64).ln()).abs() < 1e-8 && g == [0.0]);
        // Classes as values: one-hot.
        let (l, correct, g) = loss(Loss::MeanSquaredError, &[0.0, 1.0], Targets::Classes(&[0]), 1);
        assert_eq!((l, correct, g), (1.0, 0, vec![-1.0, 1.0]));
    }
}
