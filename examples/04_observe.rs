//! Looking inside while it trains: an observer sees every gradient and cannot
//! change a number.
//!
//! `cargo run --release --example 04_observe`

#![allow(clippy::print_stdout, reason = "an example prints")]

use kobai::prelude::*;

/// Prints the size of each layer's gradient now and then.
struct GradientSizes;

impl Observer<f32> for GradientSizes {
    fn wants(&self, step: u64) -> Wants {
        Wants { backward: step.is_multiple_of(20), ..Wants::NOTHING }
    }

    fn event(&mut self, event: &Event<'_, f32>) {
        match event {
            Event::Backward { node, grad_params, .. } => {
                let rms = (grad_params.iter().map(|g| g * g).sum::<f32>() / grad_params.len() as f32).sqrt();
                print!("  {} {rms:.1e}", node.name);
            }
            Event::StepEnded { step, loss } if step.is_multiple_of(20) => {
                println!("   step {step} loss {loss:.3}")
            }
            _ => {}
        }
    }
}

fn main() {
    // Five sigmoid layers: from the output (fc6) to the input (fc1) the gradient dies.
    let mut g = Graph::new([20].into());
    let mut x = g.input();
    for i in 1..=5 {
        x = g.linear_init(&format!("fc{i}"), x, 20, Init::XavierNormal(Fan::In));
        x = g.activation(&format!("sigmoid{i}"), x, Activation::SIGMOID);
    }
    x = g.linear("fc6", x, 2);
    g.output(x, Loss::CrossEntropy);
    let plan = Plan::new(&g, &PlanOptions::batch(32)).expect("it fits");

    let draw = Rng::new(3).draw(Stream::Data, 0, 0);
    let inputs: Vec<f32> = (0..32 * 20).map(|i| draw.normal(i) as f32).collect();
    let labels: Vec<u32> = inputs.chunks(20).map(|x| u32::from(x[0] > 0.0)).collect();
    let train = |watch: &mut dyn Observer<f32>| {
        let mut updater = Updater::new(&plan, Updates::new(Optimizer::Sgd { lr: 0.5 }));
        let mut exec = Executor::<f32>::new(plan.clone().into(), 7, Pool::serial().into());
        for _ in 0..81 {
            exec.train_input(32).copy_from_slice(&inputs);
            exec.train_step(32, Targets::Classes(&labels), &mut updater, watch);
        }
        exec.params().to_vec()
    };
    let watched = train(&mut GradientSizes);
    let unwatched = train(&mut Unobserved);
    assert!(watched == unwatched, "looking changed a number");
    println!("the same weights, to the last bit, with and without the observer");
}
