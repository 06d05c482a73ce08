//! Memory in large pages.
//!
//! A training step walks through more memory than the processor keeps addresses of: with
//! pages of 4 KiB it looks addresses up in tables all the time, in a virtual machine in two
//! of them. Linux gives pages of 2 MiB to whoever asks; elsewhere nothing is asked.

use crate::Real;
use std::ops::{Deref, DerefMut};

/// Bytes of a large page.
const PAGE: usize = 2 << 20;
/// Bytes that are worth a large page.
const LARGE: usize = PAGE / 2;
/// Bytes of a cache line.
const LINE: usize = 64;

/// Elements from which on a tensor is in no cache when it is read again.
const BEYOND: usize = 1 << 21;

/// Whether so many elements are in no cache when they are read again.
#[inline]
pub(crate) fn is_beyond(len: usize) -> bool {
    len >= BEYOND
}

/// Whether `len` elements from `to` on, in rows or groups of `width`, are written past the
/// caches by whole vectors of `lanes`: what is overwritten need not be read first, and what
/// the caches hold stays there.
#[inline]
pub(crate) fn bypasses(len: usize, width: usize, lanes: usize, to: *const f32) -> bool {
    is_beyond(len) && width.is_multiple_of(lanes) && to.align_offset(4 * lanes) == 0
}

/// Whether rows of `f32` so many elements apart fall into few sets of a cache, and drive
/// each other out.
pub(crate) fn crowded(apart: usize) -> bool {
    apart.is_multiple_of(256)
}

/// Elements that begin on a cache line, and in large pages if there are many. What was
/// never touched takes no memory.
///
/// ```
/// use kobai_kernels::memory::Memory;
///
/// let mut memory = Memory::<f32>::zeroed(3 << 20);
/// assert_eq!((memory.len(), memory.as_ptr() as usize % 64, memory[12]), (3 << 20, 0, 0.0));
/// memory[12] = 1.0;
/// ```
#[derive(Debug)]
pub struct Memory<T> {
    /// With room before and behind the elements.
    whole: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Real> Memory<T> {
    /// `len` zeros.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        let (size, bytes) = (size_of::<T>(), len * size_of::<T>());
        let unit = if bytes >= LARGE { PAGE } else { LINE };
        // Whole units, wherever the allocation begins. Zeros come from the system
        // untouched.
        let whole = vec![T::ZERO; bytes.next_multiple_of(unit) / size + unit / size];
        let start = whole.as_ptr().align_offset(unit).min(unit / size);
        let mut memory = Memory { whole, start, len };
        if unit == PAGE {
            let end = start + bytes.next_multiple_of(PAGE) / size;
            ask_for_large_pages(&mut memory.whole[start..end]);
        }
        memory
    }
}

impl<T> Deref for Memory<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.whole[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Memory<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.whole[self.start..self.start + self.len]
    }
}

#[cfg(target_os = "linux")]
fn ask_for_large_pages<T>(memory: &mut [T]) {
    // SAFETY: the range is memory of this process, exclusively borrowed; MADV_HUGEPAGE
    // says how it should be backed and changes no value. If the system has no large
    // pages it answers with an error, and all stays as it was.
    unsafe { libc::madvise(memory.as_mut_ptr().cast(), size_of_val(memory), libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_large_pages<T>(_: &mut [T]) {}

#[cfg(test)]
mod tests {
    use super::{LARGE, LINE, Memory, PAGE};

    #[test]
    fn large_memory_begins_on_a_large_page_and_small_on_a_line() {
        for (len, unit) in [(0, LINE), (1, LINE), (LARGE / 8 - 1, LINE), (LARGE / 8, PAGE), (PAGE / 3, PAGE)]
        {
            let mut memory = Memory::<f64>::zeroed(len);
            assert_eq!((memory.len(), memory.as_ptr() as usize % unit), (len, 0));
            assert!(memory.iter().all(|x| *x == 0.0));
            memory.fill(1.0);
        }
    }
}
