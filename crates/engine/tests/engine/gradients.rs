//! Level 2: every layer and every loss in `f64` against central differences,
//! with respect to each input and each param.
//!
//! The function that is differentiated is a weighted sum of the outputs: a
//! plain sum would hide terms (the outputs of batch norm sum to a constant).

use kobai_engine::init::Init;
use kobai_engine::layer::LayerKind;
use kobai_engine::layers::{
    Activation, AdaptiveAvgPool2d, Add, AvgPool2d, BatchNorm, Concat, Conv2d, Dropout, Flatten, Linear,
    LocalResponseNorm, MaxPool2d, Scaling, SigmoidGradient, Softmax,
};
use kobai_engine::plan::Step;
use kobai_engine::{Alone, Executor, Graph, Loss, NodeId, Plan, PlanOptions, Shape, Targets, Unobserved};
use kobai_kernels::Pool;
use kobai_testkit::{GradientReport, STEP, Verdict, check_gradient, labels, values, values_off_integers};
use std::ops::Range;

/// A layer, the shapes of its inputs, a batch.
struct Case {
    what: &'static str,
    layer: LayerKind,
    shapes: Vec<Shape>,
    n: usize,
}

fn case(what: &'static str, layer: impl Into<LayerKind>, shapes: &[&[usize]], n: usize) -> Case {
    Case { what, layer: layer.into(), shapes: shapes.iter().map(|s| Shape::new(s)).collect(), n }
}

/// The cases of every kind of layer. A new kind does not compile before it has
/// a line here, and a line without cases fails `every_layer`.
macro_rules! registry {
    ($($kind:ident => $cases:expr,)*) => {
        fn registry() -> Vec<(&'static str, Vec<Case>)> {
            fn _complete(kind: &LayerKind) {
                match kind {
                    $(LayerKind::$kind(_) => {})*
                }
            }
            vec![$((stringify!($kind), {
                let cases: Vec<Case> = $cases;
                assert!(cases.iter().all(|c| matches!(c.layer, LayerKind::$kind(_))));
                cases
            })),*]
        }
    };
}

