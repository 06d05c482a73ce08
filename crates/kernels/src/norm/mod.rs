//! Batch normalisation over the rows of a [rows × channels] matrix; with images
//! channels-last the rows are all pixels of all images.
//!
//! | file | what |
//! |---|---|
//! | `statistics.rs` | mean and variance of each channel in one pass over memory |
//! | `apply.rs` | normalising; with an activation and a sum in the same pass |
//! | `gradient.rs` | the gradient of all that |
//! | `tail.rs` | activations as types |
//! | `vectors.rs` | their loops on whole vectors |
//!
//! Order: each channel is summed over blocks of [`BLOCK_ROWS`] rows, in the element
//! type: with c ≤ 256 channels row i goes to one of ⌊256/c⌋ sums in turn, which are then
//! added in order. So are the squared differences from the block's own mean,
//! while the block is still in the cache. Blocks are merged in index order in
//! double precision (Chan, Golub & LeVeque 1979). It depends on the shape alone,
//! and tasks are whole blocks or rows: any number of threads gives the same bits.
//! The variance is never the mean of squares less the square of the mean, which
//! cancels. Operations are not fused: all instruction sets give the same bits.
//!
//! Not inside: layer and group normalisation.

mod apply;
mod gradient;
mod statistics;
mod tail;
mod vectors;

pub use apply::{Channels, normalize};
pub use gradient::{Backward, batch_norm_backward, gradient_sums, input_gradient};
pub use statistics::{Statistics, statistics};

pub use crate::then::After;

use crate::elementwise::{each, each_pair};
use crate::{Isa, Pool, Real};

/// Rows per block of the sums.
pub const BLOCK_ROWS: usize = 64;

/// Elements of a task, about.
const TASK: usize = 1 << 14;

/// Scratch elements of the sums over `rows` rows: two for each block and channel.
#[must_use]
pub fn partial_len(rows: usize, channels: usize) -> usize {
    2 * rows.div_ceil(BLOCK_ROWS) * channels
}

fn rows_of<T>(channels: usize, x: &[T]) -> usize {
    assert!(channels > 0, "no channels");
    assert_eq!(x.len() % channels, 0, "the values are not rows of {channels} channels");
    x.len() / channels
}

/// Most values of a group of rows that is walked as one.
const GROUP: usize = 256;

/// Rows that are walked as one: short rows would leave loops no time to run.
fn together(channels: usize) -> usize {
    (GROUP / channels).max(1)
}

/// A vector of channels, repeated for each row of a group.
struct Tiled<'a, T> {
    repeated: [T; GROUP],
    channels: &'a [T],
}

impl<'a, T: Real> Tiled<'a, T> {
    #[inline(always)]
    fn new(channels: &'a [T]) -> Self {
        let mut repeated = [T::ZERO; GROUP];
        if !channels.is_empty() {
            for to in repeated.chunks_exact_mut(channels.len()) {
                to.copy_from_slice(channels);
            }
        }
        Tiled { repeated, channels }
    }

    /// For a group of rows, as many values as `len`.
    #[inline(always)]
    fn get(&self, len: usize) -> &[T] {
        if len <= GROUP { &self.repeated[..len] } else { &self.channels[..len] }
    }
}

/// Sums of a group of rows, kept apart for each row of it.
struct Sums<'a, T> {
    apart: [T; GROUP],
    to: &'a mut [T],
}

impl<'a, T: Real> Sums<'a, T> {
    #[inline(always)]
    fn new(to: &'a mut [T]) -> Self {
        to.fill(T::ZERO);
        Sums { apart: [T::ZERO; GROUP], to }
    }

    #[inline(always)]
    fn get(&mut self, len: usize) -> &mut [T] {
        if self.to.len() <= GROUP { &mut self.apart[..len] } else { &mut self.to[..len] }
    }

    /// Adds the rows of the group, in order.
    #[inline(always)]
    fn fold(self) {
        let channels = self.to.len();
        if channels <= GROUP {
            for row in self.apart.chunks_exact(channels) {
                for (to, x) in self.to.iter_mut().zip(row) {
                    *to += *x;
                }
            }
        }
    }
}

