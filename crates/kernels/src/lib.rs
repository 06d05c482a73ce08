//! Loops over slices: the arithmetic of Kōbai, and nothing else.
//!
//! This is the only crate with unsafe code. Kernels are safe functions: they
//! check lengths once, then run. The first argument is the [`Isa`].

pub mod activation;
#[cfg(test)]
mod checks;
pub mod dropout;
pub mod elementwise;
pub mod isa;
mod math;
pub mod norm;
pub mod optim;
pub mod philox;
pub mod real;
pub mod reduce;
mod simd;
pub mod softmax;

pub use isa::Isa;
pub use real::Real;
