//! Where the time of a step goes: every layer and pass beside its own limit.

use super::{Bench, Mode, Options, peak_bandwidth, peak_flops};
use kobai_engine::layer::LayerKind;
use kobai_engine::optim::Optimizer;
use kobai_engine::plan::{ForwardStep, Step};
use kobai_engine::text::Lang;
use kobai_engine::{Graph, NodePlan, Observer, Part, Plan, PlanErrors, Probe, Wants, say};
use serde::Serialize;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of an element.
const ELEMENT: f64 = size_of::<f32>() as f64;

/// The time of one pass of one layer.
#[derive(Clone, Debug, Serialize)]
pub struct Pass {
    /// Path of the node, or what is no node's: `loss`, `update`.
    pub layer: String,
    /// The layer's kind.
    pub kind: String,
    /// `forward`, `backward`; for a layer with weights `weight-grad` and `input-grad`.
    pub pass: &'static str,
    /// How it is computed, if there is a choice.
    pub algorithm: String,
    /// Median time of a step, in milliseconds.
    pub ms: f64,
    /// Share of the step.
    pub share: f64,
    /// Floating-point operations per second by the layer's definition, in 10⁹; 0 if
    /// it has no multiply-adds.
    pub gflops: f64,
    /// Bytes per second if each operand moved once, in 10⁹.
    pub gbytes: f64,
    /// Time that the binding limit would take, over `ms`. Above 1 where the
    /// operands stay in cache or an algorithm needs fewer multiply-adds.
    pub of_limit: f64,
    /// Whether the arithmetic limit binds; otherwise it is memory.
    pub arithmetic: bool,
}

/// The parts of a step.
#[derive(Clone, Debug, Serialize)]
pub struct Profile {
    /// What was timed.
    pub mode: Mode,
    /// Examples of a batch.
    pub batch: usize,
    /// Threads.
    pub threads: usize,
    /// Instruction set.
    pub isa: String,
    /// Multiply-add limit of all threads, in 10⁹ operations per second.
    pub peak_gflops: f64,
    /// Memory limit of all threads, in 10⁹ bytes per second.
    pub peak_gbytes: f64,
    /// Median time of a step, in milliseconds.
    pub ms: f64,
    /// In the order of execution.
    pub passes: Vec<Pass>,
}

#[derive(Debug)]
struct Clock(Mutex<Times>);

#[derive(Debug)]
struct Times {
    last: Instant,
    spent: HashMap<Part, Duration>,
}

