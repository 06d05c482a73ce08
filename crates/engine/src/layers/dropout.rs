use super::in_pieces;
use crate::Shape;
use crate::error::Problem;
use crate::layer::{Backward, Cx, Forward, Layer, LayerPlan, Mode, one_input};
use crate::rng::Stream;
use kobai_kernels::{Real, dropout, elementwise};

/// Sets random values to zero while training.
///
/// # Formula
/// Train: yᵢ = xᵢ·s with probability 1 − p, else 0. Eval: y = x·e.
/// Inverted form ([`Scaling::Train`]): s = 1/(1 − p), e = 1. The course's form
/// ([`Scaling::Eval`]): s = 1, e = 1 − p.
///
/// # Gradient
/// dL/dx is dL/dy times the factor that was applied forward.
///
/// # Shapes
/// Any → the same.
///
/// # Saved
/// Nothing: the mask is drawn again from the step's random key.
///
/// # Train/Eval
/// Different; see the formula.
///
/// # Cost
/// One random word and one pass over the values each way.
///
/// # Errors
/// p outside 0 ≤ p < 1.
///
/// # Source
/// Srivastava et al. 2014; the inverted form is `torch.nn.Dropout`.
///
/// # Example
/// ```
/// use kobai_engine::{Alone, layers::Dropout};
/// let mut layer = Alone::<f32>::new(Dropout::new(0.5), &[[1000].into()], 1).unwrap();
/// let y = layer.forward(&[&[1.0; 1000]]);
/// let kept = y.iter().filter(|y| **y == 2.0).count();
/// assert!((400..600).contains(&kept) && y.iter().all(|y| *y == 0.0 || *y == 2.0));
/// assert_eq!(layer.backward(&[1.0; 1000]).inputs[0], y); // the same mask
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Probability of a zero.
    pub p: f64,
    /// When the values are rescaled.
    pub scaling: Scaling,
}

/// When dropout makes up for the missing values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scaling {
    /// While training, by 1/(1 − p): evaluation does nothing.
    #[default]
    Train,
    /// In evaluation, by 1 − p, as the course's code does it. Each layer passes
    /// on only the share 1 − p of its signal while training.
    Eval,
}

impl Dropout {
    /// Inverted dropout.
    #[must_use]
    pub fn new(p: f64) -> Self {
        Dropout { p, scaling: Scaling::Train }
    }

    fn mask<T: Real>(&self, cx: &Cx<'_>, values: &mut [T]) {
        let scale = match self.scaling {
            Scaling::Train => 1.0 / (1.0 - self.p),
            Scaling::Eval => 1.0,
        };
        let (key, tail) = cx.draw(Stream::Dropout).key_and_tail();
        in_pieces(cx.pool, values, |at, values| {
            dropout::apply(cx.isa, key, tail, at.start, self.p as f32, T::from_f64(scale), values);
        });
    }
}

impl Layer for Dropout {
    fn kind(&self) -> &'static str {
        "dropout"
    }

    fn plan(&self, inputs: &[Shape]) -> Result<LayerPlan, Problem> {
        if !(0.0..1.0).contains(&self.p) {
            return Err(Problem::Setting { name: "p", got: self.p, range: "0 <= p < 1" });
        }
        Ok(LayerPlan::elementwise(one_input(inputs)?))
    }

    fn forward<T: Real>(&self, cx: &Cx<'_>, io: Forward<'_, T>) {
        match (cx.mode, self.scaling) {
            (Mode::Train, _) => self.mask(cx, io.output),
            (Mode::Eval, Scaling::Train) => {}
            (Mode::Eval, Scaling::Eval) => {
                elementwise::scale(cx.isa, T::from_f64(1.0 - self.p), io.output);
            }
        }
    }

    fn backward<T: Real>(&self, cx: &Cx<'_>, mut io: Backward<'_, T>) {
        if let Some(grad) = io.grad_input(0) {
            self.mask(cx, grad);
        }
    }
}
