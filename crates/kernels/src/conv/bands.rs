//! A 1×1 convolution, a depthwise one and a 1×1 one behind each other, in evaluation: a
//! band of lines passes through all three while it is in the cache of a core. Between
//! them lie several times as many channels as before and after (MobileNet), which layer
//! by layer are written to memory and read again.
//!
//! Each layer's lines are computed as the layer alone computes them: the bits are the same.

use super::buffer::{BUFFER, LINE, with_buffer};
use super::{Conv, forward_prepared};
use crate::then::{After, Then};
use crate::{Isa, Pool};
use std::ops::Range;

/// Elements of the lines between the layers that a thread has at a time: some two thirds
/// of a second-level cache, which holds weights too.
const BAND: usize = 160 << 10;
/// Elements between two layers for one image from which bands pay: what is smaller stays
/// in a cache anyway, and its weights would be read for each image.
const WORTH: usize = 64 << 10;

/// A layer: its params as [`super::prepare`] wrote them, and its activation.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a> {
    /// The convolution.
    pub conv: Conv,
    /// Its params.
    pub prepared: &'a [f32],
    /// What happens to each value.
    pub after: After,
}

/// The layers. Without the first the depthwise convolution reads the input.
#[derive(Clone, Copy, Debug)]
pub struct Bands<'a> {
    /// 1×1, stride 1.
    pub expand: Option<Stage<'a>>,
    /// One filter for each channel.
    pub depthwise: Stage<'a>,
    /// 1×1, stride 1.
    pub project: Stage<'a>,
}

/// Whether [`forward_bands`] runs these layers, and gains by it.
#[must_use]
pub fn bands_serve(expand: Option<&Conv>, depthwise: &Conv, project: &Conv) -> bool {
    let before = |a: &Conv, b: &Conv| {
        (a.out_height(), a.out_width(), a.out_channels) == (b.height, b.width, b.in_channels)
    };
    expand.is_none_or(|e| e.is_plain() && before(e, depthwise))
        && depthwise.is_depthwise()
        && depthwise.dilation[0] == 1
        && depthwise.kernel[0] >= depthwise.stride[0]
        && project.is_plain()
        && before(depthwise, project)
        && depthwise.in_len(1) >= WORTH
        && lines(depthwise, expand.map_or(0, Conv::scratch_fixed).max(project.scratch_fixed())).is_some()
}

/// Output lines of a band, if memory for one suffices, and scratch for the neighbours.
fn lines(conv: &Conv, scratch: usize) -> Option<usize> {
    let (kernel, stride) = (conv.kernel[0], conv.stride[0]);
    let (read, written) = (conv.width * conv.in_channels, conv.out_width() * conv.in_channels);
    let of = |lines: usize| (lines * stride + kernel - stride) * read + lines * written;
    let fits = |lines: usize| of(lines) + conv.scratch_fixed().max(scratch) + 3 * LINE <= BUFFER;
    let fixed = (kernel - stride) * read;
    let lines = (BAND.saturating_sub(fixed) / (stride * read + written)).clamp(1, conv.out_height().max(1));
    fits(lines).then_some(lines)
}

/// The largest divisor of `n` that is at most `most`.
fn divisor(n: usize, most: usize) -> usize {
    (1..=most.clamp(1, n)).rev().find(|d| n.is_multiple_of(*d)).unwrap_or(1)
}

