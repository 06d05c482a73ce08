//! What checks use.

pub(super) use super::{About, Check, Page, Stage};
pub(super) use crate::finding::{Edit, Evidence, Finding, Prescription, Setting, Severity};
pub(super) use crate::record::{LayerStats, Look, Point, Record};
pub(super) use crate::series::{belief, median, slope, trend};
pub(super) use crate::words;
pub(super) use kobai_engine::NodePlan;
pub(super) use kobai_engine::init::{Fans, Init};
pub(super) use kobai_engine::layer::LayerKind;
pub(super) use kobai_engine::layers::Activation;
pub(super) use kobai_engine::optim::Optimizer;
