//! Level 3: what PyTorch computes (`tests/golden`, recorded in double
//! precision), in `f64` and in `f32`.
//!
//! Tolerances count the roundings on the way to a value (`Tol::sum`), one more
//! for the rounding of the expected value to the compared type. A gradient
//! in evaluation mode is not compared: the engine has none.

use crate::common::recorded::{Number, in_both_types, largest, to};
use kobai_engine::layers::{Activation, BatchNorm, Linear, Softmax};
use kobai_engine::optim::{Clip, Optimizer, ParamRule, Penalty, Updater, Updates};
use kobai_engine::{Alone, Executor, Graph, Loss, Plan, PlanOptions, Targets, Unobserved};
use kobai_kernels::{Isa, Pool, Real};
use kobai_testkit::{Golden, Tol, assert_close};

/// Compares with a recorded tensor.
#[track_caller]
fn check<T: Number>(golden: &Golden, name: &str, actual: &[T], tol: Tol) {
    assert_close(actual, &to::<T>(golden.f64(name)), tol, name);
}

in_both_types!(
    linear,
    activations,
    batch_norm,
    cross_entropy,
    mean_squared_error,
    other_losses,
    optimizers,
    clipping,
    mlp_on_the_executor,
    mlp_as_a_chain,
);

fn linear<T: Number>() {
    let g = Golden::open("linear");
    let mut layer = Alone::<T>::new(Linear::new(3), &[[5].into()], 7).unwrap();
    let params = [g.f64("weight"), g.f64("bias")].concat();
    layer.params().copy_from_slice(&to::<T>(&params));
    let y = layer.forward(&[&to(g.f64("x"))]);
    let grads = layer.backward(&to(g.f64("grad_y")));
    let (weight, bias) = grads.params.split_at(15);
    check(&g, "y", &y, Tol::sum(5 + 1 + 1));
    check(&g, "grad_x", &grads.inputs[0], Tol::sum(3 + 1));
    check(&g, "grad_weight", weight, Tol::sum(7 + 1));
    check(&g, "grad_bias", bias, Tol::sum(7 + 1));
}

fn activations<T: Number>() {
    let g = Golden::open("activation");
    let all = [
        ("sigmoid", Activation::SIGMOID),
        ("tanh", Activation::Tanh),
        ("relu", Activation::Relu),
        ("leaky_relu_0.01", Activation::LeakyRelu { slope: 0.01 }),
        ("leaky_relu_0.2", Activation::LeakyRelu { slope: 0.2 }),
        ("elu", Activation::Elu { alpha: 1.0 }),
        ("gelu", Activation::Gelu),
        ("softplus", Activation::Softplus),
        ("hardswish", Activation::HardSwish),
        ("relu6", Activation::Relu6),
    ];
    let recorded = g.names().filter(|n| n.ends_with(".y")).count();
    assert_eq!(recorded, all.len(), "an activation is recorded and not compared");
    // The largest error of an elementary function (tanh, 3.2 ulps, half as much again without
    // fused arithmetic) and the roundings around it.
    const ROUNDINGS: usize = 6;
    for (name, activation) in all {
        for tail in ["", "_extreme"] {
            let (x, grad_y) = (g.f64(&format!("x{tail}")), g.f64(&format!("grad_y{tail}")));
            let mut layer = Alone::<T>::new(activation, &[[x.len()].into()], 1).unwrap();
            let y = layer.forward(&[&to(x)]);
            let grads = layer.backward(&to(grad_y));
            // GELU's 1 + erf cancels for negative x: an error of the size of |x|.
            // Single precision gives 0 for what would be subnormal.
            // PyTorch's softplus returns x itself above 20 and drops the e^-x that ours keeps.
            let extreme = tail == "_extreme";
            let by_element = name != "gelu" && !(extreme && (size_of::<T>() == 4 || name == "softplus"));
            let scale = largest(x).min(largest(g.f64(&format!("{name}.y{tail}"))));
            let tol = if by_element {
                Tol::ulps(ROUNDINGS as u64)
            } else {
                Tol::sum(ROUNDINGS).of_magnitude(scale)
            };
            check(&g, &format!("{name}.y{tail}"), &y, tol);
            // Factors 1 − y and 1 − y² cancel: an error of the size of the gradient that arrives.
            let reach = if extreme && name == "softplus" { largest(x) } else { largest(grad_y) };
            let tol = Tol::sum(2 * ROUNDINGS).of_magnitude(reach);
            check(&g, &format!("{name}.grad_x{tail}"), &grads.inputs[0], tol);
        }
    }
}

