//! Watching an experiment's runs while they train.
//!
//! The numbers of the training stay what they are: an observer only looks. What
//! it costs is measured, and looks are left out while the measured share lies
//! above the cap. So the clock may decide what is looked at, never what is learned.

use super::subject::Subject;
use super::trial::{Trial, Variation};
use super::{unwatched, watch};
use crate::results::{Outcome, Run};
use kobai_doctor::record::Point;
use kobai_doctor::{Diagnosis, Finding, Record, Recorder, Severity, Stage, checks, diagnose};
use kobai_engine::{Event, Observer, Unobserved, Wants};
use kobai_kernels::Pool;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Share of the training's time that watching may take, by default.
pub const CAP: f64 = 0.03;
/// Belief from which a finding is told while the training still runs.
const SURE: f64 = 0.6;
/// Share of a training before which only what is certain is told (AutoTrainer's rule).
const EARLY: f64 = 0.3;
/// Between two writes of the log: what a crash may cost.
const PAUSE: Duration = Duration::from_secs(2);
/// Steps before which the measured share says nothing.
const SETTLED: u64 = 64;

/// What was seen of a run.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What is found in it.
    pub diagnosis: Diagnosis,
    /// What it showed.
    pub record: Record,
    /// Findings in the order in which they became sure, with the step.
    pub told: Vec<(u64, Finding)>,
    /// Share of the training's time that watching took.
    pub share: f64,
}

/// Watches one run.
pub(crate) struct Live {
    recorder: Recorder,
    record: Record,
    cap: f64,
    begun: Instant,
    spent: Duration,
    over: bool,
    /// Codes that were told, and those of the last diagnosis.
    known: BTreeSet<&'static str>,
    last: BTreeSet<&'static str>,
    told: Vec<(u64, Finding)>,
    /// Step from which the next diagnosis is made.
    next: u64,
    log: Option<File>,
    /// Looks and losses in the log, and when they were written.
    logged: ((usize, usize), Instant),
}

impl Live {
    /// Watches the run of a record that knows its network, settings and data.
    pub(crate) fn new(record: Record, cap: f64, log: Option<File>) -> Live {
        // A quarter for looks: pairs of runs show more than the account and the clock below count
        // (a watched step runs unfused, and caches are cold after it). The rest is for what is
        // made of them.
        let recorder = Recorder::new(&record.plan, record.settings.updates.penalty).capped(
            &record.plan,
            0.25 * cap,
            record.settings.steps,
        );
        let next = (record.settings.steps / 16).max(1);
        Live {
            recorder,
            record,
            cap,
            begun: Instant::now(),
            spent: Duration::ZERO,
            over: false,
            known: BTreeSet::new(),
            last: BTreeSet::new(),
            told: Vec::new(),
            next,
            log,
            logged: ((0, 0), Instant::now()),
        }
    }

    /// What the file says before the first step.
    pub(crate) fn lint(&mut self) -> Vec<Finding> {
        let start = Instant::now();
        let found = self.diagnose(|f| f.since_step.is_none() && f.layer.is_none()).0;
        // Reading the file is no part of watching the training.
        self.begun += start.elapsed();
        found
    }

    /// Takes a point of the learning curve and tells what has become sure.
    pub(crate) fn point(&mut self, point: Point) -> Vec<Finding> {
        let start = Instant::now();
        self.record.points.push(point);
        let mut found = Vec::new();
        let broken = !point.train_loss.is_finite();
        if broken || (point.step >= self.next && !self.over) {
            // At 1/16, 1/8, and then at every eighth of the run.
            self.next = point.step + point.step.min(self.record.settings.steps / 8).max(1);
            self.recorder.drain_into(&mut self.record);
            if self.logged.1.elapsed() >= PAUSE {
                self.write();
            }
            found = self.diagnose(|_| false).0;
        }
        self.spent += start.elapsed();
        found
    }

