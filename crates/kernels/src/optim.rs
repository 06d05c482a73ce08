//! One optimiser step over a contiguous range of parameters, one function each.
//!
//! g is the gradient, p the parameter; states start at 0 unless said otherwise;
//! `step` counts from 1. Every operation is rounded on its own (no fusing), in
//! the order of the formula, so all instruction sets give the same bits; the
//! hyper-parameters are computed in double precision and rounded once.
//!
//! Functions named `…_course` are forms that a widely used course publishes;
//! they differ from PyTorch's in the way their docs state.
//!
//! Not inside: schedules, parameter groups, clipping by the norm of all
//! gradients (that needs a reduction first: `reduce`, then `elementwise::scale`).

use crate::elementwise::{each, each_pair};
use crate::simd::{Arith, Kernel, dispatch};
use crate::{Isa, Real};

/// One state per parameter: (p, g, s) → (p, s).
struct Update1<'a, T, F>(&'a mut [T], &'a [T], &'a mut [T], F);

impl<T: Real, F: Fn(T, T, T) -> (T, T)> Kernel for Update1<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        for ((p, g), s) in self.0.iter_mut().zip(self.1).zip(self.2) {
            (*p, *s) = self.3(*p, *g, *s);
        }
    }
}

/// Two states per parameter: (p, g, m, v) → (p, m, v).
struct Update2<'a, T, F>(&'a mut [T], &'a [T], &'a mut [T], &'a mut [T], F);

impl<T: Real, F: Fn(T, T, T, T) -> (T, T, T)> Kernel for Update2<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run<A: Arith>(self) {
        for (((p, g), m), v) in self.0.iter_mut().zip(self.1).zip(self.2).zip(self.3) {
            (*p, *m, *v) = self.4(*p, *g, *m, *v);
        }
    }
}

#[inline(always)]
fn update1<T: Real>(isa: Isa, p: &mut [T], g: &[T], s: &mut [T], f: impl Fn(T, T, T) -> (T, T)) {
    assert!(p.len() == g.len() && p.len() == s.len(), "parameter, gradient and state differ in length");
    dispatch(isa, Update1(p, g, s, f));
}

#[inline(always)]
fn update2<T: Real>(
    isa: Isa,
    p: &mut [T],
    g: &[T],
    m: &mut [T],
    v: &mut [T],
    f: impl Fn(T, T, T, T) -> (T, T, T),
) {
    assert!(
        p.len() == g.len() && p.len() == m.len() && p.len() == v.len(),
        "parameter, gradient and states differ in length"
    );
    dispatch(isa, Update2(p, g, m, v, f));
}

/// p −= lr g.
pub fn sgd<T: Real>(isa: Isa, lr: f64, param: &mut [T], grad: &[T]) {
    let lr = T::from_f64(lr);
    each_pair(isa, param, grad, move |p, g| p - lr * g);
}

/// Learning rate and momentum μ (0.9).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Momentum {
    /// Learning rate.
    pub lr: f64,
    /// μ.
    pub momentum: f64,
}

/// v = μ v + g; p −= lr v. PyTorch's form, dampening 0.
pub fn momentum<T: Real>(isa: Isa, by: Momentum, param: &mut [T], grad: &[T], velocity: &mut [T]) {
    let (lr, mu) = (T::from_f64(by.lr), T::from_f64(by.momentum));
    update1(isa, param, grad, velocity, move |p, g, v| {
        let v = mu * v + g;
        (p - lr * v, v)
    });
}

/// v = μ v − lr g; p += v. The same path as [`momentum`] while `lr` is constant
/// (this v is −lr times that one); after a change of `lr` the old velocity keeps
/// the old rate.
pub fn momentum_course<T: Real>(isa: Isa, by: Momentum, param: &mut [T], grad: &[T], velocity: &mut [T]) {
    let (lr, mu) = (T::from_f64(by.lr), T::from_f64(by.momentum));
    update1(isa, param, grad, velocity, move |p, g, v| {
        let v = mu * v - lr * g;
        (p + v, v)
    });
}

