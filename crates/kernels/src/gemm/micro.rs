//! One register tile: C[mr×n] += A[mr×k] · B[k×n].
//!
//! The accumulators stay in registers over the whole of k. Each step loads one
//! row of B (`NV` vectors) and broadcasts `MR` elements of A.

use super::ahead::Next;
use crate::then::{After, Then};

/// A vector of f32. Methods are inlined into functions that enable the
/// features they need.
///
/// # Safety
/// Every method requires the instruction set of the implementing type.
pub(super) trait Vector: Copy {
    /// Elements.
    const LANES: usize;
    /// Selects the first lanes.
    type Mask: Copy;
    /// Whether four steps of k go into one round of the loop, whose own
    /// instructions compete with the multiply-adds for the front end.
    const UNROLL: bool;
    /// A vector of half as many lanes, for the end of a row.
    type Half: Vector;

    unsafe fn zero() -> Self;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Past the caches, to a multiple of the vector's size.
    unsafe fn stream(self, to: *mut f32);
    /// `lanes` may be 0.
    unsafe fn mask(lanes: usize) -> Self::Mask;
    unsafe fn load_masked(mask: Self::Mask, from: *const f32) -> Self;
    unsafe fn store_masked(self, mask: Self::Mask, to: *mut f32);
    /// Asks for the cache line of an address, which need not be valid.
    #[inline(always)]
    fn prefetch(at: *const f32) {
        // SAFETY: a prefetch has no effect on memory and never faults; SSE is
        // part of every x86-64.
        unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast()) };
    }
    /// The same, to arrive in the second-level cache.
    #[inline(always)]
    fn prefetch_far(at: *const f32) {
        // SAFETY: as above.
        unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(at.cast()) };
    }
    /// The lower half of the lanes.
    unsafe fn low(self) -> Self::Half;
    /// `self * b + c`
    unsafe fn fma(self, b: Self, c: Self) -> Self;
    /// The activation of self + `add`.
    unsafe fn ended(self, add: Option<Self>, after: After) -> Self;
}

/// Where the accumulators begin.
#[derive(Clone, Copy)]
pub(super) enum First {
    Zero,
    /// A row of as many values as the tile has columns.
    Bias(*const f32),
    Load,
}

/// The operands of a tile. `n` is at most `NV * LANES` and more than one vector less.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// For tiles that have any number of them.
    pub(super) rows: usize,
    pub(super) k: usize,
    pub(super) n: usize,
    pub(super) a: *const f32,
    pub(super) a_row: usize,
    pub(super) a_col: usize,
    pub(super) b: *const f32,
    pub(super) b_row: usize,
    pub(super) c: *mut f32,
    pub(super) c_row: usize,
    pub(super) first: First,
    /// Whether C, of whole vectors, is written past the caches.
    pub(super) stream: bool,
    /// What happens to the sums before they are stored.
    pub(super) last: Last,
    /// What is asked for meanwhile.
    pub(super) next: Next,
}

/// What happens to the sums of a tile once they are complete.
#[derive(Clone, Copy)]
pub(super) struct Last {
    /// Values to be added, with the rows of C; or null.
    pub(super) add: *const f32,
    pub(super) after: After,
}

impl Last {
    pub(super) const NOTHING: Last = Last { add: std::ptr::null(), after: After::Nothing };

    /// What follows at a tile whose first element is `at` of C.
    #[inline]
    pub(super) fn of(then: &Then<'_, f32>, at: usize) -> Last {
        let add = then.add.map_or(std::ptr::null(), |add| add[at..].as_ptr());
        Last { add, after: then.after }
    }
}

/// A tile of fixed size; `MR` and `NV` are in its table position.
pub(super) type TileFn = unsafe fn(&Tile);

/// How the rows of a tile end.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// With a whole vector.
    Whole,
    /// Inside a vector.
    Inside,
    /// Inside a vector's first half, and half a vector is cheaper than a whole one.
    Half,
}

/// Inner extents from which on fetching the next tile's C ahead pays.
const LONG: usize = 128;

/// One row of a tile's columns; the last vector is masked if the row ends inside it.
///
/// # Safety
/// As for [`tile`]; the row must be readable.
#[inline(always)]
unsafe fn row<V: Vector, const NV: usize, const TAIL: bool>(from: *const f32, mask: V::Mask) -> [V; NV] {
    // SAFETY: the caller answers for the row, and the mask keeps the last load inside it.
    unsafe {
        let mut v = [V::zero(); NV];
        for (j, v) in v.iter_mut().enumerate() {
            let from = from.add(j * V::LANES);
            *v = if TAIL && j == NV - 1 { V::load_masked(mask, from) } else { V::load(from) };
        }
        v
    }
}

