//! Runs of an experiment: independent, side by side, bit-identical to running
//! them one by one.

use crate::doctor::{Live, Watched};
use crate::experiment::{EvaluateWhen, Experiment, RowSpec, TrainAccuracy};
use crate::inputs::{self, Inputs};
use crate::measures::{self, Ended};
use crate::results::{CurvePoint, Outcome, Row, Run};
use crate::subnets;
use crate::watch::Recorder;
use kobai_data::dataset::{Dataset, Split, Targets as DataTargets, TargetsMut};
use kobai_data::sampler::Sampler;
use kobai_doctor::record::Point;
use kobai_doctor::{Finding, Record};
use kobai_engine::optim::{ParamRule, Updater};
use kobai_engine::{Event, Executor, Observer, Plan, Score, Targets, Unobserved, Wants};
use kobai_kernels::Pool;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Most test examples that are evaluated at once.
pub const EVAL_BATCH: usize = 500;
/// The same for colour pictures: what a layer makes of 500 would leave the cache.
pub const EVAL_BATCH_PICTURES: usize = 100;

/// What all runs of an experiment share.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Seeds.
    pub seeds: Vec<u64>,
    /// Threads.
    pub threads: usize,
    /// Whether observers record gradients and activations.
    pub observe: bool,
    /// What the doctor knows of each row before its first step, if it watches.
    pub doctor: Option<Doctor>,
}

/// A doctor who watches runs.
#[derive(Clone, Debug)]
pub struct Doctor {
    /// What is known of each row before its first step.
    pub records: Vec<Record>,
    /// Share of a run's time that watching may take.
    pub cap: f64,
    /// Folder for what the runs show, a file each.
    pub logs: Option<PathBuf>,
}

/// A finished run with its params.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its row.
    pub row: usize,
    /// Its record.
    pub run: Run,
    /// The final params, in the order of the plan.
    pub params: Vec<f32>,
    /// The final state, in the order of the plan.
    pub state: Vec<f32>,
    /// What the doctor saw.
    pub watched: Option<Box<Watched>>,
}

/// Told about progress, from any thread.
pub trait Progress: Sync {
    /// `steps` training steps of all `total` are done, in `runs` finished runs.
    fn advanced(&self, steps: u64, total: u64, runs: usize);

    /// The doctor has become sure of a finding at a step of a run.
    fn found(&self, _row: &RowSpec, _seed: u64, _step: u64, _finding: &Finding) {}
}

/// Two observers of one run; each hears only of the steps that it wants.
struct Both<'a> {
    recorder: Option<&'a mut Recorder>,
    live: Option<&'a mut Live>,
}

impl Observer<f32> for Both<'_> {
    fn wants(&self, step: u64) -> Wants {
        let (a, b) =
            (self.recorder.as_ref().map(|r| r.wants(step)), self.live.as_ref().map(|l| l.wants(step)));
        let (a, b) = (a.unwrap_or(Wants::NOTHING), b.unwrap_or(Wants::NOTHING));
        Wants {
            forward: a.forward || b.forward,
            backward: a.backward || b.backward,
            updated: a.updated || b.updated,
        }
    }

    fn event(&mut self, event: &Event<'_, f32>) {
        let step = match event {
            Event::Forward { step, .. } | Event::Backward { step, .. } | Event::Updated { step, .. } => {
                Some(*step)
            }
            _ => None,
        };
        let wanted = |wants: &dyn Fn(u64) -> Wants| step.is_none_or(|s| wants(s) != Wants::NOTHING);
        if let Some(recorder) = &mut self.recorder
            && wanted(&|s| recorder.wants(s))
        {
            recorder.event(event);
        }
        if let Some(live) = &mut self.live
            && wanted(&|s| live.wants(s))
        {
            live.event(event);
        }
    }
}

/// Nobody is told.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn advanced(&self, _: u64, _: u64, _: usize) {}
}

/// Everything that a run needs, and the counters of its experiment.
struct Work<'a> {
    options: &'a RunOptions,
    progress: &'a dyn Progress,
    stop: &'a AtomicBool,
    done: AtomicU64,
    total: u64,
    finished: AtomicUsize,
}

/// A run that is to be done: row and seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Index of the row.
    pub row: usize,
    /// The seed.
    pub seed: u64,
}

