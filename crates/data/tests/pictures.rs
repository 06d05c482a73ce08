//! CIFAR-10 as pictures in class folders, where it is at hand: in
//! `KOBAI_DATA_DIR/cifar10-jpeg`, or in `shared/data` beside the workspace.

#![allow(clippy::print_stderr)] // says why it was skipped

use std::path::{Path, PathBuf};

use kobai_data::{Locations, load};

fn place() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let given = std::env::var_os("KOBAI_DATA_DIR").map(PathBuf::from);
    let places: Vec<PathBuf> =
        given.into_iter().chain([beside]).map(|root| root.join("cifar10-jpeg")).collect();
    let found = places.iter().find(|place| place.exists()).cloned();
    if found.is_none() {
        eprintln!("skipped: the pictures are in none of {places:?}");
    }
    found
}

#[test]
fn sixty_thousand_pictures() {
    let Some(place) = place() else { return };
    let split = load(place.to_str().expect("a path in UTF-8"), &Locations::none()).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (50_000, 10_000));
    assert_eq!(split.train.shape().dims(), [3, 32, 32]);
    let names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
    assert_eq!(split.train.class_names(), names);
    assert_eq!(split.train.summary().class_counts, [5000; 10]);
    assert_eq!(split.test.summary().class_counts, [1000; 10]);
    // Published means and deviations of CIFAR-10's training set per channel; the
    // pictures here went through JPEG, which keeps means to a level or so.
    for (got, want) in
        split.train.channel_moments().iter().zip([(0.4914, 0.2470), (0.4822, 0.2435), (0.4465, 0.2616)])
    {
        assert!((got.0 - want.0).abs() < 1.0 / 255.0 && (got.1 - want.1).abs() < 1.0 / 255.0, "{got:?}");
    }
}
