//! The forward pass, and the gradient of the input: images into images.

use super::loops::{Collect, Grid, Place, Spread, Taps, loops};
use super::{Form, few};
use crate::conv::Conv;
use crate::conv::buffer::{BUFFER, LINE, aligned, line, spaced, with_buffer};
use crate::gemm::Mat;
use crate::gemm::strips::{Block, Strip, product, strips, transpose};
use crate::pool::Shares;
use crate::then::Then;
use crate::{Isa, Pool};
use std::ops::Range;

/// Most tiles of a block: each reads all of the weight.
const TILES: usize = 48;
/// Fewest, where fewer blocks would leave threads without work.
const FEWEST: usize = 16;
/// Columns of the widest strip.
const WIDEST: usize = 64;
/// Blocks that each thread should have, so that none waits long for the last one.
const EACH: usize = 3;
/// Columns that a thread transforms at once when it packs the weight.
const COLUMNS: usize = 16;
/// Rows of them.
const ROWS: usize = 16;
/// Rows of a task that transforms the weight.
const PART: usize = 64;
/// Most elements of a transformed weight that is kept for few tiles.
const KEPT: usize = 12 << 20;
/// Most taps of a kernel.
const MOST_TAPS: usize = 25;

/// One direction: `k` channels in, `n` channels out.
pub(super) struct Pass {
    pub(super) form: Form,
    pub(super) k: usize,
    pub(super) n: usize,
    pub(super) source: Grid,
    pub(super) target: Grid,
    /// Tiles of all images.
    pub(super) tiles: usize,
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
    pub(super) fn row(&self) -> usize {
        row(self.k)
    }

    /// Tiles of a block: no more than the buffer holds with their products, and the same
    /// number of equal blocks for each thread, if they are not too few for that.
    fn block_len(&self, threads: usize) -> usize {
        let fit = BUFFER / self.form.points() / (self.row() + WIDEST) - 1;
        let wanted = if threads == 1 { 1 } else { (EACH * threads).min(self.tiles / FEWEST) };
        let blocks = self.tiles.div_ceil(fit.min(TILES)).max(wanted).max(1);
        let even = blocks.next_multiple_of(threads);
        self.tiles.div_ceil(if self.tiles >= even * FEWEST / 2 { even } else { blocks }).max(1)
    }

    /// Panics if an operand has another length than the images.
    fn check(&self, source: &[f32], bias: Option<&[f32]>, then: Then<'_, f32>, target: &[f32]) {
        let images = self.tiles / (self.source.tiles[0] * self.source.tiles[1]).max(1);
        let elements = |grid: &Grid| images * grid.extent[0] * grid.extent[1] * grid.channels;
        assert_eq!(source.len(), elements(&self.source), "the source has another length");
        assert_eq!(target.len(), elements(&self.target), "the target has another length");
        assert!(bias.is_none_or(|b| b.len() == self.n), "the bias has another length");
        then.check(target.len());
    }

    /// The whole pass, in whichever order of loops suits the number of tiles. Both
    /// give the same bits.
    #[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
    fn convolve(
        &self,
        isa: Isa,
        pool: &Pool,
        source: &[f32],
        weight: Weight<'_>,
        bias: Option<&[f32]>,
        then: Then<'_, f32>,
        scratch: &mut [f32],
        target: &mut [f32],
    ) {
        self.check(source, bias, then, target);
        let scratch = aligned(scratch);
        if few::applies(self) {
            few::run(self, isa, pool, source, weight, bias, then, scratch, target);
        } else {
            weight.transform_all(isa, pool, scratch);
            self.run(isa, pool, source, scratch, bias, then, target);
        }
    }

    /// All tiles, block by block: transforms, products, transforms back. `u` is the
    /// transformed weight.
    #[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
    fn run(
        &self,
        isa: Isa,
        pool: &Pool,
        source: &[f32],
        u: &[f32],
        bias: Option<&[f32]>,
        then: Then<'_, f32>,
        target: &mut [f32],
    ) {
        assert!(u.len() >= self.form.points() * self.weight_step(), "the weight is too short");
        let strips = strips(isa, self.n);
        let threads = pool.threads();
        let len = self.block_len(threads);
        let blocks = self.tiles.div_ceil(len);
        // Every part transforms the tiles of its block anew.
        let cut = if threads == 1 { 1 } else { (2 * threads).div_ceil(blocks.max(1)) };
        let per_task = strips.len().div_ceil(cut.min(strips.len().max(1)));
        let parts = strips.len().div_ceil(per_task.max(1));
        let target = Shares(target.as_mut_ptr());
        pool.run(blocks * parts, &|task| {
            let (first, part) = (task / parts * len, task % parts);
            let count = len.min(self.tiles - first);
            let strips = strips.clone().skip(part * per_task).take(per_task);
            self.block(isa, (first, count, len), strips, source, u, bias, then, &target);
        });
    }

