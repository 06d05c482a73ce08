//! A convolution of images with few channels and the maximum over windows behind it.
//!
//! The output of a first convolution is the largest tensor of many a small network, and
//! four of five bytes of it are read to be thrown away. Here each task computes the lines
//! that some rows of windows see, and takes their maxima while a core's cache has them;
//! backward it spreads the maxima's gradients over some lines and sums them up likewise.
//! The tensor between the two is never written.
//!
//! Every number is that of the two passes alone, for which the order in `mod.rs` and in
//! `pool2d` holds. Windows lie side by side: each line belongs to one row of them.

use super::Conv;
use super::buffer::{BUFFER, aligned, with_buffer};
use super::direct::{Band, Packed, applies};
use super::stem_weight::{Arriving, backward_params};
use crate::pool::Shares;
use crate::pool2d::{Pool2d, fits_a_byte, gradient_of_one, max_of_one, positions_len, stride};
use crate::then::After;
use crate::{Isa, Pool, Real};
use std::ops::Range;

/// A convolution and a maximum over windows of its output, whose positions are saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pooling {
    conv: Conv,
    by: Pool2d,
    /// Lines that a row of windows sees.
    tall: usize,
}

impl Pooling {
    /// Elements of the convolution's weight.
    #[must_use]
    pub fn weight_len(&self) -> usize {
        self.conv.weight_len()
    }

    /// The two together if this way serves them: few input channels, windows of at most 256
    /// values side by side.
    #[must_use]
    pub fn of(conv: Conv, by: Pool2d) -> Option<Pooling> {
        let tall = by.tiled_rows()?;
        let line = conv.out_width() * conv.out_channels;
        let fits = by.input_len() == conv.out_len(1) && by.channels == conv.out_channels;
        let serves = fits
            && by.height.input() == conv.out_height()
            && fits_a_byte([tall, by.width.step()])
            && super::winograd::choose(&conv).is_none()
            && !conv.is_plain()
            && applies(&conv);
        // The lines of a band and those of the windows that reach beyond its ends, beside
        // the copied input.
        let rows = if serves { Band::new(&conv).rows + 2 * tall } else { 0 };
        (serves && rows * line <= BUFFER / 4).then_some(Pooling { conv, by, tall })
    }
}

/// `y` = after(maximum over windows of the convolution of `x`), and the maxima's positions,
/// in the two passes' terms ([`super::forward`], [`crate::pool2d::max_forward_saving`]).
///
/// # Panics
/// If a length differs.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub fn forward_pooled(
    isa: Isa,
    pool: &Pool,
    (of, after): (&Pooling, After),
    n: usize,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    scratch: &mut [f32],
    y: &mut [f32],
    positions: &mut [f32],
) {
    let Pooling { conv, by, tall } = of;
    conv.check_lengths(n, x.len(), weight.len(), conv.out_len(n), scratch.len());
    assert_eq!(y.len(), n * by.output_len(), "the output has another length");
    let positions = f32::bytes_mut(positions);
    assert!(positions.len() >= n * stride(by), "room for positions");
    let packed = Packed::new(isa, conv, weight, bias, scratch);
    let (in_len, outs) = (conv.in_len(1), by.output_len());
    let (line, windows) = (conv.out_width() * conv.out_channels, by.width.output() * by.channels);
    // Rows of windows of a task, and tasks of an image.
    let rows = (packed.band.rows / tall).clamp(1, by.height.output());
    let tasks = by.height.output().div_ceil(rows);
    let shared = (Shares(y.as_mut_ptr()), Shares(positions.as_mut_ptr()));
    pool.run(n * tasks, &|task| {
        let (y, positions) = &shared;
        let (image, first) = (task / tasks, task % tasks * rows);
        let rows = rows.min(by.height.output() - first);
        let (at, len) = (first * windows, rows * windows);
        // SAFETY: an image's outputs are `outs` elements, its positions as many bytes from
        // image · stride on; the lengths are checked above, tasks take different rows of
        // windows, and both slices are borrowed until all have ended.
        let (y, positions) = unsafe {
            (
                std::slice::from_raw_parts_mut(y.0.add(image * outs + at), len),
                std::slice::from_raw_parts_mut(positions.0.add(image * stride(by) + at), len),
            )
        };
        with_buffer(|buffer| {
            let lines = first * tall..(first + rows) * tall;
            let (copied, between) = buffer.split_at_mut(packed.band.copied(conv, lines.len()));
            packed.band.copy(conv, &x[image * in_len..][..in_len], &lines, copied);
            let between = &mut aligned(between)[..lines.len() * line];
            // SAFETY: `between` has room for the lines, and nothing is added to them.
            unsafe {
                let nothing = (std::ptr::null(), After::Nothing);
                packed.lines(copied, lines, nothing, between.as_mut_ptr());
            }
            max_of_one(isa, (&by.some_rows(rows), after), between, y, positions);
        });
    });
}

