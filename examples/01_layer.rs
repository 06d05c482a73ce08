//! One layer alone: what it computes, and what its gradient is.
//!
//! `cargo run --release --example 01_layer`

#![allow(clippy::print_stdout, reason = "an example prints")]

use kobai::prelude::*;

fn main() {
    // The sigmoid squeezes every number into (0, 1). Its derivative says how
    // much of a gradient gets through: at most a quarter, at 0.
    let inputs = [-6.0, -3.0, -1.0, 0.0, 1.0, 3.0, 6.0];
    let mut sigmoid = Alone::<f64>::new(Activation::SIGMOID, &[[7].into()], 1).expect("one input");
    let outputs = sigmoid.forward(&[&inputs]);
    let gradients = sigmoid.backward(&[1.0; 7]);
    println!("     x   sigmoid  gradient");
    for ((x, y), g) in inputs.iter().zip(&outputs).zip(&gradients.inputs[0]) {
        println!("{x:>6} {y:>9.4} {g:>9.4}  {}", "█".repeat((g * 80.0) as usize));
    }
    assert_eq!(gradients.inputs[0][3], 0.25);

    // Through ten such layers a gradient keeps at most this share:
    let share = 0.25f64.powi(10);
    println!("\nten sigmoids in a row pass on at most {share:.1e} of the gradient");

    // A fully connected layer y = W·x + b.
    let mut linear = Alone::<f64>::new(Linear::new(2), &[[3].into()], 1).expect("a row of features");
    linear.params().copy_from_slice(&[1.0, 2.0, 3.0, -1.0, 0.0, 1.0, 0.5, -0.5]);
    let y = linear.forward(&[&[1.0, 1.0, 2.0]]);
    let gradients = linear.backward(&[1.0, 10.0]);
    println!("\nlinear: y = {y:?}");
    println!("dL/dx = {:?}", gradients.inputs[0]);
    println!("dL/dW, dL/db = {:?}", gradients.params);
    assert_eq!(y, [9.5, 0.5]);
    assert_eq!(gradients.inputs[0], [-9.0, 2.0, 13.0]);
}
