//! `[training]` and `[optimizer]`: how a row learns.

use super::error::ExperimentProblem;
use super::reader::{Read, Reader};
use kobai_data::sampler::Sampling;
use kobai_engine::optim::{Clip, Decay, Optimizer, Penalty, Schedule, Updates};

/// When accuracies are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvaluateWhen {
    /// After the update of the step.
    After,
    /// Before it, on the batch that is about to be learned, as one published
    /// notebook does it: its row 2000 has seen 1999 updates.
    Before,
}

/// On what the training accuracy is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainAccuracy {
    /// On the batch of the step.
    Batch,
    /// On all examples that are learned from.
    All,
}

/// How a row learns.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// Updates: `steps`, or `epochs` whole passes over the training examples.
    pub steps: u64,
    /// Examples of a batch.
    pub batch: usize,
    /// Which examples form a batch.
    pub sampling: Sampling,
    /// Steps from one point of the learning curve to the next.
    pub evaluate_every: u64,
    /// Test examples, from the first, on which the points before the last are measured, if
    /// not all; the last point is of all.
    pub evaluate_examples: Option<usize>,
    /// When accuracies are measured.
    pub evaluate: EvaluateWhen,
    /// On what the training accuracy is measured.
    pub train_accuracy: TrainAccuracy,
    /// The first so many training examples are learned from, if not all.
    pub examples: Option<usize>,
    /// Steps from one look of the observers to the next.
    pub observe_every: u64,
    /// Optimiser, penalty, clipping.
    pub updates: Updates,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Whether the time of a step is measured. Off by default, because times
    /// are the one result that no two runs share.
    pub time: bool,
    /// Names or prefixes (`fc3.*`) of params that stay as they began.
    pub freeze: Vec<String>,
    /// Whether a run may diverge without that being an error of the experiment.
    pub may_diverge: bool,
}

/// Points of a learning curve whose file does not say how many.
const POINTS: u64 = 20;
/// Share of the training's examples, forward and backward, that those points may take
/// together: what they cost must not show.
const EVALUATED: f64 = 0.025;
/// Test examples of such a point, at least.
const FEWEST: usize = 500;

impl Training {
    /// Test examples on which the point after so many steps is measured.
    #[must_use]
    pub fn tested(&self, all: usize, done: u64) -> usize {
        self.evaluate_examples.filter(|_| done < self.steps).map_or(all, |n| n.min(all))
    }

    /// Whether a param is frozen.
    #[must_use]
    pub fn is_frozen(&self, param: &str) -> bool {
        self.freeze.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => param.starts_with(prefix),
            None => param == pattern,
        })
    }

    pub(super) fn read(
        training: Reader<'_>,
        optimizer: Reader<'_>,
        train_len: Option<usize>,
    ) -> Read<Training> {
        let (batch, examples) = (training.must_count("batch")?, training.count("examples")?);
        let learned = examples.unwrap_or(usize::MAX).min(train_len.unwrap_or(batch));
        let steps = match (training.count("steps")?, training.count("epochs")?) {
            (Some(_), Some(n)) => {
                let range = "steps | epochs";
                return training.fail("epochs", |key| ExperimentProblem::Range { key, got: n as f64, range });
            }
            (None, Some(epochs)) => epochs as u64 * (learned / batch).max(1) as u64,
            (Some(steps), None) => steps as u64,
            (None, None) => return training.missing("steps"),
        };
        let sampling = match training.string("sampling")? {
            None => Sampling::Shuffle,
            Some(word) => training.choice(
                "sampling",
                word,
                &[("shuffle", Sampling::Shuffle), ("with-replacement", Sampling::WithReplacement)],
            )?,
        };
        let evaluate = match training.string("evaluate")? {
            None => EvaluateWhen::After,
            Some(word) => training.choice(
                "evaluate",
                word,
                &[("after", EvaluateWhen::After), ("before", EvaluateWhen::Before)],
            )?,
        };
        let train_accuracy = match training.string("train_accuracy")? {
            None => TrainAccuracy::Batch,
            Some(word) => training.choice(
                "train_accuracy",
                word,
                &[("batch", TrainAccuracy::Batch), ("all", TrainAccuracy::All)],
            )?,
        };
        let twentieth = (steps / POINTS).max(1) as usize;
        let every = training.count("evaluate_every")?;
        // Forward and backward cost about three times as much as forward.
        let affordable = EVALUATED * 3.0 * steps as f64 * batch as f64 / POINTS as f64;
        let affordable = every.is_none().then_some(FEWEST.max(affordable as usize));
        let made = Training {
            steps,
            batch,
            sampling,
            evaluate_every: every.unwrap_or(twentieth) as u64,
            evaluate_examples: training.count("evaluate_examples")?.or(affordable),
            evaluate,
            train_accuracy,
            examples,
            observe_every: training.count("observe_every")?.unwrap_or(twentieth) as u64,
            schedule: schedule(&optimizer)?,
            updates: updates(optimizer)?,
            time: training.boolean_or("time", false)?,
            freeze: training.strings("freeze")?,
            may_diverge: training.boolean_or("may_diverge", false)?,
        };
        training.finish()?;
        Ok(made)
    }
}

