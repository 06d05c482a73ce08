//! The gradient of the weight as a product of gathered blocks: C = gᵀ · X, where
//! X is the im2col matrix, and the inner index, the output pixels, is long.
//!
//! An element is one chain of multiply-adds with the pixel ascending, in chunks
//! whose number depends on the shape alone; the chunks' sums are added in order. With
//! products of bfloat16, neighbouring pixels of a chunk are paired (`gemm/bf16`,
//! `weight/pairs.rs`).

#[cfg(target_arch = "x86_64")]
mod pairs;

use super::buffer::{BUFFER, LINE, spaced, with_buffer};
use super::gather::Gather;
use crate::gemm::strips::{Block, NOTHING, product, strips};
use crate::lanes::prefetch_near;
use crate::memory::crowded;
use crate::pool::Shares;
use crate::{Isa, Pool};
use std::ops::Range;

/// Pixels of a block.
const PIXELS: usize = 192;
/// Elements of a block whose operands stay where they lie, and the fewest pixels of one.
const NEAR: usize = 1 << 10;
const FEWEST: usize = 8;
/// Most output channels of a task.
const ROWS: usize = 256;
/// Most columns of a task; whole strips of any instruction set.
const COLS: usize = 288;
/// Fewest pixels of a chunk.
const CHUNK: usize = 1024;
const MOST_CHUNKS: usize = 16;
/// Most tasks.
const TASKS: usize = 64;
/// An operand that at most so many products read is read where it lies.
const REREAD: usize = 2;
/// Columns that are few beside the rows.
const NARROW: usize = 2 * LINE;
/// Multiply-adds from which on threads pay.
const THREADS: usize = 1 << 18;

const _: () = assert!(PIXELS * (ROWS + COLS + 2 * LINE) <= BUFFER, "the buffer is too small");

/// How the product is cut; from the shape alone.
#[derive(Clone, Copy)]
struct Plan {
    /// Rows and columns of a task, and how many such parts there are.
    rows: usize,
    cols: usize,
    row_parts: usize,
    col_parts: usize,
    chunks: usize,
}

impl Plan {
    /// For an m×n gradient that sums k pixels.
    fn new(m: usize, n: usize, k: usize) -> Self {
        let part = |extent: usize, most: usize, unit: usize| {
            let part = extent.div_ceil(extent.div_ceil(most).max(1)).next_multiple_of(unit).max(unit);
            (part, extent.div_ceil(part).max(1))
        };
        let ((rows, row_parts), (cols, col_parts)) = (part(m, ROWS, LINE), part(n, COLS, 3 * LINE));
        let most = (TASKS / (row_parts * col_parts)).clamp(1, MOST_CHUNKS);
        Plan { rows, cols, row_parts, col_parts, chunks: most.min(k / CHUNK).max(1) }
    }
}

/// Elements for the sums of all chunks but the first, for any number of pixels.
pub(super) fn partial_len(m: usize, n: usize) -> usize {
    (Plan::new(m, n, usize::MAX).chunks - 1) * m * n
}

struct Operands<'a> {
    isa: Isa,
    gather: &'a Gather,
    image: &'a [f32],
    /// The gradient: pixel p's channels begin at `p * g_row`.
    g: &'a [f32],
    g_row: usize,
    n: usize,
}

