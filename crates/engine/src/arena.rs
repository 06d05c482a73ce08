//! The disjoint parts of the executor's arena that a step works on.

use crate::exec::MAX_INPUTS;
use crate::plan::{Program, SlotId};
use kobai_kernels::Real;

/// Most buffers of one step: inputs, their gradients, and five more.
const MAX_SLOTS: usize = 2 * MAX_INPUTS + 5;

/// First element and length of a buffer that holds `n` examples.
pub(crate) fn place(program: &Program, id: SlotId, n: usize) -> (usize, usize) {
    let slot = &program.slots[id.0];
    (slot.offset, slot.extent.len(n))
}

/// The disjoint slices of the arena that one step works on.
pub(crate) struct Pieces<'a, T> {
    ids: [SlotId; MAX_SLOTS],
    pieces: [&'a mut [T]; MAX_SLOTS],
    count: usize,
}

impl<'a, T: Real> Pieces<'a, T> {
    pub(crate) fn new(arena: &'a mut [T], program: &Program, n: usize, ids: &[SlotId]) -> Self {
        Pieces::collect(arena, program, n, ids.iter().copied())
    }

    /// Splits the arena in the order of offsets. A buffer that is named twice
    /// appears once.
    pub(crate) fn collect(
        arena: &'a mut [T],
        program: &Program,
        n: usize,
        wanted: impl Iterator<Item = SlotId>,
    ) -> Self {
        let mut ids = [SlotId(0); MAX_SLOTS];
        let mut count = 0;
        for id in wanted {
            let offset = program.slots[id.0].offset;
            let at = (0..count).find(|i| program.slots[ids[*i].0].offset >= offset || ids[*i] == id);
            let at = at.unwrap_or(count);
            if at < count && ids[at] == id {
                continue;
            }
            ids.copy_within(at..count, at + 1);
            ids[at] = id;
            count += 1;
        }
        let mut pieces: [&'a mut [T]; MAX_SLOTS] = Default::default();
        let (mut rest, mut done) = (arena, 0);
        for (piece, id) in pieces.iter_mut().zip(&ids[..count]) {
            let (start, len) = place(program, *id, n);
            let (_, tail) = std::mem::take(&mut rest).split_at_mut(start - done);
            let (this, tail) = tail.split_at_mut(len);
            *piece = this;
            rest = tail;
            done = start + len;
        }
        Pieces { ids, pieces, count }
    }

    fn position(&self, id: SlotId) -> usize {
        self.ids[..self.count].iter().position(|i| *i == id).expect("a step names its buffers")
    }

    /// The buffer, to be written; an empty slice for none.
    pub(crate) fn take(&mut self, id: Option<SlotId>) -> &'a mut [T] {
        match id {
            Some(id) => {
                let at = self.position(id);
                std::mem::take(&mut self.pieces[at])
            }
            None => &mut [],
        }
    }

    /// The buffer, to be read; an empty slice for none, or for one that was taken.
    pub(crate) fn get(&self, id: Option<SlotId>) -> &[T] {
        match id {
            Some(id) => self.pieces[self.position(id)],
            None => &[],
        }
    }
}
