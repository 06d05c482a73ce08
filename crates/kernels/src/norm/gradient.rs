//! The gradient of normalising, of the activation behind it, and of scale and shift.

use super::apply::normalized;
use super::statistics::merge;
use super::tail::{Nothing, Relu, Relu6, Tail, with_tail};
use super::vectors::{Arriving, Columns, Gradient, Next};
use super::{After, BLOCK_ROWS, TASK, Tiled, partial_len, rows_of, together};
use crate::lanes::{Lanes, streamed};
use crate::memory::bypasses;
use crate::simd::{Arith, Kernel, VectorKernel, dispatch, dispatch_vectors};
use crate::{Isa, Pool, Real};

/// What the gradient needs for each channel.
#[derive(Clone, Copy, Debug)]
pub struct Backward<'a, T> {
    /// Saved batch mean.
    pub mean: &'a [T],
    /// Saved rstd.
    pub rstd: &'a [T],
    /// Scale γ times rstd.
    pub scale: &'a [T],
    /// Shift β: with the others it tells where the activation let values through.
    pub beta: &'a [T],
}

impl<T: Real> Backward<'_, T> {
    fn count(&self) -> usize {
        let n = self.mean.len();
        assert!(
            self.rstd.len() == n && self.scale.len() == n && self.beta.len() == n,
            "the channel vectors differ in length"
        );
        n
    }

    fn as_f32(&self) -> Option<Backward<'_, f32>> {
        let [mean, rstd, scale, beta] = [self.mean, self.rstd, self.scale, self.beta].map(T::as_f32);
        Some(Backward { mean: mean?, rstd: rstd?, scale: scale?, beta: beta? })
    }
}

/// Per block and channel Σ ∂y · x̂ and Σ ∂y, ∂y with respect to the value before the
/// activation.
struct Sums<'a, T, F> {
    x: &'a [T],
    dy: &'a [T],
    by: Backward<'a, T>,
    partial: &'a mut [T],
    next: Next,
    tail: F,
}

/// What arrives before the activation.
#[inline(always)]
fn arriving<T: Real, F: Tail>(dy: T, x: T, [mean, scale, beta]: [T; 3]) -> T {
    if F::MASKS { F::gradient(dy, normalized(x, mean, scale, beta)) } else { dy }
}

#[inline(always)]
fn sums_row<T: Real, F: Tail>(
    [x, dy]: [&[T]; 2],
    [mean, scale, beta]: [&[T]; 3],
    dgamma: &mut [T],
    dbeta: &mut [T],
) {
    let channels = mean.iter().zip(scale).zip(beta);
    let sums = dgamma.iter_mut().zip(dbeta.iter_mut());
    for (((x, dy), ((m, s), b)), (dgamma, dbeta)) in x.iter().zip(dy).zip(channels).zip(sums) {
        let g = arriving::<T, F>(*dy, *x, [*m, *s, *b]);
        *dgamma += g * (*x - *m);
        *dbeta += g;
    }
}

impl<T: Real, F: Tail> Kernel for Sums<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let _ = self.tail;
        let channels = self.by.mean.len();
        let group = together(channels) * channels;
        let by = [Tiled::new(self.by.mean), Tiled::new(self.by.scale), Tiled::new(self.by.beta)];
        let blocks = self.x.chunks(BLOCK_ROWS * channels).zip(self.dy.chunks(BLOCK_ROWS * channels));
        for ((x, dy), to) in blocks.zip(self.partial.chunks_exact_mut(2 * channels)) {
            let (gamma, beta) = to.split_at_mut(channels);
            let (mut dgamma, mut dbeta) = (super::Sums::new(gamma), super::Sums::new(beta));
            for (x, dy) in x.chunks(group).zip(dy.chunks(group)) {
                let n = x.len();
                let by = [by[0].get(n), by[1].get(n), by[2].get(n)];
                sums_row::<T, F>([x, dy], by, dgamma.get(n), dbeta.get(n));
            }
            dgamma.fold();
            dbeta.fold();
            for (g, rstd) in gamma.iter_mut().zip(self.by.rstd) {
                *g *= *rstd;
            }
        }
    }
}

