use crate::Shape;
use crate::error::Problem;
use crate::init::{Fans, Init};
use crate::layer::{
    Backward, Cx, Extent, Fold, Forward, Fuses, Layer, LayerPlan, Layout, Mode, ParamSpec, StateSpec, Then,
    one_input,
};
use kobai_kernels::{Real, norm};

/// Batch normalisation: each channel gets mean 0 and variance 1 over the batch,
/// then a learned scale and shift.
///
/// # Formula
/// Train: y = γ·x̂ + β with x̂ = (x − μ)/√(σ² + eps), μ and σ² the channel's mean
/// and *biased* variance over batch and positions. Eval: running μ and σ².
///
/// # Gradient
/// For g = dL/dy and N values per channel: dL/dβ = Σg, dL/dγ = Σg·x̂,
/// dL/dx = γ/√(σ² + eps) · (g − mean(g) − x̂·mean(g·x̂)). The three terms are
/// the direct path, the one through μ and the one through σ².
///
/// # Shapes
/// `[C]` or `[C, H, W]` → the same; params `weight` γ `[C]`, `bias` β `[C]`;
/// state `running_mean` `[C]`, `running_var` `[C]`.
///
/// # Saved
/// Mean and 1/√(σ² + eps) of each channel; backward reads the input.
///
/// # Train/Eval
/// Training moves the running values: new = (1 − momentum)·old + momentum·batch,
/// with the *unbiased* variance unless `unbiased_running` is off.
///
/// An activation behind it, and a sum before that, are computed in the same pass;
/// backward finds from the input where the activation let values through.
///
/// # Cost
/// About 10 operations and two passes over memory forward, the same backward.
///
/// # Errors
/// More than one input; eps ≤ 0; momentum outside 0..=1; a training batch of one
/// value per channel.
///
/// # Source
/// Ioffe & Szegedy 2015, algorithm 1; agrees with `torch.nn.BatchNorm1d`/`2d`.
///
/// # Example
/// ```
/// use kobai_engine::{Alone, layers::BatchNorm};
/// let mut layer = Alone::<f64>::new(BatchNorm::default(), &[[1].into()], 4).unwrap();
/// let y = layer.forward(&[&[1.0, 2.0, 3.0, 6.0]]);
/// let mean = y.iter().sum::<f64>() / 4.0;
/// let variance = y.iter().map(|y| y * y).sum::<f64>() / 4.0;
/// assert!(mean.abs() < 1e-12 && (variance - 1.0).abs() < 1e-4);
/// assert!((layer.state()[0] - 0.1 * 3.0).abs() < 1e-12); // 0.9·0 + 0.1·mean
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance.
    pub eps: f64,
    /// Weight of the new batch in the running values.
    pub momentum: f64,
    /// Whether the running variance is the unbiased estimate (PyTorch) or the
    /// biased one (the course's code).
    pub unbiased_running: bool,
    /// What the running variance begins with: 1 (PyTorch) or 0 (the course's code).
    pub running_var_start: f64,
}

impl Default for BatchNorm {
    fn default() -> Self {
        BatchNorm { eps: 1e-5, momentum: 0.1, unbiased_running: true, running_var_start: 1.0 }
    }
}

impl BatchNorm {
    /// The form in the course's notebooks: eps 1e-6, biased running variance from 0.
    #[must_use]
    pub fn course() -> Self {
        BatchNorm { eps: 1e-6, unbiased_running: false, running_var_start: 0.0, ..BatchNorm::default() }
    }
}

impl BatchNorm {
    /// What evaluation does, for the layer in front to do it.
    pub(crate) fn fold<'a, T>(&self, params: &'a [T], state: &'a [T]) -> Fold<'a, T> {
        let (gamma, beta) = params.split_at(params.len() / 2);
        let (mean, var) = state.split_at(state.len() / 2);
        Fold { eps: self.eps, gamma, beta, mean, var }
    }
}

