//! Elementary functions in single precision, written so that loops over them
//! vectorise: no branch, no table, no call.
//!
//! Inside: [`exp`], [`exp_nonpositive`], [`exp_m1_nonpositive`], [`log`],
//! [`log1p_unit`], [`sigmoid`], [`tanh`], [`softplus`] and [`erf`], each a pure
//! function of its bits on a given arithmetic. Errors are in units in the last
//! place of the result, with fused arithmetic: the largest of every 17th argument
//! (250 million of each function), rounded up. The tests check every 4093rd, and
//! `cargo test -- --ignored exhaustive` all of them. Plain arithmetic (two
//! roundings) stays within one and a half times the figure.
//!
//! Not inside: double precision (the twins call `libm`), trigonometry, `pow`.
//!
//! Results below the smallest normal number (1.2e-38) are flushed to zero where
//! the doc says so: subnormal numbers would slow the matrix products that
//! follow by two orders of magnitude and carry no information here.
//! The polynomials are own weighted least-squares fits (Lawson's iteration, 40
//! digits), their coefficients rounded to single precision.

use crate::simd::Arith;

/// ln 2 split so that `n * LN2_HIGH` is exact for |n| < 2^15.
const LN2_HIGH: f32 = 355.0 / 512.0;
const LN2_LOW: f32 = -0.000_212_194_44;
/// Adding 1.5 · 2^23 rounds to an integer, which then stands in the low bits.
const ROUND: f32 = 12_582_912.0;
/// The same with the exponent's bias: the low bits are those of 2^n.
const ROUND_BIASED: f32 = ROUND + 127.0;

/// Coefficients of x^0, x^1, … by Horner's rule.
#[inline(always)]
fn polynomial<A: Arith, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut y = coefficients[N - 1];
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        y = A::fma(y, x, coefficients[i]);
    }
    y
}

/// n in the low bits of the first (plus what `round` adds), r of the second,
/// with x = n ln 2 + r and |r| ≤ ln 2 / 2.
#[inline(always)]
fn reduce<A: Arith>(x: f32, round: f32) -> (u32, f32) {
    let shifted = A::fma(x, std::f32::consts::LOG2_E, round);
    let n = shifted - round;
    let r = A::fma(n, -LN2_LOW, A::fma(n, -LN2_HIGH, x));
    (shifted.to_bits(), r)
}

/// e^r for |r| ≤ ln 2 / 2.
#[inline(always)]
fn exp_reduced<A: Arith>(r: f32) -> f32 {
    polynomial::<A, 7>(r, [1.0, 1.0, 0.5, 0.166_665_18, 0.041_666_206, 0.008_368_958, 0.001_395_055_3])
}

/// e^x. At most 1.0 ulp; results that would be subnormal are 0.
#[inline(always)]
pub(crate) fn exp<A: Arith>(x: f32) -> f32 {
    // e^x is finite up to and including this, and normal from the next on.
    const HIGHEST: f32 = 88.722_83;
    const LOWEST: f32 = -87.336_54;
    let (n, r) = reduce::<A>(x, ROUND);
    // Adding to the exponent's bits reaches 2^128 · 0.99…, which a factor 2^n cannot.
    let y = f32::from_bits(exp_reduced::<A>(r).to_bits().wrapping_add(n << 23));
    let y = if x < LOWEST { 0.0 } else { y };
    // Above: inf. NaN: NaN, which the addition above may have spoilt.
    if x <= HIGHEST { y } else { x * f32::INFINITY }
}

/// e^x for x ≤ 0 or NaN. At most 1.0 ulp; results that would be subnormal are 0.
#[inline(always)]
pub(crate) fn exp_nonpositive<A: Arith>(x: f32) -> f32 {
    let (n, r) = reduce::<A>(x, ROUND_BIASED);
    let y = exp_reduced::<A>(r) * f32::from_bits(n << 23);
    if x < -87.336_54 { 0.0 } else { y }
}

/// e^x − 1 for x ≤ 0 or NaN. At most 0.9 ulp.
#[inline(always)]
pub(crate) fn exp_m1_nonpositive<A: Arith>(x: f32) -> f32 {
    // Below −17.4 the result is −1; this only keeps 2^n normal.
    let x = if x < -30.0 { -30.0 } else { x };
    let (n, r) = reduce::<A>(x, ROUND_BIASED);
    let scale = f32::from_bits(n << 23);
    let p = polynomial::<A, 6>(
        r,
        [0.5, 0.166_666_67, 0.041_666_35, 0.008_333_278, 0.001_394_119_2, 0.000_199_113_6],
    );
    A::fma(A::fma(p, r * r, r), scale, scale - 1.0)
}

