//! Networks to try things on, and a reference that shares no code with the
//! executor's memory: every layer [`Alone`], with memory of its own.

pub(crate) mod recorded;
pub(crate) mod zoo_formula;

use kobai_engine::layers::Activation;
use kobai_engine::{Alone, Event, Graph, Loss, NodeId, Observer, Plan, Shape, Targets, Wants};
use kobai_kernels::{Isa, Real};
use kobai_testkit::{labels, values};
use proptest::prelude::*;
use proptest::sample::Index;

/// One random layer: which, and what it reads.
pub(crate) type Op = (u8, Index, Index);

/// Random layers.
pub(crate) fn ops() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec((0u8..16, any::<Index>(), any::<Index>()), 1..14)
}

/// A network of random layers on any earlier nodes: fan-out, sums, layers that
/// work in place, branches that nobody reads. The head is linear.
pub(crate) fn random(ops: &[Op], image: bool, loss: Loss) -> Graph {
    let mut g = Graph::new(if image { [2, 2, 3].into() } else { [5].into() });
    let mut shapes = vec![g.input_shape()];
    let mut ids = vec![g.input()];
    let mut flat = 0;
    for (i, (kind, a, b)) in ops.iter().enumerate() {
        let at = a.index(ids.len());
        let (mut x, mut shape) = (ids[at], shapes[at]);
        let name = format!("n{i}");
        let activations = [
            Activation::SIGMOID,
            Activation::Tanh,
            Activation::Relu,
            Activation::LeakyRelu { slope: 0.1 },
            Activation::Gelu,
            Activation::Softplus,
        ];
        let mut flatten = |g: &mut Graph, ids: &mut Vec<NodeId>, shapes: &mut Vec<Shape>| {
            if shape.rank() != 1 {
                flat += 1;
                x = g.flatten(&format!("flat{flat}"), x);
                shape = [shape.len()].into();
                ids.push(x);
                shapes.push(shape);
            }
            x
        };
        let id = match kind {
            0..=2 => {
                let x = flatten(&mut g, &mut ids, &mut shapes);
                shape = [4 + b.index(3)].into();
                g.linear(&name, x, shape.len())
            }
            3..=7 => g.activation(&name, x, activations[b.index(activations.len())]),
            8 | 9 => g.batch_norm(&name, x),
            10 | 11 => g.dropout(&name, x, 0.3),
            12 => {
                flatten(&mut g, &mut ids, &mut shapes);
                continue;
            }
            _ => {
                let equal: Vec<NodeId> =
                    ids.iter().zip(&shapes).filter(|(_, s)| **s == shape).map(|(id, _)| *id).collect();
                g.add(&name, x, equal[b.index(equal.len())])
            }
        };
        ids.push(id);
        shapes.push(shape);
    }
    let mut x = ids[ids.len() - 1];
    if shapes[shapes.len() - 1].rank() != 1 {
        x = g.flatten("flat", x);
    }
    let head = g.linear("head", x, 3);
    // A reader of the output is no part of the loss.
    if ops.len().is_multiple_of(3) {
        g.activation("after", head, Activation::Tanh);
    }
    g.output(head, loss);
    g
}

/// An MLP whose products, statistics and loops are cut into several tasks.
pub(crate) fn mlp() -> Graph {
    let mut g = Graph::new([70].into());
    let x = g.linear("fc1", g.input(), 129);
    let x = g.batch_norm("bn1", x);
    let x = g.activation("act1", x, Activation::Relu);
    let x = g.dropout("drop1", x, 0.3);
    let x = g.linear("fc2", x, 200);
    let x = g.activation("act2", x, Activation::Gelu);
    let x = g.linear("fc3", x, 10);
    g.output(x, Loss::CrossEntropy);
    g
}

/// Images, and a value that three layers read.
pub(crate) fn residual() -> Graph {
    let mut g = Graph::new([3, 6, 5].into());
    let x = g.batch_norm("bn0", g.input());
    let x = g.flatten("flat", x);
    let h = g.linear("fc0", x, 64);
    let a = g.linear("fc1", h, 64);
    let a = g.activation("act1", a, Activation::Tanh);
    let b = g.activation("act2", h, Activation::SIGMOID);
    let s = g.add("add1", a, h);
    let s = g.add("add2", s, b);
    let s = g.dropout("drop", s, 0.2);
    let x = g.linear("fc2", s, 7);
    g.output(x, Loss::MeanSquaredError);
    g
}

