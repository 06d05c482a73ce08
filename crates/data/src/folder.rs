//! Pictures in folders named after their classes, on the disk or in an archive.
//!
//! `train/CLASS/….jpg` and `test/CLASS/….jpg` (or `val`, `valid`,
//! `validation`), or only `CLASS/….jpg`: then a fifth of each class is tested
//! on, chosen as the first ones of the permutation that seed 0 draws in stream
//! `Split` at step 0 and node = class. Folders around all of that, folders
//! inside a class, hidden files and files that are no pictures do not matter.
//!
//! Classes are numbered in the order of their names. Classes take turns, the
//! pictures of a class come in the order of their paths: nothing depends on the
//! file system, and every prefix is balanced. Pictures are decoded on all
//! cores, each into its own place.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use kobai_engine::{Rng, Shape, Stream};
use kobai_kernels::Pool;

use crate::archive::{self, Member};
use crate::dataset::{Dataset, Inputs, Split, Targets};
use crate::error::{Action, DataError, FolderProblem, ImageProblem};
use crate::idx::MAX_BYTES;
use crate::image::{CHANNELS, Image, decode};

/// Folders inside each other that are followed.
const MAX_DEPTH: usize = 8;

/// A picture that is still packed.
struct Packed {
    /// Folders and file name.
    path: Vec<String>,
    at: Place,
}

enum Place {
    Disk(PathBuf),
    Memory(Vec<u8>),
}

/// Pictures with the number of their class.
type Part = Vec<(u32, Packed)>;

/// Loads a folder or a tar archive of pictures. With `side`, every picture is
/// brought to that shorter side and cut to a square in the middle; without, all
/// must have the same size.
///
/// # Errors
/// [`DataError::Io`], [`DataError::Archive`], [`DataError::Pictures`] if the
/// folders do not make a data set, [`DataError::Image`] with the first picture
/// (in the order of the data set) that cannot be used.
pub fn load(path: &Path, side: Option<usize>) -> Result<Split, DataError> {
    let mut found = Vec::new();
    if path.is_dir() {
        walk(path, &mut Vec::new(), &mut found)?;
    } else {
        found = archive::members(path, is_picture)?.into_iter().map(packed).collect();
    }
    assemble(path, found, side)
}

/// From the files of an archive.
pub(crate) fn from_members(path: &Path, members: Vec<Member>) -> Result<Split, DataError> {
    assemble(path, members.into_iter().filter(|m| is_picture(&m.path)).map(packed).collect(), None)
}

fn packed(member: Member) -> Packed {
    let path = member.path.split('/').filter(|p| !p.is_empty() && *p != ".").map(str::to_owned).collect();
    Packed { path, at: Place::Memory(member.bytes) }
}

/// Whether a path is that of a picture: by its ending; hidden files are none.
pub(crate) fn is_picture(path: &str) -> bool {
    let mut parts = path.split('/').filter(|p| !p.is_empty() && *p != ".").rev();
    let name = parts.next().unwrap_or_default().to_lowercase();
    [".jpg", ".jpeg", ".png"].iter().any(|end| name.ends_with(end))
        && !name.starts_with('.')
        && parts.all(|folder| !folder.starts_with('.') && folder != "__MACOSX")
}

fn walk(folder: &Path, path: &mut Vec<String>, found: &mut Vec<Packed>) -> Result<(), DataError> {
    for entry in fs::read_dir(folder).map_err(DataError::io(folder, Action::Read))? {
        let entry = entry.map_err(DataError::io(folder, Action::Read))?.path();
        let name = entry.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        path.push(name);
        if entry.is_dir() {
            if path.len() < MAX_DEPTH {
                walk(&entry, path, found)?;
            }
        } else if is_picture(&path[path.len() - 1]) {
            found.push(Packed { path: path.clone(), at: Place::Disk(entry) });
        }
        path.pop();
    }
    Ok(())
}

/// What a folder's name says about the part that it holds.
fn role(name: &str) -> Option<&'static str> {
    match name.to_lowercase().as_str() {
        "train" | "training" => Some("train"),
        "test" | "testing" => Some("test"),
        "val" | "valid" | "validation" => Some("val"),
        _ => None,
    }
}

