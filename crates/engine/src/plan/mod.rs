//! The plan: everything about a network that does not depend on the data.
//!
//! [`Plan::new`] goes through the graph once per question, each in its own
//! function: which shapes follow (`shapes`), who needs a gradient
//! (`needs_gradient`), which steps a training step and an evaluation consist of
//! and which buffers they use (`program.rs`), where those buffers lie
//! (`memory.rs`). `table.rs` prints the answer, with the receptive fields of
//! `field.rs`; `tensors.rs` lists what a file of weights holds.

mod bands;
mod builder;
mod field;
mod fusion;
mod memory;
pub(crate) mod pooling;
mod program;
mod table;
mod tensors;

use crate::error::{PlanError, PlanErrors, Problem};
use crate::layer::{Layer, LayerKind, LayerPlan, ParamSpec};
use crate::loss::Reduction;
use crate::{Graph, Loss, Shape};
use kobai_kernels::Isa;
use std::ops::Range;

pub use bands::Band;
pub use field::{Field, Window};
pub use fusion::Fused;
pub use pooling::{Pooled, Unpooled};
pub use program::{BackwardStep, ForwardStep, LossStep, Program, Role, Slot, SlotId, Step};
pub use tensors::{Tensor, TensorKind};

/// What a plan is made for.
#[derive(Clone, Copy, Debug)]
pub struct PlanOptions {
    /// Most examples of a training batch.
    pub batch: usize,
    /// Most examples of an evaluation batch.
    pub eval_batch: usize,
    /// Values per example that the targets ask for, if it is to be checked.
    pub outputs: Option<usize>,
    /// Instruction set, and with it the precision of matrix products: bfloat16 if it was
    /// asked for ([`Isa::with`]). Params, gradients, sums and all else are `f32` anyway,
    /// and a network in `f64` does not round.
    pub isa: Isa,
    /// Whether buffers with disjoint lifetimes share memory. Off for tests: the
    /// numbers are the same.
    pub share_memory: bool,
}

impl PlanOptions {
    /// Options for a batch size, the same for evaluation, on the best
    /// instruction set of this processor.
    #[must_use]
    pub fn batch(batch: usize) -> Self {
        PlanOptions { batch, eval_batch: batch, outputs: None, isa: Isa::best(), share_memory: true }
    }
}

/// A planned node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodePlan {
    /// Path.
    pub name: String,
    /// Position in [`Plan::nodes`]; keys its random numbers.
    pub index: usize,
    /// The layer; the input node has none.
    pub layer: Option<LayerKind>,
    /// Nodes that it reads.
    pub inputs: Vec<usize>,
    /// Shapes of its inputs.
    pub input_shapes: Vec<Shape>,
    /// What the layer asked for.
    pub plan: LayerPlan,
    /// Its part of the flat parameter vector.
    pub params: Range<usize>,
    /// Its part of the flat state vector.
    pub state: Range<usize>,
}

impl NodePlan {
    /// The layer's kind, or `input`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.layer.as_ref().map_or("input", Layer::kind)
    }
}

/// A named tensor in the flat parameter vector.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamSlot {
    /// Path, such as `fc1.weight`.
    pub name: String,
    /// Node that it belongs to.
    pub node: usize,
    /// What the layer asked for.
    pub spec: ParamSpec,
    /// Its elements.
    pub range: Range<usize>,
}

/// A named tensor in the flat state vector.
#[derive(Clone, Debug, PartialEq)]
pub struct StateSlot {
    /// Path, such as `bn1.running_mean`.
    pub name: String,
    /// Value at the start.
    pub start: f64,
    /// Its elements.
    pub range: Range<usize>,
}

