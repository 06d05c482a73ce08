//! The real MNIST, where it is at hand: in `KOBAI_DATA_DIR`, or in
//! `shared/data` beside the workspace.

#![allow(clippy::print_stderr)] // says why it was skipped

use std::path::{Path, PathBuf};

use kobai_data::verify::{Verdict, verify};
use kobai_data::{Locations, Split, load};

fn places() -> Option<Locations> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let given = std::env::var_os("KOBAI_DATA_DIR").map(PathBuf::from);
    let mut tried = Vec::new();
    for root in given.into_iter().chain([beside]) {
        let places = Locations::only(&root);
        if kobai_data::registry::info("mnist", &places).is_ok_and(|info| info.found.is_some()) {
            return Some(places);
        }
        tried.push(root.display().to_string());
    }
    eprintln!("skipped: MNIST is in none of {}", tried.join(", "));
    None
}

fn mnist() -> Option<Split> {
    Some(load("mnist", &places()?).expect("MNIST was found"))
}

#[test]
fn counts_and_classes() {
    let Some(split) = mnist() else { return };
    assert_eq!((split.train.len(), split.test.len(), split.train.classes()), (60_000, 10_000, 10));
    assert_eq!(split.train.shape().dims(), [1, 28, 28]);
    let first = split.train.prefix(300).unwrap().summary();
    assert_eq!(first.class_counts, [34, 39, 28, 34, 32, 23, 29, 29, 21, 31]);
    let test = split.test.summary().class_counts;
    assert_eq!(test, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
}

#[test]
fn mean_and_spread() {
    let Some(split) = mnist() else { return };
    let s = split.train.summary();
    assert!((s.mean - 0.1307).abs() < 5e-5 && (s.std - 0.3081).abs() < 5e-5, "{} {}", s.mean, s.std);
    assert_eq!((s.min, s.max), (0.0, 1.0));
}

#[test]
fn the_content_is_upstreams() {
    let Some(places) = places() else { return };
    let report = verify("mnist", &places).unwrap();
    for file in &report.files {
        assert!(
            matches!(file.verdict, Verdict::Original | Verdict::SameContent),
            "{}: {:?}",
            file.file.name,
            file.verdict
        );
    }
    report.into_result().unwrap();
}

/// Files right below a root are accepted when their content proves the set,
/// and for no other set.
#[test]
fn anonymous_files_are_recognised() {
    let Some(places) = places() else { return };
    let found = kobai_data::registry::info("mnist", &places).unwrap().found.unwrap();
    let places = Locations::only(&found.folder);
    assert!(kobai_data::registry::info("mnist", &places).unwrap().found.is_some());
    assert!(kobai_data::registry::info("kmnist", &places).unwrap().found.is_none());
    assert!(kobai_data::registry::info("fashion-mnist", &places).unwrap().found.is_none());
}
