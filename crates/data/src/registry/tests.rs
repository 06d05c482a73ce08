use std::fs;
use std::path::{Path, PathBuf};

use kobai_engine::Lang;

use super::{FILE_NAMES, Format, SETS, Source, info, load, load_folder, set};
use crate::dataset::Inputs;
use crate::error::{DataError, IdxProblem};
use crate::idx::tests::{gz, idx};
use crate::idx::{MAGIC_IMAGES, MAGIC_LABELS};
use crate::locate::Locations;
use crate::verify::{Verdict, verify};

/// A small folder of IDX files: 2×3 images, labels 0, 1, 2, 0, ….
fn folder(at: &Path, train: u32, test: u32, packed: bool) {
    fs::create_dir_all(at).unwrap();
    for (name, n) in FILE_NAMES.into_iter().zip([train, train, test, test]) {
        let raw = if name.contains("images") {
            let pixels: Vec<u8> = (0..n * 6).map(|i| (i % 251) as u8).collect();
            idx(MAGIC_IMAGES, &[n, 2, 3], &pixels)
        } else {
            let labels: Vec<u8> = (0..n).map(|i| (i % 3) as u8).collect();
            idx(MAGIC_LABELS, &[n], &labels)
        };
        if packed {
            fs::write(at.join(format!("{name}.gz")), gz(&raw)).unwrap();
        } else {
            fs::write(at.join(name), raw).unwrap();
        }
    }
}

fn path(at: &Path) -> &str {
    at.to_str().unwrap()
}

#[test]
fn the_table_is_consistent() {
    let mut names = std::collections::BTreeSet::new();
    for set in SETS {
        assert!(names.insert(set.id), "{} twice", set.id);
        for alias in set.aliases {
            assert!(names.insert(alias), "{alias} twice");
        }
        assert!(!set.title(Lang::En).is_empty() && !set.title(Lang::Ja).is_ascii(), "{}", set.id);
        assert!(!set.licence.is_empty() && !set.attribution.is_empty());
        for lang in [Lang::En, Lang::Ja] {
            let names = set.class_names(lang).len();
            assert!(names == 0 || names == set.classes, "{}", set.id);
        }
        let Source::Files(files) = &set.source else {
            let split = load(set.id, &Locations::none()).unwrap();
            assert_eq!((split.train.len(), split.test.len()), (set.train_len, set.test_len), "{}", set.id);
            assert_eq!(
                (split.train.shape(), split.train.classes()),
                (set.shape(), set.classes),
                "{}",
                set.id
            );
            continue;
        };
        for (i, file) in files.files.iter().enumerate() {
            let name = if files.format == Format::Idx { FILE_NAMES[i] } else { "cifar-10-binary.tar" };
            assert_eq!(file.name, name);
            for sum in [Some(file.sha256), file.content_sha256].into_iter().flatten() {
                assert!(sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()), "{sum}");
            }
            let wanted = file.wanted(files);
            assert_eq!(wanted.urls.len(), files.mirrors.len());
            assert!(wanted.urls.iter().all(|u| u.ends_with(&format!("/{name}.gz"))), "{:?}", wanted.urls);
        }
        let sizes: Vec<u64> = files.files.iter().map(|f| f.content_size).collect();
        match files.format {
            Format::Idx => assert_eq!(sizes, [47_040_016, 60_008, 7_840_016, 10_008]),
            Format::Cifar => assert_eq!(sizes, [0]),
        }
    }
}

#[test]
fn names_are_forgiving_but_not_vague() {
    assert_eq!(set("MNIST").unwrap().id, "mnist");
    assert_eq!(set("Fashion_MNIST").unwrap().id, "fashion-mnist");
    assert_eq!(set("FashionMNIST").unwrap().id, "fashion-mnist");
    let near = |name| match load(name, &Locations::none()) {
        Err(DataError::UnknownSet { nearest, .. }) => nearest,
        other => panic!("{other:?}"),
    };
    assert_eq!(near("mnst"), Some("mnist"));
    assert_eq!(near("checkerbord"), Some("checkerboard"));
    assert_eq!(near("imagenet"), None);
}

