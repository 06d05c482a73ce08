//! CIFAR-10's binary version: 32×32 pixels in colour, ten classes.
//!
//! Each record is one byte for the class, then 1024 bytes each of red, green
//! and blue, row after row. Five files to learn from, one to test on, packed
//! in one archive. Source: the page of the data set (Krizhevsky).
//!
//! In memory the colours of a pixel lie side by side ([`crate::dataset`]).
//! Deliberately not here: the versions for Python and Matlab, which hold the
//! same pictures; CIFAR-100.

use std::fs;
use std::path::{Path, PathBuf};

use kobai_engine::Shape;

use crate::archive;
use crate::dataset::{Dataset, Inputs, Split, Targets};
use crate::error::{Action, DataError, IdxProblem};
use crate::idx::MAX_BYTES;

/// Height and width.
pub const SIDE: usize = 32;
/// Number of classes.
pub const CLASSES: usize = 10;
/// Bytes of a record.
pub const RECORD: usize = 1 + 3 * SIDE * SIDE;
/// The files; the last one is tested on.
pub const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];
/// The folder in the archive.
pub(crate) const FOLDER: &str = "cifar-10-batches-bin";

/// Whether a path ends in the name of one of the files.
pub(crate) fn is_file(path: &str) -> bool {
    FILES.contains(&path.rsplit('/').next().unwrap_or(path))
}

/// The six files below a folder, directly or as they are unpacked.
pub(crate) fn in_folder(folder: &Path) -> Option<Vec<PathBuf>> {
    [folder.to_owned(), folder.join(FOLDER)].into_iter().find_map(|at| {
        let files: Vec<PathBuf> = FILES.iter().map(|name| at.join(name)).collect();
        files.iter().all(|file| file.is_file()).then_some(files)
    })
}

/// Reads the archive, or the six files in the order of [`FILES`].
///
/// # Errors
/// [`DataError::Io`], [`DataError::Archive`] if it is no archive,
/// [`DataError::Incomplete`] if it lacks one of the files, [`DataError::Idx`] if
/// a file is no whole number of records or has a class above 9.
pub fn load(files: &[PathBuf], name: &str) -> Result<Split, DataError> {
    if let [file] = files {
        let members = archive::members(file, is_file)?;
        return from_members(file, members, name);
    }
    let mut raw = Vec::with_capacity(files.len());
    for file in files {
        let size = fs::metadata(file).map_err(DataError::io(file, Action::Read))?.len();
        if size > MAX_BYTES {
            let problem = IdxProblem::TooLarge { extents: Vec::new(), limit: MAX_BYTES };
            return Err(DataError::Idx { file: file.clone(), problem });
        }
        raw.push((file.clone(), fs::read(file).map_err(DataError::io(file, Action::Read))?));
    }
    split(raw, name)
}

/// From the files of an archive.
pub(crate) fn from_members(
    file: &Path,
    mut members: Vec<archive::Member>,
    name: &str,
) -> Result<Split, DataError> {
    let (mut raw, mut missing) = (Vec::new(), Vec::new());
    for wanted in FILES {
        match members.iter().position(|m| m.path.rsplit('/').next() == Some(wanted)) {
            Some(at) => raw.push((file.join(wanted), members.swap_remove(at).bytes)),
            None => missing.push(wanted),
        }
    }
    if !missing.is_empty() {
        return Err(DataError::Incomplete { folder: file.to_owned(), files: missing });
    }
    split(raw, name)
}

fn split(mut files: Vec<(PathBuf, Vec<u8>)>, name: &str) -> Result<Split, DataError> {
    let test = files.pop().into_iter().collect();
    Ok(Split { train: part(format!("{name}/train"), files)?, test: part(format!("{name}/test"), test)? })
}

