//! Where buffers lie: two buffers may share elements if they are never alive in
//! the same step.
//!
//! Largest first, each at the lowest offset where it collides with no buffer
//! that is alive at the same time. Source of the idea: the planners of ggml and
//! tinygrad, which fit on a page too.

use super::program::Slot;

/// Buffers begin on a cache line.
const LINE: usize = 16;

/// Elements that a buffer takes up.
pub(super) fn rounded(len: usize) -> usize {
    len.next_multiple_of(LINE)
}

/// Sets the offset of every slot and returns the elements of the arena.
pub(super) fn place(slots: &mut [Slot], batch: usize, share: bool) -> usize {
    let mut order: Vec<usize> = (0..slots.len()).collect();
    order.sort_by_key(|i| (std::cmp::Reverse(slots[*i].extent.len(batch)), *i));
    let mut placed: Vec<usize> = Vec::new();
    let mut arena = 0;
    for i in order {
        let len = rounded(slots[i].extent.len(batch));
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|j| !share || overlap(&slots[i], &slots[**j]))
            .map(|j| (slots[*j].offset, slots[*j].offset + rounded(slots[*j].extent.len(batch))))
            .collect();
        taken.sort_unstable();
        let mut offset = 0;
        for (start, end) in taken {
            if offset + len <= start {
                break;
            }
            offset = offset.max(end);
        }
        slots[i].offset = offset;
        arena = arena.max(offset + len);
        placed.push(i);
    }
    arena
}

fn overlap(a: &Slot, b: &Slot) -> bool {
    a.live.start < b.live.end && b.live.start < a.live.end
}
