//! What a trained network has learned and what it sees, as pictures.
//!
//! | file | what |
//! |---|---|
//! | `trace.rs` | one example through a network: what every node gives, and gradients back to any node |
//! | `pictures.rs` | filters, activations and Grad-CAM as pictures |
//! | `rows.rs` | what a report shows of the rows that its experiment names |
//! | `source.rs` | a network with its weights: of the zoo with a file, or of a run folder |
//!
//! Every number comes from the engine's layers, run one by one.

mod pictures;
mod rows;
mod source;
mod trace;

pub use pictures::{activations, filters, gradcam};
pub(crate) use rows::of_rows;
pub use source::{LookError, Network, Shown, Subject, write};
pub use trace::Trace;
