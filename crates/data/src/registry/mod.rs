//! Every data set that has a name, and how a name becomes a data set.
//!
//! The table itself is in `catalog.rs`; what a path may be is in `path.rs`.

mod catalog;
mod path;

use std::path::{Path, PathBuf};

use kobai_engine::text::nearest;
use kobai_engine::{Lang, Shape};

use crate::cifar;
use crate::dataset::{Dataset, Inputs, Split, Targets};
use crate::digits;
use crate::error::{DataError, IdxProblem, WantedFile};
use crate::hash;
use crate::idx::{self, Images};
use crate::locate::Locations;
use crate::synthetic::{Kind, Synthetic};

pub use catalog::SETS;

/// A named data set.
#[derive(Debug)]
pub struct SetInfo {
    /// The name.
    pub id: &'static str,
    /// Other spellings that are understood, in lower case.
    pub aliases: &'static [&'static str],
    title: [&'static str; 2],
    dims: &'static [usize],
    /// Number of classes; 0 for regression.
    pub classes: usize,
    class_names: [&'static [&'static str]; 2],
    /// Examples to learn from.
    pub train_len: usize,
    /// Examples to test on.
    pub test_len: usize,
    /// The licence, as an SPDX identifier.
    pub licence: &'static str,
    /// Whom to cite.
    pub attribution: &'static str,
    /// Where the data come from.
    pub source: Source,
}

/// Where the data of a set come from.
#[derive(Debug)]
#[non_exhaustive]
pub enum Source {
    /// They are part of the program.
    Embedded,
    /// They are made when they are needed.
    Procedural(Kind),
    /// Files that are downloaded or put in place.
    Files(&'static FileSet),
}

/// How the files of a set are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Four IDX files: training images and labels, test images and labels.
    Idx,
    /// One archive with CIFAR's records.
    Cifar,
}

/// The files of a set, as upstream publishes them.
#[derive(Debug)]
pub struct FileSet {
    /// How they are read.
    pub format: Format,
    /// Folders below a root that hold this set and no other.
    pub folders: &'static [&'static str],
    /// Addresses that a file name is appended to, in the order in which to try.
    pub mirrors: &'static [&'static str],
    /// The files; IDX files in the order of [`Format::Idx`].
    pub files: &'static [FileInfo],
}

/// One file of a set.
#[derive(Debug)]
pub struct FileInfo {
    /// Name of the unpacked file; upstream publishes it with `.gz`.
    pub name: &'static str,
    /// Bytes of the archive.
    pub size: u64,
    /// SHA-256 of the archive.
    pub sha256: &'static str,
    /// Bytes of the unpacked file; 0 if that is not known.
    pub content_size: u64,
    /// SHA-256 of the unpacked file, where it is known.
    pub content_sha256: Option<&'static str>,
}

/// The files of a set on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The folder.
    pub folder: PathBuf,
    /// The files, in the order of the set; of an unpacked archive those in it;
    /// none of pictures in class folders.
    pub files: Vec<PathBuf>,
}

/// A set and where it is.
#[derive(Clone, Debug)]
pub struct Info {
    /// The set.
    pub set: &'static SetInfo,
    /// Its files on this machine, if it has files and they are there.
    pub found: Option<Found>,
    /// Where a download would go, if it has files.
    pub download_folder: Option<PathBuf>,
}

impl SetInfo {
    /// What it is, in a few words.
    #[must_use]
    pub fn title(&self, lang: Lang) -> &'static str {
        lang.pick(self.title[0], self.title[1])
    }

    /// Shape of one input.
    #[must_use]
    pub fn shape(&self) -> Shape {
        Shape::new(self.dims)
    }

    /// What the classes are called; empty if they only have numbers.
    #[must_use]
    pub fn class_names(&self, lang: Lang) -> &'static [&'static str] {
        lang.pick(self.class_names[0], self.class_names[1])
    }

    /// Whether it is there without any file.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        !matches!(self.source, Source::Files(_))
    }
}

impl FileInfo {
    /// Name of the archive.
    #[must_use]
    pub fn archive(&self) -> String {
        format!("{}.gz", self.name)
    }

    /// The archive, with its addresses.
    #[must_use]
    pub fn wanted(&self, set: &FileSet) -> WantedFile {
        let name = self.archive();
        let urls = set.mirrors.iter().map(|base| format!("{base}{name}")).collect();
        WantedFile { name, size: self.size, sha256: self.sha256.to_owned(), urls }
    }
}

/// The set of a name; case, `_` and other spellings do not matter.
///
/// # Errors
/// [`DataError::UnknownSet`] with the nearest name.
pub fn set(name: &str) -> Result<&'static SetInfo, DataError> {
    let key = name.trim().to_lowercase().replace('_', "-");
    let known = SETS.iter().find(|set| set.id == key || set.aliases.contains(&key.as_str()));
    known.ok_or_else(|| DataError::UnknownSet {
        name: name.to_owned(),
        nearest: nearest(&key, SETS.iter().map(|set| set.id)),
    })
}

