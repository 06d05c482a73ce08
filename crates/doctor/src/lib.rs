//! The doctor: why a network does not learn.
//!
//! A [`Recorder`] watches a training run and leaves a [`Record`]: figures by
//! layer and step, losses, the first value that is no number. A [`Check`] looks
//! at a record and says whether it finds its disease, with the numbers that say
//! so beside their normal range, what else it could be, and an edit of the
//! experiment file. [`diagnose`] asks all checks and orders what they find.
//!
//! | module | what |
//! |---|---|
//! | [`record`] | everything that checks may look at |
//! | [`data`] | figures about inputs and labels |
//! | [`recorder`] | the observer that fills a record |
//! | [`checks`] | one file per disease |
//! | [`rank`] | causes before their symptoms |
//! | [`report`] | what a person reads |
//!
//! Not here: running networks, reading files, editing them. `kobai-lab` does that.

pub mod checks;
pub mod data;
pub mod finding;
pub mod rank;
pub mod record;
pub mod recorder;
pub mod report;
mod sample;
mod series;

pub use checks::{About, Check, Page, Stage};
pub use data::DataFacts;
pub use finding::{Edit, Evidence, Finding, Prescription, Setting, Severity, Words};
pub use rank::{Diagnosis, diagnose};
pub use record::{Record, Settings};
pub use recorder::Recorder;
