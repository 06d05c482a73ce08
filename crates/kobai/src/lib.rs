//! Kōbai: a deep-learning trainer you can see through.
//!
//! This crate gathers the library's parts under one name and is the `kobai`
//! binary.
//!
//! | module | what |
//! |---|---|
//! | [`engine`] | shapes, layers, graphs, plans, executor, observers, optimisers |
//! | [`data`] | data sets, decoding, downloads, sampling |
//! | [`doctor`] | why a network does not learn: checks over what a run shows |
//! | [`lab`] | experiments, runs, claims, reports, the doctor at work |
//! | [`kernels`] | loops over slices, SIMD, threads |
//!
//! ```
//! use kobai::prelude::*;
//!
//! let mut g = Graph::new([64].into());
//! let x = g.linear("fc1", g.input(), 40);
//! let x = g.activation("relu1", x, Activation::Relu);
//! let x = g.linear("fc2", x, 10);
//! g.output(x, Loss::CrossEntropy);
//! let plan = Plan::new(&g, &PlanOptions::batch(100)).unwrap();
//! print!("{}", plan.table(Lang::En));
//! ```

pub use kobai_data as data;
pub use kobai_doctor as doctor;
pub use kobai_engine as engine;
pub use kobai_kernels as kernels;
pub use kobai_lab as lab;

/// What most programs need.
pub mod prelude {
    pub use kobai_engine::init::{Fan, Init};
    pub use kobai_engine::layers::{Activation, BatchNorm, Dropout, Linear};
    pub use kobai_engine::optim::{Clip, Optimizer, Penalty, Updater, Updates};
    pub use kobai_engine::{
        Alone, Event, Executor, Graph, Lang, Loss, Observer, Plan, PlanOptions, Rng, Shape, Stream, Targets,
        Unobserved, Wants,
    };
    pub use kobai_kernels::{Isa, Pool};
}
