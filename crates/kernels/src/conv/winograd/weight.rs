//! The gradient of the weight: for each point the product of transformed
//! gradients and transformed inputs over all tiles.

use super::loops::{Grid, Place, Spread, Taps, loops};
use super::points;
use crate::conv::Conv;
use crate::conv::buffer::{LINE, aligned, spaced};
use crate::gemm::strips::{Block, product, strips};
use crate::pool::Shares;
use crate::{Isa, Pool};
use std::ops::Range;

/// Elements of the transformed tiles of a block, about: what the second-level
/// caches of two cores hold.
const BUDGET: usize = 1 << 19;
/// Fewest and most tiles of a block. Few would read and write the sums too often.
const FEWEST: usize = 128;
const MOST: usize = 1024;
/// Tiles that a task transforms.
const TILES: usize = 8;
/// Output channels of a task: rows of a product.
const ROWS: usize = 128;
/// Output channels of a task when the sums are transformed back.
const BACK: usize = 8;

/// Where things lie in the scratch memory.
struct Memory {
    /// Tiles of a block.
    tiles: usize,
    /// Elements between the rows of sums (output channels) and of transformed
    /// inputs (tiles): input channels in whole vectors.
    row: usize,
    /// Elements between the points of the sums.
    sum: usize,
    /// Elements between the points of the transformed inputs and gradients.
    input: usize,
    gradient: usize,
}

impl Memory {
    fn new(conv: &Conv, m: usize) -> Self {
        let (ins, outs) = (conv.in_channels.next_multiple_of(LINE), conv.out_channels.next_multiple_of(LINE));
        let tiles = (BUDGET / (points(m) * (ins + outs))).clamp(FEWEST, MOST) / TILES * TILES;
        let row = if ins < 128 { ins } else { spaced(ins) };
        let sum = spaced(conv.out_channels * row);
        Memory { tiles, row, sum, input: spaced(tiles * row), gradient: spaced(tiles * outs) }
    }
}

pub(super) fn scratch_len(conv: &Conv, m: usize) -> usize {
    let memory = Memory::new(conv, m);
    points(m) * (memory.sum + memory.input + memory.gradient)
}

#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(in crate::conv) fn backward_weight(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    m: usize,
    n: usize,
    x: &[f32],
    g: &[f32],
    scratch: &mut [f32],
    grad_weight: &mut [f32],
) {
    let outs = [conv.out_height(), conv.out_width()];
    let tiles = outs.map(|extent| extent.div_ceil(m));
    let count = n * tiles[0] * tiles[1];
    if count == 0 {
        return grad_weight.fill(0.0);
    }
    assert_eq!(x.len(), conv.in_len(n), "the input has another length");
    assert_eq!(g.len(), conv.out_len(n), "the gradient has another length");
    assert_eq!(grad_weight.len(), conv.weight_len(), "the weight's gradient has another length");
    let memory = Memory::new(conv, m);
    let (sums, rest) = aligned(scratch).split_at_mut(points(m) * memory.sum);
    let (inputs, rest) = rest.split_at_mut(points(m) * memory.input);
    let gradients = &mut rest[..points(m) * memory.gradient];
    let offset = conv.padding.map(|p| -(p as isize));
    let blocks = Blocks {
        isa,
        m,
        source: Grid {
            extent: [conv.height, conv.width],
            channels: conv.in_channels,
            tiles,
            step: m,
            offset,
        },
        target: Grid { extent: outs, channels: conv.out_channels, tiles, step: m, offset: [0; 2] },
        inputs: Shares(inputs.as_mut_ptr()),
        gradients: Shares(gradients.as_mut_ptr()),
        sums: Shares(sums.as_mut_ptr()),
        memory,
    };
    for first in (0..count).step_by(blocks.memory.tiles) {
        let len = blocks.memory.tiles.min(count - first);
        pool.run(len.div_ceil(TILES), &|task| {
            let at = task * TILES;
            blocks.transform(first, at..len.min(at + TILES), x, g);
        });
        let parts = conv.out_channels.div_ceil(ROWS);
        pool.run(points(m) * parts, &|task| {
            let rows = task % parts * ROWS..conv.out_channels.min((task % parts + 1) * ROWS);
            blocks.multiply(task / parts, rows, len, first > 0);
        });
    }
    let grad = Shares(grad_weight.as_mut_ptr());
    pool.run(conv.out_channels.div_ceil(BACK), &|task| {
        for o in task * BACK..conv.out_channels.min((task + 1) * BACK) {
            blocks.back(o, &grad);
        }
    });
}

struct Blocks {
    isa: Isa,
    m: usize,
    source: Grid,
    target: Grid,
    memory: Memory,
    /// [point][tile][input channel]
    inputs: Shares<f32>,
    /// [point][panel of `LINE` output channels][tile][output channel]
    gradients: Shares<f32>,
    /// [point][output channel][input channel]
    sums: Shares<f32>,
}

impl Blocks {
    /// Transforms tiles `at` of the block that begins at tile `first`.
    fn transform(&self, first: usize, at: Range<usize>, x: &[f32], g: &[f32]) {
        let loops = loops(self.isa, self.m);
        let (tile, count) = (first + at.start, at.len());
        let Memory { tiles, row, input, gradient, .. } = self.memory;
        // SAFETY: `Isa` proves the instruction set; the images have the grids'
        // extents (asserted by the caller), and the places of these tiles, inside
        // the scratch memory by its lengths, belong to this task.
        unsafe {
            (loops.windows)(&Spread {
                grid: &self.source,
                tile,
                count,
                image: x.as_ptr(),
                first: at.start,
                place: Place { point: input, width: row, panel: 0, row },
                to: self.inputs.0,
            });
            (loops.gradients)(&Spread {
                grid: &self.target,
                tile,
                count,
                image: g.as_ptr(),
                first: at.start,
                place: Place { point: gradient, width: LINE, panel: tiles * LINE, row: LINE },
                to: self.gradients.0,
            });
        }
    }

    /// Adds the products of one point and some output channels over `len` tiles.
    fn multiply(&self, point: usize, rows: Range<usize>, len: usize, accumulate: bool) {
        let Memory { tiles, row, sum, input, gradient } = self.memory;
        for strip in strips(self.isa, self.source.channels) {
            for o in rows.clone().step_by(LINE) {
                // SAFETY: the point, the panel of output channel `o` (a whole number
                // of panels), the rows of `len` tiles and the sums of these output
                // channels lie in the scratch memory by its lengths; the sums belong
                // to this task.
                unsafe {
                    let block = Block {
                        rows: LINE.min(rows.end - o),
                        k: len,
                        a: self.gradients.0.add(point * gradient + o * tiles),
                        a_row: 1,
                        a_col: LINE,
                        b: self.inputs.0.add(point * input + strip.col),
                        b_row: row,
                        c: self.sums.0.add(point * sum + o * row + strip.col),
                        c_row: row,
                        accumulate,
                    };
                    product(self.isa, strip, &block);
                }
            }
        }
    }

    /// The gradient of one output channel's taps.
    fn back(&self, o: usize, grad_weight: &Shares<f32>) {
        let channels = self.source.channels;
        let Memory { row, sum, .. } = self.memory;
        // SAFETY: `Isa` proves the instruction set. The row of this output channel
        // lies in the sums of every point, in whole vectors; the nine rows of its
        // taps belong to this task.
        unsafe {
            (loops(self.isa, self.m).tap_gradients)(&Taps {
                from: self.sums.0.add(o * row),
                from_step: sum,
                reversed: false,
                len: channels,
                to: grad_weight.0.add(o * 9 * channels),
                to_step: channels,
            });
        }
    }
}
