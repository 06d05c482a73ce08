//! The forward pass, and the gradient of the input: images into images.

use super::Form;
use super::loops::{Collect, Grid, Place, Spread, Taps, loops};
use crate::conv::Conv;
use crate::conv::buffer::{BUFFER, LINE, aligned, spaced, with_buffer};
use crate::gemm::Mat;
use crate::gemm::strips::{Block, Strip, product, strips, transpose};
use crate::pool::Shares;
use crate::{Isa, Pool};

/// Most tiles of a block.
const TILES: usize = 24;
/// Columns of the widest strip.
const WIDEST: usize = 64;
/// Tasks that a pass is cut into, if there are so many blocks.
const TASKS: usize = 16;
/// Columns that a thread transforms at once when it packs the weight.
const COLUMNS: usize = 16;
/// Rows of them.
const ROWS: usize = 16;
/// Most taps of a kernel.
const MOST_TAPS: usize = 25;

/// One direction: `k` channels in, `n` channels out.
struct Pass {
    form: Form,
    k: usize,
    n: usize,
    source: Grid,
    target: Grid,
    /// Tiles of all images.
    tiles: usize,
}

impl Pass {
    fn forward(conv: &Conv, form: Form, n: usize) -> Self {
        let source = [conv.height, conv.width];
        let target = [conv.out_height(), conv.out_width()];
        Pass::new(form, n, (source, conv.in_channels), (target, conv.out_channels), conv.padding)
    }

    fn backward(conv: &Conv, form: Form, n: usize) -> Self {
        let source = [conv.out_height(), conv.out_width()];
        let target = [conv.height, conv.width];
        let padding = conv.padding.map(|p| form.r - 1 - p);
        Pass::new(form, n, (source, conv.out_channels), (target, conv.in_channels), padding)
    }

    fn new(
        form: Form,
        images: usize,
        (source, k): ([usize; 2], usize),
        (target, n): ([usize; 2], usize),
        padding: [usize; 2],
    ) -> Self {
        let tiles = target.map(|extent| extent.div_ceil(form.m));
        let offset = padding.map(|p| -(p as isize));
        Pass {
            form,
            k,
            n,
            source: Grid { extent: source, channels: k, tiles, step: form.m, offset },
            target: Grid { extent: target, channels: n, tiles, step: form.m, offset: [0; 2] },
            tiles: images * tiles[0] * tiles[1],
        }
    }

    /// Elements between the points of the transformed weight.
    fn weight_step(&self) -> usize {
        weight_step(self.k, self.n)
    }

    /// Elements between the channels of neighbouring tiles of a block.
    fn row(&self) -> usize {
        // Rows of a multiple of 512 bytes would compete for the same cache sets.
        if self.k < 128 { self.k.next_multiple_of(LINE) } else { spaced(self.k) }
    }

    /// Tiles of a block: as many as the buffer holds with their products.
    fn block_len(&self) -> usize {
        let fit = BUFFER / self.form.points() / (self.row() + WIDEST) - 1;
        fit.min(TILES)
    }

    /// All tiles: transforms, products, transforms back. `u` is the transformed
    /// weight.
    fn run(
        &self,
        isa: Isa,
        pool: &Pool,
        source: &[f32],
        u: &[f32],
        bias: Option<&[f32]>,
        target: &mut [f32],
    ) {
        let images = self.tiles / (self.source.tiles[0] * self.source.tiles[1]).max(1);
        let elements = |grid: &Grid| images * grid.extent[0] * grid.extent[1] * grid.channels;
        assert_eq!(source.len(), elements(&self.source), "the source has another length");
        assert_eq!(target.len(), elements(&self.target), "the target has another length");
        assert!(u.len() >= self.form.points() * self.weight_step(), "the weight is too short");
        assert!(bias.is_none_or(|b| b.len() == self.n), "the bias has another length");
        let strips = strips(isa, self.n);
        let len = self.block_len();
        let blocks = self.tiles.div_ceil(len);
        let per_task = strips.len().div_ceil(TASKS.div_ceil(blocks.max(1)).clamp(1, strips.len().max(1)));
        let parts = strips.len().div_ceil(per_task.max(1));
        let target = Shares(target.as_mut_ptr());
        pool.run(blocks * parts, &|task| {
            let (first, part) = (task / parts * len, task % parts);
            let count = len.min(self.tiles - first);
            let strips = strips.clone().skip(part * per_task).take(per_task);
            self.block(isa, (first, count), strips, source, u, bias, &target);
        });
    }

    #[allow(clippy::too_many_arguments, reason = "the operands of one block")]
    fn block(
        &self,
        isa: Isa,
        (tile, count): (usize, usize),
        strips: impl Iterator<Item = Strip>,
        source: &[f32],
        u: &[f32],
        bias: Option<&[f32]>,
        target: &Shares<f32>,
    ) {
        let loops = loops(isa, self.form);
        let (points, row) = (self.form.points(), self.row());
        with_buffer(|buffer| {
            let point = spaced(self.block_len() * row);
            let (v, products) = buffer.split_at_mut(points * point);
            let place = Place { point, width: row, panel: 0, row };
            let grid = &self.source;
            let to = v.as_mut_ptr();
            // SAFETY: `Isa` proves the instruction set. The images have the grid's
            // extents (`run`), and `v` has `point` ≥ `count * row` elements for each
            // point, with rows of whole vectors.
            unsafe {
                let image = source.as_ptr();
                (loops.windows)(&Spread { grid, tile, count, channels: 0..self.k, image, place, to });
            }
            for strip in strips {
                let step = spaced(self.block_len() * strip.width);
                assert!(products.len() >= points * step, "the buffer is too small");
                for t in 0..points {
                    let block = Block {
                        rows: count,
                        k: self.k,
                        a: v[t * point..].as_ptr(),
                        a_row: row,
                        a_col: 1,
                        b: u[t * self.weight_step() + strip.col * self.k..].as_ptr(),
                        b_row: strip.width,
                        c: products[t * step..].as_mut_ptr(),
                        c_row: strip.width,
                        accumulate: false,
                    };
                    // SAFETY: `count` rows of `k` were written above; a strip of the
                    // weight has `k` rows of its width; the products of a point have
                    // `step` elements in this thread's buffer.
                    unsafe { product(isa, strip, &block) };
                }
                let bias = bias.map_or(std::ptr::null(), |b| b[strip.col..strip.col + strip.cols].as_ptr());
                let collect = Collect {
                    grid: &self.target,
                    tile,
                    count,
                    from: products.as_ptr(),
                    point: step,
                    row: strip.width,
                    channel: strip.col,
                    channels: strip.cols,
                    bias,
                    image: target.0,
                };
                // SAFETY: as above; these channels of these tiles' pixels are written
                // by this task alone.
                unsafe { (loops.outputs)(&collect) };
            }
        });
    }
}