impl<F: Tail> VectorKernel for Sums<'_, f32, F> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let channels = self.by.mean.len();
        let width = together(channels) * channels;
        let by = [Tiled::new(self.by.mean), Tiled::new(self.by.scale), Tiled::new(self.by.beta)];
        let blocks = self.x.chunks(BLOCK_ROWS * channels).zip(self.dy.chunks(BLOCK_ROWS * channels));
        let count = blocks.len();
        for ((b, (x, dy)), to) in blocks.enumerate().zip(self.partial.chunks_exact_mut(2 * channels)) {
            let (gamma, beta) = to.split_at_mut(channels);
            let (mut dgamma, mut dbeta) = (super::Sums::new(gamma), super::Sums::new(beta));
            let whole = x.len() / width * width;
            let next = self.next.of_block(b, count, BLOCK_ROWS * channels);
            for (at, columns) in Columns::of(whole, width, next) {
                let mut arriving = Arriving {
                    x: &x[at.clone()],
                    dy: &dy[at],
                    by: [by[0].get(width), by[1].get(width), by[2].get(width)],
                    dgamma: dgamma.get(width),
                    dbeta: dbeta.get(width),
                    tail: self.tail,
                };
                // SAFETY: the caller has the instruction set.
                unsafe { columns.each::<V>(&mut arriving, V::LANES / 4) };
            }
            let (last_x, last_dy) = (&x[whole..], &dy[whole..]);
            let n = last_x.len();
            let by = [by[0].get(n), by[1].get(n), by[2].get(n)];
            sums_row::<f32, F>([last_x, last_dy], by, dgamma.get(n), dbeta.get(n));
            dgamma.fold();
            dbeta.fold();
            for (g, rstd) in gamma.iter_mut().zip(self.by.rstd) {
                *g *= *rstd;
            }
        }
    }
}

/// Adds the blocks of some channels in index order, in double precision.
struct Combine<'a, T> {
    channels: usize,
    first: usize,
    partial: &'a [T],
    to: [&'a mut [T]; 2],
}

impl<T: Real> Kernel for Combine<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        for (half, to) in self.to.into_iter().enumerate() {
            let mut sums = [0.0; 16];
            for block in self.partial.chunks_exact(2 * self.channels) {
                let values = &block[half * self.channels + self.first..][..to.len()];
                for (s, x) in sums.iter_mut().zip(values) {
                    *s += x.to_f64();
                }
            }
            for (to, s) in to.iter_mut().zip(sums) {
                *to = T::from_f64(s);
            }
        }
    }
}

/// `sums` = (∂γ, ∂β) = (Σ ∂y · x̂, Σ ∂y); `partial` is scratch of [`partial_len`].
///
/// # Panics
/// If a length differs.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub fn gradient_sums<T: Real>(
    isa: Isa,
    pool: &Pool,
    after: After,
    x: &[T],
    dy: &[T],
    by: Backward<'_, T>,
    sums: (&mut [T], &mut [T]),
    partial: &mut [T],
) {
    let channels = by.count();
    let rows = rows_of(channels, x);
    assert_eq!(dy.len(), x.len(), "input and gradient differ in length");
    assert_eq!(partial.len(), partial_len(rows, channels), "block sums");
    let block = BLOCK_ROWS * channels;
    let (count, next) = (TASK.div_ceil(block), Next::of(x.len()));
    pool.chunks_mut_back(partial, 2 * channels * count, |i, partial| {
        let at = i * count * block..x.len().min((i + 1) * count * block);
        let (x, dy) = (&x[at.clone()], &dy[at]);
        if isa != Isa::SCALAR
            && let (Some(x), Some(dy), Some(by)) = (T::as_f32(x), T::as_f32(dy), by.as_f32())
        {
            let partial = T::as_f32_mut(partial).expect("one element type");
            return with_tail!(after, tail => dispatch_vectors(isa, Sums { x, dy, by, partial, next, tail }));
        }
        with_tail!(after, tail => dispatch(isa, Sums { x, dy, by, partial, next, tail }));
    });
    let partial = &*partial;
    merge(pool, sums.0, sums.1, |first, dgamma, dbeta| {
        dispatch(isa, Combine { channels, first, partial, to: [dgamma, dbeta] });
    });
}

struct InputGrad<'a, T, F> {
    per_row: T,
    x: &'a [T],
    dy: &'a [T],
    by: Backward<'a, T>,
    sums: (&'a [T], &'a [T]),
    dx: &'a mut [T],
    /// Elements of all tasks.
    total: usize,
    tail: F,
}

#[inline(always)]
fn input_grad_row<T: Real, F: Tail>(
    per_row: T,
    [x, dy]: [&[T]; 2],
    [mean, scale, beta]: [&[T]; 3],
    [rstd, dgamma, dbeta]: [&[T]; 3],
    dx: &mut [T],
) {
    let channels = mean.iter().zip(scale).zip(beta).zip(rstd).zip(dgamma).zip(dbeta);
    for (((dx, x), dy), (((((m, s), b), r), dgamma), dbeta)) in dx.iter_mut().zip(x).zip(dy).zip(channels) {
        let g = arriving::<T, F>(*dy, *x, [*m, *s, *b]);
        let x_hat = (*x - *m) * *r;
        *dx = *s * (g - *dbeta * per_row - x_hat * (*dgamma * per_row));
    }
}

