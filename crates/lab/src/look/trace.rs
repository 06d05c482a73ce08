//! One example through a network, every value kept.

use kobai_engine::layer::LayerKind;
use kobai_engine::layers::Scaling;
use kobai_engine::plan::NodePlan;
use kobai_engine::{Alone, Plan};

/// What every node of a network gives for one example, in evaluation mode.
#[derive(Debug)]
pub struct Trace<'a> {
    plan: &'a Plan,
    params: &'a [f32],
    state: &'a [f32],
    /// By node; empty where only training runs it.
    values: Vec<Vec<f32>>,
}

impl<'a> Trace<'a> {
    /// Runs an example, channels last.
    ///
    /// # Panics
    /// If the example, the params or the state do not have the plan's lengths.
    #[must_use]
    pub fn new(plan: &'a Plan, params: &'a [f32], state: &'a [f32], example: &[f32]) -> Self {
        assert_eq!((params.len(), state.len()), (plan.param_len(), plan.state_len()), "params and state");
        let mut trace = Trace { plan, params, state, values: Vec::with_capacity(plan.nodes.len()) };
        for node in &plan.nodes {
            let value = match node.layer {
                None => example.to_vec(),
                Some(_) if plan.eval.runs(node.index) => trace.layer(node).1,
                Some(_) => Vec::new(),
            };
            trace.values.push(value);
        }
        trace
    }

    /// What a node gives: an image channels last, or a row.
    #[must_use]
    pub fn value(&self, node: usize) -> &[f32] {
        &self.values[node]
    }

    /// The network's output.
    #[must_use]
    pub fn output(&self) -> &[f32] {
        &self.values[self.plan.output]
    }

    /// The class of the largest output.
    #[must_use]
    pub fn answer(&self) -> usize {
        let output = self.output();
        (0..output.len()).fold(0, |best, i| if output[i] > output[best] { i } else { best })
    }

    /// A node's layer with its params, after its forward call, and its output.
    fn layer(&self, node: &NodePlan) -> (Alone<f32>, Vec<f32>) {
        let layer = node.layer.clone().expect("the input is no layer");
        let mut alone = Alone::new(layer, &node.input_shapes, 1).expect("planned").on(self.plan.options.isa);
        alone.params().copy_from_slice(&self.params[node.params.clone()]);
        alone.state().copy_from_slice(&self.state[node.state.clone()]);
        let inputs: Vec<&[f32]> = node.inputs.iter().map(|i| self.values[*i].as_slice()).collect();
        let output = match node.layer {
            // They behave otherwise in training; the rest keeps what backward needs.
            Some(LayerKind::BatchNorm(_) | LayerKind::Dropout(_)) => alone.evaluate(&inputs),
            _ => alone.forward(&inputs),
        };
        (alone, output)
    }

    /// The gradient of one of the outputs with respect to what a node gives,
    /// with batch normalisation and dropout as they are in evaluation. Zeros
    /// if the output does not depend on the node.
    #[must_use]
    pub fn gradient(&self, output: usize, node: usize) -> Vec<f32> {
        let mut grads: Vec<Option<Vec<f32>>> = vec![None; self.plan.nodes.len()];
        let mut one = vec![0.0; self.output().len()];
        one[output] = 1.0;
        grads[self.plan.output] = Some(one);
        for at in self.plan.nodes[node + 1..].iter().rev() {
            let Some(grad) = grads[at.index].take() else { continue };
            for (from, grad) in at.inputs.iter().zip(self.backward(at, &grad)) {
                match &mut grads[*from] {
                    Some(sum) => sum.iter_mut().zip(&grad).for_each(|(s, g)| *s += g),
                    empty => *empty = Some(grad),
                }
            }
        }
        grads[node].take().unwrap_or_else(|| vec![0.0; self.values[node].len()])
    }

