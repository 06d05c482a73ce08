//! Which tiles an instruction set has.

use super::drive::even_parts;
use super::few;
use super::micro::{End, TileFn};

/// Tiles by width and height: `[nv - 1][mr - 1]`.
pub(super) type Table = [[Option<TileFn>; MAX_ROWS]; MAX_VECTORS];

/// The tiles of one instruction set.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    /// Elements of a vector.
    pub(super) lanes: usize,
    /// Most rows of a tile that is `nv` vectors wide.
    pub(super) max_rows: [usize; MAX_VECTORS],
    /// Preferred vectors of a tile; column groups use this width and finish with others.
    pub(super) wide: usize,
    /// `[packed][end]`. A function for each: several tiles in one make LLVM spill.
    pub(super) tables: [[Table; 3]; 2],
    /// At most so many columns have tiles of their own ([`super::few`]): 0, 4 or 8.
    pub(super) few: usize,
    /// One for all sizes, instead of the tables; it reads rows of A, and steps in blocks.
    pub(super) any: Option<TileFn>,
    /// Steps of such a block. What an inner extent lacks to whole blocks, is zeros in both
    /// operands.
    pub(super) steps: usize,
    /// Most elements after the whole vectors of a row that count as half a vector.
    pub(super) half: usize,
    /// Copies rows: source, its stride, target, its stride, rows, columns.
    pub(super) copy: unsafe fn(*const f32, usize, *mut f32, usize, usize, usize),
    /// Transposes rows: source, its stride, target, its stride, rows, columns.
    pub(super) transpose: unsafe fn(*const f32, usize, *mut f32, usize, usize, usize),
}

impl Tiles {
    /// Whether so many columns have tiles of their own.
    #[inline]
    pub(super) fn are_few(&self, cols: usize) -> bool {
        (1..=self.few).contains(&cols)
    }

    /// Most rows of a tile of `cols` columns in `vectors` vectors.
    #[inline]
    pub(super) fn height(&self, vectors: usize, cols: usize) -> usize {
        if self.are_few(cols) { few::ROWS } else { self.max_rows[vectors - 1] }
    }

    /// The length of the equal parts, of at most `most` steps and of whole blocks, into which
    /// so many whole blocks are cut.
    pub(super) fn even_steps(&self, steps: usize, most: usize) -> usize {
        even_parts(steps, most / self.steps * self.steps).next_multiple_of(self.steps)
    }

    /// The same for rows of tiles: registers of a fixed number of rows are better filled.
    pub(super) fn even_rows(&self, rows: usize, most: usize) -> usize {
        if self.any.is_some() { most } else { even_parts(rows, most) }
    }

    /// The tile of `rows` rows and `cols` columns in `vectors` vectors.
    ///
    /// # Panics
    /// If there is none of this size.
    #[inline]
    pub(super) fn of(&self, packed: bool, vectors: usize, rows: usize, cols: usize) -> TileFn {
        if let Some(any) = self.any {
            return any;
        }
        if self.are_few(cols) {
            return few::tile(packed, cols);
        }
        let last = cols - (vectors - 1) * self.lanes;
        let end = if last == self.lanes {
            End::Whole
        } else if last <= self.half {
            End::Half
        } else {
            End::Inside
        };
        self.tables[usize::from(packed)][end as usize][vectors - 1][rows - 1]
            .expect("tile heights are within the table")
    }
}

pub(super) const MAX_VECTORS: usize = 4;
pub(super) const MAX_ROWS: usize = 8;
