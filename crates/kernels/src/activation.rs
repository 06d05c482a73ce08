//! Activation functions and their gradients, in place.
//!
//! `name(isa, values)`: `values` holds x and receives y.
//! `name_backward(isa, saved, grad)`: `grad` holds ∂L/∂y and receives ∂L/∂x;
//! `saved` is y (`output`) or x (`input`), as the parameter's name says. Where y
//! is enough, x need not be kept. Both slices have the same length. NaN in, NaN
//! out: a broken network must show.
//!
//! Order: element by element, no reduction. Single precision uses own elementary
//! functions; their largest measured errors, in units in the last place with fused
//! arithmetic: σ 3.0, tanh 3.2, softplus 2.0, eᶻ − 1 0.9, erf 1.2.
//! Results below 1.2e-38 are 0. The double-precision twin is the formula with `libm`.
//!
//! Not inside: softmax (`softmax`), dropout (`dropout`), choosing a function by
//! name (the engine's layers do).

use crate::simd::{Arith, Kernel, dispatch};
use crate::{Isa, Real, math};

/// A formula of one element.
trait Map: Copy {
    fn at<A: Arith>(self, x: f32) -> f32;
}

/// A formula of the gradient that arrives and the saved value.
trait Chain: Copy {
    fn at<A: Arith>(self, g: f32, saved: f32) -> f32;
}

struct Forward<'a, M>(&'a mut [f32], M);

impl<M: Map> Kernel for Forward<'_, M> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        for x in self.0 {
            *x = self.1.at::<A>(*x);
        }
    }
}

struct Backward<'a, C>(&'a mut [f32], &'a [f32], C);

impl<C: Chain> Kernel for Backward<'_, C> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        for (g, saved) in self.0.iter_mut().zip(self.1) {
            *g = self.2.at::<A>(*g, *saved);
        }
    }
}

#[inline(always)]
fn forward<T: Real>(isa: Isa, values: &mut [T], map: impl Map, twin: impl Fn(f64) -> f64) {
    if let Some(values) = T::as_f32_mut(values) {
        return dispatch(isa, Forward(values, map));
    }
    for x in values {
        *x = T::from_f64(twin(x.to_f64()));
    }
}

#[inline(always)]
fn backward<T: Real>(
    isa: Isa,
    saved: &[T],
    grad: &mut [T],
    chain: impl Chain,
    twin: impl Fn(f64, f64) -> f64,
) {
    assert_eq!(saved.len(), grad.len(), "saved values and gradients differ in length");
    if let (Some(saved), Some(grad)) = (T::as_f32(saved), T::as_f32_mut(grad)) {
        return dispatch(isa, Backward(grad, saved, chain));
    }
    for (g, s) in grad.iter_mut().zip(saved) {
        *g = T::from_f64(twin(g.to_f64(), s.to_f64()));
    }
}

/// y = max(x, 0).
pub fn relu<T: Real>(isa: Isa, values: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Relu;
    impl Map for Relu {
        #[inline(always)]
        fn at<A: Arith>(self, x: f32) -> f32 {
            if x <= 0.0 { 0.0 } else { x }
        }
    }
    forward(isa, values, Relu, |x| if x <= 0.0 { 0.0 } else { x });
}

/// ∂L/∂x = ∂L/∂y where x > 0, else 0 (also at x = 0). `output` is y; x does as well.
pub fn relu_backward<T: Real>(isa: Isa, output: &[T], grad: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Relu;
    impl Chain for Relu {
        #[inline(always)]
        fn at<A: Arith>(self, g: f32, y: f32) -> f32 {
            if y <= 0.0 { 0.0 } else { g }
        }
    }
    backward(isa, output, grad, Relu, |g, y| if y <= 0.0 { 0.0 } else { g });
}

/// y = min(max(x, 0), 6).
pub fn relu6<T: Real>(isa: Isa, values: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Relu6;
    impl Map for Relu6 {
        #[inline(always)]
        fn at<A: Arith>(self, x: f32) -> f32 {
            let x = if x <= 0.0 { 0.0 } else { x };
            if x > 6.0 { 6.0 } else { x }
        }
    }
    forward(isa, values, Relu6, |x| if x.is_nan() { x } else { x.clamp(0.0, 6.0) });
}

/// ∂L/∂x = ∂L/∂y where 0 < x < 6, else 0. `output` is y.
pub fn relu6_backward<T: Real>(isa: Isa, output: &[T], grad: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Relu6;
    impl Chain for Relu6 {
        #[inline(always)]
        fn at<A: Arith>(self, g: f32, y: f32) -> f32 {
            let g = if y <= 0.0 { 0.0 } else { g };
            if y >= 6.0 { 0.0 } else { g }
        }
    }
    backward(isa, output, grad, Relu6, |g, y| if y <= 0.0 || y >= 6.0 { 0.0 } else { g });
}

/// y = eˣ.
pub fn exp<T: Real>(isa: Isa, values: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Exp;
    impl Map for Exp {
        #[inline(always)]
        fn at<A: Arith>(self, x: f32) -> f32 {
            math::exp::<A>(x)
        }
    }
    forward(isa, values, Exp, libm::exp);
}

