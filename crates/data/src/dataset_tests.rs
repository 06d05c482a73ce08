use kobai_engine::Shape;
use proptest::prelude::*;

use super::{Dataset, InputRef, Inputs, TargetRef, Targets, TargetsMut, convert};
use crate::error::{DataError, DatasetProblem};

fn bytes(n: usize) -> Dataset {
    let data = (0..n * 6).map(|i| (i * 37 % 256) as u8).collect();
    let classes = (0..n as u32).map(|i| i % 3).collect();
    Dataset::new(
        "toy/train",
        Shape::from([1, 2, 3]),
        3,
        Inputs::U8 { data, divisor: 255 },
        Targets::Classes(classes),
    )
    .unwrap()
}

fn values(n: usize) -> Dataset {
    let inputs = (0..n).map(|i| i as f32 * 0.5).collect();
    let data = (0..n * 2).map(|i| -(i as f32)).collect();
    Dataset::new("curve", Shape::from([1]), 0, Inputs::F32(inputs), Targets::Values { width: 2, data })
        .unwrap()
}

fn wrong(shape: Shape, classes: usize, inputs: Inputs, targets: Targets) -> DatasetProblem {
    match Dataset::new("toy", shape, classes, inputs, targets) {
        Err(DataError::Inconsistent { problem, .. }) => problem,
        other => panic!("accepted or another error: {other:?}"),
    }
}

/// Every byte, both divisors: the same bits as the division in f64 rounded
/// once (a quotient of integers below 2^24 is never hurt by double rounding).
#[test]
fn convert_is_correctly_rounded() {
    let all: Vec<u8> = (0..=255).collect();
    for divisor in [255u8, 16, 7, 1] {
        let mut out = [0.0f32; 256];
        convert(&all, divisor, &mut out);
        for (byte, got) in all.iter().zip(out) {
            let expected = (f64::from(*byte) / f64::from(divisor)) as f32;
            assert_eq!(got.to_bits(), expected.to_bits(), "{byte} / {divisor}");
        }
    }
    // The twin must tell the tempting shortcut apart.
    assert!(all.iter().any(|&b| f32::from(b) * (1.0 / 255.0) != f32::from(b) / 255.0));
}

#[test]
fn examples_and_gathering_agree() {
    let set = bytes(5);
    let mut x = [f32::NAN; 12];
    set.gather(&[4, 1], &mut x);
    let Some(InputRef::U8 { data, divisor: 255 }) = set.example(4).map(|e| e.input) else { panic!("bytes") };
    for (got, byte) in x.iter().zip(data) {
        assert_eq!(*got, f32::from(*byte) / 255.0);
    }
    let mut y = [9; 2];
    set.gather_targets(&[4, 1], TargetsMut::Classes(&mut y));
    assert_eq!(y, [1, 1]);
    assert_eq!(set.example(4).unwrap().target, TargetRef::Class(1));
    assert_eq!(set.example(5), None);
    assert_eq!(set.flat_shape(), Shape::from([6]));

    let curve = values(4);
    let mut y = [0.0; 4];
    curve.gather_targets(&[3, 0], TargetsMut::Values(&mut y));
    assert_eq!(y, [-6.0, -7.0, 0.0, -1.0]);
    assert_eq!(curve.example(3).unwrap().target, TargetRef::Values(&[-6.0, -7.0]));
    assert_eq!((curve.len(), curve.target_width(), set.target_width()), (4, Some(2), None));
}

#[test]
fn prefixes() {
    let set = bytes(5);
    let three = set.prefix(3).unwrap();
    assert_eq!(three.len(), 3);
    assert_eq!(three.example(2), set.example(2));
    assert!(matches!(set.prefix(6), Err(DataError::TooFew { asked: 6, available: 5, .. })));
    assert!(set.prefix(0).unwrap().is_empty());
    assert_eq!(values(4).prefix(2).unwrap().len(), 2);
}