    #[allow(clippy::too_many_arguments, reason = "the operands of one block")]
    fn block(
        &self,
        isa: Isa,
        (tile, count, len): (usize, usize, usize),
        strips: impl Iterator<Item = Strip>,
        source: &[f32],
        u: &[f32],
        bias: Option<&[f32]>,
        then: Then<'_, f32>,
        target: &Shares<f32>,
    ) {
        let loops = loops(isa, self.form);
        let (points, row) = (self.form.points(), self.row());
        with_buffer(|buffer| {
            let point = spaced(len * row);
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
                let step = spaced(len * strip.width);
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
                    add: then.add_ptr(),
                    after: then.after,
                    image: target.0,
                };
                // SAFETY: as above; these channels of these tiles' pixels are written
                // by this task alone.
                unsafe { (loops.outputs)(&collect) };
            }
        });
    }
}

/// Elements between rows of `channels` transformed values.
pub(super) fn row(channels: usize) -> usize {
    // Rows of a multiple of 512 bytes would compete for the same cache sets.
    if channels < 128 { channels.next_multiple_of(LINE) } else { spaced(channels) }
}

/// Elements between the points of a transformed weight of `k` rows and `n` columns.
fn weight_step(k: usize, n: usize) -> usize {
    spaced(k * n.next_multiple_of(LINE))
}

pub(super) fn scratch_len(conv: &Conv, form: Form) -> usize {
    let (ins, outs) = (conv.in_channels, conv.out_channels);
    let all = weight_step(ins, outs).max(weight_step(outs, ins));
    form.points() * all.max(few::most_inputs(ins, outs)).max(few::most_inputs(outs, ins))
}

/// One direction's weight, to be transformed.
#[derive(Clone, Copy)]
pub(super) struct Weight<'a> {
    form: Form,
    /// [output channel][tap][input channel]
    values: &'a [f32],
    k: usize,
    n: usize,
    /// Whether rows are output channels and taps are turned, for the gradient of
    /// the input; otherwise rows are input channels.
    turned: bool,
    /// All of it as [`keep`] has transformed it, or nothing.
    pub(super) kept: &'a [f32],
}

impl<'a> Weight<'a> {
    /// A strip of what was kept, and the elements between its points.
    pub(super) fn strip(&self, strip: Strip) -> Option<(&'a [f32], usize)> {
        (!self.kept.is_empty()).then(|| (&self.kept[strip.col * self.k..], weight_step(self.k, self.n)))
    }

    /// G w Gᵀ of some rows of a strip: point t of row r begins at
    /// `to + t * to_step + (r - rows.start) * strip.width`.
    ///
    /// # Safety
    /// These rows of every point have room for the strip's width and belong to
    /// the caller.
    pub(super) unsafe fn transform(
        &self,
        isa: Isa,
        strip: Strip,
        rows: Range<usize>,
        to: *mut f32,
        to_step: usize,
    ) {
        let Weight { form, values, k, n, turned, .. } = *self;
        let loops = loops(isa, form);
        if turned {
            for (i, o) in rows.enumerate() {
                let taps = Taps {
                    from: values[o * form.taps() * n + strip.col..].as_ptr(),
                    from_step: n,
                    reversed: true,
                    len: strip.cols,
                    to: to.wrapping_add(i * strip.width),
                    to_step,
                };
                // SAFETY: `Isa` proves the instruction set; the taps of this output
                // channel lie in the weight, `n` elements apart.
                unsafe { (loops.taps)(&taps) };
            }
            return;
        }
        let from = Mat::new(values, n, form.taps() * k);
        // Taps with the output channels along the rows: [tap][input channel][COLUMNS].
        let mut across = [0.0f32; MOST_TAPS * ROWS * COLUMNS];
        for col in (strip.col..strip.col + strip.cols).step_by(COLUMNS) {
            let outs = COLUMNS.min(n - col);
            let len = COLUMNS.min(strip.col + strip.width - col);
            for c in rows.clone().step_by(ROWS) {
                let count = ROWS.min(rows.end - c);
                for (tap, across) in across.chunks_exact_mut(ROWS * COLUMNS).take(form.taps()).enumerate() {
                    let at = tap * k + c;
                    transpose(isa, from, (col..col + outs, at..at + count), across, COLUMNS);
                }
                for i in 0..count {
                    let row = c - rows.start + i;
                    let taps = Taps {
                        from: across[i * COLUMNS..].as_ptr(),
                        from_step: ROWS * COLUMNS,
                        reversed: false,
                        len,
                        to: to.wrapping_add(row * strip.width + col - strip.col),
                        to_step,
                    };
                    // SAFETY: `Isa` proves the instruction set; rows of COLUMNS
                    // elements, a whole number of vectors, were written above.
                    unsafe { (loops.taps)(&taps) };
                }
            }
        }
    }

