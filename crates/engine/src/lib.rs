//! The glass box: shapes, layers, graphs, plans and the executor.
//!
//! A [`Graph`] names layers and edges. A [`Plan`] is everything that follows
//! from it before there are data: shapes, params, steps, buffers and their
//! places; every mistake of the user is found there. An [`Executor`] runs the
//! plan. An [`Observer`] looks at it while it runs. An
//! [`Updater`](optim::Updater) turns gradients into new params.
//!
//! To understand training, read a file of [`layers`]: each has the formula, its
//! gradient, and both as code.
//!
//! Not here: clocks, files, environment variables, global random state, file
//! formats.

pub mod error;
pub mod init;
pub mod layer;
pub mod layers;
pub mod loss;
pub mod observe;
pub mod optim;
pub mod plan;
pub mod rng;
pub mod shape;
pub mod text;
pub mod zoo;

mod alone;
mod arena;
mod exec;
mod graph;

pub use alone::{Alone, Gradients};
pub use error::{PlanError, PlanErrors, Problem};
pub use exec::{Executor, MAX_INPUTS};
pub use graph::{Graph, Node, NodeId};
pub use loss::{Loss, Reduction, Score, Targets};
pub use observe::{Event, Observer, Part, Probe, Unobserved, Wants};
pub use plan::{NodePlan, Plan, PlanOptions};
pub use rng::{Draw, Rng, Stream};
pub use shape::Shape;
pub use text::{Explain, Explanation, Lang};
