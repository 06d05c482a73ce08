//! `kobai sweep`: an experiment over a grid or random draws.
//!
//! Every point is an ordinary run of the experiment with some keys set, in a
//! folder of its own with its own report; its runs are cached as all others,
//! so a sweep that was interrupted or widened trains only what is missing.
//! With successive halving all points run briefly first, and the best go on.

mod picture;

use crate::documents;
use crate::experiment::{ExperimentError, ExperimentProblem, SweepSpec, Values};
use crate::results::{Outcome, Row, Text};
use crate::runner::Progress;
use crate::session::{Request, Session, SessionError};
use crate::store::{self, StoreError};
use kobai_engine::Lang;
use kobai_engine::text::nearest;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

pub use picture::{html, text};

/// A point of a sweep with what came out for one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Values, in the order of the sweep's keys.
    pub values: Vec<toml::Value>,
    /// The row.
    pub row: String,
    /// Its label.
    pub label: Text,
    /// The measure of every seed; NaN where a run diverged or measured nothing.
    pub measured: Vec<f64>,
    /// Steps of these runs.
    pub steps: u64,
    /// Round of successive halving, from 0.
    pub round: usize,
    /// Runs that diverged.
    pub diverged: usize,
    /// The folder with the report of these runs.
    pub folder: PathBuf,
    /// The command that repeats them.
    pub command: String,
}

impl Point {
    /// Mean over seeds; None if a run diverged or measured nothing.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let mean = self.measured.iter().sum::<f64>() / self.measured.len().max(1) as f64;
        (mean.is_finite() && !self.measured.is_empty()).then_some(mean)
    }
}

/// A finished sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Swept {
    /// What was asked for.
    pub spec: SweepSpec,
    /// The last result of every point and row, the best first.
    pub points: Vec<Point>,
    /// The data set.
    pub data: String,
    /// Seeds of each point.
    pub seeds: usize,
    /// Runs that were there already.
    pub reused: usize,
    /// All runs.
    pub runs: usize,
    /// The command that repeats it.
    pub command: String,
    /// The run folder.
    pub folder: PathBuf,
}

/// Told before each point: round, point and points of the round.
pub type Told<'a> = &'a dyn Fn(usize, usize, usize);

/// Runs a sweep. `base` gives everything that the file does not.
///
/// # Errors
/// The first mistake of any point, before anything is trained; then what
/// running an experiment can say.
pub fn run(
    file: &str,
    base: &Request,
    (progress, stop, told): (&dyn Progress, &AtomicBool, Told<'_>),
) -> Result<Swept, SessionError> {
    let spec = SweepSpec::load(file)?;
    let points = spec.points();
    let folder = base.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(format!("sweep-{}", spec.id)));
    let request = |values: &[toml::Value], steps: Option<u64>, out: PathBuf| Request {
        experiment: spec.experiment.clone(),
        rows: spec.rows.clone(),
        data: base.data.clone().or(spec.data.clone()),
        seeds: base.seeds.or(spec.seeds),
        steps: steps.or(base.steps).or(spec.steps),
        set: base
            .set
            .iter()
            .cloned()
            .chain(spec.keys.iter().zip(values).map(|(key, value)| (key.key.clone(), value.to_string())))
            .collect(),
        out: Some(out),
        ..base.clone()
    };
    let place = |i: usize, round: usize| match spec.halving {
        Some(_) => folder.join("points").join(format!("{i:03}-round{round}")),
        None => folder.join("points").join(format!("{i:03}")),
    };
    // Every point is checked before the first is run.
    let mut sessions = Vec::new();
    for (i, values) in points.iter().enumerate() {
        sessions.push(Session::prepare(request(values, None, place(i, 0)))?);
    }
    let Some(first) = sessions.first() else { unreachable!("a sweep has at least one point") };
    let full = first.experiment().rows.iter().map(|r| r.training.steps).max().unwrap_or(1);
    let mut best: Vec<Point> = Vec::new();
    let (mut reused, mut runs) = (0, 0);
    let mut going: Vec<usize> = (0..points.len()).collect();
    let mut steps = spec.halving.map(|h| h.first_steps.min(full));
    let mut round = 0;
    loop {
        let last = steps.is_none_or(|s| s >= full);
        let mut here: Vec<Point> = Vec::new();
        for (n, i) in going.iter().enumerate() {
            told(round, n, going.len());
            let session = match steps {
                Some(s) => Session::prepare(request(&points[*i], Some(s.min(full)), place(*i, round)))?,
                None => Session::prepare(request(&points[*i], None, place(*i, 0)))?,
            };
            let completed = session.run(progress, stop)?;
            if let Some(error) = completed.unwritten {
                return Err(error.into());
            }
            check_measure(file, &spec, &completed.results.rows)?;
            reused += completed.reused;
            runs += session.total_runs();
            for (row, described) in completed.results.rows.iter().zip(&session.experiment().rows) {
                let of = |run: &crate::results::Run| {
                    run.measures.get(&spec.measure).copied().filter(|_| run.outcome == Outcome::Finished)
                };
                here.push(Point {
                    values: points[*i].clone(),
                    row: row.id.clone(),
                    label: row.label.clone(),
                    measured: row.runs.iter().map(|r| of(r).unwrap_or(f64::NAN)).collect(),
                    steps: described.training.steps,
                    round,
                    diverged: row.runs.iter().filter(|r| r.outcome != Outcome::Finished).count(),
                    folder: place(*i, round),
                    command: completed.results.command.clone(),
                });
            }
        }
        sort(&mut here, spec.more_is_better);
        let ranked: Vec<usize> = ranked(&here, &points);
        // What went on replaces what it did in a shorter round.
        best.retain(|p| !here.iter().any(|q| q.values == p.values && q.row == p.row));
        best.extend(here);
        let Some(halving) = spec.halving.filter(|_| !last) else { break };
        going = ranked[..ranked.len().div_ceil(halving.keep_one_of)].to_vec();
        steps = steps.map(|s| s.saturating_mul(halving.keep_one_of as u64).min(full));
        round += 1;
    }
    // Longer runs first: short ones are not comparable with them.
    sort(&mut best, spec.more_is_better);
    best.sort_by_key(|p| std::cmp::Reverse(p.round));
    let swept = Swept {
        points: best,
        data: first.data().into(),
        seeds: first.seeds(),
        reused,
        runs,
        command: command(file, base),
        folder,
        spec: spec.clone(),
    };
    write(&swept, base.lang)?;
    Ok(swept)
}

