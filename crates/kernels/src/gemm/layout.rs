//! Where the rows of a product lie in memory.

/// Rows are the points of a grid (image, line, column of the line), each a run
/// of neighbouring elements: row r of C begins at
/// `start + image · image_step + line · line_step + column · step`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) start: usize,
    /// Columns of a line.
    pub(crate) run: usize,
    pub(crate) step: usize,
    /// Lines of an image.
    pub(crate) lines: usize,
    pub(crate) line_step: usize,
    pub(crate) image_step: usize,
}

impl Layout {
    /// Rows `step` elements apart.
    pub(crate) fn even(start: usize, step: usize) -> Self {
        Layout { start, run: usize::MAX, step, lines: 1, line_step: 0, image_step: 0 }
    }

    /// Where row `r` begins.
    #[inline(always)]
    pub(crate) fn at(&self, r: usize) -> usize {
        if self.run == usize::MAX {
            return self.start + r * self.step;
        }
        let (line, column) = (r / self.run, r % self.run);
        let (image, line) = (line / self.lines, line % self.lines);
        self.start + image * self.image_step + line * self.line_step + column * self.step
    }

    /// Whether `rows` rows from `r` on are `step` elements apart.
    #[inline(always)]
    pub(crate) fn is_even(&self, r: usize, rows: usize) -> bool {
        self.run == usize::MAX || r % self.run + rows <= self.run
    }
}
