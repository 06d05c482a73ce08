//! Images on whole vectors of channels, forward and backward.

use super::{GROUP, Rows, Taps};
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
pub(super) unsafe fn load<V: Lanes, const WHOLE: bool>(from: *const f32, n: usize) -> V {
    // SAFETY: the caller's.
    unsafe { if WHOLE { V::load(from) } else { V::load_first(from, n) } }
}

/// # Safety
/// As [`load`], to write.
#[inline(always)]
pub(super) unsafe fn store<V: Lanes, const WHOLE: bool>(value: V, to: *mut f32, n: usize) {
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