fn batch_norm<T: Number>() {
    let g = Golden::open("batch_norm");
    let mut layer = Alone::<T>::new(BatchNorm::default(), &[[4].into()], 6).unwrap();
    layer.params().copy_from_slice(&to::<T>(&[g.f64("weight"), g.f64("bias")].concat()));
    let before = [g.f64("running_mean_before"), g.f64("running_var_before")].concat();
    layer.state().copy_from_slice(&to::<T>(&before));
    let x: Vec<T> = to(g.f64("x"));
    let y = layer.forward(&[&x]);
    let grads = layer.backward(&to(g.f64("grad_y")));
    let (weight, bias) = grads.params.split_at(4);
    // Two sums of 6, the normalisation, scale and shift.
    check(&g, "y", &y, Tol::sum(6 + 6 + 6));
    check(&g, "grad_weight", weight, Tol::sum(18 + 6 + 1));
    check(&g, "grad_bias", bias, Tol::sum(6 + 1));
    check(&g, "grad_x", &grads.inputs[0], Tol::sum(18 + 2 * 6 + 6));
    let (mean, var) = layer.state().split_at(4);
    check(&g, "running_mean", mean, Tol::sum(6 + 4));
    check(&g, "running_var", var, Tol::sum(6 + 6 + 4));
    let y_eval = layer.evaluate(&[&x]);
    check(&g, "y_eval", &y_eval, Tol::sum(16 + 6));
}

/// A network whose params are its outputs: one-hot examples, no bias. Its
/// gradient is, transposed, that of the loss with respect to the outputs.
fn loss_of<T: Number>(
    loss: Loss,
    n: usize,
    outputs: &[f64],
    targets: Targets<'_, T>,
) -> (f64, usize, Vec<T>) {
    let width = outputs.len() / n;
    let mut graph = Graph::new([n].into());
    let layer = Linear { bias: false, ..Linear::new(width) };
    let y = graph.layer("y", layer, &[graph.input()]);
    graph.output(y, loss);
    let plan = Plan::new(&graph, &PlanOptions::batch(n)).unwrap();
    let mut exec = Executor::<T>::new(plan.into(), 0, Pool::serial().into());
    let transpose = |from: &[T], rows: usize, to: &mut [T]| {
        let cols = from.len() / rows;
        (0..from.len()).for_each(|i| to[i % cols * rows + i / cols] = from[i]);
    };
    transpose(&to::<T>(outputs), n, exec.params_mut());
    let one_hot = exec.train_input(n);
    (0..n * n).for_each(|i| one_hot[i] = if i / n == i % n { T::ONE } else { T::ZERO });
    let score = exec.forward_backward(n, targets, &mut Unobserved);
    let mut grad = vec![T::ZERO; outputs.len()];
    transpose(exec.grads(), width, &mut grad);
    (score.loss(), score.correct, grad)
}

fn cross_entropy<T: Number>() {
    let g = Golden::open("cross_entropy");
    let labels: Vec<u32> = g.i64("labels").iter().map(|l| *l as u32).collect();
    for prefix in ["", "large_"] {
        let logits = g.f64(&format!("{prefix}logits"));
        let (loss, correct, grad) = loss_of::<T>(Loss::CrossEntropy, 6, logits, Targets::Classes(&labels));
        // A sum of 10 exponentials, whose arguments are differences of logits.
        let range = 2.0 * largest(logits);
        let tol = Tol::sum(10 + 2 + 6).of_magnitude(1.0 + range);
        check(&g, &format!("{prefix}loss"), &[T::from_f64(loss)], tol);
        // The sum over the batch is the mean of the recorded ones.
        let mean = g.f64(&format!("{prefix}losses")).iter().sum::<f64>() / 6.0;
        assert_close(&[T::from_f64(loss)], &[T::from_f64(mean)], tol, "mean of the losses");
        let tol = Tol::sum(10 + 4).of_magnitude((1.0 + range) / 6.0);
        check(&g, &format!("{prefix}grad_logits"), &grad, tol);
        let best = |row: &[f64]| (0..10).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
        let expected = logits.chunks(10).zip(&labels).filter(|(z, l)| best(z) == **l as usize).count();
        assert_eq!(correct, expected);
    }
}