    /// Writes what is not in the log yet.
    fn write(&mut self) {
        let (looks, losses) = self.logged.0;
        if let Some(log) = &mut self.log {
            // A log that cannot be written must not stop a training.
            let _ = log.write_all(watch::lines_from(&self.record, looks, losses).as_bytes());
        }
        self.logged = ((self.record.looks.len(), self.record.losses.len()), Instant::now());
    }

    /// New findings: those that two diagnoses in a row made, and those that need
    /// no second look.
    fn diagnose(&mut self, at_once: impl Fn(&Finding) -> bool) -> (Vec<Finding>, Diagnosis) {
        let diagnosis = diagnose(&self.record);
        // A training has not failed before it has had time; what never changes needs none.
        let (done, steps) = (self.record.done, self.record.settings.steps);
        let early = (done as f64) < EARLY * steps as f64;
        let sure = |f: &&Finding| {
            let symptom = checks::named(f.code).is_some_and(|c| c.about().stage == Stage::Symptom);
            let certain = f.probability >= 0.95 || f.code == "D020" || done == 0;
            let ripe = certain || !(early || symptom && done < steps);
            f.severity > Severity::Hint && f.explained_by.is_none() && f.probability >= SURE && ripe
        };
        let now: Vec<&Finding> = diagnosis.findings.iter().filter(sure).collect();
        let new: Vec<Finding> = now
            .iter()
            .filter(|f| !self.known.contains(f.code))
            .filter(|f| self.last.contains(f.code) || f.code == "D020" || at_once(f))
            .map(|f| (*f).clone())
            .collect();
        self.last = now.iter().map(|f| f.code).collect();
        self.known.extend(new.iter().map(|f| f.code));
        self.told.extend(new.iter().map(|f| (self.record.done, f.clone())));
        (new, diagnosis)
    }

    /// The end of the run: the last findings, and all that was seen.
    pub(crate) fn end(mut self) -> (Vec<Finding>, Watched) {
        let start = Instant::now();
        self.recorder.drain_into(&mut self.record);
        self.write();
        if let Some(log) = &mut self.log {
            let _ = log.write_all(watch::ends(&self.record).as_bytes());
        }
        let (last, diagnosis) = self.diagnose(|_| true);
        self.spent += start.elapsed();
        let share = self.spent.as_secs_f64() / self.begun.elapsed().as_secs_f64().max(1e-9);
        (last, Watched { diagnosis, record: self.record, told: self.told, share })
    }
}

impl Observer<f32> for Live {
    fn wants(&self, step: u64) -> Wants {
        if self.over { Wants::NOTHING } else { self.recorder.wants(step) }
    }

    fn event(&mut self, event: &Event<'_, f32>) {
        if let Event::StepEnded { step, .. } = event {
            self.recorder.event(event);
            if step.is_multiple_of(16) {
                let elapsed = self.begun.elapsed().as_secs_f64();
                self.over = *step >= SETTLED && self.spent.as_secs_f64() > self.cap * elapsed;
            }
            return;
        }
        let start = Instant::now();
        self.recorder.event(event);
        self.spent += start.elapsed();
    }
}

