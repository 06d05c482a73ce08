//! Level 3 for the layers of images: what PyTorch computes (`tests/golden`), in
//! `f64` and in `f32`, as in `parity.rs`.
//!
//! PyTorch's (n, c, h, w) becomes (n, h, w, c) here, and its convolution weights
//! (out, in, kh, kw) become (out, kh, kw, in): the same exchange of axes.

use crate::common::recorded::{Number, in_both_types, largest, to};
use kobai_engine::layer::{LayerKind, Layout};
use kobai_engine::layers::{
    Activation, AdaptiveAvgPool2d, AvgPool2d, BatchNorm, Conv2d, LocalResponseNorm, MaxPool2d,
};
use kobai_engine::optim::{Optimizer, Updater, Updates};
use kobai_engine::plan::ParamSlot;
use kobai_engine::{Alone, Executor, Graph, Loss, Plan, PlanOptions, Targets, Unobserved};
use kobai_kernels::Pool;
use kobai_testkit::{Golden, Tol, assert_close};
use std::collections::BTreeSet;

/// A recorded tensor, channels last if it has four axes.
fn tensor(g: &Golden, name: &str) -> Vec<f64> {
    let (values, shape) = (g.f64(name), g.shape(name));
    let &[n, c, h, w] = shape else { return values.to_vec() };
    let mut to = vec![f64::NAN; values.len()];
    for (at, v) in values.iter().enumerate() {
        let (column, row, channel, example) = (at % w, at / w % h, at / (w * h) % c, at / (w * h * c));
        to[((example * h + row) * w + column) * c + channel] = *v;
    }
    assert_eq!(to.len(), n * c * h * w);
    to
}

#[track_caller]
fn check<T: Number>(g: &Golden, name: &str, actual: &[T], tol: Tol) {
    assert_close(actual, &to::<T>(&tensor(g, name)), tol, name);
}

fn cases(g: &Golden) -> BTreeSet<String> {
    g.names().filter_map(|n| Some(n.split_once('.')?.0.to_owned())).collect()
}

/// The layer on the recorded image of a case.
fn alone<T: Number>(g: &Golden, case: &str, layer: impl Into<LayerKind>) -> (Alone<T>, Vec<T>) {
    let x = format!("{case}.x");
    let &[n, c, h, w] = g.shape(&x) else { panic!("{x} is no image") };
    (Alone::new(layer, &[[c, h, w].into()], n).expect(case), to(&tensor(g, &x)))
}

in_both_types!(
    convolutions,
    max_pools,
    avg_pools,
    adaptive_avg_pools,
    local_response_norms,
    batch_norm,
    network_on_the_executor,
);

fn convolutions<T: Number>() {
    let g = Golden::open("conv2d");
    for case in cases(&g) {
        let name = |tensor: &str| format!("{case}.{tensor}");
        let s: Vec<usize> = g.i64(&name("setting")).iter().map(|v| *v as usize).collect();
        let &[outs, per_group, kh, kw] = g.shape(&name("weight")) else { panic!("{case}: no weight") };
        let bias = g.has(&name("bias"));
        let conv = Conv2d {
            kernel: [kh, kw],
            stride: [s[0], s[1]],
            padding: [s[2], s[3]],
            dilation: [s[4], s[5]],
            groups: s[6],
            bias,
            ..Conv2d::new(outs, 1)
        };
        let (mut layer, x) = alone::<T>(&g, &case, conv);
        let mut params = tensor(&g, &name("weight"));
        let weight_len = params.len();
        if bias {
            params.extend(g.f64(&name("bias")));
        }
        layer.params().copy_from_slice(&to::<T>(&params));
        let y = layer.forward(&[&x]);
        let grads = layer.backward(&to(&tensor(&g, &name("grad_y"))));
        let (weight, grad_bias) = grads.params.split_at(weight_len);
        // Products in a window; those that an input is part of; those of all output pixels.
        let (window, uses) = (kh * kw * per_group, kh * kw * outs / s[6]);
        let pixels = y.len() / outs;
        check(&g, &name("y"), &y, Tol::sum(window + 2));
        check(&g, &name("grad_x"), &grads.inputs[0], Tol::sum(uses + 1));
        check(&g, &name("grad_weight"), weight, Tol::sum(pixels + 1));
        if bias {
            // Terms of both signs: the bound is on the sum of their magnitudes.
            let reach = pixels as f64 * largest(g.f64(&name("grad_y")));
            check(&g, &name("grad_bias"), grad_bias, Tol::sum(pixels + 1).of_magnitude(reach));
        }
    }
    assert_eq!(cases(&g).len(), 9);
}

