//! Batch normalisation over the rows of a [rows × channels] matrix; with images
//! channels-last the rows are all pixels of all images.
//!
//! Order: each channel is summed over blocks of [`BLOCK_ROWS`] rows in row order,
//! in the element type; the block sums are added in index order in double
//! precision. It depends on the shape alone. The pieces are public because tasks
//! may compute different blocks: [`batch_norm_train`] and [`batch_norm_backward`]
//! call them one after the other and give the same bits.
//!
//! The variance is found in a second pass around the mean, never as the mean of
//! squares less the square of the mean, which cancels. Operations are not fused:
//! all instruction sets give the same bits.
//!
//! Not inside: layer and group normalisation, threads.

use crate::simd::{Arith, Kernel, dispatch};
use crate::{Isa, Real};

/// Rows per block of the sums.
pub const BLOCK_ROWS: usize = 64;

/// How many block sums there are for each quantity: blocks × channels.
#[must_use]
pub fn partial_len(rows: usize, channels: usize) -> usize {
    rows.div_ceil(BLOCK_ROWS) * channels
}

fn check<T>(channels: usize, x: &[T]) -> usize {
    assert!(channels > 0, "no channels");
    assert_eq!(x.len() % channels, 0, "the values are not rows of {channels} channels");
    x.len() / channels
}

struct BlockSums<'a, T> {
    channels: usize,
    x: &'a [T],
    /// Squared differences from the mean instead of the values.
    mean: Option<&'a [T]>,
    partial: &'a mut [T],
}

// The row functions take references as parameters: the compiler then knows that
// they do not overlap and need not ask for each row.

#[inline(always)]
fn add_row<T: Real>(x: &[T], sum: &mut [T]) {
    for (s, x) in sum.iter_mut().zip(x) {
        *s += *x;
    }
}

#[inline(always)]
fn add_square_row<T: Real>(x: &[T], mean: &[T], sum: &mut [T]) {
    for ((s, x), m) in sum.iter_mut().zip(x).zip(mean) {
        let d = *x - *m;
        *s += d * d;
    }
}

impl<T: Real> Kernel for BlockSums<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let blocks = self.x.chunks(BLOCK_ROWS * self.channels);
        for (block, sum) in blocks.zip(self.partial.chunks_exact_mut(self.channels)) {
            sum.fill(T::ZERO);
            for x in block.chunks_exact(self.channels) {
                match self.mean {
                    None => add_row(x, sum),
                    Some(mean) => add_square_row(x, mean, sum),
                }
            }
        }
    }
}

/// Per block and channel Σ x. `x` starts at a multiple of [`BLOCK_ROWS`] rows of
/// the matrix; `partial` has [`partial_len`] elements.
pub fn block_sums<T: Real>(isa: Isa, channels: usize, x: &[T], partial: &mut [T]) {
    let rows = check(channels, x);
    assert_eq!(partial.len(), partial_len(rows, channels), "block sums");
    dispatch(isa, BlockSums { channels, x, mean: None, partial });
}

/// Per block and channel Σ (x − mean)², as [`block_sums`].
pub fn block_square_sums<T: Real>(isa: Isa, mean: &[T], x: &[T], partial: &mut [T]) {
    let channels = mean.len();
    let rows = check(channels, x);
    assert_eq!(partial.len(), partial_len(rows, channels), "block sums");
    dispatch(isa, BlockSums { channels, x, mean: Some(mean), partial });
}

/// Channels per accumulator of [`combine_blocks`].
const TILE: usize = 32;

struct Combine<'a, T> {
    factor: f64,
    partial: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Combine<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let channels = self.out.len();
        for (tile, out) in self.out.chunks_mut(TILE).enumerate() {
            let mut sums = [0.0; TILE];
            for block in self.partial.chunks_exact(channels) {
                for (s, x) in sums.iter_mut().zip(&block[tile * TILE..][..out.len()]) {
                    *s += x.to_f64();
                }
            }
            for (out, s) in out.iter_mut().zip(sums) {
                *out = T::from_f64(s * self.factor);
            }
        }
    }
}

/// `out[c]` = `factor` · Σ over blocks of `partial[block, c]`, in index order and
/// double precision.
pub fn combine_blocks<T: Real>(isa: Isa, factor: f64, partial: &[T], out: &mut [T]) {
    check(out.len(), partial);
    dispatch(isa, Combine { factor, partial, out });
}

/// `rstd` = 1 / √(variance + eps).
pub fn reciprocal_std<T: Real>(isa: Isa, eps: f64, variance: &[T], rstd: &mut [T]) {
    let eps = T::from_f64(eps);
    crate::elementwise::each_pair(isa, rstd, variance, move |_, v| T::ONE / (v + eps).sqrt());
}

