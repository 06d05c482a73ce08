//! Data sets, decoding, downloads and sampling (draft).
pub mod dataset;
pub mod error;
mod hash;
pub mod registry;
pub mod sampler;
pub use dataset::{Dataset, Inputs, Split, Targets, TargetsMut};
pub use error::DataError;
pub use sampler::{Sampler, Sampling};
pub use registry::{Locations, load};
