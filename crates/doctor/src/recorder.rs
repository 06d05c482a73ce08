//! The observer that fills a record.
//!
//! It looks at every fourth step at first, where most diseases show, and then
//! ever more rarely. A step that it does not look at costs one comparison.
//!
//! With a cap, looks are paid from an account: every step adds its share of the
//! arithmetic, every look takes what it costs. Both follow from shapes, so which
//! steps are looked at is the same on every machine.

use crate::record::{LayerStats, Look, NonFinite, Record, UnitStats};
use crate::sample::{Sample, every_row};
use kobai_engine::layer::{Layer, LayerKind, ParamSpec};
use kobai_engine::layers::Activation;
use kobai_engine::optim::Penalty;
use kobai_engine::{Event, NodePlan, Observer, Plan, Wants};
use kobai_kernels::{Isa, reduce};

/// Examples over which a unit is judged dead or saturated, at least.
const WINDOW: usize = 256;
/// A unit that is active on less than this share is dead.
const DEAD: f64 = 0.01;
/// A unit that is saturated on more than this share is saturated.
const SATURATED: f64 = 0.9;

/// Arithmetic of a look per value of an activation, in operations of a step's
/// matrix products: it is bound by memory, and a product is not.
const COST_PER_VALUE: f64 = 40.0;
/// The same per param.
const COST_PER_PARAM: f64 = 60.0;
/// Looks that the account begins with: the first steps show most.
const CREDIT: f64 = 10.0;

/// What was counted of one activation's units since the window began. Of a
/// picture a unit is a channel, counted at all places.
#[derive(Clone, Debug)]
struct Counts {
    node: usize,
    active: Vec<u32>,
    saturated: Vec<u32>,
    examples: usize,
    /// Values of each unit that were looked at.
    seen: usize,
}

/// The account that looks are paid from, in operations.
#[derive(Clone, Copy, Debug)]
struct Account {
    step: f64,
    look: f64,
    share: f64,
    balance: f64,
}

/// Watches a run.
#[derive(Debug)]
pub struct Recorder {
    isa: Isa,
    output: usize,
    penalty: Penalty,
    before: Vec<f32>,
    counts: Vec<Counts>,
    looks: Vec<Look>,
    losses: Vec<f64>,
    non_finite: Option<NonFinite>,
    classifies: bool,
    votes: Vec<u32>,
    boundary: f32,
    dense_from: u64,
    account: Option<Account>,
    /// Sums and squares by unit, low and high weights by input: scratch.
    scratch: [Vec<f64>; 2],
    weights: [Vec<f32>; 2],
}

impl Recorder {
    /// A recorder for a network and the penalty of its training.
    #[must_use]
    pub fn new(plan: &Plan, penalty: Penalty) -> Self {
        let counts = |n: &NodePlan| match n.layer {
            Some(LayerKind::Activation(_)) => {
                let values = n.plan.output.len();
                let units = if n.plan.output.rank() == 3 { n.plan.output.dims()[0] } else { values };
                Some(Counts {
                    node: n.index,
                    active: vec![0; units],
                    saturated: vec![0; units],
                    examples: 0,
                    seen: 0,
                })
            }
            _ => None,
        };
        Recorder {
            isa: plan.options.isa,
            output: plan.output,
            penalty,
            before: vec![0.0; plan.param_len()],
            counts: plan.nodes.iter().filter_map(counts).collect(),
            looks: Vec::new(),
            losses: Vec::new(),
            non_finite: None,
            classifies: plan.output_shape().len() > 1 || plan.loss != kobai_engine::Loss::MeanSquaredError,
            votes: vec![0; plan.output_shape().len().max(2)],
            boundary: if plan.loss == kobai_engine::Loss::BinaryCrossEntropy { 0.0 } else { 0.5 },
            dense_from: u64::MAX,
            account: None,
            scratch: [Vec::new(), Vec::new()],
            weights: [Vec::new(), Vec::new()],
        }
    }