/// A set, and where it is on this machine.
///
/// # Errors
/// [`DataError::UnknownSet`], or [`DataError::Io`] if a file that must prove
/// which set it belongs to cannot be read.
pub fn info(name: &str, locations: &Locations) -> Result<Info, DataError> {
    let set = set(name)?;
    let Source::Files(files) = &set.source else {
        return Ok(Info { set, found: None, download_folder: None });
    };
    let found = match find(set, files, locations) {
        Ok(found) => Some(found),
        Err(DataError::Missing { .. }) => {
            pictures_of(files, locations).map(|folder| Found { folder, files: Vec::new() })
        }
        Err(error) => return Err(error),
    };
    Ok(Info { set, found, download_folder: locations.download_folder(set.id) })
}

/// Loads a data set: a name, or a path. A path may be a folder with four IDX
/// files under torchvision's names (plain or `.gz`), CIFAR-10's binary version
/// as an archive or unpacked, or pictures in folders named after their classes
/// ([`crate::folder`]), as such or in a tar archive. `cifar10` is also found as a
/// folder `cifar10-jpeg` of such pictures. Never uses the network.
///
/// Procedural sets are made with their default parameters and seed 0; use
/// [`Synthetic`] for others. Of a folder, the number of classes is one more
/// than the largest training label.
///
/// # Errors
/// [`DataError::UnknownSet`] if there is neither such a name nor such a folder,
/// [`DataError::Missing`] if the set is not on this machine, and whatever is
/// wrong with its files.
pub fn load(name_or_path: &str, locations: &Locations) -> Result<Split, DataError> {
    let set = match set(name_or_path) {
        Ok(set) => set,
        Err(unknown) => {
            let given = Path::new(name_or_path);
            let path_like = name_or_path.contains(['/', '\\']) || name_or_path.starts_with('.');
            if given.exists() || path_like {
                return path::load(given);
            }
            return Err(unknown);
        }
    };
    match &set.source {
        Source::Embedded => Ok(digits::load()),
        Source::Procedural(kind) => Synthetic::new(*kind).make(0),
        Source::Files(files) => {
            let found = match (find(set, files, locations), pictures_of(files, locations)) {
                // The published bytes first; the same pictures as JPEG files else.
                (Err(DataError::Missing { .. }), Some(folder)) => {
                    let split = path::load(&folder)?;
                    return counted(set, &folder, split);
                }
                (found, _) => found?,
            };
            match files.format {
                Format::Idx => load_files(&found, Some(set), set.id),
                Format::Cifar => counted(set, &found.folder, cifar::load(&found.files, set.id)?),
            }
        }
    }
}

/// Loads the four IDX files of a folder.
///
/// # Errors
/// [`DataError::Incomplete`] if a file is missing, and whatever is wrong with
/// the files.
pub fn load_folder(folder: &Path) -> Result<Split, DataError> {
    let name = folder.file_name().map_or_else(|| "folder".into(), |n| n.to_string_lossy().into_owned());
    match in_folder(folder) {
        Ok(files) => load_files(&Found { folder: folder.to_owned(), files: files.into() }, None, &name),
        Err(files) => Err(DataError::Incomplete { folder: folder.to_owned(), files }),
    }
}

/// The files of a set on this machine: the first folder that has all four.
pub(crate) fn find(
    set: &'static SetInfo,
    files: &FileSet,
    locations: &Locations,
) -> Result<Found, DataError> {
    let candidates = locations.candidates(files.folders);
    let mut unconfirmed = Vec::new();
    for candidate in &candidates {
        let Some(paths) = files_in(&candidate.folder, files) else { continue };
        if candidate.named || files.format == Format::Cifar || proves(&paths[1], &files.files[1])? {
            return Ok(Found { folder: candidate.folder.clone(), files: paths });
        }
        unconfirmed.push(candidate.folder.clone());
    }
    let searched = candidates.into_iter().map(|c| c.folder).filter(|f| !unconfirmed.contains(f)).collect();
    Err(DataError::Missing { set: set.id, searched, unconfirmed })
}

/// The files of a set in a folder.
fn files_in(folder: &Path, files: &FileSet) -> Option<Vec<PathBuf>> {
    match files.format {
        Format::Idx => in_folder(folder).ok().map(Vec::from),
        Format::Cifar => in_folder_one(folder, files.files[0].name)
            .map(|archive| vec![archive])
            .or_else(|| cifar::in_folder(folder)),
    }
}

