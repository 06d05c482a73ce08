//! What one step of a program does: the layer gets its buffers out of the arena.

use super::{Executor, MAX_INPUTS};
use crate::arena::Pieces;
use crate::layer::{Backward, Cx, Forward, Layer, LayerKind, Mode, Then};
use crate::loss::{Reduction, Score, Targets};
use crate::observe::Probe;
use crate::plan::{
    BackwardStep, Band, ForwardStep, Fused, LossStep, NodePlan, Plan, Pooled, Program, SlotId, Step,
    Unpooled, pooling,
};
use crate::rng::Rng;
use kobai_kernels::conv::{Bands, Stage, backward_pooled, forward_bands, forward_pooled};
use kobai_kernels::norm::After;
use kobai_kernels::{Pool, Real, elementwise};

impl<T: Real> Executor<T> {
    pub(super) fn forward(
        &mut self,
        plan: &Plan,
        program: &Program,
        s: &ForwardStep,
        fused: Option<Fused>,
        (mode, n): (Mode, usize),
        probe: Option<&dyn Probe>,
    ) {
        let node = &plan.nodes[s.node];
        let Some(layer) = &node.layer else { return };
        if s.copy_first {
            self.copy(program, s.inputs[0], s.output, n);
        }
        let cx = Cx { mode, probe, ..context(&self.pool, self.rng, self.step, plan, node, n) };
        let to = fused.map_or(s.output, |f| f.output);
        let add = fused.and_then(|f| f.add);
        let ids = s.inputs.iter().copied().chain([to]).chain(s.saved).chain(s.scratch).chain(add);
        let mut pieces = Pieces::collect(&mut self.arena, program, n, ids);
        let output = pieces.take(Some(to));
        let saved = pieces.take(s.saved);
        let scratch = pieces.take(s.scratch);
        let mut inputs = [&[][..]; MAX_INPUTS];
        if !node.plan.in_place {
            for (input, id) in inputs.iter_mut().zip(&s.inputs) {
                *input = pieces.get(Some(*id));
            }
        }
        layer.forward(
            &cx,
            Forward {
                inputs: &inputs[..s.inputs.len()],
                params: &self.params[node.params.clone()],
                prepared: &self.prepared[s.prepared.clone()],
                state: &mut self.state[node.state.clone()],
                output,
                saved,
                scratch,
                then: Then {
                    add: add.map(|add| pieces.get(Some(add))),
                    after: fused.map_or(After::Nothing, |f| f.after),
                },
            },
        );
    }

    /// Runs the convolutions of a band behind each other, if the elements are `f32`.
    pub(super) fn band(&mut self, plan: &Plan, program: &Program, at: usize, band: Band, n: usize) -> bool {
        let step = |i: usize| match &program.steps[at + i] {
            Step::Forward(s) => s,
            _ => unreachable!("a band has convolutions alone"),
        };
        let Some(prepared) = T::as_f32(&self.prepared) else { return false };
        let stage = |i: usize| {
            let (s, node) = (step(i), &plan.nodes[step(i).node]);
            let Some(LayerKind::Conv2d(layer)) = &node.layer else {
                unreachable!("a band has convolutions alone")
            };
            Stage {
                conv: layer.kernels(node.input_shapes[0]),
                prepared: &prepared[s.prepared.clone()],
                after: s.fused.map_or(After::Nothing, |f| f.after),
            }
        };
        let layers = Bands {
            expand: (band.depthwise > 0).then(|| stage(0)),
            depthwise: stage(band.depthwise),
            project: stage(band.project),
        };
        let (from, to) = (step(0).inputs[0], band.output);
        let ids = [from, to].into_iter().chain(band.add);
        let mut pieces = Pieces::collect(&mut self.arena, program, n, ids);
        let to = pieces.take(Some(to));
        let add = band.add.map(|add| pieces.get(Some(add)));
        let (Some(x), Some(y)) = (T::as_f32(pieces.get(Some(from))), T::as_f32_mut(to)) else { return false };
        forward_bands(plan.options.isa, &self.pool, layers, n, x, add.and_then(T::as_f32), y);
        true
    }