    /// Pays for looks with at most this share of the arithmetic of a training of
    /// so many steps.
    #[must_use]
    pub fn capped(mut self, plan: &Plan, share: f64, steps: u64) -> Self {
        let batch = plan.options.batch as f64;
        let values: usize = plan.nodes.iter().filter(|n| watched(n)).map(|n| n.plan.output.len()).sum();
        let look = COST_PER_VALUE * values as f64 * batch + COST_PER_PARAM * plan.param_len() as f64;
        // Besides its products a step passes over every value and param too.
        let passes = 4.0 * values as f64 * batch + 8.0 * plan.param_len() as f64;
        let step = 6.0 * plan.macs() as f64 * batch + passes;
        // A short training cannot pay back ten looks; two show at least where it began.
        let balance = (CREDIT * look).min(0.5 * share * step * steps as f64).max(2.0 * look);
        self.account = Some(Account { step, look, share, balance });
        self
    }

    /// Moves what was seen since the last call into a record.
    pub fn drain_into(&mut self, record: &mut Record) {
        record.looks.append(&mut self.looks);
        record.done += self.losses.len() as u64;
        record.losses.append(&mut self.losses);
        record.non_finite = self.non_finite.clone();
    }

    /// Looks at every step from one on: to find the layer in which a run breaks.
    #[must_use]
    pub fn every_step_from(mut self, step: u64) -> Self {
        self.dense_from = step;
        self
    }

    /// Whether a step is looked at: every 4th of the first 200, every 16th of
    /// the first 1600, every 64th after that.
    #[must_use]
    pub fn looks_at(step: u64) -> bool {
        step.is_multiple_of(match step {
            0..200 => 4,
            200..1600 => 16,
            _ => 64,
        })
    }

    /// Steps that were looked at, losses, and the first value that was no number.
    #[must_use]
    pub fn finish(self) -> (Vec<Look>, Vec<f64>, Option<NonFinite>) {
        (self.looks, self.losses, self.non_finite)
    }

    fn look(&mut self, step: u64) -> &mut Look {
        if self.looks.last().is_none_or(|l| l.step != step) {
            self.looks.push(Look { step, ..Look::default() });
        }
        self.looks.last_mut().expect("just pushed")
    }

    fn first_bad(&mut self, step: u64, layer: &str, phase: &'static str, bad: bool) {
        if bad && self.non_finite.is_none() {
            self.non_finite = Some(NonFinite { step, layer: layer.into(), phase: phase.into() });
        }
    }

    /// How many weights a unit of a param has, and of how many units one is looked at.
    fn rows(&self, step: u64, spec: &ParamSpec) -> (usize, usize) {
        let inputs = spec.dims.get(1..).map_or(1, |d| d.iter().product()).max(1);
        let every = if step >= self.dense_from { 1 } else { every_row(spec.len() / inputs, inputs) };
        (inputs, every)
    }

    /// The root of the mean square over one row of so many.
    fn rms(&self, values: &[f32], inputs: usize, every: usize) -> f64 {
        if every == 1 {
            return (reduce::sum_squares_f64(self.isa, values) / values.len().max(1) as f64).sqrt();
        }
        let rows = values.chunks_exact(inputs).step_by(every);
        let len = rows.len() * inputs;
        (rows.map(|row| reduce::sum_squares_f64(self.isa, row)).sum::<f64>() / len as f64).sqrt()
    }

    fn forward(&mut self, step: u64, node: &NodePlan, n: usize, output: &[f32]) {
        match &node.layer {
            Some(LayerKind::Activation(activation)) => self.units(step, node, *activation, n, output),
            Some(layer) if !node.params.is_empty() && layer.kind() != "batch-norm" => {
                let (signal, finite) = self.signal(self.sample(step, node, n), output);
                self.first_bad(step, &node.name, "forward", !finite);
                let stats = LayerStats { layer: node.name.clone(), signal, ..LayerStats::default() };
                self.look(step).layers.push(stats);
            }
            Some(layer) if layer.kind() == "batch-norm" => {
                let rms = self.sample(step, node, n).rms(self.isa, output);
                self.first_bad(step, &node.name, "forward", !rms.is_finite());
            }
            _ => {}
        }
        if node.index == self.output {
            let std = reduce::Stats::of(self.isa, output).std;
            let top = if self.classifies { self.top_class(n, output) } else { 0.0 };
            let look = self.look(step);
            (look.output_std, look.top_class) = (std, top);
        }
    }

