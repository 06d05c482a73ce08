//! The reference: a convolution as a matrix product.
//!
//! `im2col` writes one row for each output pixel. The row holds what that pixel
//! looks at: for each kernel tap (row by row, then column by column) the
//! channels of the input pixel under it, or zeros where the tap lies on the
//! padding. Weights are stored in the same order, one row for each output
//! channel, so that
//!
//! ```text
//! y[pixel, out]            = Σ over (kh, kw, c) of columns[pixel, (kh, kw, c)] · w[out, (kh, kw, c)]
//! grad_w[out, (kh, kw, c)] = Σ over pixels of g[pixel, out] · columns[pixel, (kh, kw, c)]
//! grad_columns             = g · w, which `col2im` adds back to the pixels they came from
//! ```
//!
//! `col2im` is the adjoint of `im2col`: it gathers nothing, it adds. The matrix
//! is kernel-size times larger than the image, which is why the fast paths
//! never build it. These functions build it, and serve as their twin and as
//! explanation.

use super::Conv;
use crate::Real;

impl Conv {
    /// Elements of the im2col matrix: groups · pixels · (taps · in/groups).
    #[must_use]
    pub fn columns_len(&self, n: usize) -> usize {
        self.groups * self.pixels(n) * self.depth()
    }

    /// Calls `visit(column offset, image offset)` for each tap of each output
    /// pixel of each group; the image offset is `None` on the padding. Both
    /// offsets begin a run of in/groups channels.
    fn each_tap(&self, n: usize, mut visit: impl FnMut(usize, Option<usize>)) {
        let channels = self.in_channels / self.groups;
        let mut column = 0;
        for group in 0..self.groups {
            for image in 0..n {
                for oh in 0..self.out_height() {
                    for ow in 0..self.out_width() {
                        for kh in 0..self.kernel[0] {
                            for kw in 0..self.kernel[1] {
                                // On the padding the difference wraps to a huge number.
                                let h = (oh * self.stride[0] + kh * self.dilation[0])
                                    .wrapping_sub(self.padding[0]);
                                let w = (ow * self.stride[1] + kw * self.dilation[1])
                                    .wrapping_sub(self.padding[1]);
                                let pixel = (h < self.height && w < self.width)
                                    .then(|| (image * self.height + h) * self.width + w);
                                visit(column, pixel.map(|p| p * self.in_channels + group * channels));
                                column += channels;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The matrix of what each output pixel looks at: for each group, rows = output
/// pixels (image, row, column), columns = (kernel row, kernel column, channel of
/// the group); zeros on the padding.
///
/// `x`: (n, height, width, in); `columns`: [`Conv::columns_len`] elements.
///
/// # Panics
/// If a length differs.
pub fn im2col<T: Real>(conv: &Conv, n: usize, x: &[T], columns: &mut [T]) {
    assert_eq!(x.len(), conv.in_len(n), "the input has another length");
    assert_eq!(columns.len(), conv.columns_len(n), "the matrix has another length");
    let channels = conv.in_channels / conv.groups;
    conv.each_tap(n, |column, pixel| {
        let to = &mut columns[column..column + channels];
        match pixel {
            Some(at) => to.copy_from_slice(&x[at..at + channels]),
            None => to.fill(T::ZERO),
        }
    });
}

/// The adjoint of [`im2col`]: `x` becomes, for each input pixel, the sum of the
/// matrix elements that were copied from it, in the order of the matrix.
///
/// # Panics
/// If a length differs.
pub fn col2im<T: Real>(conv: &Conv, n: usize, columns: &[T], x: &mut [T]) {
    assert_eq!(x.len(), conv.in_len(n), "the input has another length");
    assert_eq!(columns.len(), conv.columns_len(n), "the matrix has another length");
    let channels = conv.in_channels / conv.groups;
    x.fill(T::ZERO);
    conv.each_tap(n, |column, pixel| {
        if let Some(at) = pixel {
            for (x, c) in x[at..at + channels].iter_mut().zip(&columns[column..]) {
                *x += *c;
            }
        }
    });
}
