//! Optimisers, penalties and clipping: from gradients to new params.
//!
//! The arithmetic of each optimiser is one function in
//! [`kobai_kernels::optim`], readable alone; here is which one runs, on which
//! params, after which changes to the gradient, in this order: clip, penalty,
//! update.

use crate::plan::{ParamSlot, Plan};
use kobai_kernels::memory::Memory;
use kobai_kernels::{Isa, Pool, Real, optim as kernel, reduce};
use std::ops::Range;

mod moments;
mod schedule;

pub use moments::{Moments, MomentsError};
pub use schedule::{Decay, Schedule};

/// Elements of a task of an update.
const PIECE: usize = 1 << 14;

/// A rule for changing params, with g the gradient and t = 1, 2, … the update.
///
/// | rule | update | defaults |
/// |---|---|---|
/// | SGD | p −= lr·g | |
/// | Momentum | v = μv + g; p −= lr·v | μ 0.9 |
/// | Nesterov | v = μv + g; p −= lr·(g + μv) | μ 0.9 |
/// | AdaGrad | h += g²; p −= lr·g/(√h + ε) | ε 1e-10 |
/// | RMSProp | h = ρh + (1−ρ)g²; p −= lr·g/(√h + ε) | ρ 0.99, ε 1e-8 |
/// | Adam | m, v means of g and g² with β₁, β₂; p −= lr·m̂/(√v̂ + ε) | β 0.9, 0.999, ε 1e-8 |
/// | AdamW | p −= lr·λ·p, then Adam | λ 0.01 |
///
/// They agree with PyTorch's. The `Course…` rules are those of a course's
/// notebooks, so that its numbers can be reproduced; see each.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the table above")]
pub enum Optimizer {
    Sgd {
        lr: f64,
    },
    Momentum {
        lr: f64,
        momentum: f64,
    },
    Nesterov {
        lr: f64,
        momentum: f64,
    },
    AdaGrad {
        lr: f64,
        eps: f64,
    },
    RmsProp {
        lr: f64,
        rho: f64,
        eps: f64,
    },
    Adam {
        lr: f64,
        beta1: f64,
        beta2: f64,
        eps: f64,
    },
    AdamW {
        lr: f64,
        beta1: f64,
        beta2: f64,
        eps: f64,
        weight_decay: f64,
    },
    /// v = μv − lr·g; p += v. The same as Momentum while lr is constant.
    CourseMomentum {
        lr: f64,
        momentum: f64,
    },
    /// v = μv − lr·g; then p += μ²v − (1 + μ)lr·g with the *new* v.
    CourseNesterov {
        lr: f64,
        momentum: f64,
    },
    /// AdaGrad whose first g² is lost: h begins at `initial`; ε outside the root.
    CourseAdaGrad {
        lr: f64,
        initial: f64,
        eps: f64,
    },
    /// Adam with ε added to the *uncorrected* root of v.
    CourseAdam {
        lr: f64,
        beta1: f64,
        beta2: f64,
        eps: f64,
    },
}

