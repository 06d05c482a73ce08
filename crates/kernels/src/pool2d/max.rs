//! The gradient of the largest value of each window, whose position was not saved.

use super::{LANES, Pool2d};
use crate::simd::{Arith, Kernel, dispatch};
use crate::{Isa, Pool, Real};

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
        for i in 0..by.height.output() {
            let h = by.height.window(i);
            for j in 0..by.width.output() {
                let w = by.width.window(j);
                let out = (i * by.width.output() + j) * channels;
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
/// to the first of its largest values. `x` and `y` as in [`max_forward`](super::max_forward), without a clamp.
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
