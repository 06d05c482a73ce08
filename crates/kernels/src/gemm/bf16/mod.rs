//! Matrix products of bfloat16: operands are rounded when they are packed, sums are `f32`.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the definition in plain Rust, which the tests compare with; packing |
//! | `vectors.rs` | the same with AVX-512 BF16: tiles whose elements are pairs |
//! | `amx.rs` | the same with AMX: tiles of 16 pairs |
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
//!
//! With AMX it receives the sums of 32 inner indices each, 0 to 31, 32 to 63, …, by
//! [`fma_tile`]. Products of zeros at the end do not change it.
//!
//! Nothing else can change a bit: the twin test is equality here too.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod vectors;

#[cfg(target_arch = "x86_64")]
pub(crate) use amx::{Registers, has_amx};

#[cfg(target_arch = "x86_64")]
use super::tables::Tiles;
use super::{Mat, Start};
use crate::Isa;
#[cfg(target_arch = "x86_64")]
use crate::{Pool, then::Then};
#[cfg(target_arch = "x86_64")]
use std::ops::Range;

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
    let (a, b) = (a.map(|x| flush(widen(x))), b.map(|x| flush(widen(x))));
    let sum = flush(a[1].mul_add(b[1], flush(sum)));
    flush(a[0].mul_add(b[0], sum))
}

/// sum + Σ aᵢ·bᵢ over at most 16 pairs as TDPBF16PS computes it: even and odd products are
/// a chain of multiply-adds each, from 0 on; the sum of both is added. Each step rounds to
/// the nearest even, and numbers below the least normal one count as 0 wherever they appear.
#[must_use]
pub fn fma_tile(sum: f32, pairs: impl IntoIterator<Item = ([u16; 2], [u16; 2])>) -> f32 {
    let mut sums = [0.0_f32; 2];
    for (a, b) in pairs {
        for (sum, (a, b)) in sums.iter_mut().zip(a.into_iter().zip(b)) {
            *sum = flush(flush(widen(a)).mul_add(flush(widen(b)), *sum));
        }
    }
    flush(flush(sum) + flush(sums[0] + sums[1]))
}

/// 0 of the same sign for numbers below the least normal one.
fn flush(x: f32) -> f32 {
    if x.is_subnormal() { 0.0_f32.copysign(x) } else { x }
}

/// Pairs of [`fma_tile`].
const TILE: usize = 16;

/// C = start + A·B by the definition: the twin that the vector path and AMX are tested
/// against, bit for bit, on processors that have them.
///
/// # Panics
/// If the instruction set has no products of bfloat16.
pub fn reference(isa: Isa, a: Mat<'_, f32>, b: Mat<'_, f32>, start: Start<'_, f32>, c: &mut [f32]) {
    assert!(isa.is_bf16(), "no products of bfloat16");
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
            let pairs = |from: usize, len: usize| {
                let all = (from..k.min(from + len)).step_by(2);
                all.map(|p| ([x(p), x(p + 1)], [y(p), y(p + 1)]))
            };
            for p in (0..k).step_by(2 * TILE) {
                sum = if isa.is_amx() {
                    fma_tile(sum, pairs(p, 2 * TILE))
                } else {
                    pairs(p, 2 * TILE).fold(sum, |sum, (a, b)| fma_pair(sum, a, b))
                };
            }
            c[i * n + j] = sum;
        }
    }
}

/// The tiles of an instruction set with products of bfloat16.
#[cfg(target_arch = "x86_64")]
pub(super) fn tiles(isa: Isa) -> &'static Tiles {
    if isa.is_amx() { &amx::AMX_TILES } else { &vectors::TILES }
}

/// The registers that tiles of this instruction set need in a thread, as long as they run.
#[cfg(target_arch = "x86_64")]
pub(crate) fn registers(isa: Isa) -> Option<Registers> {
    isa.is_amx().then(Registers::new)
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
    use super::{gathered, layout::Layout};
    let (extents, layout) = ((a.rows, a.cols), Layout::even(0, b.cols));
    let (left, right) = (gathered::Left::Paired(a), gathered::Operand::Matrix(b));
    gathered::rows(isa, pool, extents, left, right, start, then, &layout, c);
}

