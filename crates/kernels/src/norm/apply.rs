//! Normalising with an activation and a sum in the same pass, and its gradient.

use super::statistics::merge;
use super::{After, BLOCK_ROWS, TASK, Tiled, partial_len, rows_of, together};
use crate::simd::{Arith, Kernel, dispatch};
use crate::{Isa, Pool, Real};

/// What one channel is normalised with; slices of one length.
#[derive(Clone, Copy, Debug)]
pub struct Channels<'a, T> {
    /// Mean.
    pub mean: &'a [T],
    /// γ / √(variance + eps).
    pub scale: &'a [T],
    /// Shift β.
    pub beta: &'a [T],
}

impl<T: Real> Channels<'_, T> {
    fn count(&self) -> usize {
        let n = self.mean.len();
        assert!(self.scale.len() == n && self.beta.len() == n, "the channel vectors differ in length");
        n
    }
}

/// [`After`] as a type, so that each gets loops of its own.
trait Tail: Copy {
    /// Whether a gradient depends on the value.
    const MASKS: bool;
    fn value<T: Real>(v: T) -> T;
    /// `g` where the value before the activation lets it through.
    fn gradient<T: Real>(g: T, v: T) -> T;
}

#[derive(Clone, Copy)]
struct Nothing;
#[derive(Clone, Copy)]
struct Relu;
#[derive(Clone, Copy)]
struct Relu6;

impl Tail for Nothing {
    const MASKS: bool = false;
    #[inline(always)]
    fn value<T: Real>(v: T) -> T {
        v
    }
    #[inline(always)]
    fn gradient<T: Real>(g: T, _: T) -> T {
        g
    }
}

impl Tail for Relu {
    const MASKS: bool = true;
    #[inline(always)]
    fn value<T: Real>(v: T) -> T {
        if v <= T::ZERO { T::ZERO } else { v }
    }
    #[inline(always)]
    fn gradient<T: Real>(g: T, v: T) -> T {
        if v <= T::ZERO { T::ZERO } else { g }
    }
}

impl Tail for Relu6 {
    const MASKS: bool = true;
    #[inline(always)]
    fn value<T: Real>(v: T) -> T {
        let six = T::from_f64(6.0);
        let v = if v <= T::ZERO { T::ZERO } else { v };
        if v > six { six } else { v }
    }
    #[inline(always)]
    fn gradient<T: Real>(g: T, v: T) -> T {
        let g = if v <= T::ZERO { T::ZERO } else { g };
        if v >= T::from_f64(6.0) { T::ZERO } else { g }
    }
}

/// Runs a kernel that has a [`Tail`]: `with_tail!(after, F => expression)`.
macro_rules! with_tail {
    ($after:expr, $f:ident => $run:expr) => {
        match $after {
            After::Nothing => {
                let $f = Nothing;
                $run
            }
            After::Relu => {
                let $f = Relu;
                $run
            }
            After::Relu6 => {
                let $f = Relu6;
                $run
            }
        }
    };
}

struct Normalize<'a, T, F> {
    x: &'a [T],
    by: Channels<'a, T>,
    add: Option<&'a [T]>,
    y: &'a mut [T],
    tail: F,
}

#[inline(always)]
fn normalized<T: Real>(x: T, mean: T, scale: T, beta: T) -> T {
    (x - mean) * scale + beta
}

// The row functions take references as parameters: the compiler then knows that
// they do not overlap and need not ask for each row.

#[inline(always)]
fn normalize_row<T: Real, F: Tail>(x: &[T], [mean, scale, beta]: [&[T]; 3], y: &mut [T]) {
    let channels = mean.iter().zip(scale).zip(beta);
    for ((y, x), ((m, s), b)) in y.iter_mut().zip(x).zip(channels) {
        *y = F::value(normalized(*x, *m, *s, *b));
    }
}

#[inline(always)]
fn normalize_add_row<T: Real, F: Tail>(x: &[T], add: &[T], [mean, scale, beta]: [&[T]; 3], y: &mut [T]) {
    let channels = mean.iter().zip(scale).zip(beta);
    for (((y, x), add), ((m, s), b)) in y.iter_mut().zip(x).zip(add).zip(channels) {
        *y = F::value(normalized(*x, *m, *s, *b) + *add);
    }
}

impl<T: Real, F: Tail> Kernel for Normalize<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let _ = self.tail;
        let channels = self.by.mean.len();
        let group = together(channels) * channels;
        let by = [Tiled::new(self.by.mean), Tiled::new(self.by.scale), Tiled::new(self.by.beta)];
        let pairs = self.x.chunks(group).zip(self.y.chunks_mut(group));
        match self.add {
            None => {
                for (x, y) in pairs {
                    let n = x.len();
                    normalize_row::<T, F>(x, [by[0].get(n), by[1].get(n), by[2].get(n)], y);
                }
            }
            Some(add) => {
                for ((x, y), add) in pairs.zip(add.chunks(group)) {
                    let n = x.len();
                    normalize_add_row::<T, F>(x, add, [by[0].get(n), by[1].get(n), by[2].get(n)], y);
                }
            }
        }
    }
}

/// y = after((x − mean) · scale + β + `add`) for any number of rows.
///
/// # Panics
/// If a length differs.
pub fn normalize<T: Real>(
    isa: Isa,
    pool: &Pool,
    after: After,
    x: &[T],
    by: Channels<'_, T>,
    add: Option<&[T]>,
    y: &mut [T],
) {
    let channels = by.count();
    rows_of(channels, x);
    assert_eq!(x.len(), y.len(), "input and output differ in length");
    assert!(add.is_none_or(|add| add.len() == x.len()), "the sum's operands differ in length");
    let piece = TASK.div_ceil(channels) * channels;
    pool.chunks_mut(y, piece, |i, y| {
        let at = i * piece..i * piece + y.len();
        let (x, add) = (&x[at.clone()], add.map(|add| &add[at]));
        with_tail!(after, tail => dispatch(isa, Normalize { x, by, add, y, tail }));
    });
}

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
}

/// Per block and channel Σ ∂y · x̂ and Σ ∂y, ∂y with respect to the value before the
/// activation.
struct Sums<'a, T, F> {
    x: &'a [T],
    dy: &'a [T],
    by: Backward<'a, T>,
    partial: &'a mut [T],
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
    let count = TASK.div_ceil(block);
    pool.chunks_mut_back(partial, 2 * channels * count, |i, partial| {
        let at = i * count * block..x.len().min((i + 1) * count * block);
        let (x, dy) = (&x[at.clone()], &dy[at]);
        with_tail!(after, tail => dispatch(isa, Sums { x, dy, by, partial, tail }));
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
    pool.chunks_mut(dx, piece, |i, dx| {
        let at = i * piece..i * piece + dx.len();
        let (x, dy) = (&x[at.clone()], &dy[at]);
        with_tail!(after, tail => dispatch(isa, InputGrad { per_row, x, dy, by, sums, dx, tail }));
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
