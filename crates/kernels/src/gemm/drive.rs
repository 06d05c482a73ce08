//! Loops over register tiles.
//!
//! B is read in place when its rows are contiguous and it is small, otherwise
//! copied into panels of one column group each. A is read in place, unless its
//! columns are far apart and several column groups read it. `cut.rs` says how rows and
//! columns become groups and tasks, `shapes.rs` has loops of
//! their own for lopsided products, `whole.rs` those with an operand packed before. The
//! blocking constants are constants: nothing is derived from the caches of the day, and
//! by the numeric order in `mod.rs` none of them can change a bit.

mod cut;
mod shapes;
mod whole;

pub(super) use cut::{Group, MAX_GROUPS, even_parts, split};
use cut::{block_of, cut};
pub(super) use whole::{pack as pack_whole, packed, whole};

use super::ahead::{Ahead, Next};
use super::micro::{First, Last, Tile};
use super::pack::{self, Block};
use super::tables::Tiles;
use super::{Mat, Start, avx2, avx512};
use crate::lanes::streamed;
use crate::memory::{bypasses, crowded, is_beyond};
use crate::pool::Shares;
use crate::then::Then;
use crate::{Isa, Pool};
use std::ops::Range;

/// Inner extent of a packed block: C is read and written once for each.
const KC: usize = 512;
/// The same where B has at most [`NARROW`] columns and A is read in place: fewer blocks,
/// at each of which threads wait for each other.
const DEEP: usize = 1536;
const NARROW: usize = 128;
/// Rows of a packed block of A.
const MC: usize = 192;
/// Columns of a packed block of B, at most.
pub(super) const NC: usize = 960;
/// Rows that a task copies of a block of B.
const STRIP: usize = 16;
/// A contiguous B of at most this many elements is read in place.
const DIRECT_B: usize = 128 * 1024;
/// Inner indices that are so few that C is the largest operand: its rows are written from
/// front to back.
const SHORT: usize = 16;
/// Column groups that are so few that A is read faster than it comes from memory.
const SKINNY: usize = 4;
/// Rows between those that are read and those that are asked for.
const ROWS_AHEAD: usize = 16;
/// Column groups from which on A is worth copying.
const PACK_A_GROUPS: usize = 4;
/// Multiply-adds that are worth a task of their own.
pub(super) const TASK: usize = 1 << 18;
/// Most tasks of one product.
pub(super) const MAX_TASKS: usize = 64;
/// Where tiles find B.
#[derive(Clone, Copy)]
enum Source {
    /// In place; rows `b_row` apart.
    Direct,
    /// In the packing buffer: panels of `depth` inner indices, group after group.
    Packed { panels: Shares<f32>, depth: usize },
    /// All of it, packed before: a group's panel begins at `col * k`.
    Whole(*const f32),
}

// SAFETY: the panels of `Whole` are only read.
unsafe impl Sync for Source {}

struct Problem<'a> {
    tiles: &'a Tiles,
    a: Mat<'a, f32>,
    b: Mat<'a, f32>,
    start: Start<'a, f32>,
    then: Then<'a, f32>,
    c: Shares<f32>,
    n: usize,
    /// Whether C is written past the caches, where it is written once.
    stream: bool,
}

/// The tiles of an instruction set other than the scalar one.
pub(super) fn tiles(isa: Isa) -> &'static Tiles {
    if isa.is_avx512() { avx512::tiles() } else { &avx2::TILES }
}

/// The vectorised product. Extents and lengths are checked by the caller.
pub(super) fn gemm(
    isa: Isa,
    pool: &Pool,
    a: Mat<'_, f32>,
    b: Mat<'_, f32>,
    start: Start<'_, f32>,
    then: Then<'_, f32>,
    c: &mut [f32],
) {
    in_tiles((isa, tiles(isa)), pool, a, b, start, then, c);
}

