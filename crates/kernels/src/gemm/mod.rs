//! Matrix product C = A·B, for every combination of transposes.
//!
//! | file | what |
//! |---|---|
//! | `scalar.rs` | the twin: three loops, and the portable path |
//! | `micro.rs` | one register tile, generic over the vector type |
//! | `tables.rs` | which tiles there are |
//! | `avx512.rs`, `avx2.rs` | vector types, tile sizes, tables of tiles |
//! | `few.rs` | tiles of at most four or eight columns |
//! | `ahead.rs` | what tiles ask for while they compute |
//! | `pack.rs` | copies into the order in which tiles read |
//! | `transpose.rs` | those that turn rows into columns |
//! | `drive.rs` | loops over tiles: direct for small operands, packed for large |
//! | `drive/whole.rs` | an operand that was packed before |
//! | `strips.rs` | small products with cut columns (Winograd) |
//! | `gathered.rs` | the same with an operand that is written block by block (convolution) |
//! | `bf16/` | operands rounded to bfloat16, for those who ask for it |
//!
//! # Numeric order
//!
//! Element (i, j) starts at its initial value (zero, a bias or C itself) and
//! receives `fma(a[i,p], b[p,j], c)` for p = 0, 1, …, k−1, one after the other.
//! Blocking, packing, tile size, vector width and threads do not change that
//! order, so the result has the same bits for all of them, and the twin test
//! is equality.

#[cfg(target_arch = "x86_64")]
mod ahead;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod bf16;
#[cfg(target_arch = "x86_64")]
mod drive;
#[cfg(target_arch = "x86_64")]
mod few;
#[cfg(target_arch = "x86_64")]
pub(crate) mod gathered;
pub(crate) mod layout;
#[cfg(target_arch = "x86_64")]
mod micro;
#[cfg(target_arch = "x86_64")]
mod pack;
pub mod scalar;
pub(crate) mod strips;
#[cfg(target_arch = "x86_64")]
mod tables;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod transpose;

use crate::then::Then;
use crate::{Isa, Pool, Real};

/// A matrix in borrowed memory: element (i, j) is `data[i * row_stride + j * col_stride]`.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a, T> Mat<'a, T> {
    /// A dense row-major matrix.
    ///
    /// # Panics
    /// If `data` is shorter than `rows * cols`.
    #[must_use]
    pub fn new(data: &'a [T], rows: usize, cols: usize) -> Self {
        Mat::with_stride(data, rows, cols, cols)
    }

    /// A row-major matrix whose rows begin `stride` elements apart.
    ///
    /// # Panics
    /// If `stride < cols` or the last row does not fit into `data`.
    #[must_use]
    pub fn with_stride(data: &'a [T], rows: usize, cols: usize, stride: usize) -> Self {
        assert!(stride >= cols, "rows overlap: stride {stride} is below {cols} columns");
        let needed = if rows == 0 { 0 } else { (rows - 1) * stride + cols };
        assert!(data.len() >= needed, "{rows}x{cols} needs {needed} elements, got {}", data.len());
        Mat { data, rows, cols, row_stride: stride, col_stride: 1 }
    }

    /// The transpose, without moving anything.
    #[must_use]
    pub fn t(self) -> Self {
        Mat {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }
}

/// What an element of C is before the first product is added.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a, T> {
    /// Zero.
    Zero,
    /// `bias[j]` in column j. Length: columns of C.
    Bias(&'a [T]),
    /// The value that C holds.
    Accumulate,
}

/// C = start + A·B with C dense row-major, `a.rows * b.cols` elements.
///
/// Runs on the pool's threads if the product is large enough to pay for it.
///
/// # Panics
/// If inner extents differ, or `c` or the bias has another length.
pub fn gemm<T: Real>(isa: Isa, pool: &Pool, a: Mat<'_, T>, b: Mat<'_, T>, start: Start<'_, T>, c: &mut [T]) {
    gemm_then(isa, pool, a, b, start, Then::default(), c);
}

