//! First convolutions that run with the pooling behind them: which they are, and that whoever
//! watches, so that the two run one by one, sees the same bits.

use crate::common::Batch;
use kobai_engine::layers::{Activation, Conv2d, MaxPool2d};
use kobai_engine::optim::{Optimizer, Updater, Updates};
use kobai_engine::plan::Step;
use kobai_engine::text::Lang;
use kobai_engine::{Event, Executor, Graph, Loss, Observer, Plan, PlanOptions, Unobserved, Wants, zoo};
use kobai_kernels::{Isa, Pool};

/// Names of the convolution and the pooling of each pair, forward and backward.
fn pairs(plan: &Plan) -> [Vec<(&str, &str)>; 2] {
    let name = |at: usize| match &plan.train.steps[at] {
        Step::Forward(s) => plan.nodes[s.node].name.as_str(),
        Step::Backward(s) => plan.nodes[s.node].name.as_str(),
        _ => unreachable!("layers alone"),
    };
    let mut pairs = [Vec::new(), Vec::new()];
    for (at, step) in plan.train.steps.iter().enumerate() {
        match step {
            Step::Forward(s) => pairs[0].extend(s.pooled.map(|p| (name(at), name(at + p.steps)))),
            Step::Backward(s) => pairs[1].extend(s.unpooled.map(|u| (name(at + u.steps), name(at)))),
            _ => {}
        }
    }
    pairs
}

fn plan(graph: &Graph, isa: Isa, share_memory: bool) -> Plan {
    Plan::new(graph, &PlanOptions { isa, share_memory, ..PlanOptions::batch(5) }).expect("a right network")
}

fn course(name: &str) -> Graph {
    let settings = zoo::Settings { input: [1, 28, 28].into(), classes: 10, narrow: 1 };
    zoo::find(name).unwrap().graph(&settings)
}

/// Two first convolutions, one without an activation and with a line that no window sees, and
/// one behind another.
fn branches() -> Graph {
    let mut g = Graph::new([2, 19, 17].into());
    let a = g.conv2d("a", g.input(), Conv2d::new(17, 3).stride(2));
    let a = g.max_pool("a_pool", a, MaxPool2d::new(2, 2));
    let a = g.flatten("a_flat", a);
    let a = g.linear("a_out", a, 3);
    let b = g.conv2d("b", g.input(), Conv2d { bias: false, ..Conv2d::new(20, 7).padding(3) });
    let b = g.activation("b_relu", b, Activation::Relu);
    let b = g.max_pool("b_pool", b, MaxPool2d::new(3, 3));
    let b = g.flatten("b_flat", b);
    let b = g.linear("b_out", b, 3);
    // Wants a gradient for its input: backward the two run one by one.
    let c = g.conv2d("c", g.input(), Conv2d::new(3, 3));
    let c = g.conv2d("c_next", c, Conv2d::new(18, 4));
    let c = g.activation("c_relu", c, Activation::Relu);
    let c = g.max_pool("c_pool", c, MaxPool2d::new(2, 2));
    let c = g.flatten("c_flat", c);
    let c = g.linear("c_out", c, 3);
    let y = g.add("a_b", a, b);
    let y = g.add("sum", y, c);
    g.output(y, Loss::CrossEntropy);
    g
}

#[test]
fn first_convolutions_run_with_their_pooling() {
    let simple = plan(&course("simple_convnet"), Isa::best(), true);
    assert_eq!(pairs(&simple), [vec![("conv1", "pool1")], vec![("conv1", "pool1")]]);
    assert!(!simple.eval.steps.iter().any(|s| matches!(s, Step::Forward(s) if s.pooled.is_some())));
    let forward = vec![("a", "a_pool"), ("b", "b_pool"), ("c_next", "c_pool")];
    let backward = vec![("b", "b_pool"), ("a", "a_pool")];
    assert_eq!(pairs(&plan(&branches(), Isa::best(), true)), [forward, backward]);
    // Two convolutions in front of the pooling.
    assert_eq!(pairs(&plan(&course("deep_convnet"), Isa::best(), true)), [vec![], vec![]]);
    let table = simple.table(Lang::En);
    let row = |name: &str| table.lines().find(|l| l.contains(name)).unwrap_or_default().to_owned();
    assert!(row("pool1").contains("in conv1") && row("relu1").contains("in conv1"), "{table}");
}

/// Looks at everything, or at gradients alone.
struct Looks(Wants);

impl Observer<f32> for Looks {
    fn wants(&self, _: u64) -> Wants {
        self.0
    }

    fn event(&mut self, _: &Event<'_, f32>) {}
}

fn trained(graph: &Graph, isa: Isa, threads: usize, share: bool, watch: &mut dyn Observer<f32>) -> Vec<u32> {
    let plan = plan(graph, isa, share);
    let n = 4;
    let adam = Optimizer::Adam { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    let mut updater = Updater::new(&plan, Updates::new(adam));
    let mut exec = Executor::<f32>::new(plan.into(), 3, Pool::new(threads).into());
    for step in 0..3 {
        exec.poison(f32::NAN);
        let batch = Batch::<f32>::new(exec.plan(), n, step);
        exec.train_input(n).copy_from_slice(&batch.x);
        exec.train_step(n, batch.targets(), &mut updater, watch);
    }
    assert!(exec.params().iter().all(|p| p.is_finite()));
    exec.params().iter().map(|p| p.to_bits()).collect()
}

#[test]
fn the_bits_are_those_of_two_steps() {
    for graph in [course("simple_convnet"), branches()] {
        for isa in Isa::available() {
            let want = trained(&graph, isa, 1, true, &mut Looks(Wants::ALL));
            for (threads, share) in [(1, true), (2, false), (3, true)] {
                let got = trained(&graph, isa, threads, share, &mut Unobserved);
                assert!(got == want, "{isa}, {threads} threads");
            }
            let backward = Wants { backward: true, ..Wants::NOTHING };
            assert!(trained(&graph, isa, 2, true, &mut Looks(backward)) == want, "{isa}: gradients alone");
            let forward = Wants { forward: true, ..Wants::NOTHING };
            assert!(trained(&graph, isa, 2, true, &mut Looks(forward)) == want, "{isa}: values alone");
        }
    }
}
