use std::collections::BTreeMap;

use kobai_engine::Shape;
use kobai_kernels::Pool;

use super::{Augment, Change, Loader, mirror, visible};
use crate::dataset::{Dataset, Inputs, Targets};
use crate::error::DataError;

const H: usize = 5;
const W: usize = 7;

/// Pictures whose bytes are all different from 0 and from their neighbours.
fn pictures(n: usize) -> Dataset {
    let data = (0..n * H * W * 3).map(|i| (i * 89 % 255) as u8 + 1).collect();
    let classes = Targets::Classes(vec![0; n]);
    let inputs = Inputs::U8 { data, divisor: 255 };
    Dataset::new("toy/train", Shape::from([3, H, W]), 1, inputs, classes).unwrap()
}

fn floats(like: &Dataset) -> Dataset {
    let Inputs::U8 { data, .. } = like.inputs() else { panic!("bytes") };
    let data = data.iter().map(|b| f32::from(*b) / 255.0).collect();
    Dataset::new("toy/floats", like.shape(), 1, Inputs::F32(data), like.targets().clone()).unwrap()
}

/// The definition, pixel by pixel: cut out of the padded picture, then mirror.
fn slow(data: &Dataset, i: u32, change: Change, loader: &Loader) -> Vec<f32> {
    let mut stored = vec![0.0; H * W * 3];
    data.gather(&[i], &mut stored);
    let mut out = Vec::new();
    for y in 0..H as isize {
        for x in 0..W as isize {
            let x = if change.flip { W as isize - 1 - x } else { x };
            let (y, x) = (y + change.down, x + change.right);
            let inside = (0..H as isize).contains(&y) && (0..W as isize).contains(&x);
            for c in 0..3 {
                let value = if inside { stored[(y as usize * W + x as usize) * 3 + c] } else { 0.0 };
                out.push((value - loader.mean()[c]) / loader.std()[c]);
            }
        }
    }
    out
}

#[test]
fn a_batch_is_its_definition() {
    let data = pictures(9);
    let indices = [3u32, 0, 8, 3, 5, 1, 2];
    let n = H * W * 3;
    for set in [&data, &floats(&data)] {
        for flip in [false, true] {
            for pad_crop in [0, 1, 4] {
                let augment = Augment { flip, pad_crop };
                let loader = Loader::new(set, augment, true).unwrap();
                let fill = |threads| {
                    let mut out = vec![f32::NAN; indices.len() * n];
                    loader.train_batch(set, &indices, (4, 11), &Pool::new(threads), &mut out);
                    out
                };
                let one = fill(1);
                for (place, row) in one.chunks_exact(n).enumerate() {
                    let change = augment.change(4, 11, place);
                    assert_eq!(row, slow(set, indices[place], change, &loader), "{augment:?} {change:?}");
                }
                for threads in [2, 3, 7] {
                    assert!(fill(threads).iter().zip(&one).all(|(a, b)| a.to_bits() == b.to_bits()));
                }
            }
        }
    }
}

#[test]
fn without_augmentation_and_normalisation_it_is_gather() {
    let data = pictures(4);
    let loader = Loader::new(&data, Augment::default(), false).unwrap();
    let pool = Pool::new(2);
    let (mut train, mut eval, mut want) = (vec![0.0; 210], vec![0.0; 210], vec![0.0; 210]);
    loader.train_batch(&data, &[2, 0], (1, 0), &pool, &mut train);
    loader.eval_batch(&data, &[2, 0], &pool, &mut eval);
    data.gather(&[2, 0], &mut want);
    assert!(train == want && eval == want);
    // Any other shape will do, if nothing is augmented.
    let flat = crate::load("moons", &crate::Locations::none()).unwrap().train;
    let loader = Loader::new(&flat, Augment::default(), true).unwrap();
    let mut out = [0.0; 4];
    loader.eval_batch(&flat, &[0, 7], &pool, &mut out);
    assert!(out.iter().all(|x| x.is_finite()));
}