/// C (m × n, dense) = gᵀ · gather(image). Row p of g is `g[p * g_row..][..m]`;
/// `partial` has at least [`partial_len`].
#[allow(clippy::too_many_arguments, reason = "the operands of one product")]
pub(super) fn columns(
    isa: Isa,
    pool: &Pool,
    gather: &Gather,
    pixels: usize,
    image: &[f32],
    (g, g_row, m): (&[f32], usize, usize),
    partial: &mut [f32],
    c: &mut [f32],
) {
    let n = gather.depth();
    assert_eq!(c.len(), m * n, "C has another length");
    if m == 0 || n == 0 {
        return;
    }
    if pixels == 0 {
        return c.fill(0.0);
    }
    assert!(g.len() >= (pixels - 1) * g_row + m, "the gradient is too short");
    if gather.is_plain() {
        let end = (pixels - 1) * gather.pixel + gather.channel + n;
        assert!(image.len() >= end, "the image is too short");
    }
    let plan = Plan::new(m, n, pixels);
    assert!(partial.len() >= (plan.chunks - 1) * m * n, "the partial sums do not fit");
    let operands = Operands { isa, gather, image, g, g_row, n };
    let length = pixels.div_ceil(plan.chunks);
    let (first, others) = (Shares(c.as_mut_ptr()), Shares(partial.as_mut_ptr()));
    let parts = plan.row_parts * plan.col_parts;
    let task = |t: usize| {
        let (chunk, t) = (t / parts, t % parts);
        let (r, j) = (t / plan.col_parts * plan.rows, t % plan.col_parts * plan.cols);
        let (first, others) = (&first, &others);
        // SAFETY: chunk s > 0 owns the (s − 1)-th part of `partial`, of m · n elements.
        let c = if chunk == 0 { first.0 } else { unsafe { others.0.add((chunk - 1) * m * n) } };
        let pixels = chunk * length..pixels.min((chunk + 1) * length);
        operands.task(r..m.min(r + plan.rows), j..n.min(j + plan.cols), pixels, c);
    };
    let tasks = plan.chunks * parts;
    if m * n * pixels < THREADS {
        (0..tasks).for_each(task)
    } else {
        pool.run(tasks, &task)
    }
    for part in partial[..(plan.chunks - 1) * m * n].chunks_exact(m * n) {
        crate::elementwise::add_assign(isa, c, part);
    }
}

