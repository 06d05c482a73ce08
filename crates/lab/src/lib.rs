//! Experiments, runs, claims and reports.

pub mod chart;
pub mod report;
pub mod results;
pub mod terminal;