/// Elements between the points of a transformed weight of `k` rows and `n` columns.
fn weight_step(k: usize, n: usize) -> usize {
    spaced(k * n.next_multiple_of(LINE))
}

pub(super) fn scratch_len(conv: &Conv, form: Form) -> usize {
    let (ins, outs) = (conv.in_channels, conv.out_channels);
    form.points() * weight_step(ins, outs).max(weight_step(outs, ins))
}

/// The strip of a column, and the column's place in it.
fn strip_of(isa: Isa, n: usize, col: usize) -> Strip {
    strips(isa, n).find(|s| s.col + s.width > col).expect("a column has a strip")
}

/// G w Gᵀ for the forward pass: rows are input channels, columns output channels.
fn forward_weight(isa: Isa, pool: &Pool, conv: &Conv, form: Form, weight: &[f32], u: &mut [f32]) {
    let (k, n) = (conv.in_channels, conv.out_channels);
    let loops = loops(isa, form);
    let to_step = weight_step(k, n);
    let from = Mat::new(weight, n, form.taps() * k);
    let u = Shares(u[..form.points() * to_step].as_mut_ptr());
    pool.run(n.div_ceil(COLUMNS), &|task| {
        let u = &u;
        let col = task * COLUMNS;
        let strip = strip_of(isa, n, col);
        let len = COLUMNS.min(strip.col + strip.width - col);
        // Taps with the output channels along the rows: [tap][input channel][COLUMNS].
        let mut turned = [0.0f32; MOST_TAPS * ROWS * COLUMNS];
        for c in (0..k).step_by(ROWS) {
            let rows = ROWS.min(k - c);
            for (tap, turned) in turned.chunks_exact_mut(ROWS * COLUMNS).take(form.taps()).enumerate() {
                let (outs, at) = (COLUMNS.min(n - col), tap * k + c);
                transpose(isa, from, (col..col + outs, at..at + rows), turned, COLUMNS);
            }
            for i in 0..rows {
                let taps = Taps {
                    from: turned[i * COLUMNS..].as_ptr(),
                    from_step: ROWS * COLUMNS,
                    reversed: false,
                    len,
                    // SAFETY: the strip's panel has k rows of its width, and row c + i
                    // has `len` columns from this one on; they belong to this task.
                    to: unsafe { u.0.add(strip.col * k + (c + i) * strip.width + col - strip.col) },
                    to_step,
                };
                // SAFETY: `Isa` proves the instruction set; rows of COLUMNS
                // elements, a whole number of vectors, were written above.
                unsafe { (loops.taps)(&taps) };
            }
        }
    });
}

/// G w Gᵀ with turned taps for the gradient of the input: rows are output
/// channels, columns input channels.
fn backward_weight(isa: Isa, pool: &Pool, conv: &Conv, form: Form, weight: &[f32], u: &mut [f32]) {
    let (k, n) = (conv.out_channels, conv.in_channels);
    let loops = loops(isa, form);
    let to_step = weight_step(k, n);
    assert_eq!(weight.len(), form.taps() * k * n, "the weight has another length");
    let u = Shares(u[..form.points() * to_step].as_mut_ptr());
    pool.run(k.div_ceil(COLUMNS), &|task| {
        let u = &u;
        for o in task * COLUMNS..k.min((task + 1) * COLUMNS) {
            for strip in strips(isa, n) {
                let taps = Taps {
                    from: weight[o * form.taps() * n + strip.col..].as_ptr(),
                    from_step: n,
                    reversed: true,
                    len: strip.cols,
                    // SAFETY: the strip's panel has k rows of its width; row o belongs
                    // to this task.
                    to: unsafe { u.0.add(strip.col * k + o * strip.width) },
                    to_step,
                };
                // SAFETY: `Isa` proves the instruction set; the taps of this output
                // channel lie in the weight, `n` elements apart.
                unsafe { (loops.taps)(&taps) };
            }
        }
    });
}

#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(in crate::conv) fn forward(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    form: Form,
    n: usize,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    scratch: &mut [f32],
    y: &mut [f32],
) {
    let u = aligned(scratch);
    forward_weight(isa, pool, conv, form, weight, u);
    Pass::forward(conv, form, n).run(isa, pool, x, u, bias, y);
}

#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(in crate::conv) fn backward_input(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    form: Form,
    n: usize,
    g: &[f32],
    weight: &[f32],
    scratch: &mut [f32],
    grad_x: &mut [f32],
) {
    let u = aligned(scratch);
    backward_weight(isa, pool, conv, form, weight, u);
    Pass::backward(conv, form, n).run(isa, pool, g, u, None, grad_x);
}
