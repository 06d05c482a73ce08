//! Auxiliary outputs: their losses are part of training and of nothing else.

use kobai_engine::layers::Activation;
use kobai_engine::optim::{Optimizer, Penalty, Updater, Updates};
use kobai_engine::plan::Step;
use kobai_engine::{Executor, Explain, Graph, Lang, Loss, NodeId, Plan, PlanOptions, Targets, Unobserved};
use kobai_kernels::Pool;
use kobai_testkit::{STEP, Tol, Verdict, assert_close, check_gradient, labels, values};

const N: usize = 5;

/// A trunk with a head in the middle (`aux`), one at its end (`out`), and a layer that nobody needs.
fn network() -> (Graph, NodeId, NodeId) {
    let mut g = Graph::new([4].into());
    let x = g.linear("fc1", g.input(), 6);
    let trunk = g.activation("act1", x, Activation::Tanh);
    let a = g.linear("aux.fc", trunk, 5);
    let a = g.activation("aux.act", a, Activation::SIGMOID);
    let aux = g.linear("aux.out", a, 3);
    g.linear("nobody", trunk, 2);
    let x = g.linear("fc2", trunk, 6);
    let x = g.activation("act2", x, Activation::Tanh);
    let out = g.linear("out", x, 3);
    (g, out, aux)
}

fn executor(graph: &Graph, share: bool) -> Executor<f64> {
    let plan = Plan::new(graph, &PlanOptions { share_memory: share, ..PlanOptions::batch(N) }).unwrap();
    Executor::new(plan.into(), 7, Pool::serial().into())
}

/// Loss and gradient of a training step at given params.
fn at(exec: &mut Executor<f64>, params: &[f64], loss: Loss) -> (f64, Vec<f64>) {
    exec.params_mut().copy_from_slice(params);
    exec.train_input(N).copy_from_slice(&values(N * 4, 1));
    let (classes, numbers) = (labels(N, 3, 2), values(N * 3, 3));
    let targets = match loss {
        Loss::CrossEntropy => Targets::Classes(&classes),
        _ => Targets::Values(&numbers),
    };
    let score = exec.forward_backward(N, targets, &mut Unobserved);
    (score.loss(), exec.grads().to_vec())
}

#[test]
fn the_gradient_is_that_of_the_sum_of_the_losses() {
    for loss in [Loss::CrossEntropy, Loss::MeanSquaredError] {
        let (mut g, out, aux) = network();
        g.output(out, loss);
        g.auxiliary(aux, 0.3);
        let mut exec = executor(&g, true);
        let params = exec.params().to_vec();
        let (_, gradient) = at(&mut exec, &params, loss);
        let names: Vec<_> = exec.plan().params.iter().map(|p| (p.name.clone(), p.range.clone())).collect();
        for (name, range) in names {
            let mut moved = params.clone();
            let f = |p: &[f64]| {
                moved[range.clone()].copy_from_slice(p);
                at(&mut exec, &moved, loss).0
            };
            let mut gradient = gradient[range.clone()].to_vec();
            if name.starts_with("nobody") {
                assert!(gradient.iter().all(|g| *g == 0.0), "{name}");
                continue;
            }
            let report = check_gradient(f, &params[range.clone()], &gradient, STEP);
            assert!(report.passed(), "{name}: {report}");
            gradient[0] += 0.01 * gradient.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
            let mut moved = params.clone();
            let f = |p: &[f64]| {
                moved[range.clone()].copy_from_slice(p);
                at(&mut exec, &moved, loss).0
            };
            let report = check_gradient(f, &params[range.clone()], &gradient, STEP);
            assert_eq!(report.verdict, Verdict::Wrong, "{name}: {report}");
        }
    }
}

/// Gradients are linear: main head alone plus 0.3 times the other alone.
#[test]
fn the_heads_add_up() {
    let (mut g, out, aux) = network();
    g.output(out, Loss::CrossEntropy);
    let mut main = executor(&g, true);
    let params = main.params().to_vec();
    let (main_loss, main) = at(&mut main, &params, Loss::CrossEntropy);
    let mut other = g.clone();
    other.output(aux, Loss::CrossEntropy);
    let (aux_loss, other) = at(&mut executor(&other, true), &params, Loss::CrossEntropy);
    g.auxiliary(aux, 0.3);
    let (loss, both) = at(&mut executor(&g, true), &params, Loss::CrossEntropy);
    let expected: Vec<f64> = main.iter().zip(&other).map(|(m, o)| m + 0.3 * o).collect();
    // Three roundings more than either of the two.
    let tol = Tol::sum(3 + 2 * (6 + 5 + 3));
    assert_close(&both, &expected, tol, "gradient");
    assert_close(&[loss], &[main_loss + 0.3 * aux_loss], Tol::sum(3), "loss");
    assert_eq!(both, at(&mut executor(&g, false), &params, Loss::CrossEntropy).1, "sharing memory");
    let mut poisoned = executor(&g, true);
    poisoned.poison(f64::NAN);
    assert_eq!(both, at(&mut poisoned, &params, Loss::CrossEntropy).1, "what the arena held");
}

