//! A narrow instance of each family of the zoo against PyTorch
//! (`tools/golden/zoo.py`): logits and gradients of a training step, the losses
//! of ten steps of SGD with momentum, the logits of an evaluation after them.
//!
//! Params and images come from the script's formula of integers, so the golden
//! file holds results only.

use crate::common::zoo_formula::{initial, longest, scatter};
use kobai_engine::layer::LayerKind;
use kobai_engine::layers::Dropout;
use kobai_engine::optim::{Optimizer, Updater, Updates};
use kobai_engine::plan::Plan;
use kobai_engine::zoo::{self, Settings};
use kobai_engine::{Event, Executor, Graph, Observer, PlanOptions, Targets, Unobserved, Wants};
use kobai_kernels::Pool;
use kobai_testkit::{Golden, Tol, assert_close};

const BATCH: usize = 4;
const CLASSES: usize = 10;
const STEPS: usize = 10;

/// The same network with dropout that drops nothing.
fn without_dropout(from: &Graph) -> Graph {
    let mut to = Graph::new(from.input_shape());
    for node in from.nodes() {
        match &node.layer {
            None => {}
            Some(LayerKind::Dropout(_)) => drop(to.layer(&node.name, Dropout::new(0.0), &node.inputs)),
            Some(layer) => drop(to.layer(&node.name, layer.clone(), &node.inputs)),
        }
    }
    let (output, loss) = from.head();
    to.output(output, loss);
    from.auxiliaries().iter().for_each(|(node, weight)| to.auxiliary(*node, *weight));
    to
}

/// Images in memory order, from the script's (n, c, h, w).
fn images(height: usize, width: usize) -> Vec<f64> {
    let x = scatter(BATCH * 3 * height * width, 0);
    let pixels = height * width;
    let at = |n: usize, p: usize, c: usize| x[(n * 3 + c) * pixels + p];
    (0..BATCH * pixels).flat_map(|i| (0..3).map(move |c| at(i / pixels, i % pixels, c))).collect()
}

/// The output of one step.
struct Output {
    node: usize,
    values: Vec<f64>,
}

impl Observer<f64> for Output {
    fn wants(&self, _: u64) -> Wants {
        Wants { forward: true, ..Wants::NOTHING }
    }
    fn event(&mut self, event: &Event<'_, f64>) {
        if let Event::Forward { node, output, .. } = event
            && node.index == self.node
        {
            self.values = output.to_vec();
        }
    }
}

fn check(name: &str, narrow: usize, [height, width]: [usize; 2], threads: usize) {
    let golden = Golden::open("zoo");
    let settings = Settings { input: [3, height, width].into(), classes: CLASSES, narrow };
    let graph = without_dropout(&zoo::find(name).unwrap().graph(&settings));
    let plan = Plan::new(&graph, &PlanOptions::batch(BATCH)).unwrap_or_else(|e| panic!("{name}: {e}"));
    // Batch norm: two sums over the batch and six operations per value.
    let deep = longest(&plan, |shape| 2 * BATCH * shape.dims()[1..].iter().product::<usize>() + 6);
    let updates = Updates::new(Optimizer::Momentum { lr: 1e-5, momentum: 0.9 });
    let mut updater = Updater::<f64>::new(&plan, updates);
    let pool = if threads == 1 { Pool::serial() } else { Pool::new(threads) };
    let mut exec = Executor::<f64>::new(plan.into(), 0, pool.into());
    let plan = exec.plan().clone();
    exec.params_mut().copy_from_slice(&initial(&plan));
    let x = images(height, width);
    let labels: Vec<u32> = (0..BATCH as u32).map(|n| (n * 7 + 3) % CLASSES as u32).collect();
    let mut losses = Vec::new();
    let mut logits = Output { node: plan.output, values: Vec::new() };
    exec.train_input(BATCH).copy_from_slice(&x);
    for step in 0..STEPS {
        if step == 0 {
            let score = exec.forward_backward(BATCH, Targets::Classes(&labels), &mut logits);
            assert!(score.loss().is_finite());
            assert_close(&logits.values, golden.f64(&format!("{name}.logits")), Tol::sum(deep), "logits");
            let norms: Vec<f64> = plan
                .params
                .iter()
                .map(|p| exec.grads()[p.range.clone()].iter().map(|g| g * g).sum::<f64>().sqrt())
                .collect();
            // There and back.
            assert_close(&norms, golden.f64(&format!("{name}.grad_norms")), Tol::sum(3 * deep), "norms");
            // The step below is to be the first.
            let state: Vec<f64> = plan.state.iter().flat_map(|s| vec![s.start; s.range.len()]).collect();
            exec.state_mut().copy_from_slice(&state);
        }
        let score = exec.train_step(BATCH, Targets::Classes(&labels), &mut updater, &mut Unobserved);
        losses.push(score.loss());
    }
    let tol = Tol::sum(3 * STEPS * deep);
    assert_close(&losses, golden.f64(&format!("{name}.loss")), tol, "losses");
    exec.eval_input(BATCH).copy_from_slice(&x);
    exec.evaluate(BATCH, Targets::Classes(&labels));
    assert_close(
        exec.outputs(BATCH),
        golden.f64(&format!("{name}.logits_eval")),
        tol,
        "logits in evaluation",
    );
}

macro_rules! cases {
    ($($name:ident, $narrow:literal, $size:expr;)*) => { $(
        #[test]
        fn $name() {
            check(stringify!($name), $narrow, $size, 1);
        }
    )* };
}

// As in `tools/golden/zoo.py`.
cases! {
    alexnet, 16, [96, 80];
    alexnet_original, 16, [67, 83];
    vgg11, 16, [64, 32];
    vgg11_bn, 16, [32, 64];
    googlenet, 8, [64, 48];
    googlenet_aux, 8, [64, 48];
    resnet18, 16, [48, 64];
    resnet50, 16, [64, 48];
    squeezenet1_0, 8, [64, 80];
    squeezenet1_1, 8, [80, 64];
    mobilenet_v1, 16, [48, 64];
    mobilenet_v2, 8, [64, 48];
}

#[test]
fn every_recorded_network_is_compared() {
    let golden = Golden::open("zoo");
    assert_eq!(golden.names().count(), 12 * 4);
}
