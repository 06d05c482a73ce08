//! The transforms on one axis.
//!
//! A window of T = M + R − 1 inputs and R taps are polynomials; their M outputs are
//! coefficients of a product, which is interpolated from its values at T points
//! (Toom–Cook; Lavin & Gray 2015). Each transform is written as the few
//! operations that its matrix needs, on vectors of channels.
//!
//! F(4, 3) and F(2, 5) use the points 0, ±√½, ±√2, ∞. The usual 0, ±1, ±2, ∞ need the same
//! operations but round twice as coarsely: here the matrices are better
//! balanced, since √½ · √2 = 1. F(2, 3) uses 0, ±1, ∞.

use crate::lanes::Lanes;

/// √½, the smaller point; its square is ½, its cube half of it.
const A: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// √2, the larger point; its square is 2, its cube twice it.
const B: f32 = std::f32::consts::SQRT_2;

/// A linear map of one axis of a tile.
pub(super) trait Axis<const I: usize, const O: usize> {
    /// # Safety
    /// Requires the instruction set of the vector type.
    unsafe fn map<V: Lanes>(x: [V; I]) -> [V; O];
}

/// Bᵀ: a window of the input, T pixels.
pub(super) struct Window;
/// Aᵀ: products of T points into outputs.
pub(super) struct Outputs;
/// G: taps.
pub(super) struct Taps;
/// A: gradients of outputs.
pub(super) struct Gradients;
/// Gᵀ: products into gradients of the taps.
pub(super) struct TapGradients;

impl Axis<6, 6> for Window {
    #[inline(always)]
    unsafe fn map<V: Lanes>(x: [V; 6]) -> [V; 6] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let (half, two, middle) = (V::splat(-0.5), V::splat(-2.0), V::splat(-2.5));
            let (even_a, odd_a) = (two.fma(x[2], x[4]), two.fma(x[1], x[3]));
            let (even_b, odd_b) = (half.fma(x[2], x[4]), half.fma(x[1], x[3]));
            [
                middle.fma(x[2], x[0].add(x[4])),
                V::splat(A).fma(odd_a, even_a),
                V::splat(-A).fma(odd_a, even_a),
                V::splat(B).fma(odd_b, even_b),
                V::splat(-B).fma(odd_b, even_b),
                middle.fma(x[3], x[1].add(x[5])),
            ]
        }
    }
}

impl Axis<6, 4> for Outputs {
    #[inline(always)]
    unsafe fn map<V: Lanes>(m: [V; 6]) -> [V; 4] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let (even_a, odd_a) = (m[1].add(m[2]), m[1].sub(m[2]));
            let (even_b, odd_b) = (m[3].add(m[4]), m[3].sub(m[4]));
            [
                m[0].add(even_a).add(even_b),
                V::splat(A).fma(odd_a, V::splat(B).mul(odd_b)),
                V::splat(0.5).fma(even_a, even_b.add(even_b)),
                V::splat(0.5 * A).fma(odd_a, V::splat(2.0 * B).fma(odd_b, m[5])),
            ]
        }
    }
}

impl Axis<3, 6> for Taps {
    #[inline(always)]
    unsafe fn map<V: Lanes>(w: [V; 3]) -> [V; 6] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let (third, sixth) = (V::splat(-2.0 / 3.0), V::splat(1.0 / 6.0));
            let (even_a, odd_a) = (V::splat(0.5).fma(w[2], w[0]), V::splat(A).mul(w[1]));
            let (even_b, odd_b) = (V::splat(2.0).fma(w[2], w[0]), V::splat(B).mul(w[1]));
            [
                w[0],
                third.mul(even_a.add(odd_a)),
                third.mul(even_a.sub(odd_a)),
                sixth.mul(even_b.add(odd_b)),
                sixth.mul(even_b.sub(odd_b)),
                w[2],
            ]
        }
    }
}

impl Axis<4, 6> for Gradients {
    #[inline(always)]
    unsafe fn map<V: Lanes>(g: [V; 4]) -> [V; 6] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let (half, two) = (V::splat(0.5), V::splat(2.0));
            let (even_a, odd_a) = (half.fma(g[2], g[0]), half.fma(g[3], g[1]));
            let (even_b, odd_b) = (two.fma(g[2], g[0]), two.fma(g[3], g[1]));
            [
                g[0],
                V::splat(A).fma(odd_a, even_a),
                V::splat(-A).fma(odd_a, even_a),
                V::splat(B).fma(odd_b, even_b),
                V::splat(-B).fma(odd_b, even_b),
                g[3],
            ]
        }
    }
}

impl Axis<6, 3> for TapGradients {
    #[inline(always)]
    unsafe fn map<V: Lanes>(s: [V; 6]) -> [V; 3] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let (even_a, odd_a) = (s[1].add(s[2]), s[1].sub(s[2]));
            let (even_b, odd_b) = (s[3].add(s[4]), s[3].sub(s[4]));
            [
                V::splat(-2.0 / 3.0).fma(even_a, V::splat(1.0 / 6.0).fma(even_b, s[0])),
                V::splat(-2.0 / 3.0 * A).fma(odd_a, V::splat(1.0 / 6.0 * B).mul(odd_b)),
                V::splat(1.0 / 3.0).fma(even_b.sub(even_a), s[5]),
            ]
        }
    }
}

