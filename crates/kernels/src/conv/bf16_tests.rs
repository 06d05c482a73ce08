//! Convolutions with products of bfloat16: bits of the definition, bounds, threads.

use super::tests::{cases, conv, poisoned};
use super::{Conv, Fold, backward_input, backward_weight, forward, forward_prepared, im2col, prepare};
use crate::checks::{bit_difference, must_fail, values, widened};
use crate::gemm::bf16::reference;
use crate::gemm::{Mat, Start};
use crate::then::{After, Then};
use crate::{Isa, Pool, Real};

/// All that this processor has; says what it has not.
fn rounding() -> Vec<Isa> {
    let all = Isa::rounding();
    if all.len() < 2 {
        println!("skipped: avx512_bf16 and AMX, or one of them, which this processor has not");
    }
    all
}

fn rounds(isa: Isa, c: &Conv) -> bool {
    c.algorithms()[1 + usize::from(isa.is_amx())].ends_with("bf16")
}

/// Those of the other tests, and some whose blocks and chunks are several.
fn all() -> Vec<(&'static str, Conv)> {
    let mut all = cases();
    all.push(("deep", conv([9, 8], [150, 40, 1], [3, 3], [2, 2], [1, 1], [1, 1])));
    all.push(("many pixels", conv([33, 37], [9, 11, 1], [3, 3], [2, 2], [1, 1], [1, 1])));
    all.push(("many channels", conv([5, 6], [130, 129, 1], [3, 3], [1, 1], [1, 1], [1, 1])));
    all.push(("1x1, many pixels", conv([31, 39], [17, 35, 1], [1, 1], [1, 1], [0, 0], [1, 1])));
    all
}

/// Output, gradient of the input, gradient of the weight.
fn passes<T: Real>(isa: Isa, pool: &Pool, c: &Conv, n: usize, [x, w, b, g]: [&[T]; 4]) -> [Vec<T>; 3] {
    let nan = T::from_f64(f64::NAN);
    let mut scratch = vec![nan; c.scratch_len(n)];
    let (mut y, mut grad_x, mut grad_w) =
        (vec![nan; c.out_len(n)], vec![nan; c.in_len(n)], vec![nan; w.len()]);
    forward(isa, pool, c, n, x, w, Some(b), Then::default(), &mut scratch, &mut y);
    scratch.fill(nan);
    backward_input(isa, pool, c, n, g, w, &mut scratch, &mut grad_x);
    scratch.fill(nan);
    backward_weight(isa, pool, c, n, x, g, &mut scratch, &mut grad_w);
    [y, grad_x, grad_w]
}

fn data(c: &Conv, n: usize) -> [Vec<f32>; 4] {
    let lens = [c.in_len(n), c.weight_len(), c.out_channels, c.out_len(n)];
    std::array::from_fn(|i| values(lens[i], 1.0, i as u32 + 1))
}

fn slices<T>(data: &[Vec<T>; 4]) -> [&[T]; 4] {
    std::array::from_fn(|i| &data[i][..])
}

#[test]
fn outputs_and_gradients_of_weights_equal_the_definition() {
    rounding().into_iter().for_each(equal_the_definition);
}

