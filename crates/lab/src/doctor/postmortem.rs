//! From what a run left behind: nothing is trained.

use super::live::from_run;
use super::subject::{Origin, Subject};
use super::watch::{self, WatchError};
use super::{Examination, unwatched_run};
use crate::session::SessionError;
use crate::store::{Folder, name_of};
use std::path::Path;

/// Examines what is left in a run folder, finished or broken off: each row's
/// sickest run, with the number of its runs that have the first finding.
///
/// What a run showed is read from `watch/` (written with `--doctor`) or, with
/// less detail, from the records of finished runs. `origin` says where data
/// are; its experiment is the folder's.
///
/// # Errors
/// If the folder's experiment cannot be read or its data are not found.
pub fn post_mortem(
    folder: &Path,
    origin: &Origin,
) -> Result<Vec<(Subject, Examination, [usize; 2])>, SessionError> {
    let environment = std::fs::read(folder.join("environment.json")).unwrap_or_default();
    let environment: serde_json::Value = serde_json::from_slice(&environment).unwrap_or_default();
    let data = environment["data"].as_str().map(String::from);
    let file = folder.join("experiment.toml").display().to_string();
    let origin = Origin { experiment: file, data: origin.data.clone().or(data), ..origin.clone() };
    let subjects = Subject::all(&origin)?;
    let store = Folder::at(folder, None);
    let mut all = Vec::new();
    for subject in subjects {
        let start = unwatched_run(subject.spec(), &subject.plan, &subject.split);
        let mut found: Vec<Examination> = Vec::new();
        for seed in seeds(folder, &subject.row) {
            let name = name_of(&subject.row, seed);
            let mut record = start.clone();
            let log = std::fs::read_to_string(folder.join(format!("watch/{name}.jsonl"))).ok();
            let logged = log.is_some_and(|log| watch::read_into(&mut record, &log).is_ok());
            if !logged || record.looks.is_empty() {
                let Some((_, run)) = store.run(&name) else { continue };
                record = from_run(start.clone(), &run);
            }
            let source = folder.display().to_string();
            found.push(Examination::of_record(&source, &subject.row, seed, record));
        }
        let weight = |e: &Examination| {
            let first = e.diagnosis.first().map(|f| (f.severity, (f.probability * 1e6) as u64));
            (e.record.non_finite.is_some(), first)
        };
        let runs = found.len();
        // The first of equals: the smallest seed.
        let Some(worst) = found.iter().rev().max_by_key(|e| weight(e)).cloned() else { continue };
        let code = worst.diagnosis.first().map(|f| f.code);
        let same = found.iter().filter(|e| e.diagnosis.first().map(|f| f.code) == code).count();
        all.push((subject, worst, [same, runs]));
    }
    Ok(all)
}

/// Seeds of a row's runs, from the names of their files.
fn seeds(folder: &Path, row: &str) -> Vec<u64> {
    let mut seeds = Vec::new();
    for (part, end) in [("runs", ".json"), ("watch", ".jsonl")] {
        let Ok(files) = std::fs::read_dir(folder.join(part)) else { continue };
        for file in files.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            let seed =
                name.strip_suffix(end).and_then(|n| n.rsplit_once('-')).and_then(|(_, s)| s.parse().ok());
            if let Some(seed) = seed.filter(|s| name == format!("{}{end}", name_of(row, *s))) {
                seeds.push(seed);
            }
        }
    }
    seeds.sort_unstable();
    seeds.dedup();
    seeds
}

/// Examines a training that another framework ran and wrote down.
///
/// # Errors
/// If the text is not of the format.
pub fn foreign_run(source: &str, text: &str) -> Result<(Examination, String), WatchError> {
    let (record, by) = watch::foreign(text)?;
    Ok((Examination::of_record(source, "", 0, record), by))
}
