//! The observer of the experiments: gradient flow and activations by layer.
//!
//! It looks at the first step and then at regular intervals. What it records is
//! what the report draws and what claims refer to.

use crate::experiment::Training;
use crate::results::{ActivationPoint, ActivationStats, FlowPoint, LayerFlow};
use kobai_engine::layer::LayerKind;
use kobai_engine::layers::Activation;
use kobai_engine::optim::Penalty;
use kobai_engine::{Event, Observer, Plan, Wants};
use kobai_kernels::{Isa, Pool, reduce};
use std::sync::Arc;

/// Bins of an activation histogram.
const BINS: usize = 40;

/// Below this derivative an activation counts as saturated.
const SATURATED: f64 = 0.01;

/// Values that are counted at once. Counts are whole numbers: nothing depends on it.
const BLOCK: usize = 1 << 15;

/// Records gradient flow and activations.
#[derive(Debug)]
pub(crate) struct Recorder {
    every: u64,
    isa: Isa,
    pool: Arc<Pool>,
    /// λ of each node whose weight decays, and whether it is L2's.
    decays: Vec<Option<(f64, bool)>>,
    before: Vec<f32>,
    pub(crate) flow: Vec<FlowPoint>,
    pub(crate) activations: Vec<ActivationPoint>,
    /// What activations receive, by step: mean and standard deviation by layer.
    pub(crate) inputs: Vec<InputPoint>,
    previous: [f64; 2],
}

/// Step, and mean and standard deviation of each activation layer's input.
pub(crate) type InputPoint = (u64, Vec<[f64; 2]>);

impl Recorder {
    pub(crate) fn new(plan: &Plan, training: &Training, pool: Arc<Pool>) -> Self {
        let decay = |name: &str| match training.updates.penalty {
            _ if training.is_frozen(&format!("{name}.weight")) => None,
            Penalty::None => None,
            Penalty::L1(lambda) => Some((lambda, false)),
            Penalty::L2(lambda) => Some((lambda, true)),
        };
        Recorder {
            every: training.observe_every,
            isa: plan.options.isa,
            pool,
            decays: plan.nodes.iter().map(|n| decay(&n.name)).collect(),
            before: vec![0.0; plan.param_len()],
            flow: Vec::new(),
            activations: Vec::new(),
            inputs: Vec::new(),
            previous: [0.0; 2],
        }
    }

    fn layer_point(&mut self, step: u64) -> &mut ActivationPoint {
        if self.activations.last().is_none_or(|p| p.step != step) {
            self.activations.push(ActivationPoint { step, layers: Vec::new() });
        }
        self.activations.last_mut().expect("just pushed")
    }

    fn flow_point(&mut self, step: u64) -> &mut FlowPoint {
        if self.flow.last().is_none_or(|p| p.step != step) {
            self.flow.push(FlowPoint { step, layers: Vec::new() });
        }
        self.flow.last_mut().expect("just pushed")
    }
}

fn rms(isa: Isa, values: &[f32]) -> f64 {
    (reduce::sum_squares_f64(isa, values) / values.len().max(1) as f64).sqrt()
}

/// Largest difference between the incoming weights of two units (rows).
fn unit_spread(weight: &[f32], inputs: usize) -> f64 {
    let mut low = weight[..inputs].to_vec();
    let mut high = low.clone();
    for row in weight.chunks_exact(inputs) {
        for ((w, low), high) in row.iter().zip(&mut low).zip(&mut high) {
            *low = low.min(*w);
            *high = high.max(*w);
        }
    }
    low.iter().zip(&high).map(|(l, h)| f64::from(h - l)).fold(0.0, f64::max)
}

/// The interval that shows an activation's outputs.
fn range(activation: Activation) -> (f64, f64) {
    match activation {
        Activation::Sigmoid(_) => (0.0, 1.0),
        Activation::Tanh => (-1.0, 1.0),
        Activation::Relu6 => (0.0, 6.0),
        Activation::Relu | Activation::Softplus => (0.0, 4.0),
        _ => (-1.0, 4.0),
    }
}

/// How many outputs say that the derivative is close to 0. Only for activations
/// whose derivative follows from the output. NaN of a ReLU says it too.
fn saturated(activation: Activation, outputs: &[f32]) -> usize {
    fn count(outputs: &[f32], is: impl Fn(f64) -> bool) -> usize {
        outputs.iter().filter(|y| is(f64::from(**y))).count()
    }
    match activation {
        Activation::Sigmoid(_) => count(outputs, |y| y * (1.0 - y) < SATURATED),
        Activation::Tanh => count(outputs, |y| 1.0 - y * y < SATURATED),
        Activation::Relu => outputs.len() - count(outputs, |y| y > 0.0),
        Activation::Relu6 => outputs.len() - count(outputs, |y| y > 0.0 && y < 6.0),
        _ => 0,
    }
}

/// What is counted of an activation's outputs.
#[derive(Clone)]
struct Counts {
    bins: [u64; BINS],
    saturated: usize,
}

