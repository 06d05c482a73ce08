//! Everything that can go wrong with data. In the binary: exit code 3.
//!
//! The words, in both languages, are in `text.rs`, `problems.rs` and `pictures.rs`.

mod kinds;
mod pictures;
mod problems;
mod text;

use std::fmt;
use std::io;
use std::path::PathBuf;

use kobai_engine::{Explain, Lang, Shape};

pub use kinds::{DatasetProblem, FolderProblem, IdxProblem, ImageProblem};

/// What went wrong with data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// No set has this name, and no folder either.
    UnknownSet {
        /// What was asked for.
        name: String,
        /// The known name that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A known set is not on this machine.
    Missing {
        /// The set.
        set: &'static str,
        /// Folders that were searched, in order.
        searched: Vec<PathBuf>,
        /// Folders whose files have the right names but could not be told to
        /// be this set (several sets share their file names).
        unconfirmed: Vec<PathBuf>,
    },
    /// A folder lacks files of a set.
    Incomplete {
        /// The folder.
        folder: PathBuf,
        /// The files that are missing, by their plain names.
        files: Vec<&'static str>,
    },
    /// A file of numbers (IDX, or CIFAR's records) is not what it should be.
    Idx {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: IdxProblem,
    },
    /// A picture cannot be used.
    Image {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: ImageProblem,
    },
    /// A file is no tar archive, or a damaged one.
    Archive {
        /// The file.
        file: PathBuf,
        /// What the reader says.
        source: io::Error,
    },
    /// A folder or archive of pictures does not make a data set.
    Pictures {
        /// The folder or archive.
        folder: PathBuf,
        /// What is wrong with it.
        problem: FolderProblem,
    },
    /// Images and labels do not belong together.
    CountMismatch {
        /// The file with the images.
        images: PathBuf,
        /// Number of images.
        image_count: usize,
        /// The file with the labels.
        labels: PathBuf,
        /// Number of labels.
        label_count: usize,
    },
    /// The images to test on have another size than those to learn from.
    ImageSizes {
        /// The folder.
        folder: PathBuf,
        /// Height and width of the images to learn from.
        train: [usize; 2],
        /// Height and width of the images to test on.
        test: [usize; 2],
    },
    /// A file has another size than its upstream.
    Size {
        /// The file.
        file: PathBuf,
        /// Bytes upstream.
        expected: u64,
        /// Bytes here.
        got: u64,
    },
    /// A file has other content than its upstream.
    Checksum {
        /// The file.
        file: PathBuf,
        /// SHA-256 upstream.
        expected: &'static str,
        /// SHA-256 here.
        got: String,
    },
    /// No mirror delivered a file.
    Download {
        /// The file.
        file: String,
        /// What each mirror did, in the order of the attempts.
        failures: Vec<MirrorFailure>,
        /// Where the file can be put by hand.
        folder: PathBuf,
    },
    /// The network would be needed, but must not be used.
    Offline {
        /// The set.
        set: &'static str,
        /// The files that are missing.
        files: Vec<WantedFile>,
        /// Where to put them.
        folder: PathBuf,
    },
    /// A published file is not here, and the network must not be used.
    OfflineFile {
        /// Its name.
        file: String,
        /// Where it is published.
        url: String,
        /// First digits of its SHA-256.
        sha256: String,
        /// Where to put it.
        folder: PathBuf,
    },
    /// Another process downloads into the same folder.
    Busy {
        /// The lock file that it holds.
        lock: PathBuf,
    },
    /// There is no folder to download into: none was given, and no home folder
    /// was found.
    NoFolder,
    /// The operating system refused something.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was to be done.
        action: Action,
        /// The refusal.
        source: io::Error,
    },
    /// A parameter of a procedural set is out of range.
    Parameter {
        /// The set.
        set: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// Its value.
        value: f64,
        /// The least that is allowed.
        least: f64,
        /// The most that is allowed.
        most: f64,
    },
    /// More examples were asked for than there are.
    TooFew {
        /// The data set.
        name: String,
        /// Examples asked for.
        asked: usize,
        /// Examples there are.
        available: usize,
    },
    /// A batch cannot be drawn.
    Batch {
        /// Examples in a batch.
        batch: usize,
        /// Examples in the set.
        available: usize,
    },
    /// Something is to be augmented as pictures that is none.
    NotPictures {
        /// The data set.
        name: String,
        /// Shape of its inputs.
        shape: Shape,
    },
    /// Nothing of a picture might be left in a window.
    Padding {
        /// Pixels that are added on each side.
        padding: usize,
        /// The picture's shorter side.
        side: usize,
    },
    /// The parts of a data set do not fit together.
    Inconsistent {
        /// The data set.
        name: String,
        /// What does not fit.
        problem: DatasetProblem,
    },
}

/// What was to be done with a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Making a folder.
    MakeFolder,
    /// Moving a finished file into place.
    Rename,
    /// Removing.
    Remove,
    /// Locking.
    Lock,
}

/// A file of a set, as upstream publishes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedFile {
    /// File name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hex, or its first digits (at least 8).
    pub sha256: String,
    /// Where it is published, in the order in which to try.
    pub urls: Vec<String>,
}

/// Why one mirror did not deliver.
#[derive(Debug)]
pub struct MirrorFailure {
    /// The address.
    pub url: String,
    /// The reason.
    pub reason: MirrorReason,
}

impl MirrorFailure {
    /// The reason in words.
    #[must_use]
    pub fn why(&self, lang: Lang) -> String {
        problems::mirror(lang, &self.reason)
    }
}

/// Why a mirror did not deliver.
#[derive(Debug)]
#[non_exhaustive]
pub enum MirrorReason {
    /// It answered, but not with the file.
    Status(u16),
    /// No connection came about: no such host, refused, TLS, proxy.
    Unreachable(io::Error),
    /// No connection or no answer in time.
    NoAnswer,
    /// Bytes stopped coming.
    Stalled {
        /// Bytes that came from this mirror.
        received: u64,
    },
    /// Bytes came too slowly.
    TooSlow {
        /// Measured bytes per second.
        rate: u64,
        /// Bytes per second below which a mirror is given up.
        floor: u64,
    },
    /// The connection broke, again and again or before the first byte.
    Interrupted {
        /// Bytes that came from this mirror.
        received: u64,
        /// What the connection said.
        source: io::Error,
    },
    /// It announced, or sent, a file of another size.
    Size {
        /// Bytes of the file.
        expected: u64,
        /// Bytes announced or sent.
        got: u64,
    },
    /// It sent something else.
    Checksum {
        /// SHA-256 of the file.
        expected: String,
        /// SHA-256 of what came.
        got: String,
    },
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.explain(Lang::En).fmt(f)
    }
}

impl DataError {
    /// For `map_err`: an operating system error with its path.
    pub(crate) fn io(path: impl Into<PathBuf>, action: Action) -> impl FnOnce(io::Error) -> DataError {
        let path = path.into();
        move |source| DataError::Io { path, action, source }
    }
}

#[cfg(test)]
mod tests;
