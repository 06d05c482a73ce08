//! Lopsided products, for which the loops above them would move more than they multiply.

use super::{Group, KC, MAX_GROUPS, Mat, NC, Problem, STRIP, Source, Start, TASK, even_parts, pack, split};
use crate::Pool;
use crate::gemm::pack::Block;
use crate::lanes::prefetch;
use crate::memory::crowded;
use crate::pool::Shares;
use crate::then::Then;

/// Inner indices that are multiplied while as many of the next block are asked for.
const SLICE: usize = 64;
/// A B of so many elements is in no cache.
const LARGE_B: usize = 1 << 20;
/// Columns of a task that reads such a B in place.
const COLS: usize = 480;
/// Rows of a flat B, at most: 48 columns of them take 24 KiB.
const FLAT: usize = 128;
/// Columns of C that a task computes as rows of its transpose.
const TURNED: usize = 64;
/// Column groups that are enough tasks.
const MANY_GROUPS: usize = 16;
/// An A of at most this many elements stays in the second-level cache of every core.
const SMALL_A: usize = 128 * 1024;
/// The same beside a B that no cache holds.
const LARGE_A: usize = 512 * 1024;

impl Problem<'_> {
    /// Computes the product if it has one of these shapes.
    pub(super) fn by_shape(&self, pool: &Pool, k: usize) -> bool {
        let (tiles, m, n) = (self.tiles, self.a.rows, self.n);
        let wide = tiles.wide * tiles.lanes;
        let large = k * n >= LARGE_B;
        if self.b.col_stride == 1 {
            let flat = k <= FLAT && n >= MANY_GROUPS * wide && !crowded(self.b.row_stride);
            if flat && m * n * k >= TASK {
                self.by_strips(pool, k);
                return true;
            }
            if large && m <= 2 * tiles.max_rows[tiles.wide - 1] {
                self.by_columns(pool, k);
                return true;
            }
        } else if large && m <= 2 * tiles.lanes && self.then.add.is_none() && n * m * k >= TASK {
            self.turned(pool, k);
            return true;
        } else if (pool.threads() > 1 || large)
            && n >= 2 * wide
            && m * k <= if large { LARGE_A } else { SMALL_A }
            && m * n * k >= TASK
        {
            self.by_groups(pool, k);
            return true;
        }
        false
    }

    /// The whole product for few inner indices: a strip of columns of B, which fits into
    /// the nearest cache, is read there by all rows.
    fn by_strips(&self, pool: &Pool, k: usize) {
        let mut groups = [Group::default(); MAX_GROUPS];
        for jc in (0..self.n).step_by(NC) {
            let count = split(self.tiles, jc, NC.min(self.n - jc), &mut groups);
            pool.run(count, &|g| self.rows(Source::Direct, &groups[g..=g], jc, 0, self.a.rows, 0, k));
        }
    }

    /// The whole product, a task for each group of columns, which copies its own
    /// part of B: for a small A, which every core's cache can hold. What one core
    /// copies, no other has to fetch.
    fn by_groups(&self, pool: &Pool, k: usize) {
        let (tiles, m, large) = (self.tiles, self.a.rows, k * self.n >= LARGE_B);
        let mut groups = [Group::default(); MAX_GROUPS];
        for jc in (0..self.n).step_by(NC) {
            let count = split(tiles, jc, NC.min(self.n - jc), &mut groups);
            pool.run(count, &|g| {
                let group = groups[g];
                let stride = group.vectors * tiles.lanes;
                pack::with_b_buffer(stride * KC, |panel| {
                    for pc in (0..k).step_by(KC) {
                        let kc = KC.min(k - pc);
                        let block = Block { row: group.col, col: pc, rows: group.cols, cols: kc };
                        pack::columns(tiles, self.b.t(), block, panel, stride);
                        // What comes next is asked for while this is multiplied.
                        let (slice, asked) = if large { (SLICE, group.cols) } else { (kc, 0) };
                        for at in (0..kc).step_by(slice) {
                            for col in group.col..group.col + asked {
                                let next = col * self.b.col_stride + pc + KC + at;
                                prefetch(self.b.data.as_ptr().wrapping_add(next), slice);
                            }
                            let panels = Shares(panel[at * stride..].as_mut_ptr());
                            let (source, len) = (Source::Packed { panels, depth: KC }, slice.min(kc - at));
                            self.rows(source, &groups[g..=g], group.col, 0, m, pc + at, len);
                        }
                    }
                });
            });
        }
    }

    /// The whole product for so few rows that two vectors hold a column of C, and a
    /// transposed B that no cache holds: Cᵀ = Bᵀ·Aᵀ, whose tiles read rows of Bᵀ where they
    /// lie, from one end to the other. Transposing B would take longer than multiplying it.
    fn turned(&self, pool: &Pool, k: usize) {
        let (m, n) = (self.a.rows, self.n);
        // Whole vectors or halves: columns that are not there are zeros times something.
        let width = m.next_multiple_of(8);
        let group = Group { col: 0, cols: width, vectors: width.div_ceil(self.tiles.lanes) };
        pack::with_b_buffer((k + n) * width, |buffer| {
            let (across, sums) = buffer.split_at_mut(k * width);
            if m < width {
                across.fill(0.0);
                sums[..n * width].fill(0.0);
            }
            pack::columns(self.tiles, self.a, Block { row: 0, col: 0, rows: m, cols: k }, across, width);
            let sums = Shares(sums.as_mut_ptr());
            let turned = Problem {
                tiles: self.tiles,
                a: self.b.t(),
                b: Mat { data: across, rows: k, cols: width, row_stride: width, col_stride: 1 },
                start: Start::Accumulate,
                then: Then { add: None, after: self.then.after },
                c: Shares(sums.0),
                n: width,
                stream: false,
            };
            pool.run(n.div_ceil(TURNED), &|t| {
                let (sums, col, cols) = (&sums, t * TURNED, TURNED.min(n - t * TURNED));
                let each = |f: &dyn Fn(*mut f32, *mut f32, usize)| {
                    for (j, i) in (col..col + cols).flat_map(|j| (0..m).map(move |i| (j, i))) {
                        // SAFETY: columns of C and their sums belong to one task; both lie in
                        // their allocations.
                        unsafe { f(sums.0.add(j * width + i), self.c.0.add(i * n + j), j) };
                    }
                };
                // SAFETY: as above.
                each(&|sum, c, j| unsafe {
                    *sum = match self.start {
                        Start::Zero => 0.0,
                        Start::Bias(bias) => bias[j],
                        Start::Accumulate => *c,
                    };
                });
                turned.rows(Source::Direct, &[group], 0, col, cols, 0, k);
                // SAFETY: as above.
                each(&|sum, c, _| unsafe { *c = *sum });
            });
        });
    }

    /// The whole product for few rows and a B that no cache holds, which is read once and
    /// row by row: some rows for all columns of a task, whose C stays in a cache.
    fn by_columns(&self, pool: &Pool, k: usize) {
        let part = even_parts(self.n, COLS).next_multiple_of(self.tiles.wide * self.tiles.lanes);
        pool.run(self.n.div_ceil(part), &|t| {
            let (jc, mut groups) = (t * part, [Group::default(); MAX_GROUPS]);
            let count = split(self.tiles, jc, part.min(self.n - jc), &mut groups);
            for pc in (0..k).step_by(STRIP) {
                for group in &groups[..count] {
                    for row in pc + STRIP..k.min(pc + 2 * STRIP) {
                        let next = row * self.b.row_stride + group.col;
                        prefetch(self.b.data.as_ptr().wrapping_add(next), group.cols);
                    }
                    let rows = STRIP.min(k - pc);
                    self.rows(Source::Direct, std::slice::from_ref(group), jc, 0, self.a.rows, pc, rows);
                }
            }
        });
    }
}