/// One step of k: one row of B, one element of A for each row of the tile.
///
/// # Safety
/// As for [`tile`]; `a` and `b` must point at an inner index below k.
#[inline(always)]
unsafe fn step<V: Vector, const MR: usize, const NV: usize, const TAIL: bool>(
    sum: &mut [[V; NV]; MR],
    (a, a_row): (*const f32, usize),
    b: *const f32,
    mask: V::Mask,
) {
    // SAFETY: the caller answers for the operands.
    unsafe {
        let y = row::<V, NV, TAIL>(b, mask);
        for (i, sum) in sum.iter_mut().enumerate() {
            let x = V::splat(*a.add(i * a_row));
            for (s, y) in sum.iter_mut().zip(y) {
                *s = x.fma(y, *s);
            }
        }
    }
}

/// The tile's arithmetic. `PACKED` means that rows of A are adjacent
/// (`a_row == 1`), so that one pointer serves all of them; `TAIL` that rows of C
/// end inside a vector.
///
/// # Safety
/// The instruction set of `V` must be present, and the strides must keep all
/// `MR × k`, `k × n` and `MR × n` elements inside their allocations.
#[inline(always)]
pub(super) unsafe fn tile<
    V: Vector,
    const MR: usize,
    const NV: usize,
    const PACKED: bool,
    const TAIL: bool,
>(
    t: &Tile,
) {
    let (a_row, a_col) = if PACKED { (1, t.a_col) } else { (t.a_row, 1) };
    // SAFETY: the caller keeps every access below inside the operands; the last
    // vector of a row is masked when the row ends inside it.
    unsafe {
        let mask = V::mask(t.n - (NV - 1) * V::LANES);
        let mut sum = match t.first {
            First::Zero => [[V::zero(); NV]; MR],
            First::Bias(bias) => [row::<V, NV, TAIL>(bias, mask); MR],
            First::Load => {
                let mut sum = [[V::zero(); NV]; MR];
                for (i, sum) in sum.iter_mut().enumerate() {
                    *sum = row::<V, NV, TAIL>(t.c.add(i * t.c_row), mask);
                }
                sum
            }
        };
        if t.k >= LONG && !t.stream {
            // The tile below comes next: its rows of C arrive while this one computes.
            for i in MR..2 * MR {
                for j in 0..NV {
                    V::prefetch(t.c.wrapping_add(i * t.c_row + j * V::LANES));
                }
            }
        }
        let (mut a, mut b) = (t.a, t.b);
        // Asking for what is there costs less than a question in each step.
        let (mut next, ask) = if t.next.step == 0 { (b, 0) } else { (t.next.at, t.next.step) };
        let unrolled = if V::UNROLL { t.k / 4 } else { 0 };
        for _ in 0..unrolled {
            step::<V, MR, NV, TAIL>(&mut sum, (a, a_row), b, mask);
            step::<V, MR, NV, TAIL>(&mut sum, (a.add(a_col), a_row), b.add(t.b_row), mask);
            step::<V, MR, NV, TAIL>(&mut sum, (a.add(2 * a_col), a_row), b.add(2 * t.b_row), mask);
            step::<V, MR, NV, TAIL>(&mut sum, (a.add(3 * a_col), a_row), b.add(3 * t.b_row), mask);
            a = a.add(4 * a_col);
            b = b.add(4 * t.b_row);
            for _ in 0..4 {
                V::prefetch_far(next);
                next = next.wrapping_add(ask);
            }
        }
        for _ in 4 * unrolled..t.k {
            step::<V, MR, NV, TAIL>(&mut sum, (a, a_row), b, mask);
            a = a.add(a_col);
            b = b.add(t.b_row);
            V::prefetch_far(next);
            next = next.wrapping_add(ask);
        }
        if !t.last.add.is_null() {
            for (i, sum) in sum.iter_mut().enumerate() {
                let add = row::<V, NV, TAIL>(t.last.add.add(i * t.c_row), mask);
                for (s, add) in sum.iter_mut().zip(add) {
                    *s = s.ended(Some(add), After::Nothing);
                }
            }
        }
        // One question for the whole tile, and a loop without questions for each answer.
        match t.last.after {
            After::Nothing => {}
            After::Relu => sum.iter_mut().flatten().for_each(|s| *s = s.ended(None, After::Relu)),
            After::Relu6 => sum.iter_mut().flatten().for_each(|s| *s = s.ended(None, After::Relu6)),
        }
        if !TAIL && t.stream {
            for (i, sum) in sum.iter().enumerate() {
                for (j, s) in sum.iter().enumerate() {
                    s.stream(t.c.add(i * t.c_row + j * V::LANES));
                }
            }
            return;
        }
        for (i, sum) in sum.iter().enumerate() {
            for (j, s) in sum.iter().enumerate() {
                let to = t.c.add(i * t.c_row + j * V::LANES);
                if TAIL && j == NV - 1 {
                    s.store_masked(mask, to);
                } else {
                    s.store(to);
                }
            }
        }
    }
}

