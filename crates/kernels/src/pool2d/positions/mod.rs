//! Maximum over windows that remembers where it was, if it is to, in a byte for each
//! output.
//!
//! The backward pass then reads neither input nor output, and a clamp behind or
//! before the pooling costs no pass of its own: the largest of clamped values is the
//! clamped largest value, and only the winner's clamp matters to the gradient.

mod vectors;

use super::{Pool2d, TASK};
use crate::norm::After;
use crate::simd::{Arith, Kernel, dispatch, dispatch_vectors};
use crate::{Isa, Pool, Real};
use vectors::{VectorRows, VectorScatter};

/// Channels that are worked on together.
const LANES: usize = 16;

/// Inputs of so many elements are in no core's cache.
const FAR: usize = 1 << 20;

/// Whether positions in a window of this size fit a byte.
#[must_use]
pub fn fits_a_byte(kernel: [usize; 2]) -> bool {
    kernel[0].saturating_mul(kernel[1]) <= 256
}

/// Elements, whatever their type, that hold the positions of one example.
#[must_use]
pub fn positions_len(by: &Pool2d) -> usize {
    by.output_len().div_ceil(size_of::<f32>())
}

/// Bytes of the positions of one example.
pub(crate) fn stride(by: &Pool2d) -> usize {
    positions_len(by) * size_of::<f32>()
}

#[inline(always)]
fn clamp<T: Real>(after: After, v: T) -> T {
    let six = T::from_f64(6.0);
    let low = if v <= T::ZERO { T::ZERO } else { v };
    match after {
        After::Nothing => v,
        After::Relu => low,
        After::Relu6 => {
            if low > six {
                six
            } else {
                low
            }
        }
    }
}

/// Whether a clamp lets the gradient of a clamped value through.
#[inline(always)]
fn through<T: Real>(after: After, g: T, y: T) -> T {
    let low = if y <= T::ZERO { T::ZERO } else { g };
    match after {
        After::Nothing => g,
        After::Relu => low,
        After::Relu6 => {
            if y >= T::from_f64(6.0) {
                T::ZERO
            } else {
                low
            }
        }
    }
}

struct Rows<'a, T> {
    by: &'a Pool2d,
    after: After,
    first: usize,
    /// Whether `x` may lie in memory.
    far: bool,
    x: &'a [T],
    y: &'a mut [T],
    positions: Option<&'a mut [u8]>,
}

impl<T: Real> Rows<'_, T> {
    /// W channels of one window.
    #[inline(always)]
    fn window<const W: usize>(&self, [h, w]: [std::ops::Range<usize>; 2], c: usize) -> ([T; W], [u32; W]) {
        let mut best = [T::from_f64(f64::NEG_INFINITY); W];
        let (mut at, mut tap) = ([0u32; W], 0);
        for r in h {
            for s in w.clone() {
                let x: &[T; W] = lanes(self.x, self.by.pixel(r, s) + c);
                for l in 0..W {
                    // A NaN wins, as nothing is larger than it afterwards.
                    #[allow(clippy::eq_op)]
                    let wins = x[l] > best[l] || x[l] != x[l];
                    best[l] = if wins { x[l] } else { best[l] };
                    at[l] = if wins { tap } else { at[l] };
                }
                tap += 1;
            }
        }
        for best in &mut best {
            *best = clamp(self.after, *best);
        }
        (best, at)
    }
}

#[inline(always)]
fn lanes<T: Copy, const W: usize>(values: &[T], at: usize) -> &[T; W] {
    values[at..at + W].try_into().expect("a slice of W elements")
}

impl<T: Real> Kernel for Rows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(mut self) {
        let (channels, width) = (self.by.channels, self.by.width.output());
        let (y, mut positions) = (std::mem::take(&mut self.y), self.positions.take());
        for (i, y) in y.chunks_exact_mut(channels).enumerate() {
            let (h, w) = (self.by.height.window(self.first + i / width), self.by.width.window(i % width));
            let window = [h.start..h.end, w.start..w.end];
            let mut positions = positions.as_mut().map(|all| &mut all[i * channels..][..channels]);
            let whole = channels / LANES * LANES;
            for c in (0..whole).step_by(LANES) {
                let (best, at) = self.window::<LANES>(window.clone(), c);
                y[c..c + LANES].copy_from_slice(&best);
                if let Some(positions) = &mut positions {
                    for (to, at) in positions[c..c + LANES].iter_mut().zip(at) {
                        *to = at as u8;
                    }
                }
            }
            for c in whole..channels {
                let ([best], [at]) = self.window::<1>(window.clone(), c);
                y[c] = best;
                if let Some(positions) = &mut positions {
                    positions[c] = at as u8;
                }
            }
        }
    }
}

