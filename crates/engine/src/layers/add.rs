use super::in_pieces;
use crate::Shape;
use crate::error::Problem;
use crate::layer::{Backward, Cx, Forward, Layer, LayerPlan};
use kobai_kernels::{Real, elementwise};

/// The sum of two inputs of one shape: the joint of a residual block.
///
/// # Formula
/// y = a + b.
///
/// # Gradient
/// dL/da = dL/db = dL/dy.
///
/// # Shapes
/// Twice the same → the same.
///
/// # Saved
/// Nothing.
///
/// # Train/Eval
/// The same.
///
/// # Cost
/// One addition per value.
///
/// # Errors
/// Other than two inputs; inputs of different shapes.
///
/// # Source
/// He et al. 2016.
///
/// # Example
/// ```
/// use kobai_engine::{Alone, layers::Add};
/// let mut layer = Alone::<f32>::new(Add, &[[2].into(), [2].into()], 1).unwrap();
/// assert_eq!(layer.forward(&[&[1.0, 2.0], &[10.0, 20.0]]), [11.0, 22.0]);
/// assert_eq!(layer.backward(&[3.0, 4.0]).inputs, [[3.0, 4.0], [3.0, 4.0]]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Add;

impl Layer for Add {
    fn kind(&self) -> &'static str {
        "add"
    }

    fn plan(&self, inputs: &[Shape]) -> Result<LayerPlan, Problem> {
        match *inputs {
            [first, other] if first == other => {
                Ok(LayerPlan { passes_gradient: true, ..LayerPlan::new(first) })
            }
            [first, other] => Err(Problem::Unequal { first, other }),
            _ => Err(Problem::Inputs { expected: 2, got: inputs.len() }),
        }
    }

    fn forward<T: Real>(&self, cx: &Cx<'_>, io: Forward<'_, T>) {
        in_pieces(cx.pool, io.output, |at, output| {
            output.copy_from_slice(&io.inputs[0][at.clone()]);
            elementwise::add_assign(cx.isa, output, &io.inputs[1][at]);
        });
    }

    fn backward<T: Real>(&self, _: &Cx<'_>, io: Backward<'_, T>) {
        for grad in io.grad_inputs.iter_mut().flatten() {
            grad.copy_from_slice(io.grad_output);
        }
    }
}
