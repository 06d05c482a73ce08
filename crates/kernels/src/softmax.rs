//! Softmax, cross-entropy and squared error, row by row.
//!
//! Order: a row of at most 16 classes is summed in index order; in a longer one
//! element i goes to virtual lane i mod 16 and the lanes are combined as a tree
//! (see `reduce`). Rows are independent, so any split of a batch into tasks gives
//! the same bits.
//!
//! Not inside: the mean over the batch (`reduce::sum_f64`), label checks: a
//! label that is not below `classes` panics here and is an error of the caller.

use std::hint::black_box;

use crate::math;
use crate::reduce::{LANES, padded, tree};
use crate::simd::{Arith, Kernel, dispatch};
use crate::{Isa, Real};

/// The largest logit of a row and Σ e^(x − largest).
#[derive(Clone, Copy, Default)]
struct Row {
    max: f32,
    sum: f32,
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// Rows that are computed side by side.
const BLOCK: usize = 32;

/// Softmax of up to [`BLOCK`] rows.
#[inline(always)]
fn softmax_block<A: Arith>(classes: usize, logits: &[f32], probabilities: &mut [f32], rows: &mut [Row]) {
    if classes > LANES {
        for (i, row) in rows.iter_mut().enumerate() {
            *row = softmax_row::<A>(logits, probabilities, i * classes, classes);
        }
        return;
    }
    // Short rows would waste vectors: only the exponential is worth one, and it
    // runs over all rows at once.
    let short = logits.chunks_exact(classes).zip(probabilities.chunks_exact_mut(classes));
    for ((x, p), row) in short.zip(rows.iter_mut()) {
        row.max = x.iter().fold(f32::NEG_INFINITY, |m, x| larger(m, *x));
        for (p, x) in p.iter_mut().zip(x) {
            *p = *x - row.max;
        }
    }
    for p in probabilities.iter_mut() {
        *p = math::exp_nonpositive::<A>(*p);
    }
    for (p, row) in probabilities.chunks_exact_mut(classes).zip(rows) {
        row.sum = p.iter().fold(0.0, |s, p| s + *p);
        let factor = 1.0 / row.sum;
        for p in p {
            *p *= factor;
        }
    }
}

/// Softmax of the row at `start`. Writes up to 16 values beyond the row where the
/// slice goes on: rows must be computed in order.
#[inline(always)]
fn softmax_row<A: Arith>(logits: &[f32], probabilities: &mut [f32], start: usize, classes: usize) -> Row {
    let whole = start + classes / LANES * LANES;
    let rest = classes % LANES;

    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in logits[start..whole].chunks_exact(LANES) {
        for l in 0..LANES {
            lanes[l] = larger(lanes[l], chunk[l]);
        }
    }
    // Through memory: the compiler finds vectors where arrays are stored as a whole.
    let last = black_box(padded(logits, whole, rest, f32::NEG_INFINITY));
    for l in 0..LANES {
        lanes[l] = larger(lanes[l], last[l]);
    }
    let max = tree(lanes, larger);

    let mut sums = [0.0; LANES];
    let chunks = logits[start..whole].chunks_exact(LANES);
    for (x, p) in chunks.zip(probabilities[start..whole].chunks_exact_mut(LANES)) {
        for l in 0..LANES {
            p[l] = math::exp_nonpositive::<A>(x[l] - max);
            sums[l] += p[l];
        }
    }
    let mut last_exp = [0.0; LANES];
    for l in 0..LANES {
        last_exp[l] = math::exp_nonpositive::<A>(last[l] - max);
    }
    let last_exp = black_box(last_exp);
    for l in 0..LANES {
        sums[l] += last_exp[l];
    }
    let sum = tree(sums, |a, b| a + b);

    let factor = 1.0 / sum;
    for p in &mut probabilities[start..whole] {
        *p *= factor;
    }
    let mut last_probabilities = [0.0; LANES];
    for l in 0..LANES {
        last_probabilities[l] = last_exp[l] * factor;
    }
    let last = black_box(last_probabilities);
    if let Some(out) = probabilities.get_mut(whole..whole + LANES) {
        out.copy_from_slice(&last);
    } else {
        probabilities[whole..whole + rest].copy_from_slice(&last[..rest]);
    }
    Row { max, sum }
}

struct Softmax<'a> {
    classes: usize,
    logits: &'a [f32],
    probabilities: &'a mut [f32],
}

