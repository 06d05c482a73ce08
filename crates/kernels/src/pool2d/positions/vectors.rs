//! Both passes on whole vectors of channels.

use super::{Rows, Scatter};
use crate::lanes::{Lanes, prefetch_near};
use crate::norm::After;
use crate::pool2d::{Axis, Pool2d, Window};
use crate::simd::VectorKernel;
use crate::then::activate;
use std::ops::Range;

/// Lanes of the widest vector.
const MOST_LANES: usize = 16;

/// (first channel, channels) of the vectors that cover all channels, of which the last
/// overlaps the one before it; part of a vector if there are fewer channels.
#[inline(always)]
fn parts<V: Lanes>(channels: usize) -> impl Iterator<Item = (usize, usize)> {
    let last = channels.saturating_sub(V::LANES);
    (0..channels).step_by(V::LANES).map(move |c| (c.min(last), V::LANES.min(channels)))
}

/// # Safety
/// The instruction set, and n channels.
#[inline(always)]
unsafe fn load<V: Lanes>(from: *const f32, n: usize) -> V {
    // SAFETY: the caller's.
    unsafe { if n == V::LANES { V::load(from) } else { V::load_first(from, n) } }
}

/// # Safety
/// The instruction set, and n channels.
#[inline(always)]
unsafe fn store<V: Lanes>(value: V, to: *mut f32, n: usize) {
    // SAFETY: the caller's.
    unsafe { if n == V::LANES { value.store(to) } else { value.store_first(to, n) } }
}

/// First element of a window, elements from its first to behind its last pixel, and from
/// one of its rows to the next.
#[inline(always)]
fn span(by: &Pool2d, h: Window, w: Window) -> (usize, usize, usize) {
    let line = by.width.input() * by.channels;
    let len = (h.end - h.start - 1) * line + (w.end - w.start) * by.channels;
    (by.pixel(h.start, w.start), len, line)
}

pub(super) struct VectorRows<'a>(pub(super) Rows<'a, f32>);

/// Windows side by side or apart, all of one size, in one row: the first one's first pixel,
/// output, and position.
struct Windows {
    x: *const f32,
    /// Elements to the window's next row, and to the next window.
    line: usize,
    right: usize,
    /// Rows to the windows below, whose pixels are asked for; or 0.
    ask: usize,
    y: *mut f32,
    positions: *mut u8,
    channels: usize,
}

impl Windows {
    /// `count` windows of H rows and W columns: the compiler knows each tap. Without
    /// positions if there is no place for them.
    ///
    /// # Safety
    /// The instruction set; all windows and their outputs; at least a vector of channels.
    #[inline(always)]
    unsafe fn largest<V: Lanes, const H: usize, const W: usize>(self, after: After, count: usize) {
        let Windows { mut x, line, right, ask, mut y, mut positions, channels } = self;
        // SAFETY: the caller's; the last vector of channels overlaps the one before it.
        unsafe {
            for _ in 0..count {
                for r in 0..ask {
                    prefetch_near(x.wrapping_add((H + r) * line), right);
                }
                let mut c = 0;
                while c < channels {
                    c = c.min(channels - V::LANES);
                    let (mut best, mut at) = (V::splat(f32::NEG_INFINITY), V::splat(0.0));
                    for r in 0..H {
                        for s in 0..W {
                            let x = V::load(x.add(r * line + s * channels + c));
                            (best, at) = best.larger(at, x, V::splat((r * W + s) as f32));
                        }
                    }
                    activate(best, after).store(y.add(c));
                    if !positions.is_null() {
                        at.store_bytes(positions.add(c));
                    }
                    c += V::LANES;
                }
                (x, y) = (x.wrapping_add(right), y.wrapping_add(channels));
                if !positions.is_null() {
                    positions = positions.wrapping_add(channels);
                }
            }
        }
    }
}