/// Whatever tells two sets apart changes the identity; the name does not.
#[test]
fn checksum_sees_everything_but_the_name() {
    let make = |name: &str, shape: Shape, classes, data: [u8; 4], divisor, labels: [u32; 2]| {
        let inputs = Inputs::U8 { data: data.to_vec(), divisor };
        Dataset::new(name, shape, classes, inputs, Targets::Classes(labels.to_vec())).unwrap().checksum()
    };
    let flat = Shape::from([2]);
    let base = make("a", flat, 2, [1, 2, 3, 4], 255, [0, 1]);
    assert_eq!(base, make("b", flat, 2, [1, 2, 3, 4], 255, [0, 1]));
    for other in [
        make("a", Shape::from([1, 2, 1]), 2, [1, 2, 3, 4], 255, [0, 1]),
        make("a", flat, 3, [1, 2, 3, 4], 255, [0, 1]),
        make("a", flat, 2, [1, 2, 3, 5], 255, [0, 1]),
        make("a", flat, 2, [1, 2, 3, 4], 16, [0, 1]),
        make("a", flat, 2, [1, 2, 3, 4], 255, [1, 1]),
    ] {
        assert_ne!(base, other);
    }
    assert_eq!(base.len(), 64);
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let shape = Shape::from([2]);
    let inputs = |n: usize| Inputs::U8 { data: vec![0; n], divisor: 255 };
    let labels = |l: &[u32]| Targets::Classes(l.to_vec());
    use DatasetProblem as P;
    assert!(matches!(wrong(shape, 2, inputs(3), labels(&[0])), P::PartOfAnInput { numbers: 3, .. }));
    assert!(matches!(wrong(shape, 2, inputs(4), labels(&[0])), P::Counts { inputs: 2, targets: 1 }));
    assert!(matches!(
        wrong(shape, 2, inputs(4), labels(&[0, 2])),
        P::ClassOutOfRange { index: 1, class: 2, classes: 2 }
    ));
    assert!(matches!(wrong(Shape::from([0]), 2, inputs(0), labels(&[])), P::EmptyShape { .. }));
    let zero = Inputs::U8 { data: vec![0; 2], divisor: 0 };
    assert!(matches!(wrong(shape, 2, zero, labels(&[0])), P::ZeroDivisor));
    let values = |width, n| Targets::Values { width, data: vec![0.0; n] };
    assert!(matches!(wrong(shape, 0, inputs(2), values(0, 0)), P::NoValues));
    assert!(matches!(wrong(shape, 0, inputs(2), values(2, 3)), P::PartOfATarget { width: 2, values: 3 }));
}

#[test]
fn summaries() {
    let set = Dataset::new(
        "toy",
        Shape::from([2]),
        2,
        Inputs::U8 { data: vec![0, 16, 8, 8], divisor: 16 },
        Targets::Classes(vec![1, 1]),
    )
    .unwrap();
    let s = set.summary();
    assert_eq!(s.class_counts, [0, 2]);
    assert_eq!((s.mean, s.std, s.min, s.max), (0.5, 0.125f64.sqrt(), 0.0, 1.0));
    let s = values(3).summary();
    assert_eq!((s.mean, s.min, s.max, s.len), (0.5, 0.0, 1.0, 3));
    assert!((s.std - (1.0f64 / 6.0).sqrt()).abs() < 1e-12);
}

#[test]
#[should_panic(expected = "length of `out`")]
fn gather_checks_the_length() {
    bytes(2).gather(&[0], &mut [0.0; 5]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn gather_is_example_by_example(n in 1usize..20, picks in prop::collection::vec(0u32..1000, 0..30)) {
        let set = bytes(n);
        let picks: Vec<u32> = picks.into_iter().map(|p| p % n as u32).collect();
        let mut x = vec![f32::NAN; picks.len() * 6];
        set.gather(&picks, &mut x);
        for (row, &i) in x.chunks_exact(6).zip(&picks) {
            let mut one = [f32::NAN; 6];
            set.gather(&[i], &mut one);
            prop_assert_eq!(row, &one);
        }
    }
}

#[test]
fn shuffled_pixels_are_the_same_pixels_in_one_order() {
    let pictures =
        crate::Synthetic { n_train: 3, n_test: 1, ..crate::Synthetic::new(crate::synthetic::Kind::Shapes) };
    let set = pictures.make(0).unwrap().train;
    let other = set.with_shuffled_pixels(0);
    assert_eq!((other.len(), other.shape(), other.targets()), (3, set.shape(), set.targets()));
    let (Inputs::U8 { data: a, .. }, Inputs::U8 { data: b, .. }) = (set.inputs(), other.inputs()) else {
        panic!("bytes")
    };
    // A place goes to the same other place in every picture, with all its channels.
    let column = |data: &[u8], place: usize| -> Vec<u8> {
        data.chunks_exact(3072).flat_map(|p| p[3 * place..][..3].to_vec()).collect()
    };
    let mut before: Vec<_> = (0..1024).map(|i| column(a, i)).collect();
    let mut after: Vec<_> = (0..1024).map(|i| column(b, i)).collect();
    assert_ne!(before, after);
    before.sort();
    after.sort();
    assert_eq!(before, after);
}
