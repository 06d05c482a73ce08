//! From nodes to a program: which steps, in which order, with which buffers.

use super::NodePlan;
use super::fusion::fuse;
use super::memory;
use super::program::{BackwardStep, ForwardStep, Head, LossStep, Program, Role, Slot, SlotId, Step};
use super::{bands, pooling};
use crate::layer::{Extent, Layer, LayerKind};
use kobai_kernels::norm::After;

impl Program {
    pub(super) fn train(
        nodes: &[NodePlan],
        needs: &[bool],
        heads: &[Head],
        batch: usize,
        share: bool,
    ) -> Self {
        let mut b = Builder::new(nodes, heads, true);
        b.forward();
        let gradients = b.losses();
        b.backward(needs, gradients);
        b.finish(batch, share)
    }

    pub(super) fn eval(nodes: &[NodePlan], output: usize, batch: usize, share: bool) -> Self {
        let heads = [(output, None)];
        let mut b = Builder::new(nodes, &heads, false);
        b.forward();
        b.losses();
        b.finish(batch, share)
    }
}

struct Builder<'a> {
    nodes: &'a [NodePlan],
    /// The output, then the auxiliary ones, each with the weight of its loss.
    heads: &'a [Head],
    /// Nodes that a head needs; the others do not run.
    needed: Vec<bool>,
    readers: Vec<Vec<usize>>,
    steps: Vec<Step>,
    slots: Vec<Slot>,
    values: Vec<SlotId>,
    train: bool,
}

impl<'a> Builder<'a> {
    fn new(nodes: &'a [NodePlan], heads: &'a [Head], train: bool) -> Self {
        let mut needed = vec![false; nodes.len()];
        heads.iter().for_each(|(node, _)| needed[*node] = true);
        let mut readers = vec![Vec::new(); nodes.len()];
        // A node comes after those that it reads: backwards, its readers are known.
        for node in nodes.iter().rev() {
            if !needed[node.index] {
                continue;
            }
            for input in &node.inputs {
                needed[*input] = true;
                readers[*input].push(node.index);
            }
        }
        let (steps, slots, values) = (Vec::new(), Vec::new(), Vec::new());
        Builder { nodes, heads, needed, readers, steps, slots, values, train }
    }

    fn output(&self) -> usize {
        self.heads[0].0
    }

    fn slot(&mut self, role: Role, node: usize, extent: Extent) -> SlotId {
        self.slots.push(Slot { role, node, extent, live: 0..0, offset: 0 });
        SlotId(self.slots.len() - 1)
    }

    fn value_extent(&self, node: usize) -> Extent {
        Extent { fixed: 0, per_example: self.nodes[node].plan.output.len() }
    }

    fn optional(&mut self, role: Role, node: usize, extent: Extent) -> Option<SlotId> {
        (!extent.is_empty()).then(|| self.slot(role, node, extent))
    }

    /// Whether `node` may write its output over its input.
    fn may_overwrite(&self, node: &NodePlan) -> bool {
        let input = node.inputs[0];
        // The batch stays as it was given; flattening only looks at it.
        let is_view = |n: &NodePlan| matches!(n.layer, Some(LayerKind::Flatten(_)));
        let mut source = &self.nodes[input];
        while is_view(source) {
            source = &self.nodes[source.inputs[0]];
        }
        let keeps = source.layer.is_some() || is_view(node);
        keeps
            && self.readers[input].len() == 1
            && self.heads.iter().all(|(head, _)| *head != input)
            && !(self.train && self.nodes[input].plan.reads_output)
    }

    fn forward(&mut self) {
        for node in self.nodes {
            if !self.needed[node.index] && node.layer.is_some() {
                // Nobody asks for the value of a node that does not run.
                self.values.push(SlotId(usize::MAX));
                continue;
            }
            if node.layer.is_none() {
                let slot = self.slot(Role::Value, node.index, self.value_extent(node.index));
                self.values.push(slot);
                continue;
            }
            let in_place = node.plan.in_place && self.may_overwrite(node);
            let output = if in_place {
                self.values[node.inputs[0]]
            } else {
                self.slot(Role::Value, node.index, self.value_extent(node.index))
            };
            let inputs = node.inputs.iter().map(|i| self.values[*i]).collect();
            let saved = if self.train { node.plan.saved } else { Extent::default() };
            let saved = self.optional(Role::Saved, node.index, saved);
            let scratch = self.optional(Role::Scratch, node.index, node.plan.scratch);
            self.values.push(output);
            self.steps.push(Step::Forward(ForwardStep {
                node: node.index,
                inputs,
                output,
                copy_first: node.plan.in_place && !in_place,
                saved,
                scratch,
                elsewhere: false,
                fused: None,
                band: None,
                pooled: None,
                prepared: 0..0,
            }));
        }
    }

    /// The gradient that each node has from its losses.
    fn losses(&mut self) -> Vec<Option<SlotId>> {
        let mut gradients: Vec<Option<SlotId>> = vec![None; self.nodes.len()];
        for (node, weight) in self.heads.iter().copied() {
            let extent = self.value_extent(node);
            let output = self.values[node];
            let work = self.slot(Role::Scratch, node, extent);
            let losses = self.slot(Role::Scratch, node, Extent { fixed: 0, per_example: 1 });
            let grad = self.train.then(|| self.slot(Role::Gradient, node, extent));
            self.steps.push(Step::Loss(LossStep { weight, output, work, losses, grad }));
            match (gradients[node], grad) {
                (Some(to), Some(from)) => self.steps.push(Step::Accumulate { from, to }),
                _ => gradients[node] = grad,
            }
        }
        gradients
    }