    /// Gradients with respect to a node's inputs.
    fn backward(&self, node: &NodePlan, grad: &[f32]) -> Vec<Vec<f32>> {
        match &node.layer {
            // A fixed line per channel: γ / √(running variance + ε).
            Some(LayerKind::BatchNorm(norm)) => {
                let (params, state) = (&self.params[node.params.clone()], &self.state[node.state.clone()]);
                let channels = state.len() / 2;
                let slope = |c: usize| params[c] / (state[channels + c] + norm.eps as f32).sqrt();
                let slopes: Vec<f32> = (0..channels).map(slope).collect();
                vec![grad.iter().enumerate().map(|(i, g)| g * slopes[i % channels]).collect()]
            }
            Some(LayerKind::Dropout(dropout)) => {
                let factor = match dropout.scaling {
                    Scaling::Train => 1.0,
                    Scaling::Eval => 1.0 - dropout.p as f32,
                };
                vec![grad.iter().map(|g| g * factor).collect()]
            }
            _ => self.layer(node).0.backward(grad).inputs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Trace;
    use kobai_engine::layer::LayerKind;
    use kobai_engine::loss::Targets;
    use kobai_engine::zoo::{self, Settings};
    use kobai_engine::{Executor, Plan, PlanOptions};
    use kobai_kernels::Pool;
    use std::sync::Arc;

    /// The trace's output is the executor's (bit by bit where nothing is folded), and its gradient of a
    /// logit is the logit's difference over a small step, in networks with
    /// shortcuts, branches, batch normalisation, dropout and pooling.
    #[test]
    fn the_trace_is_what_the_executor_computes() {
        for (name, side) in
            [("resnet20", 16), ("squeezenet1_1", 64), ("mobilenet_v2_cifar", 16), ("deep_convnet", 28)]
        {
            let model = zoo::find(name).unwrap();
            let channels = model.input[0];
            let settings = Settings { input: [channels, side, side].into(), classes: 5, narrow: 4 };
            let plan = Arc::new(Plan::new(&model.graph(&settings), &PlanOptions::batch(2)).unwrap());
            let mut exec = Executor::<f32>::new(Arc::clone(&plan), 1, Arc::new(Pool::serial()));
            for slot in &plan.state {
                let base = if slot.name.ends_with("running_var") { 0.5 } else { -0.1 };
                for (i, x) in exec.state_mut()[slot.range.clone()].iter_mut().enumerate() {
                    *x = base + (i % 5) as f32 / 20.0;
                }
            }
            let x: Vec<f32> =
                (0..channels * side * side).map(|i| ((i * 37 % 101) as f32 / 50.0) - 1.0).collect();
            exec.eval_input(1).copy_from_slice(&x);
            let _ = exec.evaluate(1, Targets::Classes(&[0]));
            let trace = Trace::new(&plan, exec.params(), exec.state(), &x);
            let kinds = || plan.nodes.iter().filter_map(|node| node.layer.as_ref());
            if kinds().any(|layer| matches!(layer, LayerKind::BatchNorm(_))) {
                // The executor multiplies weights by a normalisation's scale where the
                // trace multiplies sums: off by no more than the roundings of the
                // longest sum may be.
                let terms = plan.nodes.iter().map(|n| n.plan.macs as usize / n.plan.output.len());
                let longest = terms.max().unwrap_or(0) as f32;
                let largest = exec.outputs(1).iter().fold(0.0f32, |most, y| most.max(y.abs()));
                for (a, b) in trace.output().iter().zip(exec.outputs(1)) {
                    assert!((a - b).abs() <= longest * f32::EPSILON / 2.0 * largest, "{name}: {a} and {b}");
                }
            } else {
                assert_eq!(trace.output(), exec.outputs(1), "{name}");
            }
            // Against a step along the gradient itself: the logit grows by its square length.
            let gradient = trace.gradient(2, 0);
            let square: f64 = gradient.iter().map(|g| f64::from(*g).powi(2)).sum();
            assert!(square > 0.0, "{name}");
            let size = 1e-3 / square.sqrt();
            let moved = |sign: f64| -> f64 {
                let x: Vec<f32> = x
                    .iter()
                    .zip(&gradient)
                    .map(|(x, g)| (f64::from(*x) + sign * size * f64::from(*g)) as f32)
                    .collect();
                f64::from(Trace::new(&plan, exec.params(), exec.state(), &x).output()[2])
            };
            let slope = (moved(1.0) - moved(-1.0)) / (2.0 * size);
            // Kinks of ReLU and pooling and the rounding of f32 leave a few percent.
            assert!((slope / square - 1.0).abs() < 0.05, "{name}: {slope} {square}");
        }
    }
}
