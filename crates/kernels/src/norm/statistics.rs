//! Mean and squared differences of each channel, in one pass over memory.

use super::vectors::{Adding, Columns, Next, Squares};
use super::{BLOCK_ROWS, Sums, TASK, Tiled, partial_len, rows_of, together};
use crate::lanes::Lanes;
use crate::simd::{Arith, Kernel, VectorKernel, dispatch, dispatch_vectors};
use crate::{Isa, Pool, Real};

/// Channels per accumulator of the merging.
const TILE: usize = 16;

/// Per block and channel: Σ x, then Σ (x − m)² with m the block's own mean.
struct Blocks<'a, T> {
    channels: usize,
    x: &'a [T],
    /// Two rows of channels for each block.
    partial: &'a mut [T],
    next: Next,
}

/// The mean of a block from its sum, as every part here computes it.
#[inline(always)]
fn block_mean<T: Real>(sum: T, share: T) -> T {
    sum * share
}

/// 1 / rows of a block.
#[inline(always)]
fn share<T: Real>(rows: usize) -> T {
    T::from_f64(1.0 / rows as f64)
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
fn add_square_row<T: Real>(x: &[T], sum: &[T], share: T, squares: &mut [T]) {
    for ((s, x), sum) in squares.iter_mut().zip(x).zip(sum) {
        let d = *x - block_mean(*sum, share);
        *s += d * d;
    }
}

impl<T: Real> Kernel for Blocks<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let channels = self.channels;
        let group = together(channels) * channels;
        let blocks = self.x.chunks(BLOCK_ROWS * channels);
        for (block, to) in blocks.zip(self.partial.chunks_exact_mut(2 * channels)) {
            let (sum, squares) = to.split_at_mut(channels);
            let mut sums = Sums::new(sum);
            for x in block.chunks(group) {
                add_row(x, sums.get(x.len()));
            }
            sums.fold();
            let (sum, share) = (Tiled::new(sum), share(block.len() / channels));
            let mut squares = Sums::new(squares);
            for x in block.chunks(group) {
                add_square_row(x, sum.get(x.len()), share, squares.get(x.len()));
            }
            squares.fold();
        }
    }
}

impl VectorKernel for Blocks<'_, f32> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let channels = self.channels;
        let width = together(channels) * channels;
        let blocks = self.x.chunks(BLOCK_ROWS * channels);
        let count = blocks.len();
        for ((b, block), to) in blocks.enumerate().zip(self.partial.chunks_exact_mut(2 * channels)) {
            let (sum, squares) = to.split_at_mut(channels);
            let next = self.next.of_block(b, count, BLOCK_ROWS * channels);
            let (x, rest) = block.split_at(block.len() / width * width);
            let mut sums = Sums::new(sum);
            for (at, columns) in Columns::of(x.len(), width, next) {
                let mut adding = Adding { x: &x[at], to: sums.get(width) };
                // SAFETY: the caller has the instruction set.
                unsafe { columns.each::<V>(&mut adding, 8) };
            }
            add_row(rest, sums.get(rest.len()));
            sums.fold();
            let (sum, share) = (Tiled::new(sum), share(block.len() / channels));
            let mut squares = Sums::new(squares);
            for (at, columns) in Columns::of(x.len(), width, Next::Near) {
                let mut adding = Squares { x: &x[at], sum: sum.get(width), share, to: squares.get(width) };
                // SAFETY: the caller has the instruction set.
                unsafe { columns.each::<V>(&mut adding, V::LANES / 2) };
            }
            add_square_row(rest, sum.get(rest.len()), share, squares.get(rest.len()));
            squares.fold();
        }
    }
}

/// Merges the blocks of some channels.
struct Merge<'a, T> {
    rows: usize,
    channels: usize,
    first: usize,
    partial: &'a [T],
    mean: &'a mut [T],
    squares: &'a mut [T],
}

impl<T: Real> Kernel for Merge<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        let (channels, width) = (self.channels, self.mean.len());
        let blocks = self.partial.chunks_exact(2 * channels);
        let mut mean = [0.0; TILE];
        for block in blocks.clone() {
            for (mean, sum) in mean.iter_mut().zip(&block[self.first..][..width]) {
                *mean += sum.to_f64();
            }
        }
        for (to, mean) in self.mean.iter_mut().zip(&mut mean) {
            *mean /= self.rows as f64;
            *to = T::from_f64(*mean);
        }
        let mut squares = [0.0; TILE];
        for (b, block) in blocks.enumerate() {
            let rows = BLOCK_ROWS.min(self.rows - b * BLOCK_ROWS);
            let (sum, own) = block.split_at(channels);
            let values = sum[self.first..][..width].iter().zip(&own[self.first..][..width]);
            for ((squares, mean), (sum, own)) in squares.iter_mut().zip(&mean).zip(values) {
                let around = block_mean(*sum, share(rows)).to_f64();
                let (n, apart) = (rows as f64, around - mean);
                // The block's mean is rounded: what is left of its sum counts too.
                let rest = sum.to_f64() - n * around;
                *squares += own.to_f64() + apart * (2.0 * rest + n * apart);
            }
        }
        for (to, squares) in self.squares.iter_mut().zip(squares) {
            *to = T::from_f64(squares);
        }
    }
}

/// What [`statistics`] writes for each channel.
#[derive(Debug)]
pub struct Statistics<'a, T> {
    /// Mean.
    pub mean: &'a mut [T],
    /// Σ (x − mean)².
    pub squares: &'a mut [T],
    /// Scratch of [`partial_len`] elements.
    pub partial: &'a mut [T],
}

/// Mean and summed squares of the differences from it, of each channel.
///
/// # Panics
/// If a length differs, or there are no rows.
pub fn statistics<T: Real>(isa: Isa, pool: &Pool, x: &[T], to: Statistics<'_, T>) {
    let channels = to.mean.len();
    let rows = rows_of(channels, x);
    assert!(rows > 0, "statistics of no rows");
    assert_eq!(to.squares.len(), channels, "the channel vectors differ in length");
    assert_eq!(to.partial.len(), partial_len(rows, channels), "block sums");
    let block = BLOCK_ROWS * channels;
    let (count, next) = (TASK.div_ceil(block), Next::of(x.len()));
    pool.chunks_mut_back(to.partial, 2 * channels * count, |i, partial| {
        let end = x.len().min((i + 1) * count * block);
        let x = &x[i * count * block..end];
        if isa != Isa::SCALAR
            && let (Some(x), Some(partial)) = (T::as_f32(x), T::as_f32_mut(partial))
        {
            return dispatch_vectors(isa, Blocks { channels, x, partial, next });
        }
        dispatch(isa, Blocks { channels, x, partial, next });
    });
    let partial = &*to.partial;
    merge(pool, to.mean, to.squares, |first, mean, squares| {
        dispatch(isa, Merge { rows, channels, first, partial, mean, squares });
    });
}

/// Calls `task(first channel, piece of a, piece of b)` for tiles of two channel
/// vectors, in parallel if there is enough to do.
pub(super) fn merge<T: Real>(
    pool: &Pool,
    a: &mut [T],
    b: &mut [T],
    task: impl Fn(usize, &mut [T], &mut [T]) + Sync,
) {
    pool.pieces_mut([a, b], TILE, |i, [a, b]| task(i * TILE, a, b));
}