impl Optimizer {
    /// Its name in files and tables.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Optimizer::Sgd { .. } => "sgd",
            Optimizer::Momentum { .. } => "momentum",
            Optimizer::Nesterov { .. } => "nesterov",
            Optimizer::AdaGrad { .. } => "adagrad",
            Optimizer::RmsProp { .. } => "rmsprop",
            Optimizer::Adam { .. } => "adam",
            Optimizer::AdamW { .. } => "adamw",
            Optimizer::CourseMomentum { .. } => "course-momentum",
            Optimizer::CourseNesterov { .. } => "course-nesterov",
            Optimizer::CourseAdaGrad { .. } => "course-adagrad",
            Optimizer::CourseAdam { .. } => "course-adam",
        }
    }

    /// Values kept per param from one update to the next.
    #[must_use]
    pub fn moments(&self) -> usize {
        match self {
            Optimizer::Sgd { .. } => 0,
            Optimizer::Adam { .. } | Optimizer::AdamW { .. } | Optimizer::CourseAdam { .. } => 2,
            _ => 1,
        }
    }

    /// The learning rate.
    pub fn lr_mut(&mut self) -> &mut f64 {
        match self {
            Optimizer::Sgd { lr }
            | Optimizer::Momentum { lr, .. }
            | Optimizer::Nesterov { lr, .. }
            | Optimizer::AdaGrad { lr, .. }
            | Optimizer::RmsProp { lr, .. }
            | Optimizer::Adam { lr, .. }
            | Optimizer::AdamW { lr, .. }
            | Optimizer::CourseMomentum { lr, .. }
            | Optimizer::CourseNesterov { lr, .. }
            | Optimizer::CourseAdaGrad { lr, .. }
            | Optimizer::CourseAdam { lr, .. } => lr,
        }
    }

    /// One update of a range. `t` counts from 1; `decay` says whether decoupled
    /// decay applies.
    fn update<T: Real>(
        &self,
        isa: Isa,
        (t, decay): (u64, bool),
        p: &mut [T],
        g: &[T],
        [m, v]: [&mut [T]; 2],
    ) {
        let adam = |lr, beta1, beta2, eps| kernel::Adam { lr, beta1, beta2, eps };
        let momentum = |lr, momentum| kernel::Momentum { lr, momentum };
        match *self {
            Optimizer::Sgd { lr } => kernel::sgd(isa, lr, p, g),
            Optimizer::Momentum { lr, momentum: mu } => kernel::momentum(isa, momentum(lr, mu), p, g, m),
            Optimizer::Nesterov { lr, momentum: mu } => kernel::nesterov(isa, momentum(lr, mu), p, g, m),
            Optimizer::CourseMomentum { lr, momentum: mu } => {
                kernel::momentum_course(isa, momentum(lr, mu), p, g, m);
            }
            Optimizer::CourseNesterov { lr, momentum: mu } => {
                kernel::nesterov_course(isa, momentum(lr, mu), p, g, m);
            }
            Optimizer::AdaGrad { lr, eps } => kernel::adagrad(isa, kernel::AdaGrad { lr, eps }, p, g, m),
            Optimizer::CourseAdaGrad { lr, initial, eps } => {
                kernel::adagrad_first_skipped(isa, kernel::AdaGrad { lr, eps }, initial, t, p, g, m);
            }
            Optimizer::RmsProp { lr, rho, eps } => {
                kernel::rmsprop(isa, kernel::RmsProp { lr, rho, eps }, p, g, m);
            }
            Optimizer::AdamW { lr, beta1, beta2, eps, weight_decay } if decay => {
                let by = kernel::AdamW { adam: adam(lr, beta1, beta2, eps), weight_decay };
                kernel::adamw(isa, by, t, p, g, m, v);
            }
            Optimizer::Adam { lr, beta1, beta2, eps } | Optimizer::AdamW { lr, beta1, beta2, eps, .. } => {
                kernel::adam(isa, adam(lr, beta1, beta2, eps), t, p, g, m, v);
            }
            Optimizer::CourseAdam { lr, beta1, beta2, eps } => {
                kernel::adam_course(isa, adam(lr, beta1, beta2, eps), t, p, g, m, v);
            }
        }
    }
}

/// A term that is added to the loss, through its gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Penalty {
    /// Nothing.
    #[default]
    None,
    /// λ·Σ|p|: g += λ·sign(p).
    L1(f64),
    /// λ/2·Σp²: g += λ·p.
    L2(f64),
}

/// A bound on the gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Clip {
    /// None.
    #[default]
    None,
    /// Each value into −limit..=limit.
    Value(f64),
    /// All params together to at most this Euclidean norm, as PyTorch's `clip_grad_norm_`.
    Norm(f64),
}

/// Everything that happens between the gradient and the next step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Updates {
    /// The rule.
    pub optimizer: Optimizer,
    /// Penalty on the params that decay.
    pub penalty: Penalty,
    /// Bound on the gradient.
    pub clip: Clip,
    /// Whether the loss is made large instead of small, as PyTorch's `maximize`:
    /// the gradient changes its sign before the penalty is added.
    pub maximize: bool,
}

impl Updates {
    /// A rule without penalty or bound.
    #[must_use]
    pub fn new(optimizer: Optimizer) -> Self {
        Updates { optimizer, penalty: Penalty::None, clip: Clip::None, maximize: false }
    }
}

/// What happens to one param.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamRule {
    /// Whether it is updated.
    pub train: bool,
    /// Whether penalty and decoupled decay apply.
    pub decay: bool,
}

/// Updates params and keeps the moments that this takes.
#[derive(Debug)]
pub struct Updater<T = f32> {
    updates: Updates,
    /// Runs of neighbouring params that share a rule.
    parts: Vec<(Range<usize>, bool)>,
    first: Memory<T>,
    second: Memory<T>,
    t: u64,
}

impl<T: Real> Updater<T> {
    /// Updates every param that a loss depends on; penalties apply to weights.
    #[must_use]
    pub fn new(plan: &Plan, updates: Updates) -> Self {
        Updater::with_rules(plan, updates, |p| ParamRule { train: true, decay: p.spec.decay })
    }

