//! The glass box: shapes, layers, graphs, plans and the executor.

pub mod rng;
pub mod shape;
pub mod text;

pub use rng::{Draw, Rng, Stream};
pub use shape::Shape;
pub use text::{Explain, Explanation, Lang};
