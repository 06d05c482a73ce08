//! What each point of a grid sees through the taps, without a matrix of it.
//!
//! Both directions of a convolution are the same walk: the forward pass sees
//! input pixels from output pixels; the gradient of the input sees output
//! pixels from input pixels, one phase of the stride at a time.

use super::Conv;
use crate::Real;
use crate::gemm::layout::Layout;
use crate::lanes::prefetch_near;
use std::ops::Range;

/// Points between the one whose taps are copied and the one whose are asked for.
const AHEAD: usize = 2;

#[cfg(target_arch = "x86_64")]
mod pairs;

#[cfg(target_arch = "x86_64")]
pub(super) use pairs::PairedGather;

/// Rows = points (image, line, column) of a grid; columns = (tap row, tap
/// column, channel). Tap (i, j) of point (a, b) lies on the source pixel
/// (a · step + i · dilation + offset) in each axis, or on zeros.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gather {
    /// Extents of a source image.
    pub(super) source: [usize; 2],
    /// Elements of a source pixel.
    pub(super) pixel: usize,
    /// First channel seen, and how many.
    pub(super) channel: usize,
    pub(super) channels: usize,
    pub(super) grid: [usize; 2],
    pub(super) taps: [usize; 2],
    pub(super) step: [usize; 2],
    pub(super) dilation: [usize; 2],
    pub(super) offset: [isize; 2],
    /// Elements of the images that lie before those that are given.
    skip: usize,
}

impl Gather {
    /// The forward pass of one group.
    pub(super) fn forward(conv: &Conv, group: usize) -> Self {
        let channels = conv.in_channels / conv.groups;
        Gather {
            source: [conv.height, conv.width],
            pixel: conv.in_channels,
            channel: group * channels,
            channels,
            grid: [conv.out_height(), conv.out_width()],
            taps: conv.kernel,
            step: conv.stride,
            dilation: conv.dilation,
            offset: conv.padding.map(|p| -(p as isize)),
            skip: 0,
        }
    }

    /// Whether point p sees source pixel p alone.
    pub(super) fn is_plain(&self) -> bool {
        self.taps == [1, 1] && self.step == [1, 1] && self.offset == [0, 0] && self.grid == self.source
    }

    /// Rows for `n` images.
    pub(super) fn rows(&self, n: usize) -> usize {
        n * self.grid[0] * self.grid[1]
    }

    /// Columns.
    pub(super) fn depth(&self) -> usize {
        self.taps[0] * self.taps[1] * self.channels
    }

    /// Where tap `i` of grid coordinate `a` lies on an axis, if on the image.
    #[inline(always)]
    pub(super) fn at(&self, axis: usize, a: usize, i: usize) -> Option<usize> {
        let at = (a * self.step[axis] + i * self.dilation[axis]) as isize + self.offset[axis];
        (at >= 0 && (at as usize) < self.source[axis]).then_some(at as usize)
    }

    /// Writes a block: element (i, j) of it to `to[i * stride + j]`.
    pub(super) fn block<T: Real>(
        &self,
        image: &[T],
        rows: Range<usize>,
        cols: Range<usize>,
        to: &mut [T],
        stride: usize,
    ) {
        let line = self.taps[1] * self.channels;
        let (mut n, mut a, mut b) = self.point(rows.start);
        for (i, _) in rows.enumerate() {
            let to = &mut to[i * stride..][..cols.len()];
            let mut done = 0;
            while done < cols.len() {
                let (row, from) = ((cols.start + done) / line, (cols.start + done) % line);
                let until = line.min(from + cols.len() - done);
                let to = &mut to[done..done + until - from];
                match self.at(0, a, row) {
                    Some(h) => {
                        let source = (n * self.source[0] + h) * self.source[1] * self.pixel - self.skip;
                        self.tap_row(&image[source..], b, from, to);
                    }
                    None => to.fill(T::ZERO),
                }
                done += until - from;
            }
            b += 1;
            if b == self.grid[1] {
                (a, b) = (a + 1, 0);
            }
            if a == self.grid[0] {
                (n, a) = (n + 1, 0);
            }
        }
    }

    /// (image, line, column) of a row.
    pub(super) fn point(&self, row: usize) -> (usize, usize, usize) {
        let (line, b) = (row / self.grid[1], row % self.grid[1]);
        (line / self.grid[0], line % self.grid[0], b)
    }

