//! One `kobai lab run`: from a request to results on disk.

mod check;
mod error;
mod files;
mod request;

use crate::doctor::{self, Watched};
use crate::estimate::{self, Timings};
use crate::experiment::{self, Changes, Experiment};
use crate::inputs;
use crate::results::{Outcome, Results, Row, Run};
use crate::runner::{self, Doctor, EVAL_BATCH, EVAL_BATCH_PICTURES, Job, Progress, RunOptions};
use crate::store::{self, Folder, StoreError};
use crate::surfaces;
use check::{check_claims, pick_rows};
use kobai_data::{DataError, Sampler, Split, registry};
use kobai_engine::{Plan, PlanOptions};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use error::{SessionError, UnknownRow};
pub use request::Request;

/// What came out.
#[derive(Debug)]
pub struct Completed {
    /// The results.
    pub results: Results,
    /// The run folder.
    pub folder: PathBuf,
    /// Runs that were taken from an earlier call.
    pub reused: usize,
    /// Runs that diverged although their row does not allow it: row, seed, step.
    pub diverged: Vec<(String, u64, u64)>,
    /// What the doctor saw: row, seed, findings.
    pub watched: Vec<(String, u64, Box<Watched>)>,
    /// A file that could not be written after the runs.
    pub unwritten: Option<StoreError>,
}

/// How much there is to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Seconds, within a factor of two.
    pub seconds: f64,
    /// Runs that are asked for.
    pub runs: usize,
    /// Those that are kept from earlier calls.
    pub known: usize,
}

/// The data that an experiment learns from, made from the whole set.
pub(crate) fn prepared(experiment: &Experiment, mut split: Split) -> Result<Split, DataError> {
    if let Some(n) = experiment.train_examples {
        split.train = split.train.prefix(n.min(split.train.len()))?;
    }
    if let Some(n) = experiment.test_examples {
        split.test = split.test.prefix(n.min(split.test.len()))?;
    }
    experiment.prepare.apply(split)
}

/// A request with everything found and checked: nothing after this is the
/// user's mistake.
#[derive(Debug)]
pub struct Session {
    request: Request,
    experiment: Experiment,
    /// None if no row needs data.
    split: Option<Split>,
    plans: Vec<Plan>,
    data: String,
    data_checksum: String,
    seeds: Vec<u64>,
    threads: usize,
}

