//! Depthwise passes on whole vectors of channels.

use super::{GROUP, Rows, Sums, Taps};
use crate::conv::Conv;
use crate::lanes::{Lanes, prefetch, streamed};
use crate::simd::VectorKernel;
use crate::then::activate;

/// Rows of an image on whole vectors of channels.
pub(super) struct VectorRows<'a>(pub(super) Rows<'a, f32>);

/// `n` channels: a `WHOLE` vector or its beginning.
///
/// # Safety
/// The processor has the instruction set, and `n` elements can be read.
#[inline(always)]
unsafe fn load<V: Lanes, const WHOLE: bool>(from: *const f32, n: usize) -> V {
    // SAFETY: the caller's.
    unsafe { if WHOLE { V::load(from) } else { V::load_first(from, n) } }
}

/// # Safety
/// As [`load`], to write.
#[inline(always)]
unsafe fn store<V: Lanes, const WHOLE: bool>(value: V, to: *mut f32, n: usize) {
    // SAFETY: the caller's.
    unsafe { if WHOLE { value.store(to) } else { value.store_first(to, n) } }
}

impl VectorRows<'_> {
    /// [`GROUP`] pixels (or one) from `column` of the image that is read on, all three
    /// columns of which lie on it, for the channels from `c` on.
    ///
    /// # Safety
    /// As [`load`].
    #[inline(always)]
    unsafe fn group<V: Lanes, const N: usize, const STEP: usize, const WHOLE: bool>(
        &self,
        from: &[f32],
        rows: Taps,
        column: usize,
        (c, n): (usize, usize),
        to: &mut [f32],
    ) {
        let Rows { axes, channels, weight, bias, after, .. } = &self.0;
        // SAFETY: the caller has the instruction set; slices are cut to what is read:
        // the last of the neighbours' channels, each tap's channels, and N outputs.
        unsafe {
            let start = bias.map_or(V::splat(0.0), |bias| load::<V, WHOLE>(bias[c..c + n].as_ptr(), n));
            let mut sums = [start; N];
            for (i, r) in rows.each() {
                let mut w = [start; 3];
                for (j, w) in w.iter_mut().enumerate() {
                    let tap = i * 3 + if axes[1].backward { 2 - j } else { j };
                    *w = load::<V, WHOLE>(weight[tap * channels + c..][..n].as_ptr(), n);
                }
                let row = (r * axes[1].from + column) * channels + c;
                let x = from[row..][..((N - 1) * STEP + 2) * channels + n].as_ptr();
                for (g, sum) in sums.iter_mut().enumerate() {
                    for (j, w) in w.iter().enumerate() {
                        *sum = load::<V, WHOLE>(x.add((g * STEP + j) * channels), n).fma(*w, *sum);
                    }
                }
            }
            for (g, sum) in sums.into_iter().enumerate() {
                store::<V, WHOLE>(activate(sum, *after), to[g * channels + c..][..n].as_mut_ptr(), n);
            }
        }
    }

    /// N vectors of one pixel, whatever its taps, the last one of `n` channels.
    ///
    /// # Safety
    /// As [`load`].
    #[inline(always)]
    unsafe fn pixel<V: Lanes, const N: usize, const WHOLE: bool>(
        &self,
        from: &[f32],
        (rows, cols): (Taps, Taps),
        (c, n): (usize, usize),
        stream: bool,
        to: &mut [f32],
    ) {
        let Rows { axes, channels, weight, bias, after, .. } = &self.0;
        let len = (N - 1) * V::LANES + n;
        // SAFETY: the caller has the instruction set; slices are cut to what is read.
        unsafe {
            let mut sums = [V::splat(0.0); N];
            if let Some(bias) = bias {
                let bias = bias[c..c + len].as_ptr();
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = load::<V, WHOLE>(bias.add(v * V::LANES), n);
                }
            }
            for (i, r) in rows.each() {
                for (j, s) in cols.each() {
                    let x = from[(r * axes[1].from + s) * channels + c..][..len].as_ptr();
                    let w = weight[(i * axes[1].kernel + j) * channels + c..][..len].as_ptr();
                    for (v, sum) in sums.iter_mut().enumerate() {
                        let w = load::<V, WHOLE>(w.add(v * V::LANES), n);
                        *sum = load::<V, WHOLE>(x.add(v * V::LANES), n).fma(w, *sum);
                    }
                }
            }
            let to = to[c..c + len].as_mut_ptr();
            for (v, sum) in sums.into_iter().enumerate() {
                let (value, to) = (activate(sum, *after), to.add(v * V::LANES));
                if WHOLE && stream { value.stream(to) } else { store::<V, WHOLE>(value, to, n) }
            }
        }
    }

    /// All channels of one pixel.
    ///
    /// # Safety
    /// As [`load`].
    #[inline(always)]
    unsafe fn pixels<V: Lanes>(&self, from: &[f32], taps: (Taps, Taps), stream: bool, to: &mut [f32]) {
        let (mut c, channels) = (0, self.0.channels);
        let left = |c: usize| (channels - c) / V::LANES;
        // SAFETY: the caller has the instruction set.
        unsafe {
            // What the taps are is asked once for several vectors.
            while left(c) >= 4 {
                self.pixel::<V, 4, true>(from, taps, (c, V::LANES), stream, to);
                c += 4 * V::LANES;
            }
            if left(c) >= 2 {
                self.pixel::<V, 2, true>(from, taps, (c, V::LANES), stream, to);
                c += 2 * V::LANES;
            }
            if left(c) == 1 {
                self.pixel::<V, 1, true>(from, taps, (c, V::LANES), stream, to);
                c += V::LANES;
            }
            if c < channels {
                self.pixel::<V, 1, false>(from, taps, (c, channels - c), false, to);
            }
        }
    }
}