impl VectorRows<'_> {
    /// One window of any size.
    ///
    /// # Safety
    /// The instruction set.
    #[inline(always)]
    unsafe fn window<V: Lanes>(&self, h: Window, w: Window, y: &mut [f32], mut positions: Option<&mut [u8]>) {
        let Rows { by, after, far, x, .. } = &self.0;
        let channels = by.channels;
        let (start, len, line) = span(by, h, w);
        let x = x[start..][..len].as_ptr();
        if *far {
            // The windows below see these for the first time.
            let (next, right) = (x.wrapping_add((h.end - h.start) * line), by.width.step() * channels);
            (0..by.height.step()).for_each(|r| prefetch_near(next.wrapping_add(r * line), right));
        }
        for (c, n) in parts::<V>(channels) {
            // SAFETY: the caller has the instruction set. All pixels of the window
            // lie in `x`, as checked above; y and positions hold all channels of
            // this pixel; no vector reads or writes beyond n.
            unsafe {
                let (mut best, mut at) = (V::splat(f32::NEG_INFINITY), V::splat(0.0));
                let mut tap = 0.0;
                for r in 0..h.end - h.start {
                    for s in 0..w.end - w.start {
                        let x = load::<V>(x.add(r * line + s * channels + c), n);
                        (best, at) = best.larger(at, x, V::splat(tap));
                        tap += 1.0;
                    }
                }
                store(activate(best, *after), y.as_mut_ptr().add(c), n);
                let Some(positions) = &mut positions else { continue };
                let positions = positions.as_mut_ptr().add(c);
                if n == V::LANES {
                    at.store_bytes(positions);
                } else {
                    let mut all = [0u8; MOST_LANES];
                    at.store_bytes(all.as_mut_ptr());
                    std::ptr::copy_nonoverlapping(all.as_ptr(), positions, n);
                }
            }
        }
    }
}

/// The columns of windows that neither padding nor the image's end cuts.
#[inline(always)]
fn uncut(axis: &Axis, size: usize) -> Range<usize> {
    if axis.size() != Some(size) {
        return 0..0;
    }
    let whole = |o: &usize| axis.window(*o).end - axis.window(*o).start == size;
    let (count, cut) = (axis.output(), |o: &usize| !whole(o));
    let first = (0..count).find(whole).unwrap_or(count);
    first..(first..count).find(cut).unwrap_or(count)
}

impl VectorKernel for VectorRows<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) {
        let (y, mut positions) = (std::mem::take(&mut self.0.y), self.0.positions.take());
        let Rows { by, after, first, far, x, .. } = self.0;
        let (channels, row) = (by.channels, by.width.output() * by.channels);
        let sized = |size| if channels < V::LANES { 0..0 } else { uncut(&by.width, size) };
        let (twos, threes) = (sized(2), sized(3));
        for (i, y) in y.chunks_exact_mut(row).enumerate() {
            let h = by.height.window(first + i);
            let mut positions = positions.as_mut().map(|all| &mut all[i * row..][..row]);
            let tall = h.end - h.start;
            let Range { start: from, end: to } = match tall {
                2 => twos.clone(),
                3 => threes.clone(),
                _ => 0..0,
            };
            if from < to {
                let (w, last) = (by.width.window(from), by.width.window(to - 1));
                let start = by.pixel(h.start, w.start);
                let x = &x[start..by.pixel(h.end - 1, last.end)];
                let windows = Windows {
                    x: x.as_ptr(),
                    line: by.width.input() * channels,
                    right: by.width.step() * channels,
                    ask: if far { by.height.step() } else { 0 },
                    y: y[from * channels..to * channels].as_mut_ptr(),
                    positions: positions
                        .as_mut()
                        .map_or(std::ptr::null_mut(), |p| p[from * channels..to * channels].as_mut_ptr()),
                    channels,
                };
                // SAFETY: the caller has the instruction set. The slices above hold the
                // windows from the first to the last of this size, and what they write; there
                // is at least a vector of channels.
                unsafe {
                    if tall == 2 {
                        windows.largest::<V, 2, 2>(after, to - from);
                    } else {
                        windows.largest::<V, 3, 3>(after, to - from);
                    }
                }
            }
            for j in (0..from).chain(to..by.width.output()) {
                let at = j * channels..(j + 1) * channels;
                let positions = positions.as_mut().map(|all| &mut all[at.clone()]);
                // SAFETY: the caller has the instruction set.
                unsafe { self.window::<V>(h, by.width.window(j), &mut y[at], positions) };
            }
        }
    }
}