registry! {
    Linear => vec![
        case("5 to 3", Linear::new(3), &[&[5]], 4),
        case("one example", Linear::new(4), &[&[7]], 1),
        case("one input, one output", Linear::new(1), &[&[1]], 3),
        case("no bias", Linear { bias: false, ..Linear::new(3) }, &[&[5]], 2),
        case("odd sizes", Linear::new(19), &[&[33]], 17),
    ],
    Activation => activations().into_iter().map(|a| case("", a, &[&[5, 3, 4]], 2)).collect(),
    BatchNorm => vec![
        case("features", BatchNorm::default(), &[&[3]], 7),
        case("two examples", BatchNorm { eps: 1e-2, ..BatchNorm::default() }, &[&[4]], 2),
        case("image", BatchNorm::default(), &[&[3, 2, 4]], 3),
        case("one image", BatchNorm::default(), &[&[2, 3, 3]], 1),
        case("several blocks of rows", BatchNorm::default(), &[&[2, 7, 5]], 4),
        case("course", BatchNorm::course(), &[&[5]], 6),
    ],
    Dropout => vec![
        case("inverted", Dropout::new(0.4), &[&[9]], 3),
        case("course", Dropout { p: 0.4, scaling: Scaling::Eval }, &[&[9]], 3),
        case("image", Dropout::new(0.7), &[&[2, 3, 4]], 2),
        case("p = 0", Dropout::new(0.0), &[&[5]], 2),
    ],
    Flatten => vec![
        case("several channels", Flatten, &[&[3, 2, 4]], 2),
        case("one channel", Flatten, &[&[1, 3, 2]], 2),
        case("one pixel", Flatten, &[&[5, 1, 1]], 2),
        case("features", Flatten, &[&[6]], 2),
    ],
    Add => vec![
        case("features", Add, &[&[5], &[5]], 3),
        case("image", Add, &[&[2, 3, 2], &[2, 3, 2]], 2),
    ],
    MaxPool2d => vec![
        case("2×2", MaxPool2d::new(2, 2), &[&[3, 4, 6]], 2),
        case("a rest is left out", MaxPool2d::new(2, 2), &[&[3, 5, 7]], 2),
        case("overlapping", MaxPool2d::new(3, 2), &[&[2, 7, 5]], 2),
        case("overlapping, padded", MaxPool2d::new(3, 2).padding(1), &[&[2, 6, 5]], 2),
        case("stride 1", MaxPool2d::new(3, 1).padding(1), &[&[2, 4, 3]], 2),
        case("ceil mode", MaxPool2d::new(3, 2).ceil_mode(true), &[&[2, 6, 7]], 2),
        case("ceil mode, padded", MaxPool2d::new(3, 2).padding(1).ceil_mode(true), &[&[2, 5, 6]], 2),
        case("stride beyond the kernel", MaxPool2d::new(2, 3), &[&[2, 8, 6]], 2),
        case(
            "nothing square",
            MaxPool2d { kernel: [2, 3], stride: [1, 2], padding: [1, 0], ceil_mode: false },
            &[&[2, 4, 7]],
            2,
        ),
        case("many channels", MaxPool2d::new(2, 2), &[&[67, 2, 4]], 1),
    ],
    AvgPool2d => vec![
        case("2×2", AvgPool2d::new(2, 2), &[&[3, 4, 6]], 2),
        case("overlapping, padded", AvgPool2d::new(3, 2).padding(1), &[&[2, 6, 5]], 2),
        case(
            "padding does not count",
            AvgPool2d::new(3, 2).padding(1).count_include_pad(false),
            &[&[2, 6, 5]],
            2,
        ),
        case("ceil mode", AvgPool2d::new(3, 2).ceil_mode(true), &[&[2, 6, 7]], 2),
        case("ceil mode, padded", AvgPool2d::new(3, 2).padding(1).ceil_mode(true), &[&[2, 5, 6]], 2),
        case("many channels", AvgPool2d::new(2, 1), &[&[67, 2, 3]], 1),
    ],
    AdaptiveAvgPool2d => vec![
        case("global", AdaptiveAvgPool2d::new(1, 1), &[&[3, 4, 5]], 2),
        case("uneven windows", AdaptiveAvgPool2d::new(3, 2), &[&[2, 5, 7]], 2),
        case("larger than the input", AdaptiveAvgPool2d::new(5, 3), &[&[2, 3, 2]], 2),
        case("many channels", AdaptiveAvgPool2d::new(1, 1), &[&[70, 2, 2]], 2),
    ],
    LocalResponseNorm => vec![
        case("AlexNet", LocalResponseNorm { size: 5, alpha: 0.5, beta: 0.75, k: 2.0 }, &[&[7, 2, 3]], 2),
        case("even size", LocalResponseNorm { size: 4, alpha: 0.3, beta: 0.5, k: 1.0 }, &[&[6, 2, 2]], 2),
        case("wider than the image", LocalResponseNorm { size: 9, alpha: 0.7, beta: 1.2, k: 1.0 }, &[&[3, 2, 1]], 2),
        case("one channel", LocalResponseNorm { size: 3, alpha: 0.4, ..LocalResponseNorm::new(3) }, &[&[1, 2, 3]], 2),
        case("many channels", LocalResponseNorm { alpha: 0.4, ..LocalResponseNorm::new(5) }, &[&[70, 1, 2]], 1),
    ],
    Concat => vec![
        case("features", Concat, &[&[5], &[2]], 3),
        case("images", Concat, &[&[2, 3, 2], &[1, 3, 2], &[4, 3, 2]], 2),
        case("one input", Concat, &[&[2, 2, 2]], 2),
        case("eight inputs", Concat, &[&[1], &[2], &[3], &[1], &[1], &[2], &[1], &[1]], 2),
    ],
    Softmax => vec![
        case("features", Softmax, &[&[7]], 3),
        case("many features", Softmax, &[&[35]], 2),
        case("channels of each pixel", Softmax, &[&[3, 2, 2]], 2),
    ],
    Conv2d => vec![
        case("1×1", Conv2d::new(3, 1), &[&[2, 3, 4]], 2),
        case("1×1, stride 2", Conv2d::new(3, 1).stride(2), &[&[2, 5, 4]], 2),
        case("3×3", Conv2d::new(3, 3), &[&[2, 5, 4]], 2),
        case("3×3, padded", Conv2d::new(3, 3).padding(1), &[&[2, 4, 5]], 3),
        case("no bias", Conv2d::new(4, 3).padding(1).bias(false), &[&[3, 3, 3]], 1),
        case("3×3, stride 2, padded", Conv2d::new(2, 3).stride(2).padding(1), &[&[3, 7, 6]], 2),
        case("7×7, stride 2, padding 3", Conv2d::new(2, 7).stride(2).padding(3), &[&[3, 6, 5]], 2),
        case("5×5 that sees all", Conv2d::new(4, 5), &[&[2, 5, 5]], 3),
        case("stride beyond the kernel", Conv2d::new(2, 2).stride(3), &[&[2, 8, 6]], 2),
        case("more padding than kernel", Conv2d::new(2, 2).padding(3), &[&[1, 2, 3]], 2),
        case("dilation 2", Conv2d::new(3, 3).dilation(2).padding(2), &[&[2, 6, 5]], 2),
        case("dilation 2, stride 2", Conv2d::new(2, 3).dilation(2).stride(2), &[&[2, 8, 9]], 2),
        case(
            "nothing square",
            Conv2d {
                kernel: [3, 2],
                stride: [1, 2],
                padding: [2, 1],
                dilation: [2, 3],
                ..Conv2d::new(3, 1)
            },
            &[&[2, 4, 7]],
            2,
        ),
        case("two groups", Conv2d::new(6, 3).padding(1).groups(2), &[&[4, 4, 3]], 2),
        case("groups of one output", Conv2d::new(3, 3).groups(3), &[&[6, 3, 4]], 2),
        case("1×1 in groups", Conv2d::new(4, 1).groups(2), &[&[6, 2, 3]], 2),
        case("depthwise", Conv2d::new(5, 3).padding(1).groups(5), &[&[5, 4, 4]], 2),
        case("depthwise, stride 2", Conv2d::new(5, 3).stride(2).padding(1).groups(5), &[&[5, 6, 7]], 2),
        case("depthwise 5×5, dilation 2", Conv2d::new(3, 5).dilation(2).padding(4).groups(3), &[&[3, 5, 6]], 1),
        case("depthwise with a multiplier", Conv2d::new(6, 3).padding(1).groups(3), &[&[3, 4, 4]], 2),
        case("17 to 19 channels", Conv2d::new(19, 3).padding(1), &[&[17, 3, 3]], 2),
        case("17 depthwise", Conv2d::new(17, 3).padding(1).groups(17), &[&[17, 5, 5]], 1),
        case("one pixel", Conv2d::new(4, 3).padding(1), &[&[3, 1, 1]], 3),
        case("a row", Conv2d { kernel: [1, 3], ..Conv2d::new(2, 1) }, &[&[2, 1, 9]], 2),
    ],
}

