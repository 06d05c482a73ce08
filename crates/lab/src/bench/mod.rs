//! Timing of networks: whole steps ([`measure`]), and each layer and pass of one
//! ([`profile`]).
//!
//! The limits that both compare with, multiply-adds per second and bytes per
//! second, are measured in the same run.

mod check;
mod layers;
mod workloads;

pub use check::losses;
pub use layers::{Pass, Profile, profile};
pub use workloads::{WORKLOADS, Workload, find};

use kobai_engine::optim::{Optimizer, Updater, Updates};
use kobai_engine::plan::Step;
use kobai_engine::{
    Executor, Graph, Observer, Plan, PlanErrors, PlanOptions, Rng, Stream, Targets, Unobserved,
};
use kobai_kernels::{Isa, Pool};
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Forward, loss, backward, update.
    Train,
    /// Forward in evaluation.
    Infer,
}

/// How a timing is done.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What is timed.
    pub mode: Mode,
    /// Examples of a batch.
    pub batch: usize,
    /// Threads.
    pub threads: usize,
    /// Timed steps.
    pub steps: usize,
    /// Instruction set, and with it the precision of matrix products.
    pub isa: Isa,
}

/// The result of a timing: one line of `kobai bench --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Timing {
    /// Workload.
    pub workload: String,
    /// What was timed.
    pub mode: Mode,
    /// Threads.
    pub threads: usize,
    /// Examples of a batch.
    pub batch: usize,
    /// Median over blocks of steps.
    pub steps_per_s: f64,
    /// Slowest block.
    pub min: f64,
    /// Fastest block.
    pub max: f64,
    /// Steps per second times batch.
    pub samples_per_s: f64,
    /// Peak resident memory of the process, where the system tells it.
    pub peak_rss_mb: Option<f64>,
    /// Instruction set.
    pub isa: String,
    /// Precision of matrix products.
    pub precision: &'static str,
    /// Share of the multiply-add peak in `f32`, measured in this run. Multiply-adds are
    /// those of the definition: a Winograd convolution needs fewer, and an instruction
    /// does two in bfloat16.
    pub of_peak: f64,
}

/// A network with random data, ready to step.
pub(super) struct Bench {
    exec: Executor,
    updater: Updater,
    labels: Vec<u32>,
    options: Options,
}

impl Bench {
    pub(super) fn new(graph: &Graph, optimizer: Optimizer, options: Options) -> Result<Self, PlanErrors> {
        let Options { mode, batch, threads, isa, .. } = options;
        let plan = Plan::new(graph, &PlanOptions { isa, ..PlanOptions::batch(batch) })?;
        let (input, outputs) = (plan.input_shape().len(), plan.output_shape().len());
        let updater = Updater::new(&plan, Updates::new(optimizer));
        let mut exec = Executor::new(plan.into(), 0, Arc::new(Pool::new(threads)));
        let draw = Rng::new(0).draw(Stream::Test, 0, 0);
        let data: Vec<f32> = (0..batch * input).map(|i| draw.uniform(i as u64) as f32).collect();
        match mode {
            Mode::Train => exec.train_input(batch).copy_from_slice(&data),
            Mode::Infer => exec.eval_input(batch).copy_from_slice(&data),
        }
        let labels = (0..batch as u32).map(|i| i % outputs.min(10) as u32).collect();
        Ok(Bench { exec, updater, labels, options })
    }

    pub(super) fn step(&mut self, watch: &mut dyn Observer<f32>) {
        let (n, targets) = (self.options.batch, Targets::Classes(&self.labels));
        match self.options.mode {
            Mode::Train => drop(self.exec.train_step(n, targets, &mut self.updater, watch)),
            // The input may be overwritten: evaluating leftovers takes as long.
            Mode::Infer => drop(self.exec.evaluate_watched(n, targets, watch)),
        }
    }
}

/// Multiply-adds of one step, by the definition of the layers.
fn macs(plan: &Plan, mode: Mode, batch: usize) -> f64 {
    let program = if mode == Mode::Train { &plan.train } else { &plan.eval };
    let passes = |step: &Step| match step {
        Step::Forward(s) => plan.nodes[s.node].plan.macs,
        Step::Backward(s) => {
            let params = u64::from(!plan.nodes[s.node].params.is_empty());
            let inputs = s.grad_inputs.iter().flatten().count() as u64;
            plan.nodes[s.node].plan.macs * (params + inputs)
        }
        _ => 0,
    };
    program.steps.iter().map(passes).sum::<u64>() as f64 * batch as f64
}

/// Times steps on random data.
///
/// # Errors
/// If the network cannot be planned.
pub fn measure(
    id: &str,
    graph: &Graph,
    optimizer: Optimizer,
    options: Options,
) -> Result<Timing, PlanErrors> {
    let Options { mode, batch, threads, steps, isa } = options;
    let mut bench = Bench::new(graph, optimizer, options)?;
    let macs = macs(bench.exec.plan(), mode, batch);
    for _ in 0..steps.div_ceil(10).clamp(1, 200) {
        bench.step(&mut Unobserved);
    }
    let blocks = 20.min(steps.max(1));
    let mut rates = Vec::with_capacity(blocks);
    for block in 0..blocks {
        let count = (steps * (block + 1) / blocks - steps * block / blocks).max(1);
        let clock = Instant::now();
        for _ in 0..count {
            bench.step(&mut Unobserved);
        }
        rates.push(count as f64 / clock.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    let rate = rates[rates.len() / 2];
    let peak = peak_flops(isa) * threads as f64;
    Ok(Timing {
        workload: id.into(),
        mode,
        threads,
        batch,
        steps_per_s: rate,
        min: rates[0],
        max: rates[rates.len() - 1],
        samples_per_s: rate * batch as f64,
        peak_rss_mb: peak_rss_mb(),
        isa: isa.name().into(),
        precision: isa.precision().name(),
        of_peak: 2.0 * macs * rate / peak,
    })
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

/// Bytes per second between all threads and memory: a = b + s·c over arrays far
/// larger than any cache, three arrays moved; the best of several tries.
#[must_use]
pub fn peak_bandwidth(isa: Isa, threads: usize) -> f64 {
    let pool = Pool::new(threads);
    let len = 1 << 24;
    let (mut a, b, c) = (vec![0.0f32; len], vec![1.0f32; len], vec![2.0f32; len]);
    let mut once = || {
        let clock = Instant::now();
        kobai_kernels::peak::triad(isa, &pool, &mut a, &b, &c, 0.5);
        (3 * len * size_of::<f32>()) as f64 / clock.elapsed().as_secs_f64()
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
