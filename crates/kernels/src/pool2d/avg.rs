//! The mean of each window.

use super::{LANES, Pool2d};
use crate::simd::{Arith, Kernel, dispatch};
use crate::{Isa, Pool, Real};

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
        for (i, row) in y.chunks_exact_mut(by.width.output() * channels).enumerate() {
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
        for i in 0..by.height.output() {
            let h = by.height.window(i);
            for j in 0..by.width.output() {
                let w = by.width.window(j);
                let divisor = Pool2d::divisor::<T>(h, w, count_padding);
                let out = (i * by.width.output() + j) * channels;
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