fn positive(at: &Reader<'_>, key: &str, value: f64) -> Read<f64> {
    if value.is_finite() && value > 0.0 {
        return Ok(value);
    }
    at.fail(key, |key| ExperimentProblem::Range { key, got: value, range: "0 < x < inf" })
}

fn share(at: &Reader<'_>, key: &str, default: f64) -> Read<f64> {
    let value = at.float_or(key, default)?;
    if (0.0..1.0).contains(&value) {
        return Ok(value);
    }
    at.fail(key, |key| ExperimentProblem::Range { key, got: value, range: "0 <= x < 1" })
}

/// `schedule`, with `milestones` and `gamma` for "step", and `warmup` steps.
fn schedule(at: &Reader<'_>) -> Read<Schedule> {
    let milestones = at.floats("milestones")?.unwrap_or_else(|| vec![0.5, 0.75]);
    if let Some(wrong) = milestones.iter().find(|m| !(0.0..1.0).contains(*m)) {
        return at.fail("milestones", |key| ExperimentProblem::Range {
            key,
            got: *wrong,
            range: "0 <= x < 1",
        });
    }
    let gamma = positive(at, "gamma", at.float_or("gamma", 0.1)?)?;
    let word = at.string("schedule")?.unwrap_or("constant");
    let known = ["constant", "step", "cosine"].map(|w| (w, w));
    let decay = match at.choice("schedule", word, &known)? {
        "step" => Decay::Step { milestones, gamma },
        "cosine" => Decay::Cosine,
        _ => Decay::Constant,
    };
    Ok(Schedule { decay, warmup: at.whole("warmup")?.unwrap_or(0) as u64 })
}

pub(super) fn updates(at: Reader<'_>) -> Read<Updates> {
    const NAMES: [&str; 11] = [
        "sgd",
        "momentum",
        "nesterov",
        "adagrad",
        "rmsprop",
        "adam",
        "adamw",
        "course-momentum",
        "course-nesterov",
        "course-adagrad",
        "course-adam",
    ];
    let name = at.must_string("name")?;
    if name == "sgd" && at.has("momentum") {
        return at.fail("momentum", |key| ExperimentProblem::UnknownKey {
            key,
            nearest: Some("name = \"momentum\"".into()),
            known: vec!["lr".into()],
        });
    }
    let lr = match at.float("lr")? {
        Some(lr) => positive(&at, "lr", lr)?,
        None => return at.missing("lr"),
    };
    let eps = |default| at.float_or("eps", default);
    let betas = || Ok((share(&at, "beta1", 0.9)?, share(&at, "beta2", 0.999)?));
    let optimizer = match name {
        "sgd" => Optimizer::Sgd { lr },
        "momentum" => Optimizer::Momentum { lr, momentum: share(&at, "momentum", 0.9)? },
        "nesterov" => Optimizer::Nesterov { lr, momentum: share(&at, "momentum", 0.9)? },
        "course-momentum" => Optimizer::CourseMomentum { lr, momentum: share(&at, "momentum", 0.9)? },
        "course-nesterov" => Optimizer::CourseNesterov { lr, momentum: share(&at, "momentum", 0.9)? },
        "adagrad" => Optimizer::AdaGrad { lr, eps: eps(1e-10)? },
        "course-adagrad" => {
            Optimizer::CourseAdaGrad { lr, initial: at.float_or("initial", 1e-4)?, eps: eps(0.0)? }
        }
        "rmsprop" => Optimizer::RmsProp { lr, rho: share(&at, "rho", 0.99)?, eps: eps(1e-8)? },
        "adam" => {
            let (beta1, beta2) = betas()?;
            Optimizer::Adam { lr, beta1, beta2, eps: eps(1e-8)? }
        }
        "adamw" => {
            let (beta1, beta2) = betas()?;
            let weight_decay = at.float_or("weight_decay", 0.01)?;
            Optimizer::AdamW { lr, beta1, beta2, eps: eps(1e-8)?, weight_decay }
        }
        "course-adam" => {
            let (beta1, beta2) = betas()?;
            Optimizer::CourseAdam { lr, beta1, beta2, eps: eps(1e-7)? }
        }
        other => at.choice("name", other, &NAMES.map(|n| (n, Optimizer::Sgd { lr })))?,
    };
    // A coefficient of 0 is no penalty: `--set optimizer.l2=0` switches it off.
    let coefficient = |key| Ok(at.float(key)?.filter(|x| *x != 0.0));
    let penalty = match (coefficient("l1")?, coefficient("l2")?) {
        (Some(l1), None) => Penalty::L1(positive(&at, "l1", l1)?),
        (None, Some(l2)) => Penalty::L2(positive(&at, "l2", l2)?),
        (None, None) => Penalty::None,
        (Some(_), Some(l2)) => {
            return at.fail("l2", |key| ExperimentProblem::Range { key, got: l2, range: "l1 | l2" });
        }
    };
    let clip = match (at.float("clip_norm")?, at.float("clip_value")?) {
        (Some(norm), _) => Clip::Norm(positive(&at, "clip_norm", norm)?),
        (None, Some(value)) => Clip::Value(positive(&at, "clip_value", value)?),
        (None, None) => Clip::None,
    };
    let maximize = at.boolean_or("maximize", false)?;
    at.finish()?;
    Ok(Updates { optimizer, penalty, clip, maximize })
}