    /// What is looked at of a node's output or its gradient: all of it where the layer is
    /// sought in which a run breaks.
    fn sample(&self, step: u64, node: &NodePlan, n: usize) -> Sample {
        match step >= self.dense_from {
            true => Sample::whole(&node.plan.output, n),
            false => Sample::of_examples(&node.plan.output, n),
        }
    }

    /// Root of the mean, over units, of the variance over examples, and whether
    /// all values are numbers.
    fn signal(&mut self, sample: Sample, output: &[f32]) -> (f64, bool) {
        let [sums, squares] = &mut self.scratch;
        sums.clear();
        squares.clear();
        sums.resize(sample.kept(), 0.0);
        squares.resize(sample.kept(), 0.0);
        for example in sample.examples(output) {
            let (mut sums, mut squares) = (&mut sums[..], &mut squares[..]);
            for line in example {
                let (s, q);
                (s, sums) = sums.split_at_mut(line.len());
                (q, squares) = squares.split_at_mut(line.len());
                for ((sum, square), y) in s.iter_mut().zip(q).zip(line) {
                    let y = f64::from(*y);
                    *sum += y;
                    *square += y * y;
                }
            }
        }
        let all: f64 = squares.iter().sum();
        let means: f64 = sums.iter().map(|s| s * s).sum::<f64>() / sample.examples as f64;
        (((all - means).max(0.0) / sample.len() as f64).sqrt(), all.is_finite())
    }

    /// Largest difference between the incoming weights of two units (rows).
    fn unit_spread(&mut self, weight: &[f32], inputs: usize, every: usize) -> f64 {
        let [low, high] = &mut self.weights;
        low.clear();
        high.clear();
        low.extend_from_slice(&weight[..inputs]);
        high.extend_from_slice(&weight[..inputs]);
        for row in weight.chunks_exact(inputs).step_by(every) {
            for ((w, low), high) in row.iter().zip(low.iter_mut()).zip(high.iter_mut()) {
                *low = low.min(*w);
                *high = high.max(*w);
            }
        }
        low.iter().zip(high.iter()).map(|(l, h)| f64::from(*h) - f64::from(*l)).fold(0.0, f64::max)
    }

    fn top_class(&mut self, n: usize, output: &[f32]) -> f64 {
        self.votes.fill(0);
        for row in output.chunks_exact(output.len() / n) {
            // One output tells two classes apart.
            let best = match row {
                [z] => usize::from(*z > self.boundary),
                _ => row.iter().enumerate().fold(0, |best, (i, y)| if *y > row[best] { i } else { best }),
            };
            self.votes[best] += 1;
        }
        f64::from(self.votes.iter().copied().max().unwrap_or(0)) / n as f64
    }

    fn units(&mut self, step: u64, node: &NodePlan, activation: Activation, n: usize, y: &[f32]) {
        let sample = match step >= self.dense_from {
            true => Sample::whole(&node.plan.output, n),
            false => Sample::of_lines(&node.plan.output, n),
        };
        let rms = sample.rms(self.isa, y);
        self.first_bad(step, &node.name, "forward", !rms.is_finite());
        let lines = || sample.examples(y).flatten();
        let max = lines().map(|line| reduce::max_abs(self.isa, line)).fold(0.0, f32::max);
        let Some(at) = self.counts.iter().position(|c| c.node == node.index) else { return };
        let counts = &mut self.counts[at];
        // |z| > 5 for the sigmoid, |z| > 2.5 for tanh. What cannot die is not counted.
        match activation {
            Activation::Relu | Activation::Relu6 => tally(&mut counts.active, lines(), |y| y > 0.0),
            Activation::Sigmoid(_) => {
                tally(&mut counts.saturated, lines(), |y| !(0.006_69..=0.993_31).contains(&y))
            }
            Activation::Tanh => tally(&mut counts.saturated, lines(), |y| y.abs() > 0.986_61),
            _ => {}
        }
        let dies = matches!(activation, Activation::Relu | Activation::Relu6);
        counts.examples += n;
        counts.seen += sample.len() / counts.active.len().max(1);
        if counts.examples < WINDOW {
            return;
        }
        let seen = counts.seen as f64;
        let share = |count: &u32| f64::from(*count) / seen;
        let dead = counts.active.iter().filter(|c| dies && share(c) < DEAD).count();
        let whole = |counts: &[u32]| counts.iter().map(share).sum::<f64>() / counts.len().max(1) as f64;
        let stats = UnitStats {
            layer: node.name.clone(),
            examples: counts.examples,
            dead,
            saturated: counts.saturated.iter().filter(|c| share(c) > SATURATED).count(),
            units: counts.active.len(),
            zeros: if dies { 1.0 - whole(&counts.active) } else { 0.0 },
            outside: whole(&counts.saturated),
            rms,
            max: f64::from(max),
        };
        counts.active.fill(0);
        counts.saturated.fill(0);
        (counts.examples, counts.seen) = (0, 0);
        self.look(step).units.push(stats);
    }
}

