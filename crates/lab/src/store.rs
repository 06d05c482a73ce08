//! Run folders: what an experiment leaves on disk, readable with `cat`.
//!
//! | file | what |
//! |---|---|
//! | `experiment.toml` | the resolved experiment, no hidden defaults from the command line |
//! | `environment.json` | version, instruction set, data checksum, seeds |
//! | `plan.txt` | the plan of every row |
//! | `metrics.csv` | the learning curve of every run |
//! | `events.jsonl` | gradient flow and activations, one line per look |
//! | `results.json` | rows and claims, the document of `--json` |
//! | `runs/<row>-<seed>.json` | the record of one run: what the report draws |
//! | `checkpoints/<row>-<seed>.safetensors` | the final params and state of one run |
//! | `watch/<row>-<seed>.jsonl` | with `--doctor`: what the run showed, as it happened |
//! | `diagnosis.json` | with `--doctor`: what was found, schema `kobai.doctor/1` |
//! | `report.html` | everything for a person, in one file |
//!
//! Beside the run folders, `.cache/<identity>.*` holds the same runs by identity
//! (as links, so they take no more room): the next experiment that has a row of
//! the same settings, data and seed takes them from there. It can be deleted at
//! any time.
//!
//! Files are written to a temporary name, synced and renamed, so no reader ever
//! sees half a file. The records of finished runs are written as they finish: a
//! repeated or continued experiment reuses those whose identity is the same.

use crate::experiment::Experiment;
use crate::results::Run;
use crate::runner::{Finished, Job};
use crate::weights;
use kobai_engine::{Explain, Explanation, Lang, Plan, say};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The version of the arithmetic: raised whenever a change of code may change
/// a bit of a result, so that no older record is taken for a new one.
pub const NUMERICS: u32 = 5;

/// A file or folder that cannot be written or read.
#[derive(Debug)]
pub struct StoreError {
    /// Where.
    pub path: PathBuf,
    /// The system's reason.
    pub source: std::io::Error,
}

impl Explain for StoreError {
    fn explain(&self, lang: Lang) -> Explanation {
        let path = self.path.display();
        let reason = &self.source;
        Explanation::new(say!(lang, "cannot write {path}", "{path} に書き込めません"))
            .fact(say!(lang, "the system says: {reason}", "システムの説明: {reason}"))
            .hint(say!(
                lang,
                "choose another folder with --out, or make room; finished runs are kept and reused",
                "--out で別のフォルダーを選ぶか、空き容量を確保してください。終わった実行は残り、再利用されます"
            ))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.explain(Lang::En))
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// A run folder.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    cache: Option<PathBuf>,
}

/// The record of a run with its identity.
#[derive(Serialize, Deserialize)]
struct Record {
    identity: String,
    run: Run,
}

impl Folder {
    /// A folder as it is, which need not exist. `cache` is where runs of all
    /// experiments are kept by identity, so that one that was done for another
    /// folder is not done again.
    #[must_use]
    pub fn at(path: &Path, cache: Option<&Path>) -> Folder {
        Folder { path: path.to_path_buf(), cache: cache.map(Path::to_path_buf) }
    }

    /// Opens or makes a folder, and makes sure that it can be written to.
    ///
    /// # Errors
    /// If it cannot.
    pub fn open(path: &Path, cache: Option<&Path>) -> Result<Folder, StoreError> {
        let folder = Folder::at(path, cache);
        for part in [path.to_path_buf(), folder.path.join("runs"), folder.path.join("checkpoints")] {
            std::fs::create_dir_all(&part).map_err(|source| StoreError { path: part.clone(), source })?;
        }
        tempfile::NamedTempFile::new_in(path)
            .map_err(|source| StoreError { path: path.to_path_buf(), source })?;
        Ok(folder)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder of what runs showed.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn logs(&self) -> Result<PathBuf, StoreError> {
        let path = self.path.join("watch");
        std::fs::create_dir_all(&path).map_err(|source| StoreError { path: path.clone(), source })?;
        Ok(path)
    }

    /// Writes a file, all of it or nothing.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, name: &str, contents: &[u8]) -> Result<(), StoreError> {
        write_whole(&self.path.join(name), contents)
    }

