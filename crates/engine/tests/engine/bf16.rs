//! Products of bfloat16 beside those of `f32`: what the plan says, and how far outputs
//! and gradients are apart.

#![allow(clippy::print_stdout, reason = "a skipped path is said")]

use kobai_engine::layer::LayerKind;
use kobai_engine::layers::{Conv2d, Linear};
use kobai_engine::{Alone, Graph, Lang, Loss, Plan, PlanOptions, Shape};
use kobai_kernels::Isa;
use kobai_testkit::values;

/// All that this processor has; says what it has not.
fn rounding() -> Vec<Isa> {
    let all = Isa::rounding();
    if all.len() < 2 {
        println!("skipped: avx512_bf16 and AMX, or one of them, which this processor has not");
    }
    all
}

/// More than the batches whose linear layers stay in `f32`.
const N: usize = 18;

/// Output, gradient of the input, gradient of the params; of the sizes of all values
/// instead if `sizes`.
fn passes(layer: &LayerKind, shape: Shape, isa: Isa, sizes: bool) -> [Vec<f32>; 3] {
    let mut alone = Alone::<f32>::new(layer.clone(), &[shape], N).expect("it fits").on(isa);
    let of = |v: Vec<f64>| -> Vec<f32> {
        v.into_iter().map(|x| if sizes { x.abs() as f32 } else { x as f32 }).collect()
    };
    let params = of(values(alone.plan().param_len(), 1));
    alone.params().copy_from_slice(&params);
    let y = alone.forward(&[&of(values(N * shape.len(), 2))]);
    let mut gradients = alone.backward(&of(values(y.len(), 3)));
    [y, gradients.inputs.remove(0), gradients.params]
}

/// With u = 2⁻⁸ for rounding an operand and γ = (k + 17)·2⁻²⁴/(1 − …) for the sums of at
/// most k products (and 16 partial sums) of both, the two differ by at most
/// ((1 + u)²·(1 + γ) − 1 + γ)·S, where S is the sum of the products' sizes. S itself is
/// computed in `f32`, which makes it smaller by at most γ of itself.
#[test]
fn outputs_and_gradients_are_near_those_of_f32() {
    rounding().into_iter().for_each(are_near);
}

fn are_near(isa: Isa) {
    let image = [24, 9, 10].into();
    let layers: [(LayerKind, Shape); 5] = [
        (Linear::new(70).into(), [301].into()),
        (Conv2d::new(40, 1).into(), image),
        (Conv2d::new(40, 1).stride(2).into(), image),
        (Conv2d::new(40, 3).stride(2).padding(1).into(), image),
        (Conv2d::new(40, 3).dilation(2).groups(2).into(), image),
    ];
    for (layer, shape) in layers {
        let (got, want) = (passes(&layer, shape, isa, false), passes(&layer, shape, Isa::best(), false));
        let sizes = passes(&layer, shape, Isa::best(), true);
        // No sum is longer than over all values of the batch.
        let terms = (N * shape.len()).max(got[0].len()) as f64 + 17.0;
        let (u, gamma) = (2.0_f64.powi(-8), terms * 2.0_f64.powi(-24));
        let gamma = gamma / (1.0 - gamma);
        let factor = ((1.0 + u) * (1.0 + u) * (1.0 + gamma) - 1.0 + gamma) / (1.0 - gamma);
        for (pass, ((got, want), sizes)) in got.iter().zip(&want).zip(&sizes).enumerate() {
            let mut differ = 0;
            for (i, ((got, want), size)) in got.iter().zip(want).zip(sizes).enumerate() {
                let error = f64::from((got - want).abs());
                let bound = factor * f64::from(*size);
                assert!(
                    error <= bound,
                    "{layer:?}, pass {pass}: element {i} differs by {error:e} > {bound:e}"
                );
                differ += usize::from(got != want);
            }
            // A strided 1×1 looks at a quarter of the pixels.
            assert!(differ * 6 > got.len(), "{layer:?}, pass {pass}: nothing was rounded");
        }
    }
}

/// The plan names the layers that round; the others keep their algorithm.
#[test]
fn the_plan_says_which_layers_round() {
    let mut g = Graph::new([3, 16, 16].into());
    let x = g.conv2d("stem", g.input(), Conv2d::new(16, 3).padding(1));
    let x = g.conv2d("same", x, Conv2d::new(32, 3).padding(1));
    let x = g.conv2d("point", x, Conv2d::new(128, 1));
    let x = g.conv2d("many", x, Conv2d::new(128, 3).padding(1));
    let x = g.conv2d("down", x, Conv2d::new(32, 3).stride(2));
    let x = g.conv2d("depth", x, Conv2d::new(32, 3).groups(32));
    let x = g.flatten("flat", x);
    let x = g.linear("fc", x, 5);
    g.output(x, Loss::CrossEntropy);
    let algorithms = |isa, batch| {
        let plan = Plan::new(&g, &PlanOptions { isa, ..PlanOptions::batch(batch) }).expect("a right network");
        let names = ["stem", "same", "point", "many", "down", "depth", "fc"];
        (names.map(|n| plan.node(n).expect("a node").plan.algorithm), plan.table(Lang::En))
    };
    let plain = ["direct", "winograd 4x4", "gemm", "winograd 4x4", "indirect", "depthwise", "gemm"];
    assert_eq!(algorithms(Isa::best(), 20).0, plain);
    for isa in rounding() {
        let (names, table) = algorithms(isa, 20);
        let many = if isa.is_amx() { "indirect bf16" } else { "winograd 4x4" };
        let all = ["direct", "winograd 4x4", "gemm bf16", many, "indirect bf16", "depthwise", "gemm bf16"];
        assert_eq!(names, all);
        assert!(table.contains(isa.name()) && table.contains("indirect bf16"), "{table}");
        // So few examples are not rounded in a linear layer.
        assert_eq!(algorithms(isa, 16).0[4..], ["indirect bf16", "depthwise", "gemm"]);
    }
}
