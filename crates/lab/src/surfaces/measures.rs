//! What is measured of the paths of one seed.

use super::{Point, Surface, paths};
use kobai_engine::optim::Optimizer;
use kobai_kernels::Isa;

/// The measures of `surface.<rule>.<surface>.<measure>`, each a mean or share
/// over the starts of a seed.
///
/// *Arrived* means within [`BAND`](super::BAND) of the lowest value of the
/// basin in which the point lies. A path that never does counts with all steps.
pub const MEASURES: [(&str, &str); 14] = [
    ("reach", "steps until it first arrives"),
    ("settle", "steps from which on it stays arrived"),
    ("wander", "settle − reach: steps spent leaving again"),
    ("settled", "share of starts that end arrived"),
    ("overshoot", "how far it swings past the minimum, as a share of the start's distance along the valley"),
    ("early_progress", "share of the way along the flat direction done after a twentieth of the steps"),
    ("global", "share of starts that end in the basin of the global minimum"),
    ("found", "share of the starts in a local basin that end in the global one"),
    ("lost", "share of the starts in the global basin that end in another"),
    ("escape", "steps until it is half way from the saddle to a minimum"),
    ("escaped", "share of starts that escape from the saddle"),
    ("effective_early", "median of |update| / |gradient| at the second update"),
    (
        "effective_change",
        "median over params of |update| / |gradient| at a quarter of the steps over that at the second",
    ),
    ("diverged", "share of starts whose path leaves for infinity"),
];

/// Whether a surface has a measure.
pub(super) fn applies(measure: &str, surface: Surface) -> bool {
    match measure {
        "escape" | "escaped" => surface.has_saddle(),
        "overshoot" | "early_progress" => surface.flat().is_some() && !surface.has_saddle(),
        "global" | "found" | "lost" => surface == Surface::TwoMinima,
        _ => true,
    }
}

/// Values beyond this are on their way to infinity.
const FAR: f64 = 1e6;

struct Track {
    start: Point,
    inside: bool,
    reach: Option<usize>,
    settle: usize,
    escape: Option<usize>,
    overshoot: f64,
    early: f64,
    last: Point,
    diverged: bool,
}

/// The measures of one rule on one surface from these starts.
pub(super) fn of(
    optimizer: Optimizer,
    surface: Surface,
    starts: &[Point],
    steps: usize,
    isa: Isa,
) -> Vec<(&'static str, f64)> {
    let mut tracks: Vec<Track> = starts
        .iter()
        .map(|start| Track {
            start: *start,
            inside: false,
            reach: None,
            settle: steps,
            escape: None,
            overshoot: 0.0,
            early: 0.0,
            last: *start,
            diverged: false,
        })
        .collect();
    let flat = surface.flat();
    let along = |p: Point, e: Point| p[0] * e[0] + p[1] * e[1];
    let early_at = (steps / 20).max(1);
    let late_at = (steps / 4).max(2);
    let mut effective: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    paths::descend(optimizer, surface, starts, steps, isa, |step, before, after, gradients, _| {
        for (track, p) in tracks.iter_mut().zip(after.chunks_exact(2)) {
            let p = [p[0], p[1]];
            track.last = p;
            if !(p[0].abs() < FAR && p[1].abs() < FAR) {
                track.diverged = true;
                track.inside = false;
                continue;
            }
            let near = surface.gap(p) < super::BAND;
            if near {
                track.reach = track.reach.or(Some(step));
                if !track.inside {
                    track.settle = step;
                }
            }
            track.inside = near;
            if let Some(e) = flat {
                let (from, now) = (along(track.start, e), along(p, e));
                if surface.has_saddle() {
                    if now.abs() > 0.5 {
                        track.escape = track.escape.or(Some(step));
                    }
                } else {
                    track.overshoot = track.overshoot.max(-now / from);
                    if step == early_at {
                        track.early = 1.0 - (now / from).abs();
                    }
                }
            }
        }
        let slot = match step {
            2 => 0,
            s if s == late_at => 1,
            _ => return,
        };
        let ratio = |i: usize| ((after[i] - before[i]) / gradients[i]).abs();
        effective[slot] = (0..after.len()).map(ratio).collect();
    });
    let n = tracks.len() as f64;
    let mean = |of: &dyn Fn(&Track) -> f64| tracks.iter().map(of).sum::<f64>() / n;
    let count = |steps: usize| steps as f64;
    let settle = |t: &Track| if t.inside { count(t.settle) } else { count(steps) };
    let reach = |t: &Track| count(t.reach.unwrap_or(steps));
    let mut all = vec![
        ("reach", mean(&reach)),
        ("settle", mean(&settle)),
        ("wander", mean(&|t| settle(t) - reach(t))),
        ("settled", mean(&|t| f64::from(t.inside))),
        ("diverged", mean(&|t| f64::from(t.diverged))),
    ];
    if surface.has_saddle() {
        all.push(("escape", mean(&|t| count(t.escape.unwrap_or(steps)))));
        all.push(("escaped", mean(&|t| f64::from(t.escape.is_some()))));
    } else if flat.is_some() {
        all.push(("overshoot", mean(&|t| t.overshoot)));
        all.push(("early_progress", mean(&|t| t.early)));
    }
    if surface == Surface::TwoMinima {
        let ends_global = |t: &Track| !t.diverged && surface.basin(t.last) == 0;
        let share = |of: &dyn Fn(&Track) -> bool, among: usize| {
            let some: Vec<&Track> = tracks.iter().filter(|t| surface.basin(t.start) == among).collect();
            some.iter().filter(|t| of(t)).count() as f64 / some.len().max(1) as f64
        };
        all.push(("global", mean(&|t| f64::from(ends_global(t)))));
        all.push(("found", share(&ends_global, 1)));
        all.push(("lost", share(&|t| !ends_global(t), 0)));
    }
    let change = effective[0].iter().zip(&effective[1]).map(|(early, late)| late / early).collect();
    all.push(("effective_early", median(effective[0].clone())));
    all.push(("effective_change", median(change)));
    all
}

/// The median of the finite values; NaN if there are none.
fn median(mut values: Vec<f64>) -> f64 {
    values.retain(|v| v.is_finite());
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