    /// All of it: point t at `t * weight_step`, strips one after the other.
    fn transform_all(&self, isa: Isa, pool: &Pool, u: &mut [f32]) {
        let (k, to_step) = (self.k, weight_step(self.k, self.n));
        let u = Shares(u[..self.form.points() * to_step].as_mut_ptr());
        let (strips, parts) = (strips(isa, self.n), k.div_ceil(PART));
        pool.run(strips.len() * parts, &|task| {
            let strip = strips.clone().nth(task / parts).expect("a strip for each task");
            let first = task % parts * PART;
            let u = &u;
            // SAFETY: the strip's panel has k rows of its width; these rows belong to
            // this task.
            unsafe {
                let to = u.0.add(strip.col * k + first * strip.width);
                self.transform(isa, strip, first..k.min(first + PART), to, to_step);
            }
        });
    }
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
    then: Then<'_, f32>,
    scratch: &mut [f32],
    y: &mut [f32],
) {
    assert_eq!(weight.len(), conv.weight_len(), "the weight has another length");
    let pass = Pass::forward(conv, form, n);
    let weight = Weight { form, values: weight, k: pass.k, n: pass.n, turned: false, kept: &[] };
    pass.convolve(isa, pool, x, weight, bias, then, scratch, y);
}

/// Elements of the transformed weight, if batches of `n` images are worth keeping it: four
/// times those of the weight.
pub(in crate::conv) fn kept_len(conv: &Conv, form: Form, n: usize) -> usize {
    let pass = Pass::forward(conv, form, n);
    let len = form.points() * pass.weight_step() + LINE;
    if few::applies(&pass) && len > KEPT { 0 } else { len }
}

/// Transforms the weight, to be kept for [`forward_kept`].
pub(in crate::conv) fn keep(isa: Isa, pool: &Pool, conv: &Conv, form: Form, weight: &[f32], to: &mut [f32]) {
    assert_eq!(weight.len(), conv.weight_len(), "the weight has another length");
    let (k, n) = (conv.in_channels, conv.out_channels);
    Weight { form, values: weight, k, n, turned: false, kept: &[] }.transform_all(isa, pool, aligned(to));
}

/// [`forward`] with a weight that [`keep`] has transformed, or `weight` if nothing was kept.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(in crate::conv) fn forward_kept(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    form: Form,
    n: usize,
    x: &[f32],
    (weight, kept): (&[f32], &[f32]),
    bias: Option<&[f32]>,
    then: Then<'_, f32>,
    scratch: &mut [f32],
    y: &mut [f32],
) {
    let pass = Pass::forward(conv, form, n);
    if kept.is_empty() {
        return forward(isa, pool, conv, form, n, x, weight, bias, then, scratch, y);
    }
    pass.check(x, bias, then, y);
    if few::applies(&pass) {
        let weight = Weight { form, values: weight, k: pass.k, n: pass.n, turned: false, kept: line(kept) };
        return few::run(&pass, isa, pool, x, weight, bias, then, aligned(scratch), y);
    }
    pass.run(isa, pool, x, line(kept), bias, then, y);
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
    assert_eq!(weight.len(), conv.weight_len(), "the weight has another length");
    let pass = Pass::backward(conv, form, n);
    let weight = Weight { form, values: weight, k: pass.k, n: pass.n, turned: true, kept: &[] };
    pass.convolve(isa, pool, g, weight, None, Then::default(), scratch, grad_x);
}
