//! The vector path equals the definition bit for bit, and the definition is near the
//! exact product.

use super::{fma_pair, fma_tile, reference, round, widen};
use crate::checks::{bit_difference, must_fail, values};
use crate::gemm::{Mat, Start, gemm, pack, packed_len, packs};
use crate::isa::Precision;
use crate::philox::philox4x32;
use crate::{Isa, Pool};

/// All that this processor has; says what it has not.
fn all() -> Vec<Isa> {
    let all = Isa::rounding();
    if all.len() < 2 {
        println!("skipped: avx512_bf16 and AMX, or one of them, which this processor has not");
    }
    all
}

/// 0, 1, odd inner extents, tails around every tile, more than one block in each direction.
const SIZES: &[(usize, usize, usize)] = &[
    (0, 3, 2),
    (3, 0, 2),
    (2, 3, 0),
    (1, 1, 1),
    (1, 17, 5),
    (5, 1, 300),
    (8, 16, 9),
    (9, 33, 16),
    (14, 49, 3),
    (25, 65, 40),
    (31, 100, 100),
    (100, 40, 201),
    (33, 129, 113),
    (200, 20, 390),
    (2, 961, 1051),
];

fn check(isa: Isa, pool: &Pool, (m, n, k): (usize, usize, usize)) {
    let (mut a, b) = (values(m * k, 1.0, 1), values(k * n, 3.0, 2));
    let (bias, c0) = (values(n, 1.0, 3), values(m * n, 1.0, 4));
    // Values that are flushed, ties, and values beyond bfloat16's largest.
    let special = [1e-39, -1e-40, 1.003_906_3, -1.011_718_8, f32::MAX, 0.0, -0.0, 1e-38];
    a.iter_mut().step_by(97).zip(special).for_each(|(to, x)| *to = x);
    for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
        let a = if ta { Mat::new(&a, k, m).t() } else { Mat::new(&a, m, k) };
        let b = if tb { Mat::new(&b, n, k).t() } else { Mat::new(&b, k, n) };
        for start in [Start::Zero, Start::Bias(&bias), Start::Accumulate] {
            let fill = if matches!(start, Start::Accumulate) { c0.clone() } else { vec![f32::NAN; m * n] };
            let (mut want, mut got) = (fill.clone(), fill);
            reference(isa, a, b, start, &mut want);
            gemm(isa, pool, a, b, start, &mut got);
            let difference = bit_difference(&got, &want);
            assert_eq!(difference, None, "{isa}: {m}x{n}x{k} transposed {ta}/{tb} {start:?}");
        }
    }
}

