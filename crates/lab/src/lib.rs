//! Experiments, runs, claims and reports.
//!
//! | module | what |
//! |---|---|
//! | [`experiment`] | TOML files: rows, settings, claims |
//! | [`runner`] | runs side by side |
//! | [`claims`], [`stats`] | verdicts over seeds |
//! | [`results`] | what runs leave behind |
//! | [`session`] | one `kobai lab run`, from request to results |
//! | [`store`], [`documents`] | run folders and their files |
//! | [`explain`] | one operation, with its own numbers |
//! | [`report`], [`chart`], [`terminal`] | pages, pictures, tables |
//! | [`weights`] | weight files: PyTorch and safetensors in, safetensors out |
//! | [`mod@bench`] | timing of workloads |

pub mod bench;
pub mod chart;
pub mod claims;
pub mod documents;
pub mod experiment;
pub mod explain;
mod measures;
pub mod report;
pub mod results;
pub mod runner;
pub mod session;
pub mod stats;
pub mod store;
mod subnets;
pub mod terminal;
mod watch;
pub mod weights;
