//! Runs of an experiment: independent, side by side, bit-identical to running
//! them one by one.

mod batch;
mod both;
mod train;

use crate::doctor::Watched;
use crate::experiment::{Experiment, RowSpec};
use crate::inputs::{self, Inputs};
use crate::results::{Row, Run};
use kobai_data::dataset::Split;
use kobai_doctor::{Finding, Record};
use kobai_engine::Plan;
use kobai_kernels::Pool;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use train::Work;

pub(crate) use batch::{Batch, evaluate};

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

/// Nobody is told.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn advanced(&self, _: u64, _: u64, _: usize) {}
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
