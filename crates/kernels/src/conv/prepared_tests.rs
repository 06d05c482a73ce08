//! What follows in the same pass, and prepared params, against the plain forward pass.

use super::tests::{conv, poisoned};
use super::{Conv, Fold, forward, forward_prepared, prepare};
use crate::checks::{bit_difference, values, widened};
use crate::then::{After, Then};
use crate::{Isa, Pool};

/// A shape for each way of computing, with tails in channels and pixels.
fn cases() -> Vec<(&'static str, Conv)> {
    let one = [1, 1];
    vec![
        ("gemm", conv([5, 7], [35, 83, 1], one, one, [0, 0], one)),
        ("gemm, deep", conv([3, 3], [1030, 50, 1], one, one, [0, 0], one)),
        ("gemm, wide", conv([2, 2], [20, 1000, 1], one, one, [0, 0], one)),
        ("winograd 4x4", conv([13, 15], [24, 37, 1], [3, 3], one, one, one)),
        ("winograd, few tiles", conv([7, 7], [130, 150, 1], [3, 3], one, one, one)),
        ("winograd 5x5", conv([11, 9], [24, 33, 1], [5, 5], one, [2, 2], one)),
        ("direct", conv([17, 19], [3, 37, 1], [7, 7], [2, 2], [3, 3], one)),
        ("depthwise", conv([9, 8], [37, 37, 37], [3, 3], one, one, one)),
        ("indirect", conv([9, 11], [20, 35, 1], [3, 3], [2, 2], one, one)),
        ("indirect, deep", conv([5, 5], [200, 35, 1], [3, 3], [2, 2], one, one)),
        ("indirect, few rows", conv([5, 5], [140, 210, 1], [3, 3], [2, 2], one, one)),
        ("groups", conv([6, 7], [12, 18, 3], [3, 3], [2, 1], one, one)),
    ]
}

#[test]
fn what_follows_equals_passes_of_their_own() {
    let pool = Pool::new(2);
    for (name, c) in cases() {
        let n = 3;
        let (x, w) = (values(c.in_len(n), 1.0, 1), values(c.weight_len(), 1.0, 2));
        let (bias, add) = (values(c.out_channels, 1.0, 3), values(c.out_len(n), 2.0, 4));
        for isa in Isa::available() {
            let run = |then: Then<'_, f32>| {
                let mut y = vec![f32::NAN; c.out_len(n)];
                forward(isa, &pool, &c, n, &x, &w, Some(&bias), then, &mut poisoned(&c, n), &mut y);
                y
            };
            for after in [After::Nothing, After::Relu, After::Relu6] {
                for add in [None, Some(add.as_slice())] {
                    let mut want = run(Then::default());
                    Then { add, after }.apply(isa, &pool, &mut want);
                    assert_eq!(bit_difference(&run(Then { add, after }), &want), None, "{name}, {isa}");
                }
            }
        }
    }
}

#[test]
fn prepared_params_give_the_same_bits() {
    // Of the larger batch more tiles than are few.
    let larger = cases().into_iter().filter(|(name, _)| name.contains("few")).map(|case| (case, 40));
    for ((name, c), planned) in cases().into_iter().map(|case| (case, 20)).chain(larger) {
        let (w, bias) = (values(c.weight_len(), 1.0, 2), values(c.out_channels, 1.0, 3));
        for isa in Isa::available() {
            let mut prepared = vec![f32::NAN; c.prepared_len(planned)];
            prepare(isa, &Pool::new(2), &c, planned, &w, Some(&bias), None, &mut prepared);
            for n in [1, 3, planned] {
                let (x, add) = (values(c.in_len(n), 1.0, 1), values(c.out_len(n), 2.0, 4));
                let then = Then { add: Some(add.as_slice()), after: After::Relu };
                let mut want = vec![f32::NAN; c.out_len(n)];
                let scratch = &mut poisoned(&c, n);
                forward(isa, &Pool::serial(), &c, n, &x, &w, Some(&bias), then, scratch, &mut want);
                for threads in [1, 3] {
                    let mut got = vec![f32::NAN; c.out_len(n)];
                    let (pool, scratch) = (Pool::new(threads), &mut poisoned(&c, n));
                    forward_prepared(isa, &pool, &c, n, &x, &prepared, then, scratch, &mut got);
                    assert_eq!(bit_difference(&got, &want), None, "{name}, {isa}, n = {n}");
                }
            }
        }
    }
}

