//! How long an experiment will take on this machine.
//!
//! Nothing is assumed about the machine: each different network of an
//! experiment trains and evaluates for a few milliseconds, and what it needs
//! for one example is scaled by the plan: steps, batches, evaluations,
//! observed steps, runs, threads.

use crate::experiment::{RowSpec, TrainAccuracy, Training};
use crate::watch::Recorder;
use kobai_data::dataset::{Split, Targets as DataTargets};
use kobai_engine::optim::Updater;
use kobai_engine::{Executor, Plan, Targets, Unobserved};
use kobai_kernels::Pool;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Multiply-adds that one timed step may have at most, forward and backward.
const MACS: u64 = 50_000_000;
/// Time that each of its calls is given.
const TIME: Duration = Duration::from_millis(3);

/// What has been timed so far: networks that several experiments have are timed once.
#[derive(Clone, Debug, Default)]
pub struct Timings(Vec<(String, Speed)>);

impl Timings {
    pub(crate) fn of(&mut self, row: &RowSpec, plan: &Plan, split: &Split) -> Speed {
        let training = &row.training;
        let rule = training.updates.optimizer.name();
        let key = format!("{:?} {:?} {rule} {}", row.model, plan.input_shape(), training.batch);
        match self.0.iter().find(|(k, _)| *k == key) {
            Some((_, speed)) => *speed,
            None => {
                let speed = speed(plan, split, training);
                self.0.push((key, speed));
                speed
            }
        }
    }
}

/// Seconds per unit of work of one network.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Speed {
    /// A training step.
    step: f64,
    /// A training step that observers look at.
    observed: f64,
    /// Evaluating one example.
    example: f64,
}

/// Times a network.
fn speed(plan: &Plan, split: &Split, training: &Training) -> Speed {
    let plan = Arc::new(plan.clone());
    let pool = Arc::new(Pool::new(1));
    let mut exec = Executor::<f32>::new(Arc::clone(&plan), 0, Arc::clone(&pool));
    let mut updater = Updater::new(&plan, training.updates);
    let few = |batch: usize| {
        let affordable = (MACS / (3 * plan.macs().max(1))).max(1);
        batch.min(usize::try_from(affordable).unwrap_or(batch))
    };
    let (n, m) = (few(training.batch), few(plan.options.eval_batch));
    // What the examples are costs nothing; only how many there are does.
    let labels = Labels::new(split, plan.output_shape().len(), n.max(m));
    let fill = |values: &mut [f32]| {
        values.iter_mut().enumerate().for_each(|(i, x)| *x = (i * 37 % 101) as f32 / 101.0);
    };
    fill(exec.train_input(n));
    let mut recorder = Recorder::new(&plan, &Training { observe_every: 1, ..training.clone() }, pool);
    let scale = training.batch as f64 / n as f64;
    let train = timed(|| {
        exec.train_step(n, labels.first(n), &mut updater, &mut Unobserved);
    });
    let observed = timed(|| {
        exec.train_step(n, labels.first(n), &mut updater, &mut recorder);
    });
    let evaluate = timed(|| {
        fill(exec.eval_input(m));
        exec.evaluate(m, labels.first(m));
    });
    let (train, observed) = (train * scale, observed * scale);
    Speed { step: train, observed: observed.max(train), example: evaluate / m as f64 }
}

/// Seconds of one call, the least over a few: what disturbs only adds.
fn timed(mut f: impl FnMut()) -> f64 {
    let begin = Instant::now();
    f();
    // The first call pays for memory; it counts only if there is no time for another.
    let mut best = begin.elapsed();
    let begin = Instant::now();
    let mut calls = 0;
    while begin.elapsed() < TIME && calls < 50 {
        let one = Instant::now();
        f();
        best = best.min(one.elapsed());
        calls += 1;
    }
    best.as_secs_f64()
}

/// Targets of some examples: classes, or values of a width.
struct Labels {
    classes: Option<Vec<u32>>,
    values: Vec<f32>,
    width: usize,
}

impl Labels {
    fn new(split: &Split, width: usize, n: usize) -> Self {
        let classes = match split.train.targets() {
            DataTargets::Classes(_) => Some((0..n).map(|i| (i % width.max(1)) as u32).collect()),
            DataTargets::Values { .. } => None,
        };
        let values = vec![0.5; if classes.is_some() { 0 } else { n * width }];
        Labels { classes, values, width }
    }

    fn first(&self, n: usize) -> Targets<'_, f32> {
        match &self.classes {
            Some(classes) => Targets::Classes(&classes[..n]),
            None => Targets::Values(&self.values[..n * self.width]),
        }
    }
}

/// Seconds of one run.
pub(crate) fn run(speed: Speed, training: &Training, split: &Split, observe: bool) -> f64 {
    let steps = training.steps as f64;
    let looks = if observe { (training.steps / training.observe_every).max(1) as f64 } else { 0.0 };
    let measured = (training.steps / training.evaluate_every).max(1) as f64;
    let learned = training.examples.unwrap_or(usize::MAX).min(split.train.len());
    let trained = match training.train_accuracy {
        TrainAccuracy::All => learned,
        TrainAccuracy::Batch => training.batch,
    };
    let tested = |done: u64| training.tested(split.test.len(), done) as f64;
    let examples = (measured - 1.0) * tested(0) + tested(training.steps) + measured * trained as f64;
    (steps - looks).max(0.0) * speed.step + looks * speed.observed + examples * speed.example
}