/// A network, ready to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Nodes in execution order, the input first.
    pub nodes: Vec<NodePlan>,
    /// Learned tensors in PyTorch's order.
    pub params: Vec<ParamSlot>,
    /// Persistent tensors that are not learned.
    pub state: Vec<StateSlot>,
    /// Node whose value is the output.
    pub output: usize,
    /// Loss on the output.
    pub loss: Loss,
    /// What the gradients of the examples become together.
    pub reduction: Reduction,
    /// Nodes that training compares with the targets too, with the weights of
    /// their losses.
    pub auxiliaries: Vec<(usize, f64)>,
    /// Forward, losses and backward of the nodes that a loss needs.
    pub train: Program,
    /// Forward and loss of the nodes that the output needs.
    pub eval: Program,
    /// What it was made for.
    pub options: PlanOptions,
}

impl Plan {
    /// Plans a network.
    ///
    /// # Errors
    /// All mistakes of the network, each with its node.
    pub fn new(graph: &Graph, options: &PlanOptions) -> Result<Plan, PlanErrors> {
        let nodes = shapes(graph, options)?;
        let (output, loss) = graph.head();
        let mut params = Vec::new();
        let mut state = Vec::new();
        for node in &nodes {
            let mut at = node.params.start;
            for spec in &node.plan.params {
                let range = at..at + spec.len();
                at = range.end;
                let name = format!("{}.{}", node.name, spec.name);
                params.push(ParamSlot { name, node: node.index, spec: spec.clone(), range });
            }
            let mut at = node.state.start;
            for spec in &node.plan.state {
                let range = at..at + spec.len;
                at = range.end;
                state.push(StateSlot {
                    name: format!("{}.{}", node.name, spec.name),
                    start: spec.start,
                    range,
                });
            }
        }
        let needs = needs_gradient(&nodes);
        let share = options.share_memory;
        let output = output.0;
        let auxiliaries: Vec<(usize, f64)> =
            graph.auxiliaries().iter().map(|(node, weight)| (node.0, *weight)).collect();
        let heads: Vec<_> =
            [(output, None)].into_iter().chain(auxiliaries.iter().map(|(n, w)| (*n, Some(*w)))).collect();
        let train = Program::train(&nodes, &needs, &heads, options.batch, share);
        let eval = Program::eval(&nodes, output, options.eval_batch, share);
        let reduction = graph.reduced();
        Ok(Plan {
            nodes,
            params,
            state,
            output,
            loss,
            reduction,
            auxiliaries,
            train,
            eval,
            options: *options,
        })
    }

    /// Number of learned values.
    #[must_use]
    pub fn param_len(&self) -> usize {
        self.params.last().map_or(0, |p| p.range.end)
    }

    /// Number of persistent values that are not learned.
    #[must_use]
    pub fn state_len(&self) -> usize {
        self.state.last().map_or(0, |s| s.range.end)
    }

    /// Multiply-adds of one example in an evaluation.
    #[must_use]
    pub fn macs(&self) -> u64 {
        self.nodes.iter().filter(|n| self.eval.runs(n.index)).map(|n| n.plan.macs).sum()
    }

    /// Shape of an input example.
    #[must_use]
    pub fn input_shape(&self) -> Shape {
        self.nodes[0].plan.output
    }

    /// Shape of an output example.
    #[must_use]
    pub fn output_shape(&self) -> Shape {
        self.nodes[self.output].plan.output
    }

    /// The node whose pass over memory does a node's work in a training step, too.
    #[must_use]
    pub fn fused_into(&self, node: usize) -> Option<usize> {
        let steps = &self.train.steps;
        let at = steps.iter().position(|s| matches!(s, Step::Forward(s) if s.node == node))?;
        if let (Step::Forward(a), Some(Step::Forward(b))) = (&steps[at], steps.get(at + 1))
            && a.elsewhere
        {
            return Some(self.fused_into(b.node).unwrap_or(b.node));
        }
        (1..=at.min(2)).find_map(|back| match &steps[at - back] {
            Step::Forward(s) if s.fused.is_some_and(|f| f.steps >= back) => Some(s.node),
            Step::Forward(s) if s.pooled.is_some_and(|p| p.steps == back) => Some(s.node),
            _ => None,
        })
    }

    /// The node of this name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&NodePlan> {
        self.nodes.iter().find(|n| n.name == name)
    }
}

