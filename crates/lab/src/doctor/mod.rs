//! The doctor at work: why a network does not learn, and what cures it.
//!
//! [`examine`] reads an experiment, looks at its data and its network, trains it
//! for a while under observation, makes the tests that pay, and asks the checks
//! of `kobai-doctor`.
//!
//! | module | what |
//! |---|---|
//! | `subject` | one row of an experiment, as a file of its own |
//! | `trial` | one training, step by step |
//! | `facts` | figures about the data |
//! | `tests` | active tests that separate look-alikes |
//! | `edit` | prescriptions as edits of the file, and their diff |
//! | `arms`, `proof`, `treat` | what is trained for a proof, what it says, and from findings to a cure |
//! | `live` | the doctor as an observer of an experiment's runs |
//! | [`watch`] | what a run showed, as a file; PyTorch's too |
//! | `postmortem` | from a run folder alone |
//! | `inject` | diseases to plant |
//! | `cured` | the cured file, with its reasons |
//! | [`report`] | what a person reads |
//! | `document` | the JSON of it all, schema `kobai.doctor/1` |

mod arms;
mod cured;
mod document;
mod edit;
mod facts;
mod inject;
mod live;
mod postmortem;
mod proof;
pub mod report;
mod subject;
mod tests;
mod treat;
mod trial;
pub mod watch;

pub use arms::Measure;
pub use cured::cured_file;
pub use document::{diagnoses, document};
pub use edit::{Change, apply, changes, diff};
pub use inject::{FAULTS, Fault, fault_named, inject};
pub(crate) use live::Live;
pub use live::{CAP, Overhead, Watched, overhead};
pub use postmortem::{foreign_run, post_mortem};
pub use proof::{Arm, Proof, Protocol, Verdict};
pub use subject::{Origin, Subject};
pub use tests::Made;
pub use treat::{Attempt, Treatment, treat};

use crate::experiment::{Experiment, RowSpec, TrainAccuracy};
use crate::results::Text;
use crate::session::SessionError;
use kobai_data::{Locations, Split};
use kobai_doctor::record::Point;
use kobai_doctor::{DataFacts, Diagnosis, Record, Recorder, Settings, diagnose};
use kobai_engine::Plan;
use kobai_kernels::Pool;
use std::sync::Arc;
use std::time::Instant;
use trial::{Trial, Variation};

/// Evaluations of a watched run.
const POINTS: u64 = 20;
/// Arithmetic that a watched run may take: one to three seconds of one core.
const WATCH_FLOPS: f64 = 60e9;
/// Arithmetic that a large network may take, so that a few steps show anything:
/// ten to twenty seconds.
const LARGE_FLOPS: f64 = 1e12;
/// Steps that are watched of a large network, if that is enough for them.
const FEW: u64 = 200;
/// A run is watched for at least so many steps, whatever they cost.
const LEAST: u64 = 16;
/// And for at most so many.
const MOST: u64 = 4000;

/// How an examination is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seed of the watched run.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
    /// Steps that are watched; by default as many of the experiment's as a few
    /// seconds of arithmetic allow.
    pub steps: Option<u64>,
    /// Whether active tests may be made.
    pub tests: bool,
    /// Where data are found, for [`examine`].
    pub locations: Locations,
}

impl Default for Options {
    fn default() -> Self {
        Options { seed: 0, threads: 1, steps: None, tests: true, locations: Locations::none() }
    }
}

/// The file that writes what a PyTorch training shows.
pub const TORCH_HOOK: &str = include_str!("../../assets/kobai_watch.py");

/// What an examination cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost {
    /// Steps of the watched run.
    pub watched_steps: u64,
    /// Steps of active tests.
    pub test_steps: u64,
    /// Steps of the proof's arms.
    pub proof_steps: u64,
    /// All of it, in seconds.
    pub seconds: f64,
}

/// An examined row.
#[derive(Clone, Debug)]
pub struct Examination {
    /// The experiment's name or path.
    pub source: String,
    /// The row.
    pub row: String,
    /// The seed of the watched run.
    pub seed: u64,
    /// What was found.
    pub diagnosis: Diagnosis,
    /// What was seen.
    pub record: Record,
    /// Tests that were made.
    pub tests: Vec<Made>,
    /// What it cost.
    pub cost: Cost,
}

