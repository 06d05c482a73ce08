//! A layer by itself: for examples, lessons and tests.

use crate::Shape;
use crate::error::Problem;
use crate::layer::{Backward, Cx, Forward, Layer, LayerKind, LayerPlan, Mode, Then};
use crate::rng::{Rng, Stream};
use kobai_kernels::norm::After;
use kobai_kernels::{Isa, Pool, Real};

/// One layer with the memory that its plan asks for.
#[derive(Debug)]
pub struct Alone<T> {
    layer: LayerKind,
    plan: LayerPlan,
    shapes: Vec<Shape>,
    n: usize,
    params: Vec<T>,
    state: Vec<T>,
    inputs: Vec<Vec<T>>,
    output: Vec<T>,
    saved: Vec<T>,
    scratch: Vec<T>,
    isa: Isa,
    mode: Mode,
    step: u64,
    node: u32,
}

/// What a backward call gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients<T> {
    /// With respect to each input.
    pub inputs: Vec<Vec<T>>,
    /// With respect to the params, one after the other.
    pub params: Vec<T>,
}

impl<T: Real> Alone<T> {
    /// A layer for inputs of these shapes and batches of `n` examples, with
    /// params drawn from seed 0.
    ///
    /// # Errors
    /// Why the shapes do not fit.
    pub fn new(layer: impl Into<LayerKind>, shapes: &[Shape], n: usize) -> Result<Self, Problem> {
        let layer = layer.into();
        let plan = layer.plan(shapes)?;
        let mut params = vec![T::ZERO; plan.param_len()];
        let mut at = 0;
        for (i, spec) in (0..).zip(&plan.params) {
            let draw = Rng::new(0).draw(Stream::Init, i, 0);
            spec.init.fill(&mut params[at..at + spec.len()], spec.dims[0], spec.fans, draw);
            at += spec.len();
        }
        let state = plan.state.iter().flat_map(|s| vec![T::from_f64(s.start); s.len]).collect();
        Ok(Alone {
            params,
            state,
            inputs: Vec::new(),
            output: Vec::new(),
            saved: vec![T::ZERO; plan.saved.len(n)],
            scratch: vec![T::ZERO; plan.scratch.len(n)],
            shapes: shapes.to_vec(),
            layer,
            plan,
            n,
            isa: Isa::best(),
            mode: Mode::Train,
            step: 0,
            node: 1,
        })
    }

    /// Runs on another instruction set.
    #[must_use]
    pub fn on(self, isa: Isa) -> Self {
        Alone { isa, ..self }
    }

    /// Draws its random numbers as the node of this index does
    /// ([`NodePlan::index`](crate::NodePlan::index)); else as the first after the input.
    #[must_use]
    pub fn at(self, node: usize) -> Self {
        Alone { node: node as u32, ..self }
    }

    /// What the layer asked for.
    #[must_use]
    pub fn plan(&self) -> &LayerPlan {
        &self.plan
    }

    /// The params, one after the other.
    pub fn params(&mut self) -> &mut [T] {
        &mut self.params
    }

    /// The state, one after the other.
    pub fn state(&mut self) -> &mut [T] {
        &mut self.state
    }

    /// Output for these inputs in training mode, of `n` examples each.
    ///
    /// # Panics
    /// If an input has another length.
    pub fn forward(&mut self, inputs: &[&[T]]) -> Vec<T> {
        self.mode = Mode::Train;
        self.run(inputs)
    }

    /// Output for these inputs in evaluation mode.
    ///
    /// # Panics
    /// If an input has another length.
    pub fn evaluate(&mut self, inputs: &[&[T]]) -> Vec<T> {
        self.mode = Mode::Eval;
        self.run(inputs)
    }

    fn run(&mut self, inputs: &[&[T]]) -> Vec<T> {
        for (input, shape) in inputs.iter().zip(&self.shapes) {
            assert_eq!(input.len(), self.n * shape.len(), "input for {} examples of {shape}", self.n);
        }
        self.inputs = inputs.iter().map(|x| x.to_vec()).collect();
        // Poisoned, so that a missing write is seen.
        let nan = T::from_f64(f64::NAN);
        self.output =
            if self.plan.in_place { inputs[0].to_vec() } else { vec![nan; self.n * self.plan.output.len()] };
        self.saved.fill(nan);
        self.scratch.fill(nan);
        let inputs: Vec<&[T]> =
            self.inputs.iter().map(|x| if self.plan.in_place { &[][..] } else { x.as_slice() }).collect();
        let pool = Pool::serial();
        let cx = Cx {
            mode: self.mode,
            n: self.n,
            shapes: &self.shapes,
            isa: self.isa,
            pool: &pool,
            rng: Rng::new(0),
            step: self.step,
            node: self.node,
            probe: None,
        };
        self.layer.forward(
            &cx,
            Forward {
                inputs: &inputs,
                params: &self.params,
                prepared: &[],
                state: &mut self.state,
                output: &mut self.output,
                saved: &mut self.saved,
                scratch: &mut self.scratch,
                then: Then::default(),
            },
        );
        self.output.clone()
    }

    /// Gradients for a gradient with respect to the output of the last forward call.
    ///
    /// # Panics
    /// If the gradient has another length than the output.
    pub fn backward(&mut self, grad_output: &[T]) -> Gradients<T> {
        assert_eq!(grad_output.len(), self.output.len(), "gradient for the output");
        let nan = T::from_f64(f64::NAN);
        let in_place = self.plan.in_place;
        let mut grads: Vec<Vec<T>> = self.inputs.iter().map(|x| vec![nan; x.len()]).collect();
        if in_place {
            grads[0].copy_from_slice(grad_output);
        }
        let mut grad_params = vec![nan; self.params.len()];
        self.scratch.fill(nan);
        let pool = Pool::serial();
        let cx = Cx {
            mode: Mode::Train,
            n: self.n,
            shapes: &self.shapes,
            isa: self.isa,
            pool: &pool,
            rng: Rng::new(0),
            step: self.step,
            node: self.node,
            probe: None,
        };
        let inputs: Vec<&[T]> =
            if self.plan.reads_input { self.inputs.iter().map(Vec::as_slice).collect() } else { Vec::new() };
        let mut grad_inputs: Vec<Option<&mut [T]>> =
            grads.iter_mut().map(|g| Some(g.as_mut_slice())).collect();
        self.layer.backward(
            &cx,
            Backward {
                inputs: &inputs,
                output: if self.plan.reads_output { &self.output } else { &[] },
                params: &self.params,
                saved: &self.saved,
                grad_output: if in_place { &[] } else { grad_output },
                grad_inputs: &mut grad_inputs,
                grad_params: &mut grad_params,
                scratch: &mut self.scratch,
                after: After::Nothing,
            },
        );
        Gradients { inputs: grads, params: grad_params }
    }
}
