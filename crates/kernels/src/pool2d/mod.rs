//! Maximum and average over windows of an image.
//!
//! Images lie channels-last: n examples of (height, width, channels). Both axes
//! of a pooling are described by an [`Axis`], which knows the input rows (or
//! columns) of each output row. Windows are walked row by row, and each step
//! works on all channels of a pixel, which the compiler vectorises.
//!
//! Order of numbers: a sum runs over its window in row-major order; an input's
//! gradient sums over the windows that contain it in row-major order. Tasks are
//! rows of outputs forward and examples backward, so that each element is
//! written by one task.

mod positions;

pub use positions::{fits_a_byte, max_backward_saved, max_forward_saving, positions_len};

use crate::simd::{Arith, Kernel, dispatch};
use crate::{Isa, Pool, Real};

/// Elements that a task should at least touch: less is not worth a thread.
const TASK: usize = 1 << 14;

/// Channels that are worked on together.
const LANES: usize = 64;

/// One axis of a pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Axis {
    input: usize,
    output: usize,
    rule: Rule,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Rule {
    Sliding { kernel: usize, stride: usize, padding: usize },
    Adaptive,
}

/// The inputs of one output: `start..end`, and how many there would be if the
/// padding counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First input.
    pub start: usize,
    /// One past the last input.
    pub end: usize,
    /// Inputs and padding, but nothing beyond the padding.
    pub padded: usize,
}

impl Axis {
    /// Windows of `kernel` inputs every `stride`, on an axis padded on both
    /// sides. With `ceil_mode` a last window may reach beyond the padding if it
    /// begins before it: the rule of PyTorch. `None` if no window fits.
    ///
    /// `stride` is at least 1, `kernel` at least 1, `padding` at most half of
    /// `kernel`.
    #[must_use]
    pub fn sliding(
        input: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        ceil_mode: bool,
    ) -> Option<Axis> {
        let reach = input + 2 * padding + if ceil_mode { stride - 1 } else { 0 };
        let mut output = reach.checked_sub(kernel)? / stride + 1;
        if ceil_mode && (output - 1) * stride >= input + padding {
            output -= 1;
        }
        Some(Axis { input, output, rule: Rule::Sliding { kernel, stride, padding } })
    }

    /// `output` windows that cover the axis as evenly as whole numbers can:
    /// output o sees ⌊o·input/output⌋ .. ⌈(o+1)·input/output⌉.
    #[must_use]
    pub fn adaptive(input: usize, output: usize) -> Axis {
        Axis { input, output, rule: Rule::Adaptive }
    }

    /// Number of inputs.
    #[must_use]
    pub fn input(&self) -> usize {
        self.input
    }

    /// Number of outputs.
    #[must_use]
    pub fn output(&self) -> usize {
        self.output
    }

    /// The inputs of output `o`. Never empty.
    #[must_use]
    pub fn window(&self, o: usize) -> Window {
        match self.rule {
            Rule::Sliding { kernel, stride, padding } => {
                // Both shifted by the padding.
                let start = o * stride;
                let end = (start + kernel).min(self.input + 2 * padding);
                Window {
                    start: start.saturating_sub(padding),
                    end: end.saturating_sub(padding).min(self.input),
                    padded: end - start,
                }
            }
            Rule::Adaptive => {
                let start = o * self.input / self.output;
                let end = ((o + 1) * self.input).div_ceil(self.output);
                Window { start, end, padded: end - start }
            }
        }
    }
}

/// A pooling of images of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool2d {
    /// Number of channels.
    pub channels: usize,
    /// The vertical axis.
    pub height: Axis,
    /// The horizontal axis.
    pub width: Axis,
}