/// What one channel is normalised with; four slices of one length.
#[derive(Clone, Copy, Debug)]
pub struct Channels<'a, T> {
    /// Mean.
    pub mean: &'a [T],
    /// 1 / √(variance + eps).
    pub rstd: &'a [T],
    /// Scale γ.
    pub gamma: &'a [T],
    /// Shift β.
    pub beta: &'a [T],
}

impl<T> Channels<'_, T> {
    fn count(&self) -> usize {
        let n = self.mean.len();
        assert!(
            self.rstd.len() == n && self.gamma.len() == n && self.beta.len() == n,
            "the channel vectors differ in length"
        );
        n
    }
}

struct Normalize<'a, T>(&'a [T], Channels<'a, T>, &'a mut [T]);

#[inline(always)]
fn normalize_row<T: Real>(x: &[T], by: Channels<'_, T>, y: &mut [T]) {
    let channels = by.mean.iter().zip(by.rstd).zip(by.gamma).zip(by.beta);
    for ((y, x), (((mean, rstd), gamma), beta)) in y.iter_mut().zip(x).zip(channels) {
        *y = (*x - *mean) * (*rstd * *gamma) + *beta;
    }
}

impl<T: Real> Kernel for Normalize<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let channels = self.1.mean.len();
        for (x, y) in self.0.chunks_exact(channels).zip(self.2.chunks_exact_mut(channels)) {
            normalize_row(x, self.1, y);
        }
    }
}

/// y = (x − mean) · (rstd · γ) + β for any number of rows.
pub fn normalize<T: Real>(isa: Isa, x: &[T], by: Channels<'_, T>, y: &mut [T]) {
    check(by.count(), x);
    assert_eq!(x.len(), y.len(), "input and output differ in length");
    dispatch(isa, Normalize(x, by, y));
}

/// running = (1 − momentum) · running + momentum · batch.
pub fn update_running<T: Real>(isa: Isa, momentum: f64, batch: &[T], running: &mut [T]) {
    let (new, old) = (T::from_f64(momentum), T::from_f64(1.0 - momentum));
    crate::elementwise::each_pair(isa, running, batch, move |r, b| old * r + new * b);
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

/// y = γ (x − mean) / √(var + eps) + β with the batch's mean and biased variance;
/// updates the running estimates and saves mean and rstd.
pub fn batch_norm_train<T: Real>(isa: Isa, by: BatchNorm, x: &[T], to: Training<'_, T>, y: &mut [T]) {
    let channels = to.gamma.len();
    let rows = check(channels, x);
    assert!(rows > 0, "batch normalisation of no rows");
    let n = rows as f64;
    block_sums(isa, channels, x, to.partial);
    combine_blocks(isa, 1.0 / n, to.partial, to.mean);
    update_running(isa, by.momentum, to.mean, to.running_mean);

    block_square_sums(isa, to.mean, x, to.partial);
    // One row has no unbiased variance; PyTorch refuses, here it counts as biased.
    let of_running = if by.unbiased_running && rows > 1 { n - 1.0 } else { n };
    combine_blocks(isa, 1.0 / of_running, to.partial, to.rstd);
    update_running(isa, by.momentum, to.rstd, to.running_var);
    combine_blocks(isa, 1.0 / n, to.partial, to.rstd);
    let eps = T::from_f64(by.eps);
    crate::elementwise::each(isa, to.rstd, move |v| T::ONE / (v + eps).sqrt());

    normalize(isa, x, Channels { mean: to.mean, rstd: to.rstd, gamma: to.gamma, beta: to.beta }, y);
}

/// y = γ (x − running mean) / √(running variance + eps) + β. `rstd` is scratch.
pub fn batch_norm_eval<T: Real>(
    isa: Isa,
    eps: f64,
    x: &[T],
    running: (&[T], &[T]),
    affine: (&[T], &[T]),
    rstd: &mut [T],
    y: &mut [T],
) {
    reciprocal_std(isa, eps, running.1, rstd);
    normalize(isa, x, Channels { mean: running.0, rstd, gamma: affine.0, beta: affine.1 }, y);
}

struct GradSums<'a, T> {
    x: &'a [T],
    dy: &'a [T],
    mean: &'a [T],
    rstd: &'a [T],
    dgamma: &'a mut [T],
    dbeta: &'a mut [T],
}

#[inline(always)]
fn add_grad_row<T: Real>(x: &[T], dy: &[T], mean: &[T], dgamma: &mut [T], dbeta: &mut [T]) {
    let sums = dgamma.iter_mut().zip(dbeta.iter_mut());
    for (((x, dy), mean), (dgamma, dbeta)) in x.iter().zip(dy).zip(mean).zip(sums) {
        *dgamma += *dy * (*x - *mean);
        *dbeta += *dy;
    }
}