    fn backward(&mut self, needs: &[bool], mut gradients: Vec<Option<SlotId>>) {
        // How many nodes wait for each buffer to be their gradient: layers that pass
        // it on share theirs, and a shared one must not be changed.
        let mut waiting = vec![0; self.slots.len()];
        gradients.iter().flatten().for_each(|slot| waiting[slot.0] += 1);
        // A node with a loss may have readers too; their gradients are added to the loss's.
        for node in self.nodes.iter().rev() {
            let Some(grad_output) = gradients[node.index] else { continue };
            waiting[grad_output.0] -= 1;
            let wanted: Vec<bool> = node.inputs.iter().map(|i| needs[*i]).collect();
            if node.layer.is_none() || (node.params.is_empty() && !wanted.contains(&true)) {
                continue;
            }
            let in_place = node.plan.in_place
                && wanted[0]
                && gradients[node.inputs[0]].is_none()
                && self.readers[node.inputs[0]].len() == 1
                && waiting[grad_output.0] == 0;
            let mut grad_inputs = Vec::new();
            let mut sums = Vec::new();
            for (input, wanted) in node.inputs.iter().zip(&wanted) {
                if !wanted {
                    grad_inputs.push(None);
                    continue;
                }
                let sum = gradients[*input];
                if node.plan.passes_gradient && sum.is_none_or(|to| to != grad_output && waiting[to.0] == 1) {
                    grad_inputs.push(None);
                    match sum {
                        None => {
                            gradients[*input] = Some(grad_output);
                            waiting[grad_output.0] += 1;
                        }
                        Some(to) => sums.push(Step::Accumulate { from: grad_output, to }),
                    }
                    continue;
                }
                let slot = if in_place {
                    grad_output
                } else {
                    self.slot(Role::Gradient, *input, self.value_extent(*input))
                };
                waiting.resize(self.slots.len(), 0);
                grad_inputs.push(Some(slot));
                match sum {
                    Some(to) if waiting[to.0] == 1 => sums.push(Step::Accumulate { from: slot, to }),
                    _ => {
                        if let Some(shared) = sum {
                            // The same sum, in the buffer that nobody else waits for.
                            waiting[shared.0] -= 1;
                            sums.push(Step::Accumulate { from: shared, to: slot });
                        }
                        gradients[*input] = Some(slot);
                        waiting[slot.0] += 1;
                    }
                }
            }
            let inputs = if node.plan.reads_input {
                node.inputs.iter().map(|i| self.values[*i]).collect()
            } else {
                Vec::new()
            };
            let saved = self.steps.iter().find_map(|step| match step {
                Step::Forward(f) if f.node == node.index => Some(f.saved),
                _ => None,
            });
            if node.params.is_empty() && grad_inputs.iter().all(Option::is_none) {
                // The gradient went on as it was.
                self.steps.append(&mut sums);
                continue;
            }
            let scratch = self.optional(Role::Scratch, node.index, node.plan.scratch);
            waiting.resize(self.slots.len(), 0);
            self.steps.push(Step::Backward(BackwardStep {
                node: node.index,
                inputs,
                output: node.plan.reads_output.then(|| self.values[node.index]),
                grad_output,
                copy_first: node.plan.in_place && !in_place && wanted[0],
                grad_inputs,
                saved: saved.flatten(),
                scratch,
                elsewhere: false,
                undoes: After::Nothing,
                unpooled: None,
            }));
            self.steps.append(&mut sums);
        }
    }

    fn finish(self, batch: usize, share: bool) -> Program {
        let output = self.output();
        let single: Vec<bool> = (0..self.nodes.len())
            .map(|i| self.readers[i].len() == 1 && self.heads.iter().all(|(head, _)| *head != i))
            .collect();
        let Builder { nodes, mut steps, mut slots, values, train, .. } = self;
        fuse(nodes, &single, &mut steps, train);
        if train {
            pooling::mark(nodes, &single, &mut steps);
        } else {
            bands::mark(nodes, &single, &mut steps);
        }
        let prepared = if train { 0 } else { prepare(nodes, batch, &mut steps) };
        // The input is there before the first step; the output can be read after the last.
        let last = steps.len();
        touch(&mut slots, values[0], 0);
        for (at, step) in steps.iter().enumerate() {
            for slot in step.slots() {
                touch(&mut slots, slot, at);
            }
        }
        touch(&mut slots, values[output], last);
        if train {
            touch(&mut slots, values[0], last);
        }
        let unshared = slots.iter().map(|s| memory::rounded(s.extent.len(batch))).sum();
        let arena = memory::place(&mut slots, batch, share);
        Program { steps, slots, input: values[0], output: values[output], prepared, arena, unshared }
    }
}

fn touch(slots: &mut [Slot], slot: SlotId, at: usize) {
    let live = &mut slots[slot.0].live;
    *live = if live.start >= live.end { at..at + 1 } else { live.start..live.end.max(at + 1) };
}

/// Gives each layer that evaluation reads prepared params of its part of them; how
/// many elements there are.
fn prepare(nodes: &[NodePlan], batch: usize, steps: &mut [Step]) -> usize {
    let mut end = 0;
    for step in steps {
        let Step::Forward(s) = step else { continue };
        let node = &nodes[s.node];
        let len = node.layer.as_ref().map_or(0, |layer| layer.prepared(&node.input_shapes, batch));
        s.prepared = end..end + len;
        end = memory::rounded(s.prepared.end);
    }
    end
}
