//! The weight's gradient on whole vectors of channels.

use super::Sums;
use super::vectors::{load, store};
use crate::conv::Conv;
use crate::lanes::{Lanes, prefetch};
use crate::simd::VectorKernel;

/// Sums of a weight gradient on whole vectors of channels.
pub(super) struct VectorSums<'a>(pub(super) Sums<'a, f32, 1>);

/// A row of gradients and the lines of the image below it.
struct Line<'a> {
    g: &'a [f32],
    x: &'a [f32],
    line: usize,
    /// The first of the neighbouring taps.
    tap: usize,
    /// First channel, and how many.
    part: (usize, usize),
    conv: &'a Conv,
}

// Functions, not closures: only they take over the instruction set of their caller.
impl Line<'_> {
    /// Where tap k of an output column falls on line i.
    #[inline(always)]
    fn x_at(&self, column: usize, i: usize, k: usize) -> *const f32 {
        let Line { conv, part: (c, n), .. } = *self;
        let place = column * conv.stride[1] + (self.tap + k) * conv.dilation[1] - conv.padding[1];
        self.x[i * self.line + place * conv.in_channels + c..][..n].as_ptr()
    }

    /// Adds some columns to the sums of tap k: at the borders each tap has its own.
    ///
    /// # Safety
    /// As [`load`]; the tap falls on the image in these columns.
    #[inline(always)]
    unsafe fn column_sums<V: Lanes, const R: usize, const K: usize, const WHOLE: bool>(
        &self,
        sums: &mut [[V; K]; R],
        k: usize,
        columns: std::ops::Range<usize>,
    ) {
        let (c, n) = self.part;
        for column in columns {
            // SAFETY: the caller has the instruction set; slices are cut to n channels.
            unsafe {
                let g = load::<V, WHOLE>(self.g[column * self.conv.in_channels + c..][..n].as_ptr(), n);
                for (i, sums) in sums.iter_mut().enumerate() {
                    sums[k] = g.fma(load::<V, WHOLE>(self.x_at(column, i, k), n), sums[k]);
                }
            }
        }
    }
}