    /// Runs a convolution and the pooling behind it, if the elements are `f32`.
    pub(super) fn pooled(&mut self, plan: &Plan, program: &Program, at: usize, by: Pooled, n: usize) -> bool {
        let (Step::Forward(conv), Step::Forward(pool)) = (&program.steps[at], &program.steps[at + by.steps])
        else {
            return false;
        };
        let node = &plan.nodes[conv.node];
        let Some(of) = pooling::kernels(&plan.nodes, conv.node, pool.node) else { return false };
        let Some(params) = T::as_f32(&self.params[node.params.clone()]) else { return false };
        let (weight, bias) = params.split_at(of.weight_len());
        let bias = (!bias.is_empty()).then_some(bias);
        let ids = [conv.inputs[0], by.output, by.saved].into_iter().chain(conv.scratch);
        let mut pieces = Pieces::collect(&mut self.arena, program, n, ids);
        let [y, saved, scratch] = [Some(by.output), Some(by.saved), conv.scratch].map(|id| pieces.take(id));
        let x = pieces.get(Some(conv.inputs[0]));
        let (Some(x), Some(y)) = (T::as_f32(x), T::as_f32_mut(y)) else { return false };
        let (Some(saved), Some(scratch)) = (T::as_f32_mut(saved), T::as_f32_mut(scratch)) else {
            return false;
        };
        let isa = plan.options.isa;
        forward_pooled(isa, &self.pool, (&of, by.after), n, x, weight, bias, scratch, y, saved);
        true
    }

    /// The gradients of such a convolution, from that of the pooling's output.
    pub(super) fn unpooled(
        &mut self,
        plan: &Plan,
        program: &Program,
        at: usize,
        by: Unpooled,
        n: usize,
    ) -> bool {
        let (Step::Backward(pool), Step::Backward(conv)) =
            (&program.steps[at], &program.steps[at + by.steps])
        else {
            return false;
        };
        let node = &plan.nodes[conv.node];
        let Some(of) = pooling::kernels(&plan.nodes, conv.node, pool.node) else { return false };
        let Some(grads) = T::as_f32_mut(&mut self.grads[node.params.clone()]) else { return false };
        let (weight, bias) = grads.split_at_mut(of.weight_len());
        let ids = [conv.inputs[0], pool.grad_output].into_iter().chain(pool.output).chain(pool.saved);
        let mut pieces = Pieces::collect(&mut self.arena, program, n, ids.chain(by.scratch));
        let scratch = pieces.take(by.scratch);
        let [x, g] = [conv.inputs[0], pool.grad_output].map(|id| pieces.get(Some(id)));
        let [y, saved] = [pool.output, pool.saved].map(|id| pieces.get(id));
        let (Some(x), Some(g), Some(y)) = (T::as_f32(x), T::as_f32(g), T::as_f32(y)) else { return false };
        let (Some(saved), Some(scratch)) = (T::as_f32(saved), T::as_f32_mut(scratch)) else { return false };
        let by = (&of, pool.undoes);
        backward_pooled(plan.options.isa, &self.pool, by, n, x, (y, saved), g, scratch, weight, bias);
        true
    }

    /// Writes the params in the form in which evaluation reads them.
    pub(super) fn prepare(&mut self, plan: &Plan) {
        for step in &plan.eval.steps {
            let Step::Forward(s) = step else { continue };
            let node = &plan.nodes[s.node];
            let Some(layer) = node.layer.as_ref().filter(|_| !s.prepared.is_empty()) else { continue };
            let folded = s.fused.and_then(|f| f.fold).map(|node| &plan.nodes[node]);
            let fold = folded.and_then(|node| match &node.layer {
                Some(LayerKind::BatchNorm(norm)) => {
                    Some(norm.fold(&self.params[node.params.clone()], &self.state[node.state.clone()]))
                }
                _ => None,
            });
            let cx = context(&self.pool, self.rng, self.step, plan, node, plan.options.eval_batch);
            let to = &mut self.prepared[s.prepared.clone()];
            layer.prepare(&Cx { mode: Mode::Eval, ..cx }, &self.params[node.params.clone()], fold, to);
        }
        self.ready = true;
    }