impl Examination {
    /// The examination of a record that exists already: nothing is trained.
    #[must_use]
    pub fn of_record(source: &str, row: &str, seed: u64, record: Record) -> Examination {
        let start = Instant::now();
        let diagnosis = diagnose(&record);
        let seconds = start.elapsed().as_secs_f64();
        let cost = Cost { seconds, ..Cost::default() };
        Examination {
            source: source.into(),
            row: row.into(),
            seed,
            diagnosis,
            record,
            tests: Vec::new(),
            cost,
        }
    }
}

/// Examines one row of an experiment, or its only one.
///
/// # Errors
/// What is wrong with the experiment or its data.
pub fn examine(experiment: &str, row: Option<&str>, options: &Options) -> Result<Examination, SessionError> {
    let origin = Origin {
        row: row.map(String::from),
        locations: options.locations.clone(),
        ..Origin::new(experiment)
    };
    let subjects = Subject::all(&origin)?;
    let first = subjects.first().expect("an experiment has a row");
    Ok(examine_subject(first, options, &|_| {}))
}

/// Examines one row of an experiment that was read already, on data that were
/// loaded already: for many examinations on the same data.
///
/// # Errors
/// If the row is not there, or its network or data do not work.
pub fn examine_on(
    experiment: &Experiment,
    row: &str,
    data: &Arc<Split>,
    options: &Options,
) -> Result<Examination, SessionError> {
    let isa = kobai_kernels::Isa::best();
    let subjects = Subject::rows(experiment, Some(row), &experiment.id, data, isa)?;
    Ok(examine_subject(&subjects[0], options, &|_| {}))
}

/// Examines a subject; `tell` hears of each test before it is made.
#[must_use]
pub fn examine_subject(subject: &Subject, options: &Options, tell: &dyn Fn(&Text)) -> Examination {
    let start = Instant::now();
    let pool = Arc::new(Pool::new(options.threads.max(1)));
    let steps = watched_steps(subject, options);
    let mut record = watch(subject, options.seed, steps, &pool);
    let mut tests = Vec::new();
    if options.tests {
        let allowance = allowance(subject);
        let mut bench =
            tests::Bench { subject, seed: options.seed, pool: &pool, allowance, tell, made: tests };
        bench.run(&mut record);
        tests = bench.made;
    }
    let diagnosis = diagnose(&record);
    let cost = Cost {
        watched_steps: record.done,
        test_steps: tests.iter().map(|t| t.steps).sum(),
        proof_steps: 0,
        seconds: start.elapsed().as_secs_f64(),
    };
    let (source, row) = (subject.source.clone(), subject.row.clone());
    Examination { source, row, seed: options.seed, diagnosis, record, tests, cost }
}

/// Steps of a subject that an amount of arithmetic pays for.
fn paid(subject: &Subject, flops: f64) -> u64 {
    (flops / subject.step_flops().max(1.0)) as u64
}

/// Steps that a few seconds of arithmetic allow.
fn affordable(subject: &Subject) -> u64 {
    let few = paid(subject, LARGE_FLOPS).min(FEW);
    paid(subject, WATCH_FLOPS).max(few).clamp(LEAST, MOST)
}

fn watched_steps(subject: &Subject, options: &Options) -> u64 {
    let all = subject.spec().training.steps;
    options.steps.unwrap_or_else(|| affordable(subject)).min(all).max(1)
}

/// Steps that all tests together may take.
fn allowance(subject: &Subject) -> u64 {
    let few = paid(subject, LARGE_FLOPS).min(3 * FEW);
    paid(subject, 2.0 * WATCH_FLOPS).max(few).min(2 * MOST)
}

/// How a row is trained, as checks see it.
fn settings(row: &RowSpec, plan: &Plan) -> Settings {
    let training = &row.training;
    let frozen = plan.nodes.iter().filter(|n| {
        !n.params.is_empty()
            && n.plan.params.iter().all(|p| training.is_frozen(&format!("{}.{}", n.name, p.name)))
    });
    Settings {
        steps: training.steps,
        batch: training.batch,
        updates: training.updates,
        frozen: frozen.map(|n| n.name.clone()).collect(),
    }
}