#[test]
fn the_vector_path_equals_the_definition() {
    for isa in all() {
        SIZES.iter().for_each(|size| check(isa, &Pool::serial(), *size));
        (1..=34).for_each(|x| check(isa, &Pool::serial(), (x, x + 3, x / 2 + 1)));
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    for isa in all() {
        for (m, n, k) in [(100, 100, 150), (40, 300, 101), (130, 110, 190), (400, 130, 700)] {
            let (a, b) = (values(m * k, 1.0, 1), values(k * n, 3.0, 2));
            let (a, b) = (Mat::new(&a, m, k), Mat::new(&b, n, k).t());
            let run = |pool: &Pool| {
                let mut c = vec![f32::NAN; m * n];
                gemm(isa, pool, a, b, Start::Zero, &mut c);
                c
            };
            let want = run(&Pool::serial());
            for threads in [2, 3, 7] {
                let difference = bit_difference(&run(&Pool::new(threads)), &want);
                assert_eq!(difference, None, "{isa}: {m}x{n}x{k}, {threads} threads");
            }
        }
    }
}

/// One pair at a time with arbitrary bits, among them NaN, infinity and numbers below
/// the least normal one: the order of the two products and each rounding are right.
#[test]
fn a_pair_of_any_bits_equals_the_instruction() {
    let Some(isa) = all().into_iter().find(|isa| !isa.is_amx()) else { return };
    let mut other_order = 0;
    for i in 0..100_000 {
        let mut word = philox4x32([i, 0, 0, 0], [5, 6]);
        if i % 2 == 0 {
            // Exponents near each other, so that every rounding shows.
            word[..2].iter_mut().for_each(|w| *w = *w & 0x80ff_80ff | 0x3f00_3f00);
            word[2] = word[2] & 0x80ff_ffff | 0x3f00_0000;
        } else if i % 5 == 0 {
            // Products and sums around the least normal number.
            word[..2].iter_mut().for_each(|w| *w = *w & 0x81ff_81ff | 0x1e80_1e80);
            word[2] &= 0x81ff_ffff;
        }
        let pair = |w: u32| [w as u16, (w >> 16) as u16];
        let (a, b, c) = (pair(word[0]), pair(word[1]), f32::from_bits(word[2]));
        let (x, y) = (a.map(widen), b.map(widen));
        let mut got = [c];
        gemm(isa, &Pool::serial(), Mat::new(&x, 1, 2), Mat::new(&y, 2, 1), Start::Accumulate, &mut got);
        let want = fma_pair(c, a, b);
        assert_eq!(bit_difference(&got, &[want]), None, "{c:e} {x:?} {y:?}");
        let swapped = fma_pair(c, [a[1], a[0]], [b[1], b[0]]);
        other_order += usize::from(bit_difference(&got, &[swapped]).is_some());
    }
    // Level 0: the comparison tells the order of the products.
    assert!(other_order > 1000, "{other_order}");
}

/// The same for AMX, one row of 32 inner indices at a time: two chains, then two sums.
#[test]
fn a_tile_of_any_bits_equals_the_instruction() {
    let Some(isa) = all().into_iter().find(|isa| isa.is_amx()) else { return };
    let (mut one_chain, mut late_sum) = (0, 0);
    for i in 0..20_000_u32 {
        let word = |j: u32| {
            let [word, ..] = philox4x32([i, j, 0, 0], [7, 8]);
            match i % 3 {
                0 => word & 0x80ff_80ff | 0x3f00_3f00,
                1 => word & 0x81ff_81ff | 0x1e80_1e80,
                _ => word,
            }
        };
        let pair = |w: u32| [w as u16, (w >> 16) as u16];
        let len = i % 16 + 1;
        let pairs: Vec<_> = (0..len).map(|j| (pair(word(2 * j)), pair(word(2 * j + 1)))).collect();
        let c = f32::from_bits(word(99) & if i % 3 == 0 { 0x80ff_ffff } else { u32::MAX });
        let x: Vec<f32> = pairs.iter().flat_map(|(a, _)| a.map(widen)).collect();
        let y: Vec<f32> = pairs.iter().flat_map(|(_, b)| b.map(widen)).collect();
        let (a, b) = (Mat::new(&x, 1, x.len()), Mat::new(&y, y.len(), 1));
        let mut got = [c];
        gemm(isa, &Pool::serial(), a, b, Start::Accumulate, &mut got);
        let want = fma_tile(c, pairs.iter().copied());
        assert_eq!(bit_difference(&got, &[want]), None, "{c:e} {x:?} {y:?}");
        let differs = |other: f32| usize::from(bit_difference(&got, &[other]).is_some());
        one_chain += differs(pairs.iter().fold(c, |sum, (a, b)| fma_pair(sum, *a, *b)));
        late_sum += differs(fma_tile(0.0, pairs.iter().copied()) + c);
    }
    // Level 0: the comparison tells the order of the operations, but not of the last sum.
    assert!(one_chain > 1000 && late_sum < 100, "{one_chain} {late_sum}");
}

#[test]
fn rounding_is_to_the_nearest_even() {
    let one = widen(round(1.0));
    assert_eq!(one.to_bits(), 1.0_f32.to_bits());
    // Halfway between 1 and 1 + 2⁻⁷, and between 1 + 2⁻⁷ and 1 + 2⁻⁶.
    assert_eq!(round(1.0 + 2.0_f32.powi(-8)), 0x3f80);
    assert_eq!(round(1.003_906_4), 0x3f81);
    assert_eq!(round(1.0 + 3.0 * 2.0_f32.powi(-8)), 0x3f82);
    assert_eq!(round(f32::MAX), 0x7f80);
    assert_eq!((round(1e-39), round(-1e-39)), (0, 0x8000));
    assert!(widen(round(f32::from_bits(0x7f80_0001))).is_nan());
}

/// Each operand is off by at most u = 2⁻⁸ of itself, hence a product by 2u + u²; of the k
/// additions each rounds what is there by at most 2⁻²⁴. With S = |start| + Σ |a·b|:
/// |error| ≤ ((1 + u)²·(1 + γ) − 1)·S, γ = k·2⁻²⁴ / (1 − k·2⁻²⁴). No value here is small
/// enough to be flushed.
fn within_bound(got: &[f32], (m, n, k): (usize, usize, usize), a: &[f32], b: &[f32], bias: &[f32]) {
    let (u, rounds) = (2.0_f64.powi(-8), (k + 1) as f64 * 2.0_f64.powi(-24));
    let factor = (1.0 + u) * (1.0 + u) * (1.0 + rounds / (1.0 - rounds)) - 1.0;
    for (at, got) in got.iter().enumerate() {
        let (i, j) = (at / n, at % n);
        let (mut exact, mut size) = (f64::from(bias[j]), f64::from(bias[j]).abs());
        for p in 0..k {
            let product = f64::from(a[i * k + p]) * f64::from(b[p * n + j]);
            exact += product;
            size += product.abs();
        }
        let error = (f64::from(*got) - exact).abs();
        assert!(error <= factor * size, "{m}x{n}x{k}: element {at} is off by {error:e} of {size:e}");
    }
}

#[test]
fn the_error_is_bounded() {
    for size @ (m, n, k) in [(3, 5, 7), (16, 48, 100), (20, 33, 1000)] {
        let (a, b, bias) = (values(m * k, 1.0, 1), values(k * n, 3.0, 2), values(n, 1.0, 3));
        let (left, right, start) = (Mat::new(&a, m, k), Mat::new(&b, k, n), Start::Bias(&bias));
        for isa in all() {
            let mut c = vec![f32::NAN; m * n];
            gemm(isa, &Pool::serial(), left, right, start, &mut c);
            within_bound(&c, size, &a, &b, &bias);
            let other: Vec<f32> = a.iter().map(|x| x.abs()).collect();
            let (b, bias) = (b.clone(), bias.clone());
            must_fail("another operand", move || within_bound(&c, size, &other, &b, &bias));
        }
    }
}

#[test]
fn who_does_not_ask_gets_no_bfloat16() {
    assert!(!Isa::best().is_bf16() && Isa::available().iter().all(|isa| !isa.is_bf16()));
    assert_eq!(Isa::SCALAR.with(Precision::Bf16), None);
    assert_eq!(Isa::avx2().and_then(|isa| isa.with(Precision::Bf16)), None);
    assert_eq!(Isa::best().with(Precision::F32), Some(Isa::best()));
    for (isa, name) in all().into_iter().zip(["avx512+bf16", "avx512+amx"]) {
        assert_eq!(isa.with(Precision::F32), Isa::avx512());
        assert_eq!((Isa::named(name), isa.with(Precision::Bf16)), (Some(isa), Some(isa)));
        assert!(isa.is_avx512() && isa.is_bf16() && isa.name() == name && !packs(isa));
        assert!(!pack(isa, &Pool::serial(), Mat::new(&[1.0], 1, 1), &mut vec![0.0; packed_len(1, 1)]));
    }
    assert_eq!(Isa::best().with(Precision::Bf16), all().pop());
}
