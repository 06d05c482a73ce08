//! One `kobai lab run`: from a request to results on disk.

use crate::claims::Evidence;
use crate::doctor::{self, Watched};
use crate::documents;
use crate::estimate::{self, Timings};
use crate::experiment::{self, Changes, Experiment, ExperimentError};
use crate::inputs;
use crate::look;
use crate::results::{Outcome, Results, Row, Run, Text};
use crate::runner::{self, Doctor, EVAL_BATCH, EVAL_BATCH_PICTURES, Job, Progress, RunOptions};
use crate::store::{self, Folder, StoreError};
use crate::surfaces;
use kobai_data::{DataError, Locations, Sampler, Split, registry};
use kobai_engine::{Explain, Explanation, Lang, Plan, PlanOptions, say};
use kobai_kernels::Isa;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use thiserror::Error;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Request {
    /// Name of an experiment, or path of a file.
    pub experiment: String,
    /// The rows that run; all if empty. Claims about others are left out.
    pub rows: Vec<String>,
    /// Data set or folder instead of the experiment's.
    pub data: Option<String>,
    /// Where data are found.
    pub locations: Locations,
    /// Number of seeds instead of the experiment's.
    pub seeds: Option<u32>,
    /// First seed.
    pub first_seed: u64,
    /// Steps instead of the experiment's.
    pub steps: Option<u64>,
    /// Threads; all cores by default.
    pub threads: Option<usize>,
    /// Instruction set.
    pub isa: Isa,
    /// Run folder; `runs/<experiment>-<data>` by default.
    pub out: Option<PathBuf>,
    /// Where runs of all experiments are kept by identity, if anywhere.
    pub cache: Option<PathBuf>,
    /// The published variant.
    pub as_published: bool,
    /// Dotted keys and values.
    pub set: Vec<(String, String)>,
    /// Whether observers record.
    pub observe: bool,
    /// Whether the doctor watches, and the share of a run's time that it may take.
    pub doctor: Option<f64>,
    /// Whether records of earlier runs are ignored.
    pub fresh: bool,
    /// Language of the report.
    pub lang: Lang,
}

impl Request {
    /// An experiment as it is: its own data, seeds and steps, all cores, the
    /// default run folder.
    #[must_use]
    pub fn new(experiment: impl Into<String>) -> Self {
        Request {
            experiment: experiment.into(),
            rows: Vec::new(),
            data: None,
            locations: Locations::none(),
            seeds: None,
            first_seed: 0,
            steps: None,
            threads: None,
            isa: Isa::best(),
            out: None,
            cache: None,
            as_published: false,
            set: Vec::new(),
            observe: true,
            doctor: None,
            fresh: false,
            lang: Lang::En,
        }
    }
}

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

/// Why there are no results.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The experiment is wrong.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// The data are missing or wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The run folder cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A claim refers to a row that does not exist.
    #[error("{0}")]
    Claim(UnknownRow),
    /// There is no such row.
    #[error("{0}")]
    Row(UnknownRow),
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted {
        /// Runs that are kept.
        finished: usize,
        /// Runs that were asked for.
        total: usize,
        /// The run folder.
        folder: PathBuf,
    },
}

/// A row that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRow {
    /// The claim that is about it; empty if it was asked for.
    pub claim: String,
    /// The row.
    pub row: String,
    /// Rows that exist.
    pub known: Vec<String>,
}

impl std::fmt::Display for UnknownRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let error = SessionError::Row(self.clone());
        let error = if self.claim.is_empty() { error } else { SessionError::Claim(self.clone()) };
        write!(f, "{}", error.explain(Lang::En))
    }
}