impl Session {
    /// Reads the experiment and the data, and plans every row.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub fn prepare(request: Request) -> Result<Session, SessionError> {
        let mut set = request.set.clone();
        if let Some(steps) = request.steps {
            set.push(("training.steps".into(), steps.to_string()));
        }
        let mut changes = Changes { set, as_published: request.as_published, ..Changes::default() };
        changes.outputs = Some(1);
        // Read once to know the data set, and again with the number of its classes and examples.
        let first = Experiment::load(&request.experiment, &changes)?;
        if first.rows.is_empty() {
            return Session::without_data(request, first);
        }
        let data = request.data.clone().unwrap_or(first.data);
        let split = registry::load(&data, &request.locations)?;
        let outputs = match split.train.target_width() {
            Some(width) => width,
            None => split.train.classes(),
        };
        changes.outputs = Some(outputs);
        changes.train_len = Some(first.train_examples.unwrap_or(usize::MAX).min(split.train.len()));
        let mut experiment = Experiment::load(&request.experiment, &changes)?;
        pick_rows(&mut experiment, &request.rows)?;
        let split = prepared(&experiment, split)?;
        for row in &experiment.rows {
            row.check_targets(&experiment.id, split.train.classes())?;
            // The runner's samplers cannot fail after this.
            let learned = row.training.examples.unwrap_or(usize::MAX).min(split.train.len());
            Sampler::new(row.training.sampling, learned, row.training.batch)?;
            inputs::check(&row.feed, &split)?;
        }
        check_claims(&experiment)?;
        let pictures = matches!(split.train.shape().dims(), [3, ..]);
        let eval_batch = if pictures { EVAL_BATCH_PICTURES } else { EVAL_BATCH };
        let options = PlanOptions { eval_batch, isa: request.isa, ..PlanOptions::batch(eval_batch) };
        let name = &request.experiment;
        let file = if experiment::is_path(name) { name.clone() } else { format!("{name}.toml") };
        let plans = experiment.plans(&file, split.train.shape(), outputs, options)?;
        let data_checksum = format!("{}-{}", split.train.checksum(), split.test.checksum());
        let (seeds, threads) = (seeds(&request, &experiment), threads(&request));
        let split = Some(split);
        Ok(Session { request, experiment, split, plans, data, data_checksum, seeds, threads })
    }

    /// An experiment without rows: nothing is learned from data.
    fn without_data(request: Request, experiment: Experiment) -> Result<Session, SessionError> {
        check_claims(&experiment)?;
        let (seeds, threads) = (seeds(&request, &experiment), threads(&request));
        let data = experiment.data.clone();
        let (plans, data_checksum) = (Vec::new(), String::new());
        Ok(Session { request, experiment, split: None, plans, data, data_checksum, seeds, threads })
    }

    /// What was asked for.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The experiment, resolved.
    #[must_use]
    pub fn experiment(&self) -> &Experiment {
        &self.experiment
    }

    /// The plans of its rows.
    #[must_use]
    pub fn plans(&self) -> &[Plan] {
        &self.plans
    }

    /// Rows × seeds.
    #[must_use]
    pub fn total_runs(&self) -> usize {
        self.experiment.rows.len() * self.seeds.len()
    }

    /// Threads that will run.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    fn folder(&self) -> PathBuf {
        self.request.out.clone().unwrap_or_else(|| {
            let data = self.data.rsplit(['/', '\\']).find(|p| !p.is_empty()).unwrap_or("data");
            let data = self.split.as_ref().map_or(String::new(), |_| format!("-{data}"));
            let variant = if self.request.as_published { "-as-published" } else { "" };
            PathBuf::from("runs").join(format!("{}{variant}{data}", self.experiment.id))
        })
    }

    /// The data set's name.
    #[must_use]
    pub fn data(&self) -> &str {
        &self.data
    }

    /// Seeds of each row.
    #[must_use]
    pub fn seeds(&self) -> usize {
        self.seeds.len()
    }

    /// Trains every row and keeps nothing on disk.
    #[must_use]
    pub fn train(&self) -> Vec<Row> {
        let Some(split) = &self.split else { return Vec::new() };
        let options = RunOptions {
            seeds: self.seeds.clone(),
            threads: self.threads,
            observe: self.request.observe,
            doctor: None,
        };
        let mut runs = Vec::new();
        let stop = AtomicBool::new(false);
        let told = (&runner::Silent as &dyn Progress, &stop);
        let done = runner::run_all(&self.experiment, &self.plans, split, &self.jobs(), &options, told, |f| {
            runs.push((f.row, f.run));
            Ok::<(), std::convert::Infallible>(())
        });
        match done {
            Ok(_) => runner::rows(&self.experiment, &runs, &self.seeds, false),
        }
    }

    fn jobs(&self) -> Vec<Job> {
        (0..self.experiment.rows.len())
            .flat_map(|row| self.seeds.iter().map(move |seed| Job { row, seed: *seed }))
            .collect()
    }

    fn identity(&self, job: Job) -> String {
        let isa = self.request.isa.name();
        store::identity(&self.experiment, job, &self.data_checksum, isa, self.request.observe)
    }

    /// How long [`Session::run`] will take on this machine: each different
    /// network of the missing runs is timed for a few milliseconds.
    #[must_use]
    pub fn estimate(&self, timings: &mut Timings) -> Estimate {
        let folder = Folder::at(&self.folder(), self.request.cache.as_deref());
        let jobs = self.jobs();
        let known = |job: &Job| {
            !self.request.fresh && folder.has(&store::run_name(&self.experiment, *job), &self.identity(*job))
        };
        let missing: Vec<Job> = jobs.iter().copied().filter(|job| !known(job)).collect();
        let mut seconds = 0.0;
        if let Some(split) = &self.split {
            for job in &missing {
                let row = &self.experiment.rows[job.row];
                let speed = timings.of(row, &self.plans[job.row], split);
                seconds += estimate::run(speed, &row.training, split, self.request.observe);
            }
            // More threads than runs help inside a run, but not fully.
            seconds /= self.threads.min(missing.len().max(1)) as f64;
        }
        if let Some(spec) = &self.experiment.surfaces {
            seconds += surfaces::estimate(spec, self.seeds.len(), self.request.isa);
        }
        Estimate { seconds, runs: jobs.len(), known: jobs.len() - missing.len() }
    }

    /// Trains, decides, writes.
    ///
    /// # Errors
    /// If the folder cannot be written while runs are kept, or on `stop`.
    pub fn run(&self, progress: &dyn Progress, stop: &AtomicBool) -> Result<Completed, SessionError> {
        let path = self.folder();
        let folder = Folder::open(&path, self.request.cache.as_deref())?;
        // First, so that a run that breaks off can be examined.
        self.describe(&folder)?;
        let jobs = self.jobs();
        let identity = |job: Job| self.identity(job);
        let mut runs: Vec<(usize, Run)> = Vec::new();
        let mut missing = Vec::new();
        for job in &jobs {
            // Who asks for the doctor wants the runs to be watched.
            let known = (!self.request.fresh && self.request.doctor.is_none())
                .then(|| folder.reuse(&store::run_name(&self.experiment, *job), &identity(*job)));
            match known.flatten() {
                Some(run) => runs.push((job.row, run)),
                None => missing.push(*job),
            }
        }
        let reused = runs.len();
        let options = RunOptions {
            seeds: self.seeds.clone(),
            threads: self.threads,
            observe: self.request.observe,
            doctor: self.request.doctor.map(|cap| self.doctor(cap, &folder)).transpose()?,
        };
        let mut watched = Vec::new();
        let complete = missing.is_empty()
            || runner::run_all(
                &self.experiment,
                &self.plans,
                self.split.as_ref().expect("rows have data"),
                &missing,
                &options,
                (progress, stop),
                |finished| {
                    let job = Job { row: finished.row, seed: finished.run.seed };
                    let name = store::run_name(&self.experiment, job);
                    folder.keep(&name, &identity(job), &self.plans[job.row], &finished)?;
                    let row = &self.experiment.rows[job.row].id;
                    watched.extend(finished.watched.map(|w| (row.clone(), job.seed, w)));
                    runs.push((finished.row, finished.run));
                    Ok::<(), StoreError>(())
                },
            )?;
        if !complete {
            return Err(SessionError::Interrupted { finished: runs.len(), total: jobs.len(), folder: path });
        }
        let results = self.results(&runs);
        let diverged = self.diverged(&results.rows);
        watched.sort_by_key(|(row, seed, _): &(String, u64, _)| {
            (self.experiment.rows.iter().position(|r| r.id == *row), *seed)
        });
        let unwritten = self.write(&folder, &results, &watched).err();
        Ok(Completed { results, folder: path, reused, diverged, watched, unwritten })
    }

    fn diverged(&self, rows: &[Row]) -> Vec<(String, u64, u64)> {
        let mut all = Vec::new();
        for (row, spec) in rows.iter().zip(&self.experiment.rows) {
            for run in &row.runs {
                if let Outcome::Diverged { step } = run.outcome
                    && !spec.training.may_diverge
                {
                    all.push((row.id.clone(), run.seed, step));
                }
            }
        }
        all
    }

    /// What the doctor knows of each row before its first step.
    fn doctor(&self, cap: f64, folder: &Folder) -> Result<Doctor, StoreError> {
        let rows = self.experiment.rows.iter().zip(&self.plans);
        let seen = |(row, plan): (_, &Plan)| {
            Some(doctor::unwatched_run(row, &Arc::new(plan.clone()), self.split.as_ref()?))
        };
        Ok(Doctor { records: rows.filter_map(seen).collect(), cap, logs: Some(folder.logs()?) })
    }
}

fn seeds(request: &Request, experiment: &Experiment) -> Vec<u64> {
    let count = request.seeds.unwrap_or(experiment.seeds);
    (0..u64::from(count)).map(|i| request.first_seed.wrapping_add(i)).collect()
}

fn threads(request: &Request) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    request.threads.unwrap_or(cores).max(1)
}
