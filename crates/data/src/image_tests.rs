use std::path::{Path, PathBuf};

use super::{Image, decode, middle, read};
use crate::error::{DataError, ImageProblem};

fn at(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images").join(name)
}

fn open(name: &str) -> Image {
    read(&at(name)).unwrap_or_else(|e| panic!("{e}"))
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(at(name)).unwrap()
}

/// Largest difference of two pictures of one size, in levels.
fn apart(a: &Image, b: &Image) -> u8 {
    assert_eq!((a.height, a.width), (b.height, b.width));
    a.pixels.iter().zip(&b.pixels).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// Smaller and larger, wide and tall: Pillow's result to the bit where it goes
/// along rows first (the sums are those of integers), and one level at most
/// apart where it goes down columns first, as Pillow 13 does for `tall`: only
/// the rounding in between differs.
#[test]
fn resizing_is_pillows() {
    for (name, most) in [("wide", 0), ("tall", 1)] {
        for n in [8, 13, 30] {
            let got = open(&format!("{name}.png")).resize_shorter(n).unwrap();
            let far = apart(&got, &open(&format!("{name}_shorter_{n}.png")));
            assert!(far <= most, "{name} {n}: {far}");
        }
    }
    let wide = open("wide.png");
    assert_eq!(wide.resize(wide.height, wide.width).unwrap(), wide);
    // A tent that does not widen (no antialiasing) must be seen as wrong.
    let every_third = |i: usize| wide.pixels[i / 3 * 9 + i % 3];
    let thin = Image { height: 1, width: 12, pixels: (0..36).map(every_third).collect() };
    let row = Image { height: 1, width: 37, pixels: wide.pixels[..37 * 3].to_vec() };
    assert!(apart(&row.resize(1, 12).unwrap(), &thin) > 20);
}

#[test]
fn cropping_is_torchvisions() {
    for name in ["wide", "tall"] {
        for n in [8, 12, 30] {
            let got = open(&format!("{name}.png")).center_crop(n);
            assert_eq!(got, open(&format!("{name}_crop_{n}.png")), "{name} {n}");
        }
    }
    // Python's round: 0.5 to 0, 1.5 to 2, 2.5 to 2, 3.5 to 4.
    assert_eq!([1, 3, 5, 7, 4].map(|spare| middle(spare + 8, 8)), [0, 2, 2, 4, 2]);
}

#[test]
fn what_may_be_in_a_file() {
    let colour = open("colour.png");
    assert_eq!((colour.height, colour.width), (16, 24));
    // Red grows along rows, green down the columns.
    assert_eq!(colour.pixels[..9], [0, 0, 255, 10, 0, 250, 20, 0, 245]);
    assert_eq!(colour.pixels[24 * 3..][..3], [0, 15, 250]);
    assert_eq!(open("alpha.png"), colour);
    assert_eq!(open("palette.png"), open("palette_as_colour.png"));
    let grey = open("grey.png");
    assert!(grey.pixels.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2]));
    assert_eq!(open("grey16.png"), grey);
    // Decoders of JPEG may round each of brightness and colour differently by
    // one level, and colour once more where it was stored at half the size:
    // 1 + 1.772 · 2 and the last rounding make 5. Mixed-up channels are 200 off.
    for name in ["grey", "colour", "progressive", "cmyk"] {
        let far = apart(&open(&format!("{name}.jpg")), &open(&format!("{name}_jpg.png")));
        assert!(far <= 5, "{name}: {far} levels from Pillow");
    }
}

#[test]
fn what_is_refused() {
    let problem = |bytes: &[u8]| decode(bytes).unwrap_err();
    assert!(matches!(problem(&bytes("colour.gif")), ImageProblem::Format { got: Some("gif") }));
    assert!(matches!(problem(b"no picture at all"), ImageProblem::Format { got: None }));
    assert!(matches!(problem(&[]), ImageProblem::Format { got: None }));
    let png = bytes("colour.png");
    assert!(matches!(problem(&png[..png.len() / 2]), ImageProblem::Damaged { .. }));
    assert!(matches!(problem(&png[..20]), ImageProblem::Damaged { .. }));
    let jpeg = bytes("colour.jpg");
    assert!(matches!(problem(&jpeg[..100]), ImageProblem::Damaged { .. }));
    // The header announces 2^24 columns; its own check sum is right.
    let mut huge = png;
    huge[16..20].copy_from_slice(&0x0100_0000_u32.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&huge[12..29]);
    huge[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    let error = problem(&huge);
    assert!(matches!(error, ImageProblem::TooLarge { height: 16, width: 0x0100_0000, .. }), "{error:?}");
    assert!(matches!(read(&at("nowhere.png")), Err(DataError::Io { .. })));
    assert!(matches!(read(&at("record.py")), Err(DataError::Image { .. })));
    let line = Image { height: 1, width: 100_000, pixels: vec![0; 300_000] };
    assert!(matches!(line.resize_shorter(224), Err(ImageProblem::TooLarge { .. })));
}

/// Whatever comes, an error or a picture: no panic.
#[test]
fn damaged_bytes_do_no_harm() {
    for name in ["colour.png", "colour.jpg", "progressive.jpg", "cmyk.jpg", "palette.png"] {
        let good = bytes(name);
        for i in 0..good.len() {
            let mut bad = good.clone();
            bad[i] ^= 0x55;
            let _ = decode(&bad);
            let _ = decode(&good[..i]);
        }
    }
}

#[test]
fn numbers_for_a_network() {
    let image = Image { height: 1, width: 2, pixels: vec![0, 51, 255, 255, 0, 102] };
    let got = image.normalized([0.0, 0.5, 0.2], [1.0, 0.25, 0.4]);
    assert_eq!(got, [0.0, (0.2 - 0.5) / 0.25, 0.8 / 0.4, 1.0, -2.0, (0.4 - 0.2) / 0.4]);
}

#[test]
fn png_keeps_every_value() {
    let pixels = (0..5 * 7 * 3).map(|i| (i * 13 % 256) as u8).collect();
    let picture = Image { height: 5, width: 7, pixels };
    assert_eq!(decode(&picture.png()).unwrap(), picture);
}