/// Runs jobs on all threads and hands each finished run to `keep`, in the order
/// in which they finish. Returns false if `stop` was set before all were done.
///
/// # Errors
/// The first error of `keep`; no further run begins after it.
pub fn run_all<E: Send>(
    experiment: &Experiment,
    plans: &[Plan],
    split: &Split,
    jobs: &[Job],
    options: &RunOptions,
    (progress, stop): (&dyn Progress, &AtomicBool),
    keep: impl FnMut(Finished) -> Result<(), E> + Send,
) -> Result<bool, E> {
    let plans: Vec<Arc<Plan>> = plans.iter().map(|p| Arc::new(p.clone())).collect();
    let total = jobs.iter().map(|j| experiment.rows[j.row].training.steps).sum();
    let shuffled = inputs::shuffled(&experiment.rows, split);
    let inputs: Vec<Inputs<'_>> =
        experiment.rows.iter().map(|row| Inputs::new(&row.feed, split, shuffled.as_ref())).collect();
    let work =
        Work { options, progress, stop, done: AtomicU64::new(0), total, finished: AtomicUsize::new(0) };
    let next = AtomicUsize::new(0);
    let keep = Mutex::new((keep, None));
    // Runs side by side while there are enough of them; threads inside a run otherwise.
    let outer = options.threads.min(jobs.len()).max(1);
    let inner = (options.threads / outer).max(1);
    std::thread::scope(|scope| {
        for _ in 0..outer {
            scope.spawn(|| {
                let pool = Arc::new(Pool::new(inner));
                loop {
                    let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                    let row = &experiment.rows[job.row];
                    let Some(finished) = work.run(*job, (row, &inputs[job.row]), &plans[job.row], &pool)
                    else {
                        return;
                    };
                    let mut guard = keep.lock().unwrap_or_else(PoisonError::into_inner);
                    let (keep, error) = &mut *guard;
                    if error.is_some() {
                        return;
                    }
                    if let Err(e) = keep(finished) {
                        *error = Some(e);
                        work.stop.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let (_, error) = keep.into_inner().unwrap_or_else(PoisonError::into_inner);
    match error {
        Some(error) => Err(error),
        None => Ok(work.finished.load(Ordering::Relaxed) == jobs.len()),
    }
}

/// Puts finished runs into rows, in the order of the seeds.
#[must_use]
pub fn rows(experiment: &Experiment, runs: &[(usize, Run)], seeds: &[u64], published: bool) -> Vec<Row> {
    let of_row = |index: usize| {
        seeds
            .iter()
            .filter_map(|seed| runs.iter().find(|(row, run)| *row == index && run.seed == *seed))
            .map(|(_, run)| run.clone())
            .collect()
    };
    let rows = experiment.rows.iter().enumerate().map(|(i, row)| Row {
        id: row.id.clone(),
        label: row.label.clone(),
        reference: row.reference.clone(),
        published: row.reference.as_deref().filter(|_| published).and_then(crate::experiment::published),
        place: row.place.clone(),
        runs: of_row(i),
    });
    rows.collect()
}

/// Labels or values of a batch, allocated once.
pub(crate) enum Batch {
    Classes(Vec<u32>),
    Values(Vec<f32>),
}

impl Batch {
    pub(crate) fn new(data: &Dataset, n: usize) -> Batch {
        match data.targets() {
            DataTargets::Classes(_) => Batch::Classes(vec![0; n]),
            DataTargets::Values { width, .. } => Batch::Values(vec![0.0; n * width]),
        }
    }

    pub(crate) fn gather(&mut self, data: &Dataset, indices: &[u32]) {
        match self {
            Batch::Classes(labels) => {
                data.gather_targets(indices, TargetsMut::Classes(&mut labels[..indices.len()]))
            }
            Batch::Values(values) => {
                let width = data.target_width().unwrap_or(1);
                data.gather_targets(indices, TargetsMut::Values(&mut values[..indices.len() * width]));
            }
        }
    }

    pub(crate) fn targets(&self, n: usize, width: usize) -> Targets<'_, f32> {
        match self {
            Batch::Classes(labels) => Targets::Classes(&labels[..n]),
            Batch::Values(values) => Targets::Values(&values[..n * width]),
        }
    }
}

/// The score of all examples of a data set, which `fill` writes: number of the
/// batch, examples, where to.
pub(crate) fn evaluate(
    exec: &mut Executor,
    data: &Dataset,
    batch: &mut Batch,
    order: &[u32],
    fill: impl Fn(u64, &[u32], &mut [f32]),
) -> Score {
    let (width, most) = (exec.plan().output_shape().len(), exec.plan().options.eval_batch);
    let mut score = Score::default();
    for (chunk, indices) in (0..).zip(order.chunks(most)) {
        fill(chunk, indices, exec.eval_input(indices.len()));
        batch.gather(data, indices);
        score = score.and(exec.evaluate(indices.len(), batch.targets(indices.len(), width)));
    }
    score
}

impl Work<'_> {
    /// Trains one network. None if the experiment was stopped.
    fn run(
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
        let mut recorder = self.options.observe.then(|| Recorder::new(plan, training));
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
            let before = (measured && training.evaluate == EvaluateWhen::Before).then(|| {
                evaluate(&mut exec, test, &mut test_labels, &order, |_, i, out| plain(test, i, out))
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
                        (again.accuracy(), evaluate(&mut exec, test, &mut test_labels, &order, fill))
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