impl Explain for SessionError {
    fn explain(&self, lang: Lang) -> Explanation {
        match self {
            SessionError::Experiment(e) => e.explain(lang),
            SessionError::Data(e) => e.explain(lang),
            SessionError::Store(e) => e.explain(lang),
            SessionError::Claim(UnknownRow { claim, row, known }) => {
                let known = known.join(", ");
                Explanation::new(say!(
                    lang,
                    "the claim `{claim}` is about a row `{row}` that does not exist",
                    "主張 `{claim}` の行 `{row}` はありません"
                ))
                .fact(say!(lang, "rows: {known}", "ある行: {known}"))
            }
            SessionError::Row(UnknownRow { row, known, .. }) => {
                let list = known.join(", ");
                let e = Explanation::new(say!(lang, "there is no row `{row}`", "行 `{row}` はありません"))
                    .fact(say!(lang, "rows: {list}", "ある行: {list}"));
                match kobai_engine::text::nearest(row, known.iter().map(String::as_str)) {
                    Some(near) => e.hint(say!(lang, "did you mean `{near}`?", "`{near}` のことですか？")),
                    None => e,
                }
            }
            SessionError::Interrupted { finished, total, folder } => {
                let folder = folder.display();
                Explanation::new(say!(
                    lang,
                    "interrupted: {finished} of {total} runs are kept in {folder}",
                    "中断しました。{total} 回中 {finished} 回の実行が {folder} に残っています"
                ))
                .hint(say!(
                    lang,
                    "the same command continues where it stopped",
                    "同じコマンドで続きから再開します"
                ))
            }
        }
    }
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

