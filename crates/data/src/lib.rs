//! Data sets, decoding, downloads and sampling for the Kōbai deep-learning
//! trainer.
//!
//! ```
//! use kobai_data::{Locations, load};
//!
//! let split = load("digits", &Locations::none())?; // embedded: no file, no network
//! assert_eq!((split.train.len(), split.test.len()), (1437, 360));
//! # Ok::<(), kobai_data::DataError>(())
//! ```
//!
//! A set has a name in the [`registry`]: embedded ([`digits`]), procedural
//! ([`synthetic`]) or files that [`Locations`] finds on this machine (IDX,
//! [`cifar`]). Pictures in class folders ([`folder`]) are loaded from a path.
//! [`load`] never touches the network; only [`download::get`] does.
//!
//! A [`Sampler`] says which examples form a batch, a [`Loader`] fills it.
//!
//! Deliberately not here: Keras' `mnist.npz` and parquet (the four IDX files
//! hold the same data and one reader is enough), and anything that prints.

mod archive;
pub mod cifar;
pub mod dataset;
pub mod digits;
pub mod download;
pub mod error;
pub mod folder;
mod hash;
pub mod idx;
pub mod image;
pub mod loader;
pub mod locate;
pub mod registry;
pub mod sampler;
pub mod summary;
pub mod synthetic;
pub mod verify;

pub use dataset::{Dataset, Inputs, Split, Targets, TargetsMut};
pub use error::DataError;
pub use image::Image;
pub use loader::{Augment, Loader};
pub use locate::Locations;
pub use registry::{SetInfo, load};
pub use sampler::{Sampler, Sampling};
pub use synthetic::Synthetic;