/// Channels, and values of one channel in one example.
fn extents(shape: Shape) -> (usize, usize) {
    match *shape.dims() {
        [c, h, w] => (c, h * w),
        _ => (shape.len(), 1),
    }
}

impl Layer for BatchNorm {
    fn kind(&self) -> &'static str {
        "batch-norm"
    }

    fn plan(&self, inputs: &[Shape]) -> Result<LayerPlan, Problem> {
        let input = one_input(inputs)?;
        if !(self.eps.is_finite() && self.eps > 0.0) {
            return Err(Problem::Setting { name: "eps", got: self.eps, range: "eps > 0" });
        }
        if !(0.0..=1.0).contains(&self.momentum) {
            return Err(Problem::Setting {
                name: "momentum",
                got: self.momentum,
                range: "0 <= momentum <= 1",
            });
        }
        let (channels, positions) = extents(input);
        let fans = Fans { fan_in: 1, fan_out: 1 };
        let param = |name, init| ParamSpec {
            name,
            dims: vec![channels],
            layout: Layout::Plain,
            init,
            fans,
            decay: false,
        };
        Ok(LayerPlan {
            params: vec![param("weight", Init::Constant(1.0)), param("bias", Init::Zeros)],
            state: vec![
                StateSpec { name: "running_mean", len: channels, start: 0.0 },
                StateSpec { name: "running_var", len: channels, start: self.running_var_start },
            ],
            saved: Extent { fixed: 2 * channels, per_example: 0 },
            // Sums of blocks of rows, and one value per channel for the backward pass.
            scratch: Extent { fixed: 3 * channels, per_example: norm::partial_len(positions, channels) },
            fuses: Fuses::Both,
            reads_input: true,
            min_batch: if positions == 1 { 2 } else { 1 },
            ..LayerPlan::new(input)
        })
    }

    fn forward<T: Real>(&self, cx: &Cx<'_>, io: Forward<'_, T>) {
        let (channels, positions) = extents(cx.shapes[0]);
        let (gamma, beta) = io.params.split_at(channels);
        let (running_mean, running_var) = io.state.split_at_mut(channels);
        let x = io.inputs[0];
        let Then { add, after } = io.then;
        if cx.mode == Mode::Eval {
            let scale = &mut io.scratch[..channels];
            let (running, affine) = ((&*running_mean, &*running_var), (gamma, beta));
            let by = (self.eps, after);
            return norm::batch_norm_eval(cx.isa, cx.pool, by, x, running, affine, scale, add, io.output);
        }
        let (mean, rstd) = io.saved.split_at_mut(channels);
        let by = norm::BatchNorm {
            eps: self.eps,
            momentum: self.momentum,
            unbiased_running: self.unbiased_running,
            after,
        };
        let partial = &mut io.scratch[..norm::partial_len(cx.n * positions, channels)];
        let to = norm::Training { gamma, beta, running_mean, running_var, mean, rstd, partial };
        norm::batch_norm_train(cx.isa, cx.pool, by, x, to, add, io.output);
    }

    fn backward<T: Real>(&self, cx: &Cx<'_>, mut io: Backward<'_, T>) {
        let (channels, positions) = extents(cx.shapes[0]);
        let (x, g, after) = (io.inputs[0], io.grad_output, io.after);
        let (gamma, beta) = io.params.split_at(channels);
        let (mean, rstd) = io.saved.split_at(channels);
        let sums = std::mem::take(&mut io.grad_params).split_at_mut(channels);
        let (scale, partial) = std::mem::take(&mut io.scratch).split_at_mut(channels);
        norm::product(rstd, gamma, scale);
        let by = norm::Backward { mean, rstd, scale, beta };
        let partial = &mut partial[..norm::partial_len(cx.n * positions, channels)];
        norm::batch_norm_backward(cx.isa, cx.pool, after, x, g, by, sums, partial, io.grad_input(0));
    }
}