/// Shapes and needs of every node, or all mistakes.
fn shapes(graph: &Graph, options: &PlanOptions) -> Result<Vec<NodePlan>, PlanErrors> {
    let mut errors = Vec::new();
    let mut nodes: Vec<NodePlan> = Vec::new();
    let mut known: Vec<Option<Shape>> = Vec::new();
    let (mut params, mut state) = (0, 0);
    for (index, node) in graph.nodes().iter().enumerate() {
        let kind = node.layer.as_ref().map_or("input", Layer::kind);
        let from: Vec<String> = node.inputs.iter().map(|i| graph.nodes()[i.0].name.clone()).collect();
        let mut fail = |problem, from| {
            errors.push(PlanError { node: node.name.clone(), layer: kind, problem, from });
        };
        if graph.nodes()[..index].iter().any(|n| n.name == node.name) {
            fail(Problem::DuplicateName, Vec::new());
        }
        let input_shapes: Option<Vec<Shape>> = node.inputs.iter().map(|i| known[i.0]).collect();
        let plan = match (&node.layer, input_shapes.as_deref()) {
            (None, _) => Ok(LayerPlan::new(graph.input_shape())),
            // The mistake is upstream and has been reported there.
            (Some(_), None) => Err(None),
            (Some(layer), Some(inputs)) => layer.plan(inputs).map_err(Some),
        };
        let plan = match plan {
            Ok(mut plan) => {
                plan.algorithm = plan.algorithm_on(options.isa, options.batch);
                if options.batch < plan.min_batch {
                    fail(Problem::Batch { at_least: plan.min_batch, got: options.batch }, Vec::new());
                }
                known.push(Some(plan.output));
                plan
            }
            Err(problem) => {
                if let Some(problem) = problem {
                    // Where the input comes from has nothing to do with a setting.
                    let from = if matches!(problem, Problem::Setting { .. }) { Vec::new() } else { from };
                    fail(problem, from);
                }
                known.push(None);
                LayerPlan::new(Shape::new(&[]))
            }
        };
        let (p, s) = (params, state);
        params += plan.param_len();
        state += plan.state_len();
        nodes.push(NodePlan {
            name: node.name.clone(),
            index,
            layer: node.layer.clone(),
            inputs: node.inputs.iter().map(|i| i.0).collect(),
            input_shapes: input_shapes.unwrap_or_default(),
            plan,
            params: p..params,
            state: s..state,
        });
    }
    let (output, loss) = graph.head();
    if let (Some(expected), Some(got)) = (options.outputs, known[output.0])
        && (got.rank() != 1 || got.len() != expected)
        && !(expected == 2 && got.len() == 1 && loss.one_output_for_two_classes())
    {
        errors.push(PlanError {
            node: nodes[output.0].name.clone(),
            layer: nodes[output.0].kind(),
            problem: Problem::Output { loss: loss.name(), expected, got },
            from: Vec::new(),
        });
    }
    for (head, weight) in graph.auxiliaries() {
        let node = &nodes[head.0];
        let mut fail = |problem| {
            let (node, layer) = (node.name.clone(), node.kind());
            errors.push(PlanError { node, layer, problem, from: Vec::new() });
        };
        if !(weight.is_finite() && *weight > 0.0) {
            fail(Problem::Setting { name: "loss weight", got: *weight, range: "a finite value > 0" });
        }
        // The targets are those of the output.
        if let (Some(first), Some(other)) = (known[output.0], known[head.0])
            && first != other
        {
            fail(Problem::Output { loss: loss.name(), expected: first.len(), got: other });
        }
    }
    if errors.is_empty() { Ok(nodes) } else { Err(PlanErrors(errors)) }
}

/// Which nodes have params at or before them: only their values need a gradient.
fn needs_gradient(nodes: &[NodePlan]) -> Vec<bool> {
    let mut needs = Vec::with_capacity(nodes.len());
    for node in nodes {
        needs.push(!node.params.is_empty() || node.inputs.iter().any(|i| needs[*i]));
    }
    needs
}
