//! Timing of one training workload.

use kobai_engine::init::{Fan, Init};
use kobai_engine::layers::Activation;
use kobai_engine::optim::{Optimizer, Updater, Updates};
use kobai_engine::{Executor, Graph, Loss, Plan, PlanOptions, Rng, Stream, Targets, Unobserved};
use kobai_kernels::{Isa, Pool};
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;

/// A workload of the yardstick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Identifier.
    pub id: &'static str,
    /// What it is.
    pub what: &'static str,
    widths: &'static [usize],
    activation: Hidden,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hidden {
    Sigmoid,
    Relu,
}

/// Every workload.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        id: "W1",
        what: "MLP 784-40-20-10, sigmoid, SGD, batch 100",
        widths: &[784, 40, 20, 10],
        activation: Hidden::Sigmoid,
    },
    Workload {
        id: "W2",
        what: "MLP 784-[100]x6-10, ReLU, SGD, batch 100",
        widths: &[784, 100, 100, 100, 100, 100, 100, 10],
        activation: Hidden::Relu,
    },
];

/// Examples of a batch.
const BATCH: usize = 100;

/// The result of a timing: one line of `kobai bench --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Timing {
    /// Workload.
    pub workload: String,
    /// `train`.
    pub mode: String,
    /// Threads.
    pub threads: usize,
    /// Examples of a batch.
    pub batch: usize,
    /// Median over blocks of steps.
    pub steps_per_s: f64,
    /// Steps per second times batch.
    pub samples_per_s: f64,
    /// Peak resident memory of the process, where the system tells it.
    pub peak_rss_mb: Option<f64>,
    /// Instruction set.
    pub isa: String,
    /// Share of the multiply-add peak, measured in this run.
    pub of_peak: f64,
}

/// Times training steps (forward, backward, update) on random data.
#[must_use]
pub fn train(workload: &Workload, threads: usize, steps: usize, isa: Isa) -> Timing {
    let (input, rest) = workload.widths.split_first().expect("a workload has an input");
    let mut graph = Graph::new([*input].into());
    let mut x = graph.input();
    for (i, width) in rest.iter().enumerate() {
        x = graph.linear_init(&format!("fc{}", i + 1), x, *width, Init::HeNormal(Fan::In));
        if i + 1 < rest.len() {
            let activation = match workload.activation {
                Hidden::Sigmoid => Activation::SIGMOID,
                Hidden::Relu => Activation::Relu,
            };
            x = graph.activation(&format!("act{}", i + 1), x, activation);
        }
    }
    graph.output(x, Loss::CrossEntropy);
    let plan =
        Plan::new(&graph, &PlanOptions { isa, ..PlanOptions::batch(BATCH) }).expect("the workloads fit");
    let macs = plan.macs() * 3 - (input * rest[0]) as u64;
    let mut updater = Updater::new(&plan, Updates::new(Optimizer::Sgd { lr: 0.1 }));
    let pool = Arc::new(Pool::new(threads));
    let mut exec = Executor::<f32>::new(plan.into(), 0, pool);
    let draw = Rng::new(0).draw(Stream::Test, 0, 0);
    let data: Vec<f32> = (0..BATCH * input).map(|i| draw.uniform(i as u64) as f32).collect();
    let labels: Vec<u32> = (0..BATCH as u32).map(|i| i % 10).collect();
    exec.train_input(BATCH).copy_from_slice(&data);
    let mut step = || {
        exec.train_step(BATCH, Targets::Classes(&labels), &mut updater, &mut Unobserved);
    };
    for _ in 0..steps.div_ceil(10).clamp(1, 200) {
        step();
    }
    let blocks = 20.min(steps.max(1));
    let mut rates = Vec::with_capacity(blocks);
    for block in 0..blocks {
        let count = (steps * (block + 1) / blocks - steps * block / blocks).max(1);
        let clock = Instant::now();
        for _ in 0..count {
            step();
        }
        rates.push(count as f64 / clock.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    let rate = rates[rates.len() / 2];
    let peak = peak_flops(isa) * threads as f64;
    Timing {
        workload: workload.id.into(),
        mode: "train".into(),
        threads,
        batch: BATCH,
        steps_per_s: rate,
        samples_per_s: rate * BATCH as f64,
        peak_rss_mb: peak_rss_mb(),
        isa: isa.name().into(),
        of_peak: 2.0 * macs as f64 * BATCH as f64 * rate / peak,
    }
}

/// Multiply-adds per second of one thread, times two; the best of several tries.
#[must_use]
pub fn peak_flops(isa: Isa) -> f64 {
    let once = || {
        let clock = Instant::now();
        let (flops, value) = kobai_kernels::peak::fma_loop(isa, 2_000_000);
        std::hint::black_box(value);
        flops as f64 / clock.elapsed().as_secs_f64()
    };
    (0..5).map(|_| once()).fold(0.0, f64::max)
}

/// Peak resident memory of this process in megabytes, on Linux.
fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}