/// Every activation. A new one does not compile before it is in the match.
fn activations() -> Vec<Activation> {
    fn _complete(activation: Activation) {
        match activation {
            Activation::Sigmoid(SigmoidGradient::AtInput | SigmoidGradient::AtOutput)
            | Activation::Tanh
            | Activation::Relu
            | Activation::LeakyRelu { .. }
            | Activation::Elu { .. }
            | Activation::Gelu
            | Activation::Softplus
            | Activation::HardSwish
            | Activation::Relu6
            | Activation::Exp => {}
        }
    }
    vec![
        Activation::SIGMOID,
        Activation::Tanh,
        Activation::Relu,
        Activation::LeakyRelu { slope: 0.01 },
        Activation::LeakyRelu { slope: 0.2 },
        Activation::Elu { alpha: 1.0 },
        Activation::Elu { alpha: 0.7 },
        Activation::Gelu,
        Activation::Softplus,
        Activation::HardSwish,
        Activation::Relu6,
        Activation::Exp,
    ]
}

/// A tensor and its report.
type Report = (String, GradientReport);

/// The reports of all inputs and params. `tamper` may change each gradient
/// before it is compared.
fn reports(case: &Case, tamper: impl Fn(&mut [f64])) -> Vec<Report> {
    let mut layer = Alone::<f64>::new(case.layer.clone(), &case.shapes, case.n).expect(case.what);
    let mut params = values(layer.params().len(), 1);
    layer.params().copy_from_slice(&params);
    let mut inputs: Vec<Vec<f64>> =
        (2..).zip(&case.shapes).map(|(key, s)| values_off_integers(case.n * s.len(), key)).collect();
    let forward = |layer: &mut Alone<f64>, inputs: &[Vec<f64>]| {
        layer.forward(&inputs.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let weights = values(forward(&mut layer, &inputs).len(), 9);
    let mut gradients = layer.backward(&weights);
    let sum = |y: &[f64]| y.iter().zip(&weights).map(|(y, w)| y * w).sum::<f64>();

    let mut reports = Vec::new();
    for (i, gradient) in gradients.inputs.iter_mut().enumerate() {
        tamper(gradient);
        let at = inputs[i].clone();
        let f = |x: &[f64]| {
            inputs[i].copy_from_slice(x);
            sum(&forward(&mut layer, &inputs))
        };
        reports.push((format!("input {i}"), check_gradient(f, &at, gradient, STEP)));
        inputs[i].copy_from_slice(&at);
    }
    let mut start = 0;
    for spec in layer.plan().params.clone() {
        let range = start..start + spec.len();
        start = range.end;
        let gradient = &mut gradients.params[range.clone()];
        tamper(gradient);
        let at = params[range.clone()].to_vec();
        let f = |x: &[f64]| {
            params[range.clone()].copy_from_slice(x);
            layer.params().copy_from_slice(&params);
            sum(&forward(&mut layer, &inputs))
        };
        reports.push((spec.name.into(), check_gradient(f, &at, gradient, STEP)));
        params[range].copy_from_slice(&at);
        layer.params().copy_from_slice(&params);
    }
    reports
}

#[track_caller]
fn assert_all(what: &str, reports: &[Report]) {
    assert!(!reports.is_empty(), "{what}: nothing was checked");
    for (tensor, report) in reports {
        assert!(report.passed(), "{what}, {tensor}: {report}");
    }
}

/// The sign of the largest element: the smallest mistake that a wrong sign makes.
fn flip_largest(gradient: &mut [f64]) {
    let largest = gradient.iter_mut().max_by(|a, b| a.abs().total_cmp(&b.abs())).expect("not empty");
    *largest = -*largest;
}

#[test]
fn every_layer() {
    for (kind, cases) in registry() {
        assert!(!cases.is_empty(), "{kind} has no cases");
        for case in &cases {
            assert_all(&format!("{:?} {}", case.layer, case.what), &reports(case, |_| {}));
        }
    }
}

#[test]
fn a_flipped_sign_is_rejected_in_every_layer() {
    for (kind, cases) in registry() {
        for case in &cases {
            for (tensor, report) in reports(case, flip_largest) {
                assert_eq!(report.verdict, Verdict::Wrong, "{kind} {}, {tensor}: {report}", case.what);
            }
        }
    }
}

#[test]
fn a_gradient_that_is_one_percent_off_is_rejected_in_every_layer() {
    for (kind, cases) in registry() {
        for case in &cases {
            for (tensor, report) in reports(case, |g| g.iter_mut().for_each(|g| *g *= 1.01)) {
                assert_eq!(report.verdict, Verdict::Wrong, "{kind} {}, {tensor}: {report}", case.what);
            }
        }
    }
}

/// The bug of a published notebook, which this product offers by name.
#[test]
fn the_derivative_at_the_output_is_rejected() {
    let bug = Activation::Sigmoid(SigmoidGradient::AtOutput);
    let (_, report) = reports(&case("", bug, &[&[20]], 2), |_| {}).remove(0);
    assert_eq!(report.verdict, Verdict::Wrong, "{report}");
}

/// What a network should answer.
enum Answers {
    Classes(Vec<u32>),
    Values(Vec<f64>),
}

impl Answers {
    fn targets(&self) -> Targets<'_, f64> {
        match self {
            Answers::Classes(labels) => Targets::Classes(labels),
            Answers::Values(values) => Targets::Values(values),
        }
    }
}

/// Answers of the right kind. A new loss does not compile before it is here.
fn answers(loss: Loss, n: usize, width: usize) -> Answers {
    match loss {
        Loss::CrossEntropy | Loss::CrossEntropyOfProbabilities => {
            Answers::Classes(labels(n, width as u32, 20))
        }
        // One-hot: a loss of values that is given classes.
        Loss::BinaryCrossEntropy => Answers::Classes(labels(n, width as u32, 21)),
        Loss::MeanSquaredError | Loss::MeanAbsoluteError => Answers::Values(values(n * width, 20)),
        Loss::BinaryCrossEntropyOfProbabilities => {
            Answers::Values(values(n * width, 20).iter().map(|v| 0.5 + 0.4 * v.clamp(-1.0, 1.0)).collect())
        }
    }
}

const LOSSES: [Loss; 6] = Loss::ALL;

/// The loss of a planned network as a function of the params of each node.
/// Node by node, not tensor by tensor: a bias before batch norm has gradient
/// zero and can be judged on the scale of its weight alone.
fn network_reports(
    graph: &Graph,
    n: usize,
    x: &[f64],
    params: &[f64],
    tamper: impl Fn(&mut [f64]),
) -> Vec<Report> {
    let plan = Plan::new(graph, &PlanOptions::batch(n)).expect("a right network");
    let answers = answers(plan.loss, n, plan.output_shape().len());
    let ranges: Vec<(String, Range<usize>)> = plan
        .nodes
        .iter()
        .filter(|n| !n.params.is_empty())
        .map(|n| (n.name.clone(), n.params.clone()))
        .collect();
    let mut exec = Executor::<f64>::new(plan.into(), 0, Pool::serial().into());
    let mut loss = |params: &[f64]| {
        exec.params_mut().copy_from_slice(params);
        exec.train_input(n).copy_from_slice(x);
        let score = exec.forward_backward(n, answers.targets(), &mut Unobserved);
        (score.loss(), exec.grads().to_vec())
    };
    let mut gradient = loss(params).1;
    let mut all = Vec::new();
    for (name, range) in ranges {
        tamper(&mut gradient[range.clone()]);
        let mut at = params.to_vec();
        let f = |p: &[f64]| {
            at[range.clone()].copy_from_slice(p);
            loss(&at).0
        };
        all.push((name, check_gradient(f, &params[range.clone()], &gradient[range.clone()], STEP)));
    }
    all
}

/// A network with the initial params of a seed, moved a little so that no
/// bias is 0 and no γ is 1.
fn check_network(what: &str, n: usize, build: impl Fn(&mut Graph) -> NodeId, input: &[usize]) {
    for loss in LOSSES {
        let mut graph = Graph::new(Shape::new(input));
        let mut output = build(&mut graph);
        if loss.takes_probabilities() {
            output = graph.layer("softmax", Softmax, &[output]);
        }
        graph.output(output, loss);
        let plan = Plan::new(&graph, &PlanOptions::batch(n)).expect(what);
        let mut params = Executor::<f64>::new(plan.into(), 3, Pool::serial().into()).params().to_vec();
        params.iter_mut().zip(values(1 << 10, 30)).for_each(|(p, v)| *p += 0.2 * v);
        let x = values(n * Shape::new(input).len(), 31);
        assert_all(&format!("{what}, {}", loss.name()), &network_reports(&graph, n, &x, &params, |_| {}));
        for (name, report) in network_reports(&graph, n, &x, &params, flip_largest) {
            assert_eq!(report.verdict, Verdict::Wrong, "{what}, {name}: {report}");
        }
    }
}

fn mlp(g: &mut Graph) -> NodeId {
    let x = g.linear("fc1", g.input(), 4);
    let x = g.batch_norm("bn1", x);
    let x = g.activation("act1", x, Activation::Tanh);
    let x = g.dropout("drop1", x, 0.3);
    let x = g.linear("fc2", x, 6);
    let x = g.activation("act2", x, Activation::SIGMOID);
    g.linear("fc3", x, 3)
}

/// `h` is read by three nodes.
fn residual(g: &mut Graph) -> NodeId {
    let h = g.linear("fc0", g.input(), 6);
    let a = g.linear("fc1", h, 6);
    let a = g.activation("act1", a, Activation::Tanh);
    let b = g.activation("act2", h, Activation::Softplus);
    let s = g.add("add1", a, h);
    let s = g.add("add2", s, b);
    g.linear("fc2", s, 3)
}

#[test]
fn mlp_with_batch_norm_and_dropout() {
    check_network("mlp", 7, mlp, &[5]);
}

#[test]
fn residual_block_with_fan_out() {
    check_network("residual", 4, residual, &[5]);
}

#[test]
fn batch_norm_on_the_images_themselves() {
    let build = |g: &mut Graph| {
        let x = g.batch_norm("bn0", g.input());
        let x = g.flatten("flat", x);
        let x = g.activation("act", x, Activation::Gelu);
        g.linear("fc", x, 3)
    };
    check_network("images", 4, build, &[2, 3, 2]);
}

/// In-place ReLU after batch norm and after a convolution; `h` is read by four
/// nodes; every layer of images.
fn convnet(g: &mut Graph) -> NodeId {
    let x = g.conv2d("conv1", g.input(), Conv2d::new(4, 3).padding(1).bias(false));
    let x = g.batch_norm("bn1", x);
    let x = g.activation("relu1", x, Activation::Relu);
    let h = g.max_pool("pool1", x, MaxPool2d::new(3, 2).padding(1));
    let a = g.conv2d("conv2", h, Conv2d::new(3, 3).padding(1));
    let a = g.activation("relu2", a, Activation::Relu);
    let b = g.conv2d("conv3", h, Conv2d::new(2, 1));
    let r = g.conv2d("conv4", h, Conv2d::new(4, 3).padding(1).groups(4));
    let r = g.add("add", h, r);
    let x = g.concat("concat", &[a, b, r, h]);
    let x = g.lrn("lrn", x, LocalResponseNorm { alpha: 0.5, ..LocalResponseNorm::new(3) });
    let x = g.avg_pool("pool2", x, AvgPool2d::new(2, 1));
    let x = g.dropout("drop", x, 0.2);
    let x = g.adaptive_avg_pool("pool3", x, [2, 1]);
    let x = g.flatten("flat", x);
    g.linear("fc", x, 3)
}

#[test]
fn convolutions_with_fan_out() {
    check_network("convnet", 3, convnet, &[2, 6, 5]);
}

/// The value of a node shares its buffer with its reader.
#[test]
fn relu_after_convolution_and_batch_norm_works_in_place() {
    let mut g = Graph::new([2, 6, 5].into());
    let output = convnet(&mut g);
    g.output(output, Loss::CrossEntropy);
    let plan = Plan::new(&g, &PlanOptions::batch(3)).expect("a right network");
    for program in [&plan.train, &plan.eval] {
        let forward: Vec<_> = program
            .steps
            .iter()
            .filter_map(|s| if let Step::Forward(f) = s { Some(f) } else { None })
            .collect();
        let value = |name: &str| {
            let node = plan.node(name).expect(name).index;
            let step = forward.iter().find(|f| f.node == node).expect(name);
            assert!(!step.copy_first, "{name} copies");
            step.output
        };
        assert_eq!(value("bn1"), value("relu1"));
        assert_eq!(value("conv2"), value("relu2"));
        assert_ne!(value("conv1"), value("bn1"), "batch norm reads its input again");
    }
}

#[test]
fn a_value_added_to_itself() {
    let build = |g: &mut Graph| {
        let x = g.linear("fc0", g.input(), 4);
        let x = g.add("twice", x, x);
        let x = g.activation("act", x, Activation::Tanh);
        g.linear("fc1", x, 3)
    };
    check_network("x + x", 3, build, &[5]);
}

/// The readers of the output are no part of the loss.
#[test]
fn an_output_that_is_read_once_more() {
    let build = |g: &mut Graph| {
        let x = g.linear("fc0", g.input(), 3);
        let y = g.activation("act", x, Activation::Tanh);
        g.activation("unused", y, Activation::Relu);
        y
    };
    check_network("unused reader", 3, build, &[5]);
}

/// A network whose first layer has one-hot inputs and no bias: its weight is
/// the (transposed) input of the rest.
fn from_input(n: usize, width: usize, rest: impl Fn(&mut Graph, NodeId) -> NodeId) -> (Graph, Vec<f64>) {
    let mut g = Graph::new([n].into());
    let first = Linear { bias: false, ..Linear::new(width).init(Init::Zeros) };
    let input = g.layer("x", first, &[g.input()]);
    let output = rest(&mut g, input);
    g.output(output, Loss::CrossEntropy);
    let one_hot = (0..n * n).map(|i| if i / n == i % n { 1.0 } else { 0.0 }).collect();
    (g, one_hot)
}

#[test]
fn every_loss_with_respect_to_its_input() {
    for loss in LOSSES {
        for (n, width) in [(1, 2), (4, 3), (6, 10), (3, 37)] {
            let (mut graph, one_hot) = from_input(n, width, |g, x| {
                if loss.takes_probabilities() { g.layer("softmax", Softmax, &[x]) } else { x }
            });
            graph.output(graph.head().0, loss);
            let params: Vec<f64> = values(n * width, 40).iter().map(|v| 3.0 * v).collect();
            let what = format!("{} of {n}×{width}", loss.name());
            assert_all(&what, &network_reports(&graph, n, &one_hot, &params, |_| {}));
            let flipped = network_reports(&graph, n, &one_hot, &params, flip_largest);
            assert_eq!(flipped[0].1.verdict, Verdict::Wrong, "{what}: {}", flipped[0].1);
        }
    }
}

#[test]
fn networks_with_respect_to_their_input() {
    let n = 5;
    let mlp = from_input(n, 4, |g, x| {
        let x = g.batch_norm("bn1", x);
        let x = g.activation("act1", x, Activation::Gelu);
        let x = g.dropout("drop1", x, 0.3);
        g.linear("fc2", x, 3)
    });
    let residual = from_input(n, 4, |g, x| {
        let a = g.linear("fc1", x, 4);
        let b = g.activation("act", x, Activation::Tanh);
        let s = g.add("add1", a, x);
        g.add("add2", b, s)
    });
    for (what, (graph, one_hot)) in [("mlp", mlp), ("residual", residual)] {
        let len = Plan::new(&graph, &PlanOptions::batch(n)).expect(what).param_len();
        assert_all(what, &network_reports(&graph, n, &one_hot, &values(len, 50), |_| {}));
    }
}