impl Kernel for Softmax<'_> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let block = BLOCK * self.classes;
        for (x, p) in self.logits.chunks(block).zip(self.probabilities.chunks_mut(block)) {
            softmax_block::<A>(self.classes, x, p, &mut [Row::default(); BLOCK][..x.len() / self.classes]);
        }
    }
}

/// The double-precision twin of a row: largest logit, Σ e^(x − largest).
fn softmax_row_twin<T: Real>(logits: &[T], probabilities: &mut [T]) -> (f64, f64) {
    let max = logits.iter().fold(f64::NEG_INFINITY, |m, x| m.max(x.to_f64()));
    let sum: f64 = logits.iter().map(|x| libm::exp(x.to_f64() - max)).sum();
    for (p, x) in probabilities.iter_mut().zip(logits) {
        *p = T::from_f64(libm::exp(x.to_f64() - max) / sum);
    }
    (max, sum)
}

/// p_j = e^(x_j − max) / Σ_k e^(x_k − max) in each row of `classes` elements.
pub fn softmax_rows<T: Real>(isa: Isa, classes: usize, logits: &[T], probabilities: &mut [T]) {
    assert_eq!(logits.len(), probabilities.len(), "logits and probabilities differ in length");
    assert!(
        classes > 0 && logits.len().is_multiple_of(classes),
        "the logits are not rows of {classes} classes"
    );
    if let (Some(logits), Some(probabilities)) = (T::as_f32(logits), T::as_f32_mut(probabilities)) {
        return dispatch(isa, Softmax { classes, logits, probabilities });
    }
    for (x, p) in logits.chunks_exact(classes).zip(probabilities.chunks_exact_mut(classes)) {
        softmax_row_twin(x, p);
    }
}

struct CrossEntropy<'a> {
    classes: usize,
    logits: &'a [f32],
    labels: &'a [u32],
    probabilities: &'a mut [f32],
    losses: &'a mut [f32],
}

impl Kernel for CrossEntropy<'_> {
    type Output = usize;
    #[inline(always)]
    fn run<A: Arith>(self) -> usize {
        let block = BLOCK * self.classes;
        let batches = self.logits.chunks(block).zip(self.probabilities.chunks_mut(block));
        let targets = self.labels.chunks(BLOCK).zip(self.losses.chunks_mut(BLOCK));
        let mut correct = 0;
        for ((logits, probabilities), (labels, losses)) in batches.zip(targets) {
            let mut rows = [Row::default(); BLOCK];
            let rows = &mut rows[..labels.len()];
            softmax_block::<A>(self.classes, logits, probabilities, rows);
            for (loss, row) in losses.iter_mut().zip(rows.iter()) {
                *loss = math::log::<A>(row.sum);
            }
            let rows = logits.chunks_exact(self.classes).zip(rows);
            for ((loss, label), (x, row)) in losses.iter_mut().zip(labels).zip(rows) {
                *loss -= x[*label as usize] - row.max;
                correct += usize::from(is_first_max(x, *label as usize, row.max));
            }
        }
        correct
    }
}

