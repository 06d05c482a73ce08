//! Matrix products of bfloat16: operands are rounded when they are packed, sums are `f32`.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the definition in plain Rust, which the tests compare with; packing |
//! | `vectors.rs` | the same with AVX-512 BF16: tiles whose elements are pairs |
//!
//! A *pair* is two bfloat16 of neighbouring inner indices, the even one in the lower
//! half, in the room of one `f32`. VDPBF16PS takes a pair of each operand where a
//! multiply-add takes an element; so the tiles, groups and loops of `f32` serve pairs,
//! and a panel has half as many steps.
//!
//! # Numeric order
//!
//! Element (i, j) starts at its initial value and receives the pairs of inner indices
//! (0, 1), (2, 3), … in order, each by [`fma_pair`]: the odd product first, then the
//! even one, one rounding after each. An odd inner extent ends with a product of zeros.
//! Nothing else can change a bit: the twin test is equality here too.

#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod vectors;

#[cfg(target_arch = "x86_64")]
pub(super) use vectors::TILES;

use super::{Mat, Start};
use crate::Isa;
#[cfg(target_arch = "x86_64")]
use crate::{Pool, then::Then};

/// The nearest bfloat16, ties to the even one, as VCVTNEPS2BF16 gives it: values below
/// the least normal number become 0, NaN stays NaN.
#[must_use]
pub fn round(x: f32) -> u16 {
    let bits = x.to_bits();
    if x.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    if x.is_subnormal() {
        return (bits >> 16) as u16 & 0x8000;
    }
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// The value of a bfloat16.
#[must_use]
pub fn widen(x: u16) -> f32 {
    f32::from_bits(u32::from(x) << 16)
}

/// sum + a₁·b₁ + a₀·b₀ as VDPBF16PS computes it: two multiply-adds, the odd one first,
/// each rounded to the nearest even; numbers below the least normal one count as 0
/// wherever they appear.
#[must_use]
pub fn fma_pair(sum: f32, a: [u16; 2], b: [u16; 2]) -> f32 {
    let flush = |x: f32| if x.is_subnormal() { 0.0_f32.copysign(x) } else { x };
    let (a, b) = (a.map(|x| flush(widen(x))), b.map(|x| flush(widen(x))));
    let sum = flush(a[1].mul_add(b[1], flush(sum)));
    flush(a[0].mul_add(b[0], sum))
}

/// C = start + A·B by the definition: the twin that the vector path is tested against,
/// bit for bit, on processors that have it.
pub fn reference(a: Mat<'_, f32>, b: Mat<'_, f32>, start: Start<'_, f32>, c: &mut [f32]) {
    let (n, k) = (b.cols, a.cols);
    for i in 0..a.rows {
        for j in 0..n {
            let x = |p| if p < k { round(a.data[i * a.row_stride + p * a.col_stride]) } else { 0 };
            let y = |p| if p < k { round(b.data[p * b.row_stride + j * b.col_stride]) } else { 0 };
            let mut sum = match start {
                Start::Zero => 0.0,
                Start::Bias(bias) => bias[j],
                Start::Accumulate => c[i * n + j],
            };
            for p in (0..k).step_by(2) {
                sum = fma_pair(sum, [x(p), x(p + 1)], [y(p), y(p + 1)]);
            }
            c[i * n + j] = sum;
        }
    }
}

/// The product on a processor that has the instruction; `k > 0`.
#[cfg(target_arch = "x86_64")]
pub(super) fn gemm(
    isa: Isa,
    pool: &Pool,
    a: Mat<'_, f32>,
    b: Mat<'_, f32>,
    start: Start<'_, f32>,
    then: Then<'_, f32>,
    c: &mut [f32],
) {
    use super::pack::{self, Block};
    use super::{drive, gathered, layout::Layout};
    use std::ops::Range;
    // Rows of A, to be paired along k.
    let fill = |rows: Range<usize>, inner: Range<usize>, to: &mut [f32], stride: usize| {
        if a.col_stride == 1 {
            for (i, r) in rows.enumerate() {
                let from = &a.data[r * a.row_stride..][inner.clone()];
                to[i * stride..][..inner.len()].copy_from_slice(from);
            }
            return;
        }
        let block = Block { row: inner.start, col: rows.start, rows: inner.len(), cols: rows.len() };
        pack::columns(drive::tiles(isa), a.t(), block, to, stride);
    };
    let (extents, layout) = ((a.rows, a.cols), Layout::even(0, b.cols));
    gathered::rows(isa, pool, extents, &fill, gathered::Operand::Matrix(b), start, then, &layout, c);
}

/// Panics unless the processor has products of bfloat16, as the value of `isa` proves,
/// and a block of `rows × cols` with rows `stride` apart fits into `len` elements.
fn check(isa: Isa, len: usize, (rows, cols): (usize, usize), stride: usize) {
    assert!(isa.is_bf16(), "no products of bfloat16");
    assert!(cols <= stride && rows * stride <= len, "the block does not fit");
}

/// Replaces rows 2i and 2i + 1 of a row-major block by one row i of pairs. A row that is
/// missing at the end counts as zeros.
pub(crate) fn pair_rows(isa: Isa, block: &mut [f32], (rows, cols): (usize, usize), stride: usize) {
    check(isa, block.len(), (rows, cols), stride);
    let at = block.as_mut_ptr();
    // SAFETY: the processor has the instructions and the block fits, by the check; row i
    // is written after rows 2i and 2i + 1 were read, element by element.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        vectors::pair_rows(at, stride, at, stride, rows, cols);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Replaces columns 2j and 2j + 1 of a row-major block by one column j of pairs, in rows
/// `to` elements apart. A column that is missing at the end counts as zeros.
#[cfg(target_arch = "x86_64")]
pub(super) fn pair_columns(
    isa: Isa,
    block: &mut [f32],
    (rows, cols): (usize, usize),
    stride: usize,
    to: usize,
) {
    check(isa, block.len(), (rows, cols), stride);
    assert!(to <= stride && cols.div_ceil(2) <= to, "the pairs do not fit");
    let at = block.as_mut_ptr();
    // SAFETY: the processor has the instructions and the block fits, by the checks; a
    // vector of pairs lies in front of all that is still to be read.
    unsafe {
        vectors::pair_columns(at, stride, at, to, rows, cols);
    }
}

/// Copies a block of `from` as pairs of neighbouring columns, so that the pair of
/// columns 2j and 2j + 1 of row i lies at `to[j * stride + i]`: a panel of pairs.
#[cfg(target_arch = "x86_64")]
pub(super) fn columns(
    isa: Isa,
    from: Mat<'_, f32>,
    block: super::pack::Block,
    to: &mut [f32],
    stride: usize,
) {
    use super::micro::MAX_VECTORS;
    /// Columns that are paired before they are transposed.
    const RUN: usize = 64;
    const ROWS: usize = MAX_VECTORS * 16;
    let super::pack::Block { row, col, rows, cols } = block;
    assert!(row + rows <= from.rows && col + cols <= from.cols, "block outside the matrix");
    assert!(rows <= ROWS, "more rows than a tile has columns");
    check(isa, to.len(), (cols.div_ceil(2), rows), stride);
    if rows == 0 || cols == 0 {
        return;
    }
    let first = row * from.row_stride + col * from.col_stride;
    let last = first + (rows - 1) * from.row_stride + (cols - 1) * from.col_stride;
    assert!(last < from.data.len(), "block outside the matrix");
    let source = from.data[first..].as_ptr();
    if from.row_stride == 1 {
        // SAFETY: the processor has the instructions, and both sides hold their rows, by
        // the checks above; they are different allocations.
        return unsafe { vectors::pair_rows(source, from.col_stride, to.as_mut_ptr(), stride, cols, rows) };
    }
    assert_eq!(from.col_stride, 1, "one stride of a matrix must be 1");
    let mut pairs = [0.0; ROWS * RUN / 2];
    for p in (0..cols).step_by(RUN) {
        let len = RUN.min(cols - p);
        // SAFETY: as above; `pairs` has room for half of RUN columns of all rows, and
        // `to` for `stride` elements in each of its rows.
        unsafe {
            vectors::pair_columns(source.add(p), from.row_stride, pairs.as_mut_ptr(), RUN / 2, rows, len);
            let to = to[p / 2 * stride..].as_mut_ptr();
            (TILES.transpose)(pairs.as_ptr(), RUN / 2, to, stride, rows, len.div_ceil(2));
        }
    }
}
