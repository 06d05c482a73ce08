//! The passes over memory on whole vectors, for `f32`: the same operations in the same
//! order as the plain loops, whose rows of a hundred channels would end in elements that
//! no vector takes.

use super::tail::Tail;
use crate::lanes::{Lanes, prefetch_near};
use std::ops::Range;

/// `n` elements: a `WHOLE` vector or its beginning.
///
/// # Safety
/// The processor has the instruction set, and `n` elements can be read.
#[inline(always)]
unsafe fn load<V: Lanes, const WHOLE: bool>(from: *const f32, n: usize) -> V {
    // SAFETY: the caller's.
    unsafe { if WHOLE { V::load(from) } else { V::load_first(from, n) } }
}

/// [`store`], past the caches if `stream` and it is a whole vector; then on a multiple of
/// the vector's size.
///
/// # Safety
/// As [`store`].
#[inline(always)]
unsafe fn put<V: Lanes, const WHOLE: bool>(value: V, stream: bool, to: *mut f32, n: usize) {
    // SAFETY: the caller's.
    unsafe { if WHOLE && stream { value.stream(to) } else { store::<V, WHOLE>(value, to, n) } }
}

/// # Safety
/// As [`load`], to write.
#[inline(always)]
unsafe fn store<V: Lanes, const WHOLE: bool>(value: V, to: *mut f32, n: usize) {
    // SAFETY: the caller's.
    unsafe { if WHOLE { value.store(to) } else { value.store_first(to, n) } }
}

/// Elements of a block, about: while it is walked, as many of the next are asked for.
const BLOCK: usize = 1 << 11;
/// Tensors of so many elements are in no core's cache.
const FAR: usize = 1 << 20;

/// Columns of a group of rows, which a [`Down`] walks from its first group to the last.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    /// Elements of a group.
    pub(super) width: usize,
    pub(super) groups: usize,
    /// From the first element to the first that is asked for meanwhile, in the order in
    /// which it lies; or 0.
    ahead: isize,
}

/// What a task goes on with.
#[derive(Clone, Copy)]
pub(super) enum Next {
    /// Nothing is to be asked for.
    Near,
    Behind,
    /// At the end of these elements what begins so many in front of them
    /// ([`crate::Pool::chunks_mut_back`]), before that what lies behind.
    InFront(usize),
}

impl Next {
    /// Behind, if a tensor of `len` elements may lie in memory.
    pub(super) fn of(len: usize) -> Next {
        if len < FAR { Next::Near } else { Next::Behind }
    }

    /// For block `at` of `count` blocks of `len` elements, of which a task has `count` and
    /// the next task those in front of them.
    pub(super) fn of_block(self, at: usize, count: usize, len: usize) -> Next {
        match self {
            Next::Behind if at + 1 == count => Next::InFront((at + count) * len),
            same => same,
        }
    }
}

/// What happens to the elements of some neighbouring columns, group after group.
pub(super) trait Down {
    /// N vectors from column `at` on, of which the last has `n` elements.
    ///
    /// # Safety
    /// As [`load`]; the columns lie inside all groups.
    unsafe fn walk<V: Lanes, const N: usize, const WHOLE: bool>(
        &mut self,
        columns: Columns,
        at: usize,
        n: usize,
    );
}

impl Columns {
    /// So many elements, cut into blocks of whole groups and what is left, a group of its own.
    #[inline(always)]
    pub(super) fn of(len: usize, width: usize, next: Next) -> impl Iterator<Item = (Range<usize>, Columns)> {
        let whole = len / width * width;
        let most = if matches!(next, Next::Near) { whole.max(1) } else { (BLOCK / width).max(1) * width };
        let cut = move |at: usize| (at, most.min(whole - at), width);
        let rest = (whole < len).then_some((whole, len - whole, len - whole));
        (0..whole).step_by(most).map(cut).chain(rest).map(move |(at, size, width)| {
            let ahead = match next {
                Next::Near => 0,
                Next::InFront(back) if at + size >= whole => -((at + back) as isize),
                Next::Behind | Next::InFront(_) => size as isize,
            };
            (at..at + size, Columns { width, groups: size / width, ahead })
        })
    }