impl Pool2d {
    /// Elements of one input.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.height.input * self.width.input * self.channels
    }

    /// Elements of one output.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.height.output * self.width.output * self.channels
    }

    /// Reads of one example: the sizes of all windows, times the channels.
    #[must_use]
    pub fn reads(&self) -> usize {
        let side = |axis: &Axis| -> usize {
            (0..axis.output).map(|o| axis.window(o)).map(|w| w.end - w.start).sum()
        };
        side(&self.height) * side(&self.width) * self.channels
    }

    fn check<T>(&self, n: usize, input: &[T], output: &[T]) {
        assert_eq!(input.len(), n * self.input_len(), "input of {n} examples");
        assert_eq!(output.len(), n * self.output_len(), "output of {n} examples");
    }

    /// Where a pixel of an example begins.
    #[inline(always)]
    fn pixel(&self, row: usize, column: usize) -> usize {
        (row * self.width.input + column) * self.channels
    }

    /// The divisor of an average.
    #[inline(always)]
    fn divisor<T: Real>(h: Window, w: Window, count_padding: bool) -> T {
        let count = if count_padding { h.padded * w.padded } else { (h.end - h.start) * (w.end - w.start) };
        T::from_f64(count as f64)
    }

    /// Calls `task(example, first output row, output rows)` for pieces of `y`.
    fn each_piece<T: Real>(&self, pool: &Pool, y: &mut [T], task: impl Fn(usize, usize, &mut [T]) + Sync) {
        let row_len = self.width.output * self.channels;
        // Whole rows; an example is cut only if it is large.
        let rows = self.height.output;
        let step = if self.output_len() > TASK { TASK.div_ceil(row_len).min(rows) } else { rows };
        let pieces = rows.div_ceil(step);
        if pieces == 1 {
            let examples = TASK.div_ceil(self.output_len());
            pool.chunks_mut(y, examples * self.output_len(), |i, y| {
                for (j, y) in y.chunks_exact_mut(self.output_len()).enumerate() {
                    task(i * examples + j, 0, y);
                }
            });
        } else {
            // Pieces of different lengths: one example after the other.
            for (example, y) in y.chunks_exact_mut(self.output_len()).enumerate() {
                pool.chunks_mut(y, step * row_len, |i, y| task(example, i * step, y));
            }
        }
    }

    /// Calls `task(example, gradient of its input)` in parallel.
    fn each_example<T: Real>(&self, pool: &Pool, grad: &mut [T], task: impl Fn(usize, &mut [T]) + Sync) {
        let len = self.input_len();
        let examples = TASK.div_ceil(len);
        pool.chunks_mut(grad, examples * len, |i, grad| {
            for (j, grad) in grad.chunks_exact_mut(len).enumerate() {
                task(i * examples + j, grad);
            }
        });
    }
}

struct MaxRows<'a, T> {
    by: &'a Pool2d,
    first: usize,
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Real> Kernel for MaxRows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let MaxRows { by, first, x, y } = self;
        let channels = by.channels;
        for (i, row) in y.chunks_exact_mut(by.width.output * channels).enumerate() {
            let h = by.height.window(first + i);
            for (j, y) in row.chunks_exact_mut(channels).enumerate() {
                let w = by.width.window(j);
                y.fill(T::from_f64(f64::NEG_INFINITY));
                for r in h.start..h.end {
                    for c in w.start..w.end {
                        let x = &x[by.pixel(r, c)..][..channels];
                        for (y, x) in y.iter_mut().zip(x) {
                            // A NaN wins, as nothing is larger than it afterwards.
                            #[allow(clippy::eq_op)]
                            let wins = *x > *y || *x != *x;
                            *y = if wins { *x } else { *y };
                        }
                    }
                }
            }
        }
    }
}

/// `y` = the largest value of each window. Padding never wins; a NaN does.
pub fn max_forward<T: Real>(isa: Isa, pool: &Pool, by: &Pool2d, n: usize, x: &[T], y: &mut [T]) {
    by.check(n, x, y);
    by.each_piece(pool, y, |example, first, y| {
        let x = &x[example * by.input_len()..][..by.input_len()];
        dispatch(isa, MaxRows { by, first, x, y });
    });
}

struct MaxGrad<'a, T> {
    by: &'a Pool2d,
    x: &'a [T],
    y: &'a [T],
    g: &'a [T],
    grad: &'a mut [T],
}

