//! The extents of one example, without the batch axis.

use std::fmt;

/// At most this many axes.
pub const MAX_RANK: usize = 4;

/// The shape of one example: `[features]`, or `[channels, height, width]` for
/// images. The batch axis is not part of it; a plan knows how many examples
/// its buffers hold.
///
/// Images are written in PyTorch's order (C, H, W) wherever a person reads a
/// shape; in memory they lie channels-last (H, W, C).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    rank: u8,
    dims: [usize; MAX_RANK],
}

impl Shape {
    /// A shape from its extents, outermost first.
    ///
    /// # Panics
    /// If there are more than [`MAX_RANK`] axes.
    #[must_use]
    pub fn new(dims: &[usize]) -> Self {
        assert!(dims.len() <= MAX_RANK, "a shape has at most {MAX_RANK} axes");
        let mut padded = [1; MAX_RANK];
        padded[..dims.len()].copy_from_slice(dims);
        Shape { rank: dims.len() as u8, dims: padded }
    }

    /// The extents.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.dims[..usize::from(self.rank)]
    }

    /// Number of axes.
    #[must_use]
    pub fn rank(&self) -> usize {
        usize::from(self.rank)
    }

    /// Number of elements of one example.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dims().iter().product()
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, d) in self.dims().iter().enumerate() {
            write!(f, "{}{d}", if i > 0 { "×" } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shape({self})")
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Shape::new(&dims)
    }
}
