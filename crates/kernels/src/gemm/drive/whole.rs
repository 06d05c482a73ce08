//! Products with an operand that was packed before, as a whole.

use super::{
    Ahead, Block, Group, KC, MAX_GROUPS, Mat, Problem, Source, Start, block_of, pack as copy, split, tiles,
};
use crate::pool::Shares;
use crate::then::Then;
use crate::{Isa, Pool};
use std::ops::Range;

/// A packed operand of so many elements comes from memory.
const FAR: usize = 1 << 17;
/// Rows that are few enough to be read from the caches for each group of columns.
const FEW: usize = 128;

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
    let mut groups = [Group::default(); MAX_GROUPS];
    // One tile's rows read each panel once, from one end to the other.
    let one = a.rows <= tiles.max_rows[tiles.wide - 1];
    let depth = if one { k } else { KC };
    let far = k * n >= FAR && !one && a.rows <= FEW && a.col_stride == 1;
    for jc in (0..n).step_by(most) {
        let count = split(tiles, jc, most.min(n - jc), &mut groups);
        if far && count >= pool.threads() {
            p.by_panels(pool, panels, &groups[..count], jc);
            continue;
        }
        for pc in (0..k).step_by(depth) {
            p.block(pool, Source::Whole(panels), jc, most.min(n - jc), pc, depth.min(k - pc));
        }
    }
}

impl Problem<'_> {
    /// All of not too many rows, so that a panel of B comes from memory to one core, and comes
    /// while the one before it is multiplied: each thread has as many groups of columns, and of
    /// those left over some rows.
    fn by_panels(&self, pool: &Pool, panels: *const f32, groups: &[Group], jc: usize) {
        let (threads, m, panels) = (pool.threads(), self.a.rows, Source::Whole(panels));
        let own = groups.len() / threads;
        let (groups, rest) = groups.split_at(own * threads);
        let part = m.div_ceil(threads);
        pool.run(threads, &|t| {
            groups[t * own..][..own].iter().for_each(|group| self.panel(panels, *group, jc, 0..m));
            let part = (t * part).min(m)..((t + 1) * part).min(m);
            rest.iter().for_each(|group| self.panel(panels, *group, jc, part.clone()));
        });
    }

    /// Some rows of a group of columns: its panel from one end to the other, where the next
    /// group's begins.
    fn panel(&self, source: Source, group: Group, jc: usize, rows: Range<usize>) {
        let k = self.a.cols;
        let step = group.step(self.tiles, rows.len());
        for pc in (0..k).step_by(KC) {
            let kc = KC.min(k - pc);
            let next = self.panel_of(source, group, jc, pc + kc);
            let mut ahead = Ahead::of(next, kc * group.vectors * self.tiles.lanes, rows.len().div_ceil(step));
            for i in rows.clone().step_by(step) {
                let a = self.a.data[i * self.a.row_stride + pc..].as_ptr();
                let a = (false, a, self.a.row_stride, 1);
                self.tile(source, group, jc, i, step.min(rows.end - i), pc, kc, a, ahead.share(kc));
            }
        }
    }
}
