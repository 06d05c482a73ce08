//! One run: a network from its initial values to its measures.

use super::batch::{Batch, evaluate};
use super::both::Both;
use super::{Finished, Job, Progress, RunOptions};
use crate::doctor::Live;
use crate::experiment::{EvaluateWhen, RowSpec, TrainAccuracy};
use crate::inputs::Inputs;
use crate::measures::{self, Ended};
use crate::results::{CurvePoint, Outcome, Run};
use crate::subnets;
use crate::watch::Recorder;
use kobai_data::dataset::Dataset;
use kobai_data::sampler::Sampler;
use kobai_doctor::Finding;
use kobai_doctor::record::Point;
use kobai_engine::optim::{ParamRule, Updater};
use kobai_engine::{Executor, Observer, Plan, Unobserved};
use kobai_kernels::Pool;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Everything that a run needs, and the counters of its experiment.
pub(super) struct Work<'a> {
    pub(super) options: &'a RunOptions,
    pub(super) progress: &'a dyn Progress,
    pub(super) stop: &'a AtomicBool,
    pub(super) done: AtomicU64,
    pub(super) total: u64,
    pub(super) finished: AtomicUsize,
}

impl Work<'_> {
    /// Trains one network. None if the experiment was stopped.
    pub(super) fn run(
        &self,
        job: Job,
        (row, inputs): (&RowSpec, &Inputs<'_>),
        plan: &Arc<Plan>,
        pool: &Arc<Pool>,
    ) -> Option<Finished> {
        let training = &row.training;
        let (train, test) = (&inputs.split.train, &inputs.split.test);
        let mut exec = Executor::<f32>::new(Arc::clone(plan), job.seed, Arc::clone(pool));
        let first_params = exec.params().to_vec();
        let mut updates = training.updates;
        let base_rate = *updates.optimizer.lr_mut();
        let mut updater = Updater::with_rules(plan, updates, |p| ParamRule {
            train: !training.is_frozen(&p.name),
            decay: p.spec.decay,
        });
        let learned = training.examples.unwrap_or(train.len()).min(train.len());
        let sampler = Sampler::new(training.sampling, learned, training.batch)
            .expect("checked when the session was prepared");
        let mut indices = vec![0u32; training.batch];
        let (mut labels, mut test_labels) =
            (Batch::new(train, training.batch), Batch::new(test, plan.options.eval_batch));
        let order: Vec<u32> = (0..test.len() as u32).collect();
        let all = training.train_accuracy == TrainAccuracy::All;
        let mut train_all = all
            .then(|| (Batch::new(train, plan.options.eval_batch), (0..learned as u32).collect::<Vec<_>>()));
        let width = plan.output_shape().len();
        let mut recorder = self.options.observe.then(|| Recorder::new(plan, training, Arc::clone(pool)));
        let mut live = self.watcher(job, row);
        if let Some(live) = &mut live {
            self.tell(row, job.seed, 0, &live.lint());
        }
        let plain = |data: &Dataset, indices: &[u32], out: &mut [f32]| inputs.eval(data, indices, pool, out);
        let few = &order[..order.len().min(plan.options.eval_batch)];
        let output_start = recorder.is_some().then(|| {
            plain(test, few, exec.eval_input(few.len()));
            test_labels.gather(test, few);
            exec.evaluate(few.len(), test_labels.targets(few.len(), width));
            measures::rms(exec.outputs(few.len()))
        });
        let mut times = Vec::new();
        let mut curve = Vec::new();
        let mut outcome = Outcome::Finished;
        for step in 0..training.steps {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            sampler.indices(job.seed, step, &mut indices);
            let n = indices.len();
            inputs.train(&indices, (job.seed, step), pool, exec.train_input(n));
            labels.gather(train, &indices);
            let measured = (step + 1) % training.evaluate_every == 0 || step + 1 == training.steps;
            let tested = &order[..training.tested(test.len(), step + 1)];
            let before = (measured && training.evaluate == EvaluateWhen::Before).then(|| {
                evaluate(&mut exec, test, &mut test_labels, tested, |_, i, out| plain(test, i, out))
            });
            if before.is_some() {
                // The evaluation used the arena: the batch has to be put back.
                inputs.train(&indices, (job.seed, step), pool, exec.train_input(n));
            }
            if !training.schedule.is_constant() {
                updater.set_lr(base_rate * training.schedule.factor(step, training.steps));
            }
            let mut both;
            let observer: &mut dyn Observer<f32> = match (&mut recorder, &mut live) {
                (None, None) => &mut Unobserved,
                (recorder, live) => {
                    both = Both { recorder: recorder.as_mut(), live: live.as_mut() };
                    &mut both
                }
            };
            let begun = training.time.then(Instant::now);
            let score = exec.train_step(n, labels.targets(n, width), &mut updater, observer);
            times.extend(begun.map(|begun| begun.elapsed().as_secs_f64()));
            if !score.loss_sum.is_finite() {
                outcome = Outcome::Diverged { step };
                if let Some(live) = &mut live {
                    let none = (f64::NAN, score.accuracy());
                    self.tell(row, job.seed, step + 1, &live.point(point_of(step + 1, none, none, f64::NAN)));
                }
                break;
            }
            if measured {
                let mut eval_loss = score.loss();
                let (mut train_accuracy, tested) = match before {
                    Some(tested) => (score.accuracy(), tested),
                    None => {
                        plain(train, &indices, exec.eval_input(n));
                        let again = exec.evaluate(n, labels.targets(n, width));
                        eval_loss = again.loss();
                        let fill = |_, i: &[u32], out: &mut [f32]| plain(test, i, out);
                        (again.accuracy(), evaluate(&mut exec, test, &mut test_labels, tested, fill))
                    }
                };
                let mut train_loss = score.loss();
                if let Some((batch, order)) = &mut train_all {
                    let fill = |_, i: &[u32], out: &mut [f32]| plain(train, i, out);
                    let whole = evaluate(&mut exec, train, batch, order, fill);
                    (train_accuracy, train_loss) = (whole.accuracy(), whole.loss());
                }
                curve.push(CurvePoint {
                    step: step + 1,
                    train_loss,
                    train_accuracy,
                    test_loss: tested.loss(),
                    test_accuracy: tested.accuracy(),
                });
                if let Some(live) = &mut live {
                    let (train, test) = ((eval_loss, train_accuracy), (tested.loss(), tested.accuracy()));
                    self.tell(
                        row,
                        job.seed,
                        step + 1,
                        &live.point(point_of(step + 1, train, test, score.loss())),
                    );
                }
            }
            let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(64) {
                self.progress.advanced(done, self.total, self.finished.load(Ordering::Relaxed));
            }
        }
        let left = training.steps - exec.step();
        let done = self.done.fetch_add(left, Ordering::Relaxed) + left;
        let finished = self.finished.fetch_add(1, Ordering::Relaxed) + 1;
        self.progress.advanced(done, self.total, finished);
        let (flow, activations, seen) =
            recorder.map(|r| (r.flow, r.activations, r.inputs)).unwrap_or_default();
        let last = curve.last().copied();
        let mut run = Run {
            seed: job.seed,
            outcome,
            train: last.map_or(0.0, |p| p.train_accuracy),
            test: last.map_or(0.0, |p| p.test_accuracy),
            curve,
            flow,
            activations,
            weights: Vec::new(),
            measures: Default::default(),
            weights_sha256: hash(exec.params()),
        };
        let (params, state) = (exec.params().to_vec(), exec.state().to_vec());
        let (first, last) = (&first_params[..], &params[..]);
        let ended = Ended { plan, training, first, last, inputs: &seen, output_start };
        run.measures = measures::of(&run, &ended);
        measures::put_time(&mut run.measures, times);
        if self.options.observe {
            run.weights = measures::weights(&ended);
        }
        if inputs.shifts() && run.outcome == Outcome::Finished {
            let fill = |chunk, i: &[u32], out: &mut [f32]| inputs.shifted(chunk, i, pool, out);
            let moved = evaluate(&mut exec, test, &mut test_labels, &order, fill).accuracy();
            run.measures.insert("test_shifted".into(), moved);
            run.measures.insert("shift_loss".into(), run.test - moved);
        }
        if self.options.observe && run.outcome == Outcome::Finished {
            // Last, because it moves the executor's step.
            run.measures.extend(subnets::measures(&mut exec, test, plain));
        }
        let watched = live.map(|live| {
            let done = exec.step();
            let (found, watched) = live.end();
            self.tell(row, job.seed, done, &found);
            Box::new(watched)
        });
        Some(Finished { row: job.row, run, params, state, watched })
    }

    /// The doctor who watches a run, if one does.
    fn watcher(&self, job: Job, row: &RowSpec) -> Option<Live> {
        let doctor = self.options.doctor.as_ref()?;
        let name =
            |folder: &PathBuf| folder.join(format!("{}.jsonl", crate::store::name_of(&row.id, job.seed)));
        let log = doctor.logs.as_ref().and_then(|folder| File::create(name(folder)).ok());
        Some(Live::new(doctor.records.get(job.row)?.clone(), doctor.cap, log))
    }

    fn tell(&self, row: &RowSpec, seed: u64, step: u64, found: &[Finding]) {
        found.iter().for_each(|f| self.progress.found(row, seed, step, f));
    }
}

/// A point of the learning curve as checks see it: losses and accuracies of
/// training and test examples, and the loss in training mode.
fn point_of(step: u64, train: (f64, f64), test: (f64, f64), noisy_loss: f64) -> Point {
    let ((train_loss, train_accuracy), (test_loss, test_accuracy)) = (train, test);
    Point { step, train_loss, train_accuracy, test_loss, test_accuracy, noisy_loss }
}

fn hash(params: &[f32]) -> String {
    let mut hasher = Sha256::new();
    for value in params {
        hasher.update(value.to_le_bytes());
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