#[test]
fn an_auxiliary_head_may_be_read_and_may_be_the_output() {
    let mut g = Graph::new([4].into());
    let x = g.linear("fc1", g.input(), 3);
    let y = g.activation("act", x, Activation::Tanh);
    g.output(y, Loss::CrossEntropy);
    g.auxiliary(x, 0.5);
    g.auxiliary(y, 0.25);
    let mut exec = executor(&g, true);
    let params = exec.params().to_vec();
    let gradient = at(&mut exec, &params, Loss::CrossEntropy).1;
    let f = |p: &[f64]| at(&mut exec, p, Loss::CrossEntropy).0;
    let report = check_gradient(f, &params, &gradient, STEP);
    assert!(report.passed(), "{report}");
}

#[test]
fn evaluation_runs_what_the_output_needs() {
    let (mut g, out, aux) = network();
    g.output(out, Loss::CrossEntropy);
    g.auxiliary(aux, 0.3);
    let mut exec = executor(&g, true);
    let plan = exec.plan().clone();
    let names = |program: &kobai_engine::plan::Program| -> Vec<String> {
        let steps = program.steps.iter().filter_map(|s| match s {
            Step::Forward(f) => Some(plan.nodes[f.node].name.clone()),
            _ => None,
        });
        steps.collect()
    };
    assert_eq!(names(&plan.eval), ["fc1", "act1", "fc2", "act2", "out"]);
    let all = ["fc1", "act1", "aux.fc", "aux.act", "aux.out", "fc2", "act2", "out"];
    assert_eq!(names(&plan.train), all);
    assert_eq!(plan.macs(), 4 * 6 + 6 * 6 + 6 * 3);

    let (mut alone, out, _) = network();
    alone.output(out, Loss::CrossEntropy);
    let mut alone = executor(&alone, true);
    let (x, classes) = (values(N * 4, 1), labels(N, 3, 2));
    exec.eval_input(N).copy_from_slice(&x);
    alone.eval_input(N).copy_from_slice(&x);
    let expected = alone.evaluate(N, Targets::Classes(&classes));
    assert_eq!(exec.evaluate(N, Targets::Classes(&classes)), expected);
    assert_eq!(exec.outputs(N), alone.outputs(N));
}

/// A layer without a gradient is not moved by a penalty either.
#[test]
fn a_layer_that_nobody_needs_stays() {
    let (mut g, out, _) = network();
    g.output(out, Loss::CrossEntropy);
    let mut exec = executor(&g, true);
    let plan = exec.plan().clone();
    let updates = Updates { penalty: Penalty::L2(0.1), ..Updates::new(Optimizer::Sgd { lr: 0.1 }) };
    let mut updater = Updater::new(&plan, updates);
    let before = exec.params().to_vec();
    for _ in 0..3 {
        exec.train_input(N).copy_from_slice(&values(N * 4, 1));
        exec.train_step(N, Targets::Classes(&labels(N, 3, 2)), &mut updater, &mut Unobserved);
    }
    for slot in &plan.params {
        let moved = exec.params()[slot.range.clone()] != before[slot.range.clone()];
        assert_eq!(moved, !slot.name.starts_with("nobody") && !slot.name.starts_with("aux"), "{}", slot.name);
    }
}

#[test]
fn mistakes_are_explained() {
    let (mut g, out, aux) = network();
    g.output(out, Loss::CrossEntropy);
    g.auxiliary(aux, -0.3);
    let wide = g.linear("wide", aux, 4);
    g.auxiliary(wide, 1.0);
    let errors = Plan::new(&g, &PlanOptions::batch(N)).unwrap_err();
    let told: Vec<String> = errors.0.iter().map(|e| e.explain(Lang::En).to_string()).collect();
    assert_eq!(told.len(), 2);
    assert!(told[0].contains("`aux.out` (linear) cannot use this loss weight"), "{}", told[0]);
    assert!(told[1].contains("expected 3 values per example, got 4"), "{}", told[1]);
}
