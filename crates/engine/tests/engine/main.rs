//! The engine from outside. One program, because every program compiles the layers it uses anew.
//!
//! | file | what |
//! |---|---|
//! | `gradients.rs` | every layer and loss against central differences, in `f64` |
//! | `parity.rs`, `parity_images.rs`, `zoo_parity.rs`, `zoo_full.rs` | against values recorded from PyTorch |
//! | `zoo.rs`, `image_plans.rs` | shapes, params and counts of plans |
//! | `properties.rs`, `threads_conv.rs`, `bands.rs`, `pooled.rs` | what must not change a bit |
//! | `bf16.rs` | products of bfloat16 beside those of `f32` |
//! | `memory.rs` | the planner's places, and that steps allocate nothing |
//! | `updates.rs`, `auxiliary.rs` | which params change, by what |
//! | `errors.rs` | every message, as printed |

mod common;

mod auxiliary;
mod bands;
mod bf16;
mod errors;
mod gradients;
mod image_plans;
mod memory;
mod parity;
mod parity_images;
mod pooled;
mod properties;
mod threads_conv;
mod updates;
mod zoo;
mod zoo_full;
mod zoo_parity;