/// The same of a row that is trained by the runner, whose training accuracies are of fewer
/// examples.
pub(crate) fn unwatched_run(row: &RowSpec, plan: &Arc<Plan>, split: &Split) -> Record {
    let mut record = unwatched(row, plan, split);
    record.scored = match row.training.train_accuracy {
        TrainAccuracy::All => row.training.examples.unwrap_or(usize::MAX).min(split.train.len()),
        TrainAccuracy::Batch => row.training.batch,
    };
    record
}

/// What is known of a row before its first step.
pub(crate) fn unwatched(row: &RowSpec, plan: &Arc<Plan>, split: &Split) -> Record {
    Record::new(Arc::clone(plan), settings(row, plan), facts::of(row, split))
}

/// The same with figures of the data that are known already.
pub(crate) fn unwatched_with(subject: &Subject, data: DataFacts) -> Record {
    Record::new(Arc::clone(&subject.plan), settings(subject.spec(), &subject.plan), data)
}

/// Trains under observation.
fn watch(subject: &Subject, seed: u64, steps: u64, pool: &Arc<Pool>) -> Record {
    let mut record = unwatched(subject.spec(), &subject.plan, &subject.split);
    let penalty = subject.spec().training.updates.penalty;
    let mut recorder = Recorder::new(&subject.plan, penalty);
    let mut trial = Trial::new(subject, seed, pool, Variation::NONE);
    let every = (steps / POINTS).max(1);
    record.points.push(point(&mut trial));
    let mut bad = None;
    for step in 0..steps {
        let score = trial.step(&mut recorder);
        let last = step + 1 == steps;
        if !score.loss_sum.is_finite() {
            bad = Some(step);
        }
        if bad.is_some() || last || (step + 1) % every == 0 {
            record.points.push(point(&mut trial));
        }
        if bad.is_some() {
            break;
        }
    }
    record.done = trial.exec.step();
    (record.looks, record.losses, record.non_finite) = recorder.finish();
    if let Some(step) = bad {
        // The same run once more, bit for bit, watching every step before the bad one.
        let mut recorder = Recorder::new(&subject.plan, penalty).every_step_from(step.saturating_sub(2));
        let mut trial = Trial::new(subject, seed, pool, Variation::NONE);
        for _ in 0..=step {
            trial.step(&mut recorder);
        }
        record.non_finite = recorder.finish().2.or(record.non_finite);
    }
    record
}

/// The figures of an evaluation between steps.
fn point(trial: &mut Trial) -> Point {
    let noisy_loss = trial.noisy_loss();
    let (train, test) = (trial.train_score(), trial.test_score());
    Point {
        step: trial.exec.step(),
        train_loss: train.loss(),
        train_accuracy: train.accuracy(),
        test_loss: test.loss(),
        test_accuracy: test.accuracy(),
        noisy_loss,
    }
}

/// What would help to find a cause that the evidence so far does not tell.
pub(crate) fn would_tell(e: &Examination) -> Text {
    let text = |en: &str, ja: &str| Text { en: en.into(), ja: ja.into() };
    let made = |id: &str| e.tests.iter().any(|t| t.id == id);
    if !made("learning-rate-scan") {
        return text(
            "a learning-rate scan and memorising sixteen examples (active tests, on by default)",
            "学習率の走査と 16 例の暗記（追加の検査、既定で有効）",
        );
    }
    match e.record.tests.memorise {
        Some((before, after)) if after < 0.1 * before => text(
            "sixteen examples are learned, so the wiring works: watch longer (--steps), or look at twenty pairs of inputs and labels by eye",
            "16 例は学習できるので配線は正しい。もっと長く観察する（--steps）か、入力とラベルの組を 20 個ほど目で確かめる",
        ),
        Some(_) => text(
            "not even sixteen examples are learned: the same network with one layer fewer, then with another activation, tells where the signal is lost",
            "16 例さえ学習できない。層を 1 つ減らす、活性化関数を変えるの順に試すと、どこで信号が失われるか分かる",
        ),
        None => text("a longer watched run (--steps)", "もっと長い観察（--steps）"),
    }
}
