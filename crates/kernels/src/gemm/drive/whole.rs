//! Products with an operand that was packed before, as a whole.

use super::{
    Block, Group, KC, MAX_GROUPS, Mat, Problem, Source, Start, block_of, pack as copy, split, tiles,
};
use crate::pool::Shares;
use crate::then::Then;
use crate::{Isa, Pool};

/// The first cache line of a packed operand.
pub(in crate::gemm) fn whole(packed: &[f32]) -> usize {
    packed.as_ptr().align_offset(64).min(16)
}

/// Copies all of B into panels, one for each group of columns: [group][k][width].
pub(in crate::gemm) fn pack(isa: Isa, pool: &Pool, b: Mat<'_, f32>, to: &mut [f32]) {
    let (tiles, k, skip) = (tiles(isa), b.rows, whole(to));
    let most = block_of(tiles, b.cols);
    let to = Shares(to[skip..][..k * b.cols.next_multiple_of(tiles.lanes)].as_mut_ptr());
    let mut groups = [Group::default(); MAX_GROUPS];
    for jc in (0..b.cols).step_by(most) {
        let count = split(tiles, jc, most.min(b.cols - jc), &mut groups);
        let strips = k.div_ceil(KC);
        pool.run(count * strips, &|task| {
            let (Group { col, cols, vectors }, p) = (groups[task / strips], task % strips * KC);
            let (stride, kc, to) = (vectors * tiles.lanes, KC.min(k - p), &to);
            // SAFETY: a group owns the `k * stride` elements from `col * k` on, and a
            // task the rows p..p+kc of them; all lie inside `to`.
            let panel =
                unsafe { std::slice::from_raw_parts_mut(to.0.add(col * k + p * stride), kc * stride) };
            copy::columns(tiles, b.t(), Block { row: col, col: p, rows: cols, cols: kc }, panel, stride);
        });
    }
}

/// The product with a B that [`pack`] has copied.
#[allow(clippy::too_many_arguments, reason = "the operands of one product")]
pub(in crate::gemm) fn packed(
    isa: Isa,
    pool: &Pool,
    a: Mat<'_, f32>,
    packed: &[f32],
    n: usize,
    start: Start<'_, f32>,
    then: Then<'_, f32>,
    c: &mut [f32],
) {
    let (tiles, k) = (tiles(isa), a.cols);
    // Nobody reads B but through the panels.
    let b = Mat { data: &[][..], rows: k, cols: n, row_stride: 1, col_stride: 1 };
    let p = Problem { tiles, a, b, start, then, c: Shares(c.as_mut_ptr()), n, stream: false };
    if k == 0 {
        p.only_start(c);
        return then.apply(isa, pool, c);
    }
    let panels = packed[whole(packed)..][..k * n.next_multiple_of(tiles.lanes)].as_ptr();
    let most = block_of(tiles, n);
    // A few rows read each panel once, from one end to the other.
    let depth = if a.rows <= tiles.max_rows[tiles.wide - 1] { k } else { KC };
    for jc in (0..n).step_by(most) {
        for pc in (0..k).step_by(depth) {
            p.block(pool, Source::Whole(panels), jc, most.min(n - jc), pc, depth.min(k - pc));
        }
    }
}