/// The same in given tiles of an instruction set.
pub(super) fn in_tiles(
    (isa, tiles): (Isa, &'static Tiles),
    pool: &Pool,
    a: Mat<'_, f32>,
    b: Mat<'_, f32>,
    start: Start<'_, f32>,
    then: Then<'_, f32>,
    c: &mut [f32],
) {
    let (m, n, k) = (a.rows, b.cols, a.cols);
    let stream = bypasses(c.len(), n, tiles.lanes, c.as_ptr());
    let p = Problem { tiles, a, b, start, then, c: Shares(c.as_mut_ptr()), n, stream };
    if k == 0 {
        p.only_start(c);
        return then.apply(isa, pool, c);
    }
    if p.by_shape(pool, k) {
        return;
    }
    let in_place = b.col_stride == 1
        && (m <= 2 * tiles.max_rows[tiles.wide - 1] || (k * n <= DIRECT_B && !crowded(b.row_stride)));
    if in_place {
        for jc in (0..n).step_by(NC) {
            p.block(pool, Source::Direct, jc, NC.min(n - jc), 0, k);
        }
        return;
    }
    let mut groups = [Group::default(); MAX_GROUPS];
    // Equal blocks, of whole groups: A is read once for each.
    let most = block_of(tiles, n);
    for jc in (0..n).step_by(most) {
        let nc = most.min(n - jc);
        let count = split(tiles, jc, nc, &mut groups);
        let width = nc.next_multiple_of(tiles.lanes);
        let depth =
            if a.col_stride == 1 && width <= NARROW { even_parts(k, DEEP).max(KC.min(k)) } else { KC.min(k) };
        for pc in (0..k).step_by(depth) {
            let kc = depth.min(k - pc);
            pack::with_b_buffer(width * depth, |panels| {
                let at = Shares(panels.as_mut_ptr());
                // Some inner indices of a group of columns.
                let pack = |group: Group, ks: Range<usize>| {
                    let Group { col, cols, vectors } = group;
                    let (stride, at) = (vectors * tiles.lanes, &at);
                    let (start, len) = ((col - jc) * depth + ks.start * stride, ks.len() * stride);
                    // SAFETY: group panels are disjoint parts of `panels`: a group owns
                    // the `stride * depth` elements that begin at `(col - jc) * depth`, because
                    // `col - jc` is a multiple of the vector length; and tasks have
                    // different groups or different inner indices.
                    let panel = unsafe { std::slice::from_raw_parts_mut(at.0.add(start), len) };
                    let block = Block { row: col, col: pc + ks.start, rows: cols, cols: ks.len() };
                    pack::columns(tiles, p.b.t(), block, panel, stride);
                };
                // In the direction in which B is contiguous.
                let group = |g: usize| pack(groups[g], 0..kc);
                let strip = |s: usize| {
                    let ks = s * STRIP..kc.min((s + 1) * STRIP);
                    groups[..count].iter().for_each(|g| pack(*g, ks.clone()));
                };
                let (tasks, task): (usize, &(dyn Fn(usize) + Sync)) =
                    if b.col_stride == 1 { (kc.div_ceil(STRIP), &strip) } else { (count, &group) };
                if nc * kc >= 1 << 15 {
                    pool.run(tasks, task);
                } else {
                    (0..tasks).for_each(task);
                }
                p.block(pool, Source::Packed { panels: Shares(at.0), depth }, jc, nc, pc, kc);
            });
        }
    }
}

impl Problem<'_> {
    /// The product with an inner extent of zero.
    fn only_start(&self, c: &mut [f32]) {
        match self.start {
            Start::Zero => c.fill(0.0),
            Start::Bias(bias) => c.chunks_exact_mut(self.n).for_each(|row| row.copy_from_slice(bias)),
            Start::Accumulate => {}
        }
    }

    /// Columns `jc..jc+nc` of C receive the products of inner indices `pc..pc+kc`.
    fn block(&self, pool: &Pool, source: Source, jc: usize, nc: usize, pc: usize, kc: usize) {
        let mut groups = [Group::default(); MAX_GROUPS];
        let count = split(self.tiles, jc, nc, &mut groups);
        let groups = &groups[..count];
        let m = self.a.rows;
        let tile_rows = groups[0].height(self.tiles);
        let wanted = if pool.threads() == 1 { 1 } else { (m * nc * kc / (TASK / 2)).clamp(1, MAX_TASKS) };
        let (rows, per_block) = cut(m, tile_rows, count, wanted);
        let (row_blocks, col_blocks) = (m.div_ceil(rows), count.div_ceil(per_block));
        let task = |t: usize| {
            let (r, g) = (t / col_blocks * rows, t % col_blocks * per_block);
            let groups = &groups[g..(g + per_block).min(count)];
            self.rows(source, groups, jc, r, rows.min(m - r), pc, kc);
        };
        pool.run(row_blocks * col_blocks, &task);
    }

    /// Rows `r..r+rows` of some column groups.
    #[allow(clippy::too_many_arguments, reason = "the six loop bounds of one block")]
    fn rows(&self, source: Source, groups: &[Group], jc: usize, r: usize, rows: usize, pc: usize, kc: usize) {
        // Copying A pays when its columns are far apart and there is a lot of it.
        let far = self.a.col_stride != 1 && rows * kc > 1 << 15;
        if groups.len() < PACK_A_GROUPS || !far {
            let (packed, a_row, a_col) = if self.a.row_stride == 1 {
                (true, 1, self.a.col_stride)
            } else {
                (false, self.a.row_stride, self.a.col_stride)
            };
            // All groups of columns read a block of A before the next block comes:
            // it stays in the second-level cache meanwhile.
            let asks = !packed && kc <= KC && groups.len() <= SKINNY && is_beyond(self.a.rows * self.a.cols);
            let block = if kc <= SHORT { self.tiles.max_rows[self.tiles.wide - 1] } else { MC };
            for ic in (r..r + rows).step_by(block) {
                let end = (ic + block).min(r + rows);
                for (g, group) in groups.iter().enumerate() {
                    let mut ahead = self.ahead(source, groups.get(g + 1), jc, (pc, kc), end - ic);
                    let step = group.step(self.tiles, end - ic);
                    for i in (ic..end).step_by(step) {
                        let at = i * self.a.row_stride + pc * self.a.col_stride;
                        let a = (packed, self.a.data[at..].as_ptr(), a_row, a_col);
                        let next = if asks && g == 0 {
                            // Tiles of few columns are soon done: the processor looks no
                            // further ahead than their next rows.
                            let rows = (i + ROWS_AHEAD) * self.a.row_stride + pc;
                            let rows = self.a.data.as_ptr().wrapping_add(rows);
                            Ahead::of(rows, step * self.a.row_stride, 1).share(kc)
                        } else {
                            ahead.share(kc)
                        };
                        self.tile(source, *group, jc, i, step.min(end - i), pc, kc, a, next);
                    }
                }
            }
        } else {
            for ic in (r..r + rows).step_by(MC) {
                let mc = MC.min(r + rows - ic);
                for pk in (pc..pc + kc).step_by(KC) {
                    let kk = KC.min(pc + kc - pk);
                    self.packed_rows(source, groups, jc, (ic, mc), (pk, kk));
                }
            }
        }
        if self.stream {
            streamed();
        }
    }

    /// The next group's panel, to be fetched while `rows` rows of this one are computed.
    fn ahead(
        &self,
        source: Source,
        next: Option<&Group>,
        jc: usize,
        (pc, kc): (usize, usize),
        rows: usize,
    ) -> Ahead {
        let Some(next) = next else { return Ahead::NOTHING };
        match source {
            Source::Direct => return Ahead::NOTHING,
            // Read once: the processor sees what comes.
            Source::Whole(_) if kc > KC => return Ahead::NOTHING,
            Source::Packed { .. } | Source::Whole(_) => {}
        }
        let (at, width) = (self.panel_of(source, *next, jc, pc), next.vectors * self.tiles.lanes);
        Ahead::of(at, kc * width, rows.div_ceil(next.step(self.tiles, rows)))
    }

    /// Where B has a group's row `pc`; of a packed block, whose first one is `pc`, its first.
    fn panel_of(&self, source: Source, group: Group, jc: usize, pc: usize) -> *const f32 {
        let Group { col, vectors, .. } = group;
        match source {
            Source::Direct => self.b.data.as_ptr().wrapping_add(pc * self.b.row_stride + col),
            Source::Packed { panels, depth } => panels.0.wrapping_add((col - jc) * depth).cast_const(),
            Source::Whole(panels) => panels.wrapping_add(col * self.a.cols + pc * vectors * self.tiles.lanes),
        }
    }

    /// One block of A, copied into panels as tall as the tiles that read them.
    fn packed_rows(
        &self,
        source: Source,
        groups: &[Group],
        jc: usize,
        (ic, mc): (usize, usize),
        (pc, kc): (usize, usize),
    ) {
        // Groups with tiles of one height come together, so A is copied once for each.
        let mut from = 0;
        while from < groups.len() {
            let height = |g: &Group| self.tiles.max_rows[g.vectors - 1];
            let step = height(&groups[from]);
            let until = from + groups[from..].iter().take_while(|g| height(g) == step).count();
            pack::with_a_buffer((MC + step) * KC, |panels| {
                for (i, panel) in (0..mc).step_by(step).zip(panels.chunks_exact_mut(step * KC)) {
                    let block = Block { row: ic + i, col: pc, rows: step.min(mc - i), cols: kc };
                    pack::columns(self.tiles, self.a, block, panel, step);
                }
                for group in &groups[from..until] {
                    for (i, panel) in (0..mc).step_by(step).zip(panels.chunks_exact(step * KC)) {
                        let a = (true, panel.as_ptr(), 1, step);
                        self.tile(source, *group, jc, ic + i, step.min(mc - i), pc, kc, a, Next::NOTHING);
                    }
                }
            });
            from = until;
        }
    }

    /// One register tile.
    #[allow(clippy::too_many_arguments, reason = "the coordinates of one tile")]
    fn tile(
        &self,
        source: Source,
        group: Group,
        jc: usize,
        i: usize,
        rows: usize,
        pc: usize,
        kc: usize,
        (packed, a, a_row, a_col): (bool, *const f32, usize, usize),
        next: Next,
    ) {
        let Group { col, cols, vectors } = group;
        let b_row = match source {
            Source::Direct => self.b.row_stride,
            Source::Packed { .. } | Source::Whole(_) => vectors * self.tiles.lanes,
        };
        let b = self.panel_of(source, group, jc, pc);
        let first = match self.start {
            _ if pc > 0 => First::Load,
            Start::Zero => First::Zero,
            Start::Accumulate => First::Load,
            Start::Bias(bias) => First::Bias(bias[col..col + cols].as_ptr()),
        };
        // SAFETY: row i and column col lie inside C, which has `a.rows * n` elements.
        let c = unsafe { self.c.0.add(i * self.n + col) };
        let last = match pc + kc == self.a.cols {
            true => Last::of(&self.then, i * self.n + col),
            false => Last::NOTHING,
        };
        let stream = self.stream && kc == self.a.cols;
        let tile = Tile {
            rows,
            k: kc,
            n: cols,
            a,
            a_row,
            a_col,
            b,
            b_row,
            c,
            c_row: self.n,
            first,
            stream,
            last,
            next,
        };
        let run = self.tiles.of(packed, vectors, rows, cols);
        // SAFETY: the table belongs to an instruction set that the processor has
        // (`Isa` is a proof of that). `rows × kc` of A and `kc × cols` of B lie
        // inside the matrices or the packed panels, `rows × cols` of C belongs to
        // this task alone, and `cols` fills all but possibly the last vector.
        unsafe { run(&tile) };
    }
}