/// Counts the values of each unit that pass a test.
fn tally<'a>(counts: &mut [u32], lines: impl Iterator<Item = &'a [f32]>, test: impl Fn(f32) -> bool) {
    let units = counts.len();
    for row in lines.flat_map(|line| line.chunks_exact(units)) {
        for (count, y) in counts.iter_mut().zip(row) {
            *count += u32::from(test(*y));
        }
    }
}

/// Whether a look passes over a node's output.
fn watched(node: &NodePlan) -> bool {
    matches!(node.layer, Some(LayerKind::Activation(_))) || !node.params.is_empty()
}

impl Observer<f32> for Recorder {
    fn wants(&self, step: u64) -> Wants {
        let paid = self.account.is_none_or(|a| a.balance >= a.look);
        let looks = step >= self.dense_from || (Recorder::looks_at(step) && paid);
        if looks { Wants::ALL } else { Wants::NOTHING }
    }

    fn event(&mut self, event: &Event<'_, f32>) {
        match *event {
            Event::Forward { step, node, n, output } => self.forward(step, node, n, output),
            Event::Backward { step, node, n, grad_output, params, grad_params } => {
                let Some(spec) = node.plan.params.first() else { return };
                let (weight, gradient) = (&params[..spec.len()], &grad_params[..spec.len()]);
                let (inputs, every) = self.rows(step, spec);
                let gradient_rms = self.rms(gradient, inputs, every);
                self.first_bad(step, &node.name, "backward", !gradient_rms.is_finite());
                let before = &mut self.before[node.params.start..][..spec.len()];
                let rows = before.chunks_exact_mut(inputs).zip(weight.chunks_exact(inputs));
                rows.step_by(every).for_each(|(before, row)| before.copy_from_slice(row));
                if spec.dims.len() < 2 {
                    return;
                }
                let weight_rms = self.rms(weight, inputs, every);
                let delta = self.sample(step, node, n).rms(self.isa, grad_output) * n as f64;
                let spread = self.unit_spread(weight, inputs, every);
                let penalty = match self.penalty {
                    Penalty::None => 0.0,
                    Penalty::L1(x) => x,
                    Penalty::L2(x) => x * weight_rms,
                };
                if let Some(layer) = self.look(step).layers.iter_mut().find(|l| l.layer == node.name) {
                    layer.delta_rms = delta;
                    layer.gradient_rms = gradient_rms;
                    layer.penalty_rms = if spec.decay { penalty } else { 0.0 };
                    layer.weight_rms = weight_rms;
                    layer.unit_spread = spread;
                }
            }
            Event::Updated { step, node, params } => {
                let Some(spec) = node.plan.params.first() else { return };
                let (inputs, every) = self.rows(step, spec);
                let before = &mut self.before[node.params.start..][..spec.len()];
                let rows = before.chunks_exact_mut(inputs).zip(params.chunks_exact(inputs));
                for (before, row) in rows.step_by(every) {
                    before.iter_mut().zip(row).for_each(|(b, p)| *b = p - *b);
                }
                let update = self.rms(&self.before[node.params.start..][..spec.len()], inputs, every);
                self.first_bad(step, &node.name, "update", !update.is_finite());
                if let Some(layer) = self.look(step).layers.iter_mut().find(|l| l.layer == node.name) {
                    layer.update_rms = update;
                }
            }
            Event::StepEnded { step, loss } => {
                if let Some(account) = &mut self.account {
                    let looked = self.looks.last().is_some_and(|l| l.step == step);
                    account.balance += account.share * account.step - if looked { account.look } else { 0.0 };
                }
                self.first_bad(step, "loss", "loss", !loss.is_finite());
                self.losses.push(loss);
            }
        }
    }
}
