//! Depthwise passes on whole vectors of channels.

use super::{GROUP, Rows, Sums, Taps};
use crate::lanes::Lanes;
use crate::simd::VectorKernel;
use crate::then::activate;

/// Rows of an image on whole vectors of channels.
pub(super) struct VectorRows<'a>(pub(super) Rows<'a, f32>);

/// `n` channels, a whole vector or its beginning.
///
/// # Safety
/// The processor has the instruction set, and `n` elements can be read.
#[inline(always)]
unsafe fn load<V: Lanes>(from: *const f32, n: usize) -> V {
    // SAFETY: the caller's.
    unsafe { if n == V::LANES { V::load(from) } else { V::load_first(from, n) } }
}

/// # Safety
/// As [`load`], to write.
#[inline(always)]
unsafe fn store<V: Lanes>(value: V, to: *mut f32, n: usize) {
    // SAFETY: the caller's.
    unsafe { if n == V::LANES { value.store(to) } else { value.store_first(to, n) } }
}

impl VectorRows<'_> {
    /// [`GROUP`] pixels (or one) from `column` of the image that is read on, all three
    /// columns of which lie on it, for the channels from `c` on.
    ///
    /// # Safety
    /// As [`load`].
    #[inline(always)]
    unsafe fn group<V: Lanes, const N: usize, const STEP: usize>(
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
            let start = bias.map_or(V::splat(0.0), |bias| load::<V>(bias[c..c + n].as_ptr(), n));
            let mut sums = [start; N];
            for (i, r) in rows.each() {
                let mut w = [start; 3];
                for (j, w) in w.iter_mut().enumerate() {
                    let tap = i * 3 + if axes[1].backward { 2 - j } else { j };
                    *w = load(weight[tap * channels + c..][..n].as_ptr(), n);
                }
                let row = (r * axes[1].from + column) * channels + c;
                let x = from[row..][..((N - 1) * STEP + 2) * channels + n].as_ptr();
                for (g, sum) in sums.iter_mut().enumerate() {
                    for (j, w) in w.iter().enumerate() {
                        *sum = load::<V>(x.add((g * STEP + j) * channels), n).fma(*w, *sum);
                    }
                }
            }
            for (g, sum) in sums.into_iter().enumerate() {
                store(activate(sum, *after), to[g * channels + c..][..n].as_mut_ptr(), n);
            }
        }
    }

    /// One pixel, whatever its taps.
    ///
    /// # Safety
    /// As [`load`].
    #[inline(always)]
    unsafe fn pixel<V: Lanes>(
        &self,
        from: &[f32],
        rows: Taps,
        cols: Taps,
        (c, n): (usize, usize),
        to: &mut [f32],
    ) {
        let Rows { axes, channels, weight, bias, after, .. } = &self.0;
        // SAFETY: the caller has the instruction set; slices are cut to what is read.
        unsafe {
            let mut sum = bias.map_or(V::splat(0.0), |bias| load::<V>(bias[c..c + n].as_ptr(), n));
            for (i, r) in rows.each() {
                for (j, s) in cols.each() {
                    let x = from[(r * axes[1].from + s) * channels + c..][..n].as_ptr();
                    let w = weight[(i * axes[1].kernel + j) * channels + c..][..n].as_ptr();
                    sum = load::<V>(x, n).fma(load(w, n), sum);
                }
            }
            store(activate(sum, *after), to[c..c + n].as_mut_ptr(), n);
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
        for (row, to) in (self.0.first..).zip(to.chunks_exact_mut(width.to * channels)) {
            let from = &self.0.from[row / height.to * image..][..image];
            let rows = height.taps(row % height.to);
            let mut column = 0;
            while column < width.to {
                let grouped = column >= inside.start && column + GROUP <= inside.end;
                let cols = width.taps(column);
                let count = if grouped { GROUP } else { 1 };
                let to = &mut to[column * channels..][..count * channels];
                for c in (0..channels).step_by(V::LANES) {
                    let part = (c, V::LANES.min(channels - c));
                    // SAFETY: the caller has the instruction set.
                    unsafe {
                        match (grouped, step) {
                            (true, Some(1)) => self.group::<V, GROUP, 1>(from, rows, cols.place, part, to),
                            (true, _) => self.group::<V, GROUP, 2>(from, rows, cols.place, part, to),
                            _ => self.pixel::<V>(from, rows, cols, part, to),
                        }
                    }
                }
                column += count;
            }
        }
    }
}

