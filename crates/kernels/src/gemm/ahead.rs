//! What comes next, asked for while tiles compute.
//!
//! A panel of B that comes from memory, or from a cache that the cores share, takes as long
//! as a few tiles. Asked for all at once it would take the places in which the core waits
//! for its own caches, so each step of a tile asks for its share, to arrive in the
//! second-level cache.

/// Elements of a cache line. Who needs more of them than steps waits for memory anyway, and
/// the processor sees what comes.
const LINE: usize = 16;

/// What one tile asks for: `step` elements from `at` on in each of its steps.
#[derive(Clone, Copy)]
pub(super) struct Next {
    pub(super) at: *const f32,
    pub(super) step: usize,
}

impl Next {
    pub(super) const NOTHING: Next = Next { at: std::ptr::null(), step: 0 };
}

/// A run of elements and what of it no tile has asked for yet.
pub(super) struct Ahead {
    at: *const f32,
    left: usize,
    /// For each tile.
    share: usize,
}

impl Ahead {
    pub(super) const NOTHING: Ahead = Ahead { at: std::ptr::null(), left: 0, share: 0 };

    /// `len` elements, which need not exist, for so many tiles.
    pub(super) fn of(at: *const f32, len: usize, tiles: usize) -> Ahead {
        Ahead { at, left: len, share: len.div_ceil(tiles.max(1)) }
    }

    /// The share of the next tile, which has so many steps.
    pub(super) fn share(&mut self, steps: usize) -> Next {
        let len = self.share.min(self.left);
        let step = len.div_ceil(steps.max(1));
        if step > LINE {
            return Next::NOTHING;
        }
        let next = Next { at: self.at, step };
        self.at = self.at.wrapping_add(len);
        self.left -= len;
        next
    }
}