/// Part of the numbers contract: changing these changes every augmented run.
#[test]
fn known_draws() {
    let augment = Augment { flip: true, pad_crop: 4 };
    let got: Vec<_> = (0..4).map(|place| augment.change(1, 2, place)).collect();
    let got: Vec<_> = got.iter().map(|c| (c.flip, c.down, c.right)).collect();
    assert_eq!(got, KNOWN);
    // The draws do not depend on each other's switches.
    let only_flip = Augment { flip: true, pad_crop: 0 };
    let only_crop = Augment { flip: false, pad_crop: 4 };
    for place in 0..50 {
        let both = augment.change(1, 2, place);
        assert_eq!(only_flip.change(1, 2, place), Change { down: 0, right: 0, ..both });
        assert_eq!(only_crop.change(1, 2, place), Change { flip: false, ..both });
    }
    assert_ne!(
        (0..50).map(|p| augment.change(1, 2, p)).collect::<Vec<_>>(),
        (0..50).map(|p| augment.change(1, 3, p)).collect::<Vec<_>>()
    );
}

const KNOWN: [(bool, isize, isize); 4] = [(true, -4, 2), (false, 3, -2), (true, -4, 4), (true, 3, 4)];

/// All 2 · 9 · 9 changes occur, about equally often.
#[test]
fn every_offset_occurs() {
    let augment = Augment { flip: true, pad_crop: 4 };
    let mut counts = BTreeMap::new();
    for step in 0..200 {
        for place in 0..162 {
            let c = augment.change(7, step, place);
            *counts.entry((c.flip, c.down, c.right)).or_insert(0i32) += 1;
        }
    }
    assert_eq!(counts.len(), 162);
    assert!(counts.keys().all(|(_, down, right)| down.abs() <= 4 && right.abs() <= 4));
    // 200 expected each, standard deviation 14; six of them.
    assert!(counts.values().all(|n| (n - 200).abs() < 85), "{counts:?}");
}

#[test]
fn mirroring_twice_is_nothing() {
    let row: Vec<f32> = (0..21).map(|i| i as f32).collect();
    let mut twice = row.clone();
    mirror(&mut twice, 3);
    assert_eq!(twice[..6], [18.0, 19.0, 20.0, 15.0, 16.0, 17.0]);
    mirror(&mut twice, 3);
    assert_eq!(twice, row);
    assert_eq!([visible(5, 0), visible(5, 2), visible(5, -2), visible(5, 9)], [0..5, 0..3, 2..5, 0..0]);
}

#[test]
fn a_normalised_set_has_mean_0_and_spread_1() {
    let data = pictures(40);
    let loader = Loader::new(&data, Augment::default(), true).unwrap();
    let all: Vec<u32> = (0..40).collect();
    let mut out = vec![0.0; 40 * H * W * 3];
    loader.eval_batch(&data, &all, &Pool::new(2), &mut out);
    for c in 0..3 {
        let values: Vec<f64> = out.iter().skip(c).step_by(3).map(|&x| f64::from(x)).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let var = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        // Each value is right to a few units in the last place of numbers below 2.
        let eps = 8.0 * f64::from(f32::EPSILON);
        assert!(mean.abs() < eps && (var - 1.0).abs() < 2.0 * eps, "{mean} {var}");
    }
    assert!(Loader::new(&data, Augment::default(), false).unwrap().mean() == [0.0; 3]);
    // A channel that never changes is no division by zero.
    let inputs = Inputs::U8 { data: vec![255; 6], divisor: 255 };
    let flat = Dataset::new("w", Shape::from([3, 1, 2]), 1, inputs, Targets::Classes(vec![0])).unwrap();
    let loader = Loader::new(&flat, Augment::default(), true).unwrap();
    let mut out = [1.0; 6];
    loader.eval_batch(&flat, &[0], &Pool::new(1), &mut out);
    assert_eq!(out, [0.0; 6]);
}

#[test]
fn what_cannot_be_augmented() {
    let moons = crate::load("moons", &crate::Locations::none()).unwrap().train;
    let flip = Augment { flip: true, pad_crop: 0 };
    assert!(matches!(Loader::new(&moons, flip, true), Err(DataError::NotPictures { .. })));
    let wide = Augment { flip: false, pad_crop: 5 };
    let error = Loader::new(&pictures(1), wide, true).unwrap_err();
    assert!(matches!(error, DataError::Padding { padding: 5, side: 5 }));
}
