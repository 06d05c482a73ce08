//! Everything that can go wrong with data. In the binary: exit code 3.
//!
//! The words, in both languages, are in `text.rs`, `problems.rs` and `pictures.rs`.

mod pictures;
mod problems;
mod text;

use std::fmt;
use std::io;
use std::path::PathBuf;

use kobai_engine::{Explain, Explanation, Lang, Shape};

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
    /// A file is no proper IDX file, or not the one that it should be.
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
    /// The parts of a data set do not fit together.
    Inconsistent {
        /// The data set.
        name: String,
        /// What does not fit.
        problem: DatasetProblem,
    },
}

/// What is wrong with a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageProblem {
    /// It is neither JPEG nor PNG.
    Format {
        /// What it seems to be, as the ending of a file name.
        got: Option<&'static str>,
    },
    /// It is damaged, or of a kind that the decoder does not know.
    Damaged {
        /// What the decoder says.
        reason: String,
    },
    /// It has, or would have, too many pixels.
    TooLarge {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// Pixels that are accepted.
        limit: u64,
    },
}

impl Explain for ImageProblem {
    fn explain(&self, lang: Lang) -> Explanation {
        pictures::image(lang, None, self)
    }
}

impl fmt::Display for ImageProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.explain(Lang::En).fmt(f)
    }
}

impl std::error::Error for ImageProblem {}

/// What is wrong with an IDX file.
#[derive(Debug)]
#[non_exhaustive]
pub enum IdxProblem {
    /// It does not begin like an IDX file of its kind.
    Magic {
        /// The first four bytes of its kind.
        expected: u32,
        /// Its first four bytes.
        got: u32,
    },
    /// It ends within its header.
    Header {
        /// Bytes of the header.
        expected: usize,
        /// Bytes there are.
        got: usize,
    },
    /// It ends before the last value.
    Truncated {
        /// Bytes after the header that the header announces.
        expected: u64,
        /// Bytes there are.
        got: u64,
    },
    /// There is something after the last value.
    TrailingBytes {
        /// Bytes after the header that the header announces.
        expected: u64,
    },
    /// The header announces nothing.
    Empty {
        /// The extents in the header.
        extents: Vec<u32>,
    },
    /// The file is or announces more than this program reads.
    TooLarge {
        /// The extents in the header; empty if the file itself is too large.
        extents: Vec<u32>,
        /// Bytes that are accepted.
        limit: u64,
    },
    /// A label is no class.
    Label {
        /// Which label.
        index: usize,
        /// Its value.
        label: u8,
        /// Number of classes.
        classes: usize,
    },
    /// The set has another number of examples.
    Count {
        /// Examples in the set.
        expected: usize,
        /// Examples in the file.
        got: usize,
    },
    /// The set has images of another size.
    ImageSize {
        /// Height and width in the set.
        expected: [usize; 2],
        /// Height and width in the file.
        got: [usize; 2],
    },
    /// The compressed file is damaged or cut short.
    Gzip {
        /// What the decoder says.
        source: io::Error,
    },
}

/// What does not fit together in a data set.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DatasetProblem {
    /// An input without numbers.
    EmptyShape {
        /// The shape.
        shape: Shape,
    },
    /// The inputs are no whole number of examples.
    PartOfAnInput {
        /// Shape of one input.
        shape: Shape,
        /// Numbers there are.
        numbers: usize,
    },
    /// The values are no whole number of targets.
    PartOfATarget {
        /// Values per target.
        width: usize,
        /// Values there are.
        values: usize,
    },
    /// Targets without values.
    NoValues,
    /// More examples than 32-bit indices reach.
    TooMany {
        /// Number of examples.
        examples: usize,
    },
    /// Inputs and targets differ in number.
    Counts {
        /// Number of inputs.
        inputs: usize,
        /// Number of targets.
        targets: usize,
    },
    /// A class that does not exist.
    ClassOutOfRange {
        /// Which target.
        index: usize,
        /// Its class.
        class: u32,
        /// Number of classes.
        classes: usize,
    },
    /// Bytes cannot be divided by zero.
    ZeroDivisor,
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