#[test]
fn a_folder_is_loaded_plain_or_packed() {
    let dir = tempfile::tempdir().unwrap();
    for packed in [false, true] {
        let at = dir.path().join(format!("own-{packed}"));
        folder(&at, 7, 4, packed);
        let split = load(path(&at), &Locations::none()).unwrap();
        assert_eq!((split.train.len(), split.test.len(), split.train.classes()), (7, 4, 3));
        assert_eq!(split.train.shape().dims(), [1, 2, 3]);
        assert_eq!(split.test.name(), format!("own-{packed}/test"));
        let Inputs::U8 { data, divisor: 255 } = split.train.inputs() else { panic!("bytes") };
        assert!(data.iter().copied().eq((0..42).map(|i| i as u8)));
    }
    let gone = dir.path().join("gone");
    assert!(
        matches!(load(path(&gone), &Locations::none()), Err(DataError::Incomplete { files, .. }) if files.len() == 4)
    );
}

#[test]
fn a_folder_with_mistakes() {
    let dir = tempfile::tempdir().unwrap();
    let spoil = |name: &str, file: usize, raw: &[u8]| {
        let at = dir.path().join(name);
        folder(&at, 7, 4, false);
        fs::write(at.join(FILE_NAMES[file]), raw).unwrap();
        load_folder(&at).unwrap_err()
    };
    assert!(matches!(
        spoil("counts", 1, &idx(MAGIC_LABELS, &[3], &[0, 1, 2])),
        DataError::CountMismatch { image_count: 7, label_count: 3, .. }
    ));
    // A class that is only tested on was never learnt.
    assert!(matches!(
        spoil("range", 3, &idx(MAGIC_LABELS, &[4], &[0, 1, 2, 3])),
        DataError::Idx { problem: IdxProblem::Label { index: 3, label: 3, classes: 3 }, .. }
    ));
    assert!(matches!(
        spoil("sizes", 2, &idx(MAGIC_IMAGES, &[4, 3, 3], &[0; 36])),
        DataError::ImageSizes { train: [2, 3], test: [3, 3], .. }
    ));
    let at = dir.path().join("lacking");
    folder(&at, 7, 4, false);
    fs::remove_file(at.join(FILE_NAMES[3])).unwrap();
    match load_folder(&at).unwrap_err() {
        DataError::Incomplete { files, .. } => assert_eq!(files, [FILE_NAMES[3]]),
        other => panic!("{other}"),
    }
}

/// Under the name of a set, only that set's sizes are accepted.
#[test]
fn a_named_set_must_have_its_sizes() {
    let dir = tempfile::tempdir().unwrap();
    folder(&dir.path().join("mnist"), 7, 4, true);
    let error = load("mnist", &Locations::only(dir.path())).unwrap_err();
    assert!(matches!(
        error,
        DataError::Idx { problem: IdxProblem::ImageSize { expected: [28, 28], got: [2, 3] }, .. }
    ));
}

/// MNIST, Fashion-MNIST and KMNIST share their file names. Files that lie
/// right below a root are not taken for a set that they may not be.
#[test]
fn anonymous_files_must_prove_themselves() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path(), 7, 4, true);
    for name in ["mnist", "fashion-mnist", "kmnist"] {
        match load(name, &Locations::only(dir.path())).unwrap_err() {
            DataError::Missing { set, searched, unconfirmed } => {
                assert_eq!((set, searched.len(), unconfirmed), (name, 2, vec![dir.path().to_owned()]));
            }
            other => panic!("{other}"),
        }
    }
    let none = load("kmnist", &Locations::none()).unwrap_err();
    assert!(matches!(none, DataError::Missing { searched, .. } if searched.is_empty()));
}

#[test]
fn torchvisions_folder_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let raw = dir.path().join("KMNIST").join("raw");
    folder(&raw, 7, 4, true);
    let places = Locations::new(None, None, None, Some(dir.path().to_owned()));
    let info = info("kmnist", &places).unwrap();
    assert_eq!(info.found.unwrap().folder, raw);
    assert_eq!(info.download_folder, None::<PathBuf>);
}

