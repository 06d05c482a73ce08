//! The embedded data set: 1797 handwritten digits of 8×8 pixels.
//!
//! These are the images that scikit-learn ships (`load_digits`), which is the
//! *test* part of UCI's set. `assets/make_digits.py` makes the asset and says
//! how it is laid out.
//!
//! The split is this project's own and fixed: 360 examples to test on, chosen
//! class by class in proportion ([`Split`]'s two parts keep the file's order).
//! Within class `c`, the first examples of the permutation that seed 0 draws
//! in stream `Split` at step 0 and node `c` are tested on. The images come
//! from few writers, who are in both parts: results here are flattering
//! compared with new writers.

use std::io::Read;

use flate2::read::GzDecoder;
use kobai_engine::{Rng, Shape, Stream};

use crate::dataset::{Dataset, Inputs, Split, Targets};

/// Who made the data, and the licence. Show it wherever the data are shown.
pub const ATTRIBUTION: &str = "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine \
     Learning Repository, 1998, https://doi.org/10.24432/C50P49, licensed under CC BY 4.0";

/// Number of images.
pub const LEN: usize = 1797;
/// Number of images to test on.
pub const TEST_LEN: usize = 360;
/// Height and width.
pub const SIDE: usize = 8;
/// Number of classes.
pub const CLASSES: usize = 10;
/// Pixels count inked dots in 4×4 fields: 0 to 16.
pub const DIVISOR: u8 = 16;

const PIXELS: usize = SIDE * SIDE;
const ASSET: &[u8] = include_bytes!("../assets/digits.bin.gz");

/// All images in the file's order: pixels, then classes.
fn unpack() -> (Vec<u8>, Vec<u8>) {
    let mut pixels = Vec::with_capacity(LEN * (PIXELS + 1));
    let read = GzDecoder::new(ASSET).read_to_end(&mut pixels);
    // The asset is part of the program and its hash is tested: a failure is
    // not a user's mistake but a broken build.
    assert!(
        read.is_ok_and(|n| n == LEN * (PIXELS + 1)),
        "the embedded digits are damaged: this build is broken"
    );
    let labels = pixels.split_off(LEN * PIXELS);
    (pixels, labels)
}

/// The 1437 digits to learn from and the 360 to test on.
#[must_use]
pub fn load() -> Split {
    let (pixels, labels) = unpack();
    let tested = tested(&labels);
    let part = |name: &str, test: bool| {
        let (mut data, mut classes) = (Vec::new(), Vec::new());
        for (i, &label) in labels.iter().enumerate().filter(|(i, _)| tested[*i] == test) {
            data.extend_from_slice(&pixels[i * PIXELS..][..PIXELS]);
            classes.push(u32::from(label));
        }
        let inputs = Inputs::U8 { data, divisor: DIVISOR };
        Dataset::new(name, Shape::from([1, SIDE, SIDE]), CLASSES, inputs, Targets::Classes(classes))
            .expect("the embedded digits fit together")
    };
    Split { train: part("digits/train", false), test: part("digits/test", true) }
}

/// Which examples are tested on.
fn tested(labels: &[u8]) -> Vec<bool> {
    let members: Vec<Vec<usize>> = (0..CLASSES)
        .map(|class| (0..labels.len()).filter(|&i| usize::from(labels[i]) == class).collect())
        .collect();
    let mut tested = vec![false; labels.len()];
    for (class, (members, quota)) in members.iter().zip(quotas(&members)).enumerate() {
        let draw = Rng::new(0).draw(Stream::Split, 0, class as u32);
        for &pick in &draw.permutation(members.len() as u32)[..quota] {
            tested[members[pick as usize]] = true;
        }
    }
    tested
}

/// How many of each class are tested on: largest remainders, ties to the lower
/// class.
fn quotas(members: &[Vec<usize>]) -> Vec<usize> {
    let share = |n: usize| (n * TEST_LEN / LEN, n * TEST_LEN % LEN);
    let mut quotas: Vec<usize> = members.iter().map(|m| share(m.len()).0).collect();
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|&class| (std::cmp::Reverse(share(members[class].len()).1), class));
    let missing = TEST_LEN - quotas.iter().sum::<usize>();
    for &class in &order[..missing] {
        quotas[class] += 1;
    }
    quotas
}

#[cfg(test)]
mod tests {
    use super::{CLASSES, LEN, TEST_LEN, load, unpack};
    use crate::dataset::{Dataset, Inputs, Targets};
    use crate::hash;

    /// The hashes of the upstream values, so that nothing was lost on the way.
    #[test]
    fn the_asset_is_upstreams() {
        let (pixels, labels) = unpack();
        assert_eq!(
            hash::of_bytes(&pixels),
            "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"
        );
        assert_eq!(
            hash::of_bytes(&labels),
            "8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0"
        );
        let mut counts = [0; CLASSES];
        labels.iter().for_each(|&l| counts[usize::from(l)] += 1);
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        let n = pixels.len() as f64;
        let mean = pixels.iter().map(|&p| f64::from(p) / 16.0).sum::<f64>() / n;
        let var = pixels.iter().map(|&p| (f64::from(p) / 16.0 - mean).powi(2)).sum::<f64>() / n;
        assert!((mean - 0.30526).abs() < 5e-6, "{mean}");
        assert!((var.sqrt() - 0.37605).abs() < 5e-6, "{}", var.sqrt());
    }

    fn rows(set: &Dataset) -> Vec<(Vec<u8>, u32)> {
        let Inputs::U8 { data, divisor: 16 } = set.inputs() else { panic!("not bytes of 16") };
        let Targets::Classes(classes) = set.targets() else { panic!("not classes") };
        data.chunks_exact(64).map(<[u8]>::to_vec).zip(classes.iter().copied()).collect()
    }

    /// The two parts, merged in order, are the file: nothing twice, nothing
    /// lost, order kept.
    #[test]
    fn the_split_is_a_partition_in_file_order() {
        let split = load();
        assert_eq!((split.train.len(), split.test.len()), (LEN - TEST_LEN, TEST_LEN));
        let (pixels, labels) = unpack();
        let (train, test) = (rows(&split.train), rows(&split.test));
        let (mut a, mut b) = (train.iter().peekable(), test.iter().peekable());
        for (image, &label) in pixels.chunks_exact(64).zip(&labels) {
            let here = |row: Option<&&(Vec<u8>, u32)>| {
                row.is_some_and(|(x, y)| x == image && *y == u32::from(label))
            };
            if here(a.peek()) {
                a.next();
            } else {
                assert!(here(b.peek()), "an example is in neither part");
                b.next();
            }
        }
        assert!(a.next().is_none() && b.next().is_none());
    }

    #[test]
    fn the_split_is_stratified_and_fixed() {
        let split = load();
        assert_eq!(split.test.summary().class_counts, [36, 37, 35, 37, 36, 36, 36, 36, 35, 36]);
        // Changing these values changes every published result on digits.
        assert_eq!(&split.train.checksum()[..16], "0c3d8456e753b863");
        assert_eq!(&split.test.checksum()[..16], "5011389d02ed86a9");
    }
}
