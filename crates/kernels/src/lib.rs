//! Loops over slices: the arithmetic of Kōbai, and nothing else.
//!
//! This is the only crate with unsafe code. Kernels are safe functions: they
//! check lengths once, then run. The first argument is the [`Isa`].
//!
//! | module | what |
//! |---|---|
//! | [`gemm`] | matrix product, all transposes |
//! | [`conv`] | 2-d convolution, channels last, forward and backward |
//! | [`activation`] | non-linear functions and their gradients, in place |
//! | [`norm`] | batch normalisation |
//! | [`pool2d`], [`lrn`], [`mod@concat`] | pooling, local response normalisation, channel copies |
//! | [`dropout`] | masks from counters |
//! | [`softmax`] | soft-max, cross-entropy, squared error |
//! | [`optim`] | optimisers, penalties |
//! | [`then`] | sums and activations in the pass that writes an output |
//! | [`reorder`] | images between channels-last and planes |
//! | [`elementwise`], [`reduce`] | loops over slices; sums, statistics, histograms |
//! | [`philox`] | counter-based random bits |
//! | [`pool`], [`memory`] | threads; memory in large pages |
//! | [`isa`], [`real`], [`peak`] | instruction sets, element types, the processor's limit |
//!
//! # The numbers contract
//!
//! A result depends on the values, the shapes and the [`Isa`], never on the
//! number of threads. Each output element is written by one task; every sum has
//! a written order. AVX2 and AVX-512 give the same bits.

pub mod activation;
#[cfg(test)]
mod checks;
pub mod concat;
pub mod conv;
pub mod dropout;
pub mod elementwise;
pub mod gemm;
pub mod isa;
mod lanes;
pub mod lrn;
mod math;
pub mod memory;
pub mod norm;
pub mod optim;
pub mod peak;
pub mod philox;
pub mod pool;
pub mod pool2d;
pub mod real;
pub mod reduce;
pub mod reorder;
mod simd;
pub mod softmax;
pub mod then;

pub use isa::{Isa, Precision};
pub use pool::Pool;
pub use real::Real;