fn max_pools<T: Number>() {
    let g = Golden::open("max_pool2d");
    for case in cases(&g) {
        let name = |tensor: &str| format!("{case}.{tensor}");
        let s: Vec<usize> = g.i64(&name("setting")).iter().map(|v| *v as usize).collect();
        let pool = MaxPool2d {
            kernel: [s[0], s[1]],
            stride: [s[2], s[3]],
            padding: [s[4], s[5]],
            ceil_mode: s[6] == 1,
        };
        let (mut layer, x) = alone::<T>(&g, &case, pool);
        let y = layer.forward(&[&x]);
        check(&g, &name("y"), &y, Tol::exact());
        let grads = layer.backward(&to(&tensor(&g, &name("grad_y"))));
        check(&g, &name("grad_x"), &grads.inputs[0], Tol::sum(s[0] * s[1] + 1));
    }
    assert_eq!(cases(&g).len(), 7);
}

fn avg_pools<T: Number>() {
    let g = Golden::open("avg_pool2d");
    for case in cases(&g) {
        let name = |tensor: &str| format!("{case}.{tensor}");
        let s: Vec<usize> = g.i64(&name("setting")).iter().map(|v| *v as usize).collect();
        let pool = AvgPool2d {
            kernel: [s[0], s[1]],
            stride: [s[2], s[3]],
            padding: [s[4], s[5]],
            ceil_mode: s[6] == 1,
            count_include_pad: s[7] == 1,
        };
        let (mut layer, x) = alone::<T>(&g, &case, pool);
        let y = layer.forward(&[&x]);
        let grads = layer.backward(&to(&tensor(&g, &name("grad_y"))));
        // The window, the division, the rounding of what is expected.
        check(&g, &name("y"), &y, Tol::sum(s[0] * s[1] + 2));
        check(&g, &name("grad_x"), &grads.inputs[0], Tol::sum(s[0] * s[1] + 2));
    }
    assert_eq!(cases(&g).len(), 8);
}

fn adaptive_avg_pools<T: Number>() {
    let g = Golden::open("adaptive_avg_pool2d");
    for case in cases(&g) {
        let name = |tensor: &str| format!("{case}.{tensor}");
        let s = g.i64(&name("setting"));
        let pool = AdaptiveAvgPool2d::new(s[0] as usize, s[1] as usize);
        let (mut layer, x) = alone::<T>(&g, &case, pool);
        let y = layer.forward(&[&x]);
        let grads = layer.backward(&to(&tensor(&g, &name("grad_y"))));
        // No window is larger than the image; PyTorch divides twice.
        let &[_, _, h, w] = g.shape(&name("x")) else { panic!("{case}") };
        check(&g, &name("y"), &y, Tol::sum(h * w + 3));
        check(&g, &name("grad_x"), &grads.inputs[0], Tol::sum(h * w + 3));
    }
    assert_eq!(cases(&g).len(), 4);
}

fn local_response_norms<T: Number>() {
    let g = Golden::open("local_response_norm");
    for case in cases(&g) {
        let name = |tensor: &str| format!("{case}.{tensor}");
        let s = g.f64(&name("setting"));
        let lrn = LocalResponseNorm { size: s[0] as usize, alpha: s[1], beta: s[2], k: s[3] };
        let (mut layer, x) = alone::<T>(&g, &case, lrn);
        let y = layer.forward(&[&x]);
        let grads = layer.backward(&to(&tensor(&g, &name("grad_y"))));
        // The denominator: squares and sum, factor, offset; the power: logarithm, exponent,
        // exponential (2 roundings each), beta at most 1.25 times the logarithm of at most 8.
        let window = lrn.size.min(g.shape(&name("x"))[1]);
        let power = 2 * window + 2 + 3 * 3 + 2;
        check(&g, &name("y"), &y, Tol::sum(power + 2));
        // The direct term is at most |g|; the other is a difference to it of as many terms as
        // the window has.
        let reach = largest(g.f64(&name("grad_y"))) * (1 + window) as f64;
        let tol = Tol::sum(2 * power + window + 6).of_magnitude(reach);
        check(&g, &name("grad_x"), &grads.inputs[0], tol);
    }
    assert_eq!(cases(&g).len(), 4);
}

fn batch_norm<T: Number>() {
    let g = Golden::open("batch_norm2d");
    let mut layer = Alone::<T>::new(BatchNorm::default(), &[[4, 3, 2].into()], 3).unwrap();
    layer.params().copy_from_slice(&to::<T>(&[g.f64("weight"), g.f64("bias")].concat()));
    let before = [g.f64("running_mean_before"), g.f64("running_var_before")].concat();
    layer.state().copy_from_slice(&to::<T>(&before));
    let x: Vec<T> = to(&tensor(&g, "x"));
    let y = layer.forward(&[&x]);
    let grads = layer.backward(&to(&tensor(&g, "grad_y")));
    let (weight, bias) = grads.params.split_at(4);
    // 18 values per channel: two sums, the normalisation, scale and shift; as in `parity.rs`.
    let sums = 2 * 18;
    check(&g, "y", &y, Tol::sum(sums + 6));
    let reach = 18.0 * largest(g.f64("grad_y"));
    check(&g, "grad_bias", bias, Tol::sum(18 + 1).of_magnitude(reach));
    check(&g, "grad_weight", weight, Tol::sum(sums + 6 + 18).of_magnitude(reach * largest(g.f64("y"))));
    check(&g, "grad_x", &grads.inputs[0], Tol::sum(2 * sums + 12));
    let (mean, var) = layer.state().split_at(4);
    check(&g, "running_mean", mean, Tol::sum(18 + 4));
    check(&g, "running_var", var, Tol::sum(sums + 4));
    let y_eval = layer.evaluate(&[&x]);
    check(&g, "y_eval", &y_eval, Tol::sum(sums + 4 + 6));
}

