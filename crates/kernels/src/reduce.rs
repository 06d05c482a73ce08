//! Sums, largest values and statistics.
//!
//! The order of every reduction is written here and depends on lengths alone:
//! element i goes to virtual lane i mod 16, each lane adds its elements in
//! index order, then lanes are combined as a tree: l + (l + 8), l + (l + 4),
//! l + (l + 2), l + (l + 1). Products are rounded before they are added, so all
//! instruction sets give the same bits.
//!
//! Not inside: sums over a batch-norm channel (`norm`), log-sum-exp (`softmax`).

mod columns;

pub(crate) use columns::add_column_sums;
pub use columns::{SUM_CHUNKS, column_sums, column_sums_of_many};

use std::array::from_fn;
use std::hint::black_box;

use crate::simd::{Arith, Kernel, dispatch};
use crate::{Isa, Pool, Real};

/// Virtual lanes of a reduction.
pub(crate) const LANES: usize = 16;

/// Combines the lanes as the module doc says.
#[inline(always)]
pub(crate) fn tree<T: Copy>(lanes: [T; LANES], combine: impl Fn(T, T) -> T) -> T {
    // Through memory: otherwise the compiler pairs the lanes as this tree does
    // already in the loop that fills them, and leaves it with vectors of two.
    let lanes = black_box(lanes);
    let eight: [T; 8] = from_fn(|l| combine(lanes[l], lanes[l + 8]));
    let four: [T; 4] = from_fn(|l| combine(eight[l], eight[l + 4]));
    combine(combine(four[0], four[2]), combine(four[1], four[3]))
}

/// `values[start..start + width]`, padded to 16 lanes. Reads beyond `width` (and
/// overwrites what it read) where the slice goes on, because that is one load.
#[inline(always)]
pub(crate) fn padded<T: Copy>(values: &[T], start: usize, width: usize, pad: T) -> [T; LANES] {
    let mut lanes = [pad; LANES];
    if let Some(chunk) = values.get(start..start + LANES) {
        for l in 0..LANES {
            // Loaded whether needed or not: a conditional load would be a branch.
            let x = chunk[l];
            lanes[l] = if l < width { x } else { pad };
        }
    } else {
        for (lane, x) in lanes.iter_mut().zip(&values[start..start + width]) {
            *lane = *x;
        }
    }
    lanes
}

/// Σ f(a[i], b[i]) over lanes of type `S`; f(0, 0) = 0.
struct Sum<'a, T, F>(&'a [T], &'a [T], F);

impl<T: Real, S: Real, F: Fn(T, T) -> S> Kernel for Sum<'_, T, F> {
    type Output = S;
    #[inline(always)]
    fn run<A: Arith>(self) -> S {
        let mut lanes = [S::ZERO; LANES];
        let (a, b) = (self.0.chunks_exact(LANES), self.1.chunks_exact(LANES));
        let rest = a.remainder().len();
        let whole = self.0.len() - rest;
        for (a, b) in a.zip(b) {
            for l in 0..LANES {
                lanes[l] += self.2(a[l], b[l]);
            }
        }
        let (a, b) = (padded(self.0, whole, rest, T::ZERO), padded(self.1, whole, rest, T::ZERO));
        for l in 0..LANES {
            lanes[l] += self.2(a[l], b[l]);
        }
        tree(lanes, |x, y| x + y)
    }
}

/// Σ x.
#[must_use]
pub fn sum<T: Real>(isa: Isa, values: &[T]) -> T {
    dispatch(isa, Sum(values, values, |x, _| x))
}

/// Σ x².
#[must_use]
pub fn sum_squares<T: Real>(isa: Isa, values: &[T]) -> T {
    dispatch(isa, Sum(values, values, |x, _| x * x))
}

/// Σ a b.
#[must_use]
pub fn dot<T: Real>(isa: Isa, a: &[T], b: &[T]) -> T {
    assert_eq!(a.len(), b.len(), "the factors differ in length");
    dispatch(isa, Sum(a, b, |x, y| x * y))
}