    /// Asks for each param what happens to it.
    #[must_use]
    pub fn with_rules(plan: &Plan, updates: Updates, rule: impl Fn(&ParamSlot) -> ParamRule) -> Self {
        let decays = updates.penalty != Penalty::None || matches!(updates.optimizer, Optimizer::AdamW { .. });
        let mut parts: Vec<(Range<usize>, bool)> = Vec::new();
        for slot in &plan.params {
            let ParamRule { train, decay } = rule(slot);
            let decay = decay && decays;
            // The params of a layer that no loss depends on have no gradient.
            let train = train && plan.train.runs(slot.node);
            match parts.last_mut() {
                _ if !train => {}
                Some((range, d)) if *d == decay && range.end == slot.range.start => {
                    range.end = slot.range.end
                }
                _ => parts.push((slot.range.clone(), decay)),
            }
        }
        let len = |needed| if needed { plan.param_len() } else { 0 };
        let moments = updates.optimizer.moments();
        Updater {
            updates,
            parts,
            first: Memory::zeroed(len(moments > 0)),
            second: Memory::zeroed(len(moments > 1)),
            t: 0,
        }
    }

    /// Updates `len` params that belong to no network, such as those of a
    /// function; penalties and decoupled decay apply to all of them.
    #[must_use]
    pub fn plain(len: usize, updates: Updates) -> Self {
        let moments = updates.optimizer.moments();
        let kept = |needed| Memory::zeroed(if needed { len } else { 0 });
        Updater {
            updates,
            parts: vec![(0..len, true)],
            first: kept(moments > 0),
            second: kept(moments > 1),
            t: 0,
        }
    }

    /// What it does.
    #[must_use]
    pub fn updates(&self) -> &Updates {
        &self.updates
    }

    /// Changes the learning rate from the next update on.
    pub fn set_lr(&mut self, lr: f64) {
        *self.updates.optimizer.lr_mut() = lr;
    }

    /// One update. The gradients are changed by clipping and penalties.
    pub fn update(&mut self, isa: Isa, params: &mut [T], grads: &mut [T]) {
        self.update_on(isa, &Pool::serial(), params, grads);
    }

    /// [`Updater::update`] on all threads, in one pass over params, gradients and
    /// moments. Nothing clears the gradients: the next step overwrites each.
    pub fn update_on(&mut self, isa: Isa, pool: &Pool, params: &mut [T], grads: &mut [T]) {
        self.t += 1;
        self.clip(isa, grads);
        if self.updates.maximize {
            for (range, _) in &self.parts {
                kobai_kernels::elementwise::scale(isa, -T::ONE, &mut grads[range.clone()]);
            }
        }
        let Updater { updates, t, .. } = *self;
        for (range, decay) in &self.parts {
            let (p, g) = (&mut params[range.clone()], &mut grads[range.clone()]);
            let m = if self.first.is_empty() { &mut [] } else { &mut self.first[range.clone()] };
            let v = if self.second.is_empty() { &mut [] } else { &mut self.second[range.clone()] };
            // Pieces stay in the cache from the penalty to the update.
            pool.pieces_mut([p, g, m, v], PIECE, |_, [p, g, m, v]| {
                if *decay {
                    match updates.penalty {
                        Penalty::None => {}
                        Penalty::L1(lambda) => kernel::add_l1(isa, lambda, p, g),
                        Penalty::L2(lambda) => kernel::add_l2(isa, lambda, p, g),
                    }
                }
                updates.optimizer.update(isa, (t, *decay), p, g, [m, v]);
            });
        }
    }

    fn clip(&self, isa: Isa, grads: &mut [T]) {
        match self.updates.clip {
            Clip::None => {}
            Clip::Value(limit) => {
                for (range, _) in &self.parts {
                    kernel::clip_by_value(isa, limit, &mut grads[range.clone()]);
                }
            }
            Clip::Norm(limit) => {
                let squares = self.parts.iter().map(|(r, _)| reduce::sum_squares_f64(isa, &grads[r.clone()]));
                let norm = squares.sum::<f64>().sqrt();
                // PyTorch's guard against a norm of zero.
                let factor = limit / (norm + 1e-6);
                if factor < 1.0 {
                    for (range, _) in &self.parts {
                        kobai_kernels::elementwise::scale(
                            isa,
                            T::from_f64(factor),
                            &mut grads[range.clone()],
                        );
                    }
                }
            }
        }
    }
}