/// What an activation with the outputs `y` lets through of a gradient.
///
/// # Safety
/// The instruction set, and a vector of outputs.
#[inline(always)]
unsafe fn through<V: Lanes>(g: V, after: After, y: *const f32) -> V {
    // SAFETY: the caller's.
    unsafe {
        match after {
            After::Nothing => g,
            After::Relu => g.unless_at_most(V::load(y), V::splat(0.0)),
            After::Relu6 => {
                let y = V::load(y);
                g.unless_at_most(y, V::splat(0.0)).unless_at_least(y, V::splat(6.0))
            }
        }
    }
}

pub(super) struct VectorScatter<'a>(pub(super) Scatter<'a, f32>);

impl VectorScatter<'_> {
    /// A row of `count` windows of H rows and W columns that lie side by side, the first one's
    /// values at `at`: the compiler knows each tap. Gradients go to pixels from `to` on.
    ///
    /// # Safety
    /// The instruction set; values and pixels of all windows, whose rows are `line` elements
    /// apart; at least a vector of channels.
    #[inline(always)]
    unsafe fn tiles<V: Lanes, const H: usize, const W: usize>(
        &self,
        (at, count): (usize, usize),
        (mut to, line): (*mut f32, usize),
    ) {
        let Scatter { by, after, far, y, g, positions, .. } = &self.0;
        let channels = by.channels;
        let values = at..at + count * channels;
        let (y, g, positions) = (&y[values.clone()], &g[values.clone()], &positions[values]);
        let (mut y, mut g, mut positions) = (y.as_ptr(), g.as_ptr(), positions.as_ptr());
        // SAFETY: the caller's; the last vector of channels overlaps the one before it.
        unsafe {
            for _ in 0..count {
                if *far {
                    for r in 0..H {
                        prefetch_near(to.wrapping_add((H + r) * line), W * channels);
                    }
                    let below = by.width.output() * channels;
                    prefetch_near(g.wrapping_add(below), channels);
                    prefetch_near(y.wrapping_add(below), channels);
                }
                let mut c = 0;
                while c < channels {
                    c = c.min(channels - V::LANES);
                    let share = through(V::load(g.add(c)), *after, y.add(c));
                    let at = V::load_bytes(positions.add(c));
                    for r in 0..H {
                        for s in 0..W {
                            let part = at.where_equal(V::splat((r * W + s) as f32), share);
                            // The sum with 0 too: of -0 it is 0.
                            V::splat(0.0).add(part).store(to.add(r * line + s * channels + c));
                        }
                    }
                    c += V::LANES;
                }
                to = to.wrapping_add(W * channels);
                (y, g) = (y.wrapping_add(channels), g.wrapping_add(channels));
                positions = positions.wrapping_add(channels);
            }
        }
    }

    /// The gradients of one window go to its pixels from `to` on: added to what is there,
    /// or `ALONE`.
    ///
    /// # Safety
    /// The instruction set; the pixels, `line` elements from row to row.
    #[inline(always)]
    unsafe fn window<V: Lanes, const ALONE: bool>(
        &self,
        (out, c, n): (usize, usize, usize),
        [rows, columns]: [usize; 2],
        (to, line): (*mut f32, usize),
    ) {
        let Scatter { by, after, y, g, positions, .. } = &self.0;
        let at = out + c;
        let (y, g, positions) = (&y[at..][..n], &g[at..][..n], &positions[at..][..n]);
        // SAFETY: the caller's; the slices above hold n channels.
        unsafe {
            let mut share = load::<V>(g.as_ptr(), n);
            if *after != After::Nothing {
                let mut all = [0.0; MOST_LANES];
                all[..n].copy_from_slice(y);
                share = through(share, *after, if n == V::LANES { y.as_ptr() } else { all.as_ptr() });
            }
            let at = if n == V::LANES {
                V::load_bytes(positions.as_ptr())
            } else {
                let mut all = [0u8; MOST_LANES];
                all[..n].copy_from_slice(positions);
                V::load_bytes(all.as_ptr())
            };
            let mut tap = 0.0;
            for r in 0..rows {
                for s in 0..columns {
                    let to = to.add(r * line + s * by.channels + c);
                    // The sum with 0 too: of -0 it is 0.
                    let before = if ALONE { V::splat(0.0) } else { load::<V>(to, n) };
                    store(before.add(at.where_equal(V::splat(tap), share)), to, n);
                    tap += 1.0;
                }
            }
        }
    }
}

