use kobai_engine::Shape;

use super::{Kind, Synthetic};
use crate::dataset::{Dataset, Inputs, Targets};
use crate::error::DataError;

fn floats(set: &Dataset) -> &[f32] {
    let Inputs::F32(data) = set.inputs() else { panic!("not floats") };
    data
}

/// The numbers of a few inputs.
fn some(set: &Dataset, n: u32) -> Vec<f32> {
    let indices: Vec<u32> = (0..n).collect();
    let mut out = vec![f32::NAN; n as usize * set.shape().len()];
    set.gather(&indices, &mut out);
    out
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
        assert!(some(&split.train, 30).iter().all(|x| x.abs() < 4.0), "{kind:?}");
        let counts = split.train.summary().class_counts;
        let (least, most) = (counts.iter().min(), counts.iter().max());
        assert!(least.zip(most).is_none_or(|(l, m)| m - l <= 1), "{kind:?}: {counts:?}");
        assert_eq!(kind.classes() == 0, split.train.target_width() == Some(1));
        let inputs = if kind == Kind::Friedman { 10 } else { 1 };
        assert!(kind.classes() != 0 || kind.shape() == Shape::from([inputs]));
    }
}

#[test]
fn a_pure_function_of_the_seed() {
    for kind in Kind::ALL {
        let plan = Synthetic::new(kind);
        let split = plan.make(7).unwrap();
        assert_eq!(split, plan.make(7).unwrap());
        assert_ne!(split.train.checksum(), plan.make(8).unwrap().train.checksum());
        assert_ne!(some(&split.train, 20), some(&split.test, 20), "{kind:?}: tested on what was learnt");
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

/// Soft-max regression by plain gradient descent, one example after the other:
/// its accuracy on the set that it learned from, and on the other one.
fn softmax_regression(split: &crate::Split, epochs: usize) -> [f64; 2] {
    const K: usize = super::shapes::CLASSES;
    let n = split.train.shape().len();
    let (learn, test) = (some(&split.train, 4000), some(&split.test, 1000));
    // Classes take turns.
    let (mut w, mut b) = (vec![0f32; K * n], [0f32; K]);
    let scores = |w: &[f32], b: &[f32; K], x: &[f32]| -> [f32; K] {
        std::array::from_fn(|k| b[k] + w[k * n..][..n].iter().zip(x).map(|(w, x)| w * (x - 0.5)).sum::<f32>())
    };
    for _ in 0..epochs {
        for (i, x) in learn.chunks_exact(n).enumerate() {
            let s = scores(&w, &b, x);
            let most = s.iter().copied().fold(f32::MIN, f32::max);
            let e = s.map(|s| (s - most).exp());
            let sum: f32 = e.iter().sum();
            for k in 0..K {
                let g = 2e-4 * (e[k] / sum - f32::from(u8::from(i % K == k)));
                b[k] -= g;
                w[k * n..][..n].iter_mut().zip(x).for_each(|(w, x)| *w -= g * (x - 0.5));
            }
        }
    }
    [learn, test].map(|inputs| {
        let right = |(i, x): (usize, &[f32])| {
            let s = scores(&w, &b, x);
            (0..K).all(|k| s[k] <= s[i % K])
        };
        let count = inputs.len() / n;
        inputs.chunks_exact(n).enumerate().filter(|&(i, x)| right((i, x))).count() as f64 / count as f64
    })
}

/// A line through pixel space must not do: what it learns by heart helps it
/// little with new pictures. That it does learn something shows that the
/// regression works.
#[test]
fn shapes_are_not_for_linear_models() {
    let split = Synthetic::new(Kind::Shapes).make(0).unwrap();
    let [learned, tested] = softmax_regression(&split, 6);
    assert!(learned > 0.15, "{learned}");
    assert!(tested < 0.45, "{tested}");
}

/// Colours say nothing: the mean colour of every class is the mean colour.
#[test]
fn shapes_have_no_colours_of_their_own() {
    let plan = Synthetic { n_train: 4000, ..Synthetic::new(Kind::Shapes) };
    let set = plan.make(3).unwrap().train;
    let inputs = some(&set, 4000);
    let picture = 3 * 32 * 32;
    let mean = |class: Option<usize>, c: usize| {
        let of = inputs.chunks_exact(picture).enumerate().filter(|(i, _)| class.is_none_or(|k| i % 10 == k));
        let values: Vec<f64> =
            of.flat_map(|(_, x)| x.iter().skip(c).step_by(3)).map(|&x| f64::from(x)).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    for c in 0..3 {
        let all = mean(None, c);
        assert!((0.4..0.6).contains(&all), "{all}");
        for class in 0..10 {
            // A picture's mean colour has a standard deviation of about 0.2;
            // 400 pictures: 0.01. Four of them.
            assert!((mean(Some(class), c) - all).abs() < 0.04, "class {class}");
        }
    }
}

#[test]
fn shapes_are_limited_and_without_noise_smooth() {
    let plan = Synthetic::new(Kind::Shapes);
    let many = Synthetic { n_test: super::shapes::MAX_PICTURES + 1, ..plan };
    assert!(matches!(many.make(0), Err(DataError::Parameter { parameter: "n_test", .. })));
    // Noise of 0.04 means 10 levels: the difference to the clean picture, where
    // neither is cut off.
    let small = |noise| Synthetic { n_train: 20, n_test: 1, noise, ..plan }.make(0).unwrap().train;
    let (clean, noisy) = (some(&small(0.0), 20), some(&small(0.04), 20));
    let apart: Vec<f64> = clean
        .iter()
        .zip(&noisy)
        .filter(|(c, _)| (0.2..0.8).contains(*c))
        .map(|(c, n)| f64::from(n - c))
        .collect();
    let count = apart.len() as f64;
    let std = (apart.iter().map(|d| d * d).sum::<f64>() / count).sqrt();
    // Of some 40 000 values, a standard deviation is known to half a percent.
    assert!(count > 30_000.0 && (std - 0.04).abs() < 0.001, "{std} of {count}");
}
