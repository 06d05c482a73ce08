//! Both passes on whole vectors of channels.

use super::{Rows, Scatter};
use crate::lanes::{Lanes, prefetch_near};
use crate::norm::After;
use crate::pool2d::{Pool2d, Window};
use crate::simd::VectorKernel;
use crate::then::activate;

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

impl VectorKernel for VectorRows<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Rows { by, after, first, far, x, y, mut positions } = self.0;
        let (channels, row) = (by.channels, by.width.output() * by.channels);
        let (down, right) = (by.height.step(), by.width.step());
        for (i, y) in y.chunks_exact_mut(row).enumerate() {
            let h = by.height.window(first + i);
            let mut positions = positions.as_mut().map(|all| &mut all[i * row..][..row]);
            for (j, y) in y.chunks_exact_mut(channels).enumerate() {
                let w = by.width.window(j);
                let (start, len, line) = span(by, h, w);
                let x = x[start..][..len].as_ptr();
                if far {
                    // The windows below see these for the first time.
                    let next = x.wrapping_add((h.end - h.start) * line);
                    (0..down).for_each(|r| prefetch_near(next.wrapping_add(r * line), right * channels));
                }
                let mut positions = positions.as_mut().map(|all| &mut all[j * channels..][..channels]);
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
                        store(activate(best, after), y.as_mut_ptr().add(c), n);
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
    }
}

pub(super) struct VectorScatter<'a>(pub(super) Scatter<'a, f32>);

impl VectorScatter<'_> {
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
                let y = load::<V>(y.as_ptr(), n);
                share = share.unless_at_most(y, V::splat(0.0));
                if *after == After::Relu6 {
                    share = share.unless_at_least(y, V::splat(6.0));
                }
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
