//! The arms of a proof: the same start, data order and masks, one thing different.
//!
//! | arm | what | which question it answers |
//! |---|---|---|
//! | A | unchanged | how bad is it |
//! | B | the prescription | does it help |
//! | C | unchanged, other initial values and batches | was it bad luck |
//! | D | a change that was not prescribed | would any change do |
//! | E | Adam 0.001, He weights, standardised inputs | is this cure needed |

use super::edit;
use super::subject::Subject;
use super::trial::{Trial, Variation};
use super::{Examination, Options, examine_subject};
use kobai_data::dataset::Targets;
use kobai_doctor::finding::{Edit, Setting};
use kobai_engine::{Rng, Stream, Unobserved};
use kobai_kernels::Pool;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What is compared: smaller is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Loss of the test sample; of a regression, over the variance of the targets.
    TestLoss,
    /// Share of the test sample that is wrong: where the arms' losses differ in kind.
    TestError,
    /// The same as a mean over classes: where some are rare.
    BalancedError,
}

impl Measure {
    /// Its name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Measure::TestLoss => "test_loss",
            Measure::TestError => "test_error",
            Measure::BalancedError => "balanced_test_error",
        }
    }
}

/// A training that went wrong altogether counts as this many trivial losses.
const BROKEN: f64 = 10.0;
/// Node of stream `Data` that chooses changes.
const NODE: u32 = 911;

/// Changes that nobody prescribed: the catalogue of arm D.
fn catalogue() -> Vec<Vec<Edit>> {
    let number = |key, x| vec![Edit::Set { key, to: Setting::Number(x) }];
    let word = |key, w: &str| vec![Edit::Set { key, to: Setting::Word(w.into()) }];
    let scale = |key, by| vec![Edit::Scale { key, by }];
    vec![
        scale("optimizer.lr", 3.0),
        scale("optimizer.lr", 1.0 / 3.0),
        scale("training.batch", 0.5),
        scale("training.batch", 2.0),
        word("model.init", "he"),
        word("model.init", "xavier"),
        word("model.init", "lecun"),
        vec![Edit::Activations { to: "tanh", init: "xavier" }],
        vec![Edit::Activations { to: "relu", init: "he" }],
        number("optimizer.l2", 1e-4),
        number("optimizer.clip_norm", 1.0),
        vec![Edit::Widen { by: 2.0 }],
        vec![Edit::Set { key: "data.prepare.standardize", to: Setting::Flag(true) }],
    ]
}

/// The file of arm D for a seed: a change that touches no key of the prescription.
pub(crate) fn random_change(subject: &Subject, cured: &Subject, seed: u64) -> Option<Subject> {
    let touched: Vec<String> =
        edit::changes(&subject.table, &cured.table).into_iter().map(|c| c.key).collect();
    let all = catalogue();
    let order = Rng::new(seed).draw(Stream::Data, 4, NODE).permutation(all.len() as u32);
    order.iter().find_map(|i| {
        let table = edit::apply(subject, &all[*i as usize]).ok()?;
        let changed = edit::changes(&subject.table, &table);
        let fresh = !changed.is_empty() && changed.iter().all(|c| !touched.contains(&c.key));
        if fresh { subject.edited(table).ok() } else { None }
    })
}

/// The file of arm E.
pub(crate) fn rescue(subject: &Subject) -> Option<Subject> {
    let mut table = subject.table.clone();
    let adam = [("name", toml::Value::String("adam".into())), ("lr", toml::Value::Float(1e-3))];
    table.insert(
        "optimizer".into(),
        toml::Value::Table(adam.map(|(k, v)| (k.into(), v)).into_iter().collect()),
    );
    let plain = subject.edited(table).ok()?;
    let edits = [
        Edit::Set { key: "model.init", to: Setting::Word("he".into()) },
        Edit::Set { key: "data.prepare.standardize", to: Setting::Flag(true) },
    ];
    let table = edit::apply(&plain, &edits).ok()?;
    plain.edited(table).ok()
}