fn mean_squared_error<T: Number>() {
    let g = Golden::open("mse");
    let target: Vec<T> = to(g.f64("target"));
    let (loss, _, grad) = loss_of(Loss::MeanSquaredError, 6, g.f64("y"), Targets::Values(&target));
    check(&g, "loss", &[T::from_f64(loss)], Tol::sum(18 + 2));
    check(&g, "grad_y", &grad, Tol::sum(1 + 2 + 1));
}

fn other_losses<T: Number>() {
    let g = Golden::open("losses");
    let target: Vec<T> = to(g.f64("target"));
    let labels: Vec<u32> = g.i64("labels").iter().map(|l| *l as u32).collect();
    for (name, loss, input, targets) in [
        ("mean_absolute_error", Loss::MeanAbsoluteError, "z", Targets::Values(&target)),
        ("binary_cross_entropy", Loss::BinaryCrossEntropy, "z", Targets::Values(&target)),
        (
            "binary_cross_entropy_of_probabilities",
            Loss::BinaryCrossEntropyOfProbabilities,
            "probabilities",
            Targets::Values(&target),
        ),
        (
            "cross_entropy_of_probabilities",
            Loss::CrossEntropyOfProbabilities,
            "probabilities",
            Targets::Classes(&labels),
        ),
    ] {
        let (value, _, grad) = loss_of::<T>(loss, 6, g.f64(input), targets);
        // 18 terms of a logarithm, an exponential and some sums, all in double precision;
        // a rounding of a probability weighs 1/p in the gradient.
        check(&g, &format!("{name}.loss"), &[T::from_f64(value)], Tol::sum(18 + 6));
        let least = g.f64("probabilities").iter().copied().fold(1.0, f64::min);
        let magnitude = if loss.takes_probabilities() { 1.0 / (least * least) } else { 1.0 };
        check(&g, &format!("{name}.grad"), &grad, Tol::sum(8).of_magnitude(magnitude));
    }
    let mut layer = Alone::<T>::new(Softmax, &[[3].into()], 6).unwrap();
    let y = layer.forward(&[&to(g.f64("z"))]);
    check(&g, "probabilities", &y, Tol::sum(3 + 6));
    check(&g, "softmax.grad", &layer.backward(&target).inputs[0], Tol::sum(3 + 6));
}