/// `y` = the three layers of `x` one after the other, for `n` images; `add` is added
/// behind the last one.
///
/// # Panics
/// If [`bands_serve`] would say no, or a length differs.
pub fn forward_bands(
    isa: Isa,
    pool: &Pool,
    layers: Bands<'_>,
    n: usize,
    x: &[f32],
    add: Option<&[f32]>,
    y: &mut [f32],
) {
    let Bands { expand, depthwise: Stage { conv: depth, .. }, project } = layers;
    let first = expand.map_or(depth, |e| e.conv);
    assert_eq!(x.len(), first.in_len(n), "the input has another length");
    assert_eq!(y.len(), project.conv.out_len(n), "the output has another length");
    assert!(add.is_none_or(|add| add.len() == y.len()), "the values to be added have another length");
    let band = lines(&depth, 0).expect("memory for a band");
    let height = depth.out_height();
    // Enough parts for all threads; a part's first lines are computed by its neighbour too.
    let parts = divisor(height, (2 * pool.threads()).div_ceil(n.max(1)).min(height.div_ceil(2)));
    let rows = height / parts;
    let line = project.conv.width * project.conv.out_channels;
    pool.chunks_mut(y, rows * line, |task, y| {
        let (image, start) = (task / parts, task % parts * rows);
        let x = &x[image * first.in_len(1)..][..first.in_len(1)];
        let add = add.map(|add| &add[task * rows * line..][..rows * line]);
        with_buffer(|buffer| part(isa, layers, x, add, start..start + rows, band, buffer, y));
    });
}

/// Some output lines of an image, band by band.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
fn part(
    isa: Isa,
    layers: Bands<'_>,
    x: &[f32],
    add: Option<&[f32]>,
    rows: Range<usize>,
    band: usize,
    buffer: &mut [f32],
    y: &mut [f32],
) {
    let Bands { expand, depthwise: Stage { conv, prepared, after }, project } = layers;
    let pool = Pool::serial();
    let (kernel, stride, padding) = (conv.kernel[0], conv.stride[0], conv.padding[0]);
    let (read, written) = (conv.width * conv.in_channels, conv.out_width() * conv.in_channels);
    let most = (band - 1) * stride + kernel;
    let (wide, rest) = buffer.split_at_mut((most * read).next_multiple_of(LINE));
    let (narrow, scratch) = rest.split_at_mut((band * written).next_multiple_of(LINE));
    let out = project.conv.width * project.conv.out_channels;
    // Lines of the padded image that `wide` holds.
    let mut held: Range<usize> = 0..0;
    for from in rows.clone().step_by(band) {
        let count = band.min(rows.end - from);
        let wanted = from * stride..(from + count - 1) * stride + kernel;
        let kept = held.end.saturating_sub(wanted.start);
        if kept > 0 {
            wide.copy_within((wanted.start - held.start) * read..(held.end - held.start) * read, 0);
        }
        let new = wanted.start + kept..wanted.end;
        fill(isa, expand, &conv, x, new, padding, scratch, &mut wide[kept * read..]);
        let seen = Conv { height: wanted.len(), padding: [0, conv.padding[1]], ..conv };
        let (from_wide, to) = (&wide[..wanted.len() * read], &mut narrow[..count * written]);
        let then = Then { add: None, after };
        forward_prepared(isa, &pool, &seen, 1, from_wide, prepared, then, scratch, to);
        let seen = Conv { height: count, ..project.conv };
        let place = (from - rows.start) * out..(from - rows.start + count) * out;
        let then = Then { add: add.map(|add| &add[place.clone()]), after: project.after };
        let narrow = &narrow[..count * written];
        forward_prepared(isa, &pool, &seen, 1, narrow, project.prepared, then, scratch, &mut y[place]);
        held = wanted;
    }
}