#[test]
fn verify_reports_every_file() {
    let dir = tempfile::tempdir().unwrap();
    let places = Locations::only(dir.path());
    let report = verify("mnist", &places).unwrap();
    assert!(report.files.len() == 4 && report.files.iter().all(|f| matches!(f.verdict, Verdict::Missing)));
    assert!(matches!(report.into_result(), Err(DataError::Incomplete { files, .. }) if files.len() == 4));

    let at = dir.path().join("mnist");
    folder(&at, 7, 4, true);
    fs::write(at.join("t10k-labels-idx1-ubyte.gz"), [0x1f, 0x8b, 0, 0]).unwrap();
    // The right form, other content.
    fs::write(at.join("train-labels-idx1-ubyte.gz"), gz(&idx(MAGIC_LABELS, &[60_000], &[1; 60_000])))
        .unwrap();
    let report = verify("mnist", &places).unwrap();
    assert!(!report.is_ok() && report.files.iter().all(|f| f.path.is_some() && f.size.is_some()));
    assert!(matches!(&report.files[0].verdict, Verdict::Damaged(DataError::Size { got: 58, .. })));
    assert!(matches!(&report.files[1].verdict, Verdict::Different { .. }));
    assert!(matches!(
        &report.files[3].verdict,
        Verdict::Damaged(DataError::Idx { problem: IdxProblem::Gzip { .. }, .. })
    ));
    assert!(report.into_result().is_err());

    // No hash of the content is known: proper files of the right size pass.
    let at = dir.path().join("kmnist");
    folder(&at, 7, 4, true);
    fs::write(at.join("train-labels-idx1-ubyte"), idx(MAGIC_LABELS, &[60_000], &[1; 60_000])).unwrap();
    let report = verify("kmnist", &places).unwrap();
    assert!(matches!(report.files[1].verdict, Verdict::Plausible));

    let digits = verify("digits", &Locations::none()).unwrap();
    assert!(digits.is_ok() && digits.files.is_empty());
}

/// Under the name of the set, CIFAR's records must be as many as upstream's;
/// at a path, any number will do.
#[test]
fn cifar_is_found_counted_and_verified() {
    use crate::cifar::{FILES, tests::records};
    let dir = tempfile::tempdir().unwrap();
    let places = Locations::only(dir.path());
    assert!(matches!(load("cifar10", &places), Err(DataError::Missing { .. })));
    assert!(matches!(verify("CIFAR-10", &places).unwrap().files[0].verdict, Verdict::Missing));
    let at = dir.path().join("cifar10").join("cifar-10-batches-bin");
    fs::create_dir_all(&at).unwrap();
    for name in FILES {
        fs::write(at.join(name), records(3, 0)).unwrap();
    }
    assert_eq!(info("cifar", &places).unwrap().found.unwrap().files.len(), 6);
    let error = load("cifar10", &places).unwrap_err();
    assert!(matches!(error, DataError::Idx { problem: IdxProblem::Count { expected: 50_000, got: 15 }, .. }));
    let report = verify("cifar10", &places).unwrap();
    assert!(matches!(report.files[0].verdict, Verdict::Damaged(_)) && !report.is_ok());
    for given in [&at, at.parent().unwrap()] {
        let split = load(path(given), &Locations::none()).unwrap();
        assert_eq!((split.train.len(), split.test.len()), (15, 3));
    }
    // As many as there should be, but whether upstream's is not known.
    let whole = dir.path().join("cifar-10");
    fs::create_dir(&whole).unwrap();
    for name in FILES {
        fs::write(whole.join(name), vec![0; 10_000 * crate::cifar::RECORD]).unwrap();
    }
    fs::remove_dir_all(at).unwrap();
    assert_eq!(load("cifar10", &places).unwrap().test.len(), 10_000);
    assert!(matches!(verify("cifar10", &places).unwrap().files[0].verdict, Verdict::Plausible));
}

/// The same pictures as JPEG files stand in for the published archive, and are
/// counted too.
#[test]
fn cifar_is_found_as_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let places = Locations::only(dir.path());
    let mut png = Vec::new();
    let picture = image::RgbImage::new(32, 32);
    picture.write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
    for class in ["airplane", "automobile"] {
        let folder = dir.path().join("cifar10-jpeg/train").join(class);
        fs::create_dir_all(&folder).unwrap();
        for i in 0..5 {
            fs::write(folder.join(format!("{i}.png")), &png).unwrap();
        }
    }
    let found = info("cifar10", &places).unwrap().found.unwrap();
    assert_eq!((found.folder, found.files.len()), (dir.path().join("cifar10-jpeg"), 0));
    let error = load("cifar10", &places).unwrap_err();
    assert!(matches!(error, DataError::Idx { problem: IdxProblem::Count { expected: 50_000, got: 8 }, .. }));
}
