//! How often the doctor is right: sick and healthy experiments with a known
//! answer, and the rules of published detectors on the same records.
//!
//! | module | what |
//! |---|---|
//! | `cases` | the experiments and what is known of them |
//! | `rivals` | rules of published detectors |
//! | `table` | the confusion table, as text and as JSON |
//!
//! A run's record is kept in a folder, so that rules can be changed and judged
//! anew without training again.

mod cases;
mod rivals;
mod table;

pub use cases::{Case, Data, faults, healthy};
pub use rivals::{RIVALS, Rival};
pub use table::{Shares, Summary, summary};

use crate::doctor::{self, Options, Subject};
use crate::session::SessionError;
use kobai_doctor::record::{Look, NonFinite, Point, Tests};
use kobai_doctor::{DataFacts, Diagnosis, Record, Severity, diagnose};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Raised whenever records of the same run would differ.
const VERSION: u32 = 1;

/// What is to be run.
#[derive(Debug)]
pub struct Request {
    /// Sick and healthy cases.
    pub cases: Vec<Case>,
    /// Seeds of each.
    pub seeds: u64,
    /// Threads: runs go side by side.
    pub threads: usize,
    /// Where data are found.
    pub data: Data,
    /// Where records are kept, if anywhere.
    pub cache: Option<PathBuf>,
}

/// What a run was found to have.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Key of the disease.
    pub disease: String,
    /// Code of the check; empty for a rival's.
    pub code: &'static str,
    /// The layer.
    pub layer: Option<String>,
    /// How much it matters.
    pub severity: Severity,
    /// How sure.
    pub probability: f64,
}

/// One run of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Index of the case in the request.
    pub case: usize,
    /// The seed.
    pub seed: u64,
    /// Test accuracy at the end, or the explained share of the variance.
    pub score: f64,
    /// What the doctor says, in its order.
    pub doctor: Vec<Seen>,
    /// What the rivals say, in the order of [`RIVALS`].
    pub rivals: Vec<Vec<Vec<&'static str>>>,
    /// Seconds of the examination.
    pub seconds: f64,
}

/// What is kept of a run.
#[derive(Serialize, Deserialize)]
struct Kept {
    data: DataFacts,
    done: u64,
    losses: Vec<f64>,
    looks: Vec<Look>,
    points: Vec<Point>,
    non_finite: Option<NonFinite>,
    tests: Tests,
    seconds: f64,
}

/// Runs every case with every seed. `tell` hears how many are done, of how many.
///
/// # Errors
/// The first case that cannot be run, for want of data.
pub fn run(request: &Request, tell: &(dyn Fn(usize, usize) + Sync)) -> Result<Vec<Outcome>, SessionError> {
    let jobs: Vec<(usize, u64)> =
        (0..request.seeds).flat_map(|seed| (0..request.cases.len()).map(move |case| (case, seed))).collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let out: Mutex<Vec<Result<Outcome, SessionError>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..request.threads.clamp(1, jobs.len().max(1)) {
            scope.spawn(|| {
                while let Some((case, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
                    let outcome = one(request, case, seed);
                    out.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
                    tell(done.fetch_add(1, Ordering::Relaxed) + 1, jobs.len());
                }
            });
        }
    });
    let mut all: Vec<Outcome> =
        out.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect::<Result<_, _>>()?;
    all.sort_by_key(|o| (o.case, o.seed));
    Ok(all)
}

fn one(request: &Request, index: usize, seed: u64) -> Result<Outcome, SessionError> {
    let case = &request.cases[index];
    let subject = case.subject(&request.data)?;
    let (record, seconds) = record(&subject, seed, request.cache.as_deref());
    let diagnosis = diagnose(&record);
    let score = record.end().map_or(0.0, |end| {
        if record.classifies() { end.test_accuracy } else { 1.0 - end.test_loss / record.trivial_loss() }
    });
    let rivals = RIVALS.iter().map(|rival| (rival.rules)(&record)).collect();
    Ok(Outcome { case: index, seed, score, doctor: seen(&diagnosis), rivals, seconds })
}

fn seen(diagnosis: &Diagnosis) -> Vec<Seen> {
    let each = diagnosis.findings.iter().map(|f| Seen {
        disease: f.disease.into(),
        code: f.code,
        layer: f.layer.clone(),
        severity: f.severity,
        probability: f.probability,
    });
    each.collect()
}

/// The record of a run, from the cache if it is there.
fn record(subject: &Subject, seed: u64, cache: Option<&Path>) -> (Record, f64) {
    let file = cache.map(|folder| folder.join(name(subject, seed)));
    let kept = file.as_ref().and_then(|f| std::fs::read(f).ok());
    if let Some(kept) = kept.and_then(|bytes| postcard::from_bytes::<Kept>(&bytes).ok()) {
        let mut record = doctor::unwatched_with(subject, kept.data);
        record.done = kept.done;
        record.losses = kept.losses;
        record.looks = kept.looks;
        record.points = kept.points;
        record.non_finite = kept.non_finite;
        record.tests = kept.tests;
        return (record, kept.seconds);
    }
    let options = Options { seed, ..Options::default() };
    let examination = doctor::examine_subject(subject, &options, &|_| {});
    let (record, seconds) = (examination.record, examination.cost.seconds);
    if let (Some(file), Some(folder)) = (file, cache) {
        let kept = Kept {
            data: record.data.clone(),
            done: record.done,
            losses: record.losses.clone(),
            looks: record.looks.clone(),
            points: record.points.clone(),
            non_finite: record.non_finite.clone(),
            tests: record.tests.clone(),
            seconds,
        };
        // A cache that cannot be written is no cache.
        let _ = std::fs::create_dir_all(folder);
        let _ = postcard::to_stdvec(&kept).map(|bytes| std::fs::write(file, bytes));
    }
    (record, seconds)
}

/// The name of a record: everything that the run follows from.
fn name(subject: &Subject, seed: u64) -> String {
    let mut hasher = Sha256::new();
    let settings = toml::to_string(&subject.table).unwrap_or_default();
    hasher.update(format!("{VERSION} {} {seed} {settings}", crate::store::NUMERICS));
    hasher.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