fn command(file: &str, base: &Request) -> String {
    let mut command = format!("kobai sweep {file}");
    for (flag, value) in [
        ("--data", base.data.clone()),
        ("--seeds", base.seeds.map(|n| n.to_string())),
        ("--seed", (base.first_seed != 0).then(|| base.first_seed.to_string())),
        ("--steps", base.steps.map(|n| n.to_string())),
    ] {
        if let Some(value) = value {
            command.push_str(&format!(" {flag} {value}"));
        }
    }
    for (key, value) in &base.set {
        command.push_str(&format!(" --set {key}={value}"));
    }
    command
}

/// The measure is among those of a finished run.
fn check_measure(file: &str, spec: &SweepSpec, rows: &[Row]) -> Result<(), ExperimentError> {
    let finished = || rows.iter().flat_map(|r| &r.runs).filter(|r| r.outcome == Outcome::Finished);
    let known: Vec<String> =
        finished().next().map(|r| r.measures.keys().cloned().collect()).unwrap_or_default();
    if known.is_empty() || finished().any(|run| run.measures.contains_key(&spec.measure)) {
        return Ok(());
    }
    let nearest = nearest(&spec.measure, known.iter().map(String::as_str)).map(String::from);
    let problem =
        ExperimentProblem::Choice { key: "measure".into(), got: spec.measure.clone(), nearest, known };
    Err(ExperimentError { file: file.into(), line: None, problem })
}

/// The best first; what has no mean last.
fn sort(points: &mut [Point], more_is_better: bool) {
    let key = |p: &Point| match p.mean() {
        Some(mean) if more_is_better => -mean,
        Some(mean) => mean,
        None => f64::INFINITY,
    };
    points.sort_by(|a, b| key(a).total_cmp(&key(b)));
}

/// Indices of points, by their best row.
fn ranked(sorted: &[Point], points: &[Vec<toml::Value>]) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    for point in sorted {
        for i in (0..points.len()).filter(|i| points[*i] == point.values) {
            if !order.contains(&i) {
                order.push(i);
            }
        }
    }
    order
}

fn write(swept: &Swept, lang: Lang) -> Result<(), StoreError> {
    let folder = &swept.folder;
    std::fs::create_dir_all(folder).map_err(|source| StoreError { path: folder.clone(), source })?;
    let file = |name: &str, contents: &[u8]| store::write_whole(&Path::new(folder).join(name), contents);
    file("sweep.json", &documents::pretty(&document(swept)))?;
    file("report.html", html(swept, lang).as_bytes())
}

/// The document of `--json`, schema `kobai.sweep-results/1`.
#[must_use]
pub fn document(swept: &Swept) -> Value {
    let points = swept.points.iter().map(|p| {
        let set: serde_json::Map<String, Value> = swept
            .spec
            .keys
            .iter()
            .zip(&p.values)
            .map(|(k, v)| (k.key.clone(), serde_json::to_value(v).unwrap_or_default()))
            .collect();
        let finite: Vec<Option<f64>> = p.measured.iter().map(|v| v.is_finite().then_some(*v)).collect();
        json!({
            "set": set, "row": p.row, "values": finite, "mean": p.mean(), "steps": p.steps, "round": p.round,
            "diverged": p.diverged, "folder": p.folder.to_string_lossy(),
        })
    });
    json!({
        "schema": "kobai.sweep-results/1",
        "id": swept.spec.id, "experiment": swept.spec.experiment, "measure": swept.spec.measure,
        "goal": if swept.spec.more_is_better { "max" } else { "min" },
        "data": swept.data, "seeds": swept.seeds, "command": swept.command,
        "runs": swept.runs, "reused": swept.reused,
        "points": points.collect::<Vec<_>>(),
    })
}

/// The key's values as a person reads them.
fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::Float(x) => crate::chart::number::compact(*x, 4),
        toml::Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

fn number(value: &toml::Value) -> Option<f64> {
    match value {
        toml::Value::Float(x) => Some(*x),
        toml::Value::Integer(x) => Some(*x as f64),
        _ => None,
    }
}

/// Whether a key of the sweep is spread over ratios: as the file says, or
/// because a list of positive numbers spans more than a factor of 20.
fn is_log(values: &Values, seen: &[f64]) -> bool {
    let [lo, hi] = crate::chart::scale::extent(seen.iter().copied()).unwrap_or([1.0, 1.0]);
    values.is_log() || (matches!(values, Values::List(_)) && lo > 0.0 && hi / lo > 20.0)
}