    pub(super) fn loss(
        &mut self,
        plan: &Plan,
        program: &Program,
        s: &LossStep,
        n: usize,
        targets: Targets<'_, T>,
    ) -> Score {
        let ids = [s.output, s.work, s.losses].into_iter().chain(s.grad);
        let mut pieces = Pieces::collect(&mut self.arena, program, n, ids);
        let (work, losses, grad) =
            (pieces.take(Some(s.work)), pieces.take(Some(s.losses)), pieces.take(s.grad));
        let output = pieces.get(Some(s.output));
        let isa = plan.options.isa;
        let score = plan.loss.forward(isa, n, output, targets, work, losses);
        if s.grad.is_some() {
            plan.loss.backward(isa, n, output, targets, work, grad);
            if plan.reduction == Reduction::Sum {
                elementwise::scale(isa, T::from_f64(n as f64), grad);
            }
            if let Some(weight) = s.weight {
                elementwise::scale(isa, T::from_f64(weight), grad);
            }
        }
        score
    }

    pub(super) fn backward(
        &mut self,
        plan: &Plan,
        program: &Program,
        s: &BackwardStep,
        undoes: After,
        n: usize,
        probe: Option<&dyn Probe>,
    ) {
        let node = &plan.nodes[s.node];
        let Some(layer) = &node.layer else { return };
        if s.copy_first
            && let Some(to) = s.grad_inputs[0]
        {
            self.copy(program, s.grad_output, to, n);
        }
        let cx = Cx { probe, ..context(&self.pool, self.rng, self.step, plan, node, n) };
        let ids = s.inputs.iter().copied().chain(s.output).chain([s.grad_output]);
        let ids = ids.chain(s.grad_inputs.iter().flatten().copied()).chain(s.saved).chain(s.scratch);
        let mut pieces = Pieces::collect(&mut self.arena, program, n, ids);
        let mut grad_inputs: [Option<&mut [T]>; MAX_INPUTS] = Default::default();
        for (grad, id) in grad_inputs.iter_mut().zip(&s.grad_inputs) {
            *grad = id.map(|id| pieces.take(Some(id)));
        }
        let scratch = pieces.take(s.scratch);
        let mut inputs = [&[][..]; MAX_INPUTS];
        for (input, id) in inputs.iter_mut().zip(&s.inputs) {
            *input = pieces.get(Some(*id));
        }
        layer.backward(
            &cx,
            Backward {
                inputs: &inputs[..s.inputs.len()],
                output: pieces.get(s.output),
                params: &self.params[node.params.clone()],
                saved: pieces.get(s.saved),
                grad_output: if node.plan.in_place { &[] } else { pieces.get(Some(s.grad_output)) },
                grad_inputs: &mut grad_inputs[..s.grad_inputs.len()],
                grad_params: &mut self.grads[node.params.clone()],
                scratch,
                after: undoes,
            },
        );
    }

    fn copy(&mut self, program: &Program, from: SlotId, to: SlotId, n: usize) {
        let mut pieces = Pieces::new(&mut self.arena, program, n, &[from, to]);
        let to = pieces.take(Some(to));
        to.copy_from_slice(pieces.get(Some(from)));
    }
}

fn context<'a>(pool: &'a Pool, rng: Rng, step: u64, plan: &Plan, node: &'a NodePlan, n: usize) -> Cx<'a> {
    Cx {
        mode: Mode::Train,
        n,
        shapes: &node.input_shapes,
        isa: plan.options.isa,
        pool,
        rng,
        step,
        node: node.index as u32,
        probe: None,
    }
}