/// ∂L/∂xⱼ = yⱼ (gⱼ − Σₖ gₖyₖ) of each row; y is the softmax, g = ∂L/∂y. The sum
/// runs in index order, in double precision.
pub fn softmax_backward<T: Real>(classes: usize, output: &[T], grad_output: &[T], grad: &mut [T]) {
    assert!(classes > 0 && output.len().is_multiple_of(classes), "the output is not rows x classes");
    assert!(output.len() == grad_output.len() && output.len() == grad.len(), "slices differ in length");
    let rows = output.chunks_exact(classes).zip(grad_output.chunks_exact(classes));
    for ((y, g), out) in rows.zip(grad.chunks_exact_mut(classes)) {
        let mean: f64 = y.iter().zip(g).map(|(y, g)| y.to_f64() * g.to_f64()).sum();
        for ((out, y), g) in out.iter_mut().zip(y).zip(g) {
            *out = T::from_f64(y.to_f64() * (g.to_f64() - mean));
        }
    }
}

/// Whether `label` is the first position of `max`.
#[inline(always)]
fn is_first_max<T: Real>(x: &[T], label: usize, max: T) -> bool {
    x[label] == max && x[..label].iter().all(|x| *x != max)
}

/// Softmax of each row, its loss, and how many rows are predicted correctly.
///
/// loss_i = ln Σ_j e^(x_ij − max_i) − (x_i,label − max_i): no logarithm of a
/// probability that has become 0. The predicted class is the first maximum.
/// `logits` and `probabilities` are rows × classes; `labels` and `losses` one a row.
pub fn cross_entropy_forward<T: Real>(
    isa: Isa,
    classes: usize,
    logits: &[T],
    labels: &[u32],
    probabilities: &mut [T],
    losses: &mut [T],
) -> usize {
    assert!(classes > 0, "no classes");
    assert_eq!(logits.len(), labels.len() * classes, "the logits are not rows x classes");
    assert_eq!(logits.len(), probabilities.len(), "logits and probabilities differ in length");
    assert_eq!(labels.len(), losses.len(), "one loss per row");
    if let Some(logits) = T::as_f32(logits)
        && let Some(probabilities) = T::as_f32_mut(probabilities)
        && let Some(losses) = T::as_f32_mut(losses)
    {
        return dispatch(isa, CrossEntropy { classes, logits, labels, probabilities, losses });
    }
    let mut correct = 0;
    let rows = logits.chunks_exact(classes).zip(probabilities.chunks_exact_mut(classes));
    for ((x, p), (label, loss)) in rows.zip(labels.iter().zip(losses)) {
        let label = *label as usize;
        let (max, sum) = softmax_row_twin(x, p);
        *loss = T::from_f64(libm::log(sum) - (x[label].to_f64() - max));
        correct += usize::from(is_first_max(x, label, T::from_f64(max)));
    }
    correct
}

struct CrossEntropyGrad<'a, T> {
    classes: usize,
    probabilities: &'a [T],
    labels: &'a [u32],
    scale: T,
    grad: &'a mut [T],
}

impl<T: Real> Kernel for CrossEntropyGrad<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        for (g, p) in self.grad.iter_mut().zip(self.probabilities) {
            *g = *p * self.scale;
        }
        for (i, label) in self.labels.iter().enumerate() {
            assert!((*label as usize) < self.classes, "a label is not below the number of classes");
            let at = i * self.classes + *label as usize;
            self.grad[at] = (self.probabilities[at] - T::ONE) * self.scale;
        }
    }
}

/// ∂loss/∂logit = (p − [j = label]) · `scale`; `scale` is 1 / rows for the batch mean.
pub fn cross_entropy_backward<T: Real>(
    isa: Isa,
    classes: usize,
    probabilities: &[T],
    labels: &[u32],
    scale: T,
    grad: &mut [T],
) {
    assert_eq!(probabilities.len(), labels.len() * classes, "the probabilities are not rows x classes");
    assert_eq!(probabilities.len(), grad.len(), "probabilities and gradient differ in length");
    dispatch(isa, CrossEntropyGrad { classes, probabilities, labels, scale, grad });
}

struct SquaredError<'a, T> {
    columns: usize,
    predictions: &'a [T],
    targets: &'a [T],
    losses: &'a mut [T],
}

