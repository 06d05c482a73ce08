//! Loops over slices: the arithmetic of Kōbai, and nothing else.
//!
//! This is the only crate with unsafe code. Kernels are safe functions: they
//! check lengths once, then run. The first argument is the [`Isa`].

pub mod isa;
pub mod philox;
pub mod real;
mod simd;

pub use isa::Isa;
pub use real::Real;
