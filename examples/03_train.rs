//! Training on the embedded digits, step by step.
//!
//! `cargo run --release --example 03_train`

#![allow(clippy::print_stdout, reason = "an example prints")]

use kobai::data::{Locations, Sampler, Sampling, TargetsMut, load};
use kobai::prelude::*;

const BATCH: usize = 64;
const SEED: u64 = 1;

fn main() {
    let digits = load("digits", &Locations::none()).expect("they are part of the program");
    let mut g = Graph::new(digits.train.flat_shape());
    let x = g.linear("fc1", g.input(), 64);
    let x = g.activation("relu1", x, Activation::Relu);
    let x = g.dropout("dropout1", x, 0.2);
    let x = g.linear("fc2", x, 10);
    g.output(x, Loss::CrossEntropy);

    let options = PlanOptions { eval_batch: digits.test.len(), ..PlanOptions::batch(BATCH) };
    let plan = Plan::new(&g, &options).expect("it fits");
    let adam = Optimizer::Adam { lr: 0.002, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    let mut updater = Updater::new(&plan, Updates { penalty: Penalty::L2(1e-4), ..Updates::new(adam) });
    let mut exec = Executor::<f32>::new(plan.into(), SEED, Pool::serial().into());

    let sampler = Sampler::new(Sampling::Shuffle, digits.train.len(), BATCH).expect("a batch fits");
    let (mut indices, mut labels) = (vec![0; BATCH], vec![0; BATCH]);
    for step in 0..600 {
        sampler.indices(SEED, step, &mut indices);
        digits.train.gather(&indices, exec.train_input(BATCH));
        digits.train.gather_targets(&indices, TargetsMut::Classes(&mut labels));
        let score = exec.train_step(BATCH, Targets::Classes(&labels), &mut updater, &mut Unobserved);
        if (step + 1) % 100 == 0 {
            println!(
                "step {:>3}  loss {:.4}  batch accuracy {:.3}",
                step + 1,
                score.loss(),
                score.accuracy()
            );
        }
    }

    let n = digits.test.len();
    let all: Vec<u32> = (0..n as u32).collect();
    let mut labels = vec![0; n];
    digits.test.gather(&all, exec.eval_input(n));
    digits.test.gather_targets(&all, TargetsMut::Classes(&mut labels));
    let score = exec.evaluate(n, Targets::Classes(&labels));
    println!("test accuracy {:.4} on {n} images", score.accuracy());
    assert!(score.accuracy() > 0.95, "it should learn");
}