    /// Keeps a finished run.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(
        &self,
        name: &str,
        identity: &str,
        plan: &Plan,
        finished: &Finished,
    ) -> Result<(), StoreError> {
        let tensors =
            weights::serialize(plan, &finished.params, &finished.state, 0).map_err(|e| StoreError {
                path: self.path.join("checkpoints").join(name),
                source: std::io::Error::other(e.to_string()),
            })?;
        self.write(&format!("checkpoints/{name}.safetensors"), &tensors)?;
        let record = Record { identity: identity.into(), run: finished.run.clone() };
        let json = serde_json::to_vec(&record).expect("plain values serialise");
        self.write(&format!("runs/{name}.json"), &json)?;
        if let Some(cache) = &self.cache {
            // A cache that cannot be written costs time later and nothing else.
            let _ = std::fs::create_dir_all(cache);
            for (own, cached) in self.files(name).iter().zip(cached(cache, identity)) {
                share(own, &cached);
            }
        }
        Ok(())
    }

    fn files(&self, name: &str) -> [PathBuf; 2] {
        [
            self.path.join(format!("checkpoints/{name}.safetensors")),
            self.path.join(format!("runs/{name}.json")),
        ]
    }

    /// The run of this name, if it is here whole and has this identity.
    fn own(&self, name: &str, identity: &str) -> Option<Run> {
        let [checkpoint, _] = self.files(name);
        if !checkpoint.is_file() {
            return None;
        }
        let (of, run) = self.run(name)?;
        (of == identity).then_some(run)
    }

    /// Identity and record of the run of this name, if it is there.
    #[must_use]
    pub fn run(&self, name: &str) -> Option<(String, Run)> {
        let [_, record] = self.files(name);
        let record: Record = serde_json::from_slice(&std::fs::read(record).ok()?).ok()?;
        Some((record.identity, record.run))
    }

    /// The run of this name and identity, from this folder or from the cache;
    /// one from the cache is put into this folder as well.
    #[must_use]
    pub fn reuse(&self, name: &str, identity: &str) -> Option<Run> {
        if let Some(run) = self.own(name, identity) {
            return Some(run);
        }
        let cached = cached(self.cache.as_ref()?, identity);
        if !cached.iter().all(|file| file.is_file()) {
            return None;
        }
        for (own, cached) in self.files(name).iter().zip(&cached) {
            share(cached, own);
        }
        self.own(name, identity)
    }

    /// Whether [`Folder::reuse`] would most likely find it. Reads no record of
    /// the cache and changes nothing.
    #[must_use]
    pub fn has(&self, name: &str, identity: &str) -> bool {
        let cached = self.cache.as_ref().is_some_and(|c| cached(c, identity).iter().all(|f| f.is_file()));
        cached || self.own(name, identity).is_some()
    }
}

/// Checkpoint and record of a run in the cache.
fn cached(cache: &Path, identity: &str) -> [PathBuf; 2] {
    [cache.join(format!("{identity}.safetensors")), cache.join(format!("{identity}.json"))]
}

/// The same file in two places: a link where the file system has links,
/// otherwise a copy. Files are only ever replaced as a whole, so neither place
/// changes the other.
fn share(from: &Path, to: &Path) {
    let _ = std::fs::remove_file(to);
    if std::fs::hard_link(from, to).is_err() {
        let _ = std::fs::copy(from, to);
    }
}

/// Writes a file, all of it or nothing.
///
/// # Errors
/// If it cannot be written.
pub fn write_whole(path: &Path, contents: &[u8]) -> Result<(), StoreError> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        // Removed on drop if anything fails before the rename.
        let mut file = tempfile::Builder::new().suffix(".tmp").tempfile_in(parent)?;
        file.write_all(contents)?;
        file.as_file().sync_all()?;
        set_readable(file.as_file())?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    write().map_err(|source| StoreError { path: path.to_path_buf(), source })
}

/// Temporary files are private; results need not be.
#[cfg(unix)]
fn set_readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_readable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

/// The name of a run's files.
#[must_use]
pub fn run_name(experiment: &Experiment, job: Job) -> String {
    name_of(&experiment.rows[job.row].id, job.seed)
}

/// The name of the files of a row's run with a seed.
#[must_use]
pub fn name_of(row: &str, seed: u64) -> String {
    let row: String = row
        .chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' })
        .collect();
    format!("{row}-{seed}")
}

/// What makes a run what it is: equal identities promise equal bits.
#[must_use]
pub fn identity(experiment: &Experiment, job: Job, data: &str, isa: &str, observe: bool) -> String {
    let row = &experiment.rows[job.row];
    let parts = [
        env!("CARGO_PKG_VERSION"),
        &NUMERICS.to_string(),
        isa,
        data,
        &row.settings,
        &job.seed.to_string(),
        &observe.to_string(),
    ];
    // A default of the program, not a setting of the file.
    let tested = row.training.evaluate_examples.map(|n| format!("tested {n}"));
    let mut hasher = Sha256::new();
    for part in parts.into_iter().chain(tested.as_deref()) {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
