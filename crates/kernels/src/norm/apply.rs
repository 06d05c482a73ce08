//! Normalising with an activation and a sum in the same pass.

use super::tail::{Nothing, Relu, Relu6, Tail, with_tail};
use super::vectors::{Columns, Next, Normalizing};
use super::{After, TASK, Tiled, rows_of, together};
use crate::lanes::{Lanes, streamed};
use crate::memory::bypasses;
use crate::simd::{Arith, Kernel, VectorKernel, dispatch, dispatch_vectors};
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

    fn as_f32(&self) -> Option<Channels<'_, f32>> {
        let [mean, scale, beta] = [self.mean, self.scale, self.beta].map(T::as_f32);
        Some(Channels { mean: mean?, scale: scale?, beta: beta? })
    }
}

struct Normalize<'a, T, F> {
    x: &'a [T],
    by: Channels<'a, T>,
    add: Option<&'a [T]>,
    y: &'a mut [T],
    /// Elements of all tasks.
    total: usize,
    tail: F,
}

#[inline(always)]
pub(super) fn normalized<T: Real>(x: T, mean: T, scale: T, beta: T) -> T {
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

impl<F: Tail> VectorKernel for Normalize<'_, f32, F> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let channels = self.by.mean.len();
        let width = together(channels) * channels;
        let by = [self.by.mean, self.by.scale, self.by.beta].map(Tiled::new);
        let stream = bypasses(self.total, width, V::LANES, self.y.as_ptr());
        for (at, columns) in Columns::of(self.x.len(), width, Next::of(self.total)) {
            let mut normalizing = Normalizing {
                x: &self.x[at.clone()],
                add: self.add.map(|add| &add[at.clone()]),
                by: [by[0].get(columns.width), by[1].get(columns.width), by[2].get(columns.width)],
                y: &mut self.y[at],
                stream,
                tail: self.tail,
            };
            // SAFETY: the caller has the instruction set.
            unsafe { columns.each::<V>(&mut normalizing, V::LANES / 4) };
        }
        if stream {
            streamed();
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
    let total = y.len();
    pool.chunks_mut(y, piece, |i, y| {
        let at = i * piece..i * piece + y.len();
        let (x, add) = (&x[at.clone()], add.map(|add| &add[at]));
        if isa != Isa::SCALAR
            && let (Some(x), Some(by), Some(y)) = (T::as_f32(x), by.as_f32(), T::as_f32_mut(&mut *y))
        {
            let add = add.and_then(T::as_f32);
            return with_tail!(after, tail => dispatch_vectors(isa, Normalize { x, by, add, y, total, tail }));
        }
        with_tail!(after, tail => dispatch(isa, Normalize { x, by, add, y, total, tail }));
    });
}
