//! The gradient of the weight: for each point the product of transformed
//! gradients and transformed inputs over all tiles.
//!
//! A task owns some output channels, some input channels and a chunk of tiles:
//! it transforms, multiplies and transforms back within the memory of its
//! thread. Nothing but images and gradients of weights travels between threads.

use super::Form;
use super::grid::Grid;
use super::loops::{Place, Spread, Taps, loops};
use crate::conv::Conv;
use crate::conv::buffer::{BUFFER, LINE, spaced, with_buffer};
use crate::gemm::strips::{Block, NOTHING, product, strips};
use crate::pool::Shares;
use crate::{Isa, Pool};
use std::ops::Range;

/// Most channels of a task, on either side.
const CHANNELS: usize = 128;
/// Most tiles of a block.
const TILES: usize = 64;
/// Tasks that the gradient is cut into, if there are so many tiles.
const TASKS: usize = 16;
/// Fewest tiles of a chunk.
const CHUNK: usize = 64;
/// Weights of a task when the chunks' sums are added.
const ADD: usize = 1 << 14;

/// How the gradient is cut; from the shape alone.
#[derive(Clone, Copy)]
struct Plan {
    /// Channels of a task and the number of such parts: input, output.
    ins: (usize, usize),
    outs: (usize, usize),
    chunks: usize,
}

impl Plan {
    fn new(conv: &Conv, tiles: usize) -> Self {
        let part = |channels: usize| {
            let part = channels.div_ceil(channels.div_ceil(CHANNELS).max(1)).next_multiple_of(LINE);
            (part, channels.div_ceil(part))
        };
        let (ins, outs) = (part(conv.in_channels), part(conv.out_channels));
        let most = TASKS.div_ceil(ins.1 * outs.1);
        Plan { ins, outs, chunks: most.min(tiles / CHUNK).max(1) }
    }
}

/// Elements for the gradients of all chunks but the first.
pub(super) fn scratch_len(conv: &Conv) -> usize {
    (Plan::new(conv, usize::MAX).chunks - 1) * conv.weight_len()
}

#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(in crate::conv) fn backward_weight(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    form: Form,
    n: usize,
    x: &[f32],
    g: &[f32],
    scratch: &mut [f32],
    grad_weight: &mut [f32],
) {
    let extent = [conv.out_height(), conv.out_width()];
    let tiles = extent.map(|extent| extent.div_ceil(form.m));
    let count = n * tiles[0] * tiles[1];
    if count == 0 {
        return grad_weight.fill(0.0);
    }
    let len = conv.weight_len();
    assert_eq!(x.len(), conv.in_len(n), "the input has another length");
    assert_eq!(g.len(), conv.out_len(n), "the gradient has another length");
    assert_eq!(grad_weight.len(), len, "the weight's gradient has another length");
    let plan = Plan::new(conv, count);
    let partial = &mut scratch[..(plan.chunks - 1) * len];
    let grid = |extent, channels, offset| Grid { extent, channels, tiles, step: form.m, offset };
    let pass = Pass {
        isa,
        form,
        source: grid([conv.height, conv.width], conv.in_channels, conv.padding.map(|p| -(p as isize))),
        target: grid(extent, conv.out_channels, [0; 2]),
        x: x.as_ptr(),
        g: g.as_ptr(),
    };
    let pass = &pass;
    let (first, others) = (Shares(grad_weight.as_mut_ptr()), Shares(partial.as_mut_ptr()));
    let parts = plan.ins.1 * plan.outs.1;
    pool.run(plan.chunks * parts, &|task| {
        let (chunk, part) = (task / parts, task % parts);
        let range = |(size, _): (usize, usize), i: usize, all: usize| i * size..all.min((i + 1) * size);
        let outs = range(plan.outs, part / plan.ins.1, conv.out_channels);
        let ins = range(plan.ins, part % plan.ins.1, conv.in_channels);
        let tiles = chunk * count / plan.chunks..(chunk + 1) * count / plan.chunks;
        let (first, others) = (&first, &others);
        // SAFETY: chunk s > 0 owns the (s − 1)-th part of `partial`, of `len` elements.
        let grad = if chunk == 0 { first.0 } else { unsafe { others.0.add((chunk - 1) * len) } };
        pass.task(tiles, &outs, &ins, grad);
    });
    pool.chunks_mut(grad_weight, ADD, |i, grad| {
        for partial in partial.chunks_exact(len) {
            crate::elementwise::add_assign(isa, grad, &partial[i * ADD..][..grad.len()]);
        }
    });
}