/// What the backward pass reads of the pooling.
#[derive(Clone, Copy)]
pub(super) struct Behind<'a> {
    of: &'a Pooling,
    after: After,
    y: &'a [f32],
    positions: &'a [u8],
    g: &'a [f32],
}

impl Behind<'_> {
    /// The gradients of output lines `rows` of an image, in `buffer`.
    pub(super) fn gradient<'b>(
        &self,
        isa: Isa,
        conv: &Conv,
        image: usize,
        rows: Range<usize>,
        buffer: &'b mut [f32],
    ) -> &'b [f32] {
        let Pooling { by, tall, .. } = self.of;
        let (line, windows) = (conv.out_width() * conv.out_channels, by.width.output() * by.channels);
        // All windows that see one of the lines; behind the last window are zeros.
        let (first, end) = (rows.start / tall, rows.end.div_ceil(*tall).min(by.height.output()));
        let buffer =
            &mut aligned(buffer)[..(rows.end - first * tall).max((end.max(first) - first) * tall) * line];
        let seen = end.saturating_sub(first) * tall * line;
        if first < end {
            let at = first * windows..end * windows;
            let outs = image * by.output_len();
            let of = outs + at.start..outs + at.end;
            let positions = &self.positions[image * stride(by)..][at];
            let some = by.some_rows(end - first);
            let (y, g) = (&self.y[of.clone()], &self.g[of]);
            gradient_of_one(isa, (&some, self.after), (y, positions), g, &mut buffer[..seen]);
        }
        buffer[seen..].fill(0.0);
        &buffer[(rows.start - first * tall) * line..]
    }
}