/// 1 / d for 1 ≤ d ≤ 2, within 1 ulp: 1 − T₄(2d − 3) / T₄(3), divided by d, is right
/// to 1/577 (T₄: Chebyshev), and a cubic Newton step to 5e-9. This has three times
/// the throughput of a division.
#[inline(always)]
fn reciprocal_1_2<A: Arith>(d: f32) -> f32 {
    let y = polynomial::<A, 4>(d, [1632.0 / 577.0, -1696.0 / 577.0, 768.0 / 577.0, -128.0 / 577.0]);
    let e = A::fma(-d, y, 1.0);
    A::fma(y, A::fma(e, e, e), y)
}

/// ln(1 + f) − k' for √½ ≤ 1 + f ≤ √2, plus k ln 2.
#[inline(always)]
fn log_reduced<A: Arith>(f: f32, k: f32) -> f32 {
    let p = polynomial::<A, 9>(
        f,
        [
            0.333_333_13,
            -0.250_000_1,
            0.200_021_25,
            -0.166_680_26,
            0.142_194_54,
            -0.124_050_856,
            0.118_883_19,
            -0.116_783_634,
            0.067_494_45,
        ],
    );
    let square = f * f;
    let y = A::fma(f * square, p, k * LN2_LOW);
    let y = A::fma(-0.5, square, y);
    A::fma(k, LN2_HIGH, f + y)
}

/// Natural logarithm, subnormal arguments included. At most 0.9 ulp.
#[inline(always)]
pub(crate) fn log<A: Arith>(x: f32) -> f32 {
    const SQRT_HALF_BITS: u32 = 0x3F35_04F3;
    let tiny = x < f32::MIN_POSITIVE;
    let scaled = if tiny { x * 8_388_608.0 } else { x };
    let lift = if tiny { 23.0 } else { 0.0 };
    let bits = scaled.to_bits();
    let k = (bits.wrapping_sub(SQRT_HALF_BITS) as i32) >> 23;
    let mantissa = f32::from_bits(bits.wrapping_sub((k as u32) << 23));
    let y = log_reduced::<A>(mantissa - 1.0, k as f32 - lift);
    let y = if x < f32::INFINITY { y } else { x };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x < 0.0 { f32::NAN } else { y }
}

/// ln(1 + u) for 0 ≤ u ≤ 1 or NaN. At most 1.5 ulp.
#[inline(always)]
pub(crate) fn log1p_unit<A: Arith>(u: f32) -> f32 {
    // 1 + u = 2 (1 + (u − 1) / 2) above √2, without rounding 1 + u.
    let upper = u > std::f32::consts::SQRT_2 - 1.0;
    let f = if upper { A::fma(u, 0.5, -0.5) } else { u };
    let k = if upper { 1.0 } else { 0.0 };
    log_reduced::<A>(f, k)
}

/// 1 / (1 + e^(−x)). At most 3.0 ulp; results that would be subnormal are 0.
#[inline(always)]
pub(crate) fn sigmoid<A: Arith>(x: f32) -> f32 {
    let e = exp_nonpositive::<A>(-x.abs());
    let y = reciprocal_1_2::<A>(1.0 + e);
    if x > 0.0 { y } else { e * y }
}

/// Hyperbolic tangent. At most 3.2 ulp; odd, monotone where it saturates, exactly
/// ±1 from 9.02 on.
#[inline(always)]
pub(crate) fn tanh<A: Arith>(x: f32) -> f32 {
    let e = exp_m1_nonpositive::<A>(-2.0 * x.abs());
    (-e * reciprocal_1_2::<A>(2.0 + e)).copysign(x)
}

/// ln(1 + e^x). At most 2.0 ulp; results that would be subnormal are 0.
#[inline(always)]
pub(crate) fn softplus<A: Arith>(x: f32) -> f32 {
    let rest = log1p_unit::<A>(exp_nonpositive::<A>(-x.abs()));
    if x > 0.0 { x + rest } else { rest }
}

/// The error function. At most 1.2 ulp.
#[inline(always)]
pub(crate) fn erf<A: Arith>(x: f32) -> f32 {
    let t = x.abs();
    let s = x * x;
    let near = polynomial::<A, 7>(
        s,
        [
            0.128_379_17,
            -0.376_126_32,
            0.112_836_79,
            -0.026_858_496,
            0.005_198_828,
            -0.000_811_805_7,
            8.267_393e-5,
        ],
    );
    let near = A::fma(near, t, t);
    // erfc(3.95) is below half an ulp of 1.
    let t = if t > 3.95 { 3.95 } else { t };
    let q = polynomial::<A, 8>(
        t,
        [
            0.000_178_017_65,
            -0.129_530_92,
            -0.633_314_67,
            -0.108_315_52,
            0.025_142_3,
            -0.004_179_738,
            0.000_436_251_14,
            -2.124_962_9e-5,
        ],
    );
    let far = 1.0 - exp_nonpositive::<A>(q - t);
    (if t < 0.9375 { near } else { far }).copysign(x)
}

#[cfg(test)]
#[path = "math_tests.rs"]
mod tests;
