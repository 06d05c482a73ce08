use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::{Images, MAGIC_IMAGES, MAGIC_LABELS, check_labels, decode_images, decode_labels};
use crate::error::{DataError, IdxProblem};

pub(crate) fn idx(magic: u32, extents: &[u32], body: &[u8]) -> Vec<u8> {
    let mut raw = magic.to_be_bytes().to_vec();
    for extent in extents {
        raw.extend(extent.to_be_bytes());
    }
    raw.extend(body);
    raw
}

pub(crate) fn gz(raw: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(raw).unwrap();
    encoder.finish().unwrap()
}

fn images(raw: &[u8]) -> Result<Images, IdxProblem> {
    decode_images(Path::new("f"), raw.to_vec()).map_err(problem)
}

fn labels(raw: &[u8]) -> Result<Vec<u8>, IdxProblem> {
    decode_labels(Path::new("f"), raw.to_vec()).map_err(problem)
}

fn problem(error: DataError) -> IdxProblem {
    match error {
        DataError::Idx { problem, .. } => problem,
        other => panic!("{other}"),
    }
}

/// A good file, from which each test below spoils one thing.
fn good() -> Vec<u8> {
    idx(MAGIC_IMAGES, &[2, 3, 4], &(0..24).collect::<Vec<u8>>())
}

#[test]
fn good_files_are_read() {
    for raw in [good(), gz(&good())] {
        let got = images(&raw).unwrap();
        assert_eq!((got.count, got.rows, got.cols), (2, 3, 4));
        assert!(got.pixels.iter().copied().eq(0..24));
    }
    assert_eq!(labels(&idx(MAGIC_LABELS, &[3], &[7, 0, 9])).unwrap(), [7, 0, 9]);
}

/// Every proper prefix of a file, plain or compressed, is refused.
#[test]
fn truncated_anywhere() {
    let plain = good();
    for cut in 0..plain.len() {
        match images(&plain[..cut]) {
            Err(IdxProblem::Header { expected: 16, got }) if cut < 16 => assert_eq!(got, cut),
            Err(IdxProblem::Truncated { expected: 24, got }) if cut >= 16 => assert_eq!(got, cut as u64 - 16),
            other => panic!("{cut} bytes: {other:?}"),
        }
        // A well-formed archive of a cut file.
        assert!(images(&gz(&plain[..cut])).is_err(), "{cut} bytes");
    }
    let packed = gz(&plain);
    for cut in 0..packed.len() {
        assert!(images(&packed[..cut]).is_err(), "{cut} of {} compressed bytes", packed.len());
    }
}

#[test]
fn trailing_bytes() {
    let mut plain = good();
    plain.push(0);
    assert!(matches!(images(&plain), Err(IdxProblem::TrailingBytes { expected: 24 })));
    assert!(matches!(images(&gz(&plain)), Err(IdxProblem::TrailingBytes { expected: 24 })));
    // After the archive instead of within.
    let mut packed = gz(&good());
    packed.extend(b"<html>");
    assert!(matches!(images(&packed), Err(IdxProblem::Gzip { .. })));
    packed = gz(&good());
    packed.extend(gz(b"x"));
    assert!(matches!(images(&packed), Err(IdxProblem::TrailingBytes { .. })));
}

#[test]
fn wrong_kind() {
    let labelled = idx(MAGIC_LABELS, &[24], &[0; 24]);
    assert!(matches!(
        images(&labelled),
        Err(IdxProblem::Magic { expected: MAGIC_IMAGES, got: MAGIC_LABELS })
    ));
    assert!(matches!(labels(&good()), Err(IdxProblem::Magic { .. })));
    assert!(matches!(images(b"<!DOCTYPE html>"), Err(IdxProblem::Magic { got: 0x3c21_444f, .. })));
    assert!(matches!(images(&gz(b"<!DOCTYPE html>")), Err(IdxProblem::Magic { .. })));
}

/// A tiny file that announces terabytes costs neither memory nor time.
#[test]
fn absurd_headers() {
    for extents in [[u32::MAX; 3], [60_000, 1 << 16, 1 << 16]] {
        assert!(matches!(images(&idx(MAGIC_IMAGES, &extents, &[0; 9])), Err(IdxProblem::TooLarge { .. })));
    }
    assert!(matches!(images(&idx(MAGIC_IMAGES, &[0, 28, 28], &[])), Err(IdxProblem::Empty { .. })));
    assert!(matches!(images(&idx(MAGIC_IMAGES, &[1, 0, 28], &[])), Err(IdxProblem::Empty { .. })));
    // Just below the limit: 4 GB announced, 9 bytes there.
    let large = idx(MAGIC_IMAGES, &[1 << 10, 1 << 11, 1 << 11], &[0; 9]);
    assert!(matches!(images(&large), Err(IdxProblem::Truncated { got: 9, .. })));
    assert!(matches!(images(&gz(&large)), Err(IdxProblem::Truncated { got: 9, .. })));
}

#[test]
fn labels_in_range() {
    assert_eq!(check_labels(Path::new("f"), &[0, 9], 10).unwrap(), [0, 9]);
    let error = check_labels(Path::new("f"), &[0, 9, 10, 11], 10).unwrap_err();
    assert!(matches!(problem(error), IdxProblem::Label { index: 2, label: 10, classes: 10 }));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn round_trip(count in 1usize..9, rows in 1usize..9, cols in 1usize..9, seed: u8, packed: bool) {
        let pixels: Vec<u8> =
            (0..count * rows * cols).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed)).collect();
        let raw = idx(MAGIC_IMAGES, &[count as u32, rows as u32, cols as u32], &pixels);
        let got = images(&if packed { gz(&raw) } else { raw }).unwrap();
        prop_assert_eq!(got, Images { count, rows, cols, pixels });
    }

    /// Any bytes at all: an answer, never a panic or a huge allocation.
    #[test]
    fn any_bytes(mut raw in prop::collection::vec(any::<u8>(), 0..64), kind in 0..4) {
        let start: &[u8] = match kind {
            0 => &[],
            1 => &[0, 0, 8, 3],
            2 => &[0, 0, 8, 1],
            _ => &[0x1f, 0x8b, 8, 0],
        };
        raw.splice(..0, start.iter().copied());
        let _ = images(&raw);
        let _ = labels(&raw);
    }

    /// One flipped bit after the gzip header is noticed, unless it is one of
    /// the padding bits after the last code, which carry nothing: wrong data
    /// never get through.
    #[test]
    fn corrupted_archive(at in 10usize..1000, bit in 0u32..8) {
        let body: Vec<u8> = (0..600u32).map(|i| (i * i % 251) as u8).collect();
        let raw = idx(MAGIC_LABELS, &[600], &body);
        let mut packed = gz(&raw);
        let at = 10 + at % (packed.len() - 10);
        packed[at] ^= 1 << bit;
        let padding = at + 9 == packed.len();
        match labels(&packed) {
            Ok(got) => prop_assert!(padding && got == body, "bit {} of byte {} of {}", bit, at, packed.len()),
            Err(IdxProblem::Gzip { .. } | IdxProblem::Magic { .. } | IdxProblem::Header { .. }) => {}
            Err(IdxProblem::Truncated { .. } | IdxProblem::TrailingBytes { .. } | IdxProblem::TooLarge { .. }) => {}
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }
}