    /// One line about the data.
    #[must_use]
    pub fn data_line(&self) -> Text {
        let Some(split) = &self.split else {
            return Text {
                en: "no data set: functions of two params".into(),
                ja: "データは使わない（2 変数の関数）".into(),
            };
        };
        let (train, test) = (split.train.len(), split.test.len());
        let (name, shape) = (split.train.name(), split.train.shape());
        let source = registry::set(&self.data).ok().map(|set| set.attribution);
        let line = |lang: Lang| {
            let source = source.as_ref().map_or(String::new(), |s| format!("; {s}"));
            say!(
                lang,
                "{name}: {train} training and {test} test examples of {shape}{source}",
                "{name}: 学習 {train} 例、テスト {test} 例、形 {shape}{source}"
            )
        };
        Text { en: line(Lang::En), ja: line(Lang::Ja) }
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

    fn results(&self, runs: &[(usize, Run)]) -> Results {
        let experiment = &self.experiment;
        let published = experiment.published_on.as_deref() == Some(self.data.as_str())
            || experiment.published_on.is_some()
                && self.split.as_ref().is_some_and(|s| s.train.name() == "mnist");
        let rows = runner::rows(experiment, runs, &self.seeds, published);
        let surfaces = experiment.surfaces.as_ref().map(|s| surfaces::run(s, &self.seeds, self.request.isa));
        let training = experiment.rows.first().map(|row| &row.training);
        let evidence = Evidence { rows: &rows, surfaces: surfaces.as_ref() };
        let claims = experiment.claims.iter().map(|c| c.decide(evidence)).collect();
        Results {
            id: experiment.id.clone(),
            section: experiment.section.clone(),
            title: experiment.title.clone(),
            summary: experiment.summary.clone(),
            notes: experiment.notes.clone(),
            command: self.command(),
            data: self.data.clone(),
            data_line: self.data_line(),
            steps: training.map_or(surfaces.as_ref().map_or(0, |s| s.steps as u64), |t| t.steps),
            batch: training.map_or(0, |t| t.batch),
            seeds: self.seeds.clone(),
            isa: self.request.isa.name().into(),
            version: env!("CARGO_PKG_VERSION").into(),
            claims,
            rows,
            surfaces,
        }
    }

    /// The command that repeats this.
    fn command(&self) -> String {
        let r = &self.request;
        let mut command = format!("kobai lab run {}", r.experiment);
        if self.split.is_some() {
            let _ = write!(command, " --data {}", self.data);
        }
        let _ = write!(command, " --seeds {}", self.seeds.len());
        if r.first_seed != 0 {
            let _ = write!(command, " --seed {}", r.first_seed);
        }
        if let Some(steps) = r.steps {
            let _ = write!(command, " --steps {steps}");
        }
        if r.as_published {
            command.push_str(" --as-published");
        }
        if !r.rows.is_empty() {
            let _ = write!(command, " --rows {}", r.rows.join(","));
        }
        for (key, value) in &r.set {
            let _ = write!(command, " --set {key}={value}");
        }
        command
    }

    /// What the doctor knows of each row before its first step.
    fn doctor(&self, cap: f64, folder: &Folder) -> Result<Doctor, StoreError> {
        let rows = self.experiment.rows.iter().zip(&self.plans);
        let seen = |(row, plan): (_, &Plan)| {
            Some(doctor::unwatched(row, &Arc::new(plan.clone()), self.split.as_ref()?))
        };
        Ok(Doctor { records: rows.filter_map(seen).collect(), cap, logs: Some(folder.logs()?) })
    }

    /// Writes what is known before the first step.
    fn describe(&self, folder: &Folder) -> Result<(), StoreError> {
        folder.write("experiment.toml", self.experiment.resolved().as_bytes())?;
        folder.write("environment.json", &documents::pretty(&self.environment()))?;
        let mut plans = String::new();
        for (row, plan) in self.experiment.rows.iter().zip(&self.plans) {
            let _ = writeln!(plans, "[{}]\n{}", row.id, plan.table(Lang::En));
        }
        folder.write("plan.txt", plans.as_bytes())
    }

    fn write(
        &self,
        folder: &Folder,
        results: &Results,
        watched: &[(String, u64, Box<Watched>)],
    ) -> Result<(), StoreError> {
        if !watched.is_empty() {
            let document = doctor::diagnoses(&results.id, watched);
            folder.write("diagnosis.json", &documents::pretty(&document))?;
        }
        folder.write("metrics.csv", documents::metrics(&results.rows).as_bytes())?;
        folder.write("events.jsonl", documents::events(&results.rows).as_bytes())?;
        folder.write("results.json", &documents::pretty(&documents::results(results)))?;
        let looks = match &self.split {
            Some(split) => look::of_rows(&self.experiment, split, &results.rows, folder, self.request.lang),
            None => Vec::new(),
        };
        folder.write("report.html", crate::report::html_with(results, &looks, self.request.lang).as_bytes())
    }

    fn environment(&self) -> Value {
        json!({
            "schema": "kobai.environment/1",
            "version": env!("CARGO_PKG_VERSION"),
            "numerics": store::NUMERICS,
            "isa": self.request.isa.name(),
            "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "data": self.data,
            "data_sha256": self.data_checksum,
            "seeds": self.seeds,
            "command": self.command(),
        })
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

/// Leaves the rows that were asked for, and the claims about them alone.
fn pick_rows(experiment: &mut Experiment, wanted: &[String]) -> Result<(), SessionError> {
    let known: Vec<String> = experiment.rows.iter().map(|r| r.id.clone()).collect();
    if let Some(row) = wanted.iter().find(|w| !known.contains(w)) {
        return Err(SessionError::Row(UnknownRow { claim: String::new(), row: row.clone(), known }));
    }
    if !wanted.is_empty() {
        experiment.rows.retain(|row| wanted.contains(&row.id));
        experiment.claims.retain(|claim| claim.unknown_rows(wanted).is_empty());
    }
    Ok(())
}

/// Every row and measure that claims are about exists.
fn check_claims(experiment: &Experiment) -> Result<(), SessionError> {
    let rows = experiment.operands();
    for claim in &experiment.claims {
        if let Some(row) = claim.unknown_rows(&rows).into_iter().next() {
            return Err(SessionError::Claim(UnknownRow { claim: claim.id.clone(), row, known: rows }));
        }
        if let Some(row) = claim.unknown_surfaces(experiment.surfaces.as_ref()).into_iter().next() {
            let known = experiment.surfaces.as_ref().map(surfaces::SurfaceSpec::measures).unwrap_or_default();
            // All of them would fill a screen: those of the same rule and surface, or the nearest.
            let nearest = kobai_engine::text::nearest(&row, known.iter().map(String::as_str));
            let known = nearest.map(|n| vec![n.to_string()]).unwrap_or(known);
            return Err(SessionError::Claim(UnknownRow { claim: claim.id.clone(), row, known }));
        }
    }
    Ok(())
}