/// The same with rows of `NV` whole vectors and at most half a vector.
///
/// # Safety
/// As for [`tile`].
#[inline(always)]
pub(super) unsafe fn tile_half<V: Vector, const MR: usize, const NV: usize, const PACKED: bool>(t: &Tile) {
    let (a_row, a_col) = if PACKED { (1, t.a_col) } else { (t.a_row, 1) };
    // SAFETY: the caller keeps every access below inside the operands; the half
    // vector is masked to the elements that a row has.
    unsafe {
        let mask = V::Half::mask(t.n - NV * V::LANES);
        let load = |from: *const f32| {
            let mut whole = [V::zero(); NV];
            for (j, v) in whole.iter_mut().enumerate() {
                *v = V::load(from.add(j * V::LANES));
            }
            (whole, V::Half::load_masked(mask, from.add(NV * V::LANES)))
        };
        let mut sum = match t.first {
            First::Zero => [([V::zero(); NV], V::Half::zero()); MR],
            First::Bias(bias) => [load(bias); MR],
            First::Load => {
                let mut sum = [([V::zero(); NV], V::Half::zero()); MR];
                for (i, sum) in sum.iter_mut().enumerate() {
                    *sum = load(t.c.add(i * t.c_row));
                }
                sum
            }
        };
        let (mut a, mut b) = (t.a, t.b);
        for _ in 0..t.k {
            let (y, y_half) = load(b);
            for (i, (sum, half)) in sum.iter_mut().enumerate() {
                let x = V::splat(*a.add(i * a_row));
                for (s, y) in sum.iter_mut().zip(y) {
                    *s = x.fma(y, *s);
                }
                *half = x.low().fma(y_half, *half);
            }
            a = a.add(a_col);
            b = b.add(t.b_row);
        }
        if !t.last.add.is_null() {
            for (i, (sum, half)) in sum.iter_mut().enumerate() {
                let (add, add_half) = load(t.last.add.add(i * t.c_row));
                for (s, add) in sum.iter_mut().zip(add) {
                    *s = s.ended(Some(add), After::Nothing);
                }
                *half = half.ended(Some(add_half), After::Nothing);
            }
        }
        match t.last.after {
            After::Nothing => {}
            After::Relu => sum.iter_mut().for_each(|(sum, half)| {
                sum.iter_mut().for_each(|s| *s = s.ended(None, After::Relu));
                *half = half.ended(None, After::Relu);
            }),
            After::Relu6 => sum.iter_mut().for_each(|(sum, half)| {
                sum.iter_mut().for_each(|s| *s = s.ended(None, After::Relu6));
                *half = half.ended(None, After::Relu6);
            }),
        }
        for (i, (sum, half)) in sum.iter().enumerate() {
            let to = t.c.add(i * t.c_row);
            for (j, s) in sum.iter().enumerate() {
                s.store(to.add(j * V::LANES));
            }
            half.store_masked(mask, to.add(NV * V::LANES));
        }
    }
}

/// Copies `rows` rows of `cols` elements.
///
/// # Safety
/// The instruction set of `V` must be present, and all rows must lie inside both allocations.
#[inline(always)]
pub(super) unsafe fn copy_rows<V: Vector>(
    from: *const f32,
    from_row: usize,
    to: *mut f32,
    to_row: usize,
    rows: usize,
    cols: usize,
) {
    let whole = cols / V::LANES * V::LANES;
    // SAFETY: the caller answers for the rows; the mask keeps the last vector inside them.
    unsafe {
        let mask = V::mask(cols - whole);
        for i in 0..rows {
            let (from, to) = (from.add(i * from_row), to.add(i * to_row));
            for j in (0..whole).step_by(V::LANES) {
                V::load(from.add(j)).store(to.add(j));
            }
            if whole < cols {
                V::load_masked(mask, from.add(whole)).store_masked(mask, to.add(whole));
            }
        }
    }
}