/// Sums of a weight gradient on whole vectors of channels.
pub(super) struct VectorSums<'a>(pub(super) Sums<'a, f32, 1>);

impl VectorSums<'_> {
    /// The sums of K neighbouring taps for the channels from `c` on, over one row.
    ///
    /// # Safety
    /// As [`load`].
    #[inline(always)]
    unsafe fn taps<V: Lanes, const K: usize>(
        &mut self,
        (g, x): (&[f32], &[f32]),
        (first, tap): (usize, usize),
        (c, n): (usize, usize),
    ) {
        let Sums { conv, channels: block, .. } = &self.0;
        let (len, at) = (block.len(), c - block.start);
        let (channels, step) = (conv.in_channels, conv.stride[1]);
        let own: [_; K] = std::array::from_fn(|k| self.0.columns(tap + k));
        let start = own.iter().map(|r| r.start).max().unwrap_or(0);
        let end = own.iter().map(|r| r.end).min().unwrap_or(0).max(start);
        // SAFETY: the caller has the instruction set. `columns` gives output columns
        // whose taps lie on the row; slices are cut to the n channels that are read.
        unsafe {
            let mut sums = [V::splat(0.0); K];
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum = load(self.0.to[(first + tap + k) * len + at..][..n].as_ptr(), n);
            }
            let x_at = |column: usize, k: usize| {
                let place = column * step + (tap + k) * conv.dilation[1] - conv.padding[1];
                x[place * channels + c..][..n].as_ptr()
            };
            let g_at = |column: usize| load::<V>(g[column * channels + c..][..n].as_ptr(), n);
            // At the borders each tap has its own columns.
            for (k, own) in own.iter().enumerate() {
                for column in own.start..start.min(own.end) {
                    sums[k] = g_at(column).fma(load(x_at(column, k), n), sums[k]);
                }
            }
            for column in start..end {
                let g = g_at(column);
                for (k, sum) in sums.iter_mut().enumerate() {
                    *sum = g.fma(load(x_at(column, k), n), *sum);
                }
            }
            for (k, own) in own.iter().enumerate() {
                for column in end.max(own.start)..own.end {
                    sums[k] = g_at(column).fma(load(x_at(column, k), n), sums[k]);
                }
            }
            for (k, sum) in sums.into_iter().enumerate() {
                store(sum, self.0.to[(first + tap + k) * len + at..][..n].as_mut_ptr(), n);
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
        let (x, g, columns) = (self.0.x, self.0.g, conv.kernel[1]);
        let channels = self.0.channels.clone();
        self.0.to.fill(0.0);
        for row in self.0.rows.clone() {
            let (image, top) = (row / out_h, row % out_h * conv.stride[0]);
            for i in 0..conv.kernel[0] {
                let shifted = top + i * conv.dilation[0];
                if shifted < conv.padding[0] || shifted - conv.padding[0] >= conv.height {
                    continue;
                }
                let at = image * conv.height + shifted - conv.padding[0];
                let line = (&g[row * g_row..][..g_row], &x[at * x_row..][..x_row]);
                for c in channels.clone().step_by(V::LANES) {
                    let part = (c, V::LANES.min(channels.end - c));
                    let mut tap = 0;
                    while tap < columns {
                        // Three at once share the loads of the gradient.
                        // SAFETY: the caller has the instruction set.
                        unsafe {
                            if columns - tap >= 3 {
                                self.taps::<V, 3>(line, (i * columns, tap), part);
                                tap += 3;
                            } else {
                                self.taps::<V, 1>(line, (i * columns, tap), part);
                                tap += 1;
                            }
                        }
                    }
                }
            }
        }
    }
}
