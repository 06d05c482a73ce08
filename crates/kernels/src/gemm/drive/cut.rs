//! How rows and columns are cut into groups, blocks and tasks.

use super::NC;
use crate::gemm::tables::Tiles;

/// Column groups of one packed block, at most.
pub(in crate::gemm) const MAX_GROUPS: usize = NC / 8;

/// Tiles of a task below each other, where there are [`MANY`] tasks of them.
const TALL: usize = 4;
const MANY: usize = 16;

/// A run of columns as wide as one tile.
#[derive(Clone, Copy, Default)]
pub(in crate::gemm) struct Group {
    pub(in crate::gemm) col: usize,
    pub(in crate::gemm) cols: usize,
    pub(in crate::gemm) vectors: usize,
}

impl Group {
    /// Most rows of its tiles.
    pub(in crate::gemm) fn height(&self, tiles: &Tiles) -> usize {
        tiles.height(self.vectors, self.cols)
    }

    /// From one of its tiles to the next: what so many rows leave is no tile of a few.
    pub(super) fn step(&self, tiles: &Tiles, rows: usize) -> usize {
        let even = even_parts(rows, self.height(tiles)).max(1);
        if tiles.are_few(self.cols) { even.next_multiple_of(4) } else { even }
    }
}

/// Columns of a block of B: equal blocks, of whole groups.
pub(super) fn block_of(tiles: &Tiles, n: usize) -> usize {
    even_parts(n, NC).next_multiple_of(tiles.wide * tiles.lanes)
}

/// The length of the equal parts, of at most `most`, into which an extent is cut.
pub(in crate::gemm) fn even_parts(extent: usize, most: usize) -> usize {
    extent.div_ceil(extent.div_ceil(most).max(1))
}

/// How many rows and how many of `count` groups of columns a task has, if about `wanted`
/// tasks are to be cut. Tiles below each other read one panel of B: a few of them for each
/// task, where the groups are enough tasks.
pub(super) fn cut(m: usize, height: usize, count: usize, wanted: usize) -> (usize, usize) {
    let tall = m.div_ceil(TALL * height);
    let most = if tall * count >= MANY { tall } else { m.div_ceil(height) };
    let rows = m.div_ceil(wanted.min(most)).next_multiple_of(height);
    let col_blocks = (wanted / m.div_ceil(rows)).clamp(1, count);
    (rows, count.div_ceil(col_blocks))
}

/// Cuts columns into groups: the preferred width, then what is left.
pub(in crate::gemm) fn split(
    tiles: &Tiles,
    col: usize,
    cols: usize,
    groups: &mut [Group; MAX_GROUPS],
) -> usize {
    // One lonely vector beside them would have too few sums.
    let few = Some(cols % tiles.lanes).filter(|few| tiles.are_few(*few) && cols / tiles.lanes != 1);
    let few = few.unwrap_or(0);
    let (mut at, end, mut count) = (col, col + cols - few, 0);
    while at < end {
        let left = (end - at).div_ceil(tiles.lanes);
        let vectors = if left == tiles.wide + 1 {
            // One tile of four, or two of two: never a lonely single vector.
            if tiles.max_rows[tiles.wide] > 0 { tiles.wide + 1 } else { 2 }
        } else {
            left.min(tiles.wide)
        };
        let cols = (vectors * tiles.lanes).min(end - at);
        groups[count] = Group { col: at, cols, vectors };
        count += 1;
        at += cols;
    }
    if few > 0 {
        groups[count] = Group { col: at, cols: few, vectors: 1 };
        count += 1;
    }
    count
}