fn equal_the_definition(isa: Isa) {
    let mut seen = 0;
    for (name, c) in all().into_iter().filter(|(_, c)| rounds(isa, c)) {
        let n = 2;
        let data = data(&c, n);
        let [y, _, grad_w] = passes(isa, &Pool::serial(), &c, n, slices(&data));
        let [x, w, bias, g] = &data;
        let (m, k, outs) = (c.pixels(n), c.depth(), c.out_channels / c.groups);
        let mut columns = vec![0.0; c.columns_len(n)];
        im2col(&c, n, x, &mut columns);
        let of_group = |all: &[f32], group: usize| -> Vec<f32> {
            all.chunks_exact(c.out_channels).flat_map(|p| p[group * outs..][..outs].to_vec()).collect()
        };
        for group in 0..c.groups {
            let columns = Mat::new(&columns[group * m * k..][..m * k], m, k);
            let mut want = vec![f32::NAN; m * outs];
            let b = Mat::new(&w[group * outs * k..][..outs * k], outs, k).t();
            reference(isa, columns, b, Start::Bias(&bias[group * outs..][..outs]), &mut want);
            assert_eq!(bit_difference(&of_group(&y, group), &want), None, "{name}: output");
            if m < 2048 {
                // One chunk of pixels.
                let g = of_group(g, group);
                let mut want = vec![f32::NAN; outs * k];
                reference(isa, Mat::new(&g, m, outs).t(), columns, Start::Zero, &mut want);
                let got = &grad_w[group * outs * k..][..outs * k];
                assert_eq!(bit_difference(got, &want), None, "{name}: gradient of the weight");
            }
        }
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

/// As for the matrix product: two roundings of u = 2⁻⁸, and one of 2⁻²⁴ for each of at most
/// k + 16 additions (16 chunks of pixels), of the sum of the products' sizes.
fn within(what: &str, got: &[f32], exact: &[f64], sizes: &[f64], k: usize) {
    let (u, rounds) = (2.0_f64.powi(-8), (k + 17) as f64 * 2.0_f64.powi(-24));
    let factor = (1.0 + u) * (1.0 + u) * (1.0 + rounds / (1.0 - rounds)) - 1.0;
    for (i, ((got, exact), size)) in got.iter().zip(exact).zip(sizes).enumerate() {
        let error = (f64::from(*got) - exact).abs();
        assert!(error <= factor * size, "{what}: element {i} is off by {error:e} of {size:e}");
    }
}

#[test]
fn all_passes_are_near_double_precision() {
    rounding().into_iter().for_each(are_near_double_precision);
}

fn are_near_double_precision(isa: Isa) {
    let pool = Pool::serial();
    for (name, c) in all().into_iter().filter(|(_, c)| rounds(isa, c)) {
        let n = 2;
        let data = data(&c, n);
        let wide = data.each_ref().map(|v| widened(v));
        let sizes = wide.each_ref().map(|v| v.iter().map(|x| x.abs()).collect::<Vec<_>>());
        let got = passes(isa, &pool, &c, n, slices(&data));
        let exact = passes(Isa::SCALAR, &pool, &c, n, slices(&wide));
        let sizes = passes(Isa::SCALAR, &pool, &c, n, slices(&sizes));
        let inner = [c.depth(), c.taps() * c.out_channels, c.pixels(n)];
        for (i, pass) in ["output", "gradient of the input", "gradient of the weight"].iter().enumerate() {
            within(&format!("{name}: {pass}"), &got[i], &exact[i], &sizes[i], inner[i]);
        }
        let mut wrong = got[2].clone();
        wrong[0] += 0.01 * sizes[2][0] as f32;
        let (exact, sizes) = (exact[2].clone(), sizes[2].clone());
        must_fail("an error of 1 %", move || within("wrong", &wrong, &exact, &sizes, 1));
    }
}

/// The other algorithms do not notice, in no pass.
#[test]
fn other_algorithms_stay_as_they_are() {
    rounding().into_iter().for_each(others_stay);
}

fn others_stay(isa: Isa) {
    let mut seen = Vec::new();
    for (name, c) in all().into_iter().filter(|(_, c)| !rounds(isa, c)) {
        let data = data(&c, 2);
        let run = |isa| passes(isa, &Pool::serial(), &c, 2, slices(&data));
        for (got, want) in run(isa).iter().zip(run(Isa::best())) {
            assert_eq!(bit_difference(got, &want), None, "{name}");
        }
        seen.push(c.algorithm());
    }
    assert!(["direct", "depthwise", "winograd"].iter().all(|a| seen.iter().any(|s| s.starts_with(a))));
}

#[test]
fn threads_do_not_change_a_bit() {
    rounding().into_iter().for_each(threads_change_nothing);
}

fn threads_change_nothing(isa: Isa) {
    for (name, c) in all().into_iter().filter(|(_, c)| rounds(isa, c)) {
        let data = data(&c, 3);
        let want = passes(isa, &Pool::serial(), &c, 3, slices(&data));
        for threads in [2, 3, 7] {
            let got = passes(isa, &Pool::new(threads), &c, 3, slices(&data));
            for (got, want) in got.iter().zip(&want) {
                assert_eq!(bit_difference(got, want), None, "{name}, {threads} threads");
            }
        }
    }
}

/// Evaluation rounds as training does, with or without prepared params.
#[test]
fn prepared_params_give_the_same_bits() {
    rounding().into_iter().for_each(prepared_gives_the_same);
}

fn prepared_gives_the_same(isa: Isa) {
    let pool = Pool::serial();
    for (name, c) in all() {
        let [x, w, bias, _] = data(&c, 2);
        let mut prepared = vec![f32::NAN; c.prepared_len(2)];
        let none = None::<Fold<'_, f32>>;
        prepare(isa, &pool, &c, 2, &w, Some(&bias), none, &mut prepared);
        let then = Then { add: None, after: After::Relu };
        let (mut want, mut got) = (vec![f32::NAN; c.out_len(2)], vec![f32::NAN; c.out_len(2)]);
        forward(isa, &pool, &c, 2, &x, &w, Some(&bias), then, &mut poisoned(&c, 2), &mut want);
        forward_prepared(isa, &pool, &c, 2, &x, &prepared, then, &mut poisoned(&c, 2), &mut got);
        assert_eq!(bit_difference(&got, &want), None, "{name}");
    }
}
