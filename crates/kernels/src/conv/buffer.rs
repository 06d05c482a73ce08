//! Memory of a thread for blocks that are read soon after they were written.

use crate::memory::Memory;
use std::cell::RefCell;

/// Elements of a cache line.
pub(super) const LINE: usize = 16;

/// Elements of a thread's buffer.
pub(super) const BUFFER: usize = 5 << 18;

thread_local! {
    static MEMORY: RefCell<Option<Memory<f32>>> = const { RefCell::new(None) };
}

/// The part of a buffer that begins on a cache line; at most `LINE` shorter.
pub(super) fn aligned(buffer: &mut [f32]) -> &mut [f32] {
    let skip = buffer.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
    &mut buffer[skip..]
}

/// As [`aligned`], to read.
pub(super) fn line(buffer: &[f32]) -> &[f32] {
    let skip = buffer.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
    &buffer[skip..]
}

/// An odd number of cache lines, so that neighbours fall into different cache sets.
pub(super) const fn spaced(len: usize) -> usize {
    len.next_multiple_of(LINE) | LINE
}

/// Lends this thread's buffer, [`BUFFER`] elements from a cache line on. It is
/// allocated when a thread needs it for the first time.
pub(super) fn with_buffer<R>(f: impl FnOnce(&mut [f32]) -> R) -> R {
    MEMORY.with_borrow_mut(|buffer| f(buffer.get_or_insert_with(|| Memory::zeroed(BUFFER))))
}
