use std::io;

use kobai_engine::{Explain, Lang, Shape};

use super::{
    Action, DataError, DatasetProblem, FolderProblem, IdxProblem, ImageProblem, MirrorFailure, MirrorReason,
    WantedFile,
};

/// One of every variant.
fn all() -> Vec<DataError> {
    let broken = || io::Error::other("broken pipe");
    let idx = |problem| DataError::Idx { file: "f".into(), problem };
    let bad = |problem| DataError::Inconsistent { name: "toy".into(), problem };
    let shape = Shape::from([2]);
    let failures = [
        MirrorReason::Status(404),
        MirrorReason::Unreachable(broken()),
        MirrorReason::NoAnswer,
        MirrorReason::Stalled { received: 7 },
        MirrorReason::TooSlow { rate: 3, floor: 9 },
        MirrorReason::Interrupted { received: 7, source: broken() },
        MirrorReason::Size { expected: 1, got: 2 },
        MirrorReason::Checksum { expected: "aa".into(), got: "bb".into() },
    ]
    .map(|reason| MirrorFailure { url: "http://m/f".into(), reason });
    let wanted =
        WantedFile { name: "f.gz".into(), size: 5, sha256: "aa".into(), urls: vec!["http://m/f".into()] };
    let image = |problem| DataError::Image { file: "a.jpg".into(), problem };
    let folder = "dir".to_owned();
    let mut all = vec![
        DataError::UnknownSet { name: "mnst".into(), nearest: Some("mnist") },
        DataError::Missing { set: "mnist", searched: vec!["a".into()], unconfirmed: vec!["b".into()] },
        DataError::Incomplete { folder: "dir".into(), files: vec!["train-labels-idx1-ubyte"] },
        DataError::CountMismatch { images: "i".into(), image_count: 3, labels: "l".into(), label_count: 2 },
        DataError::ImageSizes { folder: "dir".into(), train: [28, 28], test: [8, 8] },
        DataError::Size { file: "f".into(), expected: 1, got: 2 },
        DataError::Checksum { file: "f".into(), expected: "aa", got: "bb".into() },
        DataError::Download { file: "f".into(), failures: failures.into(), folder: folder.clone().into() },
        DataError::Offline { set: "mnist", files: vec![wanted], folder: folder.into() },
        DataError::OfflineFile {
            file: "net-00000000.pth".into(),
            url: "https://example.org/net-00000000.pth".into(),
            sha256: "00000000".into(),
            folder: "dir".into(),
        },
        DataError::Busy { lock: "dir/.lock".into() },
        DataError::NoFolder,
        DataError::NotPictures { name: "moons".into(), shape },
        DataError::Padding { padding: 40, side: 32 },
        DataError::Archive { file: "a.tar".into(), source: broken() },
        DataError::Parameter { set: "moons", parameter: "noise", value: -1.0, least: 0.0, most: 10.0 },
        DataError::TooFew { name: "toy".into(), asked: 3, available: 2 },
        DataError::Batch { batch: 9, available: 3 },
    ];
    all.extend(
        [Action::Read, Action::Write, Action::MakeFolder, Action::Rename, Action::Remove, Action::Lock]
            .map(|action| DataError::Io { path: "p".into(), action, source: broken() }),
    );
    all.extend(
        [
            IdxProblem::Magic { expected: 0x803, got: 0x801 },
            IdxProblem::Header { expected: 16, got: 3 },
            IdxProblem::Truncated { expected: 10, got: 9 },
            IdxProblem::TrailingBytes { expected: 10 },
            IdxProblem::Empty { extents: vec![0, 28, 28] },
            IdxProblem::TooLarge { extents: vec![u32::MAX, 28, 28], limit: 5 },
            IdxProblem::TooLarge { extents: vec![], limit: 5 },
            IdxProblem::Label { index: 4, label: 11, classes: 10 },
            IdxProblem::Count { expected: 60000, got: 3 },
            IdxProblem::ImageSize { expected: [28, 28], got: [8, 8] },
            IdxProblem::Gzip { source: broken() },
        ]
        .map(idx),
    );
    all.extend(
        [
            ImageProblem::Format { got: Some("gif") },
            ImageProblem::Format { got: None },
            ImageProblem::Damaged { reason: "bad marker".into() },
            ImageProblem::TooLarge { height: 1, width: 9, limit: 5 },
            ImageProblem::Size { expected: [8, 8], got: [8, 9] },
        ]
        .map(image),
    );
    all.extend(
        [
            FolderProblem::NoPictures,
            FolderProblem::NoClass { file: "a.jpg".into() },
            FolderProblem::OneClass { class: "cat".into() },
            FolderProblem::UnknownClass { class: "dog".into() },
            FolderProblem::NothingToTest,
            FolderProblem::TooLarge { bytes: 9, limit: 5 },
        ]
        .map(|problem| DataError::Pictures { folder: "dir".into(), problem }),
    );
    all.extend(
        [
            DatasetProblem::EmptyShape { shape },
            DatasetProblem::PartOfAnInput { shape, numbers: 3 },
            DatasetProblem::PartOfATarget { width: 2, values: 3 },
            DatasetProblem::NoValues,
            DatasetProblem::TooMany { examples: 1 << 33 },
            DatasetProblem::Counts { inputs: 3, targets: 2 },
            DatasetProblem::ClassOutOfRange { index: 1, class: 5, classes: 5 },
            DatasetProblem::ZeroDivisor,
        ]
        .map(bad),
    );
    all
}

/// House style, and nothing untranslated.
#[test]
fn every_error_speaks_both_languages() {
    for error in all() {
        let en = error.explain(Lang::En);
        let ja = error.explain(Lang::Ja);
        assert_eq!(error.to_string(), en.to_string());
        assert!(en.to_string().is_ascii() || en.to_string().contains('×'), "{en}");
        assert!(!ja.what.is_ascii(), "not Japanese: {}", ja.what);
        for line in ja.hints.iter() {
            assert!(!line.is_ascii(), "not Japanese: {line}");
        }
        assert_eq!((en.facts.len(), en.hints.len()), (ja.facts.len(), ja.hints.len()), "{en}\n{ja}");
        for text in [&en.what].into_iter().chain(&en.hints) {
            assert!(!text.ends_with('.') && !text.contains('\n'), "{text}");
            let first = text.chars().next().unwrap();
            assert!(!first.is_uppercase(), "{text}");
        }
    }
}

#[test]
fn sources_are_kept() {
    let error = DataError::io("p", Action::Read)(io::Error::other("broken pipe"));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "broken pipe");
}

#[test]
fn an_example_in_full() {
    let error = DataError::Idx {
        file: "data/train-labels-idx1-ubyte.gz".into(),
        problem: IdxProblem::Truncated { expected: 60000, got: 812 },
    };
    assert_eq!(
        error.to_string(),
        "data/train-labels-idx1-ubyte.gz: ends too early\n  expected: 60000 B\n  got: 812 B\n\
         hint: the file is damaged: remove it and run `kobai data get` for this set"
    );
    assert!(error.explain(Lang::Ja).what.contains("途中で終わっています"));
}