/// Against both layers in double precision: an output is off by no more than the
/// direct sum's roundings, one for the scaled weight and one for the scale in each
/// term, and Winograd's amplification where there is one (69, see `winograd/mod.rs`).
#[test]
fn a_folded_normalisation_is_the_two_layers() {
    for (name, c) in cases() {
        let (n, outs) = (2, c.out_channels);
        let (x, w) = (values(c.in_len(n), 1.0, 1), values(c.weight_len(), 1.0, 2));
        let of = |seed| values(outs, 1.0, seed);
        let (bias, gamma, beta, mean) = (of(3), of(4), of(5), of(6));
        let var: Vec<f32> = of(7).iter().map(|v| 0.01 + v.abs()).collect();
        let eps = 1e-5;
        let mut prepared = vec![f32::NAN; c.prepared_len(n)];
        let fold = Fold { eps, gamma: &gamma, beta: &beta, mean: &mean, var: &var };
        let (isa, pool) = (Isa::best(), Pool::new(2));
        prepare(isa, &pool, &c, n, &w, Some(&bias), Some(fold), &mut prepared);
        let mut y = vec![f32::NAN; c.out_len(n)];
        let scratch = &mut poisoned(&c, n);
        forward_prepared(isa, &pool, &c, n, &x, &prepared, Then::default(), scratch, &mut y);
        let wide = |x: &[f32], w: &[f32], bias: &[f32]| {
            let (x, w, bias) = (widened(x), widened(w), widened(bias));
            let (mut y, mut scratch) = (vec![f64::NAN; c.out_len(n)], vec![0.0; c.scratch_len(n)]);
            forward(isa, &pool, &c, n, &x, &w, Some(&bias), Then::default(), &mut scratch, &mut y);
            y
        };
        let sums = wide(&x, &w, &bias);
        let magnitude = |v: &[f32]| -> Vec<f32> { v.iter().map(|v| v.abs()).collect() };
        let magnitudes = wide(&magnitude(&x), &magnitude(&w), &magnitude(&bias));
        let u = f64::from(f32::EPSILON) / 2.0;
        let amplification = if c.algorithm().starts_with("winograd") { 69.0 } else { 1.0 };
        for (i, y) in y.iter().enumerate() {
            let o = i % outs;
            let [g, b, m, v] = [gamma[o], beta[o], mean[o], var[o]].map(f64::from);
            let scale = g / (v + eps).sqrt();
            let want = (sums[i] - m) * scale + b;
            // Scale: sum, root, quotient, product. Bias: difference, product, sum.
            let roundings = (c.depth() + 30) as f64 * amplification + 8.0;
            let bound = roundings * u * ((magnitudes[i] + m.abs()) * scale.abs() + b.abs());
            let off = (f64::from(*y) - want).abs();
            assert!(off <= bound, "{name}: element {i} is {y}, {want} expected, {off:e} > {bound:e}");
        }
    }
}

/// Of every kind: what [`prepare`] did not write is not read.
#[test]
fn prepared_params_that_are_cut_are_refused() {
    if Isa::best() == Isa::SCALAR {
        println!("skipped: the scalar path reads bias and weight alone");
        return;
    }
    for (name, c) in cases() {
        let (x, w, bias) =
            (values(c.in_len(1), 1.0, 1), values(c.weight_len(), 1.0, 2), values(c.out_channels, 1.0, 3));
        let (isa, pool) = (Isa::best(), Pool::serial());
        let mut prepared = vec![0.0; c.prepared_len(1)];
        prepare(isa, &pool, &c, 1, &w, Some(&bias), None, &mut prepared);
        // Half of what follows the bias and the weight: only kinds without that run.
        let short = &prepared[..(c.parts(1)[1] + c.parts(1)[2]) / 2];
        let run = || {
            let mut y = vec![0.0; c.out_len(1)];
            let scratch = &mut poisoned(&c, 1);
            forward_prepared(isa, &pool, &c, 1, &x, short, Then::default(), scratch, &mut y);
        };
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err();
        assert_eq!(refused, c.parts(1)[2] > c.parts(1)[1], "{name}");
    }
}
