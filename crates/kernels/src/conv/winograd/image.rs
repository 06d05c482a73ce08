//! The forward pass, and the gradient of the input: images into images.

use super::filter::{Kept, Weight, holds_points, points_len, taps_len, weight_step};
use super::grid::Grid;
use super::loops::{Collect, Place, Spread, loops};
use super::{Form, few};
use crate::conv::Conv;
use crate::conv::buffer::{BUFFER, LINE, aligned, line, spaced, with_buffer};
use crate::gemm::strips::{Block, NOTHING, Strip, product, strips};
use crate::pool::Shares;
use crate::then::Then;
use crate::{Isa, Pool};

/// Most tiles of a block: each reads all of the weight.
const TILES: usize = 48;
/// Fewest, where fewer blocks would leave threads without work.
const FEWEST: usize = 16;
/// Columns of the widest strip.
const WIDEST: usize = 64;
/// Blocks that each thread should have, so that none waits long for the last one.
const EACH: usize = 3;

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
        strips: impl Iterator<Item = Strip> + Clone,
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
            // The weight of the next point, or of the next strip's first one.
            let mut coming = strips.clone().skip(1);
            for strip in strips {
                let next_strip = coming
                    .next()
                    .map_or(NOTHING, |next: Strip| (u[next.col * self.k..].as_ptr(), next.width * self.k));
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
                        next: match u.get((t + 1) * self.weight_step() + strip.col * self.k..) {
                            Some(next) if t + 1 < points => (next.as_ptr(), strip.width * self.k),
                            _ => next_strip,
                        },
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

pub(super) fn scratch_len(conv: &Conv, form: Form) -> usize {
    let (ins, outs) = (conv.in_channels, conv.out_channels);
    let all = weight_step(ins, outs).max(weight_step(outs, ins));
    form.points() * all.max(few::most_inputs(ins, outs)).max(few::most_inputs(outs, ins))
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
    let weight = Weight { form, values: weight, k: pass.k, n: pass.n, turned: false, kept: Kept::Nothing };
    pass.convolve(isa, pool, x, weight, bias, then, scratch, y);
}

/// Elements that [`super::keep`] writes for batches of up to `n` images.
pub(in crate::conv) fn kept_len(conv: &Conv, form: Form, n: usize) -> usize {
    if few::applies(&Pass::forward(conv, form, n)) { taps_len(conv, form) } else { points_len(conv, form) }
}

/// [`forward`] with a weight that [`super::keep`] has written.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(in crate::conv) fn forward_kept(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    form: Form,
    n: usize,
    x: &[f32],
    kept: &[f32],
    bias: Option<&[f32]>,
    then: Then<'_, f32>,
    scratch: &mut [f32],
    y: &mut [f32],
) {
    let pass = Pass::forward(conv, form, n);
    pass.check(x, bias, then, y);
    let points = holds_points(conv, form, kept);
    if few::applies(&pass) {
        let kept = if points { Kept::Points(line(kept)) } else { Kept::Taps(line(kept)) };
        let weight = Weight { form, values: &[], k: pass.k, n: pass.n, turned: false, kept };
        return few::run(&pass, isa, pool, x, weight, bias, then, aligned(scratch), y);
    }
    assert!(points, "prepared for smaller batches");
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
    let weight = Weight { form, values: weight, k: pass.k, n: pass.n, turned: true, kept: Kept::Nothing };
    pass.convolve(isa, pool, g, weight, None, Then::default(), scratch, grad_x);
}
