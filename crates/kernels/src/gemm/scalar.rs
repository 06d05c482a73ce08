//! The twin of the vectorised product, and the portable path.

use super::{Mat, Start};
use crate::Real;
use crate::simd::{Arith, Portable};

/// C = start + A·B by the definition: the twin that every other path is tested
/// against, bit for bit. Uses a fused multiply-add on every target.
pub fn reference<T: Real>(a: Mat<'_, T>, b: Mat<'_, T>, start: Start<'_, T>, c: &mut [T]) {
    let n = b.cols;
    for i in 0..a.rows {
        for j in 0..n {
            let mut sum = match start {
                Start::Zero => T::ZERO,
                Start::Bias(bias) => bias[j],
                Start::Accumulate => c[i * n + j],
            };
            for p in 0..a.cols {
                let x = a.data[i * a.row_stride + p * a.col_stride];
                let y = b.data[p * b.row_stride + j * b.col_stride];
                sum = x.mul_add(y, sum);
            }
            c[i * n + j] = sum;
        }
    }
}

/// Columns that the portable path holds at once: small arrays that a compiler
/// keeps in vector registers.
const WIDTH: usize = 16;

/// The same product in an order of loops that compilers vectorise: a strip of
/// columns of B is copied so that it is contiguous, then each row of A walks it.
pub(super) fn gemm<T: Real>(a: Mat<'_, T>, b: Mat<'_, T>, start: Start<'_, T>, c: &mut [T]) {
    let (n, k) = (b.cols, a.cols);
    let mut strip = vec![[T::ZERO; WIDTH]; k];
    for j0 in (0..n).step_by(WIDTH) {
        let width = WIDTH.min(n - j0);
        for (p, row) in strip.iter_mut().enumerate() {
            for (j, x) in row[..width].iter_mut().enumerate() {
                *x = b.data[p * b.row_stride + (j0 + j) * b.col_stride];
            }
        }
        for (i, c) in c.chunks_exact_mut(n).enumerate() {
            let c = &mut c[j0..j0 + width];
            let mut sum = [T::ZERO; WIDTH];
            match start {
                Start::Zero => {}
                Start::Bias(bias) => sum[..width].copy_from_slice(&bias[j0..j0 + width]),
                Start::Accumulate => sum[..width].copy_from_slice(c),
            }
            for (p, row) in strip.iter().enumerate() {
                let x = a.data[i * a.row_stride + p * a.col_stride];
                for (s, y) in sum.iter_mut().zip(row) {
                    *s = T::portable_fma(x, *y, *s);
                }
            }
            c.copy_from_slice(&sum[..width]);
        }
    }
}

/// `Real::mul_add` where it is one instruction, two operations elsewhere.
trait PortableFma: Real {
    fn portable_fma(a: Self, b: Self, c: Self) -> Self;
}

impl<T: Real> PortableFma for T {
    #[inline(always)]
    fn portable_fma(a: T, b: T, c: T) -> T {
        if Portable::FUSED { a.mul_add(b, c) } else { a * b + c }
    }
}
