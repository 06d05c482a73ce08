//! Optimisers on surfaces of two params, where their characters can be seen.
//!
//! The rules are the engine's own, in double precision; the starts of a seed
//! are drawn as everything else is, so paths and measures are the same bits on
//! every machine. A learning rate that the file does not name is tuned for
//! each rule and surface on starts of its own: rules are compared at their best.
//!
//! Claims name a measure as `surface.<rule>.<surface>.<measure>`; see
//! [`MEASURES`].

mod computed;
mod measures;
mod paths;
mod spec;
mod surface;

pub(crate) use computed::{computed, memory};
pub use measures::MEASURES;
pub use paths::BAND;
pub use spec::{Rule, SurfaceSpec};
pub use surface::{Point, Surface};

use crate::results::Text;
use kobai_engine::optim::Optimizer;
use kobai_kernels::Isa;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Updates of a path that pictures show.
pub const SHOWN: usize = 160;

/// What came out on surfaces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Surfaces {
    /// Updates of each path.
    pub steps: usize,
    /// Starts of each seed.
    pub starts: usize,
    /// The rules: identifier, name, and the rule that a variant is drawn against.
    pub rules: Vec<RuleName>,
    /// The surfaces.
    pub surfaces: Vec<OnSurface>,
}

/// A rule's names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleName {
    /// Identifier.
    pub id: String,
    /// Name for people.
    pub label: Text,
    /// The textbook rule that a variant is drawn against.
    pub beside: Option<String>,
}

/// All rules on one surface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnSurface {
    /// The surface's name.
    pub surface: String,
    /// Its paths, in the order of the rules.
    pub paths: Vec<Path>,
    /// Rule → measure → value of every seed.
    pub measures: BTreeMap<String, BTreeMap<String, Vec<f64>>>,
}

/// The path from the picture's start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Path {
    /// The rule.
    pub rule: String,
    /// Its learning rate.
    pub lr: f64,
    /// The start and the point after each update.
    pub points: Vec<Point>,
    /// |update| / |gradient| of each param at each update.
    pub effective: Vec<Point>,
    /// Root of the accumulated or averaged squares after each update, for rules that keep them.
    pub root_of_squares: Vec<Point>,
}

impl Surfaces {
    /// The values of a measure over seeds.
    #[must_use]
    pub fn measure(&self, rule: &str, surface: &str, measure: &str) -> Option<&Vec<f64>> {
        let on = self.surfaces.iter().find(|s| s.surface == surface)?;
        on.measures.get(rule)?.get(measure)
    }
}

/// The surface of a name.
#[must_use]
pub fn named(name: &str) -> Option<Surface> {
    Surface::ALL.into_iter().find(|s| s.name() == name)
}

/// Runs all rules on all surfaces, for every seed.
#[must_use]
pub fn run(spec: &SurfaceSpec, seeds: &[u64], isa: Isa) -> Surfaces {
    let on = |surface: Surface| {
        let mut on =
            OnSurface { surface: surface.name().into(), paths: Vec::new(), measures: BTreeMap::new() };
        for rule in &spec.rules {
            let mut optimizer = rule.optimizer;
            if rule.tuned {
                *optimizer.lr_mut() = paths::tuned(rule, surface, spec.starts, spec.steps, isa);
            }
            on.paths.push(shown(&rule.id, optimizer, surface, spec.steps.min(SHOWN), isa));
            let all = on.measures.entry(rule.id.clone()).or_default();
            for seed in seeds {
                let starts = paths::starts(surface, *seed, spec.starts);
                for (name, value) in measures::of(optimizer, surface, &starts, spec.steps, isa) {
                    all.entry(name.to_string()).or_default().push(value);
                }
            }
        }
        on
    };
    let name = |r: &Rule| RuleName { id: r.id.clone(), label: r.label.clone(), beside: r.beside.clone() };
    Surfaces {
        steps: spec.steps,
        starts: spec.starts,
        rules: spec.rules.iter().map(name).collect(),
        surfaces: on_all_cores(&spec.on, on),
    }
}

/// About how long [`run`] takes: one rule on one surface, timed.
pub(crate) fn estimate(spec: &SurfaceSpec, seeds: usize, isa: Isa) -> f64 {
    let Some(rule) = spec.rules.last() else { return 0.0 };
    let starts = paths::starts(Surface::Rosenbrock, 0, spec.starts);
    let begin = std::time::Instant::now();
    measures::of(rule.optimizer, Surface::Rosenbrock, &starts, spec.steps, isa);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let side_by_side = cores.min(spec.on.len()).max(1) as f64;
    let descents = seeds + if rule.tuned { paths::RATES } else { 0 };
    begin.elapsed().as_secs_f64() * (descents * spec.rules.len() * spec.on.len()) as f64 / side_by_side
}

/// The surfaces side by side; each is computed by one thread alone.
fn on_all_cores(surfaces: &[Surface], on: impl Fn(Surface) -> OnSurface + Sync) -> Vec<OnSurface> {
    let on = &on;
    std::thread::scope(|scope| {
        let all: Vec<_> = surfaces.iter().map(|s| scope.spawn(move || on(*s))).collect();
        all.into_iter().map(|t| t.join().unwrap_or_else(|e| std::panic::resume_unwind(e))).collect()
    })
}

fn shown(rule: &str, mut optimizer: Optimizer, surface: Surface, steps: usize, isa: Isa) -> Path {
    let start = surface.shown_start();
    let lr = *optimizer.lr_mut();
    let mut path =
        Path { rule: rule.into(), lr, points: vec![start], effective: vec![], root_of_squares: vec![] };
    // Which moment holds squares.
    let squares = match optimizer {
        Optimizer::AdaGrad { .. } | Optimizer::CourseAdaGrad { .. } | Optimizer::RmsProp { .. } => Some(0),
        Optimizer::Adam { .. } | Optimizer::AdamW { .. } | Optimizer::CourseAdam { .. } => Some(1),
        _ => None,
    };
    paths::descend(optimizer, surface, &[start], steps, isa, |_, before, after, gradient, updater| {
        path.points.push([after[0], after[1]]);
        path.effective.push([0, 1].map(|i| ((after[i] - before[i]) / gradient[i]).abs()));
        if let Some(k) = squares {
            let moments = updater.export();
            let h = &moments.values[k];
            path.root_of_squares.push([h[0].sqrt(), h[1].sqrt()]);
        }
    });
    path
}

#[cfg(test)]
mod tests;
