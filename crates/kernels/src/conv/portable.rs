//! The gathered products in plain loops: for `f64`, and for processors without
//! a vectorised path. Same order as everywhere: k ascending.

use super::gather::Gather;
use crate::Real;
use crate::gemm::layout::Layout;
use crate::simd::{Arith, Kernel};

/// Rows that are written at once.
const ROWS: usize = 16;
/// Columns that are summed at once.
const WIDTH: usize = 16;

/// Scratch elements for an inner extent of at most `depth`.
pub(super) const fn scratch_len(depth: usize) -> usize {
    (ROWS + WIDTH) * depth
}

#[inline(always)]
fn fma<T: Real, A: Arith>(a: T, b: T, c: T) -> T {
    if A::FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// C = start + gather(image) · B; element (p, j) of B is `b[p · row + j · column]`.
pub(super) struct Rows<'a, T> {
    pub(super) gather: &'a Gather,
    pub(super) rows: usize,
    pub(super) image: &'a [T],
    pub(super) b: &'a [T],
    /// Strides of B.
    pub(super) strides: [usize; 2],
    pub(super) cols: usize,
    pub(super) bias: Option<&'a [T]>,
    pub(super) layout: &'a Layout,
    pub(super) scratch: &'a mut [T],
    pub(super) c: &'a mut [T],
}

impl<T: Real> Kernel for Rows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let k = self.gather.depth();
        let (block, strip) = self.scratch[..scratch_len(k)].split_at_mut(ROWS * k);
        for j0 in (0..self.cols).step_by(WIDTH) {
            let width = WIDTH.min(self.cols - j0);
            for (p, row) in strip.chunks_exact_mut(WIDTH).enumerate() {
                row.fill(T::ZERO);
                for (j, x) in row[..width].iter_mut().enumerate() {
                    *x = self.b[p * self.strides[0] + (j0 + j) * self.strides[1]];
                }
            }
            for r in (0..self.rows).step_by(ROWS) {
                let rows = ROWS.min(self.rows - r);
                self.gather.block(self.image, r..r + rows, 0..k, block, k);
                for (i, a) in block.chunks_exact(k).take(rows).enumerate() {
                    let mut sum = [T::ZERO; WIDTH];
                    if let Some(bias) = self.bias {
                        sum[..width].copy_from_slice(&bias[j0..j0 + width]);
                    }
                    for (x, row) in a.iter().zip(strip.chunks_exact(WIDTH)) {
                        for (s, y) in sum.iter_mut().zip(row) {
                            *s = fma::<T, A>(*x, *y, *s);
                        }
                    }
                    self.c[self.layout.at(r + i) + j0..][..width].copy_from_slice(&sum[..width]);
                }
            }
        }
    }
}

/// C = gᵀ · gather(image), rows of g `g_row` apart.
pub(super) struct Columns<'a, T> {
    pub(super) gather: &'a Gather,
    pub(super) rows: usize,
    pub(super) image: &'a [T],
    pub(super) g: &'a [T],
    pub(super) g_row: usize,
    pub(super) scratch: &'a mut [T],
    pub(super) c: &'a mut [T],
}

impl<T: Real> Kernel for Columns<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let k = self.gather.depth();
        let block = &mut self.scratch[..ROWS * k];
        self.c.fill(T::ZERO);
        for r in (0..self.rows).step_by(ROWS) {
            let rows = ROWS.min(self.rows - r);
            self.gather.block(self.image, r..r + rows, 0..k, block, k);
            for (i, row) in block.chunks_exact(k).take(rows).enumerate() {
                for (g, c) in self.g[(r + i) * self.g_row..].iter().zip(self.c.chunks_exact_mut(k)) {
                    for (c, x) in c.iter_mut().zip(row) {
                        *c = fma::<T, A>(*g, *x, *c);
                    }
                }
            }
        }
    }
}
