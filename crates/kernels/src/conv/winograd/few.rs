//! Few tiles for many weights: the last stages of a network.
//!
//! Transforming the weight as a whole would write and read more memory than
//! everything else together. Here the tiles are transformed as a whole, and each
//! task transforms the weights of its strip, some rows at a time, right before
//! it multiplies by them, unless they were transformed before and kept. Sums and their
//! order are those of `image.rs`.

use super::filter::{Kept, Weight};
use super::image::{Pass, row};
use super::loops::{Collect, Place, Spread, loops};
use crate::conv::buffer::{spaced, with_buffer};
use crate::gemm::strips::{Block, NOTHING, Strip, product, shared_strips};
use crate::pool::Shares;
use crate::then::Then;
use crate::{Isa, Pool};
use std::ops::Range;

/// Most tiles: their products of a strip stay in the second-level cache.
const MOST_TILES: usize = 128;
/// Tasks for each thread, where tiles are cut, and fewest tiles of one.
const EACH: usize = 4;
const LEAST: usize = 16;
/// Fewest channels on either side.
const CHANNELS: usize = 128;
/// Tiles that a task transforms.
const SPREAD: usize = 8;
/// Rows of the weight that are transformed at once.
const ROWS: usize = 64;

/// Whether this order pays.
pub(super) fn applies(pass: &Pass) -> bool {
    pass.k >= CHANNELS && pass.n >= CHANNELS && (1..=MOST_TILES.min(pass.n)).contains(&pass.tiles)
}

/// Elements between the points of the inputs of `tiles` tiles.
fn input_step(k: usize, tiles: usize) -> usize {
    spaced(tiles * row(k))
}

/// Elements between points for the most tiles, or 0 if there are too few channels.
pub(super) fn most_inputs(k: usize, n: usize) -> usize {
    if k.min(n) < CHANNELS { 0 } else { input_step(k, MOST_TILES.min(n)) }
}

#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(super) fn run(
    pass: &Pass,
    isa: Isa,
    pool: &Pool,
    source: &[f32],
    weight: Weight<'_>,
    bias: Option<&[f32]>,
    then: Then<'_, f32>,
    scratch: &mut [f32],
    target: &mut [f32],
) {
    let (row, point, threads) = (pass.row(), input_step(pass.k, pass.tiles), pool.threads());
    let inputs = &mut scratch[..pass.form.points() * point];
    let to = Shares(inputs.as_mut_ptr());
    pool.run(pass.tiles.div_ceil(SPREAD), &|task| {
        let (tile, to) = (task * SPREAD, &to);
        let spread = Spread {
            grid: &pass.source,
            tile,
            count: SPREAD.min(pass.tiles - tile),
            channels: 0..pass.k,
            image: source.as_ptr(),
            place: Place { point, width: row, panel: 0, row },
            to: to.0.wrapping_add(tile * row),
        };
        // SAFETY: `Isa` proves the instruction set; the images have the grid's extents
        // (`convolve`), and the rows of these tiles, whole vectors, belong to this task.
        unsafe { (loops(isa, pass.form).windows)(&spread) };
    });
    let inputs = &*inputs;
    // Points that were kept have the strips of one thread; there cutting the tiles costs nothing.
    let kept = matches!(weight.kept, Kept::Points(_));
    let strips = shared_strips(isa, pass.n, if kept { 1 } else { threads });
    let wanted = if kept && threads > 1 { (EACH * threads).div_ceil(strips.len()) } else { 1 };
    let parts = wanted.clamp(1, pass.tiles.div_ceil(LEAST));
    let part = pass.tiles.div_ceil(parts);
    let target = Shares(target.as_mut_ptr());
    pool.run(strips.len() * parts, &|task| {
        let strip = strips.clone().nth(task / parts).expect("a strip for each task");
        let first = (task % parts * part).min(pass.tiles);
        let tiles = first..pass.tiles.min(first + part);
        one_strip(pass, isa, strip, tiles, inputs, weight, bias, then, &target);
    });
}

#[allow(clippy::too_many_arguments, reason = "the operands of one strip")]
fn one_strip(
    pass: &Pass,
    isa: Isa,
    strip: Strip,
    tiles: Range<usize>,
    inputs: &[f32],
    weight: Weight<'_>,
    bias: Option<&[f32]>,
    then: Then<'_, f32>,
    target: &Shares<f32>,
) {
    let (points, row, point) = (pass.form.points(), pass.row(), input_step(pass.k, pass.tiles));
    let (u_step, step) = (spaced(ROWS * strip.width), spaced(tiles.len() * strip.width));
    with_buffer(|buffer| {
        let (own, products) = buffer.split_at_mut(points * u_step);
        let products = &mut products[..points * step];
        let depth = if matches!(weight.kept, Kept::Points(_)) { pass.k } else { ROWS };
        for c in (0..pass.k).step_by(depth) {
            let rows = c..pass.k.min(c + depth);
            let (u, u_step) = match weight.strip(strip) {
                Some(kept) => kept,
                None => {
                    // SAFETY: every point has room for ROWS rows of the strip.
                    unsafe { weight.transform(isa, strip, rows.clone(), own.as_mut_ptr(), u_step) };
                    (&*own, u_step)
                }
            };
            for t in 0..points {
                let block = Block {
                    rows: tiles.len(),
                    k: rows.len(),
                    a: inputs[t * point + tiles.start * row + c..].as_ptr(),
                    a_row: row,
                    a_col: 1,
                    b: u[t * u_step..].as_ptr(),
                    b_row: strip.width,
                    c: products[t * step..].as_mut_ptr(),
                    c_row: strip.width,
                    accumulate: c > 0,
                    next: match u.get((t + 1) * u_step..) {
                        Some(next) if t + 1 < points => (next.as_ptr(), rows.len() * strip.width),
                        _ => NOTHING,
                    },
                };
                // SAFETY: these rows of the inputs and of the weight were written
                // before; the products of a point have `step` elements.
                unsafe { product(isa, strip, &block) };
            }
        }
        let bias = bias.map_or(std::ptr::null(), |b| b[strip.col..strip.col + strip.cols].as_ptr());
        let collect = Collect {
            grid: &pass.target,
            tile: tiles.start,
            count: tiles.len(),
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
        // SAFETY: as above; these channels of these tiles' pixels are written by this
        // task alone.
        unsafe { (loops(isa, pass.form).outputs)(&collect) };
    });
}
