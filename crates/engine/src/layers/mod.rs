//! The layers, one file each: configuration, plan, forward, backward.

mod activation;
mod add;
mod batch_norm;
mod dropout;
mod flatten;
mod linear;

pub use activation::{Activation, SigmoidGradient};
pub use add::Add;
pub use batch_norm::BatchNorm;
pub use dropout::{Dropout, Scaling};
pub use flatten::Flatten;
pub use linear::Linear;
