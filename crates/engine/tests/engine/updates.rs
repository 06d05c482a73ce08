//! Which params change, by what, and that a training continues where it stopped.

use crate::common::{Batch, mlp, networks};
use kobai_engine::layers::{Activation, Conv2d};
use kobai_engine::optim::{Clip, Optimizer, ParamRule, Penalty, Updater, Updates};
use kobai_engine::{Executor, Graph, Loss, Plan, PlanOptions, Unobserved};
use kobai_kernels::{Isa, Pool};
use kobai_testkit::values;

/// Every rule. A new one does not compile before it is in the match.
fn optimizers() -> Vec<Optimizer> {
    fn _complete(optimizer: Optimizer) {
        match optimizer {
            Optimizer::Sgd { .. }
            | Optimizer::Momentum { .. }
            | Optimizer::Nesterov { .. }
            | Optimizer::AdaGrad { .. }
            | Optimizer::RmsProp { .. }
            | Optimizer::Adam { .. }
            | Optimizer::AdamW { .. }
            | Optimizer::CourseMomentum { .. }
            | Optimizer::CourseNesterov { .. }
            | Optimizer::CourseAdaGrad { .. }
            | Optimizer::CourseAdam { .. } => {}
        }
    }
    let (lr, momentum, beta1, beta2, eps) = (0.01, 0.9, 0.9, 0.99, 1e-8);
    vec![
        Optimizer::Sgd { lr },
        Optimizer::Momentum { lr, momentum },
        Optimizer::Nesterov { lr, momentum },
        Optimizer::AdaGrad { lr, eps },
        Optimizer::RmsProp { lr, rho: 0.9, eps },
        Optimizer::Adam { lr, beta1, beta2, eps },
        Optimizer::AdamW { lr, beta1, beta2, eps, weight_decay: 0.1 },
        Optimizer::CourseMomentum { lr, momentum },
        Optimizer::CourseNesterov { lr, momentum },
        Optimizer::CourseAdaGrad { lr, initial: 1e-3, eps },
        Optimizer::CourseAdam { lr, beta1, beta2, eps },
    ]
}

const N: usize = 12;

fn executor(graph: &Graph, seed: u64) -> Executor {
    let plan = Plan::new(graph, &PlanOptions::batch(N)).expect("a right network");
    Executor::new(plan.into(), seed, Pool::serial().into())
}

fn steps(exec: &mut Executor, updater: &mut Updater, range: std::ops::Range<u64>) {
    for step in range {
        let batch = Batch::<f32>::new(exec.plan(), N, step);
        exec.train_input(N).copy_from_slice(&batch.x);
        exec.train_step(N, batch.targets(), updater, &mut Unobserved);
    }
}

/// Save, load, continue: the same bits as never having stopped. Stopped after
/// the first update too, which some rules treat otherwise than the rest.
#[test]
fn continued_equals_never_stopped() {
    for optimizer in optimizers() {
        let updates =
            Updates { penalty: Penalty::L2(1e-3), clip: Clip::Norm(1.0), ..Updates::new(optimizer) };
        for (name, graph) in networks() {
            let mut whole = executor(&graph, 3);
            let mut updater = Updater::new(whole.plan(), updates);
            steps(&mut whole, &mut updater, 0..7);
            for stop in [0, 1, 4] {
                let mut first = executor(&graph, 3);
                let mut before = Updater::new(first.plan(), updates);
                steps(&mut first, &mut before, 0..stop);
                let (params, state, moments) =
                    (first.params().to_vec(), first.state().to_vec(), before.export());
                assert_eq!((moments.updates, moments.values.len()), (stop, optimizer.moments()));

                let mut second = executor(&graph, 3);
                let mut after = Updater::new(second.plan(), updates);
                second.params_mut().copy_from_slice(&params);
                second.state_mut().copy_from_slice(&state);
                second.set_step(stop);
                after.restore(&moments).expect("its own moments");
                steps(&mut second, &mut after, stop..7);
                let what = format!("{}, {name}, stopped after {stop}", optimizer.name());
                assert!(second.params() == whole.params(), "{what}: params");
                assert!(second.state() == whole.state(), "{what}: state");
                assert_eq!(after.export(), updater.export(), "{what}");

                // Moments count: without them the rest is another training.
                if stop > 0 && optimizer.moments() > 0 {
                    let mut third = executor(&graph, 3);
                    let mut fresh = Updater::new(third.plan(), updates);
                    third.params_mut().copy_from_slice(&params);
                    third.state_mut().copy_from_slice(&state);
                    third.set_step(stop);
                    steps(&mut third, &mut fresh, stop..7);
                    assert!(third.params() != whole.params(), "{what}: the comparison is blind");
                }
            }
        }
    }
}