fn optimizers<T: Number>() {
    let g = Golden::open("optim");
    let rule = |o: Optimizer| Updates::new(o);
    let adam = |lr: f64, eps: f64| (lr, 0.9, 0.999, eps);
    let (lr, beta1, beta2, eps) = adam(0.01, 1e-8);
    let all = [
        ("sgd", rule(Optimizer::Sgd { lr: 0.1 })),
        ("momentum", rule(Optimizer::Momentum { lr: 0.1, momentum: 0.9 })),
        ("nesterov", rule(Optimizer::Nesterov { lr: 0.1, momentum: 0.9 })),
        ("sgd_weight_decay", Updates { penalty: Penalty::L2(0.1), ..rule(Optimizer::Sgd { lr: 0.1 }) }),
        ("adagrad", rule(Optimizer::AdaGrad { lr: 0.1, eps: 1e-10 })),
        ("adagrad_eps_1e-8", rule(Optimizer::AdaGrad { lr: 0.1, eps: 1e-8 })),
        ("rmsprop", rule(Optimizer::RmsProp { lr: 0.01, rho: 0.99, eps: 1e-8 })),
        ("adam", rule(Optimizer::Adam { lr, beta1, beta2, eps })),
        ("adamw", rule(Optimizer::AdamW { lr, beta1, beta2, eps, weight_decay: 0.01 })),
        ("momentum_course", rule(Optimizer::CourseMomentum { lr: 0.1, momentum: 0.9 })),
        ("nesterov_library_course", rule(Optimizer::CourseNesterov { lr: 0.01, momentum: 0.9 })),
        ("adagrad_answer_course", rule(Optimizer::CourseAdaGrad { lr: 0.1, initial: 1e-4, eps: 0.0 })),
        ("adagrad_theta_course", rule(Optimizer::CourseAdaGrad { lr: 0.01, initial: 1e-4, eps: 1e-4 })),
        ("adagrad_library_course", rule(Optimizer::AdaGrad { lr: 0.01, eps: 1e-7 })),
        ("rmsprop_course", rule(Optimizer::RmsProp { lr: 0.01, rho: 0.99, eps: 1e-7 })),
        ("adam_course", rule(Optimizer::CourseAdam { lr, beta1, beta2, eps: 1e-7 })),
    ];
    assert_eq!(g.names().count(), all.len() + 2, "an optimiser is recorded and not compared");
    let mut graph = Graph::new([11].into());
    let y = graph.layer("p", Linear { bias: false, ..Linear::new(1) }, &[graph.input()]);
    graph.output(y, Loss::MeanSquaredError);
    let plan = Plan::new(&graph, &PlanOptions::batch(1)).unwrap();
    for (name, updates) in all {
        let mut updater = Updater::<T>::new(&plan, updates);
        let mut p: Vec<T> = to(g.f64("p0"));
        let mut path = Vec::new();
        for row in g.f64("g").chunks(11) {
            updater.update(plan.options.isa, &mut p, &mut to(row));
            path.extend_from_slice(&p);
        }
        // Each step rounds the moments, the root, the quotient and the sum: at most 8 times; ten steps.
        check(&g, name, &path, Tol::sum(10 * 8));
    }
}

fn clipping<T: Number>() {
    let g = Golden::open("clip");
    // Two tensors that lie apart, with a frozen one between them that must not count.
    let mut graph = Graph::new([4].into());
    let free = |out| Linear { bias: false, ..Linear::new(out) };
    let a = graph.layer("a", free(3), &[graph.input()]);
    let frozen = graph.layer("frozen", free(1), &[a]);
    let b = graph.layer("b", free(5), &[frozen]);
    graph.output(b, Loss::MeanSquaredError);
    let plan = Plan::new(&graph, &PlanOptions::batch(1)).unwrap();
    let cases = [
        ("norm_1.5", Clip::Norm(1.5), 17),
        ("norm_100", Clip::Norm(100.0), 1),
        ("value_0.5", Clip::Value(0.5), 1),
    ];
    for (name, clip, terms) in cases {
        let updates = Updates { clip, ..Updates::new(Optimizer::Sgd { lr: 1.0 }) };
        let rules = |p: &kobai_engine::plan::ParamSlot| ParamRule {
            train: p.name != "frozen.weight",
            decay: p.spec.decay,
        };
        let mut updater = Updater::<T>::with_rules(&plan, updates, rules);
        let mut params = vec![T::ZERO; plan.param_len()];
        let mut grads = to::<T>(&[g.f64("a"), &[1e6, -1e6, 1e6], g.f64("b")].concat());
        updater.update(Isa::best(), &mut params, &mut grads);
        check(&g, &format!("{name}.a"), &grads[..12], Tol::sum(terms + 1));
        check(&g, &format!("{name}.b"), &grads[15..], Tol::sum(terms + 1));
        let moved: Vec<T> = params.iter().map(|p| -*p).collect();
        check(&g, &format!("{name}.a"), &moved[..12], Tol::sum(terms + 1));
        assert!(moved[12..15].iter().all(|p| *p == T::ZERO), "frozen");
    }
}

fn mlp_graph() -> Graph {
    let mut g = Graph::new([5].into());
    let x = g.linear("fc1", g.input(), 4);
    let x = g.batch_norm("bn1", x);
    let x = g.activation("act1", x, Activation::SIGMOID);
    let x = g.linear("fc2", x, 7);
    let x = g.activation("act2", x, Activation::Relu);
    let x = g.linear("fc3", x, 3);
    g.output(x, Loss::CrossEntropy);
    g
}