fn part(name: String, files: Vec<(PathBuf, Vec<u8>)>) -> Result<Dataset, DataError> {
    let total: usize = files.iter().map(|(_, raw)| raw.len() / RECORD).sum();
    let (mut data, mut classes) = (Vec::with_capacity(total * (RECORD - 1)), Vec::with_capacity(total));
    for (file, raw) in files {
        let fail = |problem| Err(DataError::Idx { file: file.clone(), problem });
        if raw.is_empty() {
            return fail(IdxProblem::Empty { extents: vec![0, RECORD as u32] });
        }
        if raw.len() % RECORD != 0 {
            let expected = raw.len().next_multiple_of(RECORD) as u64;
            return fail(IdxProblem::Truncated { expected, got: raw.len() as u64 });
        }
        for (index, record) in raw.chunks_exact(RECORD).enumerate() {
            let label = record[0];
            if usize::from(label) >= CLASSES {
                return fail(IdxProblem::Label { index, label, classes: CLASSES });
            }
            classes.push(u32::from(label));
            let (red, rest) = record[1..].split_at(SIDE * SIDE);
            let (green, blue) = rest.split_at(SIDE * SIDE);
            for ((r, g), b) in red.iter().zip(green).zip(blue) {
                data.extend_from_slice(&[*r, *g, *b]);
            }
        }
    }
    let inputs = Inputs::U8 { data, divisor: 255 };
    Dataset::new(name, Shape::from([3, SIDE, SIDE]), CLASSES, inputs, Targets::Classes(classes))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{CLASSES, FILES, FOLDER, RECORD, load};
    use crate::archive::pack;
    use crate::dataset::{InputRef, TargetRef};
    use crate::error::{DataError, IdxProblem};
    use crate::idx::tests::gz;

    /// Records whose pixel (y, x) is (7y + x, 100 + class, x) modulo 256.
    pub(crate) fn records(n: usize, first: usize) -> Vec<u8> {
        let mut raw = Vec::new();
        for i in first..first + n {
            let class = (i % CLASSES) as u8;
            raw.push(class);
            let places = || (0..32usize).flat_map(|y| (0..32usize).map(move |x| (y, x)));
            raw.extend(places().map(|(y, x)| (7 * y + x) as u8));
            raw.extend(places().map(|_| 100 + class));
            raw.extend(places().map(|(_, x)| x as u8));
        }
        raw
    }

    #[test]
    fn archive_and_folder_are_the_same_set() {
        let dir = tempfile::tempdir().unwrap();
        let inside: Vec<(String, Vec<u8>)> = FILES
            .iter()
            .enumerate()
            .map(|(i, name)| (format!("{FOLDER}/{name}"), records(2 + i, i)))
            .collect();
        // Not in the order of the files.
        let files: Vec<(&str, &[u8])> =
            inside.iter().rev().map(|(p, b)| (p.as_str(), b.as_slice())).collect();
        let archive = dir.path().join("cifar-10-binary.tar.gz");
        std::fs::write(&archive, gz(&pack(&files))).unwrap();
        std::fs::create_dir(dir.path().join(FOLDER)).unwrap();
        for (path, bytes) in &inside {
            std::fs::write(dir.path().join(path), bytes).unwrap();
        }
        let a = load(&[archive], "c").unwrap();
        let b = load(&super::in_folder(dir.path()).unwrap(), "c").unwrap();
        assert_eq!(a, b);
        assert_eq!((a.train.len(), a.test.len()), (2 + 3 + 4 + 5 + 6, 7));
        assert_eq!(a.train.shape().dims(), [3, 32, 32]);
        // The third example is the first one of the second file: class 1.
        let example = a.train.example(2).unwrap();
        assert_eq!(example.target, TargetRef::Class(1));
        let InputRef::U8 { data, divisor: 255 } = example.input else { panic!("bytes") };
        for (i, pixel) in data.chunks_exact(3).enumerate() {
            let (y, x) = (i / 32, i % 32);
            assert_eq!(pixel, [(7 * y + x) as u8, 101, x as u8]);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let try_with = |spoil: &dyn Fn(usize, &mut Vec<u8>)| {
            let mut files = Vec::new();
            for (i, name) in FILES.iter().enumerate() {
                let mut raw = records(2, i);
                spoil(i, &mut raw);
                let file = dir.path().join(name);
                std::fs::write(&file, raw).unwrap();
                files.push(file);
            }
            load(&files, "c")
        };
        assert!(try_with(&|_, _| {}).is_ok());
        let problem = |i: usize, spoil: fn(&mut Vec<u8>)| match try_with(&|j, raw| {
            if i == j {
                spoil(raw);
            }
        }) {
            Err(DataError::Idx { file, problem }) => {
                assert!(file.ends_with(FILES[i]), "{file:?}");
                problem
            }
            other => panic!("{other:?}"),
        };
        assert!(matches!(
            problem(5, |raw| raw.truncate(5000)),
            IdxProblem::Truncated { expected: 6146, got: 5000 }
        ));
        assert!(matches!(
            problem(2, |raw| raw[RECORD] = 10),
            IdxProblem::Label { index: 1, label: 10, classes: 10 }
        ));
        assert!(matches!(problem(0, Vec::clear), IdxProblem::Empty { .. }));

        let archive = dir.path().join("a.tar");
        std::fs::write(&archive, pack(&[("data_batch_1.bin", &records(1, 0))])).unwrap();
        assert!(
            matches!(load(&[archive], "c"), Err(DataError::Incomplete { files, .. }) if files.len() == 5)
        );
        let archive = dir.path().join("b.tar.gz");
        std::fs::write(&archive, [0x1f, 0x8b, 0, 0, 0]).unwrap();
        assert!(matches!(load(&[archive], "c"), Err(DataError::Archive { .. })));
    }
}