/// One update of a network whose gradients are zero: only penalties act.
fn changed(updates: Updates, rule: Option<fn(&str) -> ParamRule>) -> Vec<(String, Vec<f64>, Vec<f64>)> {
    let plan = Plan::new(&mlp(), &PlanOptions::batch(N)).expect("a right network");
    let mut updater = match rule {
        None => Updater::new(&plan, updates),
        Some(rule) => Updater::with_rules(&plan, updates, |slot| rule(&slot.name)),
    };
    let before = values(plan.param_len(), 8);
    let mut after = before.clone();
    updater.update(Isa::best(), &mut after, &mut vec![0.0; before.len()]);
    let part = |v: &[f64], r: &std::ops::Range<usize>| v[r.clone()].to_vec();
    plan.params.iter().map(|s| (s.name.clone(), part(&before, &s.range), part(&after, &s.range))).collect()
}

/// Penalties and decoupled decay move what decays by what their formula says,
/// and nothing else by a bit.
#[test]
fn penalties_apply_where_the_spec_says_so() {
    let sgd = Updates::new(Optimizer::Sgd { lr: 0.5 });
    let adamw = Optimizer::AdamW { lr: 0.5, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.1 };
    type Formula = fn(f64) -> f64;
    let cases: [(&str, Updates, Formula); 3] = [
        ("L1", Updates { penalty: Penalty::L1(0.1), ..sgd }, |p| p - 0.5 * 0.1 * p.signum()),
        ("L2", Updates { penalty: Penalty::L2(0.1), ..sgd }, |p| p - 0.5 * 0.1 * p),
        ("AdamW", Updates::new(adamw), |p| p - 0.5 * 0.1 * p),
    ];
    for (what, updates, formula) in cases {
        for only_biases in [false, true] {
            let rule: Option<fn(&str) -> ParamRule> =
                only_biases.then_some(|name: &str| ParamRule { train: true, decay: name.ends_with("bias") });
            let mut decayed = 0;
            for (name, before, after) in changed(updates, rule) {
                // By the spec: weights of linear layers; not biases, not batch norm.
                let decays = if only_biases {
                    name.ends_with("bias")
                } else {
                    name.starts_with("fc") && name.ends_with("weight")
                };
                decayed += usize::from(decays);
                for (b, a) in before.iter().zip(&after) {
                    if decays {
                        // Three roundings of values below 1.
                        assert!((a - formula(*b)).abs() <= 3.0 * f64::EPSILON, "{what}, {name}: {b} to {a}");
                        assert_ne!(a, b, "{what}, {name}");
                    } else {
                        assert_eq!(a, b, "{what}, {name}");
                    }
                }
            }
            assert_eq!(decayed, if only_biases { 4 } else { 3 }, "{what}");
        }
    }
}