/// What was seen of a run whose record of the experiment is all that is left:
/// gradients and activations at few steps, the learning curve.
pub(super) fn from_run(mut record: Record, run: &Run) -> Record {
    use kobai_doctor::record::{LayerStats, Look, NonFinite, UnitStats};
    for flow in &run.flow {
        let layers = flow.layers.iter().map(|l| LayerStats {
            layer: l.layer.clone(),
            // Not recorded; the weight's gradient falls by the same decades where
            // layers are of one kind.
            delta_rms: l.gradient_rms,
            gradient_rms: l.gradient_rms,
            penalty_rms: record.settings.penalty() * l.weight_rms,
            weight_rms: l.weight_rms,
            update_rms: l.update_rms,
            unit_spread: l.unit_spread,
            signal: f64::NAN,
        });
        let seen = run.activations.iter().find(|a| a.step == flow.step);
        let units = seen.iter().flat_map(|a| &a.layers).map(|a| UnitStats {
            layer: a.layer.clone(),
            examples: record.settings.batch,
            // Values, not units: of units nothing is known but that all are zero.
            dead: usize::from(a.zeros >= 1.0),
            saturated: usize::from(a.saturated > 0.9),
            units: 1,
            zeros: a.zeros,
            outside: a.saturated,
            rms: a.mean.hypot(a.std),
            max: f64::NAN,
        });
        record.looks.push(Look {
            step: flow.step,
            layers: layers.collect(),
            units: units.collect(),
            output_std: f64::NAN,
            top_class: f64::NAN,
        });
    }
    record.points = run
        .curve
        .iter()
        .map(|p| Point {
            step: p.step,
            train_loss: p.train_loss,
            train_accuracy: p.train_accuracy,
            test_loss: p.test_loss,
            test_accuracy: p.test_accuracy,
            noisy_loss: p.train_loss,
        })
        .collect();
    record.losses = run.curve.iter().map(|p| p.train_loss).collect();
    record.done = run.curve.last().map_or(0, |p| p.step);
    if let Outcome::Diverged { step } = run.outcome {
        record.done = step + 1;
        record.non_finite = Some(NonFinite { step, layer: "loss".into(), phase: "loss".into() });
        record.points.push(Point {
            step: step + 1,
            train_loss: f64::NAN,
            test_loss: f64::NAN,
            ..record.points.last().copied().unwrap_or_default()
        });
    }
    record
}

/// What watching costs, measured in pairs.
#[derive(Clone, Debug)]
pub struct Overhead {
    /// Steps of each run.
    pub steps: u64,
    /// Seconds without and with the doctor, pair by pair.
    pub pairs: Vec<[f64; 2]>,
    /// Steps that were looked at in a watched run.
    pub looks: usize,
}

impl Overhead {
    /// Median over pairs of the extra time, relative to the time without.
    #[must_use]
    pub fn median(&self) -> f64 {
        let mut all: Vec<f64> = self.pairs.iter().map(|[plain, watched]| watched / plain - 1.0).collect();
        all.sort_by(f64::total_cmp);
        let n = all.len();
        if n == 0 { f64::NAN } else { 0.5 * (all[(n - 1) / 2] + all[n / 2]) }
    }
}

/// Trains a subject with and without the doctor, in turn: `pairs` pairs of runs
/// of so many steps, from the same start. Evaluations are left out: they are the
/// same in both.
#[must_use]
pub fn overhead(subject: &Subject, steps: u64, pairs: usize, threads: usize, cap: f64) -> Overhead {
    let pool = Arc::new(Pool::new(threads.max(1)));
    let mut record = unwatched(subject.spec(), &subject.plan, &subject.split);
    record.settings.steps = steps;
    let mut made = Overhead { steps, pairs: Vec::new(), looks: 0 };
    for pair in 0..pairs {
        let mut times = [0.0; 2];
        // Who is first changes: a clock that drifts must not favour one of them.
        for watched in [pair % 2 == 1, pair % 2 == 0] {
            let mut trial = Trial::new(subject, 0, &pool, Variation::NONE);
            let log = tempfile::tempfile().ok();
            let mut live = watched.then(|| Live::new(record.clone(), cap, log));
            let begun = Instant::now();
            for step in 0..steps {
                let score = match &mut live {
                    Some(live) => trial.step(live),
                    None => trial.step(&mut Unobserved),
                };
                if let Some(live) = live.as_mut().filter(|_| (step + 1) % (steps / 20).max(1) == 0) {
                    let (loss, accuracy) = (score.loss(), score.accuracy());
                    live.point(Point {
                        step: step + 1,
                        train_loss: loss,
                        train_accuracy: accuracy,
                        test_loss: loss,
                        test_accuracy: accuracy,
                        noisy_loss: loss,
                    });
                }
            }
            if let Some(live) = live {
                made.looks = live.end().1.record.looks.len();
            }
            times[usize::from(watched)] = begun.elapsed().as_secs_f64();
        }
        made.pairs.push(times);
    }
    made
}
