//! The same in products of bfloat16: both operands are rounded and paired as they are copied.

use super::super::buffer::{spaced, with_buffer};
use super::{COLS, Operands, PIXELS, ROWS};
use crate::conv::buffer::BUFFER;
use crate::gemm::bf16;
use crate::gemm::strips::{Block, NOTHING, product_of_pairs, strips_of_pairs};
use std::ops::Range;

/// Distance of the rows of gradients: the pairs of a block, and a line.
const ROW: usize = spaced(PIXELS / 2);

const _: () = assert!(ROWS * ROW + PIXELS * spaced(COLS) <= BUFFER, "the buffer is too small");

impl Operands<'_> {
    /// [`Self::task`]: a row of pairs for each channel of the gradient, and rows of pairs of
    /// what these pixels see.
    pub(super) fn task_of_pairs(
        &self,
        rows: Range<usize>,
        cols: Range<usize>,
        pixels: Range<usize>,
        c: *mut f32,
    ) {
        let strips = strips_of_pairs(self.isa, cols.len());
        let stride = spaced(cols.len());
        let _registers = bf16::registers(self.isa);
        with_buffer(|buffer| {
            let (a, b) = buffer.split_at_mut(ROWS * ROW);
            for p in pixels.clone().step_by(PIXELS) {
                let block = p..pixels.end.min(p + PIXELS);
                let len = block.len();
                let g = &self.g[p * self.g_row + rows.start..];
                let k = bf16::turned_rows(self.isa, g, self.g_row, (len, rows.len()), a, ROW);
                if self.gather.is_plain() {
                    let x = &self.image[p * self.gather.pixel + self.gather.channel + cols.start..];
                    bf16::paired_rows(self.isa, x, self.gather.pixel, (len, cols.len()), b, stride);
                } else {
                    self.gather.block(self.image, block.clone(), cols.clone(), b, stride);
                    bf16::pair_rows(self.isa, b, (len, cols.len()), stride);
                }
                b[len.div_ceil(2) * stride..k * stride].fill(0.0);
                // The next block arrives while this one is multiplied, a few pixels for
                // each strip.
                for (done, strip) in strips.clone().enumerate() {
                    let next =
                        [done, done + 1].map(|d| (block.end + d * PIXELS / strips.len()).min(pixels.end));
                    self.announce(next[0]..next[1], &rows, &cols);
                    let product_of = Block {
                        rows: rows.len(),
                        k,
                        a: a.as_ptr(),
                        a_row: ROW,
                        a_col: 1,
                        b: b.as_ptr().wrapping_add(strip.col),
                        b_row: stride,
                        // SAFETY: these rows and columns lie inside C.
                        c: unsafe { c.add(rows.start * self.n + cols.start + strip.col) },
                        c_row: self.n,
                        accumulate: p > pixels.start,
                        next: NOTHING,
                    };
                    // SAFETY: the pairs were written above; tiles of 16 rows and columns read
                    // ROWS rows and `stride` columns at most; these rows and columns of C
                    // belong to this task, and the registers to this thread.
                    unsafe { product_of_pairs(self.isa, strip, &product_of) };
                }
            }
        });
    }
}