/// Σ x in double precision: for losses.
#[must_use]
pub fn sum_f64<T: Real>(isa: Isa, values: &[T]) -> f64 {
    dispatch(isa, Sum(values, values, |x: T, _| x.to_f64()))
}

/// Σ x² in double precision: for norms.
#[must_use]
pub fn sum_squares_f64<T: Real>(isa: Isa, values: &[T]) -> f64 {
    dispatch(isa, Sum(values, values, |x: T, _| x.to_f64() * x.to_f64()))
}

struct MaxAbs<'a, T>(&'a [T]);

impl<T: Real> Kernel for MaxAbs<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run<A: Arith>(self) -> T {
        let mut lanes = [T::ZERO; LANES];
        let chunks = self.0.chunks_exact(LANES);
        let rest = chunks.remainder().len();
        for chunk in chunks {
            for l in 0..LANES {
                lanes[l] = larger(lanes[l], chunk[l].abs());
            }
        }
        let last = padded(self.0, self.0.len() - rest, rest, T::ZERO);
        for l in 0..LANES {
            lanes[l] = larger(lanes[l], last[l].abs());
        }
        tree(lanes, larger)
    }
}

/// The largest |x|, 0 of nothing. NaN is passed over ([`Stats::non_finite`] counts it).
#[must_use]
pub fn max_abs<T: Real>(isa: Isa, values: &[T]) -> T {
    dispatch(isa, MaxAbs(values))
}

/// What [`Stats::of`] finds in one pass. Moments and extremes are those of the
/// finite values; they are 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// All values.
    pub count: usize,
    /// Mean.
    pub mean: f64,
    /// Standard deviation of the population (divided by n).
    pub std: f64,
    /// Root of the mean square.
    pub rms: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Largest absolute value.
    pub max_abs: f64,
    /// Values that are exactly 0 (or −0).
    pub zeros: usize,
    /// Infinities and NaN.
    pub non_finite: usize,
}

/// Values per block: counts of a block fit into the element type exactly.
const STATS_BLOCK: usize = 1 << 14;

struct Pass<'a, T> {
    values: &'a [T],
    shift: T,
}

/// Sums of (x − shift) and its square, extremes, counts; over finite values.
struct Lanes<T> {
    sum: [f64; LANES],
    squares: [f64; LANES],
    min: [T; LANES],
    max: [T; LANES],
    zeros: [T; LANES],
    finite: [T; LANES],
}

/// [`Lanes`] combined.
#[derive(Clone, Copy)]
struct Total<T> {
    sum: f64,
    squares: f64,
    min: T,
    max: T,
    zeros: f64,
    finite: f64,
}

#[inline(always)]
fn smaller<T: Real>(a: T, b: T) -> T {
    if b < a { b } else { a }
}

#[inline(always)]
fn larger<T: Real>(a: T, b: T) -> T {
    if b > a { b } else { a }
}

impl<T: Real> Lanes<T> {
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "lane by lane, as the module's order says")]
    fn add(&mut self, x: &[T; LANES], shift: T) {
        let mut safe = [T::ZERO; LANES];
        for l in 0..LANES {
            let finite = x[l].is_finite();
            safe[l] = if finite { x[l] } else { shift };
            self.finite[l] += if finite { T::ONE } else { T::ZERO };
            self.zeros[l] += if x[l] == T::ZERO { T::ONE } else { T::ZERO };
        }
        for l in 0..LANES {
            self.min[l] = smaller(self.min[l], safe[l]);
            self.max[l] = larger(self.max[l], safe[l]);
        }
        for l in 0..LANES {
            let d = safe[l].to_f64() - shift.to_f64();
            self.sum[l] += d;
            self.squares[l] += d * d;
        }
    }
}

