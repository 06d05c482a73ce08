//! Products of small blocks whose right operand is cut into strips of columns
//! as wide as one register tile: what Winograd's products per point need.
//!
//! The order of multiply-adds is that of `mod.rs`: k ascending, one chain.

use super::Mat;
use crate::Isa;
use crate::simd::{Arith, Portable};
use std::ops::Range;

/// The columns of one register tile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Strip {
    /// First column; a whole number of vectors.
    pub(crate) col: usize,
    /// Columns.
    pub(crate) cols: usize,
    /// Columns with the unused lanes of the last vector.
    pub(crate) width: usize,
}

/// Elements of a vector, vectors of a strip, and vectors of a strip that takes
/// a lonely vector along.
fn widths(isa: Isa) -> (usize, usize, usize) {
    #[cfg(target_arch = "x86_64")]
    if isa != Isa::SCALAR {
        return widths_of(super::drive::tiles(isa));
    }
    let _ = isa;
    (4, 4, 4)
}

#[cfg(target_arch = "x86_64")]
fn widths_of(tiles: &super::tables::Tiles) -> (usize, usize, usize) {
    let most = if tiles.max_rows[tiles.wide] > 0 { tiles.wide + 1 } else { tiles.wide };
    (tiles.lanes, tiles.wide, most)
}

/// The strips of `cols` columns, from left to right.
pub(crate) fn strips(isa: Isa, cols: usize) -> impl ExactSizeIterator<Item = Strip> + Clone {
    shared_strips(isa, cols, 1)
}

/// The same, narrower where each of several threads has less to do then.
pub(crate) fn shared_strips(
    isa: Isa,
    cols: usize,
    threads: usize,
) -> impl ExactSizeIterator<Item = Strip> + Clone {
    cut(widths(isa), cols, threads)
}

/// The strips of `cols` columns for [`product_of_pairs`].
#[cfg(target_arch = "x86_64")]
pub(crate) fn strips_of_pairs(isa: Isa, cols: usize) -> impl ExactSizeIterator<Item = Strip> + Clone {
    cut(widths_of(super::bf16::tiles(isa)), cols, 1)
}

fn cut(
    (lanes, wide, most): (usize, usize, usize),
    cols: usize,
    threads: usize,
) -> impl ExactSizeIterator<Item = Strip> + Clone {
    let narrow = wide - 1;
    let longest = |wide: usize| cols.div_ceil(lanes * wide).div_ceil(threads) * wide;
    let narrower = threads > 1 && longest(narrow) < longest(wide);
    let (wide, most) = if narrower { (narrow, narrow) } else { (wide, most) };
    let vectors = cols.div_ceil(lanes);
    let mut count = vectors.div_ceil(wide);
    if count > 1 && vectors % wide == 1 && most > wide {
        count -= 1;
    }
    (0..count).map(move |i| {
        let col = i * wide * lanes;
        let end = if i + 1 == count { vectors * lanes } else { col + wide * lanes };
        Strip { col, cols: end.min(cols) - col, width: end - col }
    })
}

/// Nothing that is needed next ([`Block::next`]).
pub(crate) const NOTHING: (*const f32, usize) = (std::ptr::null(), 0);

/// A product C (rows × strip) = [C +] A·B. Element (i, p) of A is
/// `a[i * a_row + p * a_col]`, one of the strides is 1; row p of B begins at
/// `p * b_row`, row i of C at `i * c_row`.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    pub(crate) rows: usize,
    pub(crate) k: usize,
    pub(crate) a: *const f32,
    pub(crate) a_row: usize,
    pub(crate) a_col: usize,
    pub(crate) b: *const f32,
    pub(crate) b_row: usize,
    pub(crate) c: *mut f32,
    pub(crate) c_row: usize,
    pub(crate) accumulate: bool,
    /// What is needed next, and how many elements: asked for meanwhile. They need not exist.
    pub(crate) next: (*const f32, usize),
}

/// Computes a block.
///
/// # Safety
/// All elements that the block names, `strip.cols` in each row of B and C, must
/// lie inside their allocations, and those of C must belong to the caller.
pub(crate) unsafe fn product(isa: Isa, strip: Strip, block: &Block) {
    #[cfg(target_arch = "x86_64")]
    if isa != Isa::SCALAR {
        // SAFETY: the caller answers for the operands.
        return unsafe { in_tiles(super::drive::tiles(isa), strip, block) };
    }
    let _ = isa;
    // SAFETY: the caller answers for the operands.
    unsafe { portable::<Portable>(strip, block) }
}

/// The same for operands that hold pairs of bfloat16 ([`super::bf16`]), `k` of them; with
/// AMX in whole blocks, and as far as its tiles reach in memory.
///
/// # Safety
/// As for [`product`]. The thread has the registers of this instruction set.
///
/// # Panics
/// If the instruction set has no products of bfloat16.
#[cfg(target_arch = "x86_64")]
pub(crate) unsafe fn product_of_pairs(isa: Isa, strip: Strip, block: &Block) {
    assert!(isa.is_bf16(), "no products of bfloat16");
    // SAFETY: the caller answers for the operands.
    unsafe { in_tiles(super::bf16::tiles(isa), strip, block) }
}