/// `y` = after(the largest value of each window). Padding never wins; a NaN does.
///
/// # Panics
/// If a length differs.
pub fn max_forward<T: Real>(
    isa: Isa,
    pool: &Pool,
    (by, after): (&Pool2d, After),
    n: usize,
    x: &[T],
    y: &mut [T],
) {
    forward(isa, pool, (by, after), n, x, y, None);
}

/// [`max_forward`], and where the largest value was: its position within the part of the
/// window that lies on the image, in row-major order; the first if there are several.
/// `positions` has [`positions_len`] elements for each example.
///
/// # Panics
/// If a length differs.
pub fn max_forward_saving<T: Real>(
    isa: Isa,
    pool: &Pool,
    (by, after): (&Pool2d, After),
    n: usize,
    x: &[T],
    y: &mut [T],
    positions: &mut [T],
) {
    let positions = T::bytes_mut(positions);
    assert!(positions.len() >= n * stride(by), "room for positions");
    forward(isa, pool, (by, after), n, x, y, Some(positions));
}

fn forward<T: Real>(
    isa: Isa,
    pool: &Pool,
    (by, after): (&Pool2d, After),
    n: usize,
    x: &[T],
    y: &mut [T],
    positions: Option<&mut [u8]>,
) {
    by.check(n, x, y);
    // Tasks are some rows of one example.
    let (row, rows) = (by.width.output() * by.channels, by.height.output());
    let step = if by.output_len() > TASK { TASK.div_ceil(row).min(rows) } else { rows };
    let pieces = rows.div_ceil(step);
    let far = x.len() >= FAR;
    let shared =
        (crate::pool::Shares(y.as_mut_ptr()), positions.map(|p| crate::pool::Shares(p.as_mut_ptr())));
    pool.run(n * pieces, &|task| {
        let (y, positions) = &shared;
        let (example, first) = (task / pieces, task % pieces * step);
        let len = step.min(rows - first) * row;
        let at = first * row;
        // SAFETY: an example's outputs are `output_len` = rows · row elements from
        // example · output_len on, its positions bytes from example · stride on, and
        // stride is at least output_len; both slices hold n examples (checked above and
        // by the caller). Tasks take different rows of them, and both are borrowed until
        // all have ended.
        let (y, positions) = unsafe {
            let y = std::slice::from_raw_parts_mut(y.0.add(example * by.output_len() + at), len);
            let begin = example * stride(by) + at;
            (y, positions.as_ref().map(|p| std::slice::from_raw_parts_mut(p.0.add(begin), len)))
        };
        let x = &x[example * by.input_len()..][..by.input_len()];
        some_rows(isa, Rows { by, after, first, far, x, y, positions });
    });
}

/// Some rows of outputs of one example.
fn some_rows<T: Real>(isa: Isa, of: Rows<'_, T>) {
    let Rows { by, after, first, far, x, y, positions } = of;
    if isa != Isa::SCALAR
        && let (Some(x), Some(y)) = (T::as_f32(x), T::as_f32_mut(&mut *y))
    {
        return dispatch_vectors(isa, VectorRows(Rows { by, after, first, far, x, y, positions }));
    }
    dispatch(isa, Rows { by, after, first, far, x, y, positions });
}

/// [`max_forward_saving`] of one example that was written a moment ago, by one thread.
pub(crate) fn max_of_one(
    isa: Isa,
    (by, after): (&Pool2d, After),
    x: &[f32],
    y: &mut [f32],
    positions: &mut [u8],
) {
    by.check(1, x, y);
    assert_eq!(positions.len(), y.len(), "a position for each output");
    some_rows(isa, Rows { by, after, first: 0, far: false, x, y, positions: Some(positions) });
}