/// What is not trained keeps its bits, whatever the rule, and does not count
/// in the norm that gradients are clipped by.
#[test]
fn frozen_params_keep_their_bits() {
    let frozen = |name: &str| name.starts_with("fc1") || name == "bn1.bias";
    for optimizer in optimizers() {
        let mut exec = executor(&mlp(), 1);
        let plan = exec.plan().clone();
        let updates =
            Updates { penalty: Penalty::L1(0.01), clip: Clip::Norm(0.1), ..Updates::new(optimizer) };
        let mut updater = Updater::with_rules(&plan, updates, |slot| ParamRule {
            train: !frozen(&slot.name),
            decay: slot.spec.decay,
        });
        let before = exec.params().to_vec();
        steps(&mut exec, &mut updater, 0..3);
        for slot in &plan.params {
            let same = exec.params()[slot.range.clone()] == before[slot.range.clone()];
            assert_eq!(same, frozen(&slot.name), "{}, {}", optimizer.name(), slot.name);
        }
    }
    // A huge gradient of a frozen tensor does not shorten the others'.
    let mut g = Graph::new([1].into());
    let x = g.linear("a", g.input(), 1);
    let x = g.linear("b", x, 1);
    g.output(x, Loss::MeanSquaredError);
    let plan = Plan::new(&g, &PlanOptions::batch(1)).expect("a right network");
    let updates = Updates { clip: Clip::Norm(1.0), ..Updates::new(Optimizer::Sgd { lr: 1.0 }) };
    let rule =
        |slot: &kobai_engine::plan::ParamSlot| ParamRule { train: slot.name.starts_with('b'), decay: false };
    let mut updater = Updater::<f64>::with_rules(&plan, updates, rule);
    let mut params = [0.0; 4];
    updater.update(Isa::best(), &mut params, &mut [1e9, 1e9, 0.25, 0.5]);
    assert_eq!(params, [0.0, 0.0, -0.25, -0.5]);
}

/// Params that the loss does not depend on have gradient 0 in every step:
/// what a penalty added in the last one is gone.
#[test]
fn a_branch_that_nobody_reads_has_no_gradient() {
    let mut g = Graph::new([4].into());
    let x = g.linear("fc", g.input(), 3);
    g.linear("unread", g.input(), 2);
    g.output(x, Loss::MeanSquaredError);
    let mut exec = executor(&g, 0);
    let unread = exec.plan().node("unread").expect("it is there").params.clone();
    let updates = Updates { penalty: Penalty::L2(0.1), ..Updates::new(Optimizer::Sgd { lr: 0.1 }) };
    let mut updater = Updater::new(exec.plan(), updates);
    for step in 0..3 {
        let batch = Batch::<f32>::new(exec.plan(), N, step);
        exec.train_input(N).copy_from_slice(&batch.x);
        exec.forward_backward(N, batch.targets(), &mut Unobserved);
        assert!(exec.grads()[unread.clone()].iter().all(|g| *g == 0.0), "step {step}");
        steps(&mut exec, &mut updater, step..step + 1);
    }
}

/// Evaluation keeps a form of the params with batch normalisations folded in. It is that
/// of the params and the state of now, whoever changed them.
#[test]
fn evaluation_sees_every_change() {
    let mut graph = Graph::new([3, 9, 9].into());
    let x = graph.conv2d("conv1", graph.input(), Conv2d::new(20, 3).padding(1).bias(false));
    let x = graph.batch_norm("bn1", x);
    let y = graph.activation("relu1", x, Activation::Relu);
    let x = graph.conv2d("conv2", y, Conv2d::new(20, 1));
    let x = graph.batch_norm("bn2", x);
    let x = graph.add("add", x, y);
    let x = graph.activation("relu2", x, Activation::Relu);
    let x = graph.flatten("flatten", x);
    let x = graph.linear("fc", x, 5);
    graph.output(x, Loss::CrossEntropy);
    let outputs = |exec: &mut Executor| {
        let batch = Batch::<f32>::new(exec.plan(), N, 77);
        exec.eval_input(N).copy_from_slice(&batch.x);
        exec.evaluate(N, batch.targets());
        exec.outputs(N).to_vec()
    };
    let mut exec = executor(&graph, 3);
    let mut updater = Updater::new(exec.plan(), Updates::new(Optimizer::Sgd { lr: 0.1 }));
    let mut seen = Vec::new();
    for change in 0..4 {
        match change {
            1 => steps(&mut exec, &mut updater, 0..2),
            2 => exec.params_mut().iter_mut().for_each(|p| *p *= 1.5),
            3 => exec.state_mut().iter_mut().for_each(|s| *s = 0.5 * *s + 0.1),
            _ => {}
        }
        let got = outputs(&mut exec);
        let mut fresh = executor(&graph, 4);
        fresh.params_mut().copy_from_slice(exec.params());
        fresh.state_mut().copy_from_slice(exec.state());
        assert_eq!(got, outputs(&mut fresh), "after change {change}");
        assert!(
            got.iter().all(|y| y.is_finite()) && !seen.contains(&got),
            "change {change} changes something"
        );
        seen.push(got);
    }
}