/// The same in tiles of an instruction set that the processor has.
///
/// # Safety
/// As for [`product`].
#[cfg(target_arch = "x86_64")]
unsafe fn in_tiles(tiles: &super::tables::Tiles, strip: Strip, block: &Block) {
    use super::ahead::Ahead;
    use super::micro::{First, Last, Tile};
    let vectors = strip.width / tiles.lanes;
    let height = tiles.height(vectors, strip.cols);
    let first = if block.accumulate { First::Load } else { First::Zero };
    let Block { rows, k, a, a_row, a_col, b, b_row, c, c_row, next, .. } = *block;
    let mut ahead = Ahead::of(next.0, next.1, rows.div_ceil(height));
    for i in (0..rows).step_by(height) {
        let rows = height.min(rows - i);
        let run = tiles.of(a_row == 1, vectors, rows, strip.cols);
        // SAFETY: the table belongs to an instruction set that the processor
        // has; the caller answers for the operands.
        unsafe {
            let (a, c) = (a.add(i * a_row), c.add(i * c_row));
            run(&Tile {
                rows,
                k,
                n: strip.cols,
                a,
                a_row,
                a_col,
                b,
                b_row,
                c,
                c_row,
                first,
                stream: false,
                last: Last::NOTHING,
                next: ahead.share(k),
            });
        }
    }
}

/// The same in plain loops.
///
/// # Safety
/// As for [`product`]; the strip has at most 16 columns.
unsafe fn portable<A: Arith>(strip: Strip, block: &Block) {
    let Block { rows, k, a, a_row, a_col, b, b_row, c, c_row, accumulate, .. } = *block;
    for i in 0..rows {
        let mut sum = [0.0f32; 16];
        // SAFETY: the caller answers for the operands.
        let c = unsafe { std::slice::from_raw_parts_mut(c.add(i * c_row), strip.cols) };
        if accumulate {
            sum[..c.len()].copy_from_slice(c);
        }
        for p in 0..k {
            // SAFETY: as above.
            let (x, b) = unsafe {
                (*a.add(i * a_row + p * a_col), std::slice::from_raw_parts(b.add(p * b_row), strip.cols))
            };
            for (s, y) in sum.iter_mut().zip(b) {
                *s = A::fma(x, *y, *s);
            }
        }
        c.copy_from_slice(&sum[..c.len()]);
    }
}

/// Copies the block (rows, columns) of a row-major matrix so that its element
/// (i, j) lies at `to[j * stride + i]`.
pub(crate) fn transpose(
    isa: Isa,
    from: Mat<'_, f32>,
    (rows, cols): (Range<usize>, Range<usize>),
    to: &mut [f32],
    stride: usize,
) {
    #[cfg(target_arch = "x86_64")]
    if isa != Isa::SCALAR {
        let block =
            super::pack::Block { row: rows.start, col: cols.start, rows: rows.len(), cols: cols.len() };
        return super::pack::columns(super::drive::tiles(isa), from, block, to, stride);
    }
    let _ = isa;
    for (i, r) in rows.enumerate() {
        for (j, c) in cols.clone().enumerate() {
            to[j * stride + i] = from.data[r * from.row_stride + c * from.col_stride];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Strip, portable, product, shared_strips, strips};
    use crate::Isa;
    use crate::checks::{bit_difference, values};
    use crate::simd::Fused;

    #[test]
    fn strips_cover_every_column_once() {
        fn check(cols: usize, strips: impl Iterator<Item = Strip>) {
            let mut next = 0;
            for Strip { col, cols, width } in strips {
                assert!(col == next && cols > 0 && cols <= width);
                next += cols;
            }
            assert_eq!(next, cols);
        }
        for isa in Isa::available() {
            for cols in 0..300 {
                check(cols, strips(isa, cols));
                (1..5).for_each(|threads| check(cols, shared_strips(isa, cols, threads)));
            }
        }
    }

    /// Five strips would be three and two for two threads; eight narrower ones are four each.
    #[test]
    fn strips_are_shared_evenly() {
        let Some(isa) = Isa::avx512() else { return println!("skipped: this processor has no avx512") };
        let count = |threads| shared_strips(isa, 256, threads).len();
        assert_eq!([1, 2].map(count), [5, 8]);
    }

    /// Both layouts of A, tails in every direction.
    #[test]
    fn a_product_equals_the_plain_loops() {
        for isa in Isa::available().into_iter().filter(|isa| *isa != Isa::SCALAR) {
            for (rows, k, cols) in [(1, 1, 1), (7, 5, 16), (8, 3, 17), (19, 33, 50), (24, 16, 64), (5, 0, 9)]
            {
                for (a_row, a_col, accumulate) in [(1, rows, false), (k + 3, 1, true)] {
                    let a = values(rows.max(1) * (k + 3) + rows * k, 1.0, 1);
                    let b = values(k * cols, 1.0, 2);
                    let c = values(rows * cols, 1.0, 3);
                    let (mut got, mut want) = (c.clone(), c);
                    let block = |c: &mut [f32], col: usize| Block {
                        rows,
                        k,
                        a: a.as_ptr(),
                        a_row,
                        a_col,
                        b: b.as_ptr().wrapping_add(col),
                        b_row: cols,
                        c: c.as_mut_ptr().wrapping_add(col),
                        c_row: cols,
                        accumulate,
                        next: (b.as_ptr(), b.len()),
                    };
                    for strip in strips(isa, cols) {
                        // SAFETY: the strides describe the buffers above.
                        unsafe { product(isa, strip, &block(&mut got, strip.col)) };
                    }
                    for strip in strips(Isa::SCALAR, cols) {
                        // SAFETY: the strides describe the buffers above.
                        unsafe { portable::<Fused>(strip, &block(&mut want, strip.col)) };
                    }
                    assert_eq!(bit_difference(&got, &want), None, "{isa}: {rows}x{k}x{cols}");
                }
            }
        }
    }
}
