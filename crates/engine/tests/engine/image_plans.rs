//! What the plans of the image layers say: shapes, params, counts, mistakes.

use kobai_engine::init::{Fans, Init};
use kobai_engine::layer::{Layer, LayerKind, Layout};
use kobai_engine::layers::{AdaptiveAvgPool2d, AvgPool2d, Concat, Conv2d, LocalResponseNorm, MaxPool2d};
use kobai_engine::{Explain, Graph, Lang, Loss, MAX_INPUTS, Plan, PlanOptions, Problem, Shape};

fn output(layer: impl Into<LayerKind>, input: [usize; 3]) -> Shape {
    layer.into().plan(&[input.into()]).expect("it fits").output
}

#[test]
fn shapes_of_known_networks() {
    // The first layers of AlexNet, ResNet and GoogLeNet.
    assert_eq!(output(Conv2d::new(64, 11).stride(4).padding(2), [3, 224, 224]), [64, 55, 55].into());
    assert_eq!(output(MaxPool2d::new(3, 2), [64, 55, 55]), [64, 27, 27].into());
    assert_eq!(output(Conv2d::new(64, 7).stride(2).padding(3), [3, 224, 224]), [64, 112, 112].into());
    assert_eq!(output(MaxPool2d::new(3, 2).padding(1), [64, 112, 112]), [64, 56, 56].into());
    assert_eq!(output(MaxPool2d::new(3, 2).ceil_mode(true), [64, 112, 112]), [64, 56, 56].into());
    assert_eq!(output(AvgPool2d::new(2, 2), [6, 28, 28]), [6, 14, 14].into());
    assert_eq!(output(AdaptiveAvgPool2d::new(6, 6), [256, 13, 13]), [256, 6, 6].into());
    assert_eq!(output(LocalResponseNorm::new(5), [96, 55, 55]), [96, 55, 55].into());
    let shapes = [[64, 28, 28].into(), [128, 28, 28].into(), [32, 28, 28].into()];
    assert_eq!(Concat.plan(&shapes).expect("it fits").output, [224, 28, 28].into());
}

#[test]
fn params_of_a_convolution() {
    let plan = Conv2d::new(6, 3).groups(2).plan(&[[4, 10, 9].into()]).expect("it fits");
    let [weight, bias] = plan.params.as_slice() else { panic!("weight and bias") };
    assert_eq!((weight.name, weight.dims.as_slice()), ("weight", &[6, 2, 3, 3][..]));
    assert_eq!((weight.layout, weight.decay), (Layout::ConvChannelsLast, true));
    assert_eq!(weight.fans, Fans { fan_in: 2 * 9, fan_out: 6 * 9 });
    assert_eq!((bias.name, bias.dims.as_slice()), ("bias", &[6][..]));
    assert_eq!((bias.layout, bias.decay, bias.init), (Layout::Plain, false, Init::Zeros));
    assert_eq!(plan.macs, 6 * 8 * 7 * 9 * 2);
    assert_eq!(Conv2d::new(6, 3).bias(false).plan(&[[4, 10, 9].into()]).expect("it fits").params.len(), 1);
}

fn problem(layer: impl Into<LayerKind>, inputs: &[Shape]) -> Problem {
    layer.into().plan(inputs).expect_err("it does not fit")
}

