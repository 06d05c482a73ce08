//! How often the doctor is right: sick and healthy experiments with a known
//! answer, and the rules of published detectors on the same records.
//!
//! | module | what |
//! |---|---|
//! | `cases` | the experiments and what is known of them |
//! | `rivals` | rules of published detectors |
//! | `cures` | whether the cures are proved |
//! | `table` | the confusion table, as text and as JSON |
//!
//! A run's record is kept in a folder, so that rules can be changed and judged
//! anew without training again.

mod cases;
mod cures;
mod rivals;
mod table;

pub use cases::{Case, Data, faults, healthy};
pub use cures::{Cure, cure_table, cures, known_cures};
pub use rivals::{RIVALS, Rival};
pub use table::{Shares, Summary, summary};

use crate::doctor::{self, Options, Subject};
use crate::session::SessionError;
use kobai_doctor::record::{Look, NonFinite, Point, Tests};
use kobai_doctor::{DataFacts, Diagnosis, Record, Severity, diagnose};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

impl Request {
    fn jobs(&self) -> Vec<(usize, u64)> {
        let cases = 0..self.cases.len();
        (0..self.seeds).flat_map(|seed| cases.clone().map(move |case| (case, seed))).collect()
    }

    /// Records that are there already, and all that are asked for.
    ///
    /// # Errors
    /// The first case that cannot be run.
    pub fn known(&self) -> Result<(usize, usize), SessionError> {
        let mut known = 0;
        for case in &self.cases {
            let subject = case.subject(&self.data)?;
            let there = |seed: &u64| is_kept(self.cache.as_deref(), &name(&subject, *seed, RECORD));
            known += (0..self.seeds).filter(there).count();
        }
        Ok((known, self.cases.len() * self.seeds as usize))
    }
}

/// Runs every case with every seed, the first seed of all cases first. `tell`
/// hears how many are done, of how many.
///
/// # Errors
/// The first case that cannot be run, for want of data;
/// [`SessionError::Interrupted`] if `stop` was set. What is done is in the cache.
pub fn run(
    request: &Request,
    stop: &AtomicBool,
    tell: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<Outcome>, SessionError> {
    let jobs = request.jobs();
    let each = |(case, seed): &(usize, u64)| one(request, *case, *seed);
    let mut all = side_by_side(request, &jobs, stop, tell, each)?;
    all.sort_by_key(|o| (o.case, o.seed));
    Ok(all)
}

/// Does all jobs on some threads; results in the order of the jobs.
fn side_by_side<J: Sync, T: Send>(
    request: &Request,
    jobs: &[J],
    stop: &AtomicBool,
    tell: &(dyn Fn(usize, usize) + Sync),
    each: impl Fn(&J) -> Result<T, SessionError> + Sync,
) -> Result<Vec<T>, SessionError> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let out: Mutex<Vec<(usize, Result<T, SessionError>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..request.threads.clamp(1, jobs.len().max(1)) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(i) else { break };
                    let made = each(job);
                    out.lock().unwrap_or_else(PoisonError::into_inner).push((i, made));
                    tell(done.fetch_add(1, Ordering::Relaxed) + 1, jobs.len());
                }
            });
        }
    });
    let mut all = out.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.sort_by_key(|(i, _)| *i);
    let all = all.into_iter().map(|(_, made)| made).collect::<Result<Vec<T>, _>>()?;
    if all.len() < jobs.len() {
        let folder = request.cache.clone().unwrap_or_default();
        return Err(SessionError::Interrupted { finished: all.len(), total: jobs.len(), folder });
    }
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
    let file = name(subject, seed, RECORD);
    if let Some(kept) = kept::<Kept>(cache, &file) {
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
    if cache.is_some() {
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
        keep(cache, &file, &kept);
    }
    (record, seconds)
}

/// What kind of file of the cache a record is.
const RECORD: &str = "";

/// The name of a file in the cache: everything that it follows from.
fn name(subject: &Subject, seed: u64, kind: &str) -> String {
    let mut hasher = Sha256::new();
    let settings = toml::to_string(&subject.table).unwrap_or_default();
    hasher.update(format!("{VERSION} {}{kind} {seed} {settings}", crate::store::NUMERICS));
    hasher.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

fn is_kept(cache: Option<&Path>, file: &str) -> bool {
    cache.is_some_and(|folder| folder.join(file).is_file())
}

fn kept<T: serde::de::DeserializeOwned>(cache: Option<&Path>, file: &str) -> Option<T> {
    let bytes = std::fs::read(cache?.join(file)).ok()?;
    postcard::from_bytes(&bytes).ok()
}

/// Writes a file of the cache. A cache that cannot be written is no cache.
fn keep<T: Serialize>(cache: Option<&Path>, file: &str, what: &T) {
    let Some(folder) = cache else { return };
    let _ = std::fs::create_dir_all(folder);
    if let Ok(bytes) = postcard::to_stdvec(what) {
        let _ = crate::store::write_whole(&folder.join(file), &bytes);
    }
}