impl Axis<4, 4> for Window {
    #[inline(always)]
    unsafe fn map<V: Lanes>(x: [V; 4]) -> [V; 4] {
        // SAFETY: the caller has the instruction set.
        unsafe { [x[0].sub(x[2]), x[1].add(x[2]), x[2].sub(x[1]), x[3].sub(x[1])] }
    }
}

impl Axis<4, 2> for Outputs {
    #[inline(always)]
    unsafe fn map<V: Lanes>(m: [V; 4]) -> [V; 2] {
        // SAFETY: the caller has the instruction set.
        unsafe { [m[0].add(m[1]).add(m[2]), m[1].sub(m[2]).add(m[3])] }
    }
}

impl Axis<3, 4> for Taps {
    #[inline(always)]
    unsafe fn map<V: Lanes>(w: [V; 3]) -> [V; 4] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let (half, ends) = (V::splat(0.5), w[0].add(w[2]));
            [w[0], half.mul(ends.add(w[1])), half.mul(ends.sub(w[1])), w[2]]
        }
    }
}

impl Axis<2, 4> for Gradients {
    #[inline(always)]
    unsafe fn map<V: Lanes>(g: [V; 2]) -> [V; 4] {
        // SAFETY: the caller has the instruction set.
        unsafe { [g[0], g[0].add(g[1]), g[0].sub(g[1]), g[1]] }
    }
}

impl Axis<4, 3> for TapGradients {
    #[inline(always)]
    unsafe fn map<V: Lanes>(s: [V; 4]) -> [V; 3] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let (half, even) = (V::splat(0.5), s[1].add(s[2]));
            [half.fma(even, s[0]), half.mul(s[1].sub(s[2])), half.fma(even, s[3])]
        }
    }
}

impl Axis<6, 2> for Outputs {
    #[inline(always)]
    unsafe fn map<V: Lanes>(m: [V; 6]) -> [V; 2] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let (even_a, odd_a) = (m[1].add(m[2]), m[1].sub(m[2]));
            let (even_b, odd_b) = (m[3].add(m[4]), m[3].sub(m[4]));
            [m[0].add(even_a).add(even_b), V::splat(A).fma(odd_a, V::splat(B).fma(odd_b, m[5]))]
        }
    }
}

impl Axis<5, 6> for Taps {
    #[inline(always)]
    unsafe fn map<V: Lanes>(w: [V; 5]) -> [V; 6] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let (half, two) = (V::splat(0.5), V::splat(2.0));
            let (third, sixth) = (V::splat(-2.0 / 3.0), V::splat(1.0 / 6.0));
            let even_a = half.fma(half.fma(w[4], w[2]), w[0]);
            let odd_a = V::splat(A).mul(half.fma(w[3], w[1]));
            let even_b = two.fma(two.fma(w[4], w[2]), w[0]);
            let odd_b = V::splat(B).mul(two.fma(w[3], w[1]));
            [
                w[0],
                third.mul(even_a.add(odd_a)),
                third.mul(even_a.sub(odd_a)),
                sixth.mul(even_b.add(odd_b)),
                sixth.mul(even_b.sub(odd_b)),
                w[4],
            ]
        }
    }
}

impl Axis<2, 6> for Gradients {
    #[inline(always)]
    unsafe fn map<V: Lanes>(g: [V; 2]) -> [V; 6] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            [
                g[0],
                V::splat(A).fma(g[1], g[0]),
                V::splat(-A).fma(g[1], g[0]),
                V::splat(B).fma(g[1], g[0]),
                V::splat(-B).fma(g[1], g[0]),
                g[1],
            ]
        }
    }
}

impl Axis<6, 5> for TapGradients {
    #[inline(always)]
    unsafe fn map<V: Lanes>(s: [V; 6]) -> [V; 5] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let (even_a, odd_a) = (s[1].add(s[2]), s[1].sub(s[2]));
            let (even_b, odd_b) = (s[3].add(s[4]), s[3].sub(s[4]));
            [
                V::splat(-2.0 / 3.0).fma(even_a, V::splat(1.0 / 6.0).fma(even_b, s[0])),
                V::splat(-2.0 / 3.0 * A).fma(odd_a, V::splat(1.0 / 6.0 * B).mul(odd_b)),
                V::splat(1.0 / 3.0).mul(even_b.sub(even_a)),
                V::splat(-1.0 / 3.0 * A).fma(odd_a, V::splat(1.0 / 3.0 * B).mul(odd_b)),
                V::splat(-1.0 / 6.0).fma(even_a, V::splat(2.0 / 3.0).fma(even_b, s[5])),
            ]
        }
    }
}
