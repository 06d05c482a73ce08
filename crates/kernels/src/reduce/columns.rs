//! Sums of the columns of a matrix, row after row.

use super::{LANES, padded};
use crate::simd::{Arith, Kernel, dispatch};
use crate::{Isa, Pool, Real};

struct ColumnSums<'a, T> {
    matrix: &'a [T],
    out: &'a mut [T],
    /// Whether they are added to what is there.
    more: bool,
}

impl<T: Real> ColumnSums<'_, T> {
    /// W columns from `start` on and, with `REST`, fewer than a vector behind them, their
    /// sums in registers.
    #[inline(always)]
    fn tile<const W: usize, const REST: bool>(&mut self, start: usize) {
        let cols = self.out.len();
        let (mut sums, mut last) = ([T::ZERO; W], [T::ZERO; LANES]);
        let rest = if REST { cols - start - W } else { 0 };
        if self.more {
            sums.copy_from_slice(&self.out[start..start + W]);
            last[..rest].copy_from_slice(&self.out[start + W..][..rest]);
        }
        for (r, row) in self.matrix.chunks_exact(cols).enumerate() {
            let row = &row[start..start + W];
            for l in 0..W {
                sums[l] += row[l];
            }
            if REST {
                let x = padded(self.matrix, r * cols + start + W, rest, T::ZERO);
                for l in 0..LANES {
                    last[l] += x[l];
                }
            }
        }
        self.out[start..start + W].copy_from_slice(&sums);
        self.out[start + W..][..rest].copy_from_slice(&last[..rest]);
    }
}

impl<T: Real> Kernel for ColumnSums<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(mut self) {
        let cols = self.out.len();
        let mut start = 0;
        while start + 4 * LANES <= cols {
            self.tile::<{ 4 * LANES }, false>(start);
            start += 4 * LANES;
        }
        match ((cols - start) / LANES, !(cols - start).is_multiple_of(LANES)) {
            (3, true) => self.tile::<{ 3 * LANES }, true>(start),
            (3, false) => self.tile::<{ 3 * LANES }, false>(start),
            (2, true) => self.tile::<{ 2 * LANES }, true>(start),
            (2, false) => self.tile::<{ 2 * LANES }, false>(start),
            (1, true) => self.tile::<LANES, true>(start),
            (1, false) => self.tile::<LANES, false>(start),
            (_, true) => self.tile::<0, true>(start),
            (_, false) => {}
        }
    }
}

/// `out[c]` = Σ over rows of `matrix[r, c]`, in row order (the gradient of a bias).
pub fn column_sums<T: Real>(isa: Isa, rows: usize, cols: usize, matrix: &[T], out: &mut [T]) {
    assert_eq!(matrix.len(), rows * cols, "the matrix is not rows x columns");
    assert_eq!(out.len(), cols, "one sum per column");
    if cols > 0 {
        dispatch(isa, ColumnSums { matrix, out, more: false });
    }
}

/// `out[c]` += Σ over rows of `matrix[r, c]`, row by row.
pub(crate) fn add_column_sums<T: Real>(isa: Isa, matrix: &[T], out: &mut [T]) {
    assert_eq!(matrix.len() % out.len(), 0, "the matrix has no whole rows");
    dispatch(isa, ColumnSums { matrix, out, more: true });
}

/// Most partial sums of a column in [`column_sums_of_many`].
pub const SUM_CHUNKS: usize = 16;

/// Rows that are worth a chunk of their own.
const CHUNK_ROWS: usize = 1 << 12;

/// [`column_sums`] for many rows: in at most [`SUM_CHUNKS`] chunks of rows, whose number
/// depends on the shape alone and whose sums are added in order. `partial` is scratch of
/// at least [`SUM_CHUNKS`] · `cols` elements.
pub fn column_sums_of_many<T: Real>(
    isa: Isa,
    pool: &Pool,
    rows: usize,
    cols: usize,
    matrix: &[T],
    partial: &mut [T],
    out: &mut [T],
) {
    assert_eq!(matrix.len(), rows * cols, "the matrix is not rows x columns");
    assert_eq!(out.len(), cols, "one sum per column");
    let chunks = (rows / CHUNK_ROWS).clamp(1, SUM_CHUNKS);
    if chunks == 1 || cols == 0 {
        return column_sums(isa, rows, cols, matrix, out);
    }
    let rows_of = rows.div_ceil(chunks);
    let partial = &mut partial[..rows.div_ceil(rows_of) * cols];
    pool.chunks_mut(partial, cols, |i, sums| {
        let at = i * rows_of * cols..matrix.len().min((i + 1) * rows_of * cols);
        let matrix = &matrix[at];
        column_sums(isa, matrix.len() / cols, cols, matrix, sums);
    });
    column_sums(isa, partial.len() / cols, cols, partial, out);
}
