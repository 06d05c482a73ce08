use kobai_engine::Shape;

use super::{Kind, Synthetic};
use crate::dataset::{Dataset, Inputs, Targets};
use crate::error::DataError;

fn floats(set: &Dataset) -> &[f32] {
    let Inputs::F32(data) = set.inputs() else { panic!("not floats") };
    data
}

fn points(set: &Dataset) -> Vec<([f64; 2], u32)> {
    let Targets::Classes(classes) = set.targets() else { panic!("not classes") };
    floats(set)
        .chunks_exact(2)
        .map(|p| [f64::from(p[0]), f64::from(p[1])])
        .zip(classes.iter().copied())
        .collect()
}

fn clean(kind: Kind) -> Dataset {
    Synthetic { noise: 0.0, ..Synthetic::new(kind) }.make(1).unwrap().train
}

#[test]
fn the_defaults_make_sets() {
    for kind in Kind::ALL {
        let plan = Synthetic::new(kind);
        let split = plan.make(0).unwrap();
        assert_eq!((split.train.len(), split.test.len()), (plan.n_train as usize, plan.n_test as usize));
        assert_eq!((split.train.classes(), split.train.shape()), (kind.classes(), kind.shape()));
        assert_eq!(split.train.name(), format!("{}/train", kind.name()));
        assert_eq!(Kind::named(kind.name()), Some(kind));
        assert!(floats(&split.train).iter().all(|x| x.abs() < 4.0), "{kind:?}");
        let counts = split.train.summary().class_counts;
        let (least, most) = (counts.iter().min(), counts.iter().max());
        assert!(least.zip(most).is_none_or(|(l, m)| m - l <= 1), "{kind:?}: {counts:?}");
        assert_eq!(kind.classes() == 0, split.train.target_width() == Some(1));
        assert!(kind.classes() != 0 || kind.shape() == Shape::from([1]));
    }
}

#[test]
fn a_pure_function_of_the_seed() {
    for kind in Kind::ALL {
        let plan = Synthetic::new(kind);
        let split = plan.make(7).unwrap();
        assert_eq!(split, plan.make(7).unwrap());
        assert_ne!(split.train.checksum(), plan.make(8).unwrap().train.checksum());
        assert_ne!(
            floats(&split.train)[..20],
            floats(&split.test)[..20],
            "{kind:?}: tested on what was learnt"
        );
        // A larger set begins with the smaller one.
        let larger = Synthetic { n_train: plan.n_train * 2, ..plan }.make(7).unwrap();
        assert_eq!(larger.train.prefix(plan.n_train as usize).unwrap(), split.train);
    }
}

/// The bits that runs and published results stand on.
#[test]
fn fixed_numbers() {
    let got: Vec<String> = Kind::ALL
        .iter()
        .map(|&kind| {
            let split = Synthetic::new(kind).make(0).unwrap();
            format!("{} {} {}", kind.name(), &split.train.checksum()[..12], &split.test.checksum()[..12])
        })
        .collect();
    assert_eq!(got.join("\n"), include_str!("fixed_numbers.txt").trim_end());
}