impl<T: Real> Kernel for GradSums<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let channels = self.mean.len();
        let blocks = self.x.chunks(BLOCK_ROWS * channels).zip(self.dy.chunks(BLOCK_ROWS * channels));
        let sums = self.dgamma.chunks_exact_mut(channels).zip(self.dbeta.chunks_exact_mut(channels));
        for ((x, dy), (dgamma, dbeta)) in blocks.zip(sums) {
            dgamma.fill(T::ZERO);
            dbeta.fill(T::ZERO);
            for (x, dy) in x.chunks_exact(channels).zip(dy.chunks_exact(channels)) {
                add_grad_row(x, dy, self.mean, dgamma, dbeta);
            }
            for (g, rstd) in dgamma.iter_mut().zip(self.rstd) {
                *g *= *rstd;
            }
        }
    }
}

/// Per block and channel Σ ∂y · x̂ and Σ ∂y, x̂ = (x − mean) · rstd.
pub fn block_gradient_sums<T: Real>(
    isa: Isa,
    x: &[T],
    dy: &[T],
    saved: (&[T], &[T]),
    dgamma: &mut [T],
    dbeta: &mut [T],
) {
    let (mean, rstd) = saved;
    let rows = check(mean.len(), x);
    assert!(dy.len() == x.len() && rstd.len() == mean.len(), "gradient or rstd has another length");
    let partial = partial_len(rows, mean.len());
    assert!(dgamma.len() == partial && dbeta.len() == partial, "block sums");
    dispatch(isa, GradSums { x, dy, mean, rstd, dgamma, dbeta });
}

/// What the input gradient needs for each channel.
#[derive(Clone, Copy, Debug)]
pub struct Backward<'a, T> {
    /// Saved batch mean.
    pub mean: &'a [T],
    /// Saved rstd.
    pub rstd: &'a [T],
    /// Scale γ.
    pub gamma: &'a [T],
    /// Σ ∂y · x̂ over all rows.
    pub dgamma: &'a [T],
    /// Σ ∂y over all rows.
    pub dbeta: &'a [T],
}

struct InputGrad<'a, T> {
    per_row: T,
    x: &'a [T],
    by: Backward<'a, T>,
    grad: &'a mut [T],
}

#[inline(always)]
fn input_grad_row<T: Real>(per_row: T, x: &[T], by: Backward<'_, T>, grad: &mut [T]) {
    let sums = by.dgamma.iter().zip(by.dbeta);
    let channels = by.mean.iter().zip(by.rstd).zip(by.gamma).zip(sums);
    for ((g, x), (((mean, rstd), gamma), (dgamma, dbeta))) in grad.iter_mut().zip(x).zip(channels) {
        let x_hat = (*x - *mean) * *rstd;
        *g = (*gamma * *rstd) * (*g - *dbeta * per_row - x_hat * (*dgamma * per_row));
    }
}

impl<T: Real> Kernel for InputGrad<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let channels = self.by.mean.len();
        for (x, g) in self.x.chunks_exact(channels).zip(self.grad.chunks_exact_mut(channels)) {
            input_grad_row(self.per_row, x, self.by, g);
        }
    }
}

/// ∂x = γ rstd · (∂y − Σ∂y / n − x̂ · Σ(∂y x̂) / n) in place, for any number of the
/// `rows` (n) rows that the sums were taken over.
pub fn input_gradient<T: Real>(isa: Isa, rows: usize, x: &[T], by: Backward<'_, T>, grad: &mut [T]) {
    let c = by.mean.len();
    check(c, x);
    assert_eq!(x.len(), grad.len(), "input and gradient differ in length");
    assert!(
        by.rstd.len() == c && by.gamma.len() == c && by.dgamma.len() == c && by.dbeta.len() == c,
        "the channel vectors differ in length"
    );
    dispatch(isa, InputGrad { per_row: T::from_f64(1.0 / rows as f64), x, by, grad });
}

/// The whole backward pass. `grad` holds ∂y and receives ∂x; `sums` receives (∂γ,
/// ∂β); `partial` is scratch of twice [`partial_len`] elements; `saved` is (mean,
/// rstd) of [`batch_norm_train`].
pub fn batch_norm_backward<T: Real>(
    isa: Isa,
    x: &[T],
    saved: (&[T], &[T]),
    gamma: &[T],
    sums: (&mut [T], &mut [T]),
    partial: &mut [T],
    grad: &mut [T],
) {
    let (mean, rstd) = saved;
    let (dgamma, dbeta) = sums;
    let rows = check(gamma.len(), x);
    assert_eq!(partial.len(), 2 * partial_len(rows, gamma.len()), "scratch for two sums");
    let (partial_gamma, partial_beta) = partial.split_at_mut(partial.len() / 2);
    block_gradient_sums(isa, x, grad, saved, partial_gamma, partial_beta);
    combine_blocks(isa, 1.0, partial_gamma, dgamma);
    combine_blocks(isa, 1.0, partial_beta, dbeta);
    input_gradient(isa, rows, x, Backward { mean, rstd, gamma, dgamma, dbeta }, grad);
}

#[cfg(test)]
mod tests;