/// v = μ v + g; p −= lr (g + μ v). PyTorch's form.
pub fn nesterov<T: Real>(isa: Isa, by: Momentum, param: &mut [T], grad: &[T], velocity: &mut [T]) {
    let (lr, mu) = (T::from_f64(by.lr), T::from_f64(by.momentum));
    update1(isa, param, grad, velocity, move |p, g, v| {
        let v = mu * v + g;
        (p - lr * (g + mu * v), v)
    });
}

/// v = μ v − lr g; p += μ² v − (1 + μ) lr g, with the v just updated, where the
/// derivation asks for the old one: the course library's slip, kept so that its
/// runs can be repeated.
pub fn nesterov_course<T: Real>(isa: Isa, by: Momentum, param: &mut [T], grad: &[T], velocity: &mut [T]) {
    let (lr, mu) = (T::from_f64(by.lr), T::from_f64(by.momentum));
    let mu2 = T::from_f64(by.momentum * by.momentum);
    let direct = T::from_f64((1.0 + by.momentum) * by.lr);
    update1(isa, param, grad, velocity, move |p, g, v| {
        let v = mu * v - lr * g;
        (p + mu2 * v - direct * g, v)
    });
}

/// Learning rate and ε (PyTorch 1e-10, the course 1e-7).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaGrad {
    /// Learning rate.
    pub lr: f64,
    /// ε, added to the root.
    pub eps: f64,
}

/// h += g²; p −= lr g / (√h + ε).
pub fn adagrad<T: Real>(isa: Isa, by: AdaGrad, param: &mut [T], grad: &[T], h: &mut [T]) {
    let (lr, eps) = (T::from_f64(by.lr), T::from_f64(by.eps));
    update1(isa, param, grad, h, move |p, g, h| {
        let h = h + g * g;
        (p - lr * g / (h.sqrt() + eps), h)
    });
}

/// At step 1 h = `initial`, *without* g² (which is lost); later h += g²; then
/// p −= lr g / (√h + ε). The course's exercise solution has `initial` 1e-4 and ε 0
/// (no ε at all), a student's ε 1e-4. What `h` holds before step 1 does not matter.
pub fn adagrad_first_skipped<T: Real>(
    isa: Isa,
    by: AdaGrad,
    initial: f64,
    step: u64,
    param: &mut [T],
    grad: &[T],
    h: &mut [T],
) {
    let (lr, eps) = (T::from_f64(by.lr), T::from_f64(by.eps));
    if step == 1 {
        h.fill(T::from_f64(initial));
        update1(isa, param, grad, h, move |p, g, h| (p - lr * g / (h.sqrt() + eps), h));
    } else {
        adagrad(isa, by, param, grad, h);
    }
}

/// Learning rate, decay ρ (0.99) and ε (PyTorch 1e-8, the course 1e-7).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// Learning rate.
    pub lr: f64,
    /// ρ; PyTorch calls it alpha.
    pub rho: f64,
    /// ε, added to the root.
    pub eps: f64,
}

/// h = ρ h + (1 − ρ) g²; p −= lr g / (√h + ε). No bias correction.
pub fn rmsprop<T: Real>(isa: Isa, by: RmsProp, param: &mut [T], grad: &[T], h: &mut [T]) {
    let (lr, eps) = (T::from_f64(by.lr), T::from_f64(by.eps));
    let (rho, rest) = (T::from_f64(by.rho), T::from_f64(1.0 - by.rho));
    update1(isa, param, grad, h, move |p, g, h| {
        let h = rho * h + rest * (g * g);
        (p - lr * g / (h.sqrt() + eps), h)
    });
}

/// Learning rate, decays β₁ (0.9) and β₂ (0.999), and ε (1e-8; the course 1e-7).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub lr: f64,
    /// β₁.
    pub beta1: f64,
    /// β₂.
    pub beta2: f64,
    /// ε, added to the root.
    pub eps: f64,
}

/// 1 − βᵗ.
fn bias_correction(beta: f64, step: u64) -> f64 {
    1.0 - libm::pow(beta, step as f64)
}