/// The network of `tools/golden/convnet.py`.
fn convnet() -> Graph {
    let mut g = Graph::new([2, 7, 6].into());
    let x = g.conv2d("conv1", g.input(), Conv2d::new(4, 3).padding(1).bias(false));
    let x = g.batch_norm("bn1", x);
    let x = g.activation("relu1", x, Activation::Relu);
    let h = g.max_pool("pool1", x, MaxPool2d::new(3, 2).padding(1));
    let a = g.conv2d("conv2", h, Conv2d::new(3, 3).padding(1));
    let a = g.activation("relu2", a, Activation::Relu);
    let b = g.conv2d("conv3", h, Conv2d::new(2, 1));
    let r = g.conv2d("conv4", h, Conv2d::new(4, 3).padding(1).groups(4).bias(false));
    let r = g.add("add", h, r);
    let x = g.concat("concat", &[a, b, r]);
    let x = g.lrn("lrn", x, LocalResponseNorm { size: 3, alpha: 0.5, beta: 0.75, k: 1.0 });
    let x = g.avg_pool("pool2", x, AvgPool2d::new(2, 1));
    let x = g.flatten("flatten", x);
    let x = g.linear("fc", x, 3);
    g.output(x, Loss::CrossEntropy);
    g
}

/// Roundings on the way from the input to a gradient and back: convolutions of
/// 2 and 4 channels, batch norm over 4·42 values, the norm over channels, the
/// average, the sums of 54 and 3, the 42 pixels of a weight's gradient; twice.
const CONVNET: usize = 2 * ((18 + 1) + (2 * 168 + 6) + (36 + 2) + (2 * 3 + 13) + 5 + (54 + 1) + (3 + 4) + 42);

/// A recorded tensor in the order in which a param lies in memory.
fn recorded<T: Number>(g: &Golden, prefix: &str, slot: &ParamSlot) -> Vec<T> {
    let name = format!("{prefix}.{}", slot.name);
    assert_eq!(g.shape(&name), slot.spec.dims, "{name}");
    let is_conv = slot.spec.dims.len() == 4;
    assert_eq!(slot.spec.layout == Layout::ConvChannelsLast, is_conv, "{name}");
    to(&tensor(g, &name))
}

fn network_on_the_executor<T: Number>() {
    let g = Golden::open("convnet");
    let plan = Plan::new(&convnet(), &PlanOptions::batch(4)).unwrap();
    let updates = Updates::new(Optimizer::Momentum { lr: 0.05, momentum: 0.9 });
    let mut updater = Updater::<T>::new(&plan, updates);
    let mut exec = Executor::<T>::new(plan.into(), 0, Pool::new(2).into());
    let plan = exec.plan().clone();
    let learned = g.names().filter(|n| n.starts_with("grad.")).count();
    assert_eq!(learned, plan.params.len(), "a param is recorded and not compared");
    for slot in &plan.params {
        exec.params_mut()[slot.range.clone()].copy_from_slice(&recorded::<T>(&g, "initial", slot));
    }
    for slot in &plan.state {
        let initial = to::<T>(g.f64(&format!("initial.{}", slot.name)));
        exec.state_mut()[slot.range.clone()].copy_from_slice(&initial);
    }
    let x: Vec<T> = to(&tensor(&g, "x"));
    let labels: Vec<u32> = g.i64("labels").iter().map(|l| *l as u32).collect();
    exec.train_input(4).copy_from_slice(&x);
    let mut losses = Vec::new();
    for step in 0..3 {
        let score = exec.train_step(4, Targets::Classes(&labels), &mut updater, &mut Unobserved);
        losses.push(T::from_f64(score.loss()));
        if step == 0 {
            for slot in &plan.params {
                let (expected, name) = (recorded::<T>(&g, "grad", slot), format!("grad.{}", slot.name));
                assert_close(&exec.grads()[slot.range.clone()], &expected, Tol::sum(CONVNET), &name);
            }
        }
    }
    // Rounding accumulates over three steps.
    let tol = Tol::sum(3 * CONVNET);
    check(&g, "loss", &losses, tol);
    for slot in &plan.params {
        let expected = recorded::<T>(&g, "final", slot);
        assert_close(&exec.params()[slot.range.clone()], &expected, tol, &format!("final.{}", slot.name));
    }
    for slot in &plan.state {
        check(&g, &format!("final.{}", slot.name), &exec.state()[slot.range.clone()], tol);
    }
    exec.eval_input(4).copy_from_slice(&x);
    exec.evaluate(4, Targets::Classes(&labels));
    check(&g, "logits_eval", exec.outputs(4), tol);
}
