//! The numbers contract: what must not change a bit does not change a bit, on
//! fixed networks and on random ones.

use crate::common::{Batch, Record, networks, ops, random, reference};
use kobai_engine::optim::{Clip, Optimizer, Penalty, Updater, Updates};
use kobai_engine::{Executor, Graph, Loss, Observer, Plan, PlanOptions, Unobserved};
use kobai_kernels::{Isa, Pool, Real};
use kobai_testkit::{STEP, Verdict, check_gradient, values};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// A way of running that must not matter.
#[derive(Clone, Copy)]
struct Way {
    threads: usize,
    share: bool,
    poisoned: bool,
    observed: bool,
    isa: Isa,
    /// Planned batch, for training and for evaluation.
    planned: (usize, usize),
}

const N: usize = 67;
const STEPS: u64 = 4;

fn plain() -> Way {
    Way { threads: 1, share: true, poisoned: false, observed: false, isa: Isa::best(), planned: (N, N) }
}

/// Everything that comes out of a training: bits, in order.
fn train<T: Real>(graph: &Graph, way: Way, n: usize) -> Vec<u64> {
    let options = PlanOptions {
        eval_batch: way.planned.1,
        isa: way.isa,
        share_memory: way.share,
        ..PlanOptions::batch(way.planned.0)
    };
    let plan = Plan::new(graph, &options).expect("a right network");
    let updates = Updates {
        penalty: Penalty::L2(1e-3),
        clip: Clip::Norm(0.9),
        ..Updates::new(Optimizer::Adam { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8 })
    };
    let mut updater = Updater::new(&plan, updates);
    let mut exec = Executor::<T>::new(plan.into(), 5, Pool::new(way.threads).into());
    let (mut record, mut nobody) = (Record::default(), Unobserved);
    let watch: &mut dyn Observer<T> = if way.observed { &mut record } else { &mut nobody };
    let mut out = Vec::new();
    for step in 0..STEPS {
        let batch = Batch::<T>::new(exec.plan(), n, step);
        if way.poisoned {
            exec.poison(T::from_f64(f64::NAN));
        }
        exec.train_input(n).copy_from_slice(&batch.x);
        out.push(exec.train_step(n, batch.targets(), &mut updater, watch).loss_sum);
        out.extend(exec.grads().iter().map(|g| g.to_f64()));
        if way.poisoned {
            exec.poison(T::from_f64(f64::NAN));
        }
        exec.eval_input(n).copy_from_slice(&batch.x);
        let score = exec.evaluate(n, batch.targets());
        out.extend([score.loss_sum, score.correct as f64]);
        out.extend(exec.outputs(n).iter().chain(exec.params()).chain(exec.state()).map(|v| v.to_f64()));
    }
    assert!(out.iter().all(|v| v.is_finite()));
    assert_eq!(record.events > 0, way.observed);
    out.into_iter().map(f64::to_bits).collect()
}

/// Trains both networks in the plain and in another way.
#[track_caller]
fn assert_equal(what: &str, way: Way) {
    for (name, graph) in networks() {
        assert!(train::<f32>(&graph, way, N) == train::<f32>(&graph, plain(), N), "{name}: {what}");
    }
}

#[test]
fn any_number_of_threads() {
    for threads in [2, 3, 7] {
        assert_equal(&format!("{threads} threads"), Way { threads, ..plain() });
    }
    for (name, graph) in networks() {
        let (one, three) = (train::<f64>(&graph, plain(), N), Way { threads: 3, ..plain() });
        assert!(train::<f64>(&graph, three, N) == one, "{name}: f64");
    }
}

/// The contract holds for products of bfloat16 too, which differ from those of `f32`
/// and leave double precision alone.
#[test]
fn with_products_of_bfloat16() {
    let all = Isa::rounding();
    if all.len() < 2 {
        println!("skipped: avx512_bf16 and AMX, or one of them, which this processor has not");
    }
    for (isa, (name, graph)) in all.into_iter().flat_map(|isa| networks().into_iter().map(move |n| (isa, n)))
    {
        let rounding = Way { isa, ..plain() };
        let want = train::<f32>(&graph, rounding, N);
        for threads in [2, 3, 7] {
            assert!(
                train::<f32>(&graph, Way { threads, ..rounding }, N) == want,
                "{name}: {threads} threads"
            );
        }
        let way = Way { observed: true, share: false, poisoned: true, ..rounding };
        assert!(train::<f32>(&graph, way, N) == want, "{name}: observed, not shared, poisoned");
        assert!(train::<f32>(&graph, plain(), N) != want, "{name}: nothing was rounded");
        assert!(train::<f64>(&graph, rounding, N) == train::<f64>(&graph, plain(), N), "{name}: f64");
    }
}

#[test]
fn observed_or_not() {
    assert_equal("observed", Way { observed: true, ..plain() });
}

#[test]
fn shared_memory_or_not() {
    assert_equal("memory is not shared", Way { share: false, ..plain() });
}

#[test]
fn whatever_the_arena_held() {
    assert_equal("poisoned", Way { poisoned: true, ..plain() });
}

#[test]
fn on_every_vector_instruction_set() {
    let (Some(avx2), Some(avx512)) = (Isa::avx2(), Isa::avx512()) else {
        println!("skipped: this processor has not both AVX2 and AVX-512");
        return;
    };
    for (name, graph) in networks() {
        let bits = |isa| train::<f32>(&graph, Way { isa, ..plain() }, N);
        assert!(bits(avx2) == bits(avx512), "{name}");
    }
}