/// Panics unless the processor has products of bfloat16, as the value of `isa` proves,
/// and a block of `rows × cols` with rows `stride` apart fits into `len` elements.
#[cfg(target_arch = "x86_64")]
fn check(isa: Isa, len: usize, (rows, cols): (usize, usize), stride: usize) {
    assert!(isa.is_bf16(), "no products of bfloat16");
    assert!(cols <= stride && rows * stride <= len, "the block does not fit");
}

/// Replaces rows 2i and 2i + 1 of a row-major block by one row i of pairs. A row that is
/// missing at the end counts as zeros.
#[cfg(target_arch = "x86_64")]
pub(crate) fn pair_rows(isa: Isa, block: &mut [f32], (rows, cols): (usize, usize), stride: usize) {
    check(isa, block.len(), (rows, cols), stride);
    let at = block.as_mut_ptr();
    // SAFETY: the processor has the instructions and the block fits, by the check; row i
    // is written after rows 2i and 2i + 1 were read, element by element.
    unsafe {
        vectors::pair_rows(at, stride, at, stride, rows, cols);
    }
}

/// Copies rows 2i and 2i + 1 of rows `from_row` apart as one row i of pairs, like
/// [`pair_rows`].
#[cfg(target_arch = "x86_64")]
pub(crate) fn paired_rows(
    isa: Isa,
    from: &[f32],
    from_row: usize,
    (rows, cols): (usize, usize),
    to: &mut [f32],
    stride: usize,
) {
    assert!(rows > 0 && cols <= from_row && (rows - 1) * from_row + cols <= from.len(), "outside the matrix");
    check(isa, to.len(), (rows.div_ceil(2), cols), stride);
    // SAFETY: the processor has the instructions, and both sides hold their rows, by the
    // checks.
    unsafe { vectors::pair_rows(from.as_ptr(), from_row, to.as_mut_ptr(), stride, rows, cols) }
}

/// Replaces columns 2j and 2j + 1 of a row-major block by one column j of pairs, in rows
/// `to` elements apart. A column that is missing at the end counts as zeros, and so does what
/// is missing to whole blocks.
#[cfg(target_arch = "x86_64")]
pub(super) fn pair_columns(
    isa: Isa,
    block: &mut [f32],
    (rows, cols): (usize, usize),
    stride: usize,
    to: usize,
) {
    check(isa, block.len(), (rows, cols), stride);
    assert!(to <= stride && whole_steps(isa, cols.div_ceil(2)) <= to, "the pairs do not fit");
    let at = block.as_mut_ptr();
    // SAFETY: the processor has the instructions and the block fits, by the checks; a
    // vector of pairs lies in front of all that is still to be read.
    unsafe {
        vectors::pair_columns(at, stride, at, to, rows, cols);
    }
    fill_up(isa, block, (rows, cols), to);
}

/// Copies a block (rows, inner indices) of `from` as rows of pairs: the pair of inner indices
/// 2j and 2j + 1 of row i lies at `to[i * stride + j]`, with zeros up to whole blocks.
#[cfg(target_arch = "x86_64")]
pub(super) fn paired(
    isa: Isa,
    from: Mat<'_, f32>,
    (rows, inner): (Range<usize>, Range<usize>),
    to: &mut [f32],
    stride: usize,
) {
    let first = rows.start * from.row_stride + inner.start * from.col_stride;
    let extents = (rows.len(), inner.len());
    if from.col_stride != 1 {
        let extents = (inner.len(), rows.len());
        turned_rows(isa, &from.data[first..], from.col_stride, extents, to, stride);
        return;
    }
    let end = first + (rows.len() - 1) * from.row_stride + inner.len();
    assert!(rows.end <= from.rows && end <= from.data.len(), "outside the matrix");
    check(isa, to.len(), (extents.0, whole_steps(isa, extents.1.div_ceil(2))), stride);
    // SAFETY: the processor has the instructions, and both sides hold their rows, by the
    // checks.
    unsafe {
        let source = from.data[first..].as_ptr();
        vectors::pair_columns(source, from.row_stride, to.as_mut_ptr(), stride, extents.0, extents.1);
    }
    fill_up(isa, to, extents, stride);
}