impl<T: Real> Kernel for SquaredError<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let half = T::from_f64(0.5);
        for (i, loss) in self.losses.iter_mut().enumerate() {
            let row = i * self.columns..(i + 1) * self.columns;
            let (p, t) = (&self.predictions[row.clone()], &self.targets[row]);
            let mut lanes = [T::ZERO; LANES];
            for (p, t) in p.chunks(LANES).zip(t.chunks(LANES)) {
                for (lane, (p, t)) in lanes.iter_mut().zip(p.iter().zip(t)) {
                    *lane += (*p - *t) * (*p - *t);
                }
            }
            *loss = half * tree(lanes, |a, b| a + b);
        }
    }
}

/// loss_i = ½ Σ_j (p_ij − t_ij)², one a row of `columns` elements.
pub fn squared_error_forward<T: Real>(
    isa: Isa,
    columns: usize,
    predictions: &[T],
    targets: &[T],
    losses: &mut [T],
) {
    assert_eq!(predictions.len(), targets.len(), "predictions and targets differ in length");
    assert_eq!(predictions.len(), losses.len() * columns, "the predictions are not rows x columns");
    dispatch(isa, SquaredError { columns, predictions, targets, losses });
}

/// ∂loss/∂p = (p − t) · `scale`. `grad` holds p and receives the gradient.
pub fn squared_error_backward<T: Real>(isa: Isa, targets: &[T], scale: T, grad: &mut [T]) {
    crate::elementwise::each_pair(isa, grad, targets, move |p, t| (p - t) * scale);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{close, must_fail, same_bits, values, widened};

    const ULP: f64 = 1.0 / 8_388_608.0;

    fn labels(rows: usize, classes: usize) -> Vec<u32> {
        (0..rows).map(|i| (i * 7 % classes) as u32).collect()
    }

    #[test]
    fn cross_entropy_and_its_twin() {
        for classes in [1, 2, 10, 15, 16, 17, 32, 100, 1000] {
            for rows in [0, 1, 2, 7] {
                let x = values(rows * classes, 8.0, 1);
                let labels = labels(rows, classes);
                let run = |isa| {
                    let mut p = vec![f32::NAN; x.len()];
                    let mut losses = vec![f32::NAN; rows];
                    let correct = cross_entropy_forward(isa, classes, &x, &labels, &mut p, &mut losses);
                    p.extend(losses);
                    p.push(correct as f32);
                    p
                };
                let got = same_bits("cross_entropy", false, run);
                let (mut p, mut losses) = (vec![0.0; x.len()], vec![0.0; rows]);
                let x64 = widened(&x);
                let correct = cross_entropy_forward(Isa::SCALAR, classes, &x64, &labels, &mut p, &mut losses);
                // x − max is rounded at up to 16, which is 8 half ulps of e^…; exp twice, the
                // sum's depth, a division and a product.
                let bound = (2.0 * 8.0 + 4.0 + (classes / 16 + 6) as f64) * ULP;
                for (_, got) in &got {
                    close("softmax", &got[..x.len()], &p, bound, 1.2e-38);
                    // The sum's relative error is the absolute one of its logarithm.
                    close("loss", &got[x.len()..x.len() + rows], &losses, 2.0 * ULP, bound);
                    assert_eq!(got[x.len() + rows], correct as f32);
                }
                let alone = same_bits("softmax_rows", false, |isa| {
                    let mut p = vec![f32::NAN; x.len()];
                    softmax_rows(isa, classes, &x, &mut p);
                    p
                });
                for (a, b) in alone.iter().zip(&got) {
                    assert_eq!(a.1, b.1[..x.len()]);
                }
            }
        }
    }

    /// The same rows split differently give the same bits.
    #[test]
    fn rows_are_independent() {
        let x = values(70, 5.0, 1);
        for isa in Isa::available() {
            let (mut together, mut apart) = (vec![0.0; 70], vec![0.0; 70]);
            softmax_rows(isa, 10, &x, &mut together);
            for (x, p) in x.chunks(10).zip(apart.chunks_mut(10)) {
                softmax_rows(isa, 10, x, p);
            }
            assert_eq!(together, apart);
        }
    }

    #[test]
    fn gradient_is_the_derivative() {
        let (rows, classes, h) = (3, 10, 1e-5);
        let x = widened(&values(rows * classes, 3.0, 2));
        let labels = labels(rows, classes);
        let total = |x: &[f64]| {
            let (mut p, mut losses) = (vec![0.0; x.len()], vec![0.0; rows]);
            cross_entropy_forward(Isa::SCALAR, classes, x, &labels, &mut p, &mut losses);
            (losses.iter().sum::<f64>() / rows as f64, p)
        };
        let mut grad = vec![f64::NAN; x.len()];
        cross_entropy_backward(Isa::best(), classes, &total(&x).1, &labels, 1.0 / rows as f64, &mut grad);
        for i in 0..x.len() {
            let moved = |d: f64| {
                let mut x = x.clone();
                x[i] += d;
                total(&x).0
            };
            let want = (moved(h) - moved(-h)) / (2.0 * h);
            assert!((grad[i] - want).abs() < 1e-9, "{i}: {} and {want}", grad[i]);
        }
        let p = values(30, 1.0, 3);
        same_bits("cross_entropy_backward", true, |isa| {
            let mut g = vec![f32::NAN; 30];
            cross_entropy_backward(isa, classes, &p, &labels, 0.01, &mut g);
            g
        });
    }

    #[test]
    fn extremes_and_ties() {
        for isa in Isa::available() {
            let mut p = [0.0f32; 4];
            let mut losses = [0.0f32; 2];
            let x = [1000.0, -1000.0, 5.0, 5.0];
            assert_eq!(cross_entropy_forward(isa, 2, &x, &[1, 1], &mut p, &mut losses), 0);
            assert_eq!((p[0], p[1], losses[0]), (1.0, 0.0, 2000.0));
            assert_eq!(cross_entropy_forward(isa, 2, &x, &[0, 0], &mut p, &mut losses), 2);
            assert_eq!(losses[0], 0.0);
            let x = [f32::NAN, 1.0, 2.0, 3.0];
            cross_entropy_forward(isa, 2, &x, &[1, 1], &mut p, &mut losses);
            assert!(losses[0].is_nan() && losses[1].is_finite(), "{losses:?}");
        }
        must_fail("a label out of range", || {
            cross_entropy_forward(Isa::best(), 2, &[0.0f32; 2], &[2], &mut [0.0; 2], &mut [0.0]);
        });
        must_fail("a label out of range", || {
            cross_entropy_backward(Isa::best(), 2, &[0.0f32; 4], &[2, 0], 1.0, &mut [0.0; 4]);
        });
    }

    #[test]
    fn squared_error() {
        for columns in [1, 10, 33] {
            let (p, t) = (values(3 * columns, 2.0, 1), values(3 * columns, 2.0, 2));
            let got = same_bits("squared_error", true, |isa| {
                let mut losses = vec![f32::NAN; 3];
                squared_error_forward(isa, columns, &p, &t, &mut losses);
                let mut grad = p.clone();
                squared_error_backward(isa, &t, 0.5, &mut grad);
                losses.extend(grad);
                losses
            });
            let want: Vec<f64> = (0..3)
                .map(|r| {
                    let row = r * columns..(r + 1) * columns;
                    let d = row.map(|i| f64::from(p[i]) - f64::from(t[i]));
                    d.map(|d| d * d).sum::<f64>() / 2.0
                })
                .collect();
            close("squared_error", &got[0].1[..3], &want, (columns / 16 + 8) as f64 * ULP, 0.0);
            let want: Vec<f32> = p.iter().zip(&t).map(|(p, t)| (p - t) * 0.5).collect();
            assert_eq!(got[0].1[3..], want);
        }
    }
}