/// The portable path has the same bits where the target fuses at compile time.
#[test]
fn the_portable_path_where_it_fuses() {
    if !cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
        println!("skipped: built for a target without a fused multiply-add");
        return;
    }
    assert_equal("portable", Way { isa: Isa::SCALAR, ..plain() });
}

#[test]
fn a_smaller_batch_than_planned() {
    for (name, graph) in networks() {
        for n in [2, 20, 66] {
            let exact = train::<f32>(&graph, Way { planned: (n, n), ..plain() }, n);
            for planned in [(N, N), (n, N), (N, n)] {
                let way = Way { planned, poisoned: true, ..plain() };
                assert!(train::<f32>(&graph, way, n) == exact, "{name}: {n} examples, planned {planned:?}");
            }
        }
    }
}

#[test]
fn the_comparison_sees_the_last_bit() {
    let (_, graph) = &networks()[0];
    let a = train::<f32>(graph, plain(), N);
    let mut b = a.clone();
    b[17] ^= 1 << 29;
    assert!(a != b);
    assert!(train::<f32>(graph, plain(), N - 1) != a);
}

/// A bound on the cases: a second or two. The same cases on every run.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Default::default() }
}

fn loss(cross_entropy: bool) -> Loss {
    if cross_entropy { Loss::CrossEntropy } else { Loss::MeanSquaredError }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn random_networks_in_every_way(
        ops in ops(), image: bool, ce: bool, n in 2usize..9, more in 0usize..5, threads in 1usize..4
    ) {
        let graph = random(&ops, image, loss(ce));
        let exact = Way { planned: (n, n), ..plain() };
        let expected = train::<f32>(&graph, exact, n);
        for way in [
            Way { threads, observed: true, ..exact },
            Way { share: false, ..exact },
            Way { poisoned: true, planned: (n + more, n), ..exact },
            Way { poisoned: true, share: false, planned: (n, n + more), ..exact },
        ] {
            prop_assert!(train::<f32>(&graph, way, n) == expected);
        }
    }

    #[test]
    fn random_networks_equal_their_layers_alone(ops in ops(), image: bool, ce: bool, n in 2usize..9) {
        check_alone(&random(&ops, image, loss(ce)), n);
    }
}

/// Compares an executor with layers that have memory of their own.
fn check_alone(graph: &Graph, n: usize) {
    let plan = Plan::new(graph, &PlanOptions::batch(n)).expect("a right network");
    let mut exec = Executor::<f32>::new(plan.into(), 0, Pool::serial().into());
    let plan = exec.plan().clone();
    let batch = Batch::<f32>::new(&plan, n, 0);
    exec.poison(f32::NAN);
    exec.train_input(n).copy_from_slice(&batch.x);
    let mut record = Record::default();
    exec.forward_backward(n, batch.targets(), &mut record);
    // The head has params, so its gradient is shown: where the reference begins.
    let (head, grad) = &record.grad_outputs[0];
    assert_eq!(*head, plan.output);
    let expected = reference(&plan, Isa::best(), n, exec.params(), &batch.x, grad);
    for (node, output) in &record.outputs {
        assert_eq!(output, &expected.outputs[*node], "output of {}", plan.nodes[*node].name);
    }
    for (node, grad) in &record.grad_outputs {
        let wanted = expected.grad_outputs[*node].as_ref();
        assert_eq!(Some(grad), wanted, "gradient of {}", plan.nodes[*node].name);
    }
    assert_eq!(exec.grads(), expected.grads);
    // A node that no loss depends on does not run; its layer alone did.
    for node in plan.nodes.iter().filter(|n| plan.train.runs(n.index)) {
        assert_eq!(
            exec.state()[node.state.clone()],
            expected.state[node.state.clone()],
            "state of {}",
            node.name
        );
    }
    exec.poison(f32::NAN);
    exec.eval_input(n).copy_from_slice(&batch.x);
    exec.evaluate(n, batch.targets());
    assert_eq!(exec.outputs(n), expected.evaluated[plan.output]);
}

#[test]
fn a_chain_equals_its_layers_alone() {
    for (_, graph) in networks() {
        check_alone(&graph, N);
    }
}

proptest! {
    #![proptest_config(cases(40))]

    /// The gradient of all params together along random directions and, in few
    /// params, along each.
    #[test]
    fn random_networks_have_right_gradients(ops in ops(), image: bool, ce: bool, n in 3usize..6) {
        let graph = random(&ops, image, loss(ce));
        let plan = Plan::new(&graph, &PlanOptions::batch(n)).expect("a right network");
        let mut exec = Executor::<f64>::new(plan.into(), 1, Pool::serial().into());
        let batch = Batch::<f64>::new(exec.plan(), n, 3);
        let mut at = exec.params().to_vec();
        at.iter_mut().zip(values(1 << 12, 4)).for_each(|(p, v)| *p += 0.1 * v);
        let mut f = |params: &[f64]| {
            exec.params_mut().copy_from_slice(params);
            exec.train_input(n).copy_from_slice(&batch.x);
            let score = exec.forward_backward(n, batch.targets(), &mut Unobserved);
            (score.loss(), exec.grads().to_vec())
        };
        let mut gradient = f(&at).1;
        let report = check_gradient(|p| f(p).0, &at, &gradient, STEP);
        prop_assert!(report.passed(), "{report}");
        let largest = gradient.iter_mut().max_by(|a, b| a.abs().total_cmp(&b.abs())).expect("a head");
        *largest = -*largest;
        let report = check_gradient(|p| f(p).0, &at, &gradient, STEP);
        prop_assert_eq!(report.verdict, Verdict::Wrong);
    }
}