/// `rstd` = 1 / √(variance + eps).
pub fn reciprocal_std<T: Real>(isa: Isa, eps: f64, variance: &[T], rstd: &mut [T]) {
    let eps = T::from_f64(eps);
    each_pair(isa, rstd, variance, move |_, v| T::ONE / (v + eps).sqrt());
}

/// running = (1 − momentum) · running + momentum · batch.
pub fn update_running<T: Real>(isa: Isa, momentum: f64, batch: &[T], running: &mut [T]) {
    let (new, old) = (T::from_f64(momentum), T::from_f64(1.0 - momentum));
    each_pair(isa, running, batch, move |r, b| old * r + new * b);
}

/// The settings of batch normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance (1e-5).
    pub eps: f64,
    /// Weight of the batch in the running estimates (0.1).
    pub momentum: f64,
    /// Whether the running variance takes n / (n − 1) times the batch's (PyTorch: yes).
    pub unbiased_running: bool,
    /// What happens to each value in the same pass.
    pub after: After,
}

/// What the training pass reads and writes for each channel.
#[derive(Debug)]
pub struct Training<'a, T> {
    /// Scale γ.
    pub gamma: &'a [T],
    /// Shift β.
    pub beta: &'a [T],
    /// Updated.
    pub running_mean: &'a mut [T],
    /// Updated.
    pub running_var: &'a mut [T],
    /// Receives the batch mean, for the backward pass.
    pub mean: &'a mut [T],
    /// Receives 1 / √(biased batch variance + eps), for the backward pass.
    pub rstd: &'a mut [T],
    /// Scratch of [`partial_len`] elements.
    pub partial: &'a mut [T],
}

/// y = after(γ (x − mean) / √(var + eps) + β + `add`) with the batch's mean and biased
/// variance; updates the running estimates and saves mean and rstd.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub fn batch_norm_train<T: Real>(
    isa: Isa,
    pool: &Pool,
    by: BatchNorm,
    x: &[T],
    to: Training<'_, T>,
    add: Option<&[T]>,
    y: &mut [T],
) {
    let channels = to.gamma.len();
    let rows = rows_of(channels, x);
    assert!(rows > 0, "batch normalisation of no rows");
    // One row has no unbiased variance; PyTorch refuses, here it counts as biased.
    let of_running = if by.unbiased_running && rows > 1 { rows - 1 } else { rows } as f64;
    let Training { gamma, beta, running_mean, running_var, mean, rstd, partial } = to;
    let all = Statistics { mean: &mut *mean, squares: &mut *rstd, partial: &mut *partial };
    statistics(isa, pool, x, all);
    update_running(isa, by.momentum, mean, running_mean);
    let (momentum, keep) = (T::from_f64(by.momentum), T::from_f64(1.0 - by.momentum));
    for (running, squares) in running_var.iter_mut().zip(&*rstd) {
        *running = keep * *running + momentum * T::from_f64(squares.to_f64() / of_running);
    }
    let (n, eps) = (rows as f64, T::from_f64(by.eps));
    each(isa, rstd, move |s| T::ONE / (T::from_f64(s.to_f64() / n) + eps).sqrt());
    let scale = &mut partial[..channels];
    product(rstd, gamma, scale);
    normalize(isa, pool, by.after, x, Channels { mean, scale, beta }, add, y);
}

/// y = after(γ (x − running mean) / √(running variance + eps) + β + `add`). `scale` is
/// scratch.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub fn batch_norm_eval<T: Real>(
    isa: Isa,
    pool: &Pool,
    (eps, after): (f64, After),
    x: &[T],
    running: (&[T], &[T]),
    affine: (&[T], &[T]),
    scale: &mut [T],
    add: Option<&[T]>,
    y: &mut [T],
) {
    reciprocal_std(isa, eps, running.1, scale);
    crate::elementwise::mul_assign(isa, scale, affine.0);
    normalize(isa, pool, after, x, Channels { mean: running.0, scale, beta: affine.1 }, add, y);
}

/// `to` = a · b, element by element: the scale from rstd and γ.
pub fn product<T: Real>(a: &[T], b: &[T], to: &mut [T]) {
    for ((to, a), b) in to.iter_mut().zip(a).zip(b) {
        *to = *a * *b;
    }
}

#[cfg(test)]
mod tests;