/// Roundings on the way from the input to a gradient and back: the sums of the
/// three linear layers, batch norm, the loss, the batch; twice.
const MLP: usize = 2 * ((5 + 1) + 18 + 6 + (4 + 1) + (7 + 1) + (3 + 4) + 6);

fn mlp_on_the_executor<T: Number>() {
    let g = Golden::open("mlp");
    let plan = Plan::new(&mlp_graph(), &PlanOptions::batch(6)).unwrap();
    let updates = Updates::new(Optimizer::Momentum { lr: 0.1, momentum: 0.9 });
    let mut updater = Updater::<T>::new(&plan, updates);
    let mut exec = Executor::<T>::new(plan.into(), 0, Pool::serial().into());
    let plan = exec.plan().clone();
    for slot in &plan.params {
        let initial = to::<T>(g.f64(&format!("initial.{}", slot.name)));
        exec.params_mut()[slot.range.clone()].copy_from_slice(&initial);
    }
    for slot in &plan.state {
        let initial = to::<T>(g.f64(&format!("initial.{}", slot.name)));
        exec.state_mut()[slot.range.clone()].copy_from_slice(&initial);
    }
    let x: Vec<T> = to(g.f64("x"));
    let labels: Vec<u32> = g.i64("labels").iter().map(|l| *l as u32).collect();
    exec.train_input(6).copy_from_slice(&x);
    let mut losses = Vec::new();
    for step in 0..10 {
        let score = exec.train_step(6, Targets::Classes(&labels), &mut updater, &mut Unobserved);
        losses.push(T::from_f64(score.loss()));
        if step > 0 {
            continue;
        }
        for slot in &plan.params {
            let name = format!("grad.{}", slot.name);
            let tol = match slot.name.as_str() {
                // Zero by mathematics: judged on the scale of its weight.
                "fc1.bias" => Tol::sum(MLP).of_magnitude(largest(g.f64("grad.fc1.weight"))),
                _ => Tol::sum(MLP),
            };
            check(&g, &name, &exec.grads()[slot.range.clone()], tol);
        }
    }
    // Rounding accumulates over ten steps.
    let tol = Tol::sum(10 * MLP);
    check(&g, "loss", &losses, tol);
    for slot in &plan.params {
        check(&g, &format!("final.{}", slot.name), &exec.params()[slot.range.clone()], tol);
    }
    for slot in &plan.state {
        check(&g, &format!("final.{}", slot.name), &exec.state()[slot.range.clone()], tol);
    }
    exec.eval_input(6).copy_from_slice(&x);
    exec.evaluate(6, Targets::Classes(&labels));
    check(&g, "logits_eval", exec.outputs(6), tol);
}

/// The logits of the first step and the gradient of the batch itself, which
/// the executor does not compute.
fn mlp_as_a_chain<T: Number>() {
    let g = Golden::open("mlp");
    let plan = Plan::new(&mlp_graph(), &PlanOptions::batch(6)).unwrap();
    let mut x: Vec<T> = to(g.f64("x"));
    let mut chain = Vec::new();
    for node in &plan.nodes[1..] {
        let mut layer = Alone::<T>::new(node.layer.clone().expect("a layer"), &node.input_shapes, 6).unwrap();
        let own = plan.params.iter().filter(|p| p.node == node.index);
        let params: Vec<f64> = own.flat_map(|p| g.f64(&format!("initial.{}", p.name)).to_vec()).collect();
        layer.params().copy_from_slice(&to::<T>(&params));
        x = layer.forward(&[&x]);
        chain.push(layer);
    }
    check(&g, "logits", &x, Tol::sum(MLP / 2));
    let labels = g.i64("labels");
    let mut grad: Vec<f64> = Vec::new();
    for (z, label) in x.chunks(3).zip(labels) {
        let e: Vec<f64> = z.iter().map(|z| Real::to_f64(*z).exp()).collect();
        let sum: f64 = e.iter().sum();
        grad.extend((0..3).map(|j| (e[j] / sum - if j as i64 == *label { 1.0 } else { 0.0 }) / 6.0));
    }
    let mut grad: Vec<T> = to(&grad);
    for layer in chain.iter_mut().rev() {
        grad = layer.backward(&grad).inputs.remove(0);
    }
    check(&g, "grad_x", &grad, Tol::sum(MLP));
}