fn assemble(root: &Path, mut found: Vec<Packed>, side: Option<usize>) -> Result<Split, DataError> {
    let fail = |problem| DataError::Pictures { folder: root.to_owned(), problem };
    found.sort_by(|a, b| a.path.cmp(&b.path));
    unwrap_folders(&mut found);
    if found.is_empty() {
        return Err(fail(FolderProblem::NoPictures));
    }
    let parted = found.iter().all(|p| p.path.len() > 1 && role(&p.path[0]).is_some());
    let depth = usize::from(parted);
    if let Some(stray) = found.iter().find(|p| p.path.len() < depth + 2) {
        return Err(fail(FolderProblem::NoClass { file: stray.path.join("/") }));
    }
    let (mut learn, mut test, mut validate) = (Vec::new(), Vec::new(), Vec::new());
    for picture in found {
        match role(&picture.path[0]).filter(|_| parted) {
            None | Some("train") => learn.push(picture),
            Some("test") => test.push(picture),
            Some(_) => validate.push(picture),
        }
    }
    if test.is_empty() {
        test = validate;
    }
    let mut classes: Vec<String> = learn.iter().map(|p| p.path[depth].clone()).collect();
    classes.sort();
    classes.dedup();
    if classes.len() < 2 {
        return Err(fail(FolderProblem::OneClass { class: classes.pop().unwrap_or_default() }));
    }
    let number = |pictures: Vec<Packed>| -> Result<Part, DataError> {
        let class = |p: Packed| match classes.binary_search(&p.path[depth]) {
            Ok(class) => Ok((class as u32, p)),
            Err(_) => Err(fail(FolderProblem::UnknownClass { class: p.path[depth].clone() })),
        };
        pictures.into_iter().map(class).collect()
    };
    let (mut learn, mut test) = (number(learn)?, number(test)?);
    if test.is_empty() {
        (learn, test) = fifth(learn, classes.len());
    }
    if test.is_empty() {
        return Err(fail(FolderProblem::NothingToTest));
    }
    let count = learn.len();
    let all: Part = in_turns(learn).into_iter().chain(in_turns(test)).collect();
    let (height, width, mut pixels) = decode_all(root, &all, side)?;
    let rest = pixels.split_off(count * height * width * CHANNELS);
    let name = root.file_name().map_or_else(|| "folder".into(), |n| n.to_string_lossy().into_owned());
    let name = name.split('.').next().filter(|n| !n.is_empty()).unwrap_or("folder").to_owned();
    let dataset = |part: &str, pixels, pictures: &[(u32, Packed)]| {
        let labels = Targets::Classes(pictures.iter().map(|(class, _)| *class).collect());
        let inputs = Inputs::U8 { data: pixels, divisor: 255 };
        let shape = Shape::from([CHANNELS, height, width]);
        Dataset::new(format!("{name}/{part}"), shape, classes.len(), inputs, labels)
            .map(|set| set.with_class_names(classes.clone()))
    };
    Ok(Split { train: dataset("train", pixels, &all[..count])?, test: dataset("test", rest, &all[count..])? })
}

/// Takes off folders that all pictures share, as long as a class is left.
fn unwrap_folders(found: &mut [Packed]) {
    while let Some(first) = found.first().map(|p| p.path[0].clone()) {
        let shared = found.iter().all(|p| p.path[0] == first && p.path.len() > 2);
        if !shared || role(&first).is_some() {
            return;
        }
        found.iter_mut().for_each(|p| drop(p.path.remove(0)));
    }
}

/// Sets a fifth of each class aside; at least one if there are two.
fn fifth(learn: Part, classes: usize) -> (Part, Part) {
    let mut tested = vec![false; learn.len()];
    for class in 0..classes as u32 {
        let members: Vec<usize> = (0..learn.len()).filter(|&i| learn[i].0 == class).collect();
        let quota = if members.len() < 2 { 0 } else { (members.len() / 5).max(1) };
        let draw = Rng::new(0).draw(Stream::Split, 0, class);
        for &pick in &draw.permutation(members.len() as u32)[..quota] {
            tested[members[pick as usize]] = true;
        }
    }
    let (test, learn): (Vec<_>, Vec<_>) = learn.into_iter().zip(tested).partition(|(_, tested)| *tested);
    let strip = |part: Vec<((u32, Packed), bool)>| part.into_iter().map(|(picture, _)| picture).collect();
    (strip(learn), strip(test))
}

/// The first picture of every class, then the second of every class, and so on.
fn in_turns(part: Part) -> Part {
    let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
    let mut all: Vec<_> = part
        .into_iter()
        .map(|(class, picture)| {
            let turn = seen.entry(class).or_default();
            *turn += 1;
            (*turn, class, picture)
        })
        .collect();
    all.sort_by_key(|(turn, class, _)| (*turn, *class));
    all.into_iter().map(|(_, class, picture)| (class, picture)).collect()
}

/// Height, width, and all pixels, picture after picture.
fn decode_all(
    root: &Path,
    pictures: &[(u32, Packed)],
    side: Option<usize>,
) -> Result<(usize, usize, Vec<u8>), DataError> {
    let first = open(root, &pictures[0].1, side)?;
    let (height, width) = (first.height, first.width);
    let size = height * width * CHANNELS;
    let bytes = size as u64 * pictures.len() as u64;
    if bytes > MAX_BYTES {
        let problem = FolderProblem::TooLarge { bytes, limit: MAX_BYTES };
        return Err(DataError::Pictures { folder: root.to_owned(), problem });
    }
    let mut pixels = vec![0; bytes as usize];
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // The error that is told is the first one in the order of the data set.
    let failed: Mutex<Option<(usize, DataError)>> = Mutex::new(None);
    Pool::new(threads).chunks_mut(&mut pixels, size, |i, place| {
        let picture = open(root, &pictures[i].1, side).and_then(|image| {
            if (image.height, image.width) == (height, width) {
                return Ok(image);
            }
            Err(DataError::Image {
                file: name_of(root, &pictures[i].1),
                problem: ImageProblem::Size { expected: [height, width], got: [image.height, image.width] },
            })
        });
        match picture {
            Ok(image) => place.copy_from_slice(&image.pixels),
            Err(error) => {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.as_ref().is_none_or(|(at, _)| i < *at) {
                    *failed = Some((i, error));
                }
            }
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok((height, width, pixels)),
    }
}

/// What a picture is called in an error.
fn name_of(root: &Path, picture: &Packed) -> PathBuf {
    match &picture.at {
        Place::Disk(file) => file.clone(),
        Place::Memory(_) => root.join(picture.path.join("/")),
    }
}

fn open(root: &Path, picture: &Packed, side: Option<usize>) -> Result<Image, DataError> {
    let read;
    let bytes = match &picture.at {
        Place::Memory(bytes) => bytes,
        Place::Disk(file) => {
            read = fs::read(file).map_err(DataError::io(file, Action::Read))?;
            &read
        }
    };
    let image = decode(bytes).and_then(|image| match side {
        Some(side) => Ok(image.resize_shorter(side)?.center_crop(side)),
        None => Ok(image),
    });
    image.map_err(|problem| DataError::Image { file: name_of(root, picture), problem })
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
