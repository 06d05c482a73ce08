//! Products with an operand that exists nowhere in memory as a whole.
//!
//! A caller's closure writes blocks of it, row-major, into a buffer of the
//! thread that stays in its second-level cache while tiles read it. A
//! convolution is such a product: the operand is its im2col matrix.
//!
//! [`rows`]: the left operand is written (k along its rows).
//!
//! The order of multiply-adds of an element is that of `mod.rs`: k ascending. With
//! products of bfloat16 (`bf16/`) panels and blocks hold pairs of inner indices, and a
//! *step* of a tile is a pair; everywhere else it is one inner index.

use super::ahead::{Ahead, Next};
use super::drive::{Group, MAX_GROUPS, MAX_TASKS, NC, TASK, split, tiles, whole};
use super::layout::Layout;
use super::micro::{First, Last, Tile};
use super::pack::{self, Block};
use super::tables::Tiles;
use super::{Mat, Start, bf16};
use crate::pool::Shares;
use crate::then::Then;
use crate::{Isa, Pool};
use std::ops::Range;

/// Writes rows × columns of the operand: element (i, j) of the block goes to
/// `buffer[i * stride + j]`.
pub(crate) type Fill<'a> = &'a (dyn Fn(Range<usize>, Range<usize>, &mut [f32], usize) + Sync);

/// Inner indices of a written block of A.
const KC: usize = 384;
/// The same for at most [`MC`] rows and a packed B from memory, whose panels come as long rows.
const LONG_KC: usize = 960;
/// A packed B of so many elements comes from memory.
const FAR: usize = 1 << 18;
/// Rows of a written block of A; a whole number of tiles of either height.
const MC: usize = 96;
/// Tiles below each other that read a panel from memory, at least.
const TALL: usize = 4;
/// Rows that tiles may read below those of a block.
const BELOW: usize = 16;
/// Elements of tiles whose rows take a detour.
const DETOUR: usize = 32 * 32;
/// Elements of the packed block of B.
const PANEL: usize = 512 * 960;

