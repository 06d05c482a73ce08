//! Whether the files of a set are what upstream published.
//!
//! A file may be unpacked, or packed again by somebody else: then the archive
//! differs, and the unpacked content decides, where upstream's is known.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cifar;
use crate::error::{Action, DataError, IdxProblem};
use crate::hash;
use crate::idx;
use crate::locate::Locations;
use crate::registry::{self, FileInfo, FileSet, Format, SetInfo, Source};

/// What is known about one file.
#[derive(Debug)]
pub struct FileReport {
    /// The file, as the set knows it.
    pub file: &'static FileInfo,
    /// Where it is, if it is there.
    pub path: Option<PathBuf>,
    /// Its size on disk, if it is there.
    pub size: Option<u64>,
    /// SHA-256 of the file on disk, if it is there.
    pub sha256: Option<String>,
    /// The outcome.
    pub verdict: Verdict,
}

/// The outcome for one file.
#[derive(Debug)]
pub enum Verdict {
    /// Upstream's archive, byte for byte.
    Original,
    /// Unpacked or packed again, with upstream's content.
    SameContent,
    /// Proper images or labels of the right number and size, but whether
    /// upstream's is not known: no hash of the unpacked content is published.
    Plausible,
    /// Readable, but not upstream's content.
    Different {
        /// SHA-256 of upstream's unpacked content.
        expected: &'static str,
        /// SHA-256 of the unpacked content here.
        got: String,
    },
    /// It is not there.
    Missing,
    /// It cannot be read, or is damaged.
    Damaged(DataError),
}

/// What is known about the files of a set.
#[derive(Debug)]
pub struct SetReport {
    /// The set.
    pub set: &'static SetInfo,
    /// The folder that was looked at; `None` for a set without files.
    pub folder: Option<PathBuf>,
    /// Its files; empty for a set without files.
    pub files: Vec<FileReport>,
}

impl Verdict {
    /// Whether the file can be used.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self, Verdict::Original | Verdict::SameContent | Verdict::Plausible)
    }
}

impl SetReport {
    /// Whether every file can be used.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.files.iter().all(|file| file.verdict.is_ok())
    }

    /// The first thing that is wrong, as an error.
    ///
    /// # Errors
    /// [`DataError::Incomplete`], [`DataError::Checksum`], or what is wrong
    /// with a damaged file.
    pub fn into_result(self) -> Result<(), DataError> {
        let folder = self.folder.unwrap_or_default();
        let missing: Vec<_> = self
            .files
            .iter()
            .filter(|f| matches!(f.verdict, Verdict::Missing))
            .map(|f| f.file.name)
            .collect();
        if !missing.is_empty() {
            return Err(DataError::Incomplete { folder, files: missing });
        }
        for report in self.files {
            match report.verdict {
                Verdict::Damaged(error) => return Err(error),
                Verdict::Different { expected, got } => {
                    let file = report.path.unwrap_or_else(|| folder.join(report.file.name));
                    return Err(DataError::Checksum { file, expected, got });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Checks the files of a set where they are, or where a download would put
/// them if no folder has them all.
///
/// # Errors
/// [`DataError::UnknownSet`], [`DataError::NoFolder`], or [`DataError::Io`] if
/// the search for the files fails. What is wrong with a file is not an error
/// but part of the report.
pub fn verify(name: &str, locations: &Locations) -> Result<SetReport, DataError> {
    let info = registry::info(name, locations)?;
    let Source::Files(files) = &info.set.source else {
        return Ok(SetReport { set: info.set, folder: None, files: Vec::new() });
    };
    let folder = match info.found {
        Some(found) => found.folder,
        None => info.download_folder.ok_or(DataError::NoFolder)?,
    };
    let files = files.files.iter().map(|file| verify_file(file, files, &folder)).collect();
    Ok(SetReport { set: info.set, folder: Some(folder), files })
}

/// Checks one file of a folder.
pub(crate) fn verify_file(file: &'static FileInfo, set: &FileSet, folder: &Path) -> FileReport {
    let mut report = FileReport { file, path: None, size: None, sha256: None, verdict: Verdict::Missing };
    let Some(path) = registry::in_folder_one(folder, file.name) else {
        // The archive may have been unpacked, and thrown away.
        if let Some(files) = cifar::in_folder(folder).filter(|_| set.format == Format::Cifar) {
            report.verdict = plausible_cifar(&files).unwrap_or_else(Verdict::Damaged);
            report.path = files[0].parent().map(Path::to_owned);
        }
        return report;
    };
    report.verdict = inspect(file, set.format, &path, &mut report.size, &mut report.sha256)
        .unwrap_or_else(Verdict::Damaged);
    report.path = Some(path);
    report
}

fn inspect(
    file: &'static FileInfo,
    format: Format,
    path: &Path,
    size: &mut Option<u64>,
    sha256: &mut Option<String>,
) -> Result<Verdict, DataError> {
    *size = Some(fs::metadata(path).map_err(DataError::io(path, Action::Read))?.len());
    let sum = hash::of_file(path).map_err(DataError::io(path, Action::Read))?;
    let archive = sum == file.sha256;
    *sha256 = Some(sum);
    if archive {
        return Ok(Verdict::Original);
    }
    if format == Format::Cifar {
        return plausible_cifar(&[path.to_owned()]);
    }
    match file.content_sha256 {
        Some(expected) => {
            // The reader first: it says what is wrong with a damaged file.
            check_idx(file, path)?;
            let got = hash::of_bytes(&idx::unpacked(path, idx::MAX_BYTES)?);
            Ok(if got == expected { Verdict::SameContent } else { Verdict::Different { expected, got } })
        }
        None => {
            check_idx(file, path)?;
            Ok(Verdict::Plausible)
        }
    }
}

/// Whether these are CIFAR's records, as many as there should be.
fn plausible_cifar(files: &[PathBuf]) -> Result<Verdict, DataError> {
    let split = cifar::load(files, "cifar10")?;
    for (got, expected) in [(split.train.len(), 50_000), (split.test.len(), 10_000)] {
        if got != expected {
            let problem = IdxProblem::Count { expected, got };
            return Err(DataError::Idx { file: files[0].clone(), problem });
        }
    }
    Ok(Verdict::Plausible)
}

/// Whether a file is a proper IDX file of the right size.
fn check_idx(file: &FileInfo, path: &Path) -> Result<(), DataError> {
    let header_and_body = if file.name.contains("images") {
        16 + idx::read_images(path)?.pixels.len() as u64
    } else {
        8 + idx::read_labels(path)?.len() as u64
    };
    if header_and_body != file.content_size {
        return Err(DataError::Size {
            file: path.to_owned(),
            expected: file.content_size,
            got: header_and_body,
        });
    }
    Ok(())
}