    /// What lies `ahead` of N vectors of group `group` from column `at` on, if blocks are
    /// asked for from one end to the other.
    #[inline(always)]
    fn ask<V: Lanes, const N: usize>(self, of: *const f32, at: usize, group: usize) {
        if self.ahead != 0 {
            let done = at * self.groups + group * N * V::LANES;
            prefetch_near(of.wrapping_offset(self.ahead).wrapping_add(done), N * V::LANES);
        }
    }

    /// All columns, at most `most` vectors (8, 4 or 2) at a time.
    ///
    /// # Safety
    /// The processor has the instruction set of `V`; the slices of `each` hold the groups.
    #[inline(always)]
    pub(super) unsafe fn each<V: Lanes>(self, each: &mut impl Down, most: usize) {
        let mut at = 0;
        let left = |at: usize| (self.width - at) / V::LANES;
        // SAFETY: the caller's; columns are counted.
        unsafe {
            while left(at) >= 8 && most >= 8 {
                each.walk::<V, 8, true>(self, at, V::LANES);
                at += 8 * V::LANES;
            }
            while left(at) >= 4 && most >= 4 {
                each.walk::<V, 4, true>(self, at, V::LANES);
                at += 4 * V::LANES;
            }
            while left(at) >= 2 {
                each.walk::<V, 2, true>(self, at, V::LANES);
                at += 2 * V::LANES;
            }
            if left(at) == 1 {
                each.walk::<V, 1, true>(self, at, V::LANES);
                at += V::LANES;
            }
            if at < self.width {
                each.walk::<V, 1, false>(self, at, self.width - at);
            }
        }
    }
}

/// Adds each column of `x` to `to`.
pub(super) struct Adding<'a> {
    pub(super) x: &'a [f32],
    pub(super) to: &'a mut [f32],
}

impl Down for Adding<'_> {
    #[inline(always)]
    unsafe fn walk<V: Lanes, const N: usize, const WHOLE: bool>(&mut self, by: Columns, at: usize, n: usize) {
        let end = at + (N - 1) * V::LANES + n;
        assert!(by.groups * by.width <= self.x.len() && end <= by.width && end <= self.to.len());
        // SAFETY: asserted.
        unsafe {
            let [mut sums] = rows::<V, 1, N, WHOLE>([&*self.to], at, n);
            for group in 0..by.groups {
                let x = self.x.as_ptr().add(group * by.width + at);
                by.ask::<V, N>(self.x.as_ptr(), at, group);
                for (j, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add(load::<V, WHOLE>(x.add(j * V::LANES), n));
                }
            }
            for (j, sum) in sums.into_iter().enumerate() {
                store::<V, WHOLE>(sum, self.to.as_mut_ptr().add(at + j * V::LANES), n);
            }
        }
    }
}

/// Adds the squared differences of each column of `x` from its `sum` · `share`.
pub(super) struct Squares<'a> {
    pub(super) x: &'a [f32],
    pub(super) sum: &'a [f32],
    pub(super) share: f32,
    pub(super) to: &'a mut [f32],
}

impl Down for Squares<'_> {
    #[inline(always)]
    unsafe fn walk<V: Lanes, const N: usize, const WHOLE: bool>(&mut self, by: Columns, at: usize, n: usize) {
        let end = at + (N - 1) * V::LANES + n;
        assert!(by.groups * by.width <= self.x.len() && end <= by.width);
        assert!(end <= self.to.len() && end <= self.sum.len());
        // SAFETY: asserted.
        unsafe {
            let share = V::splat(self.share);
            let ([mut sums], mut mean) = (rows::<V, 1, N, WHOLE>([&*self.to], at, n), [share; N]);
            for (j, mean) in mean.iter_mut().enumerate() {
                *mean = load::<V, WHOLE>(self.sum.as_ptr().add(at + j * V::LANES), n).mul(share);
            }
            for group in 0..by.groups {
                let x = self.x.as_ptr().add(group * by.width + at);
                for (j, (sum, mean)) in sums.iter_mut().zip(mean).enumerate() {
                    let d = load::<V, WHOLE>(x.add(j * V::LANES), n).sub(mean);
                    *sum = sum.add(d.mul(d));
                }
            }
            for (j, sum) in sums.into_iter().enumerate() {
                store::<V, WHOLE>(sum, self.to.as_mut_ptr().add(at + j * V::LANES), n);
            }
        }
    }
}

