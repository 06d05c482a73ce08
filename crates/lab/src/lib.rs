//! Experiments, runs, claims and reports.

pub mod chart;
pub mod results;