/// One training of an arm.
pub(crate) struct Run {
    pub(crate) value: f64,
    /// The examination of a watched arm.
    pub(crate) seen: Option<Examination>,
}

/// What is to be trained.
pub(crate) struct Job<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) seed: u64,
    pub(crate) steps: u64,
    pub(crate) watched: bool,
}

/// Trains all jobs, side by side on so many threads, and returns what came out
/// in the order of the jobs.
pub(crate) fn run(jobs: &[Job<'_>], measure: Measure, threads: usize) -> Vec<Run> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Run>>> = Mutex::new(jobs.iter().map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, jobs.len().max(1)) {
            scope.spawn(|| {
                while let Some((i, job)) = {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    jobs.get(i).map(|job| (i, job))
                } {
                    let run = one(job, measure);
                    done.lock().unwrap_or_else(PoisonError::into_inner)[i] = Some(run);
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.into_iter().map(|run| run.expect("every job was run")).collect()
}

fn one(job: &Job<'_>, measure: Measure) -> Run {
    let pool = Arc::new(Pool::new(1));
    let seen = job.watched.then(|| {
        let options = Options { seed: job.seed, steps: Some(job.steps), ..Options::default() };
        examine_subject(job.subject, &options, &|_| {})
    });
    let value = match (&seen, measure) {
        (Some(e), Measure::TestLoss) => e.record.end().map_or(f64::NAN, |p| p.test_loss),
        (Some(e), Measure::TestError) => e.record.end().map_or(f64::NAN, |p| 1.0 - p.test_accuracy),
        _ => trained(job, measure, &pool),
    };
    Run { value: relative(job.subject, measure, value), seen }
}

/// Trains without watching and measures at the end.
fn trained(job: &Job<'_>, measure: Measure, pool: &Arc<Pool>) -> f64 {
    let mut trial = Trial::new(job.subject, job.seed, pool, Variation::NONE);
    for _ in 0..job.steps {
        if !trial.step(&mut Unobserved).loss_sum.is_finite() {
            return f64::INFINITY;
        }
    }
    match measure {
        Measure::TestLoss => trial.test_score().loss(),
        Measure::TestError => 1.0 - trial.test_score().accuracy(),
        Measure::BalancedError => {
            let Targets::Classes(labels) = job.subject.split.test.targets() else { return f64::NAN };
            let count = job.subject.split.test.classes() as u32;
            let all: Vec<u32> = (0..labels.len() as u32).collect();
            let errors: Vec<f64> = (0..count)
                .filter_map(|class| {
                    let of = |i: &&u32| labels[**i as usize] == class;
                    trial.test_sample = all.iter().filter(of).copied().take(200).collect();
                    (!trial.test_sample.is_empty()).then(|| 1.0 - trial.test_score().accuracy())
                })
                .collect();
            errors.iter().sum::<f64>() / errors.len().max(1) as f64
        }
    }
}

/// A loss of a regression is compared with the variance of its own targets:
/// scaling the targets must not look like a cure.
fn relative(subject: &Subject, measure: Measure, value: f64) -> f64 {
    let scale = match subject.split.test.targets() {
        Targets::Values { data, .. } if measure == Measure::TestLoss => {
            let n = data.len().max(1) as f64;
            let mean = data.iter().map(|y| f64::from(*y)).sum::<f64>() / n;
            let variance = data.iter().map(|y| (f64::from(*y) - mean).powi(2)).sum::<f64>() / n;
            variance.max(1e-12)
        }
        _ => 1.0,
    };
    let worst = match (measure, subject.split.test.classes()) {
        (Measure::TestLoss, 0) => BROKEN,
        (Measure::TestLoss, classes) => BROKEN * (classes as f64).ln(),
        _ => 1.0,
    };
    let value = value / scale;
    if value.is_finite() { value.min(worst) } else { worst }
}
