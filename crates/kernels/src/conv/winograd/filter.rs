//! A weight on its way to the points.

use super::Form;
use super::loops::{Taps, loops};
use crate::conv::Conv;
use crate::conv::buffer::{LINE, aligned, spaced};
use crate::gemm::Mat;
use crate::gemm::strips::{Strip, strips, transpose};
use crate::pool::Shares;
use crate::{Isa, Pool};
use std::ops::Range;

/// Columns that a thread transforms at once when it packs the weight.
const COLUMNS: usize = 16;
/// Rows of them.
const ROWS: usize = 16;
/// Rows of a task that transforms the weight.
const PART: usize = 64;
/// Most taps of a kernel.
const MOST_TAPS: usize = 25;

/// Elements between the points of a transformed weight of `k` rows and `n` columns.
pub(super) fn weight_step(k: usize, n: usize) -> usize {
    spaced(k * n.next_multiple_of(LINE))
}

/// One direction's weight, to be transformed.
#[derive(Clone, Copy)]
pub(super) struct Weight<'a> {
    pub(super) form: Form,
    /// [output channel][tap][input channel]
    pub(super) values: &'a [f32],
    pub(super) k: usize,
    pub(super) n: usize,
    /// Whether rows are output channels and taps are turned, for the gradient of
    /// the input; otherwise rows are input channels.
    pub(super) turned: bool,
    pub(super) kept: Kept<'a>,
}