/// Some pixels of the lines that the next row of outputs sees first.
#[derive(Clone, Copy)]
struct Next {
    at: *const f32,
    lines: usize,
    line: usize,
    pixels: usize,
    channels: usize,
}

impl Next {
    /// A vector of each pixel's channels, from `c` on. A call: within the loops over pixels
    /// it would take their registers.
    #[inline(never)]
    fn ask(&self, c: usize) {
        for line in 0..self.lines {
            let at = self.at.wrapping_add(line * self.line + c);
            for pixel in 0..self.pixels {
                prefetch(at.wrapping_add(pixel * self.channels), 1);
            }
        }
    }
}

impl VectorKernel for VectorRows<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) {
        let to = std::mem::take(&mut self.0.to);
        let ([height, width], channels) = (self.0.axes, self.0.channels);
        let image = height.from * width.from * channels;
        let step = width.neighbours();
        let inside = step.map_or(0..0, |step| width.inside(step));
        let stream = height.backward
            && height.stride > 1
            && channels.is_multiple_of(V::LANES)
            && (to.as_ptr() as usize).is_multiple_of(size_of::<V>());
        for (row, to) in (self.0.first..).zip(to.chunks_exact_mut(width.to * channels)) {
            let from = &self.0.from[row / height.to * image..][..image];
            let rows = height.taps(row % height.to);
            let mut column = 0;
            while column < width.to {
                let grouped = column >= inside.start && column + GROUP <= inside.end;
                let cols = width.taps(column);
                let count = if grouped { GROUP } else { 1 };
                let to = &mut to[column * channels..][..count * channels];
                let Some(step) = step.filter(|_| grouped) else {
                    // SAFETY: the caller has the instruction set.
                    unsafe { self.pixels::<V>(from, (rows, cols), stream, to) };
                    column += 1;
                    continue;
                };
                // The lines that the next row of outputs sees first, these columns of them.
                let below = rows.place + rows.len * rows.place_step.max(1);
                let below = (below * width.from + cols.place) * channels;
                let next = Next {
                    at: from.as_ptr().wrapping_add(below),
                    lines: height.lines(),
                    line: width.from * channels,
                    pixels: count * step,
                    channels,
                };
                let whole = channels / V::LANES * V::LANES;
                // SAFETY: the caller has the instruction set.
                unsafe {
                    for c in (0..whole).step_by(V::LANES) {
                        let part = (c, V::LANES);
                        next.ask(c);
                        if step == 1 {
                            self.group::<V, GROUP, 1, true>(from, rows, cols.place, part, to);
                        } else {
                            self.group::<V, GROUP, 2, true>(from, rows, cols.place, part, to);
                        }
                    }
                    if whole < channels {
                        let part = (whole, channels - whole);
                        next.ask(whole);
                        if step == 1 {
                            self.group::<V, GROUP, 1, false>(from, rows, cols.place, part, to);
                        } else {
                            self.group::<V, GROUP, 2, false>(from, rows, cols.place, part, to);
                        }
                    }
                }
                column += count;
            }
        }
        if stream {
            streamed();
        }
    }
}

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
