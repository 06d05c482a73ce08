//! A network before it runs: shapes, parameters, memory, and mistakes.
//!
//! `cargo run --release --example 02_plan`

#![allow(clippy::print_stdout, reason = "an example prints")]

use kobai::prelude::*;

fn main() {
    let mut g = Graph::new([784].into());
    let mut x = g.input();
    for i in 1..=3 {
        x = g.linear(&format!("fc{i}"), x, 100);
        x = g.batch_norm(&format!("bn{i}"), x);
        x = g.activation(&format!("relu{i}"), x, Activation::Relu);
    }
    x = g.linear("out", x, 10);
    g.output(x, Loss::CrossEntropy);
    let plan = Plan::new(&g, &PlanOptions::batch(100)).expect("it fits");
    println!("{}", plan.table(Lang::En));

    // Mistakes are found now, not after an hour of training.
    let mut g = Graph::new([784].into());
    let layer = Linear { in_features: Some(700), ..Linear::new(10) };
    let x = g.layer("fc1", layer, &[g.input()]);
    g.output(x, Loss::CrossEntropy);
    let mistakes = Plan::new(&g, &PlanOptions::batch(100)).expect_err("700 is not 784");
    println!("{mistakes}");
}