/// Adds what arrives before the activation, and that times x − mean.
pub(super) struct Arriving<'a, F> {
    pub(super) x: &'a [f32],
    pub(super) dy: &'a [f32],
    /// Mean, scale and β of each column.
    pub(super) by: [&'a [f32]; 3],
    pub(super) dgamma: &'a mut [f32],
    pub(super) dbeta: &'a mut [f32],
    pub(super) tail: F,
}

impl<F: Tail> Down for Arriving<'_, F> {
    #[inline(always)]
    unsafe fn walk<V: Lanes, const N: usize, const WHOLE: bool>(
        &mut self,
        columns: Columns,
        at: usize,
        n: usize,
    ) {
        let _ = self.tail;
        let end = at + (N - 1) * V::LANES + n;
        let len = columns.groups * columns.width;
        assert!(len <= self.x.len() && len <= self.dy.len() && end <= columns.width);
        assert!(
            end <= self.dgamma.len() && end <= self.dbeta.len() && self.by.iter().all(|v| end <= v.len())
        );
        // SAFETY: asserted.
        unsafe {
            let [mut dgamma, mut dbeta] = rows::<V, 2, N, WHOLE>([&*self.dgamma, &*self.dbeta], at, n);
            let [mean, scale, beta] = rows::<V, 3, N, WHOLE>(self.by, at, n);
            for group in 0..columns.groups {
                let first = group * columns.width + at;
                let (x, dy) = (self.x.as_ptr().add(first), self.dy.as_ptr().add(first));
                columns.ask::<V, N>(self.x.as_ptr(), at, group);
                columns.ask::<V, N>(self.dy.as_ptr(), at, group);
                for j in 0..N {
                    let x = load::<V, WHOLE>(x.add(j * V::LANES), n).sub(mean[j]);
                    let mut g = load::<V, WHOLE>(dy.add(j * V::LANES), n);
                    if F::MASKS {
                        g = F::gradients(g, x.mul(scale[j]).add(beta[j]));
                    }
                    dgamma[j] = dgamma[j].add(g.mul(x));
                    dbeta[j] = dbeta[j].add(g);
                }
            }
            for j in 0..N {
                let to = at + j * V::LANES;
                store::<V, WHOLE>(dgamma[j], self.dgamma.as_mut_ptr().add(to), n);
                store::<V, WHOLE>(dbeta[j], self.dbeta.as_mut_ptr().add(to), n);
            }
        }
    }
}

/// y = tail((x − mean) · scale + β + `add`).
pub(super) struct Normalizing<'a, F> {
    pub(super) x: &'a [f32],
    pub(super) add: Option<&'a [f32]>,
    /// Mean, scale and β of each column.
    pub(super) by: [&'a [f32]; 3],
    pub(super) y: &'a mut [f32],
    /// Whether it is written past the caches, which asks for whole vectors.
    pub(super) stream: bool,
    pub(super) tail: F,
}

