//! Experiments, runs, claims and reports.

pub mod results;