/// ∂L/∂x = ∂L/∂y · y. `output` is y.
pub fn exp_backward<T: Real>(isa: Isa, output: &[T], grad: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Exp;
    impl Chain for Exp {
        #[inline(always)]
        fn at<A: Arith>(self, g: f32, y: f32) -> f32 {
            g * y
        }
    }
    backward(isa, output, grad, Exp, |g, y| g * y);
}

/// y = x where x > 0, else `slope` · x.
pub fn leaky_relu<T: Real>(isa: Isa, slope: f64, values: &mut [T]) {
    #[derive(Clone, Copy)]
    struct LeakyRelu(f32);
    impl Map for LeakyRelu {
        #[inline(always)]
        fn at<A: Arith>(self, x: f32) -> f32 {
            if x > 0.0 { x } else { self.0 * x }
        }
    }
    forward(isa, values, LeakyRelu(slope as f32), |x| if x > 0.0 { x } else { slope * x });
}

/// ∂L/∂x = ∂L/∂y where x > 0, else `slope` · ∂L/∂y. `output` is y, which tells the
/// sign of x as long as `slope` ≥ 0; pass x for a negative one.
pub fn leaky_relu_backward<T: Real>(isa: Isa, slope: f64, output: &[T], grad: &mut [T]) {
    #[derive(Clone, Copy)]
    struct LeakyRelu(f32);
    impl Chain for LeakyRelu {
        #[inline(always)]
        fn at<A: Arith>(self, g: f32, y: f32) -> f32 {
            if y > 0.0 { g } else { self.0 * g }
        }
    }
    backward(isa, output, grad, LeakyRelu(slope as f32), |g, y| if y > 0.0 { g } else { slope * g });
}

/// y = x where x > 0, else `alpha` · (e^x − 1).
pub fn elu<T: Real>(isa: Isa, alpha: f64, values: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Elu(f32);
    impl Map for Elu {
        #[inline(always)]
        fn at<A: Arith>(self, x: f32) -> f32 {
            let below = self.0 * math::exp_m1_nonpositive::<A>(if x > 0.0 { 0.0 } else { x });
            if x > 0.0 { x } else { below }
        }
    }
    forward(isa, values, Elu(alpha as f32), |x| if x > 0.0 { x } else { alpha * libm::expm1(x) });
}

/// ∂L/∂x = ∂L/∂y where x > 0, else ∂L/∂y · (y + `alpha`). `output` is y; `alpha` ≥ 0.
pub fn elu_backward<T: Real>(isa: Isa, alpha: f64, output: &[T], grad: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Elu(f32);
    impl Chain for Elu {
        #[inline(always)]
        fn at<A: Arith>(self, g: f32, y: f32) -> f32 {
            if y > 0.0 { g } else { g * (y + self.0) }
        }
    }
    backward(isa, output, grad, Elu(alpha as f32), |g, y| if y > 0.0 { g } else { g * (y + alpha) });
}