#[test]
fn mistakes_are_told_apart() {
    let image: [Shape; 1] = [[4, 6, 5].into()];
    let name = |p| match p {
        Problem::Setting { name, .. } => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(name(problem(Conv2d::new(0, 3), &image)), "out_channels");
    assert_eq!(name(problem(Conv2d::new(2, 0), &image)), "kernel");
    assert_eq!(name(problem(Conv2d::new(2, 3).stride(0), &image)), "stride");
    assert_eq!(name(problem(Conv2d::new(2, 3).dilation(0), &image)), "dilation");
    assert_eq!(name(problem(Conv2d::new(2, 3).groups(0), &image)), "groups");
    assert_eq!(name(problem(Conv2d::new(2, 3).padding(usize::MAX), &image)), "padding");
    assert_eq!(name(problem(MaxPool2d::new(2, 0), &image)), "stride");
    assert_eq!(name(problem(AvgPool2d::new(0, 1), &image)), "kernel");
    assert_eq!(name(problem(AdaptiveAvgPool2d::new(1, 0), &image)), "output");
    assert_eq!(name(problem(LocalResponseNorm::new(0), &image)), "size");
    let lrn = LocalResponseNorm::new(5);
    assert_eq!(name(problem(LocalResponseNorm { k: 0.0, ..lrn }, &image)), "k");
    assert_eq!(name(problem(LocalResponseNorm { alpha: f64::NAN, ..lrn }, &image)), "alpha");

    let window = |window, padded| Problem::Window { window, padded, got: image[0] };
    assert_eq!(problem(Conv2d::new(2, 3).dilation(3), &image), window([7, 7], [6, 5]));
    assert_eq!(problem(MaxPool2d::new(7, 2), &image), window([7, 7], [6, 5]));
    assert_eq!(problem(AvgPool2d::new(9, 2).padding(1), &image), window([9, 9], [8, 7]));
    let padding = Problem::Padding { kernel: [3, 3], padding: [2, 2] };
    assert_eq!(problem(MaxPool2d::new(3, 2).padding(2), &image), padding);
    let groups = |groups, out| Problem::Groups { groups, in_channels: 4, out_channels: out };
    assert_eq!(problem(Conv2d::new(6, 3).groups(3), &image), groups(3, 6));
    assert_eq!(problem(Conv2d::new(6, 3).groups(4), &image), groups(4, 6));

    let flat: [Shape; 1] = [[7].into()];
    for layer in [
        LayerKind::from(Conv2d::new(2, 3)),
        MaxPool2d::new(2, 2).into(),
        AvgPool2d::new(2, 2).into(),
        AdaptiveAvgPool2d::new(1, 1).into(),
        lrn.into(),
    ] {
        assert_eq!(problem(layer.clone(), &flat), Problem::Rank { expected: 3, got: flat[0] });
        let empty: Shape = [3, 0, 5].into();
        assert_eq!(problem(layer.clone(), &[empty]), Problem::Empty { got: empty });
        assert_eq!(problem(layer, &[image[0]; 2]), Problem::Inputs { expected: 1, got: 2 });
    }
    let joint = Problem::Joint { first: image[0], other: [4, 6, 4].into() };
    assert_eq!(problem(Concat, &[image[0], [4, 6, 4].into()]), joint);
    assert_eq!(problem(Concat, &[]), Problem::Inputs { expected: 1, got: 0 });
    let many = vec![image[0]; MAX_INPUTS + 1];
    assert_eq!(problem(Concat, &many), Problem::TooManyInputs { most: MAX_INPUTS, got: MAX_INPUTS + 1 });
    assert!(Concat.plan(&many[1..]).is_ok());
}

/// Each message names the node and the sizes, in both languages.
#[test]
fn mistakes_say_their_sizes() {
    let told = |build: &dyn Fn(&mut Graph), sizes: &[&str]| {
        let mut g = Graph::new([4, 6, 5].into());
        build(&mut g);
        g.output(g.input(), Loss::CrossEntropy);
        let errors = Plan::new(&g, &PlanOptions::batch(2)).expect_err("a wrong network");
        for lang in [Lang::En, Lang::Ja] {
            let text = errors.explain(lang).to_string();
            for size in sizes.iter().chain(&["`wrong`"]) {
                assert!(text.contains(size), "no {size} in {lang:?}:\n{text}");
            }
        }
        let [en, ja] = [Lang::En, Lang::Ja].map(|l| errors.explain(l).to_string());
        assert!(en.is_ascii() || en.contains('×'), "{en}");
        assert!(ja.chars().any(|c| ('ぁ'..='ん').contains(&c)), "{ja}");
    };
    told(
        &|g| {
            g.conv2d("wrong", g.input(), Conv2d::new(2, 9).padding(1));
        },
        &["9×9", "8×7", "4×6×5"],
    );
    told(
        &|g| {
            g.conv2d("wrong", g.input(), Conv2d::new(6, 3).groups(3));
        },
        &["4", "6", "3"],
    );
    told(
        &|g| {
            g.max_pool("wrong", g.input(), MaxPool2d::new(3, 2).padding(2));
        },
        &["3×3", "1×1", "2×2"],
    );
    told(
        &|g| {
            let half = g.max_pool("half", g.input(), MaxPool2d::new(2, 2));
            g.concat("wrong", &[g.input(), half]);
        },
        &["4×6×5", "4×3×2", "`half`"],
    );
    told(
        &|g| {
            g.concat("wrong", &[g.input(); 9]);
        },
        &["8", "9"],
    );
}