/// The left operand.
#[derive(Clone, Copy)]
pub(crate) enum Left<'a> {
    /// Written block by block.
    Written(Fill<'a>),
    /// In memory, to be paired block by block.
    Paired(Mat<'a, f32>),
    /// Pairs, written block by block from pairs.
    Pairs(&'a dyn Pairs),
}

/// A left operand that is made of values which several of its elements share.
pub(crate) trait Pairs: Sync {
    /// Elements of what [`Pairs::begin`] writes for these rows.
    fn len(&self, rows: Range<usize>) -> usize;
    /// Writes the pairs that these rows are made of.
    fn begin(&self, rows: Range<usize>, to: &mut [f32]);
    /// Writes some rows × steps, zeros where there are no such steps: pair (i, j) of the
    /// block goes to `to[i * stride + j]`. `from` is what was written for these rows.
    fn block(&self, rows: Range<usize>, steps: Range<usize>, from: &[f32], to: &mut [f32], stride: usize);
}

struct Rows<'a> {
    tiles: &'a Tiles,
    left: Left<'a>,
    start: Start<'a, f32>,
    then: Then<'a, f32>,
    isa: Isa,
    /// The whole inner extent, and inner indices of a step.
    k: usize,
    unit: usize,
    layout: &'a Layout,
    c: Shares<f32>,
    /// Packed panels of the current block of B; one begins at `(col - jc) * kb`.
    b: Shares<f32>,
    jc: usize,
    /// The steps of that block.
    pb: usize,
    kb: usize,
    /// Whether B comes from memory.
    far: bool,
}

/// C = start + A·B, where A is m×k and row r of C begins at `layout.at(r)`.
#[allow(clippy::too_many_arguments, reason = "the operands of one product")]
pub(crate) fn rows(
    isa: Isa,
    pool: &Pool,
    (m, k): (usize, usize),
    left: Left<'_>,
    b: Operand<'_>,
    start: Start<'_, f32>,
    then: Then<'_, f32>,
    layout: &Layout,
    c: &mut [f32],
) {
    assert!(isa != Isa::SCALAR, "the scalar path has its own loops");
    let (rows, n) = match b {
        Operand::Matrix(b) => (b.rows, b.cols),
        Operand::Packed { panels, k, n } => {
            assert!(panels.len() >= super::packed_len(k, n), "the packed operand is too short");
            (k, n)
        }
    };
    assert_eq!(k, rows, "inner extents differ");
    assert!(k > 0, "an inner extent of 0");
    if m == 0 || n == 0 {
        return;
    }
    assert!(layout.at(m - 1) + n <= c.len(), "C is too short");
    let (tiles, unit) = steps_of(isa);
    let c = Shares(c.as_mut_ptr());
    each_block(tiles, unit, (k, n), |block, groups| {
        let run = |panels: Shares<f32>, far| {
            let Panels { jc, pb, kb, .. } = block;
            let p = Rows { tiles, left, start, then, isa, k, unit, layout, c, b: panels, jc, pb, kb, far };
            p.run(pool, m, groups);
        };
        match b {
            Operand::Matrix(b) => pack::with_b_buffer(PANEL, |panels| {
                block.pack(isa, pool, unit, b, groups, panels);
                run(Shares(panels.as_mut_ptr()), false);
            }),
            // Nobody writes through the pointer.
            Operand::Packed { panels, .. } => {
                run(Shares(panels[whole(panels) + block.at..].as_ptr().cast_mut()), k * n >= FAR);
            }
        }
    });
}

/// The right operand.
#[derive(Clone, Copy)]
pub(crate) enum Operand<'a> {
    Matrix(Mat<'a, f32>),
    /// What [`pack`] wrote on the same instruction set.
    Packed {
        panels: &'a [f32],
        k: usize,
        n: usize,
    },
}

/// Writes all panels of a right operand, once for many products; `to` has
/// [`super::packed_len`] elements.
pub(crate) fn pack(isa: Isa, pool: &Pool, b: Mat<'_, f32>, to: &mut [f32]) {
    let ((tiles, unit), skip) = (steps_of(isa), whole(to));
    each_block(tiles, unit, (b.rows, b.cols), |block, groups| {
        block.pack(isa, pool, unit, b, groups, &mut to[skip + block.at..]);
    });
}

/// Inner indices of a step of the tiles, and these.
fn steps_of(isa: Isa) -> (&'static Tiles, usize) {
    if isa.is_bf16() { (bf16::tiles(isa), 2) } else { (tiles(isa), 1) }
}

/// A block of the right operand, which a core's caches hold.
#[derive(Clone, Copy)]
struct Panels {
    /// First column.
    jc: usize,
    /// Its steps.
    pb: usize,
    kb: usize,
    /// Elements of all blocks before it.
    at: usize,
}

/// The blocks of a k × n operand and the groups of their columns.
fn each_block(tiles: &Tiles, unit: usize, (k, n): (usize, usize), mut each: impl FnMut(Panels, &[Group])) {
    let (steps, mut at) = (k.div_ceil(unit).next_multiple_of(tiles.steps), 0);
    let mut groups = [Group::default(); MAX_GROUPS];
    for jc in (0..n).step_by(NC) {
        let nc = NC.min(n - jc);
        let count = split(tiles, jc, nc, &mut groups);
        let width = nc.next_multiple_of(tiles.lanes);
        let depth = tiles.even_steps(steps, PANEL / width);
        for pb in (0..steps).step_by(depth) {
            let kb = depth.min(steps - pb);
            each(Panels { jc, pb, kb, at }, &groups[..count]);
            at += width * kb;
        }
    }
}

impl Panels {
    /// Copies the block of `b` into panels, one for each group of columns.
    fn pack(self, isa: Isa, pool: &Pool, unit: usize, b: Mat<'_, f32>, groups: &[Group], to: &mut [f32]) {
        let Panels { jc, pb, kb, .. } = self;
        let tiles = steps_of(isa).0;
        let columns: usize = groups.iter().map(|g| g.cols).sum();
        let at = Shares(to[..columns.next_multiple_of(tiles.lanes) * kb].as_mut_ptr());
        let pack = |g: usize| {
            let Group { col, cols, vectors } = groups[g];
            let stride = vectors * tiles.lanes;
            let at = &at;
            // SAFETY: group panels are disjoint parts of `to`: group g owns the
            // `stride * kb` elements that begin at `(col - jc) * kb`.
            let panel = unsafe { std::slice::from_raw_parts_mut(at.0.add((col - jc) * kb), stride * kb) };
            let inner = pb * unit..b.rows.min((pb + kb) * unit);
            let block = Block { row: col, col: inner.start, rows: cols, cols: inner.len() };
            if unit == 2 {
                bf16::columns(isa, b.t(), block, panel, stride);
                panel[block.cols.div_ceil(2) * stride..].fill(0.0);
            } else {
                pack::columns(tiles, b.t(), block, panel, stride);
            }
        };
        if columns * kb >= 1 << 15 {
            pool.run(groups.len(), &pack);
        } else {
            (0..groups.len()).for_each(pack);
        }
    }
}

impl Rows<'_> {
    /// All rows for one packed block of B, cut into tasks.
    fn run(&self, pool: &Pool, m: usize, groups: &[Group]) {
        if self.far && m <= MC && groups.len() >= pool.threads() {
            return self.few_rows(pool, m, groups);
        }
        let height = groups[0].height(self.tiles);
        let nc = groups.iter().map(|g| g.cols).sum::<usize>();
        // Tiles that take blocks of steps multiply about as many times faster.
        let wanted = (m * nc * self.kb / (TASK * self.tiles.steps)).clamp(1, MAX_TASKS);
        // A panel that comes from memory takes as long as a few tiles.
        let least = if self.far { TALL * height } else { 1 };
        let rows = m.div_ceil(wanted).max(least).next_multiple_of(height);
        let row_blocks = m.div_ceil(rows);
        let per_block = groups.len().div_ceil((wanted / row_blocks).clamp(1, groups.len()));
        let col_blocks = groups.len().div_ceil(per_block);
        pool.run(row_blocks * col_blocks, &|t| {
            let (r, g) = (t / col_blocks * rows, t % col_blocks * per_block);
            let rows = r..(r + rows).min(m);
            let groups = &groups[g..(g + per_block).min(groups.len())];
            self.task(rows.clone(), KC, groups.iter().map(|group| (*group, rows.clone())));
        });
    }

    /// All of a few rows, so that a panel of B comes from memory to one core: each thread has
    /// as many groups of columns, and of those left over some rows.
    fn few_rows(&self, pool: &Pool, m: usize, groups: &[Group]) {
        let threads = pool.threads();
        let own = groups.len() / threads;
        let (groups, rest) = groups.split_at(own * threads);
        let part = m.div_ceil(threads);
        pool.run(threads, &|t| {
            let own = groups[t * own..][..own].iter().map(|group| (*group, 0..m));
            let part = (t * part).min(m)..((t + 1) * part).min(m);
            self.task(0..m, LONG_KC, own.chain(rest.iter().map(|group| (*group, part.clone()))));
        });
    }

    /// Some rows, and of these for each group of columns some; `most` inner indices at a time.
    fn task(
        &self,
        rows: Range<usize>,
        most: usize,
        groups: impl Iterator<Item = (Group, Range<usize>)> + Clone,
    ) {
        let depth = self.tiles.even_steps(self.kb, most / self.unit);
        // A stride that is no power of two, so that rows fall into different cache sets.
        let spaced = |len: usize| len.next_multiple_of(16) | 16;
        let (written, stride) = (spaced(depth * self.unit), spaced(depth));
        let _registers = bf16::registers(self.isa);
        pack::with_a_buffer((MC + BELOW) * (most | 16), |a| {
            for ic in rows.clone().step_by(MC) {
                let mc = MC.min(rows.end - ic);
                if let Left::Pairs(pairs) = self.left {
                    let block = ic..ic + mc;
                    pack::with_shared_buffer(pairs.len(block.clone()), |to| pairs.begin(block, to));
                }
                for pc in (0..self.kb).step_by(depth) {
                    let kc = depth.min(self.kb - pc);
                    let inner = (self.pb + pc) * self.unit..self.k.min((self.pb + pc + kc) * self.unit);
                    match self.left {
                        Left::Written(fill) => {
                            let len = inner.len();
                            fill(ic..ic + mc, inner, a, written);
                            if self.unit == 2 {
                                bf16::pair_columns(self.isa, a, (mc, len), written, stride);
                            }
                        }
                        Left::Pairs(pairs) => {
                            let (rows, steps) = (ic..ic + mc, self.pb + pc..self.pb + pc + kc);
                            pack::with_shared_buffer(pairs.len(rows.clone()), |from| {
                                pairs.block(rows, steps, from, a, stride);
                            });
                        }
                        Left::Paired(m) => bf16::paired(self.isa, m, (ic..ic + mc, inner), a, stride),
                    }
                    let mut coming = groups.clone().skip(1);
                    for (group, of) in groups.clone() {
                        let (first, end) = (of.start.max(ic), of.end.min(ic + mc));
                        let most = group.height(self.tiles).min(DETOUR / (group.vectors * self.tiles.lanes));
                        let step = self.tiles.even_rows(end.saturating_sub(first), most).max(1);
                        let tiles = end.saturating_sub(first).div_ceil(step);
                        let mut ahead = coming.next().map_or(Ahead::NOTHING, |(next, _)| {
                            Ahead::of(self.panel(next, pc), kc * next.vectors * self.tiles.lanes, tiles)
                        });
                        for i in (first..end).step_by(step) {
                            let a = a[(i - ic) * stride..].as_ptr();
                            self.tile(group, i, step.min(end - i), (pc, kc), (a, stride), ahead.share(kc));
                        }
                    }
                }
            }
        });
    }

    /// The panel of a group from step `pc` of its block on.
    fn panel(&self, group: Group, pc: usize) -> *const f32 {
        let width = group.vectors * self.tiles.lanes;
        // SAFETY: the panel of this group begins at `(col - jc) * kb` and has `kb` rows.
        unsafe { self.b.0.add((group.col - self.jc) * self.kb + pc * width) }.cast_const()
    }

    /// One register tile: rows `r..r+rows`, steps `pc..pc+kc` of the block of B.
    fn tile(
        &self,
        group: Group,
        r: usize,
        rows: usize,
        (pc, kc): (usize, usize),
        (a, a_row): (*const f32, usize),
        next: Next,
    ) {
        let Group { col, cols, vectors } = group;
        let width = vectors * self.tiles.lanes;
        let first = match self.start {
            _ if self.pb + pc > 0 => First::Load,
            Start::Zero => First::Zero,
            Start::Accumulate => First::Load,
            Start::Bias(bias) => First::Bias(bias[col..col + cols].as_ptr()),
        };
        let run = self.tiles.of(false, vectors, rows, cols);
        let b = self.panel(group, pc);
        // SAFETY: row r of C lies inside C and has n elements from there on.
        let c_of = |r: usize| unsafe { self.c.0.add(self.layout.at(r) + col) };
        let ends = (self.pb + pc + kc) * self.unit >= self.k && self.layout.is_even(r, rows);
        let last = if ends { Last::of(&self.then, self.layout.at(r) + col) } else { Last::NOTHING };
        let tile = |c, c_row| Tile {
            rows,
            k: kc,
            n: cols,
            a,
            a_row,
            a_col: 1,
            b,
            b_row: width,
            c,
            c_row,
            first,
            stream: false,
            last,
            next,
        };
        if self.layout.is_even(r, rows) {
            // SAFETY: the table belongs to an instruction set that the processor has.
            // `rows × kc` of A and `kc × width` of B are written, and these rows of C
            // belong to this task alone.
            unsafe { run(&tile(c_of(r), self.layout.step)) };
            return;
        }
        assert!(self.then.is_nothing(), "only evenly spaced rows have something that follows");
        // Rows of two lines: they take a detour, the tile knows one stride only.
        let mut detour = [0.0; DETOUR];
        assert!(rows * width <= DETOUR, "more rows than a detour has");
        for (i, row) in detour.chunks_exact_mut(width).take(rows).enumerate() {
            if matches!(first, First::Load) {
                // SAFETY: as for `c_of`; the task owns the row's elements.
                row[..cols].copy_from_slice(unsafe { std::slice::from_raw_parts(c_of(r + i), cols) });
            }
        }
        // SAFETY: as above; the detour holds MAX_ROWS rows of the widest tile.
        unsafe { run(&tile(detour.as_mut_ptr(), width)) };
        for (i, row) in detour.chunks_exact(width).take(rows).enumerate() {
            // SAFETY: as for `c_of`; the task owns the row's elements.
            unsafe { std::slice::from_raw_parts_mut(c_of(r + i), cols) }.copy_from_slice(&row[..cols]);
        }
    }
}