impl VectorSums<'_> {
    /// The sums of R rows of K neighbouring taps, from kernel position `first` on, for
    /// the channels from `c` on, over one row of gradients `g`. Row i of taps lies on
    /// the line of the image `i · line` after `x`.
    ///
    /// # Safety
    /// As [`load`].
    #[inline(always)]
    unsafe fn taps<V: Lanes, const R: usize, const K: usize, const WHOLE: bool>(
        &mut self,
        (g, x, line): (&[f32], &[f32], usize),
        (first, tap): (usize, usize),
        (c, n): (usize, usize),
    ) {
        let Sums { conv, channels: block, .. } = &self.0;
        let (len, at) = (block.len(), c - block.start);
        let (channels, step, row) = (conv.in_channels, conv.stride[1], conv.kernel[1]);
        let own: [_; K] = std::array::from_fn(|k| self.0.columns(tap + k));
        let start = own.iter().map(|r| r.start).max().unwrap_or(0);
        let end = own.iter().map(|r| r.end).min().unwrap_or(0).max(start);
        // SAFETY: the caller has the instruction set. `columns` gives output columns
        // whose taps lie on the row; slices are cut to the n channels that are read.
        unsafe {
            let mut sums = [[V::splat(0.0); K]; R];
            for (i, sums) in sums.iter_mut().enumerate() {
                for (k, sum) in sums.iter_mut().enumerate() {
                    let to = (first + i * row + tap + k) * len + at;
                    *sum = load::<V, WHOLE>(self.0.to[to..][..n].as_ptr(), n);
                }
            }
            let line = Line { g, x, line, tap, part: (c, n), conv };
            for (k, own) in own.iter().enumerate() {
                line.column_sums::<V, R, K, WHOLE>(&mut sums, k, own.start..start.min(own.end));
            }
            if start < end && K * R > 1 {
                // Of all columns in between the first and the last are looked up alone.
                let dilation = conv.dilation[1];
                let last_tap = (K - 1) * dilation;
                let width = ((end - 1 - start) * step + last_tap) * channels + n;
                let starts: [*const f32; R] = std::array::from_fn(|i| {
                    let from = line.x_at(start, i, 0);
                    // The last column's last tap lies on the row, too.
                    let offset = line.x_at(end - 1, i, K - 1).offset_from(from);
                    assert!(offset >= 0 && offset as usize + n == width, "evenly spaced taps");
                    from
                });
                let g = g[start * channels + c..][..(end - 1 - start) * channels + n].as_ptr();
                let (below, row_of) = (starts[R - 1], conv.width * channels);
                for column in 0..end - start {
                    // What the next row of gradients needs.
                    prefetch(g.wrapping_add(column * channels + conv.out_width() * channels), n);
                    for line in 1..=conv.stride[0] {
                        for place in column * step..(column + 1) * step {
                            prefetch(below.wrapping_add(line * row_of + place * channels), n);
                        }
                    }
                    let g = load::<V, WHOLE>(g.add(column * channels), n);
                    for (sums, start) in sums.iter_mut().zip(starts) {
                        let x = start.add(column * step * channels);
                        for (k, sum) in sums.iter_mut().enumerate() {
                            *sum = g.fma(load::<V, WHOLE>(x.add(k * dilation * channels), n), *sum);
                        }
                    }
                }
            } else {
                for k in 0..K {
                    line.column_sums::<V, R, K, WHOLE>(&mut sums, k, start..end);
                }
            }
            for (k, own) in own.iter().enumerate() {
                line.column_sums::<V, R, K, WHOLE>(&mut sums, k, end.max(own.start)..own.end);
            }
            for (i, sums) in sums.into_iter().enumerate() {
                for (k, sum) in sums.into_iter().enumerate() {
                    let to = (first + i * row + tap + k) * len + at;
                    store::<V, WHOLE>(sum, self.0.to[to..][..n].as_mut_ptr(), n);
                }
            }
        }
    }

    /// All columns of R rows of taps from kernel row `i` on, for some channels.
    ///
    /// # Safety
    /// As [`load`].
    #[inline(always)]
    unsafe fn rows<V: Lanes, const R: usize, const WHOLE: bool>(
        &mut self,
        from: (&[f32], &[f32], usize),
        i: usize,
        part: (usize, usize),
    ) {
        let columns = self.0.conv.kernel[1];
        let mut tap = 0;
        while tap < columns {
            // Three at once share the loads of the gradient.
            // SAFETY: the caller has the instruction set.
            unsafe {
                if columns - tap >= 3 {
                    self.taps::<V, R, 3, WHOLE>(from, (i * columns, tap), part);
                    tap += 3;
                } else {
                    self.taps::<V, R, 1, WHOLE>(from, (i * columns, tap), part);
                    tap += 1;
                }
            }
        }
    }
}

impl VectorKernel for VectorSums<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) {
        let conv = self.0.conv;
        let (out_h, x_row) = (conv.out_height(), conv.width * conv.in_channels);
        let g_row = conv.out_width() * conv.in_channels;
        let (x, g) = (self.0.x, self.0.g);
        let (kernel, dilation) = (conv.kernel[0], conv.dilation[0]);
        let channels = self.0.channels.clone();
        self.0.to.fill(0.0);
        for row in self.0.rows.clone() {
            let (image, top) = (row / out_h, row % out_h * conv.stride[0]);
            let on =
                |i: usize| (top + i * dilation).checked_sub(conv.padding[0]).filter(|h| *h < conv.height);
            let g = &g[row * g_row..][..g_row];
            let mut i = 0;
            while i < kernel {
                let Some(line) = on(i) else {
                    i += 1;
                    continue;
                };
                // Three rows of taps share the loads of the gradient.
                let three = i + 2 < kernel && on(i + 2).is_some();
                let count = if three { 3 } else { 1 };
                let lines = ((count - 1) * dilation + 1) * x_row;
                let x = &x[(image * conv.height + line) * x_row..][..lines];
                let from = (g, x, dilation * x_row);
                let mut c = channels.start;
                while c < channels.end {
                    let part = (c, V::LANES.min(channels.end - c));
                    // SAFETY: the caller has the instruction set.
                    unsafe {
                        match (three, part.1 == V::LANES) {
                            (true, true) => self.rows::<V, 3, true>(from, i, part),
                            (true, false) => self.rows::<V, 3, false>(from, i, part),
                            (false, true) => self.rows::<V, 1, true>(from, i, part),
                            (false, false) => self.rows::<V, 1, false>(from, i, part),
                        }
                    }
                    c += part.1;
                }
                i += count;
            }
        }
    }
}