struct Scatter<'a, T> {
    by: &'a Pool2d,
    after: After,
    /// Whether `grad` may lie in memory.
    far: bool,
    y: &'a [T],
    g: &'a [T],
    positions: &'a [u8],
    grad: &'a mut [T],
}

impl<T: Real> Scatter<'_, T> {
    #[inline(always)]
    fn window<const W: usize>(&mut self, [h, w]: [std::ops::Range<usize>; 2], out: usize, c: usize) {
        let (g, positions): (&[T; W], &[u8; W]) = (lanes(self.g, out), lanes(self.positions, out));
        let (mut share, mut at) = (*g, [0u32; W]);
        if self.after != After::Nothing {
            let y: &[T; W] = lanes(self.y, out);
            for l in 0..W {
                share[l] = through(self.after, g[l], y[l]);
            }
        }
        for l in 0..W {
            at[l] = u32::from(positions[l]);
        }
        let mut tap = 0;
        for r in h {
            for s in w.clone() {
                let to = self.by.pixel(r, s) + c;
                let grad = &mut self.grad[to..to + W];
                for l in 0..W {
                    grad[l] += if at[l] == tap { share[l] } else { T::ZERO };
                }
                tap += 1;
            }
        }
    }
}

impl<T: Real> Kernel for Scatter<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(mut self) {
        let by = self.by;
        let (channels, row) = (by.channels, by.width.input() * by.channels);
        let whole = channels / LANES * LANES;
        // Rows are cleared just before the first window that reaches them.
        let mut cleared = 0;
        for i in 0..by.height.output() {
            let h = by.height.window(i);
            if h.end > cleared {
                self.grad[cleared * row..h.end * row].fill(T::ZERO);
                cleared = h.end;
            }
            for j in 0..by.width.output() {
                let w = by.width.window(j);
                let window = [h.start..h.end, w.start..w.end];
                let out = (i * by.width.output() + j) * channels;
                for c in (0..whole).step_by(LANES) {
                    self.window::<LANES>(window.clone(), out + c, c);
                }
                for c in whole..channels {
                    self.window::<1>(window.clone(), out + c, c);
                }
            }
        }
        self.grad[cleared * row..].fill(T::ZERO);
    }
}

/// `grad` = gradient with respect to the input: each window's gradient `g` goes to the
/// saved position. With a clamp, `g` is the gradient with respect to the clamped
/// output `y`; `y` is read only then.
///
/// # Panics
/// If a length differs.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub fn max_backward_saved<T: Real>(
    isa: Isa,
    pool: &Pool,
    by: &Pool2d,
    after: After,
    n: usize,
    (y, positions): (&[T], &[T]),
    g: &[T],
    grad: &mut [T],
) {
    by.check(n, grad, g);
    by.check(n, grad, y);
    let positions = T::bytes(positions);
    assert!(positions.len() >= n * stride(by), "room for positions");
    let outs = by.output_len();
    let far = grad.len() >= FAR;
    by.each_example(pool, grad, |example, grad| {
        let (y, g) = (&y[example * outs..][..outs], &g[example * outs..][..outs]);
        let positions = &positions[example * stride(by)..][..outs];
        scatter(isa, Scatter { by, after, far, y, g, positions, grad });
    });
}

/// The gradient of one example.
fn scatter<T: Real>(isa: Isa, of: Scatter<'_, T>) {
    let Scatter { by, after, far, y, g, positions, grad } = of;
    if isa != Isa::SCALAR
        && let (Some(y), Some(g), Some(grad)) = (T::as_f32(y), T::as_f32(g), T::as_f32_mut(&mut *grad))
    {
        return dispatch_vectors(isa, VectorScatter(Scatter { by, after, far, y, g, positions, grad }));
    }
    dispatch(isa, Scatter { by, after, far, y, g, positions, grad });
}

/// [`max_backward_saved`] of one example that is read in a moment, by one thread.
pub(crate) fn gradient_of_one(
    isa: Isa,
    (by, after): (&Pool2d, After),
    (y, positions): (&[f32], &[u8]),
    g: &[f32],
    grad: &mut [f32],
) {
    by.check(1, grad, g);
    by.check(1, grad, y);
    assert_eq!(positions.len(), y.len(), "a position for each output");
    scatter(isa, Scatter { by, after, far: false, y, g, positions, grad });
}
