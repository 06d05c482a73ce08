//! The whole course: every embedded experiment, one after the other, and one
//! report over all of them.

use crate::documents;
use crate::experiment::{Changes, Experiment, NO_DATA};
use crate::report;
use crate::results::Results;
use crate::session::{Request, Session, SessionError};
use crate::store::{self, StoreError};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The word that names all experiments.
pub const ALL: &str = "all";
/// The data set that another one may take the place of.
const EMBEDDED: &str = "digits";

/// One session per experiment, in the order of the course's sections.
///
/// The request's data set takes the place of the embedded digits; an
/// experiment that needs other data, or none, keeps its own.
///
/// # Errors
/// As [`Session::prepare`], for the first experiment that cannot be run.
pub fn sessions(base: &Request) -> Result<Vec<Session>, SessionError> {
    let mut all = Vec::new();
    for name in Experiment::names() {
        let first = Experiment::load(name, &Changes { outputs: Some(1), ..Changes::default() })?;
        let data = base.data.clone().filter(|_| first.data == EMBEDDED);
        let request = Request { experiment: name.into(), data, ..base.clone() };
        all.push((first.section.en.clone(), Session::prepare(request)?));
    }
    // Stable: within a section as the catalogue lists them.
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all.into_iter().map(|(_, session)| session).collect())
}

/// What one experiment of the course took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Took {
    /// Seconds that were expected.
    pub expected: f64,
    /// Seconds that it took.
    pub seconds: f64,
}

/// The run folder of the course.
#[must_use]
pub fn folder(base: &Request) -> PathBuf {
    base.out.clone().unwrap_or_else(|| {
        let data = base.data.as_deref().unwrap_or(EMBEDDED);
        let data = data.rsplit(['/', '\\']).find(|p| !p.is_empty()).unwrap_or(NO_DATA);
        PathBuf::from("runs").join(format!("course-{data}"))
    })
}

/// The command that repeats it.
#[must_use]
pub fn command(base: &Request) -> String {
    let mut command = format!("kobai lab run {ALL}");
    if let Some(data) = &base.data {
        let _ = write!(command, " --data {data}");
    }
    if let Some(seeds) = base.seeds {
        let _ = write!(command, " --seeds {seeds}");
    }
    if base.first_seed != 0 {
        let _ = write!(command, " --seed {}", base.first_seed);
    }
    if let Some(steps) = base.steps {
        let _ = write!(command, " --steps {steps}");
    }
    for (key, value) in &base.set {
        let _ = write!(command, " --set {key}={value}");
    }
    command
}

/// The document of `--json`, schema `kobai.course/1`.
#[must_use]
pub fn document(base: &Request, all: &[Results], took: &[Took]) -> Value {
    let experiments = all.iter().zip(took).map(|(results, took)| {
        let mut one = documents::results(results);
        one["expected_s"] = json!(took.expected);
        one["took_s"] = json!(took.seconds);
        one
    });
    let statements = report::statements(all);
    let statements = statements.iter().map(|s| {
        let claims: Vec<Value> = s
            .claims
            .iter()
            .map(|(r, c)| json!({ "experiment": r.id, "claim": c.id, "verdict": c.verdict }))
            .collect();
        json!({ "id": s.id, "mark": s.standing.mark(), "claims": claims })
    });
    json!({
        "schema": "kobai.course/1",
        "command": command(base),
        "experiments": experiments.collect::<Vec<_>>(),
        "statements": statements.collect::<Vec<_>>(),
    })
}

/// Writes `report.html` and `course.json`.
///
/// # Errors
/// If the folder cannot be written.
pub fn write(base: &Request, all: &[Results], took: &[Took]) -> Result<PathBuf, StoreError> {
    let folder = folder(base);
    std::fs::create_dir_all(&folder).map_err(|source| StoreError { path: folder.clone(), source })?;
    let file = |name: &str, contents: &[u8]| store::write_whole(&Path::new(&folder).join(name), contents);
    file("course.json", &documents::pretty(&document(base, all, took)))?;
    file("report.html", report::course(all, &command(base), base.lang).as_bytes())?;
    Ok(folder)
}
