//! Experiments, runs, claims and reports.
//!
//! | module | what |
//! |---|---|
//! | [`experiment`] | TOML files: rows, settings, claims |
//! | [`runner`] | runs side by side |
//! | [`claims`], [`stats`] | verdicts over seeds |
//! | [`results`] | what runs leave behind |
//! | [`session`] | one `kobai lab run`, from request to results |
//! | [`calibration`] | how often the doctor is right |
//! | [`mod@doctor`] | why a network does not learn, and what cures it |
//! | [`surfaces`] | optimisers on surfaces of two params |
//! | [`estimate`] | how long that will take |
//! | [`mod@course`] | all experiments and one report |
//! | [`mod@sweep`] | one experiment at many settings |
//! | [`quiz`] | the course's check questions, computed |
//! | [`store`], [`documents`] | run folders and their files |
//! | [`explain`] | one operation, with its own numbers |
//! | [`predict`], [`weights`] | trained networks: what they say, and their files |
//! | [`report`], [`chart`], [`terminal`] | pages, pictures, tables |
//! | [`mod@bench`] | timing of workloads |

pub mod bench;
pub mod calibration;
pub mod chart;
pub mod claims;
pub mod course;
pub mod doctor;
pub mod documents;
pub mod estimate;
pub mod experiment;
pub mod explain;
mod groups;
mod inputs;
pub mod look;
mod measures;
mod neighbours;
mod penalties;
pub mod predict;
pub mod quiz;
pub mod report;
pub mod results;
pub mod runner;
pub mod session;
pub mod stats;
pub mod store;
mod subnets;
pub mod surfaces;
pub mod sweep;
pub mod terminal;
mod watch;
pub mod weights;
