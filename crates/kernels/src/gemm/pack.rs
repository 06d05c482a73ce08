//! Copies of operands in the order in which tiles read them.
//!
//! The buffers belong to the thread, are allocated when it needs them for the first
//! time, and grow to the largest need: a constant, except for the few rows of a product
//! that is computed as its transpose.

use super::Mat;
use super::tables::Tiles;
use crate::memory::Memory;
use std::cell::RefCell;

thread_local! {
    static A: RefCell<Option<Memory<f32>>> = const { RefCell::new(None) };
    static B: RefCell<Option<Memory<f32>>> = const { RefCell::new(None) };
    static SHARED: RefCell<Option<Memory<f32>>> = const { RefCell::new(None) };
}

/// Lends this thread's buffer for panels of A, `len` elements.
pub(super) fn with_a_buffer<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    A.with_borrow_mut(|buffer| f(at_least(buffer, len)))
}

/// Lends this thread's buffer for panels of B, `len` elements.
pub(super) fn with_b_buffer<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    B.with_borrow_mut(|buffer| f(at_least(buffer, len)))
}

/// Lends this thread's buffer for what blocks of A are made of, `len` elements: those that
/// were written last.
pub(super) fn with_shared_buffer<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    SHARED.with_borrow_mut(|buffer| f(&mut at_least(buffer, len.next_power_of_two())[..len]))
}

/// The first `len` elements, from a cache line on, so that no vector load of a panel
/// touches two lines.
fn at_least(buffer: &mut Option<Memory<f32>>, len: usize) -> &mut [f32] {
    if buffer.as_ref().is_none_or(|b| b.len() < len) {
        *buffer = Some(Memory::zeroed(len));
    }
    &mut buffer.as_mut().expect("allocated above")[..len]
}

/// Copies the `rows × cols` block of `from` at (row, col) so that element
/// (i, j) lies at `to[j * stride + i]`: a column-major panel.
pub(super) fn columns(tiles: &Tiles, from: Mat<'_, f32>, block: Block, to: &mut [f32], stride: usize) {
    let Block { row, col, rows, cols } = block;
    assert!(row + rows <= from.rows && col + cols <= from.cols, "block outside the matrix");
    assert!(cols == 0 || (cols - 1) * stride + rows <= to.len(), "panel buffer too small");
    if from.row_stride == 1 {
        if rows == 0 || cols == 0 {
            return;
        }
        let first = row + col * from.col_stride;
        let last = first + (cols - 1) * from.col_stride + rows;
        assert!(last <= from.data.len(), "block outside the matrix");
        // SAFETY: `tiles` is handed out only for an instruction set that the
        // processor has; every row lies inside the slices by the assertions above.
        unsafe {
            let source = from.data[first..].as_ptr();
            (tiles.copy)(source, from.col_stride, to.as_mut_ptr(), stride, cols, rows);
        }
        return;
    }
    assert_eq!(from.col_stride, 1, "one stride of a matrix must be 1");
    if rows == 0 || cols == 0 {
        return;
    }
    let first = row * from.row_stride + col;
    let last = first + (rows - 1) * from.row_stride + cols;
    assert!(last <= from.data.len(), "block outside the matrix");
    assert!(rows <= stride && cols * stride <= to.len(), "panel buffer too small");
    // SAFETY: `tiles` is handed out only for an instruction set that the
    // processor has; every element lies inside the slices by the assertions above.
    unsafe {
        let source = from.data[first..].as_ptr();
        (tiles.transpose)(source, from.row_stride, to.as_mut_ptr(), stride, rows, cols);
    }
}

/// A block of a matrix.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) row: usize,
    pub(super) col: usize,
    pub(super) rows: usize,
    pub(super) cols: usize,
}