/// The networks on which every way of running must agree.
pub(crate) fn networks() -> [(&'static str, Graph); 2] {
    [("mlp", mlp()), ("residual", residual())]
}

/// Examples and what a network should answer to them.
pub(crate) struct Batch<T> {
    pub(crate) x: Vec<T>,
    classes: Vec<u32>,
    wanted: Vec<T>,
    loss: Loss,
}

impl<T: Real> Batch<T> {
    pub(crate) fn new(plan: &Plan, n: usize, key: u64) -> Self {
        let convert = |v: Vec<f64>| v.into_iter().map(T::from_f64).collect();
        let width = plan.output_shape().len();
        Batch {
            x: convert(values(n * plan.input_shape().len(), 100 + key)),
            classes: labels(n, width as u32, 200 + key),
            wanted: convert(values(n * width, 300 + key)),
            loss: plan.loss,
        }
    }

    pub(crate) fn targets(&self) -> Targets<'_, T> {
        match self.loss {
            loss if loss.needs_classes() => Targets::Classes(&self.classes),
            _ => Targets::Values(&self.wanted),
        }
    }
}

/// Keeps everything that it is shown.
#[derive(Debug, Default)]
pub(crate) struct Record<T> {
    /// By node: the output of its last forward step.
    pub(crate) outputs: Vec<(usize, Vec<T>)>,
    /// By node: the gradient of its output in its last backward step.
    pub(crate) grad_outputs: Vec<(usize, Vec<T>)>,
    pub(crate) events: usize,
}

impl<T: Real> Observer<T> for Record<T> {
    fn wants(&self, _: u64) -> Wants {
        Wants::ALL
    }

    fn event(&mut self, event: &Event<'_, T>) {
        self.events += 1;
        match event {
            Event::Forward { node, output, .. } => self.outputs.push((node.index, output.to_vec())),
            Event::Backward { node, grad_output, .. } => {
                self.grad_outputs.push((node.index, grad_output.to_vec()));
            }
            Event::Updated { .. } | Event::StepEnded { .. } => {}
        }
    }
}

/// Every value and gradient of a network in memory of its own.
pub(crate) struct Reference<T> {
    pub(crate) outputs: Vec<Vec<T>>,
    /// Gradients of the nodes' outputs, where the loss depends on params through them.
    pub(crate) grad_outputs: Vec<Option<Vec<T>>>,
    pub(crate) grads: Vec<T>,
    pub(crate) state: Vec<T>,
    /// Outputs in evaluation mode, after the state has changed.
    pub(crate) evaluated: Vec<Vec<T>>,
}

/// Step 0 of seed 0 with every layer alone, from the gradient of the output.
pub(crate) fn reference<T: Real>(
    plan: &Plan,
    isa: Isa,
    n: usize,
    params: &[T],
    x: &[T],
    grad: &[T],
) -> Reference<T> {
    let mut layers: Vec<Option<Alone<T>>> = Vec::new();
    let (mut outputs, mut evaluated) = (Vec::<Vec<T>>::new(), Vec::<Vec<T>>::new());
    for node in &plan.nodes {
        let Some(layer) = &node.layer else {
            outputs.push(x.to_vec());
            evaluated.push(x.to_vec());
            layers.push(None);
            continue;
        };
        let alone = Alone::new(layer.clone(), &node.input_shapes, n).expect("a planned layer");
        let mut alone = alone.on(isa).at(node.index);
        alone.params().copy_from_slice(&params[node.params.clone()]);
        let inputs: Vec<&[T]> = node.inputs.iter().map(|i| outputs[*i].as_slice()).collect();
        outputs.push(alone.forward(&inputs));
        layers.push(Some(alone));
    }
    let mut grad_outputs: Vec<Option<Vec<T>>> = vec![None; plan.nodes.len()];
    grad_outputs[plan.output] = Some(grad.to_vec());
    let mut grads = vec![T::ZERO; params.len()];
    for node in plan.nodes.iter().rev() {
        let (Some(layer), Some(grad)) = (&mut layers[node.index], grad_outputs[node.index].clone()) else {
            continue;
        };
        let gradients = layer.backward(&grad);
        grads[node.params.clone()].copy_from_slice(&gradients.params);
        for (input, gradient) in node.inputs.iter().zip(gradients.inputs) {
            match &mut grad_outputs[*input] {
                None => grad_outputs[*input] = Some(gradient),
                Some(sum) => sum.iter_mut().zip(gradient).for_each(|(s, g)| *s += g),
            }
        }
    }
    let mut state = Vec::new();
    for (node, layer) in plan.nodes.iter().zip(&mut layers).skip(1) {
        let layer = layer.as_mut().expect("only the input has no layer");
        state.extend_from_slice(layer.state());
        let inputs: Vec<&[T]> = node.inputs.iter().map(|i| evaluated[*i].as_slice()).collect();
        let output = layer.evaluate(&inputs);
        evaluated.push(output);
    }
    Reference { outputs, grad_outputs, grads, state, evaluated }
}