    /// Columns `from..from + to.len()` of one row of taps, over the source line `line`.
    #[inline]
    fn tap_row<T: Real>(&self, line: &[T], b: usize, from: usize, to: &mut [T]) {
        let x = (b * self.step[1]) as isize + self.offset[1];
        if self.dilation[1] == 1 && self.pixel == self.channels {
            // Taps are neighbours in memory: one run, zeros before and after it.
            let c = self.channels as isize;
            let (begin, end) = (from as isize, (from + to.len()) as isize);
            let low = (-x * c).clamp(begin, end);
            let high = ((self.source[1] as isize - x) * c).clamp(low, end);
            let (low_at, high_at) = ((low - begin) as usize, (high - begin) as usize);
            to[..low_at].fill(T::ZERO);
            if low < high {
                let at = (x * c + low) as usize;
                if let Some(line) = T::as_f32(line) {
                    let next = at + AHEAD * self.step[1] * self.pixel;
                    prefetch_near(line.as_ptr().wrapping_add(next), high_at - low_at);
                }
                to[low_at..high_at].copy_from_slice(&line[at..at + (high_at - low_at)]);
            }
            to[high_at..].fill(T::ZERO);
            return;
        }
        let (mut tap, mut c, mut done) = (from / self.channels, from % self.channels, 0);
        while done < to.len() {
            let len = (self.channels - c).min(to.len() - done);
            let to = &mut to[done..done + len];
            match self.at(1, b, tap) {
                Some(w) => {
                    let at = w * self.pixel + self.channel + c;
                    to.copy_from_slice(&line[at..at + len]);
                }
                None => to.fill(T::ZERO),
            }
            (tap, c, done) = (tap + 1, 0, done + len);
        }
    }
}

/// The input pixels of one residue of the stride in each axis, and the taps
/// that reach them: a tap i reaches pixel h only if (h + padding − dilation · i)
/// is a multiple of the stride. Within a phase the gradient is a convolution of
/// stride 1 over the output pixels; every tap belongs to exactly one phase of
/// each axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phase {
    /// How the gradient of the output is seen; taps in descending order, so that
    /// output pixels ascend.
    pub(super) gather: Gather,
    /// Kernel index of the last tap (which comes first), and the distance of taps.
    last: [usize; 2],
    apart: [usize; 2],
    /// Where the pixels of this phase lie in the input.
    pub(super) layout: Layout,
}

impl Phase {
    /// Kernel position (row · kernel columns + column) of tap (i, j) of the gather.
    pub(super) fn kernel_tap(&self, conv: &Conv, i: usize, j: usize) -> usize {
        (self.last[0] - i * self.apart[0]) * conv.kernel[1] + self.last[1] - j * self.apart[1]
    }
}

/// All phases of the gradient of the input for one group, each with the index
/// of its first tap in the order in which the phases follow each other.
pub(super) fn phases(conv: &Conv, group: usize) -> impl Iterator<Item = Phase> {
    let conv = *conv;
    (0..conv.stride[0] * conv.stride[1])
        .map(move |f| phase(&conv, group, [f / conv.stride[1], f % conv.stride[1]]))
}

fn phase(conv: &Conv, group: usize, residue: [usize; 2]) -> Phase {
    let (ins, outs) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    let size = [conv.height, conv.width];
    let mut gather = Gather {
        source: [conv.out_height(), conv.out_width()],
        pixel: conv.out_channels,
        channel: group * outs,
        channels: outs,
        grid: [0; 2],
        taps: [0; 2],
        step: [1; 2],
        dilation: [1; 2],
        offset: [0; 2],
        skip: 0,
    };
    let (mut last, mut apart) = ([0; 2], [1; 2]);
    for axis in 0..2 {
        let (s, d) = (conv.stride[axis], conv.dilation[axis]);
        gather.grid[axis] = size[axis].saturating_sub(residue[axis]).div_ceil(s);
        let reaches = |i: usize| {
            let at = (residue[axis] + conv.padding[axis]) as isize - (d * i) as isize;
            at.rem_euclid(s as isize) == 0
        };
        // Taps of one phase are equally far apart: s / gcd(s, d).
        apart[axis] = (1..=s).find(|q| (q * d).is_multiple_of(s)).unwrap_or(s);
        let Some(tap) = (0..conv.kernel[axis]).rev().find(|i| reaches(*i)) else { continue };
        last[axis] = tap;
        gather.taps[axis] = tap / apart[axis] + 1;
        gather.dilation[axis] = apart[axis] * d / s;
        let at = (residue[axis] + conv.padding[axis]) as isize - (d * tap) as isize;
        gather.offset[axis] = at.div_euclid(s as isize);
    }
    let row = conv.width * conv.in_channels;
    let layout = Layout {
        start: residue[0] * row + residue[1] * conv.in_channels + group * ins,
        run: gather.grid[1],
        step: conv.stride[1] * conv.in_channels,
        lines: gather.grid[0],
        line_step: conv.stride[0] * row,
        image_step: conv.height * row,
    };
    // With stride 1 all pixels are evenly spaced.
    let layout = if conv.stride == [1, 1] { Layout::even(layout.start, conv.in_channels) } else { layout };
    Phase { gather, last, apart, layout }
}