fn sigmoid_twin(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// y = σ(x) = 1 / (1 + e^(−x)).
pub fn sigmoid<T: Real>(isa: Isa, values: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Sigmoid;
    impl Map for Sigmoid {
        #[inline(always)]
        fn at<A: Arith>(self, x: f32) -> f32 {
            math::sigmoid::<A>(x)
        }
    }
    forward(isa, values, Sigmoid, sigmoid_twin);
}

/// ∂L/∂x = ∂L/∂y · y (1 − y). `output` is y.
pub fn sigmoid_backward<T: Real>(isa: Isa, output: &[T], grad: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Sigmoid;
    impl Chain for Sigmoid {
        #[inline(always)]
        fn at<A: Arith>(self, g: f32, y: f32) -> f32 {
            g * (y * (1.0 - y))
        }
    }
    backward(isa, output, grad, Sigmoid, |g, y| g * (y * (1.0 - y)));
}

/// The *wrong* gradient ∂L/∂y · σ(y) (1 − σ(y)): σ' taken at the output instead of
/// the input. `output` is y = σ(x).
///
/// A widely published notebook computes exactly this (`d_sigmoid(z)` of an already
/// activated z). It is kept under this name so that its results can be reproduced
/// and its effect shown: the factor is between 0.197 and 0.25 for every x, so the
/// saturation that the notebook wants to demonstrate disappears.
pub fn sigmoid_backward_at_output<T: Real>(isa: Isa, output: &[T], grad: &mut [T]) {
    #[derive(Clone, Copy)]
    struct SigmoidTwice;
    impl Chain for SigmoidTwice {
        #[inline(always)]
        fn at<A: Arith>(self, g: f32, y: f32) -> f32 {
            let s = math::sigmoid::<A>(y);
            g * (s * (1.0 - s))
        }
    }
    backward(isa, output, grad, SigmoidTwice, |g, y| g * (sigmoid_twin(y) * (1.0 - sigmoid_twin(y))));
}

/// y = tanh x.
pub fn tanh<T: Real>(isa: Isa, values: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Tanh;
    impl Map for Tanh {
        #[inline(always)]
        fn at<A: Arith>(self, x: f32) -> f32 {
            math::tanh::<A>(x)
        }
    }
    forward(isa, values, Tanh, libm::tanh);
}

/// ∂L/∂x = ∂L/∂y · (1 − y²). `output` is y.
pub fn tanh_backward<T: Real>(isa: Isa, output: &[T], grad: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Tanh;
    impl Chain for Tanh {
        #[inline(always)]
        fn at<A: Arith>(self, g: f32, y: f32) -> f32 {
            g * A::fma(-y, y, 1.0)
        }
    }
    backward(isa, output, grad, Tanh, |g, y| g * (1.0 - y * y));
}

/// Φ(x), the normal distribution function.
#[inline(always)]
fn normal<A: Arith>(x: f32) -> f32 {
    A::fma(0.5, math::erf::<A>(x * std::f32::consts::FRAC_1_SQRT_2), 0.5)
}

fn normal_twin(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// 1 / √(2π).
const DENSITY_AT_0: f64 = 0.398_942_280_401_432_7;

/// y = x Φ(x) = x/2 · (1 + erf(x/√2)): the exact form, not the tanh approximation.
/// Below x = −2 the error is absolute (|x| · 2^-24), because 1 + erf cancels.
pub fn gelu<T: Real>(isa: Isa, values: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Gelu;
    impl Map for Gelu {
        #[inline(always)]
        fn at<A: Arith>(self, x: f32) -> f32 {
            x * normal::<A>(x)
        }
    }
    forward(isa, values, Gelu, |x| x * normal_twin(x));
}

/// ∂L/∂x = ∂L/∂y · (Φ(x) + x φ(x)), φ(x) = e^(−x²/2) / √(2π). `input` is x.
pub fn gelu_backward<T: Real>(isa: Isa, input: &[T], grad: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Gelu;
    impl Chain for Gelu {
        #[inline(always)]
        fn at<A: Arith>(self, g: f32, x: f32) -> f32 {
            let density = DENSITY_AT_0 as f32 * math::exp_nonpositive::<A>(-0.5 * x * x);
            g * A::fma(x, density, normal::<A>(x))
        }
    }
    backward(isa, input, grad, Gelu, |g, x| {
        g * (normal_twin(x) + x * DENSITY_AT_0 * libm::exp(-0.5 * x * x))
    });
}

/// y = ln(1 + e^x).
pub fn softplus<T: Real>(isa: Isa, values: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Softplus;
    impl Map for Softplus {
        #[inline(always)]
        fn at<A: Arith>(self, x: f32) -> f32 {
            math::softplus::<A>(x)
        }
    }
    forward(isa, values, Softplus, |x| x.max(0.0) + libm::log1p(libm::exp(-x.abs())));
}

/// ∂L/∂x = ∂L/∂y · σ(x) = ∂L/∂y · (1 − e^(−y)). `output` is y.
pub fn softplus_backward<T: Real>(isa: Isa, output: &[T], grad: &mut [T]) {
    #[derive(Clone, Copy)]
    struct Softplus;
    impl Chain for Softplus {
        #[inline(always)]
        fn at<A: Arith>(self, g: f32, y: f32) -> f32 {
            g * -math::exp_m1_nonpositive::<A>(-y)
        }
    }
    backward(isa, output, grad, Softplus, |g, y| g * -libm::expm1(-y));
}

/// y = x · min(max(x + 3, 0), 6) / 6.
pub fn hard_swish<T: Real>(isa: Isa, values: &mut [T]) {
    #[derive(Clone, Copy)]
    struct HardSwish;
    impl Map for HardSwish {
        #[inline(always)]
        fn at<A: Arith>(self, x: f32) -> f32 {
            let gate = x + 3.0;
            let gate = if gate < 0.0 { 0.0 } else { gate };
            let gate = if gate > 6.0 { 6.0 } else { gate };
            x * gate * (1.0 / 6.0)
        }
    }
    forward(isa, values, HardSwish, |x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0);
}

/// ∂L/∂x = ∂L/∂y · (0 where x < −3, 1 where x > 3, else x/3 + 1/2). `input` is x.
pub fn hard_swish_backward<T: Real>(isa: Isa, input: &[T], grad: &mut [T]) {
    #[derive(Clone, Copy)]
    struct HardSwish;
    impl Chain for HardSwish {
        #[inline(always)]
        fn at<A: Arith>(self, g: f32, x: f32) -> f32 {
            let slope = A::fma(x, 1.0 / 3.0, 0.5);
            let slope = if x < -3.0 { 0.0 } else { slope };
            g * if x > 3.0 { 1.0 } else { slope }
        }
    }
    backward(isa, input, grad, HardSwish, |g, x| {
        g * if x < -3.0 {
            0.0
        } else if x > 3.0 {
            1.0
        } else {
            x / 3.0 + 0.5
        }
    });
}

#[cfg(test)]
#[path = "activation_tests.rs"]
mod tests;