#[test]
fn geometry_without_noise() {
    for ([x, y], class) in points(&clean(Kind::Circles { inner: 0.5 })) {
        let radius = if class == 0 { 1.0 } else { 0.5 };
        assert!((x.hypot(y) - radius).abs() < 1e-6);
    }
    for ([x, y], class) in points(&clean(Kind::Xor)) {
        assert_eq!(x * y < 0.0, class == 1, "({x}, {y})");
    }
    for ([x, y], class) in points(&clean(Kind::Moons)) {
        // Undo the placing: both moons are half circles of radius 1.
        let (x, y) = (x * 1.5 + 0.5, y * 1.5 + 0.25);
        let (dx, dy) = if class == 0 { (x, y) } else { (1.0 - x, 0.5 - y) };
        assert!((dx.hypot(dy) - 1.0).abs() < 1e-6 && dy > -1e-6, "({x}, {y})");
    }
    for squares in [2, 3, 4, 5] {
        let mut seen = std::collections::BTreeSet::new();
        for ([x, y], class) in points(&clean(Kind::Checkerboard { squares })) {
            let at = |z: f64| (((z + 1.0) * f64::from(squares) / 2.0) as u32).min(squares - 1);
            assert_eq!((at(x) + at(y)) % 2, class, "({x}, {y}) of {squares}");
            seen.insert((at(x), at(y)));
        }
        assert_eq!(seen.len() as u32, squares * squares, "squares without a point");
    }
    for ([x, y], class) in points(&clean(Kind::Blobs { classes: 4 })) {
        let corner = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]][class as usize];
        assert!((x - corner[0]).abs() < 1e-6 && (y - corner[1]).abs() < 1e-6);
    }
    for ([x, y], class) in points(&clean(Kind::Spirals { arms: 3, turns: 1.0 })) {
        let radius = x.hypot(y);
        let turn = radius + f64::from(class) / 3.0;
        let angle = std::f64::consts::TAU * turn;
        assert!((x - radius * angle.cos()).abs() < 1e-5 && (y - radius * angle.sin()).abs() < 1e-5);
    }
}

#[test]
fn curves_without_noise() {
    let rows = |kind| {
        let set = clean(kind);
        let Targets::Values { width: 1, data } = set.targets().clone() else { panic!("not one value") };
        let xs = floats(&set).to_vec();
        xs.into_iter().map(f64::from).zip(data.into_iter().map(f64::from)).collect::<Vec<_>>()
    };
    for (x, y) in rows(Kind::Sine { periods: 2.0 }) {
        assert!((y - (2.0 * std::f64::consts::PI * x).sin()).abs() < 1e-5);
    }
    for (x, y) in rows(Kind::Step) {
        assert_eq!(y, if x < 0.0 { -1.0 } else { 1.0 });
    }
    for (x, y) in rows(Kind::Polynomial { degree: 3 }) {
        assert!((y - (4.0 * x * x * x - 3.0 * x)).abs() < 1e-5);
    }
    for (x, y) in rows(Kind::Polynomial { degree: 1 }) {
        assert_eq!(x, y);
    }
}

#[test]
fn the_noise_is_as_large_as_asked() {
    let noisy = Synthetic { n_train: 20_000, noise: 0.3, ..Synthetic::new(Kind::Blobs { classes: 2 }) };
    let set = noisy.make(3).unwrap().train;
    let deviations: Vec<f64> =
        points(&set).iter().map(|([x, _], class)| x - if *class == 0 { 1.0 } else { -1.0 }).collect();
    let n = deviations.len() as f64;
    let mean = deviations.iter().sum::<f64>() / n;
    let std = (deviations.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / n).sqrt();
    // Five standard errors.
    assert!(mean.abs() < 5.0 * 0.3 / n.sqrt(), "{mean}");
    assert!((std - 0.3).abs() < 5.0 * 0.3 / (2.0 * n).sqrt(), "{std}");
}

#[test]
fn parameters_out_of_range() {
    let refused = |plan: Synthetic| match plan.make(0) {
        Err(DataError::Parameter { parameter, .. }) => parameter,
        other => panic!("{plan:?} was accepted: {:?}", other.map(|s| s.train.len())),
    };
    let moons = Synthetic::new(Kind::Moons);
    for noise in [-0.1, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(Synthetic { noise, ..moons }), "noise");
    }
    assert_eq!(refused(Synthetic { n_train: 0, ..moons }), "n_train");
    assert_eq!(refused(Synthetic { n_test: u32::MAX, ..moons }), "n_test");
    for (kind, parameter) in [
        (Kind::Spirals { arms: 1, turns: 1.0 }, "arms"),
        (Kind::Spirals { arms: 2, turns: f64::NAN }, "turns"),
        (Kind::Circles { inner: 1.0 }, "inner"),
        (Kind::Blobs { classes: 11 }, "classes"),
        (Kind::Checkerboard { squares: 0 }, "squares"),
        (Kind::Sine { periods: -1.0 }, "periods"),
        (Kind::Polynomial { degree: 0 }, "degree"),
    ] {
        assert_eq!(refused(Synthetic::new(kind)), parameter);
    }
}