/// Lines of the padded image that the depthwise convolution reads.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
fn fill(
    isa: Isa,
    expand: Option<Stage<'_>>,
    conv: &Conv,
    x: &[f32],
    lines: Range<usize>,
    padding: usize,
    scratch: &mut [f32],
    to: &mut [f32],
) {
    let line = conv.width * conv.in_channels;
    let inside =
        lines.start.clamp(padding, padding + conv.height)..lines.end.clamp(padding, padding + conv.height);
    let (above, rest) = to.split_at_mut((inside.start - lines.start).min(lines.len()) * line);
    let (within, rest) = rest.split_at_mut(inside.len() * line);
    above.fill(0.0);
    rest[..(lines.len() - above.len() / line - inside.len()) * line].fill(0.0);
    let first = inside.start - padding;
    match expand {
        None => within.copy_from_slice(&x[first * line..][..within.len()]),
        Some(Stage { conv, prepared, after }) => {
            let read = conv.width * conv.in_channels;
            let x = &x[first * read..][..inside.len() * read];
            let seen = Conv { height: inside.len(), ..conv };
            let then = Then { add: None, after };
            forward_prepared(isa, &Pool::serial(), &seen, 1, x, prepared, then, scratch, within);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bands, Stage, bands_serve, divisor, forward_bands};
    use crate::checks::{bit_difference, values};
    use crate::conv::tests::{conv, poisoned};
    use crate::conv::{Conv, forward_prepared, prepare};
    use crate::then::{After, Then};
    use crate::{Isa, Pool};

    fn prepared(isa: Isa, conv: &Conv, seed: u32) -> Vec<f32> {
        let (w, bias) = (values(conv.weight_len(), 1.0, seed), values(conv.out_channels, 1.0, seed + 1));
        let mut to = vec![f32::NAN; conv.prepared_len(4)];
        prepare(isa, &Pool::serial(), conv, 4, &w, Some(&bias), None, &mut to);
        to
    }

    #[test]
    fn bands_give_the_bits_of_the_layers() {
        let (one, none) = ([1, 1], [0, 0]);
        // Height, width, channels before and between, stride, kernel.
        for (h, w, ins, wide, stride, kernel) in
            [(40, 36, 9, 104, 1, 3), (41, 37, 8, 100, 2, 3), (33, 64, 6, 72, 1, 5), (38, 40, 0, 96, 2, 3)]
        {
            let first = conv([h, w], [ins.max(1), wide, 1], one, one, none, one);
            let padding = [kernel / 2; 2];
            let depth = conv([h, w], [wide, wide, wide], [kernel; 2], [stride; 2], padding, one);
            let last = conv([depth.out_height(), depth.out_width()], [wide, 19, 1], one, one, none, one);
            let expands = ins > 0;
            assert!(bands_serve(expands.then_some(&first), &depth, &last));
            let n = 3;
            let x = values(if expands { first.in_len(n) } else { depth.in_len(n) }, 1.0, 1);
            let add = values(last.out_len(n), 1.0, 2);
            for isa in Isa::available() {
                let params = [first, depth, last].map(|c| prepared(isa, &c, c.out_channels as u32));
                let run = |c: &Conv, i: usize, x: &[f32], then: Then<'_, f32>| {
                    let mut y = vec![f32::NAN; c.out_len(n)];
                    let scratch = &mut poisoned(c, n);
                    forward_prepared(isa, &Pool::serial(), c, n, x, &params[i], then, scratch, &mut y);
                    y
                };
                let six = Then { add: None, after: After::Relu6 };
                let between = if expands { run(&first, 0, &x, six) } else { x.clone() };
                let between = run(&depth, 1, &between, six);
                let want = run(&last, 2, &between, Then { add: Some(&add), after: After::Nothing });
                let stage = |conv, i: usize, after| Stage { conv, prepared: &params[i], after };
                let layers = Bands {
                    expand: expands.then_some(stage(first, 0, After::Relu6)),
                    depthwise: stage(depth, 1, After::Relu6),
                    project: stage(last, 2, After::Nothing),
                };
                for threads in [1, 2, 3] {
                    let mut got = vec![f32::NAN; want.len()];
                    forward_bands(isa, &Pool::new(threads), layers, n, &x, Some(&add), &mut got);
                    assert_eq!(bit_difference(&got, &want), None, "{isa}, {h}×{w}, {threads} threads");
                }
            }
        }
    }

    #[test]
    fn small_images_stay_layer_by_layer() {
        let one = [1, 1];
        let depth = conv([7, 7], [960, 960, 960], [3, 3], one, one, one);
        let last = conv([7, 7], [960, 320, 1], one, one, [0, 0], one);
        assert!(!bands_serve(None, &depth, &last));
        assert_eq!([divisor(56, 4), divisor(14, 4), divisor(7, 4), divisor(41, 4)], [4, 2, 1, 1]);
    }
}
