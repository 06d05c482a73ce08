//! `[surfaces]` of an experiment file: which rules descend which surfaces.

use super::Surface;
use super::measures::{MEASURES, applies};
use crate::results::Text;
use kobai_engine::optim::Optimizer;

/// What is run on surfaces.
#[derive(Clone, Debug, PartialEq)]
pub struct SurfaceSpec {
    /// The surfaces.
    pub on: Vec<Surface>,
    /// Updates of each path.
    pub steps: usize,
    /// Starts drawn for each seed.
    pub starts: usize,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// An optimiser on surfaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Identifier, such as `momentum`.
    pub id: String,
    /// Name for people.
    pub label: Text,
    /// The update.
    pub optimizer: Optimizer,
    /// Whether the learning rate is tuned for every surface (the file names none).
    pub tuned: bool,
    /// The textbook rule that a course's variant is drawn against.
    pub beside: Option<String>,
}

impl SurfaceSpec {
    /// Every measure that it produces, as claims name them.
    #[must_use]
    pub fn measures(&self) -> Vec<String> {
        let mut all = Vec::new();
        for rule in &self.rules {
            for surface in &self.on {
                let names = MEASURES.iter().filter(|(name, _)| applies(name, *surface));
                all.extend(names.map(|(m, _)| format!("surface.{}.{}.{m}", rule.id, surface.name())));
            }
        }
        all
    }
}