/// Copies `rows` rows of `cols` elements, an even number, as rows of pairs of neighbours;
/// rows are `from_row` and `cols / 2` apart.
#[cfg(target_arch = "x86_64")]
pub(crate) fn paired_columns(
    isa: Isa,
    from: &[f32],
    from_row: usize,
    (rows, cols): (usize, usize),
    to: &mut [f32],
) {
    assert!(cols.is_multiple_of(2) && cols <= from_row, "an odd number of columns, or rows overlap");
    if rows == 0 {
        return;
    }
    assert!((rows - 1) * from_row + cols <= from.len(), "outside the matrix");
    check(isa, to.len(), (rows, cols / 2), cols / 2);
    let dense = if cols == from_row { (1, rows * cols) } else { (rows, cols) };
    // SAFETY: the processor has the instructions, and both sides hold their rows, by the
    // checks; dense rows are one.
    unsafe { vectors::pair_columns(from.as_ptr(), from_row, to.as_mut_ptr(), cols / 2, dense.0, dense.1) }
}

/// Zeros from the pairs of `inner` indices up to whole blocks.
#[cfg(target_arch = "x86_64")]
fn fill_up(isa: Isa, to: &mut [f32], (rows, inner): (usize, usize), stride: usize) {
    let pairs = inner.div_ceil(2);
    let steps = whole_steps(isa, pairs);
    if pairs < steps {
        to.chunks_mut(stride).take(rows).for_each(|row| row[pairs..steps].fill(0.0));
    }
}

/// Copies a block of row-major rows `from_row` apart as pairs of neighbouring rows, turned:
/// the pair of rows 2i and 2i + 1 of column j lies at `to[j * stride + i]`. A row that is
/// missing at the end counts as zeros, and so does what is missing to whole blocks of pairs;
/// says how many there are with these.
#[cfg(target_arch = "x86_64")]
pub(crate) fn turned_rows(
    isa: Isa,
    from: &[f32],
    from_row: usize,
    (rows, cols): (usize, usize),
    to: &mut [f32],
    stride: usize,
) -> usize {
    /// Pairs that are made before they are turned, and columns.
    const RUN: usize = 16;
    const COLS: usize = 64;
    assert!(rows > 0 && cols <= from_row && (rows - 1) * from_row + cols <= from.len(), "outside the matrix");
    let (pairs, steps) = (rows.div_ceil(2), whole_steps(isa, rows.div_ceil(2)));
    assert!(steps <= stride, "the pairs do not fit");
    check(isa, to.len(), (cols, steps), stride);
    let mut run = [0.0; RUN * COLS];
    for j in (0..cols).step_by(COLS) {
        let width = COLS.min(cols - j);
        for i in (0..pairs).step_by(RUN) {
            let (len, inner) = (RUN.min(pairs - i), (2 * RUN).min(rows - 2 * i));
            let from = from[2 * i * from_row + j..].as_ptr();
            let to = to[j * stride + i..].as_mut_ptr();
            // SAFETY: the processor has the instructions, and both sides hold their rows, by
            // the checks above; `run` holds RUN rows of COLS pairs.
            unsafe {
                vectors::pair_rows(from, from_row, run.as_mut_ptr(), COLS, inner, width);
                (vectors::TILES.transpose)(run.as_ptr(), COLS, to, stride, len, width);
            }
        }
    }
    fill_up(isa, to, (cols, rows), stride);
    steps
}

/// Pairs with those of zeros that whole blocks want.
#[cfg(target_arch = "x86_64")]
pub(crate) fn whole_steps(isa: Isa, pairs: usize) -> usize {
    pairs.next_multiple_of(tiles(isa).steps)
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
    use super::tables::MAX_VECTORS;
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
            (vectors::TILES.transpose)(pairs.as_ptr(), RUN / 2, to, stride, rows, len.div_ceil(2));
        }
    }
}