struct Pass {
    isa: Isa,
    form: Form,
    source: Grid,
    target: Grid,
    x: *const f32,
    g: *const f32,
}

// SAFETY: the pointers lead to slices that are borrowed for the pass and only read.
unsafe impl Sync for Pass {}

impl Pass {
    /// The gradient of the weights from `ins` to `outs`, over some tiles.
    fn task(&self, tiles: Range<usize>, outs: &Range<usize>, ins: &Range<usize>, grad: *mut f32) {
        let (points, whole) = (self.form.points(), outs.len().next_multiple_of(LINE));
        // Rows of a multiple of 512 bytes would compete for the same cache sets.
        let row = if ins.len() < 128 { ins.len().next_multiple_of(LINE) } else { spaced(ins.len()) };
        let sum = spaced(outs.len() * row);
        with_buffer(|buffer| {
            // [point][output channel][input channel]
            let (sums, rest) = buffer.split_at_mut(points * sum);
            let block = (rest.len() / points - 2 * LINE) / (row + whole);
            let block = block.min(TILES);
            assert!(block > 0, "the buffer is too small");
            let (input, gradient) = (spaced(block * row), spaced(block * whole));
            // [point][tile][input channel]
            let (inputs, rest) = rest.split_at_mut(points * input);
            // [point][panel of LINE output channels][tile][output channel]
            let gradients = &mut rest[..points * gradient];
            for tile in tiles.clone().step_by(block) {
                let count = block.min(tiles.end - tile);
                let (v, z) = (inputs.as_mut_ptr(), gradients.as_mut_ptr());
                let loops = loops(self.isa, self.form);
                // SAFETY: `Isa` proves the instruction set; the images have the grids'
                // extents (asserted by the caller), and the places of `count` tiles lie
                // in the buffers by their lengths.
                unsafe {
                    (loops.windows)(&Spread {
                        grid: &self.source,
                        tile,
                        count,
                        channels: ins.clone(),
                        image: self.x,
                        place: Place { point: input, width: row, panel: 0, row },
                        to: v,
                    });
                    (loops.gradients)(&Spread {
                        grid: &self.target,
                        tile,
                        count,
                        channels: outs.clone(),
                        image: self.g,
                        place: Place { point: gradient, width: LINE, panel: block * LINE, row: LINE },
                        to: z,
                    });
                }
                for t in 0..points {
                    for strip in strips(self.isa, ins.len()) {
                        for o in (0..outs.len()).step_by(LINE) {
                            let block = Block {
                                rows: LINE.min(outs.len() - o),
                                k: count,
                                a: gradients[t * gradient + o * block..].as_ptr(),
                                a_row: 1,
                                a_col: LINE,
                                b: inputs[t * input + strip.col..].as_ptr(),
                                b_row: row,
                                c: sums[t * sum + o * row + strip.col..].as_mut_ptr(),
                                c_row: row,
                                accumulate: tile > tiles.start,
                                next: NOTHING,
                            };
                            // SAFETY: the panel and the rows of `count` tiles were written
                            // above; the sums have these rows of `row` elements.
                            unsafe { product(self.isa, strip, &block) };
                        }
                    }
                }
            }
            self.back(outs, ins, (sums, sum, row), grad);
        });
    }

    /// Transforms the sums of all points into gradients of taps.
    fn back(
        &self,
        outs: &Range<usize>,
        ins: &Range<usize>,
        (sums, sum, row): (&[f32], usize, usize),
        grad: *mut f32,
    ) {
        let channels = self.source.channels;
        for (i, o) in outs.clone().enumerate() {
            let taps = Taps {
                from: sums[i * row..].as_ptr(),
                from_step: sum,
                reversed: false,
                len: ins.len(),
                to: grad.wrapping_add(o * self.form.taps() * channels + ins.start),
                to_step: channels,
            };
            // SAFETY: `Isa` proves the instruction set. A row of the sums is a whole
            // number of vectors for every point; these channels of the taps of
            // output channel `o` belong to this task.
            unsafe { (loops(self.isa, self.form).tap_gradients)(&taps) };
        }
    }
}

const _: () = assert!(
    36 * (spaced(CHANNELS * spaced(CHANNELS)) + spaced(8 * spaced(CHANNELS)) + spaced(8 * CHANNELS))
        <= BUFFER,
    "the buffer holds the sums and a few tiles"
);