/// `grad_weight` and `grad_bias` = gradients of [`forward_pooled`], where `g` is the gradient
/// with respect to its output `y`. The input's is not computed.
///
/// # Panics
/// If a length differs.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub fn backward_pooled(
    isa: Isa,
    pool: &Pool,
    (of, after): (&Pooling, After),
    n: usize,
    x: &[f32],
    (y, positions): (&[f32], &[f32]),
    g: &[f32],
    scratch: &mut [f32],
    grad_weight: &mut [f32],
    grad_bias: &mut [f32],
) {
    let Pooling { conv, by, .. } = of;
    conv.check_lengths(n, x.len(), grad_weight.len(), conv.out_len(n), scratch.len());
    let outs = n * by.output_len();
    assert!(y.len() == outs && g.len() == outs, "the output or its gradient has another length");
    assert!(positions.len() >= n * positions_len(by), "room for positions");
    let behind = Behind { of, after, y, positions: f32::bytes(positions), g };
    backward_params(isa, pool, conv, n, x, Arriving::Pooled(behind), scratch, grad_weight, grad_bias);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{bit_difference, values};
    use crate::conv::{self, forward};
    use crate::pool2d::{Axis, max_backward_saved, max_forward_saving};
    use crate::then::Then;

    fn tiles(conv: &Conv, kernel: [usize; 2]) -> Option<Pool2d> {
        let axis = |input, kernel| Axis::sliding(input, kernel, kernel, 0, false);
        let (height, width) = (axis(conv.out_height(), kernel[0])?, axis(conv.out_width(), kernel[1])?);
        Some(Pool2d { channels: conv.out_channels, height, width })
    }

    fn conv([height, width, in_channels]: [usize; 3], outs: usize, kernel: usize, stride: usize) -> Conv {
        Conv {
            height,
            width,
            in_channels,
            out_channels: outs,
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [kernel / 2; 2],
            dilation: [1; 2],
            groups: 1,
        }
    }

    /// Bands that end inside a window, lines that no window sees, channels that are no whole vector.
    #[test]
    fn one_pass_has_the_bits_of_two() {
        let mut cut = 0;
        for (conv, windows, n) in [
            (Conv { padding: [0; 2], ..conv([28, 28, 1], 30, 5, 1) }, [2, 2], 23),
            (conv([31, 27, 3], 20, 5, 2), [3, 2], 3),
            (conv([45, 90, 4], 64, 7, 1), [5, 4], 4),
            (conv([64, 64, 2], 7, 4, 1), [2, 3], 5),
            (conv([9, 9, 1], 1, 7, 1), [2, 2], 1),
        ] {
            let by = tiles(&conv, windows).unwrap();
            let of = Pooling::of(conv, by).unwrap();
            cut +=
                usize::from(!Band::new(&conv).rows.is_multiple_of(windows[0]) && Band::new(&conv).count > 1);
            let (x, weight) = (values(conv.in_len(n), 1.0, 1), values(conv.weight_len(), 0.3, 2));
            let (bias, g) = (values(conv.out_channels, 0.5, 3), values(n * by.output_len(), 1.0, 4));
            let scratch = &mut vec![f32::NAN; conv.scratch_len(n)];
            for isa in Isa::available() {
                for (after, threads) in [(After::Relu, 1), (After::Nothing, 3), (After::Relu6, 2)] {
                    let pool = Pool::new(threads);
                    let mut between = vec![0.0; conv.out_len(n)];
                    let (mut y, mut at) = (vec![0.0; n * by.output_len()], vec![0.0; n * positions_len(&by)]);
                    let then = Then { add: None, after: After::Nothing };
                    forward(isa, &pool, &conv, n, &x, &weight, Some(&bias), then, scratch, &mut between);
                    max_forward_saving(isa, &pool, (&by, after), n, &between, &mut y, &mut at);
                    max_backward_saved(isa, &pool, &by, after, n, (&y, &at), &g, &mut between);
                    let mut want = [vec![0.0; conv.weight_len()], vec![0.0; conv.out_channels]];
                    let [weight_of_two, bias_of_two] = &mut want;
                    conv::backward_params(
                        isa,
                        &pool,
                        &conv,
                        n,
                        &x,
                        &between,
                        scratch,
                        weight_of_two,
                        bias_of_two,
                    );

                    let (mut y2, mut at2) = (vec![f32::NAN; y.len()], vec![0.0; at.len()]);
                    let by_one = (&of, after);
                    forward_pooled(
                        isa,
                        &pool,
                        by_one,
                        n,
                        &x,
                        &weight,
                        Some(&bias),
                        scratch,
                        &mut y2,
                        &mut at2,
                    );
                    assert_eq!(bit_difference(&y2, &y), None, "{isa}: {conv:?}");
                    assert!(f32::bytes(&at2) == f32::bytes(&at), "{isa}: {conv:?}: positions");
                    let [mut weight2, mut bias2] = want.clone().map(|v| vec![f32::NAN; v.len()]);
                    let saved = (&*y2, &*at2);
                    backward_pooled(isa, &pool, by_one, n, &x, saved, &g, scratch, &mut weight2, &mut bias2);
                    assert_eq!(bit_difference(&weight2, &want[0]), None, "{isa}: {conv:?}: weight");
                    assert_eq!(bit_difference(&bias2, &want[1]), None, "{isa}: {conv:?}: bias");
                    for (o, bias) in bias2.iter().enumerate() {
                        let terms = between.iter().skip(o).step_by(conv.out_channels).map(|g| f64::from(*g));
                        let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), g| (sum + g, size + g.abs()));
                        let roundings = conv.pixels(n) as f64 * f64::from(f32::EPSILON);
                        assert!(
                            (f64::from(*bias) - sum).abs() <= roundings * size,
                            "bias {o}: {bias}, {sum}"
                        );
                    }
                }
            }
        }
        assert!(cut > 0, "no band ends inside a window");
    }

    #[test]
    fn what_is_served() {
        let first = conv([28, 28, 1], 30, 5, 1);
        assert_eq!(Pooling::of(first, tiles(&first, [2, 2]).unwrap()).map(|of| of.tall), Some(2));
        let axis = |ceil| Axis::sliding(9, 2, 2, 0, ceil).unwrap();
        let odd = conv([9, 9, 1], 4, 7, 1);
        let with = |ceil| Pool2d { channels: 4, height: axis(ceil), width: axis(false) };
        assert!(Pooling::of(odd, with(false)).is_some());
        assert!(Pooling::of(odd, with(true)).is_none(), "a window that is not whole");
        let overlap = Axis::sliding(28, 3, 2, 0, false).unwrap();
        let by = Pool2d { channels: 30, height: overlap, width: overlap };
        assert!(Pooling::of(first, by).is_none(), "windows that overlap");
        let many = conv([28, 28, 8], 30, 5, 1);
        assert!(Pooling::of(many, tiles(&many, [2, 2]).unwrap()).is_none(), "many channels");
        let other = tiles(&conv([14, 14, 1], 30, 5, 1), [2, 2]).unwrap();
        assert!(Pooling::of(first, other).is_none(), "another image");
    }
}
