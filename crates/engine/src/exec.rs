//! Runs a plan.

use crate::arena::{Pieces, place};
use crate::layer::Mode;
use crate::layers::in_pieces;
use crate::loss::{Score, Targets};
use crate::observe::{Event, Observer, Part, Probe, Wants};
use crate::optim::Updater;
use crate::plan::{BackwardStep, ForwardStep, NodePlan, Plan, Program, Step};
use crate::rng::{Rng, Stream};
use kobai_kernels::memory::Memory;
use kobai_kernels::norm::After;
use kobai_kernels::{Pool, Real, elementwise};
use std::ops::Range;
use std::sync::Arc;

mod steps;

/// Most inputs of a layer.
pub const MAX_INPUTS: usize = 8;

/// A plan with its memory: params, gradients, state and the arena. After it is
/// made, nothing allocates and nothing can fail.
///
/// ```
/// use kobai_engine::loss::{Loss, Targets};
/// use kobai_engine::optim::{Optimizer, Updater, Updates};
/// use kobai_engine::{Executor, Graph, Plan, PlanOptions, Unobserved};
/// use kobai_kernels::Pool;
///
/// let mut g = Graph::new([2].into());
/// let x = g.linear("fc", g.input(), 2);
/// g.output(x, Loss::CrossEntropy);
/// let plan = Plan::new(&g, &PlanOptions::batch(4)).unwrap();
/// let mut updater = Updater::new(&plan, Updates::new(Optimizer::Sgd { lr: 0.5 }));
/// let mut exec = Executor::<f32>::new(plan.into(), 0, Pool::serial().into());
/// // Class 1 is where the first feature is larger.
/// let (x, labels) = ([1.0, 0.0, 0.0, 1.0, 0.9, 0.2, 0.1, 0.8], [1, 0, 1, 0]);
/// for _ in 0..200 {
///     exec.train_input(4).copy_from_slice(&x);
///     exec.train_step(4, Targets::Classes(&labels), &mut updater, &mut Unobserved);
/// }
/// exec.eval_input(4).copy_from_slice(&x);
/// assert_eq!(exec.evaluate(4, Targets::Classes(&labels)).correct, 4);
/// ```
#[derive(Debug)]
pub struct Executor<T = f32> {
    plan: Arc<Plan>,
    params: Memory<T>,
    grads: Memory<T>,
    state: Vec<T>,
    /// Params in the form in which evaluation reads them, and whether they are those
    /// of now.
    prepared: Memory<T>,
    ready: bool,
    arena: Memory<T>,
    /// Params that the loss does not depend on. No step writes their gradient,
    /// and what a penalty added to it in one step must not stay for the next.
    idle: Vec<Range<usize>>,
    pool: Arc<Pool>,
    rng: Rng,
    step: u64,
}