impl Clock {
    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Probe for Clock {
    fn ended(&self, part: Part) {
        let now = Instant::now();
        let mut times = self.times();
        let spent = now - times.last;
        *times.spent.entry(part).or_default() += spent;
        // What the bookkeeping takes belongs to no part.
        times.last = Instant::now();
    }
}

impl Observer<f32> for Clock {
    fn wants(&self, _: u64) -> Wants {
        Wants::NOTHING
    }
    fn event(&mut self, _: &kobai_engine::Event<'_, f32>) {}
    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }
}

/// Times every layer and pass of a network on random data.
///
/// # Errors
/// If the network cannot be planned.
pub fn profile(graph: &Graph, optimizer: Optimizer, options: Options) -> Result<Profile, PlanErrors> {
    let mut bench = Bench::new(graph, optimizer, options)?;
    let mut clock = Clock(Mutex::new(Times { last: Instant::now(), spent: HashMap::new() }));
    bench.step(&mut clock);
    let mut times: HashMap<Part, Vec<f64>> = HashMap::new();
    let mut totals = Vec::new();
    for _ in 0..options.steps.max(1) {
        let start = Instant::now();
        *clock.times() = Times { last: start, spent: HashMap::new() };
        bench.step(&mut clock);
        totals.push(start.elapsed().as_secs_f64() * 1e3);
        for (part, spent) in &clock.times().spent {
            times.entry(*part).or_default().push(spent.as_secs_f64() * 1e3);
        }
    }
    let plan = bench.exec.plan().clone();
    let (flops, bytes) =
        (peak_flops(options.isa) * options.threads as f64, peak_bandwidth(options.isa, options.threads));
    let total = median(&mut totals);
    let mut passes = Vec::new();
    for part in parts(&plan, options.mode) {
        let Some(times) = times.get_mut(&part) else { continue };
        let ms = median(times);
        let mut cost = Cost::of(part, &plan, options.batch, optimizer);
        match options.mode {
            Mode::Infer => cost.band(part, &plan, options.batch),
            Mode::Train => cost.pooled(part, &plan, options.batch),
        }
        let (arithmetic, memory) = (2.0 * cost.macs / flops, cost.bytes / bytes);
        passes.push(Pass {
            layer: cost.layer,
            kind: cost.kind,
            pass: cost.pass,
            algorithm: cost.algorithm,
            ms,
            share: ms / total,
            gflops: 2.0 * cost.macs / ms / 1e6,
            gbytes: cost.bytes / ms / 1e6,
            of_limit: arithmetic.max(memory) * 1e3 / ms,
            arithmetic: arithmetic > memory,
        });
    }
    Ok(Profile {
        mode: options.mode,
        batch: options.batch,
        threads: options.threads,
        isa: options.isa.name().into(),
        peak_gflops: flops / 1e9,
        peak_gbytes: bytes / 1e9,
        ms: total,
        passes,
    })
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Every part that a step may have, in a readable order.
fn parts(plan: &Plan, mode: Mode) -> Vec<Part> {
    let nodes = 0..plan.nodes.len();
    let mut parts: Vec<Part> = nodes.clone().map(Part::Forward).collect();
    parts.push(Part::Loss);
    if mode == Mode::Train {
        let backward = |i| [Part::ParamGradient(i), Part::Backward(i), Part::Accumulate(i)];
        parts.extend(nodes.rev().flat_map(backward));
        parts.push(Part::Update);
    }
    parts
}

/// What a pass has to do at least.
struct Cost {
    layer: String,
    kind: String,
    pass: &'static str,
    algorithm: String,
    macs: f64,
    /// Each operand once, except where a second pass over it cannot be avoided.
    bytes: f64,
}

impl Cost {
    fn of(part: Part, plan: &Plan, batch: usize, optimizer: Optimizer) -> Cost {
        let whole = |layer: &str, bytes: f64| Cost {
            layer: layer.into(),
            kind: String::new(),
            pass: "",
            algorithm: String::new(),
            macs: 0.0,
            bytes: bytes * ELEMENT,
        };
        let params = plan.param_len() as f64;
        let (index, pass) = match part {
            Part::Loss => return whole("loss", 2.0 * (batch * plan.output_shape().len()) as f64),
            // Params and moments are read and written, gradients read.
            Part::Update => return whole("update", params * (3.0 + 2.0 * optimizer.moments() as f64)),
            Part::Forward(i) => (i, "forward"),
            Part::ParamGradient(i) => (i, "weight-grad"),
            Part::Accumulate(i) => (i, "add gradients"),
            Part::Backward(i) => (i, "backward"),
        };
        let node = &plan.nodes[index];
        let halves = matches!(node.layer, Some(LayerKind::Conv2d(_) | LayerKind::Linear(_)));
        let n = batch as f64;
        let input = n * node.input_shapes.iter().map(|s| s.len() as f64).sum::<f64>();
        let output = n * node.plan.output.len() as f64;
        let params = node.plan.param_len() as f64;
        let macs = n * node.plan.macs as f64;
        let elements = match part {
            Part::Accumulate(_) => 3.0 * output,
            Part::Forward(_) => forward_elements(node, input, output) + params,
            Part::ParamGradient(_) => input + output + params,
            _ if halves => input + output + params,
            _ => backward_elements(node, input, output),
        };
        Cost {
            layer: node.name.clone(),
            kind: node.kind().into(),
            pass: if halves && pass == "backward" { "input-grad" } else { pass },
            algorithm: node.plan.algorithm.into(),
            macs: if matches!(part, Part::Accumulate(_)) { 0.0 } else { macs },
            bytes: elements * ELEMENT,
        }
    }
}

impl Cost {
    /// In evaluation the first convolution of a band has the time of all: all multiply-adds,
    /// the first input, the last output.
    fn band(&mut self, part: Part, plan: &Plan, batch: usize) {
        let steps = &plan.eval.steps;
        let of = |step: &Step| matches!(step, Step::Forward(s) if Part::Forward(s.node) == part);
        let Some(at) = steps.iter().position(of) else { return };
        let Step::Forward(ForwardStep { band: Some(band), .. }) = &steps[at] else { return };
        let rest: Vec<&NodePlan> = [band.depthwise, band.project]
            .into_iter()
            .filter(|i| *i > 0)
            .filter_map(|i| match &steps[at + i] {
                Step::Forward(s) => Some(&plan.nodes[s.node]),
                _ => None,
            })
            .collect();
        let Some(last) = rest.last() else { return };
        let Step::Forward(first) = &steps[at] else { return };
        let first = &plan.nodes[first.node];
        let n = batch as f64;
        let ends = first.input_shapes[0].len() + last.plan.output.len();
        let params = rest.iter().map(|node| node.plan.param_len()).sum::<usize>() + first.plan.param_len();
        self.layer = format!("{} – {}", first.name, last.name);
        self.algorithm = "bands".into();
        self.macs += n * rest.iter().map(|node| node.plan.macs as f64).sum::<f64>();
        self.bytes = (n * ends as f64 + params as f64) * ELEMENT;
    }
}

impl Cost {
    /// In training a convolution and the pooling behind it may be one pass: what lies between
    /// them is not in memory, what the pooling writes and saves is.
    fn pooled(&mut self, part: Part, plan: &Plan, batch: usize) {
        let steps = &plan.train.steps;
        let found = steps.iter().enumerate().find_map(|(at, step)| match (step, part) {
            (Step::Forward(conv), Part::Forward(node)) if conv.node == node => {
                conv.pooled.map(|p| [at, at + p.steps])
            }
            (Step::Backward(pool), Part::ParamGradient(node)) => {
                let conv = at + pool.unpooled?.steps;
                matches!(&steps[conv], Step::Backward(s) if s.node == node).then_some([conv, at])
            }
            _ => None,
        });
        let Some(found) = found else { return };
        let [conv, pool] = found.map(|at| match &steps[at] {
            Step::Forward(s) => &plan.nodes[s.node],
            Step::Backward(s) => &plan.nodes[s.node],
            _ => unreachable!("a convolution and a pooling"),
        });
        let output = pool.plan.output.len() as f64;
        // Forward its values, backward these and their gradients; a byte for each position.
        let values = if matches!(part, Part::Forward(_)) { 1.25 } else { 2.25 } * output;
        let elements = conv.input_shapes[0].len() as f64 + values;
        self.layer = format!("{} – {}", conv.name, pool.name);
        self.bytes = (batch as f64 * elements + conv.plan.param_len() as f64) * ELEMENT;
    }
}

fn forward_elements(node: &NodePlan, input: f64, output: f64) -> f64 {
    match node.layer {
        // The statistics must be known before the first value can be written.
        Some(LayerKind::BatchNorm(_)) => 2.0 * input + output,
        _ => input + output,
    }
}

fn backward_elements(node: &NodePlan, input: f64, output: f64) -> f64 {
    match node.layer {
        // Input and gradient once for the sums, once more for the result.
        Some(LayerKind::BatchNorm(_)) => 2.0 * (input + output) + input,
        // The saved positions take a byte each.
        Some(LayerKind::MaxPool2d(_)) => input + 1.25 * output,
        Some(LayerKind::Activation(_)) => 3.0 * output,
        _ => input + output,
    }
}

impl Profile {
    /// The table that `kobai bench --layers` prints; passes below `least` of the
    /// step are summed up in a line of their own.
    #[must_use]
    pub fn table(&self, lang: Lang, least: f64) -> String {
        let mut text = String::new();
        let head = lang.pick(
            ["layer", "pass", "algorithm", "ms", "share", "GFLOP/s", "GB/s", "of limit", "limit"],
            ["層", "パス", "算法", "ミリ秒", "割合", "GFLOP/s", "GB/s", "限界比", "限界"],
        );
        let (arithmetic, memory) = (lang.pick("arithmetic", "演算"), lang.pick("memory", "メモリ"));
        let mut rows = vec![head.map(String::from).to_vec()];
        let (mut rest, mut count) = (0.0, 0);
        for p in &self.passes {
            if p.share < least {
                rest += p.ms;
                count += 1;
                continue;
            }
            let dash = |text: &str| if text.is_empty() { "-".into() } else { text.to_string() };
            rows.push(vec![
                p.layer.clone(),
                dash(p.pass),
                dash(&p.algorithm),
                format!("{:.2}", p.ms),
                format!("{:.1} %", 100.0 * p.share),
                if p.gflops > 0.0 { format!("{:.0}", p.gflops) } else { "-".into() },
                format!("{:.1}", p.gbytes),
                format!("{:.0} %", 100.0 * p.of_limit),
                if p.arithmetic { arithmetic } else { memory }.into(),
            ]);
        }
        let widths: Vec<usize> =
            (0..head.len()).map(|c| rows.iter().map(|r| columns(&r[c])).max().unwrap_or(0)).collect();
        for row in &rows {
            let mut line = String::new();
            for (c, cell) in row.iter().enumerate() {
                let pad = " ".repeat(widths[c] - columns(cell));
                let right = (3..8).contains(&c);
                let _ = if right { write!(line, "{pad}{cell}  ") } else { write!(line, "{cell}{pad}  ") };
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let (step, batch, threads, isa) = (self.ms, self.batch, self.threads, &self.isa);
        let rate = batch as f64 * 1e3 / step;
        let (gflops, gbytes) = (self.peak_gflops, self.peak_gbytes);
        let percent = 100.0 * least;
        if count > 0 {
            text += &say!(
                lang,
                "{count} passes below {percent} % of the step: {rest:.2} ms together\n",
                "1 ステップの {percent} % 未満の {count} パス: 合計 {rest:.2} ミリ秒\n"
            );
        }
        text += &say!(
            lang,
            "step {step:.1} ms, {rate:.1} examples/s; batch {batch}, {threads} thread(s), {isa}; measured limits {gflops:.0} GFLOP/s, {gbytes:.0} GB/s\n",
            "1 ステップ {step:.1} ミリ秒、{rate:.1} 例/秒、バッチ {batch}、{threads} スレッド、{isa}。測った限界 {gflops:.0} GFLOP/s、{gbytes:.0} GB/s\n"
        );
        text
    }
}

/// Terminal columns: East-Asian characters take two.
fn columns(text: &str) -> usize {
    text.chars().map(|c| if c as u32 >= 0x2e80 { 2 } else { 1 }).sum()
}
