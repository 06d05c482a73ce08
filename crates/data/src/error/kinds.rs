//! What can be wrong with one kind of thing: a picture, a folder, an IDX file,
//! the parts of a data set.

use std::fmt;
use std::io;

use kobai_engine::{Explain, Explanation, Lang, Shape};

use super::pictures;

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
    /// It has another size than the pictures before it.
    Size {
        /// Height and width of the first picture.
        expected: [usize; 2],
        /// Its height and width.
        got: [usize; 2],
    },
}

/// Why pictures in folders do not make a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FolderProblem {
    /// There are none.
    NoPictures,
    /// A picture lies in no folder that names its class.
    NoClass {
        /// The picture.
        file: String,
    },
    /// There is nothing to tell apart.
    OneClass {
        /// The only class.
        class: String,
    },
    /// A class is tested on that cannot be learned.
    UnknownClass {
        /// The class.
        class: String,
    },
    /// No class has two pictures, so none can be set aside.
    NothingToTest,
    /// More pixels than this program keeps in memory.
    TooLarge {
        /// Bytes of all pictures together.
        bytes: u64,
        /// Bytes that are accepted.
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
