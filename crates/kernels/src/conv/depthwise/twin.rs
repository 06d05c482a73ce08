//! Depthwise passes in plain loops: for `f64`, for other processors, and as the twin
//! of the vectors.

use super::{GROUP, Rows, Sums, Taps};
use crate::Real;
use crate::simd::{Arith, Kernel};

#[inline(always)]
fn fma<T: Real, A: Arith>(a: T, b: T, c: T) -> T {
    if A::FUSED { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn lanes<T: Copy, const W: usize>(values: &[T], at: usize) -> &[T; W] {
    values[at..at + W].try_into().expect("a slice of W elements")
}

impl<T: Real> Rows<'_, T> {
    #[inline(always)]
    fn start<const W: usize>(bias: Option<&[T]>, c: usize) -> [T; W] {
        bias.map_or([T::ZERO; W], |bias| *lanes(bias, c))
    }

    /// W channels of a pixel, whatever its taps.
    #[inline(always)]
    fn pixel<A: Arith, const W: usize>(&self, from: &[T], rows: Taps, cols: Taps, c: usize) -> [T; W] {
        let mut sum = Self::start::<W>(self.bias, c);
        for (i, r) in rows.each() {
            for (j, s) in cols.each() {
                let x: &[T; W] = lanes(from, (r * self.axes[1].from + s) * self.channels + c);
                let w: &[T; W] = lanes(self.weight, (i * self.axes[1].kernel + j) * self.channels + c);
                for l in 0..W {
                    sum[l] = fma::<T, A>(x[l], w[l], sum[l]);
                }
            }
        }
        sum
    }

    /// W channels of [`GROUP`] neighbouring pixels that see all three columns, the
    /// first of which begins at `column`.
    #[inline(always)]
    fn group<A: Arith, const W: usize, const STEP: usize>(
        &self,
        from: &[T],
        rows: Taps,
        column: usize,
        c: usize,
    ) -> [[T; W]; GROUP] {
        let channels = self.channels;
        let mut sums = [Self::start::<W>(self.bias, c); GROUP];
        for (i, r) in rows.each() {
            let mut w = [[T::ZERO; W]; 3];
            for (j, w) in w.iter_mut().enumerate() {
                let tap = i * 3 + if self.axes[1].backward { 2 - j } else { j };
                *w = *lanes(self.weight, tap * channels + c);
            }
            let row = (r * self.axes[1].from + column) * channels + c;
            for (g, sum) in sums.iter_mut().enumerate() {
                for (j, w) in w.iter().enumerate() {
                    let x: &[T; W] = lanes(from, row + (g * STEP + j) * channels);
                    for l in 0..W {
                        sum[l] = fma::<T, A>(x[l], w[l], sum[l]);
                    }
                }
            }
        }
        sums
    }

    #[inline(always)]
    fn row<A: Arith, const W: usize>(&self, row: usize, to: &mut [T]) {
        let [height, width] = self.axes;
        let channels = self.channels;
        let image = height.from * width.from * channels;
        let from = &self.from[row / height.to * image..][..image];
        let rows = height.taps(row % height.to);
        let step = width.neighbours();
        let inside = step.map_or(0..0, |step| width.inside(step));
        let whole = channels / W * W;
        let mut column = 0;
        while column < width.to {
            if let Some(step) = step
                && column >= inside.start
                && column + GROUP <= inside.end
            {
                let first = width.taps(column).place;
                let to = &mut to[column * channels..][..GROUP * channels];
                for c in (0..whole).step_by(W) {
                    let sums = if step == 1 {
                        self.group::<A, W, 1>(from, rows, first, c)
                    } else {
                        self.group::<A, W, 2>(from, rows, first, c)
                    };
                    for (g, sum) in sums.iter().enumerate() {
                        to[g * channels + c..][..W].copy_from_slice(sum);
                    }
                }
                for c in whole..channels {
                    let sums = if step == 1 {
                        self.group::<A, 1, 1>(from, rows, first, c)
                    } else {
                        self.group::<A, 1, 2>(from, rows, first, c)
                    };
                    for (g, sum) in sums.iter().enumerate() {
                        to[g * channels + c] = sum[0];
                    }
                }
                column += GROUP;
                continue;
            }
            let cols = width.taps(column);
            let to = &mut to[column * channels..][..channels];
            for c in (0..whole).step_by(W) {
                to[c..c + W].copy_from_slice(&self.pixel::<A, W>(from, rows, cols, c));
            }
            for (c, to) in to.iter_mut().enumerate().skip(whole) {
                [*to] = self.pixel::<A, 1>(from, rows, cols, c);
            }
            column += 1;
        }
    }
}

/// [`Rows`] with W channels at a time.
pub(super) struct Wide<'a, T, const W: usize>(pub(super) Rows<'a, T>);