impl VectorKernel for VectorScatter<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) {
        let grad = std::mem::take(&mut self.0.grad);
        let by = self.0.by;
        let (channels, row) = (by.channels, by.width.input() * by.channels);
        // Windows side by side write each pixel once, and nothing is cleared before.
        let alone = by.height.is_tiled() && by.width.is_tiled();
        let covered = by.width.window(by.width.output().saturating_sub(1)).end * channels;
        let far = self.0.far;
        let (down, right) = (by.height.step(), by.width.step());
        let mut cleared = 0;
        for i in 0..by.height.output() {
            let h = by.height.window(i);
            if h.end > cleared {
                if !alone {
                    grad[cleared * row..h.end * row].fill(0.0);
                } else if covered < row {
                    (h.start..h.end).for_each(|r| grad[r * row + covered..(r + 1) * row].fill(0.0));
                }
                cleared = h.end;
            }
            let size = if alone && channels >= V::LANES { [h.end - h.start, right] } else { [0; 2] };
            let (at, count) = (i * by.width.output() * channels, by.width.output());
            // Windows that are whole to the last one.
            if matches!(size, [2, 2] | [3, 3]) && covered == count * right * channels {
                let to = (grad[h.start * row..h.end * row].as_mut_ptr(), row);
                // SAFETY: the caller has the instruction set; the rows above hold all pixels of
                // these windows, and there is at least a vector of channels.
                unsafe {
                    if right == 2 {
                        self.tiles::<V, 2, 2>((at, count), to);
                    } else {
                        self.tiles::<V, 3, 3>((at, count), to);
                    }
                }
                continue;
            }
            for j in 0..by.width.output() {
                let w = by.width.window(j);
                let out = (i * by.width.output() + j) * channels;
                let extents = [h.end - h.start, w.end - w.start];
                let (start, len, line) = span(by, h, w);
                let to = (grad[start..][..len].as_mut_ptr(), line);
                if far {
                    let next = to.0.wrapping_add(extents[0] * line);
                    (0..down).for_each(|r| prefetch_near(next.wrapping_add(r * line), right * channels));
                    let below = out + by.width.output() * channels;
                    prefetch_near(self.0.g.as_ptr().wrapping_add(below), channels);
                    prefetch_near(self.0.y.as_ptr().wrapping_add(below), channels);
                }
                // SAFETY: the caller has the instruction set; all pixels of the window lie
                // in the slice above.
                unsafe {
                    if alone {
                        for (c, n) in parts::<V>(channels) {
                            self.window::<V, true>((out, c, n), extents, to);
                        }
                    } else {
                        for c in (0..channels).step_by(V::LANES) {
                            let n = V::LANES.min(channels - c);
                            self.window::<V, false>((out, c, n), extents, to);
                        }
                    }
                }
            }
        }
        grad[cleared * row..].fill(0.0);
    }
}
