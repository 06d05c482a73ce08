//! Local response normalisation over the channels of each pixel.
//!
//! A pixel is a row of `channels` values. Rows are independent; tasks are
//! blocks of rows. A sum over neighbouring channels runs upwards.

use crate::simd::{Arith, Kernel, dispatch};
use crate::{Isa, Pool, Real, elementwise};

/// Elements of a task.
const TASK: usize = 1 << 13;

/// The constants of the formula d = k + alpha/size · Σ x², y = x · d^−beta.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lrn {
    /// Channels of a pixel.
    pub channels: usize,
    /// Channels of a window: `size / 2` before, `(size − 1) / 2` after.
    pub size: usize,
    /// Factor of the mean of squares.
    pub alpha: f64,
    /// Exponent.
    pub beta: f64,
    /// Offset.
    pub k: f64,
}

impl Lrn {
    fn task_len(&self) -> usize {
        TASK.div_ceil(self.channels) * self.channels
    }

    fn check<T>(&self, x: &[T], y: &[T]) {
        assert!(self.channels > 0 && self.size > 0, "channels and window");
        assert_eq!(x.len() % self.channels, 0, "whole pixels");
        assert_eq!(x.len(), y.len(), "input and output differ in length");
    }
}

/// Per row: `out[c]` = Σ `f(x[c'])` for c − before ≤ c' ≤ c + after.
struct WindowSums<'a, T, F> {
    channels: usize,
    before: usize,
    after: usize,
    x: &'a [T],
    out: &'a mut [T],
    f: F,
}

impl<T: Real, F: Fn(T) -> T> Kernel for WindowSums<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let channels = self.channels;
        let (before, after) = (self.before.min(channels - 1), self.after.min(channels - 1));
        for (x, out) in self.x.chunks_exact(channels).zip(self.out.chunks_exact_mut(channels)) {
            out.fill(T::ZERO);
            // The neighbour `shift` channels below, then the one itself, then those above.
            for shift in (1..=before).rev() {
                for (out, x) in out[shift..].iter_mut().zip(x) {
                    *out += (self.f)(*x);
                }
            }
            for shift in 0..=after {
                for (out, x) in out.iter_mut().zip(&x[shift..]) {
                    *out += (self.f)(*x);
                }
            }
        }
    }
}

/// values = values^exponent, for positive values.
fn power<T: Real>(isa: Isa, exponent: f64, values: &mut [T]) {
    elementwise::log(isa, values);
    elementwise::scale(isa, T::from_f64(exponent), values);
    elementwise::exp(isa, values);
}

/// `d` = k + alpha/size · Σ x² over each window.
pub fn denominators<T: Real>(isa: Isa, pool: &Pool, by: &Lrn, x: &[T], d: &mut [T]) {
    by.check(x, d);
    let (factor, k) = (T::from_f64(by.alpha / by.size as f64), T::from_f64(by.k));
    let len = by.task_len();
    pool.chunks_mut(d, len, |i, d| {
        let x = &x[i * len..][..d.len()];
        let (before, after) = (by.size / 2, (by.size - 1) / 2);
        let f = |x: T| x * x;
        dispatch(isa, WindowSums { channels: by.channels, before, after, x, out: d, f });
        elementwise::each(isa, d, move |sum| factor * sum + k);
    });
}

/// `y` = x · d^−beta. `y` holds d before.
pub fn divide<T: Real>(isa: Isa, pool: &Pool, by: &Lrn, x: &[T], y: &mut [T]) {
    by.check(x, y);
    let len = by.task_len();
    pool.chunks_mut(y, len, |i, y| {
        power(isa, -by.beta, y);
        elementwise::mul_assign(isa, y, &x[i * len..][..y.len()]);
    });
}

/// `grad` = g · d^−beta − 2·alpha·beta/size · x · Σ t over the windows that
/// contain the channel, with t = g·x·d^(−beta − 1). `t` is scratch as long as `x`.
#[allow(clippy::too_many_arguments, reason = "the arguments of the formula")]
pub fn backward<T: Real>(
    isa: Isa,
    pool: &Pool,
    by: &Lrn,
    x: &[T],
    d: &[T],
    g: &[T],
    t: &mut [T],
    grad: &mut [T],
) {
    by.check(x, grad);
    assert!(d.len() == x.len() && g.len() == x.len() && t.len() == x.len(), "as long as the input");
    let len = by.task_len();
    let part = |all: &mut [T], i: usize, of: &[T]| all.copy_from_slice(&of[i * len..][..all.len()]);
    // The direct term in `grad`.
    pool.chunks_mut(grad, len, |i, grad| {
        part(grad, i, d);
        power(isa, -by.beta, grad);
        elementwise::mul_assign(isa, grad, &g[i * len..][..grad.len()]);
    });
    let direct = &*grad;
    pool.chunks_mut(t, len, |i, t| {
        part(t, i, direct);
        elementwise::mul_assign(isa, t, &x[i * len..][..t.len()]);
        elementwise::each_pair(isa, t, &d[i * len..][..t.len()], |t, d| t / d);
    });
    let t = &*t;
    let factor = T::from_f64(-2.0 * by.alpha * by.beta / by.size as f64);
    let (before, after) = ((by.size - 1) / 2, by.size / 2);
    pool.chunks_mut(grad, len, |i, grad| {
        let (x, t) = (&x[i * len..][..grad.len()], &t[i * len..][..grad.len()]);
        dispatch(isa, Spread { channels: by.channels, before, after, factor, x, t, grad });
    });
}

/// Per row: `grad[c] += factor · x[c] · Σ t[c']` over the window.
struct Spread<'a, T> {
    channels: usize,
    before: usize,
    after: usize,
    factor: T,
    x: &'a [T],
    t: &'a [T],
    grad: &'a mut [T],
}

/// Channels whose sums are held at once.
const LANES: usize = 64;

impl<T: Real> Kernel for Spread<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let Spread { channels, before, after, factor, .. } = self;
        let (before, after) = (before.min(channels - 1), after.min(channels - 1));
        let rows = self.x.chunks_exact(channels).zip(self.t.chunks_exact(channels));
        for ((x, t), grad) in rows.zip(self.grad.chunks_exact_mut(channels)) {
            for from in (0..channels).step_by(LANES) {
                let end = (from + LANES).min(channels);
                let mut sums = [T::ZERO; LANES];
                let sums = &mut sums[..end - from];
                for shift in (1..=before).rev() {
                    // Channel c sees t[c − shift].
                    let first = from.max(shift);
                    if first < end {
                        for (sum, t) in sums[first - from..].iter_mut().zip(&t[first - shift..]) {
                            *sum += *t;
                        }
                    }
                }
                for shift in 0..=after {
                    if from + shift < channels {
                        for (sum, t) in sums.iter_mut().zip(&t[from + shift..]) {
                            *sum += *t;
                        }
                    }
                }
                for ((grad, x), sum) in grad[from..end].iter_mut().zip(&x[from..end]).zip(sums.iter()) {
                    *grad += factor * *x * *sum;
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "lrn_tests.rs"]
mod tests;
