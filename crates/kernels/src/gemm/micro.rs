//! One register tile: C[mr×n] += A[mr×k] · B[k×n].
//!
//! The accumulators stay in registers over the whole of k. Each step loads one
//! row of B (`NV` vectors) and broadcasts `MR` elements of A.

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

    unsafe fn zero() -> Self;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn mask(lanes: usize) -> Self::Mask;
    unsafe fn load_masked(mask: Self::Mask, from: *const f32) -> Self;
    unsafe fn store_masked(self, mask: Self::Mask, to: *mut f32);
    /// `self * b + c`
    unsafe fn fma(self, b: Self, c: Self) -> Self;
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
}

/// A tile of fixed size; `MR` and `NV` are in its table position.
pub(super) type TileFn = unsafe fn(&Tile);

/// The tile's arithmetic. `PACKED` means that rows of A are adjacent
/// (`a_row == 1`), so that one pointer serves all of them.
///
/// # Safety
/// The instruction set of `V` must be present, and the strides must keep all
/// `MR × k`, `k × n` and `MR × n` elements inside their allocations.
#[inline(always)]
pub(super) unsafe fn tile<V: Vector, const MR: usize, const NV: usize, const PACKED: bool>(t: &Tile) {
    let last = t.n - (NV - 1) * V::LANES;
    // SAFETY: the caller has the instruction set.
    let mask = unsafe { V::mask(last) };
    if last == V::LANES {
        // SAFETY: as for this function.
        unsafe { tile_body::<V, MR, NV, PACKED, false>(t, mask) }
    } else {
        // SAFETY: as for this function.
        unsafe { tile_body::<V, MR, NV, PACKED, true>(t, mask) }
    }
}

/// # Safety
/// As for [`tile`].
#[inline(always)]
unsafe fn tile_body<V: Vector, const MR: usize, const NV: usize, const PACKED: bool, const TAIL: bool>(
    t: &Tile,
    mask: V::Mask,
) {
    // SAFETY: the caller keeps every access below inside the operands; the last
    // vector of a row is masked when the row ends inside it.
    unsafe {
        let row = |from: *const f32| {
            let mut v = [V::zero(); NV];
            for (j, v) in v.iter_mut().enumerate() {
                let from = from.add(j * V::LANES);
                *v = if TAIL && j == NV - 1 { V::load_masked(mask, from) } else { V::load(from) };
            }
            v
        };
        let mut sum = [[V::zero(); NV]; MR];
        match t.first {
            First::Zero => {}
            First::Bias(bias) => {
                let bias = row(bias);
                sum = [bias; MR];
            }
            First::Load => {
                for (i, sum) in sum.iter_mut().enumerate() {
                    *sum = row(t.c.add(i * t.c_row));
                }
            }
        }
        let (mut a, mut b) = (t.a, t.b);
        for _ in 0..t.k {
            let y = row(b);
            for (i, sum) in sum.iter_mut().enumerate() {
                let x = V::splat(*a.add(if PACKED { i } else { i * t.a_row }));
                for (s, y) in sum.iter_mut().zip(y) {
                    *s = x.fma(y, *s);
                }
            }
            a = a.add(if PACKED { t.a_col } else { 1 });
            b = b.add(t.b_row);
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

/// The tiles of one instruction set: `tiles[packed][nv - 1][mr - 1]`.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    /// Elements of a vector.
    pub(super) lanes: usize,
    /// Most rows of a tile that is `nv` vectors wide.
    pub(super) max_rows: [usize; MAX_VECTORS],
    /// Preferred vectors of a tile; column groups use this width and finish with others.
    pub(super) wide: usize,
    pub(super) tiles: [[[Option<TileFn>; MAX_ROWS]; MAX_VECTORS]; 2],
    /// Transposes an 8×8 block, so that packing has no scalar inner loop.
    pub(super) transpose8: unsafe fn(*const f32, usize, *mut f32, usize),
}

pub(super) const MAX_VECTORS: usize = 4;
pub(super) const MAX_ROWS: usize = 14;
