//! Loops over slices: the arithmetic of Kōbai, and nothing else.
//!
//! This is the only crate with unsafe code. Kernels are safe functions: they
//! check lengths once, then run. The first argument is the [`Isa`].

pub mod gemm;
pub mod isa;
pub mod peak;
pub mod philox;
pub mod pool;
pub mod real;
mod simd;

pub use isa::Isa;
pub use pool::Pool;
pub use real::Real;