impl<T: Real, const W: usize> Kernel for Wide<'_, T, W> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(mut self) {
        let to = std::mem::take(&mut self.0.to);
        let len = self.0.axes[1].to * self.0.channels;
        for (i, to) in to.chunks_exact_mut(len).enumerate() {
            self.0.row::<A, W>(self.0.first + i, to);
        }
    }
}

impl<T: Real, const W: usize> Sums<'_, T, W> {
    /// Adds K neighbouring taps of a kernel row, `tap` the first, along the output
    /// `columns`, where all of them fall on the image. `c` is the first of V channels.
    #[inline(always)]
    fn along<A: Arith, const V: usize, const K: usize>(
        &self,
        mut sums: [[T; V]; K],
        (g, x): (&[T], &[T]),
        tap: usize,
        columns: std::ops::Range<usize>,
        c: usize,
    ) -> [[T; V]; K] {
        let conv = self.conv;
        let (step, apart) = (conv.stride[1], conv.dilation[1] * conv.in_channels);
        for column in columns {
            let g: &[T; V] = lanes(g, column * conv.in_channels + c);
            let at = (column * step + tap * conv.dilation[1] - conv.padding[1]) * conv.in_channels + c;
            for (k, sum) in sums.iter_mut().enumerate() {
                let x: &[T; V] = lanes(x, at + k * apart);
                for l in 0..V {
                    sum[l] = fma::<T, A>(g[l], x[l], sum[l]);
                }
            }
        }
        sums
    }

    /// The sums of K neighbouring taps for V channels from `c` on, over one row.
    #[inline(always)]
    fn taps<A: Arith, const V: usize, const K: usize>(
        &mut self,
        row: (&[T], &[T]),
        (first_of_row, tap): (usize, usize),
        c: usize,
    ) {
        let (len, at) = (self.channels.len(), c - self.channels.start);
        let mut sums = [[T::ZERO; V]; K];
        for (k, sum) in sums.iter_mut().enumerate() {
            *sum = *lanes(self.to, (first_of_row + tap + k) * len + at);
        }
        let own: [_; K] = std::array::from_fn(|k| self.columns(tap + k));
        let start = own.iter().map(|r| r.start).max().unwrap_or(0);
        let end = own.iter().map(|r| r.end).min().unwrap_or(0).max(start);
        // At the borders each tap has its own columns.
        for (k, own) in own.iter().enumerate() {
            let before = own.start..start.min(own.end);
            [sums[k]] = self.along::<A, V, 1>([sums[k]], row, tap + k, before, c);
        }
        sums = self.along::<A, V, K>(sums, row, tap, start..end, c);
        for (k, own) in own.iter().enumerate() {
            let after = end.max(own.start)..own.end;
            [sums[k]] = self.along::<A, V, 1>([sums[k]], row, tap + k, after, c);
        }
        for (k, sum) in sums.iter().enumerate() {
            self.to[(first_of_row + tap + k) * len + at..][..V].copy_from_slice(sum);
        }
    }

    #[inline(always)]
    fn row<A: Arith>(&mut self, g: &[T], x: &[T], i: usize) {
        let columns = self.conv.kernel[1];
        let channels = self.channels.clone();
        let whole = channels.start + channels.len() / W * W;
        let mut tap = 0;
        while tap < columns {
            // Three at once share the loads of the gradient.
            let three = columns - tap >= 3;
            let first = i * columns;
            for c in (channels.start..whole).step_by(W) {
                if three {
                    self.taps::<A, W, 3>((g, x), (first, tap), c);
                } else {
                    self.taps::<A, W, 1>((g, x), (first, tap), c);
                }
            }
            for c in whole..channels.end {
                if three {
                    self.taps::<A, 1, 3>((g, x), (first, tap), c);
                } else {
                    self.taps::<A, 1, 1>((g, x), (first, tap), c);
                }
            }
            tap += if three { 3 } else { 1 };
        }
    }
}

impl<T: Real, const W: usize> Kernel for Sums<'_, T, W> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(mut self) {
        let conv = self.conv;
        let (out_h, x_row) = (conv.out_height(), conv.width * conv.in_channels);
        let g_row = conv.out_width() * conv.in_channels;
        let (x, g) = (self.x, self.g);
        self.to.fill(T::ZERO);
        for row in self.rows.clone() {
            let (image, top) = (row / out_h, row % out_h * conv.stride[0]);
            for i in 0..conv.kernel[0] {
                let shifted = top + i * conv.dilation[0];
                if shifted >= conv.padding[0] && shifted - conv.padding[0] < conv.height {
                    let at = image * conv.height + shifted - conv.padding[0];
                    self.row::<A>(&g[row * g_row..][..g_row], &x[at * x_row..][..x_row], i);
                }
            }
        }
    }
}
