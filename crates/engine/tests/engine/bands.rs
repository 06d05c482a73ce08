//! Convolutions that evaluation runs behind each other band by band: which they are, and
//! that neither threads nor shared memory nor what it held change a bit.

use kobai_engine::plan::Step;
use kobai_engine::{Executor, Plan, PlanOptions, Targets, zoo};
use kobai_kernels::{Isa, Pool, Real};
use kobai_testkit::{labels, values};

const SIDE: usize = 128;

fn plan(name: &str, batch: usize, isa: Isa, share_memory: bool) -> Plan {
    let settings = zoo::Settings { input: [3, SIDE, SIDE].into(), classes: 10, narrow: 1 };
    let options = PlanOptions { isa, share_memory, ..PlanOptions::batch(batch) };
    Plan::new(&zoo::find(name).unwrap().graph(&settings), &options).expect("a right network")
}

/// Names of the first and the last convolution of each band.
fn bands(plan: &Plan) -> Vec<(String, String)> {
    let name = |at: usize| match &plan.eval.steps[at] {
        Step::Forward(s) => plan.nodes[s.node].name.clone(),
        _ => unreachable!("a band has convolutions alone"),
    };
    let steps = plan.eval.steps.iter().enumerate();
    let band = |(at, step): (usize, &Step)| match step {
        Step::Forward(s) => s.band.map(|band| (name(at), name(at + band.project))),
        _ => None,
    };
    steps.filter_map(band).collect()
}

#[test]
fn blocks_of_mobilenet_are_bands_and_training_has_none() {
    let plan = plan("mobilenet_v2", 4, Isa::best(), true);
    // The widest images between the layers; 1×1 and depthwise alone in the first block.
    let whole = |i: usize| (format!("features.{i}.conv.0.0"), format!("features.{i}.conv.{}", 2.min(i)));
    assert_eq!(bands(&plan), [1, 2, 3, 4].map(whole));
    let trains = |s: &Step| matches!(s, Step::Forward(s) if s.band.is_some());
    assert!(!plan.train.steps.iter().any(trains));
}

fn logits<T: Real>(isa: Isa, threads: usize, share: bool) -> Vec<f64> {
    let n = 3;
    let plan = plan("mobilenet_v2", n, isa, share);
    let mut exec = Executor::<T>::new(plan.into(), 3, Pool::new(threads).into());
    exec.poison(T::from_f64(f64::NAN));
    let x = values(n * 3 * SIDE * SIDE, 7);
    exec.eval_input(n).iter_mut().zip(&x).for_each(|(to, x)| *to = T::from_f64(*x));
    exec.evaluate(n, Targets::Classes(&labels(n, 10, 1)));
    exec.outputs(n).iter().map(|y| y.to_f64()).collect()
}

#[test]
fn threads_and_memory_change_no_bit_of_a_band() {
    for isa in Isa::available().into_iter().filter(|isa| *isa != Isa::SCALAR) {
        let want = logits::<f32>(isa, 1, true);
        for (threads, share) in [(2, true), (3, true), (1, false)] {
            assert!(logits::<f32>(isa, threads, share) == want, "{isa}, {threads} threads, {share}");
        }
        // Layer by layer in f64: what a wrong line or a wrong place would show.
        let exact = logits::<f64>(isa, 2, true);
        let largest = exact.iter().fold(0.0f64, |m, y| m.max(y.abs()));
        for (y, exact) in want.iter().zip(&exact) {
            assert!((y - exact).abs() < 1e-4 * largest, "{isa}: {y} {exact}");
        }
    }
}