impl Counts {
    fn of(pool: &Pool, activation: Activation, outputs: &[f32]) -> Counts {
        let (low, high) = range(activation);
        let none = Counts { bins: [0; BINS], saturated: 0 };
        let mut blocks = vec![none.clone(); outputs.len().div_ceil(BLOCK)];
        pool.chunks_mut(&mut blocks, 1, |i, block| {
            let outputs = &outputs[i * BLOCK..outputs.len().min((i + 1) * BLOCK)];
            reduce::histogram(outputs, low, high, &mut block[0].bins);
            block[0].saturated = saturated(activation, outputs);
        });
        blocks.iter().fold(none, |mut all, block| {
            all.bins.iter_mut().zip(&block.bins).for_each(|(all, bin)| *all += bin);
            all.saturated += block.saturated;
            all
        })
    }
}

impl Observer<f32> for Recorder {
    fn wants(&self, step: u64) -> Wants {
        if step.is_multiple_of(self.every) { Wants::ALL } else { Wants::NOTHING }
    }

    fn event(&mut self, event: &Event<'_, f32>) {
        match *event {
            Event::Forward { step, node, output, .. } => {
                let stats = reduce::Stats::of_many(self.isa, &self.pool, output);
                // In a chain of layers an activation's input is the output before it.
                let input = std::mem::replace(&mut self.previous, [stats.mean, stats.std]);
                let Some(LayerKind::Activation(activation)) = &node.layer else { return };
                if self.inputs.last().is_none_or(|(s, _)| *s != step) {
                    self.inputs.push((step, Vec::new()));
                }
                if let Some((_, layers)) = self.inputs.last_mut() {
                    layers.push(input);
                }
                let (low, high) = range(*activation);
                let counts = Counts::of(&self.pool, *activation, output);
                let count = output.len() as f64;
                self.layer_point(step).layers.push(ActivationStats {
                    layer: node.name.clone(),
                    mean: stats.mean,
                    std: stats.std,
                    zeros: stats.zeros as f64 / count,
                    saturated: counts.saturated as f64 / count,
                    low,
                    high,
                    histogram: counts.bins.iter().map(|b| u32::try_from(*b).unwrap_or(u32::MAX)).collect(),
                });
            }
            Event::Backward { step, node, params, grad_params, .. } => {
                self.before[node.params.clone()].copy_from_slice(params);
                let (isa, spec) = (self.isa, &node.plan.params[0]);
                if !matches!(node.kind(), "linear" | "conv2d") {
                    return;
                }
                let (weight, gradient) = (&params[..spec.len()], &grad_params[..spec.len()]);
                let flow = LayerFlow {
                    layer: node.name.clone(),
                    gradient_rms: rms(isa, gradient),
                    weight_rms: rms(isa, weight),
                    update_rms: 0.0,
                    penalty_rms: match self.decays[node.index] {
                        None => 0.0,
                        Some((lambda, true)) => lambda * rms(isa, weight),
                        // Its gradient is λ·sign(w), and sign(0) is 0.
                        Some((lambda, false)) => {
                            let signs = weight.iter().filter(|w| **w != 0.0).count() as f64;
                            lambda * (signs / weight.len() as f64).sqrt()
                        }
                    },
                    unit_spread: unit_spread(weight, spec.len() / spec.dims[0]),
                };
                // Backward runs from the output; layers are listed from the input.
                self.flow_point(step).layers.insert(0, flow);
            }
            Event::Updated { step, node, params } => {
                let len = node.plan.params[0].len();
                let before = &mut self.before[node.params.clone()][..len];
                before.iter_mut().zip(params).for_each(|(b, p)| *b = p - *b);
                let update = rms(self.isa, before);
                let point = self.flow_point(step);
                if let Some(layer) = point.layers.iter_mut().find(|l| l.layer == node.name) {
                    layer.update_rms = update;
                }
            }
            Event::StepEnded { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_counted_whatever_the_threads() {
        // Two blocks and some; NaN is in no bin.
        let mut outputs: Vec<f32> =
            (0..2 * BLOCK + 5).map(|i| ((i * 37 % 8192) as f32 - 1000.0) / 1000.0).collect();
        (outputs[7], outputs[BLOCK]) = (f32::NAN, 0.0);
        type Derivative = fn(f64) -> f64;
        let cases: [(Activation, Derivative); 5] = [
            (Activation::Sigmoid(Default::default()), |y| y * (1.0 - y)),
            (Activation::Tanh, |y| 1.0 - y * y),
            (Activation::Relu, |y| f64::from(y > 0.0)),
            (Activation::Relu6, |y| f64::from(y > 0.0 && y < 6.0)),
            (Activation::Softplus, |_| 1.0),
        ];
        for (activation, derivative) in cases {
            let (low, high) = range(activation);
            let mut bins = [0; BINS];
            reduce::histogram(&outputs, low, high, &mut bins);
            let small = outputs.iter().filter(|y| derivative(f64::from(**y)) < SATURATED).count();
            assert!(bins.iter().sum::<u64>() > 1000);
            assert_eq!(small > 0, activation != Activation::Softplus);
            for threads in [1, 3] {
                let counts = Counts::of(&Pool::new(threads), activation, &outputs);
                assert_eq!((counts.bins, counts.saturated), (bins, small), "{activation:?}, {threads}");
            }
        }
    }
}
