//! The numbers contract on image networks: the same bits for any number of
//! threads, whatever the buffers share and held before.

use kobai_engine::layers::{Activation, AvgPool2d, Conv2d, LocalResponseNorm, MaxPool2d};
use kobai_engine::optim::{Optimizer, Updater, Updates};
use kobai_engine::{Executor, Graph, Loss, Plan, PlanOptions, Targets, Unobserved, zoo};
use kobai_kernels::{Isa, Pool};
use kobai_testkit::{labels, values};
use std::sync::Arc;

const BATCH: usize = 12;
const IMAGE: [usize; 3] = [3, 25, 23];

/// Large enough that every kernel has several tasks; a 1×1, a strided and a
/// depthwise convolution among them.
fn network() -> Graph {
    let mut g = Graph::new(IMAGE.into());
    let x = g.conv2d("conv1", g.input(), Conv2d::new(24, 3).padding(1));
    let x = g.batch_norm("bn1", x);
    let x = g.activation("relu1", x, Activation::Relu);
    let x = g.lrn("lrn", x, LocalResponseNorm::new(5));
    let h = g.max_pool("pool1", x, MaxPool2d::new(3, 2).padding(1).ceil_mode(true));
    let a = g.conv2d("conv2", h, Conv2d::new(24, 1).bias(false));
    let b = g.conv2d("conv3", h, Conv2d::new(24, 3).padding(1).groups(24));
    let c = g.avg_pool("pool2", h, AvgPool2d::new(3, 1).padding(1));
    let s = g.add("add", a, b);
    let x = g.concat("concat", &[s, c, h]);
    let x = g.conv2d("conv4", x, Conv2d::new(17, 5).stride(2).padding(2));
    let x = g.activation("relu2", x, Activation::Relu);
    let x = g.dropout("drop", x, 0.2);
    let x = g.global_avg_pool("pool3", x);
    let x = g.flatten("flat", x);
    let x = g.linear("fc", x, 5);
    g.output(x, Loss::CrossEntropy);
    g
}

/// The bits of params, gradients, state and losses after some steps, and of the
/// outputs in evaluation.
fn train(isa: Isa, threads: usize, share_memory: bool) -> Vec<u32> {
    let options = PlanOptions { isa, share_memory, ..PlanOptions::batch(BATCH) };
    let plan = Plan::new(&network(), &options).expect("a right network");
    let mut updater = Updater::new(&plan, Updates::new(Optimizer::Momentum { lr: 0.01, momentum: 0.9 }));
    let mut exec = Executor::<f32>::new(plan.into(), 1, Pool::new(threads).into());
    exec.poison(f32::NAN);
    let mut numbers = Vec::new();
    // The last batch is not full.
    for (step, n) in [BATCH, BATCH, 7].into_iter().enumerate() {
        let x = values(n * IMAGE.iter().product::<usize>(), step as u64);
        exec.train_input(n).iter_mut().zip(&x).for_each(|(to, x)| *to = *x as f32);
        let labels = labels(n, 5, step as u64);
        let score = exec.train_step(n, Targets::Classes(&labels), &mut updater, &mut Unobserved);
        numbers.push(score.loss() as f32);
        numbers.extend(exec.grads());
    }
    numbers.extend(exec.params());
    numbers.extend(exec.state());
    let x = values(BATCH * IMAGE.iter().product::<usize>(), 9);
    exec.eval_input(BATCH).iter_mut().zip(&x).for_each(|(to, x)| *to = *x as f32);
    exec.evaluate(BATCH, Targets::Classes(&labels(BATCH, 5, 9)));
    numbers.extend(exec.outputs(BATCH));
    assert!(numbers.iter().all(|v| v.is_finite()), "a value was read before it was written");
    numbers.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let rounding = Isa::rounding();
    if rounding.len() < 2 {
        println!("skipped: avx512_bf16 and AMX, or one of them, which this processor has not");
    }
    for isa in Isa::available().into_iter().chain(rounding) {
        let one = train(isa, 1, true);
        for threads in [2, 3] {
            assert!(train(isa, threads, true) == one, "{threads} threads on {isa}");
        }
    }
}

#[test]
fn the_same_bits_without_sharing_memory() {
    assert!(train(Isa::best(), 2, true) == train(Isa::best(), 2, false));
}

/// Whole networks as they are trained: the course's deep one, with shortcuts,
/// and with depthwise convolutions.
#[test]
fn networks_that_people_train() {
    for name in ["deep_convnet", "resnet20", "mobilenet_v2_cifar"] {
        let model = zoo::find(name).unwrap();
        let plan = Arc::new(Plan::new(&model.graph(&model.settings()), &PlanOptions::batch(8)).unwrap());
        let len = plan.nodes[0].plan.output.len();
        let bits = |threads: usize| {
            let rule = Optimizer::Momentum { lr: 0.05, momentum: 0.9 };
            let mut updater = Updater::new(&plan, Updates::new(rule));
            let mut exec = Executor::<f32>::new(Arc::clone(&plan), 3, Pool::new(threads).into());
            for (step, n) in [8, 5].into_iter().enumerate() {
                let x = values(n * len, step as u64);
                exec.train_input(n).iter_mut().zip(&x).for_each(|(to, x)| *to = *x as f32);
                let labels = labels(n, 10, step as u64);
                let _ = exec.train_step(n, Targets::Classes(&labels), &mut updater, &mut Unobserved);
            }
            exec.params().iter().chain(exec.state()).map(|x| x.to_bits()).collect::<Vec<u32>>()
        };
        let one = bits(1);
        for threads in [2, 3] {
            assert!(bits(threads) == one, "{name} on {threads} threads");
        }
    }
}