/// m += (1 − β₁)(g − m); v = β₂ v + (1 − β₂) g²;
/// p −= lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε). PyTorch's form: ε is added to
/// the *corrected* root.
pub fn adam<T: Real>(isa: Isa, by: Adam, step: u64, param: &mut [T], grad: &[T], m: &mut [T], v: &mut [T]) {
    let rate = T::from_f64(by.lr / bias_correction(by.beta1, step));
    let root = T::from_f64(1.0 / bias_correction(by.beta2, step).sqrt());
    let (rest1, beta2) = (T::from_f64(1.0 - by.beta1), T::from_f64(by.beta2));
    let (rest2, eps) = (T::from_f64(1.0 - by.beta2), T::from_f64(by.eps));
    update2(isa, param, grad, m, v, move |p, g, m, v| {
        let m = m + rest1 * (g - m);
        let v = beta2 * v + rest2 * (g * g);
        (p - rate * m / (v.sqrt() * root + eps), m, v)
    });
}

/// m += (1 − β₁)(g − m); v += (1 − β₂)(g² − v);
/// p −= lr √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε). ε is added to the *uncorrected*
/// root, so it weighs more in the first steps than in [`adam`].
pub fn adam_course<T: Real>(
    isa: Isa,
    by: Adam,
    step: u64,
    param: &mut [T],
    grad: &[T],
    m: &mut [T],
    v: &mut [T],
) {
    let rate = by.lr * bias_correction(by.beta2, step).sqrt() / bias_correction(by.beta1, step);
    let (rate, eps) = (T::from_f64(rate), T::from_f64(by.eps));
    let (rest1, rest2) = (T::from_f64(1.0 - by.beta1), T::from_f64(1.0 - by.beta2));
    update2(isa, param, grad, m, v, move |p, g, m, v| {
        let m = m + rest1 * (g - m);
        let v = v + rest2 * (g * g - v);
        (p - rate * m / (v.sqrt() + eps), m, v)
    });
}

/// [`Adam`] and the decoupled decay λ (0.01).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// What the moments do.
    pub adam: Adam,
    /// λ.
    pub weight_decay: f64,
}

/// p −= lr λ p, then [`adam`]: the decay does not pass through the moments.
pub fn adamw<T: Real>(isa: Isa, by: AdamW, step: u64, param: &mut [T], grad: &[T], m: &mut [T], v: &mut [T]) {
    let keep = T::from_f64(1.0 - by.adam.lr * by.weight_decay);
    let by = by.adam;
    let rate = T::from_f64(by.lr / bias_correction(by.beta1, step));
    let root = T::from_f64(1.0 / bias_correction(by.beta2, step).sqrt());
    let (rest1, beta2) = (T::from_f64(1.0 - by.beta1), T::from_f64(by.beta2));
    let (rest2, eps) = (T::from_f64(1.0 - by.beta2), T::from_f64(by.eps));
    update2(isa, param, grad, m, v, move |p, g, m, v| {
        let m = m + rest1 * (g - m);
        let v = beta2 * v + rest2 * (g * g);
        (p * keep - rate * m / (v.sqrt() * root + eps), m, v)
    });
}

/// g += λ p: the gradient of λ/2 Σ p².
pub fn add_l2<T: Real>(isa: Isa, lambda: f64, param: &[T], grad: &mut [T]) {
    let lambda = T::from_f64(lambda);
    each_pair(isa, grad, param, move |g, p| g + lambda * p);
}

/// g += λ sign(p), with sign(0) = 0: the gradient of λ Σ |p|.
pub fn add_l1<T: Real>(isa: Isa, lambda: f64, param: &[T], grad: &mut [T]) {
    let lambda = T::from_f64(lambda);
    each_pair(isa, grad, param, move |g, p| {
        let up = if p > T::ZERO { lambda } else { T::ZERO };
        let down = if p < T::ZERO { lambda } else { T::ZERO };
        g + (up - down)
    });
}

/// g = min(max(g, −limit), limit). NaN stays.
pub fn clip_by_value<T: Real>(isa: Isa, limit: f64, grad: &mut [T]) {
    let (high, low) = (T::from_f64(limit), T::from_f64(-limit));
    each(isa, grad, move |g| {
        let g = if g > high { high } else { g };
        if g < low { low } else { g }
    });
}

#[cfg(test)]
#[path = "optim_tests.rs"]
mod tests;