impl<T: Real> Kernel for Pass<'_, T> {
    type Output = Total<T>;
    #[inline(always)]
    fn run<A: Arith>(self) -> Total<T> {
        let (zero, shift) = (T::ZERO, self.shift);
        let mut lanes = Lanes {
            sum: [0.0; LANES],
            squares: [0.0; LANES],
            min: [shift; LANES],
            max: [shift; LANES],
            zeros: [zero; LANES],
            finite: [zero; LANES],
        };
        let (chunks, rest) = self.values.as_chunks::<LANES>();
        for chunk in chunks {
            lanes.add(chunk, shift);
        }
        if !rest.is_empty() {
            // NaN is neither finite nor zero: it changes nothing.
            lanes.add(&padded(rest, 0, rest.len(), T::from_f64(f64::NAN)), shift);
        }
        Total {
            sum: tree(lanes.sum, |a, b| a + b),
            squares: tree(lanes.squares, |a, b| a + b),
            min: tree(lanes.min, smaller),
            max: tree(lanes.max, larger),
            zeros: tree(lanes.zeros, |a, b| a + b).to_f64(),
            finite: tree(lanes.finite, |a, b| a + b).to_f64(),
        }
    }
}

impl Stats {
    /// Statistics in one pass. Sums are taken in double precision around the
    /// first finite value, so that a large mean does not swallow the deviation;
    /// blocks of 16 384 values are combined in index order.
    #[must_use]
    pub fn of<T: Real>(isa: Isa, values: &[T]) -> Stats {
        let Some(shift) = first_finite(values) else { return Stats::of_nothing(values.len()) };
        let blocks = values.chunks(STATS_BLOCK).map(|values| dispatch(isa, Pass { values, shift }));
        Stats::combined(values.len(), shift, blocks)
    }

    /// [`Stats::of`] for many values, the blocks on all threads: the same bits.
    #[must_use]
    pub fn of_many<T: Real>(isa: Isa, pool: &Pool, values: &[T]) -> Stats {
        let Some(shift) = first_finite(values) else { return Stats::of_nothing(values.len()) };
        let mut blocks = vec![None; values.len().div_ceil(STATS_BLOCK)];
        pool.chunks_mut(&mut blocks, 1, |i, block| {
            let start = i * STATS_BLOCK;
            let values = &values[start..values.len().min(start + STATS_BLOCK)];
            block[0] = Some(dispatch(isa, Pass { values, shift }));
        });
        Stats::combined(values.len(), shift, blocks.into_iter().flatten())
    }

    fn of_nothing(count: usize) -> Stats {
        Stats { count, non_finite: count, ..Stats::default() }
    }

    /// From the totals of the blocks, in index order.
    fn combined<T: Real>(count: usize, shift: T, blocks: impl Iterator<Item = Total<T>>) -> Stats {
        let (mut sum, mut squares) = (0.0, 0.0);
        let (mut min, mut max) = (shift, shift);
        let (mut zeros, mut finite) = (0.0, 0.0);
        for part in blocks {
            sum += part.sum;
            squares += part.squares;
            min = smaller(min, part.min);
            max = larger(max, part.max);
            zeros += part.zeros;
            finite += part.finite;
        }
        let offset = sum / finite;
        let mean = shift.to_f64() + offset;
        let variance = (squares / finite - offset * offset).max(0.0);
        let (min, max) = (min.to_f64(), max.to_f64());
        Stats {
            count,
            mean,
            std: variance.sqrt(),
            rms: (variance + mean * mean).sqrt(),
            min,
            max,
            max_abs: min.abs().max(max.abs()),
            zeros: zeros as usize,
            non_finite: count - finite as usize,
        }
    }
}

fn first_finite<T: Real>(values: &[T]) -> Option<T> {
    values.iter().copied().find(|x| x.is_finite())
}

/// Counts values in equal bins over [low, high], the last bin with its upper
/// edge; others (and NaN) are not counted. Adds to what `bins` holds.
pub fn histogram<T: Real>(values: &[T], low: f64, high: f64, bins: &mut [u64]) {
    assert!(low < high, "an empty range of a histogram");
    assert!(!bins.is_empty(), "a histogram without bins");
    let last = bins.len() - 1;
    let per_width = bins.len() as f64 / (high - low);
    for x in values {
        let x = x.to_f64();
        if (low..=high).contains(&x) {
            bins[(((x - low) * per_width) as usize).min(last)] += 1;
        }
    }
}

#[cfg(test)]
#[path = "reduce_tests.rs"]
mod tests;