/// What [`keep`] has written, from a cache line on.
#[derive(Clone, Copy)]
pub(super) enum Kept<'a> {
    Nothing,
    /// All points, as [`Weight::transform_all`] writes them.
    Points(&'a [f32]),
    /// The taps of [`COLUMNS`] output channels at a time, `[row][tap][column]`: a quarter of
    /// the memory, and what is left to do is quickly done in the order in which it lies.
    Taps(&'a [f32]),
}

impl<'a> Weight<'a> {
    /// A strip of the points that were kept, and the elements between points.
    pub(super) fn strip(&self, strip: Strip) -> Option<(&'a [f32], usize)> {
        match self.kept {
            Kept::Points(points) => Some((&points[strip.col * self.k..], weight_step(self.k, self.n))),
            _ => None,
        }
    }

    /// G w Gᵀ of some rows of a strip: point t of row r begins at
    /// `to + t * to_step + (r - rows.start) * strip.width`.
    ///
    /// # Safety
    /// These rows of every point have room for the strip's width and belong to
    /// the caller.
    pub(super) unsafe fn transform(
        &self,
        isa: Isa,
        strip: Strip,
        rows: Range<usize>,
        to: *mut f32,
        to_step: usize,
    ) {
        let Weight { form, values, k, n, turned, .. } = *self;
        let loops = loops(isa, form);
        if turned {
            for (i, o) in rows.enumerate() {
                let taps = Taps {
                    from: values[o * form.taps() * n + strip.col..].as_ptr(),
                    from_step: n,
                    reversed: true,
                    len: strip.cols,
                    to: to.wrapping_add(i * strip.width),
                    to_step,
                };
                // SAFETY: `Isa` proves the instruction set; the taps of this output
                // channel lie in the weight, `n` elements apart.
                unsafe { (loops.taps)(&taps) };
            }
            return;
        }
        if let Kept::Taps(kept) = self.kept {
            let (each, end) = (form.taps() * COLUMNS, strip.col + strip.width);
            let mut col = strip.col;
            while col < end {
                // A strip may begin and end within the columns that lie together.
                let (first, skip) = (col / COLUMNS * k * each, col % COLUMNS);
                let len = (COLUMNS - skip).min(end - col);
                for (i, c) in rows.clone().enumerate() {
                    let taps = Taps {
                        from: kept[first + c * each + skip..][..each - skip].as_ptr(),
                        from_step: COLUMNS,
                        reversed: false,
                        len,
                        to: to.wrapping_add(i * strip.width + col - strip.col),
                        to_step,
                    };
                    // SAFETY: `Isa` proves the instruction set; the taps of this row lie in
                    // the slice, and `len` is a whole number of vectors.
                    unsafe { (loops.taps)(&taps) };
                }
                col += len;
            }
            return;
        }
        let from = Mat::new(values, n, form.taps() * k);
        // Taps with the output channels along the rows: [tap][input channel][COLUMNS].
        let mut across = [0.0f32; MOST_TAPS * ROWS * COLUMNS];
        for col in (strip.col..strip.col + strip.cols).step_by(COLUMNS) {
            let outs = COLUMNS.min(n - col);
            let len = COLUMNS.min(strip.col + strip.width - col);
            for c in rows.clone().step_by(ROWS) {
                let count = ROWS.min(rows.end - c);
                for (tap, across) in across.chunks_exact_mut(ROWS * COLUMNS).take(form.taps()).enumerate() {
                    let at = tap * k + c;
                    transpose(isa, from, (col..col + outs, at..at + count), across, COLUMNS);
                }
                for i in 0..count {
                    let row = c - rows.start + i;
                    let taps = Taps {
                        from: across[i * COLUMNS..].as_ptr(),
                        from_step: ROWS * COLUMNS,
                        reversed: false,
                        len,
                        to: to.wrapping_add(row * strip.width + col - strip.col),
                        to_step,
                    };
                    // SAFETY: `Isa` proves the instruction set; rows of COLUMNS
                    // elements, a whole number of vectors, were written above.
                    unsafe { (loops.taps)(&taps) };
                }
            }
        }
    }

    /// All of it: point t at `t * weight_step`, strips one after the other.
    pub(super) fn transform_all(&self, isa: Isa, pool: &Pool, u: &mut [f32]) {
        let (k, to_step) = (self.k, weight_step(self.k, self.n));
        let u = Shares(u[..self.form.points() * to_step].as_mut_ptr());
        let (strips, parts) = (strips(isa, self.n), k.div_ceil(PART));
        pool.run(strips.len() * parts, &|task| {
            let strip = strips.clone().nth(task / parts).expect("a strip for each task");
            let first = task % parts * PART;
            let u = &u;
            // SAFETY: the strip's panel has k rows of its width; these rows belong to
            // this task.
            unsafe {
                let to = u.0.add(strip.col * k + first * strip.width);
                self.transform(isa, strip, first..k.min(first + PART), to, to_step);
            }
        });
    }
}

/// Elements of a weight that is kept as [`Kept::Points`].
pub(super) fn points_len(conv: &Conv, form: Form) -> usize {
    form.points() * weight_step(conv.in_channels, conv.out_channels) + LINE
}

/// Elements of a weight that is kept as [`Kept::Taps`].
pub(super) fn taps_len(conv: &Conv, form: Form) -> usize {
    form.taps() * conv.in_channels * conv.out_channels.next_multiple_of(COLUMNS) + LINE
}

/// Whether [`Kept::Points`] or else [`Kept::Taps`] were kept.
///
/// # Panics
/// If it is neither.
pub(super) fn holds_points(conv: &Conv, form: Form, kept: &[f32]) -> bool {
    let points = kept.len() == points_len(conv, form);
    assert!(points || kept.len() == taps_len(conv, form), "the prepared params have another length");
    points
}

/// Transforms the weight for [`super::forward_kept`], or puts its taps in the order in which few
/// tiles transform them.
pub(in crate::conv) fn keep(isa: Isa, pool: &Pool, conv: &Conv, form: Form, weight: &[f32], to: &mut [f32]) {
    assert_eq!(weight.len(), conv.weight_len(), "the weight has another length");
    let (k, n, taps) = (conv.in_channels, conv.out_channels, form.taps());
    if to.len() == points_len(conv, form) {
        let weight = Weight { form, values: weight, k, n, turned: false, kept: Kept::Nothing };
        return weight.transform_all(isa, pool, aligned(to));
    }
    let from = Mat::new(weight, n, taps * k);
    let to = &mut aligned(to)[..taps * k * n.next_multiple_of(COLUMNS)];
    pool.chunks_mut(to, taps * k * COLUMNS, |i, to| {
        let outs = i * COLUMNS..n.min((i + 1) * COLUMNS);
        let mut across = [0.0; ROWS * COLUMNS];
        for tap in 0..taps {
            for c in (0..k).step_by(ROWS) {
                let rows = c..k.min(c + ROWS);
                transpose(isa, from, (outs.clone(), tap * k + c..tap * k + rows.end), &mut across, COLUMNS);
                for (c, across) in rows.zip(across.chunks_exact(COLUMNS)) {
                    to[(c * taps + tap) * COLUMNS..][..COLUMNS].copy_from_slice(across);
                }
            }
        }
    });
}
