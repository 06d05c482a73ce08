//! The layers, one file each: configuration, plan, forward, backward.

mod activation;
mod adaptive_avg_pool2d;
mod add;
mod avg_pool2d;
mod batch_norm;
mod concat;
mod conv2d;
mod dropout;
mod flatten;
mod linear;
mod local_response_norm;
mod max_pool2d;
mod softmax;

pub use activation::{Activation, SigmoidGradient};
pub use adaptive_avg_pool2d::AdaptiveAvgPool2d;
pub use add::Add;
pub use avg_pool2d::AvgPool2d;
pub use batch_norm::BatchNorm;
pub use concat::Concat;
pub use conv2d::Conv2d;
pub use dropout::{Dropout, Scaling};
pub use flatten::Flatten;
pub use linear::Linear;
pub use local_response_norm::LocalResponseNorm;
pub use max_pool2d::MaxPool2d;
pub use softmax::Softmax;

use kobai_kernels::{Pool, Real};
use std::ops::Range;

/// Elements of a task of an element-wise loop.
const PIECE: usize = 1 << 14;

/// Calls `task(where, piece)` for the pieces of a slice, on all threads. For loops
/// whose elements depend on no others.
pub(crate) fn in_pieces<T: Real>(pool: &Pool, data: &mut [T], task: impl Fn(Range<usize>, &mut [T]) + Sync) {
    pool.chunks_mut(data, PIECE, |i, piece| task(i * PIECE..i * PIECE + piece.len(), piece));
}
