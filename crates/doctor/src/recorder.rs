//! The observer that fills a record.
//!
//! It looks at every fourth step at first, where most diseases show, and then
//! ever more rarely. A step that it does not look at costs one comparison.

use crate::record::{LayerStats, Look, NonFinite, UnitStats};
use kobai_engine::layer::{Layer, LayerKind};
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

/// What was counted of one activation's units since the window began.
#[derive(Clone, Debug)]
struct Counts {
    node: usize,
    active: Vec<u32>,
    saturated: Vec<u32>,
    examples: usize,
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
    dense_from: u64,
}

impl Recorder {
    /// A recorder for a network and the penalty of its training.
    #[must_use]
    pub fn new(plan: &Plan, penalty: Penalty) -> Self {
        let counts = |n: &NodePlan| match n.layer {
            Some(LayerKind::Activation(_)) => {
                let units = n.plan.output.len();
                Some(Counts { node: n.index, active: vec![0; units], saturated: vec![0; units], examples: 0 })
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
            classifies: plan.loss == kobai_engine::Loss::CrossEntropy,
            votes: vec![0; plan.output_shape().len()],
            dense_from: u64::MAX,
        }
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
            self.non_finite = Some(NonFinite { step, layer: layer.into(), phase });
        }
    }

    fn rms(&self, values: &[f32]) -> f64 {
        (reduce::sum_squares_f64(self.isa, values) / values.len().max(1) as f64).sqrt()
    }

    fn forward(&mut self, step: u64, node: &NodePlan, n: usize, output: &[f32]) {
        let rms = self.rms(output);
        self.first_bad(step, &node.name, "forward", !rms.is_finite() && node.layer.is_some());
        match &node.layer {
            Some(LayerKind::Activation(activation)) => self.units(step, node, *activation, n, output, rms),
            Some(layer) if !node.params.is_empty() && layer.kind() != "batch-norm" => {
                let signal = signal(n, output);
                let stats = LayerStats { layer: node.name.clone(), signal, ..LayerStats::default() };
                self.look(step).layers.push(stats);
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

    fn top_class(&mut self, n: usize, output: &[f32]) -> f64 {
        self.votes.fill(0);
        for row in output.chunks_exact(output.len() / n) {
            let best = row.iter().enumerate().fold(0, |best, (i, y)| if *y > row[best] { i } else { best });
            self.votes[best] += 1;
        }
        f64::from(self.votes.iter().copied().max().unwrap_or(0)) / n as f64
    }

    fn units(&mut self, step: u64, node: &NodePlan, activation: Activation, n: usize, y: &[f32], rms: f64) {
        let max = f64::from(reduce::max_abs(self.isa, y));
        let Some(at) = self.counts.iter().position(|c| c.node == node.index) else { return };
        let counts = &mut self.counts[at];
        for row in y.chunks_exact(counts.active.len()) {
            for ((y, active), saturated) in row.iter().zip(&mut counts.active).zip(&mut counts.saturated) {
                // |z| > 5 for the sigmoid, |z| > 2.5 for tanh.
                let (is_active, is_saturated) = match activation {
                    Activation::Relu | Activation::Relu6 => (*y > 0.0, false),
                    Activation::Sigmoid(_) => (true, *y < 0.006_69 || *y > 0.993_31),
                    Activation::Tanh => (true, y.abs() > 0.986_61),
                    _ => (true, false),
                };
                *active += u32::from(is_active);
                *saturated += u32::from(is_saturated);
            }
        }
        counts.examples += n;
        if counts.examples < WINDOW {
            return;
        }
        let share = |count: &u32| f64::from(*count) / counts.examples as f64;
        let stats = UnitStats {
            layer: node.name.clone(),
            examples: counts.examples,
            dead: counts.active.iter().filter(|c| share(c) < DEAD).count(),
            saturated: counts.saturated.iter().filter(|c| share(c) > SATURATED).count(),
            units: counts.active.len(),
            rms,
            max,
        };
        counts.active.fill(0);
        counts.saturated.fill(0);
        counts.examples = 0;
        self.look(step).units.push(stats);
    }
}

/// Root of the mean, over units, of the variance over examples.
fn signal(n: usize, output: &[f32]) -> f64 {
    let units = output.len() / n;
    let (mut sums, mut squares) = (vec![0.0f64; units], 0.0f64);
    for row in output.chunks_exact(units) {
        for (sum, y) in sums.iter_mut().zip(row) {
            let y = f64::from(*y);
            *sum += y;
            squares += y * y;
        }
    }
    let means: f64 = sums.iter().map(|s| s * s).sum::<f64>() / n as f64;
    ((squares - means).max(0.0) / output.len() as f64).sqrt()
}

/// Largest difference between the incoming weights of two units (rows).
fn unit_spread(weight: &[f32], inputs: usize) -> f64 {
    (0..inputs)
        .map(|i| {
            let column = weight.iter().skip(i).step_by(inputs);
            let (low, high) = column.fold((f32::MAX, f32::MIN), |(l, h), w| (l.min(*w), h.max(*w)));
            f64::from(high) - f64::from(low)
        })
        .fold(0.0, f64::max)
}

impl Observer<f32> for Recorder {
    fn wants(&self, step: u64) -> Wants {
        if step >= self.dense_from || Recorder::looks_at(step) { Wants::ALL } else { Wants::NOTHING }
    }

    fn event(&mut self, event: &Event<'_, f32>) {
        match *event {
            Event::Forward { step, node, n, output } => self.forward(step, node, n, output),
            Event::Backward { step, node, n, grad_output, params, grad_params } => {
                self.before[node.params.clone()].copy_from_slice(params);
                let Some(spec) = node.plan.params.first() else { return };
                let (weight, gradient) = (&params[..spec.len()], &grad_params[..spec.len()]);
                let gradient_rms = self.rms(gradient);
                self.first_bad(step, &node.name, "backward", !gradient_rms.is_finite());
                if spec.dims.len() < 2 {
                    return;
                }
                let (weight_rms, delta) = (self.rms(weight), self.rms(grad_output) * n as f64);
                let spread = unit_spread(weight, spec.dims[1..].iter().product());
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
                let start = node.params.start;
                let before = &mut self.before[start..start + spec.len()];
                before.iter_mut().zip(params).for_each(|(b, p)| *b = p - *b);
                let update = (reduce::sum_squares_f64(self.isa, before) / spec.len() as f64).sqrt();
                self.first_bad(step, &node.name, "update", !update.is_finite());
                if let Some(layer) = self.look(step).layers.iter_mut().find(|l| l.layer == node.name) {
                    layer.update_rms = update;
                }
            }
            Event::StepEnded { step, loss } => {
                self.first_bad(step, "loss", "loss", !loss.is_finite());
                self.losses.push(loss);
            }
        }
    }
}
