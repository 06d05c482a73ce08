use std::fs;
use std::path::Path;

use super::{is_picture, load};
use crate::archive::pack;
use crate::dataset::{Dataset, InputRef, TargetRef};
use crate::error::{DataError, FolderProblem, ImageProblem};
use crate::idx::tests::gz;
use crate::{Locations, registry};

/// An uncompressed way to a PNG would be long: `image` writes these.
fn png(height: u32, width: u32, colour: [u8; 3]) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_pixel(width, height, image::Rgb(colour));
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn write(root: &Path, files: &[(String, Vec<u8>)]) {
    for (path, bytes) in files {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
}

/// Class and first pixel of each example.
fn seen(set: &Dataset) -> Vec<(u32, [u8; 3])> {
    let one = |i| match set.example(i).map(|e| (e.input, e.target)) {
        Some((InputRef::U8 { data, divisor: 255 }, TargetRef::Class(class))) => {
            (class, [data[0], data[1], data[2]])
        }
        other => panic!("{other:?}"),
    };
    (0..set.len()).map(one).collect()
}

/// Two classes of three pictures each to learn from, one each to test on.
fn parted(around: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for (c, class) in ["zebra", "ant"].into_iter().enumerate() {
        for i in 0..3 {
            files.push((format!("{around}train/{class}/{i}.png"), png(4, 5, [c as u8, i, 9])));
        }
        files.push((format!("{around}test/{class}/0.PNG"), png(4, 5, [c as u8, 7, 9])));
    }
    files.push((format!("{around}train/ant/notes.txt"), b"no picture".to_vec()));
    files.push((format!("{around}train/ant/._0.png"), b"no picture".to_vec()));
    files.push((format!("{around}.hidden/x/0.png"), b"no picture".to_vec()));
    files
}

fn expect_parted(split: &crate::Split) {
    assert_eq!(split.train.shape().dims(), [3, 4, 5]);
    assert_eq!(split.train.class_names(), ["ant", "zebra"]);
    let learn = [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)];
    assert_eq!(seen(&split.train), learn.map(|(class, i)| (class, [1 - class as u8, i, 9])));
    assert_eq!(seen(&split.test), [(0, [1, 7, 9]), (1, [0, 7, 9])]);
}

#[test]
fn folders_and_archives_are_the_same_set() {
    let dir = tempfile::tempdir().unwrap();
    let sums = ["", "set/", "a/bc/"].map(|around| {
        let files = parted(around);
        let root = dir.path().join(format!("own{}", around.len()));
        write(&root, &files);
        let split = load(&root, None).unwrap();
        expect_parted(&split);
        // In another order, and with a leading "./".
        let dotted: Vec<(String, &[u8])> =
            files.iter().rev().map(|(p, b)| (format!("./{p}"), b.as_slice())).collect();
        let members: Vec<(&str, &[u8])> = dotted.iter().map(|(p, b)| (p.as_str(), *b)).collect();
        let archive = root.with_extension("tar.gz");
        fs::write(&archive, gz(&pack(&members))).unwrap();
        assert_eq!(load(&archive, None).unwrap(), split);
        // As a user gives it, and as a folder around the archive.
        let given = |path: &Path| registry::load(path.to_str().unwrap(), &Locations::none()).unwrap();
        assert_eq!(given(&archive), split);
        let inside = dir.path().join(format!("around{}", around.len()));
        fs::create_dir(&inside).unwrap();
        fs::rename(&archive, inside.join("own.tgz")).unwrap();
        assert_eq!(seen(&given(&inside).train), seen(&split.train));
        split.train.checksum()
    });
    assert!(sums[0] == sums[1] && sums[1] == sums[2]);
}

