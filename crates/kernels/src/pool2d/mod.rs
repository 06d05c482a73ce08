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

mod avg;
mod axis;
mod max;
mod positions;

pub use avg::{avg_backward, avg_forward};
pub use axis::{Axis, Window};
pub use max::max_backward;
pub use positions::{fits_a_byte, max_backward_saved, max_forward, max_forward_saving, positions_len};
pub(crate) use positions::{gradient_of_one, max_of_one, stride};

use crate::{Pool, Real};

/// Elements that a task should at least touch: less is not worth a thread.
const TASK: usize = 1 << 14;

/// Channels that are worked on together.
const LANES: usize = 64;

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
        self.height.input() * self.width.input() * self.channels
    }

    /// Elements of one output.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.height.output() * self.width.output() * self.channels
    }

    /// Reads of one example: the sizes of all windows, times the channels.
    #[must_use]
    pub fn reads(&self) -> usize {
        let side = |axis: &Axis| -> usize {
            (0..axis.output()).map(|o| axis.window(o)).map(|w| w.end - w.start).sum()
        };
        side(&self.height) * side(&self.width) * self.channels
    }

    /// Rows of an image that each row of windows sees, if windows lie side by side.
    pub(crate) fn tiled_rows(&self) -> Option<usize> {
        let (height, step) = (self.height, self.height.step());
        let whole = height.output() * step <= height.input();
        (height.is_tiled() && self.width.is_tiled() && whole).then_some(step)
    }

    /// The pooling of an image of which so many rows of windows are there, for windows that
    /// lie side by side.
    pub(crate) fn some_rows(&self, rows: usize) -> Pool2d {
        Pool2d { height: self.height.first_tiles(rows), ..*self }
    }

    fn check<T>(&self, n: usize, input: &[T], output: &[T]) {
        assert_eq!(input.len(), n * self.input_len(), "input of {n} examples");
        assert_eq!(output.len(), n * self.output_len(), "output of {n} examples");
    }

    /// Where a pixel of an example begins.
    #[inline(always)]
    fn pixel(&self, row: usize, column: usize) -> usize {
        (row * self.width.input() + column) * self.channels
    }

    /// The divisor of an average.
    #[inline(always)]
    fn divisor<T: Real>(h: Window, w: Window, count_padding: bool) -> T {
        let count = if count_padding { h.padded * w.padded } else { (h.end - h.start) * (w.end - w.start) };
        T::from_f64(count as f64)
    }

    /// Calls `task(example, first output row, output rows)` for pieces of `y`.
    fn each_piece<T: Real>(&self, pool: &Pool, y: &mut [T], task: impl Fn(usize, usize, &mut [T]) + Sync) {
        let row_len = self.width.output() * self.channels;
        // Whole rows; an example is cut only if it is large.
        let rows = self.height.output();
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

#[cfg(test)]
mod tests;