impl<T: Real> Kernel for MaxGrad<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let MaxGrad { by, x, y, g, grad } = self;
        let channels = by.channels;
        grad.fill(T::ZERO);
        for i in 0..by.height.output {
            let h = by.height.window(i);
            for j in 0..by.width.output {
                let w = by.width.window(j);
                let out = (i * by.width.output + j) * channels;
                for from in (0..channels).step_by(LANES) {
                    let len = LANES.min(channels - from);
                    let y = &y[out + from..][..len];
                    // What the winner has not yet received.
                    let mut rest = [T::ZERO; LANES];
                    let rest = &mut rest[..len];
                    rest.copy_from_slice(&g[out + from..][..len]);
                    for r in h.start..h.end {
                        for c in w.start..w.end {
                            let at = by.pixel(r, c) + from;
                            let (x, grad) = (&x[at..][..len], &mut grad[at..][..len]);
                            for l in 0..len {
                                // Not `==`: the gradient of a NaN must arrive somewhere.
                                #[allow(clippy::neg_cmp_op_on_partial_ord)]
                                let wins = !(x[l] < y[l]);
                                grad[l] += if wins { rest[l] } else { T::ZERO };
                                rest[l] = if wins { T::ZERO } else { rest[l] };
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `grad` = gradient with respect to the input: each window's gradient `g` goes
/// to the first of its largest values. `x` and `y` as in [`max_forward`].
#[allow(clippy::too_many_arguments, reason = "the arguments of the formula")]
pub fn max_backward<T: Real>(
    isa: Isa,
    pool: &Pool,
    by: &Pool2d,
    n: usize,
    x: &[T],
    y: &[T],
    g: &[T],
    grad: &mut [T],
) {
    by.check(n, grad, g);
    by.check(n, x, y);
    let (ins, outs) = (by.input_len(), by.output_len());
    by.each_example(pool, grad, |example, grad| {
        let x = &x[example * ins..][..ins];
        let (y, g) = (&y[example * outs..][..outs], &g[example * outs..][..outs]);
        dispatch(isa, MaxGrad { by, x, y, g, grad });
    });
}

struct AvgRows<'a, T> {
    by: &'a Pool2d,
    count_padding: bool,
    first: usize,
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Real> Kernel for AvgRows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let AvgRows { by, count_padding, first, x, y } = self;
        let channels = by.channels;
        for (i, row) in y.chunks_exact_mut(by.width.output * channels).enumerate() {
            let h = by.height.window(first + i);
            for (j, y) in row.chunks_exact_mut(channels).enumerate() {
                let w = by.width.window(j);
                y.fill(T::ZERO);
                for r in h.start..h.end {
                    for c in w.start..w.end {
                        let x = &x[by.pixel(r, c)..][..channels];
                        for (y, x) in y.iter_mut().zip(x) {
                            *y += *x;
                        }
                    }
                }
                let divisor = Pool2d::divisor::<T>(h, w, count_padding);
                for y in y {
                    *y = *y / divisor;
                }
            }
        }
    }
}

/// `y` = the mean of each window; with `count_padding` the padding counts as
/// zeros, though not what lies beyond it.
pub fn avg_forward<T: Real>(
    isa: Isa,
    pool: &Pool,
    by: &Pool2d,
    count_padding: bool,
    n: usize,
    x: &[T],
    y: &mut [T],
) {
    by.check(n, x, y);
    by.each_piece(pool, y, |example, first, y| {
        let x = &x[example * by.input_len()..][..by.input_len()];
        dispatch(isa, AvgRows { by, count_padding, first, x, y });
    });
}

struct AvgGrad<'a, T> {
    by: &'a Pool2d,
    count_padding: bool,
    g: &'a [T],
    grad: &'a mut [T],
}

impl<T: Real> Kernel for AvgGrad<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let AvgGrad { by, count_padding, g, grad } = self;
        let channels = by.channels;
        grad.fill(T::ZERO);
        for i in 0..by.height.output {
            let h = by.height.window(i);
            for j in 0..by.width.output {
                let w = by.width.window(j);
                let divisor = Pool2d::divisor::<T>(h, w, count_padding);
                let out = (i * by.width.output + j) * channels;
                for from in (0..channels).step_by(LANES) {
                    let len = LANES.min(channels - from);
                    let mut share = [T::ZERO; LANES];
                    let share = &mut share[..len];
                    for (share, g) in share.iter_mut().zip(&g[out + from..][..len]) {
                        *share = *g / divisor;
                    }
                    for r in h.start..h.end {
                        for c in w.start..w.end {
                            let grad = &mut grad[by.pixel(r, c) + from..][..len];
                            for (grad, share) in grad.iter_mut().zip(share.iter()) {
                                *grad += *share;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `grad` = gradient with respect to the input of [`avg_forward`], from `g`,
/// the gradient with respect to its output.
pub fn avg_backward<T: Real>(
    isa: Isa,
    pool: &Pool,
    by: &Pool2d,
    count_padding: bool,
    n: usize,
    g: &[T],
    grad: &mut [T],
) {
    by.check(n, grad, g);
    let outs = by.output_len();
    by.each_example(pool, grad, |example, grad| {
        let g = &g[example * outs..][..outs];
        dispatch(isa, AvgGrad { by, count_padding, g, grad });
    });
}

#[cfg(test)]
mod tests;
