//! One training, step by step, for the doctor's eyes.
//!
//! It repeats what a run of the experiment does, bit for bit: evaluations lie
//! between steps, and what they disturb is put back.

use super::subject::Subject;
use crate::runner::{self, Batch};
use kobai_data::dataset::Dataset;
use kobai_data::{Loader, Sampler, Split};
use kobai_engine::optim::{ParamRule, Schedule, Updater};
use kobai_engine::{Executor, Observer, Rng, Score, Stream, Unobserved};
use kobai_kernels::Pool;
use std::sync::Arc;

/// Examples of a fixed sample.
pub(crate) const SAMPLE: usize = 500;
/// Node of stream `Data` that chooses samples.
const NODE: u32 = 910;

/// What is different from the run as it is.
#[derive(Clone, Debug)]
pub(crate) struct Variation {
    /// Factor of the learning rate.
    pub(crate) rate: f64,
    /// Only these training examples, all of them in every batch.
    pub(crate) only: Option<Vec<u32>>,
    /// Inputs are all zero.
    pub(crate) blank: bool,
}

impl Variation {
    /// Nothing.
    pub(crate) const NONE: Variation = Variation { rate: 1.0, only: None, blank: false };
}

/// A training.
pub(crate) struct Trial {
    pub(crate) exec: Executor,
    updater: Updater<f32>,
    pool: Arc<Pool>,
    loader: Option<Loader>,
    /// Learning rate before its schedule, and the steps that the schedule spans.
    rate: (f64, u64),
    schedule: Schedule,
    sampler: Sampler,
    split: Arc<Split>,
    seed: u64,
    variation: Variation,
    indices: Vec<u32>,
    labels: Batch,
    evaluated: [Batch; 2],
    width: usize,
    /// Training examples that are evaluated.
    pub(crate) train_sample: Vec<u32>,
    /// Test examples that are evaluated.
    pub(crate) test_sample: Vec<u32>,
}

impl Trial {
    pub(crate) fn new(subject: &Subject, seed: u64, pool: &Arc<Pool>, variation: Variation) -> Trial {
        let training = &subject.spec().training;
        let (train, test) = (&subject.split.train, &subject.split.test);
        let exec = Executor::<f32>::new(Arc::clone(&subject.plan), seed, Arc::clone(pool));
        let mut updates = training.updates;
        *updates.optimizer.lr_mut() *= variation.rate;
        let rate = (*updates.optimizer.lr_mut(), training.steps);
        let eval_batch = subject.plan.options.eval_batch;
        let updater = Updater::with_rules(&subject.plan, updates, |p| ParamRule {
            train: !training.is_frozen(&p.name),
            decay: p.spec.decay,
        });
        let learned = training.examples.unwrap_or(train.len()).min(train.len());
        let sampler = Sampler::new(training.sampling, learned, training.batch)
            .expect("checked when the subject was read");
        Trial {
            exec,
            updater,
            pool: Arc::clone(pool),
            loader: subject.spec().feed.loader(train).expect("checked when the subject was read"),
            rate,
            schedule: training.schedule.clone(),
            sampler,
            seed,
            indices: vec![0; training.batch],
            labels: Batch::new(train, training.batch),
            evaluated: [Batch::new(train, eval_batch), Batch::new(test, eval_batch)],
            width: subject.plan.output_shape().len(),
            train_sample: variation.only.clone().unwrap_or_else(|| sample(learned, SAMPLE)),
            test_sample: sample(test.len(), SAMPLE),
            split: Arc::clone(&subject.split),
            variation,
        }
    }

    /// One training step.
    pub(crate) fn step(&mut self, observer: &mut dyn Observer<f32>) -> Score {
        match &self.variation.only {
            // A batch may not hold more examples than it was planned for.
            Some(only) => {
                let most = self.sampler.batch();
                self.indices = only.iter().copied().take(most).collect();
            }
            None => self.sampler.indices(self.seed, self.exec.step(), &mut self.indices),
        }
        self.load();
        if !self.schedule.is_constant() {
            let (rate, steps) = self.rate;
            self.updater.set_lr(rate * self.schedule.factor(self.exec.step(), steps));
        }
        let n = self.indices.len();
        self.exec.train_step(n, self.labels.targets(n, self.width), &mut self.updater, observer)
    }

