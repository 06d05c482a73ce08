//! Learning rates that change with the step.

/// What the learning rate is multiplied by, as a function of the step alone: a
/// run that is continued needs no memory of it.
///
/// | decay | factor at step t of T |
/// |---|---|
/// | constant | 1 |
/// | step | γ per milestone (a share of T) that t has reached |
/// | cosine | (1 + cos(π t/T)) / 2 |
///
/// For the first `warmup` steps the factor grows linearly on top of that, from
/// 1/warmup to 1: large networks with momentum diverge if they begin at the full
/// rate (Goyal et al. 2017). Cosine: Loshchilov & Hutter 2017, without restarts.
///
/// ```
/// use kobai_engine::optim::{Decay, Schedule};
/// let schedule = Schedule { decay: Decay::Cosine, warmup: 0 };
/// assert_eq!(schedule.factor(0, 100), 1.0);
/// assert!((schedule.factor(50, 100) - 0.5).abs() < 1e-12);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schedule {
    /// How the rate falls.
    pub decay: Decay,
    /// Steps of linear growth at the beginning; 0 for none.
    pub warmup: u64,
}

/// How a learning rate falls over a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Decay {
    /// Not at all.
    #[default]
    Constant,
    /// By a factor at certain points, as in the papers on VGG and ResNet.
    Step {
        /// Where, as shares of the run between 0 and 1, in order.
        milestones: Vec<f64>,
        /// The factor γ.
        gamma: f64,
    },
    /// Along half a wave of the cosine, to 0 at the end.
    Cosine,
}

impl Schedule {
    /// Whether the rate never changes.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        *self == Schedule::default()
    }

    /// The factor for the update of a step, counted from 0, of `steps` in all.
    #[must_use]
    pub fn factor(&self, step: u64, steps: u64) -> f64 {
        let done = step as f64 / steps.max(1) as f64;
        let decay = match &self.decay {
            Decay::Constant => 1.0,
            Decay::Step { milestones, gamma } => {
                milestones.iter().filter(|at| done >= **at).fold(1.0, |factor, _| factor * gamma)
            }
            // `libm`: the same bits everywhere.
            Decay::Cosine => 0.5 * (1.0 + libm::cos(std::f64::consts::PI * done)),
        };
        if step < self.warmup { decay * (step + 1) as f64 / self.warmup as f64 } else { decay }
    }
}

#[cfg(test)]
mod tests {
    use super::{Decay, Schedule};

    #[test]
    fn milestones_are_shares_of_the_run() {
        let decay = Decay::Step { milestones: vec![0.5, 0.75], gamma: 0.1 };
        let schedule = Schedule { decay, warmup: 0 };
        let factors: Vec<f64> = [0, 49, 50, 74, 75, 99].iter().map(|t| schedule.factor(*t, 100)).collect();
        assert_eq!(factors, [1.0, 1.0, 0.1, 0.1, 0.1 * 0.1, 0.1 * 0.1]);
    }

    #[test]
    fn warmup_grows_to_the_full_rate() {
        let schedule = Schedule { decay: Decay::Constant, warmup: 4 };
        let factors: Vec<f64> = (0..6).map(|t| schedule.factor(t, 6)).collect();
        assert_eq!(factors, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
    }

    /// PyTorch's CosineAnnealingLR(T_max = 8), recorded for lr = 1.
    #[test]
    fn cosine_is_pytorchs() {
        let schedule = Schedule { decay: Decay::Cosine, warmup: 0 };
        let torch = [
            1.0,
            0.961_939_766_255_643_4,
            0.853_553_390_593_273_8,
            0.691_341_716_182_544_9,
            0.5,
            0.308_658_283_817_455_14,
            0.146_446_609_406_726_24,
            0.038_060_233_744_356_63,
        ];
        for (t, expected) in (0..).zip(torch) {
            assert!((schedule.factor(t, 8) - expected).abs() < 1e-15, "step {t}");
        }
    }
}