impl Operands<'_> {
    /// Some rows and columns, over some pixels. `c` is this chunk's C.
    fn task(&self, rows: Range<usize>, cols: Range<usize>, pixels: Range<usize>, c: *mut f32) {
        if pixels.is_empty() {
            for r in rows {
                // SAFETY: row r and these columns lie in C and belong to this task.
                unsafe { std::slice::from_raw_parts_mut(c.add(r * self.n + cols.start), cols.len()) }
                    .fill(0.0);
            }
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if self.isa.is_bf16() {
            return self.task_of_pairs(rows, cols, pixels, c);
        }
        let strips = strips(self.isa, cols.len());
        let panels = rows.len().div_ceil(LINE);
        let (g_stays, x_stays) = self.stay(panels, strips.len());
        if g_stays && x_stays && cols.len() <= NARROW && cols.len() < rows.len() {
            return self.across(rows, cols, pixels, c);
        }
        let spaced = spaced(cols.len());
        with_buffer(|buffer| {
            let (a, b) = buffer.split_at_mut(PIXELS * panels * LINE);
            for p in pixels.clone().step_by(PIXELS) {
                let block = p..pixels.end.min(p + PIXELS);
                if !g_stays {
                    self.panels(&rows, &block, a);
                }
                let (x, stride) = if x_stays {
                    let gather = self.gather;
                    (self.image[p * gather.pixel + gather.channel + cols.start..].as_ptr(), gather.pixel)
                } else {
                    self.gather.block(self.image, block.clone(), cols.clone(), b, spaced);
                    (b.as_ptr(), spaced)
                };
                // The next block arrives while this one is multiplied, a few pixels
                // for each product.
                let products = strips.len() * panels;
                let mut done = 0;
                for strip in strips.clone() {
                    for (panel, r) in rows.clone().step_by(LINE).enumerate() {
                        let next = (done * PIXELS / products, (done + 1) * PIXELS / products);
                        self.announce(block.end + next.0..pixels.end.min(block.end + next.1), &rows, &cols);
                        done += 1;
                        let (a, a_col) = if g_stays {
                            (self.g[p * self.g_row + r..].as_ptr(), self.g_row)
                        } else {
                            (a[panel * PIXELS * LINE..].as_ptr(), LINE)
                        };
                        let product_of = Block {
                            rows: LINE.min(rows.end - r),
                            k: block.len(),
                            a,
                            a_row: 1,
                            a_col,
                            b: x.wrapping_add(strip.col),
                            b_row: stride,
                            // SAFETY: row r and this column lie inside C.
                            c: unsafe { c.add(r * self.n + cols.start + strip.col) },
                            c_row: self.n,
                            accumulate: p > pixels.start,
                            next: NOTHING,
                        };
                        // SAFETY: the panels of these pixels were written above, or lie in
                        // the operands, whose lengths `columns` has checked; these rows and
                        // columns of C belong to this task.
                        unsafe { product(self.isa, strip, &product_of) };
                    }
                }
            }
        });
    }

    /// [`Self::task`] with the operands exchanged, which stay where they lie: of few
    /// columns tiles would consist of one or two vectors.
    fn across(&self, rows: Range<usize>, cols: Range<usize>, pixels: Range<usize>, c: *mut f32) {
        let strips = strips(self.isa, rows.len());
        let gather = self.gather;
        let block = (NEAR / (rows.len() + cols.len())).clamp(FEWEST, PIXELS);
        with_buffer(|turned| {
            for p in pixels.clone().step_by(block) {
                let k = block.min(pixels.end - p);
                let x = self.image[p * gather.pixel + gather.channel + cols.start..].as_ptr();
                let g = self.g[p * self.g_row + rows.start..].as_ptr();
                for (done, strip) in strips.clone().enumerate() {
                    let next = [done, done + 1].map(|d| (p + k + d * block / strips.len()).min(pixels.end));
                    self.announce(next[0]..next[1], &rows, &cols);
                    let product_of = Block {
                        rows: cols.len(),
                        k,
                        a: x,
                        a_row: 1,
                        a_col: gather.pixel,
                        b: g.wrapping_add(strip.col),
                        b_row: self.g_row,
                        c: turned[strip.col..].as_mut_ptr(),
                        c_row: rows.len(),
                        accumulate: p > pixels.start,
                        next: NOTHING,
                    };
                    // SAFETY: `columns` has checked the operands' lengths; the buffer has
                    // room for `cols` rows of `rows` elements.
                    unsafe { product(self.isa, strip, &product_of) };
                }
            }
            for (i, r) in rows.clone().enumerate() {
                // SAFETY: row r and these columns lie in C and belong to this task.
                let c = unsafe { std::slice::from_raw_parts_mut(c.add(r * self.n + cols.start), cols.len()) };
                for (c, x) in c.iter_mut().zip(turned[i..].iter().step_by(rows.len())) {
                    *c = *x;
                }
            }
        });
    }

    /// Whether the gradient and the image are read where they lie: copying pays only
    /// if several products read the copy, or pixels lie so far apart that they would
    /// drive each other out of the nearest cache.
    fn stay(&self, panels: usize, strips: usize) -> (bool, bool) {
        let g_stays = strips <= REREAD || !crowded(self.g_row);
        let x_stays = self.gather.is_plain() && (panels <= REREAD || !crowded(self.gather.pixel));
        (g_stays, x_stays)
    }

    /// Asks for the operands of some pixels. Windows of several taps are mostly
    /// in the cache already.
    fn announce(&self, pixels: Range<usize>, rows: &Range<usize>, cols: &Range<usize>) {
        let gather = self.gather;
        for p in pixels.clone() {
            prefetch_near(self.g.as_ptr().wrapping_add(p * self.g_row + rows.start), rows.len());
        }
        if gather.is_plain() {
            for p in pixels {
                let at = p * gather.pixel + gather.channel + cols.start;
                prefetch_near(self.image.as_ptr().wrapping_add(at), cols.len());
            }
        } else if gather.taps == [1, 1] {
            for p in pixels {
                let (image, a, b) = gather.point(p);
                if let (Some(h), Some(w)) = (gather.at(0, a, 0), gather.at(1, b, 0)) {
                    let [height, width] = gather.source;
                    let at = ((image * height + h) * width + w) * gather.pixel;
                    let at = at + gather.channel + cols.start;
                    prefetch_near(self.image.as_ptr().wrapping_add(at), cols.len());
                }
            }
        }
    }

    /// Copies the gradients of some channels into panels [channels / LINE][pixel][LINE].
    fn panels(&self, rows: &Range<usize>, pixels: &Range<usize>, to: &mut [f32]) {
        for (i, p) in pixels.clone().enumerate() {
            let g = &self.g[p * self.g_row + rows.start..][..rows.len()];
            let mut whole = g.chunks_exact(LINE);
            let mut panels = to.chunks_exact_mut(PIXELS * LINE);
            for (g, panel) in whole.by_ref().zip(panels.by_ref()) {
                panel[i * LINE..][..LINE].copy_from_slice(g);
            }
            if let Some(panel) = panels.next() {
                let rest = whole.remainder();
                panel[i * LINE..][..rest.len()].copy_from_slice(rest);
            }
        }
    }
}