impl<T: Real> Executor<T> {
    /// Allocates everything and draws the initial params from a seed.
    ///
    /// The draw of a tensor is keyed by its name: two networks that share a seed
    /// and a tensor's name and shape share its draw, whatever else they contain.
    #[must_use]
    pub fn new(plan: Arc<Plan>, seed: u64, pool: Arc<Pool>) -> Self {
        let rng = Rng::new(seed);
        let mut params = Memory::zeroed(plan.param_len());
        for slot in &plan.params {
            let rows = slot.spec.dims.first().copied().unwrap_or(1);
            let draw = rng.draw(Stream::Init, name_key(&slot.name), 0);
            slot.spec.init.fill(&mut params[slot.range.clone()], rows, slot.spec.fans, draw);
        }
        let mut state = vec![T::ZERO; plan.state_len()];
        for slot in &plan.state {
            state[slot.range.clone()].fill(T::from_f64(slot.start));
        }
        let grads = Memory::zeroed(params.len());
        // Pages that nobody evaluates with are never touched.
        let prepared = Memory::zeroed(plan.eval.prepared);
        let arena = Memory::zeroed(plan.train.arena.max(plan.eval.arena));
        let reached = |node: &NodePlan| {
            plan.train.steps.iter().any(|s| matches!(s, Step::Backward(s) if s.node == node.index))
        };
        let idle = plan.nodes.iter().filter(|n| !n.params.is_empty() && !reached(n));
        let idle = idle.map(|n| n.params.clone()).collect();
        Executor { plan, params, grads, state, prepared, ready: false, arena, idle, pool, rng, step: 0 }
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// All params, one tensor after the other (see [`Plan::params`]).
    #[must_use]
    pub fn params(&self) -> &[T] {
        &self.params
    }

    /// All params, to be overwritten.
    pub fn params_mut(&mut self) -> &mut [T] {
        self.ready = false;
        &mut self.params
    }

    /// Gradients of the last training step, in the order of the params.
    #[must_use]
    pub fn grads(&self) -> &[T] {
        &self.grads
    }

    /// All state, one tensor after the other (see [`Plan::state`]).
    #[must_use]
    pub fn state(&self) -> &[T] {
        &self.state
    }

    /// All state, to be overwritten.
    pub fn state_mut(&mut self) -> &mut [T] {
        self.ready = false;
        &mut self.state
    }

    /// Training steps done.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Continues counting from a step, after params and state were restored.
    pub fn set_step(&mut self, step: u64) {
        self.step = step;
    }

    /// Where the `n` examples of the next training step are to be written. A
    /// training step leaves them as they are; an evaluation does not.
    ///
    /// # Panics
    /// If `n` is 0 or more than the plan's batch.
    pub fn train_input(&mut self, n: usize) -> &mut [T] {
        assert!(
            (1..=self.plan.options.batch).contains(&n),
            "batch of {n}, planned {}",
            self.plan.options.batch
        );
        let (start, len) = place(&self.plan.train, self.plan.train.input, n);
        &mut self.arena[start..start + len]
    }

    /// Where the `n` examples of the next evaluation are to be written.
    ///
    /// # Panics
    /// If `n` is 0 or more than the plan's evaluation batch.
    pub fn eval_input(&mut self, n: usize) -> &mut [T] {
        let most = self.plan.options.eval_batch;
        assert!((1..=most).contains(&n), "batch of {n}, planned {most}");
        let (start, len) = place(&self.plan.eval, self.plan.eval.input, n);
        &mut self.arena[start..start + len]
    }

    /// One training step on the `n` examples in [`Executor::train_input`]:
    /// forward, loss, backward, update.
    pub fn train_step(
        &mut self,
        n: usize,
        targets: Targets<'_, T>,
        updater: &mut Updater<T>,
        watch: &mut dyn Observer<T>,
    ) -> Score {
        let score = self.forward_backward(n, targets, watch);
        updater.update_on(self.plan.options.isa, &self.pool, &mut self.params, &mut self.grads);
        ended(watch.probe(), Part::Update);
        if watch.wants(self.step).updated {
            for node in self.plan.nodes.iter().filter(|n| !n.params.is_empty()) {
                watch.event(&Event::Updated {
                    step: self.step,
                    node,
                    params: &self.params[node.params.clone()],
                });
            }
        }
        watch.event(&Event::StepEnded { step: self.step, loss: score.loss() });
        self.step += 1;
        score
    }

    /// Forward, loss and backward, without an update: fills [`Executor::grads`].
    pub fn forward_backward(
        &mut self,
        n: usize,
        targets: Targets<'_, T>,
        watch: &mut dyn Observer<T>,
    ) -> Score {
        let plan = Arc::clone(&self.plan);
        self.ready = false;
        for range in &self.idle {
            self.grads[range.clone()].fill(T::ZERO);
        }
        self.run(&plan, &plan.train, Mode::Train, n, targets, watch)
    }

    /// The score of the `n` examples in [`Executor::eval_input`].
    pub fn evaluate(&mut self, n: usize, targets: Targets<'_, T>) -> Score {
        self.evaluate_watched(n, targets, &mut crate::observe::Unobserved)
    }

    /// [`Executor::evaluate`] with an observer that may time it; events are those
    /// of training alone.
    pub fn evaluate_watched(
        &mut self,
        n: usize,
        targets: Targets<'_, T>,
        watch: &mut dyn Observer<T>,
    ) -> Score {
        let plan = Arc::clone(&self.plan);
        if !self.ready {
            self.prepare(&plan);
        }
        self.run(&plan, &plan.eval, Mode::Eval, n, targets, watch)
    }

    /// The outputs of the `n` examples of the last evaluation.
    #[must_use]
    pub fn outputs(&self, n: usize) -> &[T] {
        let (start, len) = place(&self.plan.eval, self.plan.eval.output, n);
        &self.arena[start..start + len]
    }

    /// Overwrites the whole arena, for tests: no result may depend on what it held.
    pub fn poison(&mut self, value: T) {
        self.arena.fill(value);
    }

    fn run(
        &mut self,
        plan: &Plan,
        program: &Program,
        mode: Mode,
        n: usize,
        targets: Targets<'_, T>,
        watch: &mut dyn Observer<T>,
    ) -> Score {
        // Nobody looks into an evaluation, which therefore has one way of computing.
        let wants = if mode == Mode::Train { watch.wants(self.step) } else { Wants::NOTHING };
        let mut score = Score::default();
        let mut done = 0;
        for (at, step) in program.steps.iter().enumerate() {
            if done > 0 {
                done -= 1;
                continue;
            }
            match step {
                Step::Forward(s) if s.elsewhere && !wants.forward => {}
                Step::Forward(ForwardStep { band: Some(band), node, .. })
                    if self.band(plan, program, at, *band, n) =>
                {
                    done = band.steps;
                    ended(watch.probe(), Part::Forward(*node));
                }
                Step::Forward(ForwardStep { pooled: Some(pooled), node, .. })
                    // The activation's own step backward, which who looks sees, reads its value.
                    if !wants.forward && !wants.backward && self.pooled(plan, program, at, *pooled, n) =>
                {
                    done = pooled.steps;
                    ended(watch.probe(), Part::Forward(*node));
                }
                Step::Forward(s) => {
                    let node = &plan.nodes[s.node];
                    // Whoever looks sees every value; the bits are the same.
                    let fused = s.fused.filter(|_| !wants.forward);
                    done = fused.map_or(0, |f| f.steps);
                    self.forward(plan, program, s, fused, (mode, n), watch.probe());
                    ended(watch.probe(), Part::Forward(s.node));
                    if wants.forward {
                        let (start, len) = place(program, s.output, n);
                        let output = &self.arena[start..start + len];
                        watch.event(&Event::Forward { step: self.step, node, n, output });
                    }
                }
                Step::Loss(s) => {
                    let this = self.loss(plan, program, s, n, targets);
                    ended(watch.probe(), Part::Loss);
                    match s.weight {
                        None => score = this,
                        Some(weight) => score.loss_sum += weight * this.loss_sum,
                    }
                }
                Step::Backward(s) if s.elsewhere && !wants.backward => {}
                Step::Backward(BackwardStep { unpooled: Some(unpooled), .. })
                    if !wants.backward && self.unpooled(plan, program, at, *unpooled, n) =>
                {
                    done = unpooled.steps;
                    let Step::Backward(conv) = &program.steps[at + done] else { continue };
                    ended(watch.probe(), Part::ParamGradient(conv.node));
                }
                Step::Backward(s) => {
                    let node = &plan.nodes[s.node];
                    let undoes = if wants.backward { After::Nothing } else { s.undoes };
                    self.backward(plan, program, s, undoes, n, watch.probe());
                    ended(watch.probe(), Part::Backward(s.node));
                    if wants.backward && !node.params.is_empty() {
                        let (start, len) = place(program, s.grad_output, n);
                        watch.event(&Event::Backward {
                            step: self.step,
                            node,
                            n,
                            grad_output: &self.arena[start..start + len],
                            params: &self.params[node.params.clone()],
                            grad_params: &self.grads[node.params.clone()],
                        });
                    }
                }
                Step::Accumulate { from, to } => {
                    let sum = *to;
                    let mut pieces = Pieces::new(&mut self.arena, program, n, &[*from, *to]);
                    let to = pieces.take(Some(*to));
                    let from = pieces.get(Some(*from));
                    in_pieces(&self.pool, to, |at, to| {
                        elementwise::add_assign(plan.options.isa, to, &from[at]);
                    });
                    ended(watch.probe(), Part::Accumulate(program.slots[sum.0].node));
                }
            }
        }
        score
    }
}

fn ended(probe: Option<&dyn Probe>, part: Part) {
    if let Some(probe) = probe {
        probe.ended(part);
    }
}

/// FNV-1a of a name: the key of its draw.
fn name_key(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