impl<T: Real, F: Tail> Kernel for InputGrad<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let _ = self.tail;
        let channels = self.by.mean.len();
        let group = together(channels) * channels;
        let by = [Tiled::new(self.by.mean), Tiled::new(self.by.scale), Tiled::new(self.by.beta)];
        let sums = [Tiled::new(self.by.rstd), Tiled::new(self.sums.0), Tiled::new(self.sums.1)];
        let rows = self.x.chunks(group).zip(self.dy.chunks(group)).zip(self.dx.chunks_mut(group));
        for ((x, dy), dx) in rows {
            let n = x.len();
            let by = [by[0].get(n), by[1].get(n), by[2].get(n)];
            let sums = [sums[0].get(n), sums[1].get(n), sums[2].get(n)];
            input_grad_row::<T, F>(self.per_row, [x, dy], by, sums, dx);
        }
    }
}

impl<F: Tail> VectorKernel for InputGrad<'_, f32, F> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let channels = self.by.mean.len();
        let width = together(channels) * channels;
        let Backward { mean, rstd, scale, beta } = self.by;
        let by = [mean, scale, beta, rstd, self.sums.0, self.sums.1].map(Tiled::new);
        let stream = bypasses(self.total, width, V::LANES, self.dx.as_ptr());
        for (at, columns) in Columns::of(self.x.len(), width, Next::of(self.total)) {
            let mut gradient = Gradient {
                x: &self.x[at.clone()],
                dy: &self.dy[at.clone()],
                by: std::array::from_fn(|i| by[i].get(columns.width)),
                per_row: self.per_row,
                dx: &mut self.dx[at],
                stream,
                tail: self.tail,
            };
            // SAFETY: the caller has the instruction set.
            unsafe { columns.each::<V>(&mut gradient, V::LANES / 4) };
        }
        if stream {
            streamed();
        }
    }
}

/// ∂x = γ rstd · (∂y − Σ∂y / n − x̂ · Σ(∂y x̂) / n) with `sums` = (∂γ, ∂β) of all n rows
/// of `x`.
///
/// # Panics
/// If a length differs.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub fn input_gradient<T: Real>(
    isa: Isa,
    pool: &Pool,
    after: After,
    x: &[T],
    dy: &[T],
    by: Backward<'_, T>,
    sums: (&[T], &[T]),
    dx: &mut [T],
) {
    let channels = by.count();
    let rows = rows_of(channels, x);
    assert!(x.len() == dx.len() && x.len() == dy.len(), "input and gradients differ in length");
    assert!(sums.0.len() == channels && sums.1.len() == channels, "the channel vectors differ in length");
    let per_row = T::from_f64(1.0 / rows as f64);
    let piece = TASK.div_ceil(channels) * channels;
    let total = dx.len();
    pool.chunks_mut(dx, piece, |i, dx| {
        let at = i * piece..i * piece + dx.len();
        let (x, dy) = (&x[at.clone()], &dy[at]);
        if isa != Isa::SCALAR
            && let (Some(x), Some(dy), Some(dx)) = (T::as_f32(x), T::as_f32(dy), T::as_f32_mut(&mut *dx))
            && let (Some(by), Some(dgamma), Some(dbeta)) = (by.as_f32(), T::as_f32(sums.0), T::as_f32(sums.1))
        {
            let (sums, per_row) = ((dgamma, dbeta), per_row.to_f64() as f32);
            return with_tail!(after, tail => {
                dispatch_vectors(isa, InputGrad { per_row, x, dy, by, sums, dx, total, tail })
            });
        }
        with_tail!(after, tail => dispatch(isa, InputGrad { per_row, x, dy, by, sums, dx, total, tail }));
    });
}

/// The whole backward pass: `sums` receives (∂γ, ∂β), `dx` ∂x if it is wanted.
/// `dy` is the gradient with respect to what the pass forward wrote.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub fn batch_norm_backward<T: Real>(
    isa: Isa,
    pool: &Pool,
    after: After,
    x: &[T],
    dy: &[T],
    by: Backward<'_, T>,
    sums: (&mut [T], &mut [T]),
    partial: &mut [T],
    dx: Option<&mut [T]>,
) {
    let (dgamma, dbeta) = sums;
    gradient_sums(isa, pool, after, x, dy, by, (&mut *dgamma, &mut *dbeta), partial);
    if let Some(dx) = dx {
        input_gradient(isa, pool, after, x, dy, by, (dgamma, dbeta), dx);
    }
}