    /// Puts the examples of `indices` where the next training step reads them.
    fn load(&mut self) {
        let (n, step) = (self.indices.len(), self.exec.step());
        let input = self.exec.train_input(n);
        if self.variation.blank {
            input.fill(0.0);
        } else {
            match &self.loader {
                Some(loader) => {
                    let of = (self.seed, step);
                    loader.train_batch(&self.split.train, &self.indices, of, &self.pool, input);
                }
                None => self.split.train.gather(&self.indices, input),
            }
        }
        self.labels.gather(&self.split.train, &self.indices);
    }

    /// The score of the training sample, in evaluation mode.
    pub(crate) fn train_score(&mut self) -> Score {
        let split = Arc::clone(&self.split);
        self.score(&split.train, 0)
    }

    /// The score of the test sample, in evaluation mode.
    pub(crate) fn test_score(&mut self) -> Score {
        let split = Arc::clone(&self.split);
        self.score(&split.test, 1)
    }

    fn score(&mut self, data: &Dataset, which: usize) -> Score {
        let order = if which == 0 { &self.train_sample } else { &self.test_sample };
        let (loader, pool) = (&self.loader, &self.pool);
        let fill = |_: u64, i: &[u32], out: &mut [f32]| shown(loader.as_ref(), data, i, pool, out);
        runner::evaluate(&mut self.exec, data, &mut self.evaluated[which], order, fill)
    }

    /// Loss of a part of the training sample in training mode: dropout and the
    /// statistics of the batch at work. Nothing stays of it.
    pub(crate) fn noisy_loss(&mut self) -> f64 {
        let state = self.exec.state().to_vec();
        let batch = self.sampler.batch();
        let mut score = Score::default();
        for part in self.train_sample.clone().chunks(batch).filter(|p| p.len() == batch).take(4) {
            score = score.and(self.gradient(part));
        }
        self.exec.state_mut().copy_from_slice(&state);
        score.loss()
    }

    /// Forward and backward on some examples in training mode, without update.
    pub(crate) fn gradient(&mut self, examples: &[u32]) -> Score {
        self.indices = examples.to_vec();
        self.load();
        let n = examples.len();
        let score = self.exec.forward_backward(n, self.labels.targets(n, self.width), &mut Unobserved);
        self.indices.resize(self.sampler.batch(), 0);
        score
    }

    /// Outputs for some training examples in evaluation mode; the first one's
    /// inputs are changed by `bump`.
    pub(crate) fn outputs(&mut self, examples: &[u32], bump: f32) -> Vec<f32> {
        let n = examples.len();
        let input = self.exec.eval_input(n);
        shown(self.loader.as_ref(), &self.split.train, examples, &self.pool, input);
        let first = input.len() / n;
        input[..first].iter_mut().for_each(|x| *x += bump);
        self.evaluated[0].gather(&self.split.train, examples);
        self.exec.evaluate(n, self.evaluated[0].targets(n, self.width));
        self.exec.outputs(n).to_vec()
    }
}

/// Examples as an evaluation sees them.
pub(crate) fn shown(loader: Option<&Loader>, data: &Dataset, indices: &[u32], pool: &Pool, out: &mut [f32]) {
    match loader {
        Some(loader) => loader.eval_batch(data, indices, pool, out),
        None => data.gather(indices, out),
    }
}

/// A random choice of `0..len` that is the same on every call, in order.
pub(crate) fn sample(len: usize, count: usize) -> Vec<u32> {
    let mut order = if count >= len {
        (0..len as u32).collect()
    } else {
        Rng::new(0).draw(Stream::Data, 2, NODE).permutation(len as u32)
    };
    order.truncate(count);
    order.sort_unstable();
    order
}