/// [`gemm`], then what follows, while C is in the cache: the bits of passes of their own.
///
/// # Panics
/// As [`gemm`], and if the values to be added are not as many as C's.
pub fn gemm_then<T: Real>(
    isa: Isa,
    pool: &Pool,
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    start: Start<'_, T>,
    then: Then<'_, T>,
    c: &mut [T],
) {
    let (m, n, k) = (a.rows, b.cols, a.cols);
    assert_eq!(k, b.rows, "inner extents of {m}x{k} and {}x{n} differ", b.rows);
    check(m, n, &start, &then, c);
    if m == 0 || n == 0 {
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if isa != Isa::SCALAR
        && let (Some(ad), Some(bd)) = (T::as_f32(a.data), T::as_f32(b.data))
    {
        let start = match start {
            Start::Zero => Start::Zero,
            Start::Accumulate => Start::Accumulate,
            Start::Bias(bias) => Start::Bias(T::as_f32(bias).expect("one element type")),
        };
        let a = Mat { data: ad, rows: m, cols: k, row_stride: a.row_stride, col_stride: a.col_stride };
        let b = Mat { data: bd, rows: k, cols: n, row_stride: b.row_stride, col_stride: b.col_stride };
        let c = T::as_f32_mut(c).expect("one element type");
        let then = then.as_f32().expect("one element type");
        if isa.is_bf16() && k > 0 {
            return bf16::gemm(isa, pool, a, b, start, then, c);
        }
        return drive::gemm(isa, pool, a, b, start, then, c);
    }
    scalar::gemm(a, b, start, c);
    then.apply(isa, pool, c);
}

fn check<T: Real>(m: usize, n: usize, start: &Start<'_, T>, then: &Then<'_, T>, c: &[T]) {
    assert_eq!(c.len(), m * n, "C has {} elements, {m}x{n} needed", c.len());
    if let Start::Bias(bias) = start {
        assert_eq!(bias.len(), n, "bias has {} elements for {n} columns", bias.len());
    }
    then.check(c.len());
}

/// Elements of a packed k × n operand ([`pack`]) on any instruction set.
#[must_use]
pub fn packed_len(k: usize, n: usize) -> usize {
    k * n.next_multiple_of(16) + 16
}

/// Whether [`pack`] has an order for this instruction set.
#[must_use]
pub fn packs(isa: Isa) -> bool {
    isa != Isa::SCALAR && !isa.is_bf16()
}

/// Copies `b` into the order in which tiles read it, once for many products.
/// Says whether this instruction set has such an order; with products of bfloat16 it
/// has none.
///
/// # Panics
/// If `to` is shorter than [`packed_len`].
pub fn pack(isa: Isa, pool: &Pool, b: Mat<'_, f32>, to: &mut [f32]) -> bool {
    assert!(to.len() >= packed_len(b.rows, b.cols), "the packed operand does not fit");
    #[cfg(target_arch = "x86_64")]
    if packs(isa) {
        drive::pack_whole(isa, pool, b, to);
        return true;
    }
    let _ = (isa, pool);
    false
}

/// [`pack`] for gathered products, which cut their operands into other blocks.
///
/// # Panics
/// As [`pack`].
pub(crate) fn pack_gathered(isa: Isa, pool: &Pool, b: Mat<'_, f32>, to: &mut [f32]) {
    assert!(to.len() >= packed_len(b.rows, b.cols), "the packed operand does not fit");
    #[cfg(target_arch = "x86_64")]
    if packs(isa) {
        gathered::pack(isa, pool, b, to);
    }
    let _ = (isa, pool, b);
}

/// [`gemm_then`] with an operand that was packed from k × n by [`pack`] on the same
/// instruction set: the same bits.
///
/// # Panics
/// If a length differs, or this instruction set has no packed order.
#[allow(clippy::too_many_arguments, reason = "the operands of one product")]
pub fn gemm_packed(
    isa: Isa,
    pool: &Pool,
    a: Mat<'_, f32>,
    packed: &[f32],
    n: usize,
    start: Start<'_, f32>,
    then: Then<'_, f32>,
    c: &mut [f32],
) {
    let (m, k) = (a.rows, a.cols);
    assert!(packed.len() >= packed_len(k, n), "the packed operand is too short");
    check(m, n, &start, &then, c);
    assert!(packs(isa), "this instruction set has no packed order");
    if m == 0 || n == 0 {
        return;
    }
    #[cfg(target_arch = "x86_64")]
    drive::packed(isa, pool, a, packed, n, start, then, c);
    #[cfg(not(target_arch = "x86_64"))]
    unreachable!("no other instruction set on this processor");
}