impl<F: Tail> Down for Normalizing<'_, F> {
    #[inline(always)]
    unsafe fn walk<V: Lanes, const N: usize, const WHOLE: bool>(&mut self, by: Columns, at: usize, n: usize) {
        let _ = self.tail;
        let end = at + (N - 1) * V::LANES + n;
        let len = by.groups * by.width;
        assert!(len <= self.x.len() && len <= self.y.len() && end <= by.width);
        assert!(self.by.iter().all(|v| end <= v.len()) && self.add.is_none_or(|add| len <= add.len()));
        // SAFETY: asserted.
        unsafe {
            let [mean, scale, beta] = rows::<V, 3, N, WHOLE>(self.by, at, n);
            for group in 0..by.groups {
                let first = group * by.width + at;
                let (x, y) = (self.x.as_ptr().add(first), self.y.as_mut_ptr().add(first));
                by.ask::<V, N>(self.x.as_ptr(), at, group);
                if let Some(add) = self.add {
                    by.ask::<V, N>(add.as_ptr(), at, group);
                }
                for j in 0..N {
                    let next = j * V::LANES;
                    let mut v = load::<V, WHOLE>(x.add(next), n).sub(mean[j]).mul(scale[j]).add(beta[j]);
                    if let Some(add) = self.add {
                        v = v.add(load::<V, WHOLE>(add.as_ptr().add(first + next), n));
                    }
                    put::<V, WHOLE>(F::values(v), self.stream, y.add(next), n);
                }
            }
        }
    }
}

/// N vectors of each row from column `at` on.
///
/// # Safety
/// As [`load`]; each row has the columns.
#[inline(always)]
unsafe fn rows<V: Lanes, const R: usize, const N: usize, const WHOLE: bool>(
    from: [&[f32]; R],
    at: usize,
    n: usize,
) -> [[V; N]; R] {
    // SAFETY: the caller's.
    unsafe {
        let mut rows = [[V::splat(0.0); N]; R];
        for (row, from) in rows.iter_mut().zip(from) {
            for (j, v) in row.iter_mut().enumerate() {
                *v = load::<V, WHOLE>(from.as_ptr().add(at + j * V::LANES), n);
            }
        }
        rows
    }
}

/// ∂x = scale · (g − ∂β / n − x̂ · ∂γ / n), g what arrives before the activation.
pub(super) struct Gradient<'a, F> {
    pub(super) x: &'a [f32],
    pub(super) dy: &'a [f32],
    /// Mean, scale, β, rstd, ∂γ and ∂β of each column.
    pub(super) by: [&'a [f32]; 6],
    /// 1 / n.
    pub(super) per_row: f32,
    pub(super) dx: &'a mut [f32],
    /// Whether it is written past the caches, which asks for whole vectors.
    pub(super) stream: bool,
    pub(super) tail: F,
}

impl<F: Tail> Down for Gradient<'_, F> {
    #[inline(always)]
    unsafe fn walk<V: Lanes, const N: usize, const WHOLE: bool>(&mut self, by: Columns, at: usize, n: usize) {
        let _ = self.tail;
        let end = at + (N - 1) * V::LANES + n;
        let len = by.groups * by.width;
        assert!(len <= self.x.len() && len <= self.dy.len() && len <= self.dx.len());
        assert!(end <= by.width && self.by.iter().all(|v| end <= v.len()));
        // SAFETY: asserted.
        unsafe {
            let [mean, scale, beta, rstd, mut dgamma, mut dbeta] = rows::<V, 6, N, WHOLE>(self.by, at, n);
            for j in 0..N {
                dgamma[j] = dgamma[j].mul(V::splat(self.per_row));
                dbeta[j] = dbeta[j].mul(V::splat(self.per_row));
            }
            for group in 0..by.groups {
                let first = group * by.width + at;
                let (x, dy) = (self.x.as_ptr().add(first), self.dy.as_ptr().add(first));
                by.ask::<V, N>(self.x.as_ptr(), at, group);
                by.ask::<V, N>(self.dy.as_ptr(), at, group);
                let dx = self.dx.as_mut_ptr().add(first);
                for j in 0..N {
                    let next = j * V::LANES;
                    let apart = load::<V, WHOLE>(x.add(next), n).sub(mean[j]);
                    let mut g = load::<V, WHOLE>(dy.add(next), n);
                    if F::MASKS {
                        g = F::gradients(g, apart.mul(scale[j]).add(beta[j]));
                    }
                    let along = apart.mul(rstd[j]).mul(dgamma[j]);
                    let value = scale[j].mul(g.sub(dbeta[j]).sub(along));
                    put::<V, WHOLE>(value, self.stream, dx.add(next), n);
                }
            }
        }
    }
}
