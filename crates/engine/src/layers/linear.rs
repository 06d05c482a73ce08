use crate::Shape;
use crate::error::Problem;
use crate::init::{Fan, Fans, Init};
use crate::layer::{
    Backward, Cx, Fold, Forward, Fuses, Layer, LayerPlan, Layout, ParamSpec, Rounding, one_input,
};
use kobai_kernels::gemm::{self, Mat, Start, gemm, gemm_packed, gemm_then};
use kobai_kernels::{Isa, Precision, Real, reduce};

/// A fully connected layer: every output is a weighted sum of all inputs.
///
/// # Formula
/// Y = X·Wᵀ + b, with X n×in, W out×in, b out, Y n×out.
///
/// # Gradient
/// For G = dL/dY:  dL/dW = Gᵀ·X,  dL/db = Σ over examples of G,  dL/dX = G·W.
///
/// # Shapes
/// `[in_features]` → `[out_features]`; params `weight` `[out, in]`, `bias` `[out]`.
///
/// # Saved
/// Nothing; backward reads the input.
///
/// # Train/Eval
/// The same; evaluation of small batches reads a copy of the weight that was packed once.
///
/// # Cost
/// `in · out` multiply-adds per example forward, twice that backward (once if
/// the input needs no gradient).
///
/// # Errors
/// Input of rank ≠ 1; `in_features` given and different; no output features.
///
/// # Source
/// Agrees with `torch.nn.Linear`, layout of the weight included.
///
/// # Example
/// ```
/// use kobai_engine::{Alone, layers::Linear};
/// let mut layer = Alone::<f64>::new(Linear::new(1), &[[2].into()], 1).unwrap();
/// layer.params().copy_from_slice(&[3.0, 4.0, 0.5]); // weight 3 4, bias 0.5
/// assert_eq!(layer.forward(&[&[10.0, 1.0]]), [34.5]);
/// let gradients = layer.backward(&[2.0]);
/// assert_eq!(gradients.inputs[0], [6.0, 8.0]); // 2·W
/// assert_eq!(gradients.params, [20.0, 2.0, 2.0]); // 2·x, 2
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// Number of outputs.
    pub out_features: usize,
    /// Number of inputs, if it should be checked rather than taken from the input.
    pub in_features: Option<usize>,
    /// Whether there is a bias.
    pub bias: bool,
    /// How the weight begins; He (fan-in) by default. The bias begins at 0.
    pub init: Init,
}

impl Linear {
    /// A layer with a bias and He weights.
    #[must_use]
    pub fn new(out_features: usize) -> Self {
        Linear { out_features, in_features: None, bias: true, init: Init::HeNormal(Fan::In) }
    }

    /// The same layer with other initial weights.
    #[must_use]
    pub fn init(self, init: Init) -> Self {
        Linear { init, ..self }
    }
}

/// Largest batch for which evaluation keeps a packed copy of the weight: then packing
/// takes as long as multiplying. So few examples are not rounded to bfloat16 either: an
/// element of the weight comes from memory for a few multiply-adds, and memory decides.
const FEW: usize = 16;

/// The instruction set for so many examples.
fn isa_of(cx: &Cx<'_>) -> Isa {
    if cx.n > FEW { cx.isa } else { in_f32(cx.isa) }
}

fn in_f32(isa: Isa) -> Isa {
    isa.with(Precision::F32).expect("every instruction set has products of f32")
}

impl Layer for Linear {
    fn kind(&self) -> &'static str {
        "linear"
    }

    fn plan(&self, inputs: &[Shape]) -> Result<LayerPlan, Problem> {
        let input = one_input(inputs)?;
        if input.rank() != 1 {
            return Err(Problem::Rank { expected: 1, got: input });
        }
        if let Some(expected) = self.in_features
            && expected != input.len()
        {
            return Err(Problem::Features { expected, got: input });
        }
        let (outs, ins) = (self.out_features, input.len());
        if outs == 0 {
            return Err(Problem::Setting { name: "out_features", got: 0.0, range: "out_features >= 1" });
        }
        let fans = Fans { fan_in: ins, fan_out: outs };
        let param =
            |name, dims, init, decay| ParamSpec { name, dims, layout: Layout::Plain, init, fans, decay };
        let mut params = vec![param("weight", vec![outs, ins], self.init, true)];
        if self.bias {
            params.push(param("bias", vec![outs], Init::Zeros, false));
        }
        Ok(LayerPlan {
            params,
            reads_input: true,
            macs: (outs * ins) as u64,
            algorithm: "gemm",
            rounding: Some(Rounding { pairs: "gemm bf16", tiles: "gemm bf16", from: FEW + 1 }),
            fuses: Fuses::Forward,
            ..LayerPlan::new([outs].into())
        })
    }

    fn forward<T: Real>(&self, cx: &Cx<'_>, io: Forward<'_, T>) {
        let x = io.inputs[0];
        let (outs, ins) = (self.out_features, cx.shapes[0].len());
        let (weight, bias) = io.params.split_at(outs * ins);
        let start = if self.bias { Start::Bias(bias) } else { Start::Zero };
        let (isa, pool, then) = (isa_of(cx), cx.pool, io.then);
        if !io.prepared.is_empty()
            && gemm::packs(isa)
            && let (Some(x), Some(packed), Some(bias), Some(then)) =
                (T::as_f32(x), T::as_f32(io.prepared), T::as_f32(bias), then.as_f32())
            && let Some(y) = T::as_f32_mut(&mut *io.output)
        {
            let start = if self.bias { Start::Bias(bias) } else { Start::Zero };
            return gemm_packed(isa, pool, Mat::new(x, cx.n, ins), packed, outs, start, then, y);
        }
        gemm_then(isa, pool, Mat::new(x, cx.n, ins), Mat::new(weight, outs, ins).t(), start, then, io.output);
    }

    fn backward<T: Real>(&self, cx: &Cx<'_>, mut io: Backward<'_, T>) {
        let (x, g) = (io.inputs[0], io.grad_output);
        let (outs, ins) = (self.out_features, cx.shapes[0].len());
        let (x, g) = (Mat::new(x, cx.n, ins), Mat::new(g, cx.n, outs));
        let (grad_weight, grad_bias) = io.grad_params.split_at_mut(outs * ins);
        let isa = isa_of(cx);
        gemm(isa, cx.pool, g.t(), x, Start::Zero, grad_weight);
        if self.bias {
            reduce::column_sums(cx.isa, cx.n, outs, io.grad_output, grad_bias);
        }
        cx.params_done();
        let weight = Mat::new(&io.params[..outs * ins], outs, ins);
        if let Some(grad_x) = io.grad_input(0) {
            gemm(isa, cx.pool, g, weight, Start::Zero, grad_x);
        }
    }

    fn prepared(&self, inputs: &[Shape], n: usize) -> usize {
        if n > FEW { 0 } else { gemm::packed_len(inputs[0].len(), self.out_features) }
    }

    fn prepare<T: Real>(&self, cx: &Cx<'_>, params: &[T], _: Option<Fold<'_, T>>, to: &mut [T]) {
        let (outs, ins) = (self.out_features, cx.shapes[0].len());
        if let (Some(weight), Some(to)) = (T::as_f32(&params[..outs * ins]), T::as_f32_mut(to)) {
            gemm::pack(in_f32(cx.isa), cx.pool, Mat::new(weight, outs, ins).t(), to);
        }
    }
}
