//! Where the windows of tiles lie on images, and which comes next.

/// How the windows of tiles lie on images. Tile (a, b) of an image begins at
/// pixel (a · M + offset\[0\], b · M + offset\[1\]), which may be outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    /// Rows and columns of an image.
    pub(super) extent: [usize; 2],
    pub(super) channels: usize,
    /// Tiles on each axis.
    pub(super) tiles: [usize; 2],
    /// Pixels between tiles.
    pub(super) step: usize,
    pub(super) offset: [isize; 2],
}

/// The pixels of one tile's window.
pub(super) struct Window {
    /// Element of the first pixel, as if the image went on in all directions.
    pub(super) at: isize,
    /// Rows and columns of the window that lie on the image: from, to.
    pub(super) rows: [usize; 2],
    pub(super) cols: [usize; 2],
}

impl Grid {
    /// The window of `size` × `size` pixels of tile `tile`, counted over all images.
    #[inline(always)]
    pub(super) fn window(&self, tile: usize, size: usize) -> Window {
        let (line, b) = (tile / self.tiles[1], tile % self.tiles[1]);
        let (image, a) = (line / self.tiles[0], line % self.tiles[0]);
        let row = (a * self.step) as isize + self.offset[0];
        let col = (b * self.step) as isize + self.offset[1];
        let inside = |from: isize, extent: usize| {
            let low = (-from).clamp(0, size as isize) as usize;
            let high = (extent as isize - from).clamp(low as isize, size as isize) as usize;
            [low, high]
        };
        let lines = (image * self.extent[0]) as isize + row;
        Window {
            at: (lines * self.extent[1] as isize + col) * self.channels as isize,
            rows: inside(row, self.extent[0]),
            cols: inside(col, self.extent[1]),
        }
    }
}

/// Vectors of windows between the one that is worked on and the one that is asked for: a
/// window's lines are so far apart that the processor does not see which come next.
const AHEAD: usize = 8;

/// The window that is asked for, seen from the first channel of each tile.
pub(super) struct Next {
    /// Element of that tile's first pixel, as in [`Window`].
    tile: isize,
    /// Channels of the same tile that are skipped, and channels in all.
    skip: usize,
    channels: usize,
}

impl Grid {
    /// The window that comes [`AHEAD`] vectors of `lanes` of these channels behind the
    /// beginning of tile `p` of `count` from `first` on: of a later tile, or of the same
    /// one if it has more vectors.
    #[inline(always)]
    pub(super) fn next(
        &self,
        (first, p, count): (usize, usize, usize),
        size: usize,
        channels: usize,
        lanes: usize,
    ) -> Next {
        let vectors = channels.div_ceil(lanes).max(1);
        let later = (p + (AHEAD / vectors).max(1)).min(count - 1);
        let skip = if vectors > AHEAD { AHEAD * lanes } else { 0 };
        Next { tile: self.window(first + later, size).at, skip, channels }
    }
}

impl Next {
    /// From the first element of an image to where channel `c` of the window begins, for
    /// a tile that begins at `here`.
    #[inline(always)]
    pub(super) fn at(&self, here: isize, c: usize) -> isize {
        let c = c + self.skip;
        if c < self.channels && self.skip > 0 {
            here + c as isize
        } else {
            self.tile + (c % self.channels) as isize
        }
    }
}
