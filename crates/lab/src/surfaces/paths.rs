//! Paths of the engine's optimisers, many starts at once.

use super::{Point, Rule, Surface};
use kobai_engine::optim::{Optimizer, Updater, Updates};
use kobai_engine::{Rng, Stream};
use kobai_kernels::Isa;

/// How near to the lowest value of its basin a path has arrived.
pub const BAND: f64 = 0.01;

/// Starts of a seed on a surface.
pub(super) fn starts(surface: Surface, seed: u64, n: usize) -> Vec<Point> {
    let node = Surface::ALL.iter().position(|s| *s == surface).unwrap_or(0) as u32;
    let draw = Rng::new(seed).draw(Stream::Data, 0, node);
    (0..n as u64).map(|i| surface.start([0, 1, 2].map(|k| draw.uniform(3 * i + k)))).collect()
}

/// All paths of one rule, in step: after every update `look` sees the step
/// (from 1), the points before and after it, the gradients and the rule's first
/// moment, two numbers per start.
pub(super) fn descend(
    optimizer: Optimizer,
    surface: Surface,
    starts: &[Point],
    steps: usize,
    isa: Isa,
    mut look: impl FnMut(usize, &[f64], &[f64], &[f64], &Updater<f64>),
) {
    let mut params = starts.concat();
    let mut before = params.clone();
    let mut gradients = vec![0.0; params.len()];
    let mut applied = gradients.clone();
    // Every rule treats each param by itself, so one updater serves all starts.
    let mut updater = Updater::<f64>::plain(params.len(), Updates::new(optimizer));
    for step in 1..=steps {
        for (p, g) in params.chunks_exact(2).zip(gradients.chunks_exact_mut(2)) {
            g.copy_from_slice(&surface.gradient([p[0], p[1]]));
        }
        before.copy_from_slice(&params);
        applied.copy_from_slice(&gradients);
        updater.update(isa, &mut params, &mut applied);
        look(step, &before, &params, &gradients, &updater);
    }
}

/// How many rates tuning tries: eight for every power of ten from 10⁻⁴ to 10.
pub(super) const RATES: usize = 41;

fn rates() -> impl Iterator<Item = f64> {
    (0..RATES).map(|i| libm::exp10(-4.0 + i as f64 / 8.0))
}

/// Seeds from here on draw the starts that tuning uses and nothing else does.
const TUNING_SEED: u64 = 1 << 40;

/// The learning rate with which a rule settles soonest on a surface, mean over
/// starts that no claim uses.
#[must_use]
pub(super) fn tuned(rule: &Rule, surface: Surface, starts_per_seed: usize, steps: usize, isa: Isa) -> f64 {
    let starts = starts(surface, TUNING_SEED, starts_per_seed);
    let cost = |lr: f64| {
        let mut optimizer = rule.optimizer;
        *optimizer.lr_mut() = lr;
        let mut settled = vec![steps; starts.len()];
        let mut inside = vec![false; starts.len()];
        let mut left = 0.0;
        descend(optimizer, surface, &starts, steps, isa, |step, _, after, _, _| {
            for (i, p) in after.chunks_exact(2).enumerate() {
                let gap = surface.gap([p[0], p[1]]);
                let near = gap < BAND;
                if near && !inside[i] {
                    settled[i] = step;
                }
                inside[i] = near;
                if step == steps {
                    left += if gap.is_finite() { gap } else { f64::MAX / starts.len() as f64 };
                }
            }
        });
        let all = settled.iter().zip(&inside).map(|(s, inside)| if *inside { *s } else { steps });
        (all.sum::<usize>(), left)
    };
    // Of rates with which nobody arrives, the one that ends lowest.
    let tried = rates().map(|lr| (cost(lr), lr));
    let best = tried.min_by(|((a, x), _), ((b, y), _)| a.cmp(b).then(x.total_cmp(y)));
    best.map_or(0.01, |(_, lr)| lr)
}