/// Checks that a set has as many examples as it should.
fn counted(set: &SetInfo, folder: &Path, split: Split) -> Result<Split, DataError> {
    for (got, expected) in [(split.train.len(), set.train_len), (split.test.len(), set.test_len)] {
        if got != expected {
            let problem = IdxProblem::Count { expected, got };
            return Err(DataError::Idx { file: folder.to_owned(), problem });
        }
    }
    Ok(split)
}

/// A folder `cifar10-jpeg` with CIFAR-10's pictures as JPEG files in class
/// folders or in a tar archive. The classes' alphabetical order is that of the
/// published labels; the pixels differ a little, and so does the checksum.
fn pictures_of(files: &FileSet, locations: &Locations) -> Option<PathBuf> {
    let roots = locations.roots().iter().filter(|_| files.format == Format::Cifar);
    roots.map(|root| root.path.join("cifar10-jpeg")).find(|folder| folder.is_dir())
}

/// Whether a file is known to be the one of this set. The training labels
/// suffice: they are small, and differ between the sets.
fn proves(path: &Path, info: &FileInfo) -> Result<bool, DataError> {
    let sum = hash::of_file(path).map_err(DataError::io(path, crate::error::Action::Read))?;
    if sum == info.sha256 || Some(sum.as_str()) == info.content_sha256 {
        return Ok(true);
    }
    let Some(content) = info.content_sha256 else { return Ok(false) };
    // A damaged file proves nothing; it is no error to pass it over.
    Ok(idx::unpacked(path, info.content_size).is_ok_and(|bytes| hash::of_bytes(&bytes) == content))
}

/// Names of the four files, unpacked.
pub(crate) const FILE_NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// The four files in a folder, unpacked before packed, or what is missing.
fn in_folder(folder: &Path) -> Result<[PathBuf; 4], Vec<&'static str>> {
    let paths = FILE_NAMES.map(|name| in_folder_one(folder, name));
    match paths {
        [Some(a), Some(b), Some(c), Some(d)] => Ok([a, b, c, d]),
        some => Err(FILE_NAMES.into_iter().zip(some).filter(|(_, p)| p.is_none()).map(|(n, _)| n).collect()),
    }
}

/// A file in a folder, unpacked before packed.
pub(crate) fn in_folder_one(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{name}.gz"))].into_iter().find(|path| path.is_file())
}

fn load_files(found: &Found, set: Option<&SetInfo>, name: &str) -> Result<Split, DataError> {
    let [train_images, train_labels, test_images, test_labels] = found.files.as_slice() else {
        unreachable!("IDX sets have four files")
    };
    let train = Part::read(train_images, train_labels, set.map(|s| (s.train_len, s)))?;
    let test = Part::read(test_images, test_labels, set.map(|s| (s.test_len, s)))?;
    let size = |part: &Part| [part.images.rows, part.images.cols];
    if size(&train) != size(&test) {
        let (train, test) = (size(&train), size(&test));
        return Err(DataError::ImageSizes { folder: found.folder.clone(), train, test });
    }
    let largest = train.labels.iter().copied().max().unwrap_or(0);
    let classes = set.map_or(usize::from(largest) + 1, |s| s.classes);
    Ok(Split {
        train: train.into_dataset(format!("{name}/train"), train_labels, classes)?,
        test: test.into_dataset(format!("{name}/test"), test_labels, classes)?,
    })
}

/// Images with their labels.
struct Part {
    images: Images,
    labels: Vec<u8>,
}

impl Part {
    fn read(
        images_at: &Path,
        labels_at: &Path,
        expected: Option<(usize, &SetInfo)>,
    ) -> Result<Self, DataError> {
        let labels = idx::read_labels(labels_at)?;
        let images = idx::read_images(images_at)?;
        let fail = |file: &Path, problem| Err(DataError::Idx { file: file.to_owned(), problem });
        if let Some((len, set)) = expected {
            let got = [images.rows, images.cols];
            let side = [set.dims[1], set.dims[2]];
            if got != side {
                return fail(images_at, IdxProblem::ImageSize { expected: side, got });
            }
            for (file, got) in [(images_at, images.count), (labels_at, labels.len())] {
                if got != len {
                    return fail(file, IdxProblem::Count { expected: len, got });
                }
            }
        }
        if images.count != labels.len() {
            return Err(DataError::CountMismatch {
                images: images_at.to_owned(),
                image_count: images.count,
                labels: labels_at.to_owned(),
                label_count: labels.len(),
            });
        }
        Ok(Part { images, labels })
    }

    fn into_dataset(self, name: String, labels_at: &Path, classes: usize) -> Result<Dataset, DataError> {
        let labels = idx::check_labels(labels_at, &self.labels, classes)?;
        let shape = Shape::from([1, self.images.rows, self.images.cols]);
        let inputs = Inputs::U8 { data: self.images.pixels, divisor: 255 };
        Dataset::new(name, shape, classes, inputs, Targets::Classes(labels))
    }
}

#[cfg(test)]
mod tests;
