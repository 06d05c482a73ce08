//! The networks at full size against PyTorch (`tools/golden/zoo_full.py`): the
//! logits of one image, params and statistics from a formula, in f32 as they run.
//!
//! The quickest of each family run always, all of them on demand:
//! `cargo test --release -p kobai-engine --test engine zoo_full -- --ignored --nocapture`.

#![allow(clippy::print_stdout, reason = "the errors are told")]

use crate::common::zoo_formula::{initial, longest, scatter};
use kobai_engine::layer::LayerKind;
use kobai_engine::plan::Plan;
use kobai_engine::zoo;
use kobai_engine::{Executor, PlanOptions, Targets};
use kobai_kernels::Pool;
use kobai_testkit::Golden;

/// Every so many logits are recorded.
const EVERY: usize = 37;

/// The running statistics of the script, by node.
fn statistics(plan: &Plan) -> Vec<f64> {
    let mut state = vec![0.0; plan.state_len()];
    let norms = plan.nodes.iter().filter(|n| matches!(n.layer, Some(LayerKind::BatchNorm(_))));
    for (i, node) in (0..).zip(norms) {
        let channels = node.state.len() / 2;
        let (mean, var) = state[node.state.clone()].split_at_mut(channels);
        mean.iter_mut().zip(scatter(channels, 1000 + i)).for_each(|(m, s)| *m = 0.1 * s);
        var.iter_mut().zip(scatter(channels, 5000 + i)).for_each(|(v, s)| *v = 1.0 + 0.5 * s);
    }
    state
}

fn check(name: &str) {
    let golden = Golden::open("zoo_full");
    let model = zoo::find(name).unwrap();
    let plan = Plan::new(&model.graph(&model.settings()), &PlanOptions::batch(1)).unwrap();
    let terms = longest(&plan, |_| 4);
    let mut exec = Executor::<f32>::new(plan.into(), 0, Pool::new(2).into());
    let plan = exec.plan().clone();
    let put = |to: &mut [f32], from: Vec<f64>| to.iter_mut().zip(from).for_each(|(t, f)| *t = f as f32);
    put(exec.params_mut(), initial(&plan));
    put(exec.state_mut(), statistics(&plan));
    let [channels, side, _] = model.input;
    let pixels = side * side;
    let x = scatter(channels * pixels, 0);
    for (i, value) in exec.eval_input(1).iter_mut().enumerate() {
        *value = x[i % channels * pixels + i / channels] as f32;
    }
    let _ = exec.evaluate(1, Targets::Classes(&[0]));
    let largest = golden.f64(&format!("{name}.largest"))[0];
    let expected = golden.f64(&format!("{name}.logits"));
    let got: Vec<f64> = exec.outputs(1).iter().step_by(EVERY).map(|y| f64::from(*y)).collect();
    assert_eq!(got.len(), expected.len());
    let error = got.iter().zip(expected).map(|(g, e)| (g - e).abs()).fold(0.0, f64::max) / largest;
    // Each term is a product, whose weight was rounded too: two roundings. Of n
    // roundings that go either way, λ√n is exceeded with probability 2·exp(−λ²/2)
    // (Higham & Mary 2019): for λ = 8, never.
    let limit = 8.0 * (2.0 * terms as f64).sqrt() * f64::from(f32::EPSILON);
    println!("{name:18} {error:.1e} of the largest logit, limit {limit:.1e} ({terms} terms)");
    assert!(error < limit, "{name}: {error:e}, limit {limit:e}");
}

#[test]
fn the_quickest_of_each_family() {
    for name in ["resnet18", "squeezenet1_1", "mobilenet_v1", "mobilenet_v2"] {
        check(name);
    }
}

#[test]
#[ignore = "takes longer than the rest: run on demand"]
fn all_networks() {
    let golden = Golden::open("zoo_full");
    let names: Vec<&str> = golden.names().filter_map(|n| n.strip_suffix(".largest")).collect();
    assert_eq!(names.len(), 10);
    names.into_iter().for_each(check);
}