#[test]
fn a_fifth_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (class, n) in [("a", 20), ("b", 11), ("c", 2), ("d", 1)] {
        for i in 0..n {
            files.push((format!("{class}/deep/{i:02}.png"), png(2, 2, [class.as_bytes()[0], i, 0])));
        }
    }
    write(dir.path(), &files);
    let split = load(dir.path(), None).unwrap();
    let (train, test) = (seen(&split.train), seen(&split.test));
    let counts = |seen: &[(u32, [u8; 3])]| [0, 1, 2, 3].map(|c| seen.iter().filter(|s| s.0 == c).count());
    assert_eq!((counts(&train), counts(&test)), ([16, 9, 1, 1], [4, 2, 1, 0]));
    let mut all: Vec<_> = train.iter().chain(&test).map(|s| s.1).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 34, "a picture is in both parts");
    // Part of the numbers contract.
    let picked: Vec<u8> = test.iter().filter(|s| s.0 == 0).map(|s| s.1[1]).collect();
    assert_eq!(load(dir.path(), None).unwrap(), split);
    assert!(picked.windows(2).all(|p| p[0] < p[1]), "{picked:?}");
}

#[test]
fn sizes_must_agree_or_be_made_equal() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = parted("");
    files[6].1 = png(9, 6, [3, 3, 3]);
    write(dir.path(), &files);
    match load(dir.path(), None).unwrap_err() {
        DataError::Image { file, problem: ImageProblem::Size { expected: [4, 5], got: [9, 6] } } => {
            assert!(file.ends_with("train/ant/2.png"), "{file:?}");
        }
        other => panic!("{other}"),
    }
    let split = load(dir.path(), Some(3)).unwrap();
    assert_eq!(split.train.shape().dims(), [3, 3, 3]);
    assert_eq!(seen(&split.train)[4], (0, [3, 3, 3]));
    // The first bad picture in the order of the set is told, however many there are.
    files[0].1 = b"bad".to_vec();
    files[5].1 = b"bad".to_vec();
    write(dir.path(), &files);
    for _ in 0..5 {
        match load(dir.path(), Some(3)).unwrap_err() {
            DataError::Image { file, .. } => assert!(file.ends_with("train/zebra/0.png"), "{file:?}"),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn what_makes_no_data_set() {
    let problem = |paths: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let files: Vec<_> = paths.iter().map(|p| ((*p).to_owned(), png(2, 2, [1; 3]))).collect();
        write(dir.path(), &files);
        match load(dir.path(), None) {
            Err(DataError::Pictures { problem, .. }) => problem,
            other => panic!("{other:?}"),
        }
    };
    use FolderProblem as P;
    assert_eq!(problem(&[]), P::NoPictures);
    assert_eq!(problem(&["a.png", "b.png"]), P::NoClass { file: "a.png".into() });
    assert_eq!(problem(&["a/1.png", "b/2.png", "c.png"]), P::NoClass { file: "c.png".into() });
    assert_eq!(problem(&["train/1.png", "train/a/2.png"]), P::NoClass { file: "train/1.png".into() });
    assert_eq!(problem(&["a/1.png", "a/2.png"]), P::OneClass { class: "a".into() });
    assert_eq!(
        problem(&["train/a/1.png", "train/b/1.png", "val/c/1.png"]),
        P::UnknownClass { class: "c".into() }
    );
    assert_eq!(problem(&["a/1.png", "b/1.png"]), P::NothingToTest);
    // Nothing but a stray file: told with everything that would do.
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("table.csv"), "1,2").unwrap();
    for path in [dir.path().to_owned(), dir.path().join("table.csv")] {
        let error = registry::load(path.to_str().unwrap(), &Locations::none()).unwrap_err();
        assert!(matches!(error, DataError::Pictures { problem: P::NoPictures, .. }), "{error}");
    }
}

#[test]
fn what_counts_as_a_picture() {
    assert!(is_picture("a/b.jpg") && is_picture("./a/B.JPEG") && is_picture("b.png"));
    assert!(!is_picture("a/.b.jpg") && !is_picture("__MACOSX/a/b.jpg") && !is_picture(".git/b.png"));
    assert!(!is_picture("a/b.txt") && !is_picture("png"));
}
