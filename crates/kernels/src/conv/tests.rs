//! Twin tests and identities of the convolution.

use super::{Conv, backward_input, backward_weight, col2im, forward, im2col, indirect, winograd};
use crate::checks::{bit_difference, must_fail, values, widened};
use crate::gemm::scalar::reference;
use crate::gemm::{Mat, Start};
use crate::philox::philox4x32;
use crate::then::Then;
use crate::{Isa, Pool, Real};

pub(super) fn conv(
    [height, width]: [usize; 2],
    [in_channels, out_channels, groups]: [usize; 3],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
) -> Conv {
    Conv { height, width, in_channels, out_channels, kernel, stride, padding, dilation, groups }
}

/// Shapes by hand: each names what it is there for.
pub(super) fn cases() -> Vec<(&'static str, Conv)> {
    let one = [1, 1];
    vec![
        ("1x1", conv([5, 7], [3, 5, 1], one, one, [0, 0], one)),
        ("1x1 stride 2", conv([7, 6], [4, 9, 1], one, [2, 2], [0, 0], one)),
        ("1x1 padding", conv([3, 4], [2, 3, 1], one, one, [1, 2], one)),
        ("3x3 same", conv([6, 5], [8, 16, 1], [3, 3], one, one, one)),
        ("3x3 valid", conv([6, 9], [5, 7, 1], [3, 3], one, [0, 0], one)),
        ("3x3 stride 2", conv([9, 8], [5, 17, 1], [3, 3], [2, 2], one, one)),
        ("3x3 stride 3, dilation 2", conv([11, 13], [3, 6, 1], [3, 3], [3, 3], [2, 3], [2, 2])),
        ("stride 2, dilation 2", conv([9, 10], [3, 4, 1], [3, 2], [2, 2], [1, 1], [2, 2])),
        ("stride beyond the kernel", conv([9, 10], [3, 4, 1], [2, 1], [3, 3], [0, 0], one)),
        ("stem 7x7 stride 2", conv([23, 21], [3, 33, 1], [7, 7], [2, 2], [3, 3], one)),
        ("one channel 5x5 valid", conv([13, 19], [1, 30, 1], [5, 5], one, [0, 0], one)),
        ("one channel 3x3", conv([6, 31], [1, 16, 1], [3, 3], one, one, one)),
        ("few channels, many outputs", conv([5, 9], [2, 100, 1], [3, 2], [1, 2], one, one)),
        ("stem 11x11 stride 4", conv([27, 23], [3, 20, 1], [11, 11], [4, 4], [2, 2], one)),
        ("uneven", conv([7, 12], [4, 5, 1], [2, 5], [1, 3], [0, 2], [2, 1])),
        ("kernel larger than the image", conv([2, 3], [4, 6, 1], [5, 5], one, [2, 3], one)),
        ("padding beyond the kernel", conv([3, 3], [2, 3, 1], [2, 2], one, [3, 3], one)),
        ("groups", conv([6, 7], [6, 9, 3], [3, 3], [2, 1], one, one)),
        ("wide groups", conv([5, 5], [32, 48, 2], [3, 3], one, one, one)),
        ("depthwise", conv([7, 6], [19, 19, 19], [3, 3], one, one, one)),
        ("depthwise 5x5 stride 2", conv([8, 9], [32, 32, 32], [5, 5], [2, 2], [2, 2], one)),
        ("depthwise of many channels, stride 2", conv([7, 9], [119, 119, 119], [3, 3], [2, 2], one, one)),
        ("depthwise, multiplier 2", conv([6, 6], [5, 10, 5], [3, 3], [1, 2], one, [1, 2])),
        ("many channels", conv([4, 4], [130, 70, 1], [3, 3], one, one, one)),
        ("one pixel", conv([1, 1], [3, 2, 1], [3, 3], one, one, one)),
    ]
}

/// The definition: im2col, then the product of the twin, group by group.
fn twin_forward<T: Real>(c: &Conv, n: usize, x: &[T], w: &[T], bias: Option<&[T]>) -> Vec<T> {
    let mut columns = vec![T::ZERO; c.columns_len(n)];
    im2col(c, n, x, &mut columns);
    let (m, k, outs) = (c.pixels(n), c.depth(), c.out_channels / c.groups);
    let mut y = vec![T::ZERO; c.out_len(n)];
    let mut part = vec![T::ZERO; m * outs];
    for group in 0..c.groups {
        let a = Mat::new(&columns[group * m * k..][..m * k], m, k);
        let b = Mat::new(&w[group * outs * k..][..outs * k], outs, k).t();
        let start = bias.map_or(Start::Zero, |bias| Start::Bias(&bias[group * outs..][..outs]));
        reference(a, b, start, &mut part);
        for (y, part) in y.chunks_exact_mut(c.out_channels).zip(part.chunks_exact(outs)) {
            y[group * outs..][..outs].copy_from_slice(part);
        }
    }
    y
}

pub(super) fn poisoned(c: &Conv, n: usize) -> Vec<f32> {
    vec![f32::NAN; c.scratch_len(n)]
}

/// The direct sums, whatever else there is for this shape.
fn direct_forward(c: &Conv) -> Forward {
    if winograd::choose(c).is_some() { indirect::forward } else { forward }
}

type Forward =
    fn(Isa, &Pool, &Conv, usize, &[f32], &[f32], Option<&[f32]>, Then<'_, f32>, &mut [f32], &mut [f32]);

pub(super) fn fused() -> Vec<Isa> {
    [Isa::avx2(), Isa::avx512()].into_iter().flatten().collect()
}

#[test]
fn forward_equals_the_twin() {
    for (name, c) in cases() {
        for n in 1..=3 {
            let x = values(c.in_len(n), 1.0, 1);
            let w = values(c.weight_len(), 1.0, 2);
            let b = values(c.out_channels, 1.0, 3);
            for bias in [None, Some(&b[..])] {
                let want = twin_forward(&c, n, &x, &w, bias);
                for isa in fused() {
                    let mut y = vec![f32::NAN; c.out_len(n)];
                    direct_forward(&c)(
                        isa,
                        &Pool::serial(),
                        &c,
                        n,
                        &x,
                        &w,
                        bias,
                        Then::default(),
                        &mut poisoned(&c, n),
                        &mut y,
                    );
                    assert_eq!(bit_difference(&y, &want), None, "{name}, n = {n}, {isa}");
                }
            }
        }
    }
}

/// Geometries by counter: odd sizes, strides 1–3, padding 0–3, dilation 1–2,
/// groups, multipliers.
fn random_cases(count: u32) -> Vec<Conv> {
    let cases = (0..count).map(|i| {
        let word = |j: u32| philox4x32([i, j, 0, 0], [77, 0]);
        let pick = |j: u32, lane: usize, from: usize, count: usize| from + word(j)[lane] as usize % count;
        let pair = |j: u32, from: usize, count: usize| [pick(j, 0, from, count), pick(j, 1, from, count)];
        let groups = [1, 1, 1, 2, 3, 7, 18][pick(0, 0, 0, 7)];
        let per_group = if groups > 3 { 1 } else { pick(0, 1, 1, 20) };
        let outs = pick(0, 2, 1, if groups > 3 { 2 } else { 20 });
        let channels = [groups * per_group, groups * outs, groups];
        conv(pair(1, 1, 14), channels, pair(2, 1, 5), pair(3, 1, 3), pair(4, 0, 4), pair(5, 1, 2))
    });
    cases.filter(|c| c.out_height() > 0 && c.out_width() > 0).collect()
}

/// Calls `visit(y index, x index, weight index)` for each product of the definition.
fn each_product(c: &Conv, n: usize, mut visit: impl FnMut(usize, usize, usize)) {
    let (ins, outs) = (c.in_channels / c.groups, c.out_channels / c.groups);
    let (oh_n, ow_n) = (c.out_height(), c.out_width());
    let on_axis = |o: usize, k: usize, axis: usize, size: usize| {
        let at = (o * c.stride[axis] + k * c.dilation[axis]) as i64 - c.padding[axis] as i64;
        (0..size as i64).contains(&at).then_some(at as usize)
    };
    for p in 0..n * oh_n * ow_n {
        let (image, oh, ow) = (p / (oh_n * ow_n), p / ow_n % oh_n, p % ow_n);
        for tap in 0..c.kernel[0] * c.kernel[1] {
            let (i, j) = (tap / c.kernel[1], tap % c.kernel[1]);
            let (Some(h), Some(w)) = (on_axis(oh, i, 0, c.height), on_axis(ow, j, 1, c.width)) else {
                continue;
            };
            let x = ((image * c.height + h) * c.width + w) * c.in_channels;
            for o in 0..c.out_channels {
                for channel in 0..ins {
                    let x = x + o / outs * ins + channel;
                    visit(p * c.out_channels + o, x, (o * c.taps() + tap) * ins + channel);
                }
            }
        }
    }
}

/// The three passes by the definition, in double precision: y, gradient of x,
/// gradient of the weight.
pub(super) fn definition(c: &Conv, n: usize, x: &[f64], w: &[f64], g: &[f64]) -> [Vec<f64>; 3] {
    let mut out = [vec![0.0; g.len()], vec![0.0; x.len()], vec![0.0; w.len()]];
    each_product(c, n, |yi, xi, wi| {
        out[0][yi] += x[xi] * w[wi];
        out[1][xi] += g[yi] * w[wi];
        out[2][wi] += g[yi] * x[xi];
    });
    out
}

pub(super) fn passes<T: Real>(
    isa: Isa,
    pool: &Pool,
    c: &Conv,
    n: usize,
    [x, w, g]: [&[T]; 3],
) -> [Vec<T>; 3] {
    let nan = T::from_f64(f64::NAN);
    let scratch = || vec![nan; c.scratch_len(n)];
    let [mut y, mut gx, mut gw] = [vec![nan; g.len()], vec![nan; x.len()], vec![nan; w.len()]];
    forward(isa, pool, c, n, x, w, None, Then::default(), &mut scratch(), &mut y);
    backward_input(isa, pool, c, n, g, w, &mut scratch(), &mut gx);
    backward_weight(isa, pool, c, n, x, g, &mut scratch(), &mut gw);
    [y, gx, gw]
}

/// The same without Winograd.
fn direct_passes(isa: Isa, c: &Conv, n: usize, [x, w, g]: [&[f32]; 3]) -> [Vec<f32>; 3] {
    if winograd::choose(c).is_none() {
        return passes(isa, &Pool::serial(), c, n, [x, w, g]);
    }
    let [mut y, mut gx, mut gw] = [vec![f32::NAN; g.len()], vec![f32::NAN; x.len()], vec![f32::NAN; w.len()]];
    indirect::forward(isa, &Pool::serial(), c, n, x, w, None, Then::default(), &mut poisoned(c, n), &mut y);
    indirect::backward_input(isa, &Pool::serial(), c, n, g, w, &mut poisoned(c, n), &mut gx);
    indirect::backward_weight(isa, &Pool::serial(), c, n, x, g, &mut poisoned(c, n), &mut gw);
    [y, gx, gw]
}

pub(super) fn operands(c: &Conv, n: usize) -> [Vec<f32>; 3] {
    [(c.in_len(n), 1), (c.weight_len(), 2), (c.out_len(n), 3)].map(|(len, seed)| values(len, 1.0, seed))
}

/// A sum of k products with k roundings is off by at most k · ε · Σ|terms|
/// (Higham, 3.1); adding up to 16 partial sums rounds 16 times more.
fn near<T: Real>(what: &str, eps: f64, terms: usize, got: &[T], want: &[f64], magnitude: &[f64]) {
    for (i, ((got, want), magnitude)) in got.iter().zip(want).zip(magnitude).enumerate() {
        let bound = (terms + 16) as f64 * eps * magnitude;
        let error = (got.to_f64() - want).abs();
        assert!(error <= bound, "{what}: element {i} is {got}, not {want}: off by {error:e} > {bound:e}");
    }
}

fn check_definition(name: &str, c: &Conv, n: usize, isas: &[Isa]) {
    let o = operands(c, n);
    let wide = o.clone().map(|v| widened(&v));
    let sizes = wide.clone().map(|v| v.iter().map(|x| x.abs()).collect::<Vec<_>>());
    let want = definition(c, n, &wide[0], &wide[1], &wide[2]);
    let magnitude = definition(c, n, &sizes[0], &sizes[1], &sizes[2]);
    let terms = [c.depth(), c.taps() * c.out_channels / c.groups, c.pixels(n)];
    for isa in isas {
        let got = direct_passes(*isa, c, n, [&o[0], &o[1], &o[2]]);
        let double = passes(*isa, &Pool::serial(), c, n, [&wide[0], &wide[1], &wide[2]]);
        for (i, pass) in ["forward", "backward_input", "backward_weight"].iter().enumerate() {
            let what = format!("{name}, {pass}, n = {n}, {isa}, {c:?}");
            near(&what, f32::EPSILON.into(), terms[i], &got[i], &want[i], &magnitude[i]);
            near(&format!("f64 {what}"), f64::EPSILON, terms[i], &double[i], &want[i], &magnitude[i]);
        }
    }
}

#[test]
fn passes_follow_the_definition() {
    for (name, c) in cases() {
        for n in 1..=3 {
            check_definition(name, &c, n, &Isa::available());
        }
    }
    for (i, c) in random_cases(250).iter().enumerate() {
        check_definition("random", c, 1 + i % 3, &Isa::available());
    }
}

#[test]
fn random_forward_equals_the_twin() {
    for (i, c) in random_cases(250).iter().enumerate() {
        let n = 1 + i % 3;
        let [x, w, _] = operands(c, n);
        let want = twin_forward(c, n, &x, &w, None);
        for isa in fused() {
            let mut y = vec![f32::NAN; c.out_len(n)];
            direct_forward(c)(
                isa,
                &Pool::serial(),
                c,
                n,
                &x,
                &w,
                None,
                Then::default(),
                &mut poisoned(c, n),
                &mut y,
            );
            assert_eq!(bit_difference(&y, &want), None, "{c:?}, n = {n}, {isa}");
        }
    }
}

/// The order that the module states, with one fused operation per product.
#[test]
fn backward_has_the_stated_order() {
    for (name, c) in cases() {
        let n = 2;
        let [x, w, g] = operands(&c, n);
        let (mut gx, mut gw) = (vec![0.0f32; x.len()], vec![0.0f32; w.len()]);
        // Output pixels ascend in the definition's loops, and so taps descend for
        // one input pixel; output channels ascend within.
        each_product(&c, n, |yi, xi, wi| {
            gx[xi] = g[yi].mul_add(w[wi], gx[xi]);
            gw[wi] = g[yi].mul_add(x[xi], gw[wi]);
        });
        for isa in fused() {
            let got = direct_passes(isa, &c, n, [&x, &w, &g]);
            assert_eq!(bit_difference(&got[1], &gx), None, "{name}, {isa}, input");
            assert_eq!(bit_difference(&got[2], &gw), None, "{name}, {isa}, weight");
        }
    }
}

#[test]
fn col2im_is_the_adjoint_of_im2col() {
    for (name, c) in cases() {
        let n = 2;
        let x = widened(&values(c.in_len(n), 1.0, 1));
        let m = widened(&values(c.columns_len(n), 1.0, 2));
        let (mut columns, mut back) = (vec![f64::NAN; m.len()], vec![f64::NAN; x.len()]);
        im2col(&c, n, &x, &mut columns);
        col2im(&c, n, &m, &mut back);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let magnitude = columns.iter().zip(&m).map(|(a, b)| (a * b).abs()).sum::<f64>();
        let (left, right) = (dot(&columns, &m), dot(&x, &back));
        // Each side sums at most as many products as the matrix has elements.
        let bound = 2.0 * m.len() as f64 * f64::EPSILON * magnitude;
        assert!((left - right).abs() <= bound, "{name}: {left} and {right}");
    }
}

/// ⟨conv(x, w), g⟩ = ⟨x, backward_input(g, w)⟩ = ⟨w, backward_weight(x, g)⟩.
#[test]
fn passes_are_adjoint() {
    for (name, c) in cases() {
        let n = 2;
        let o = operands(&c, n).map(|v| widened(&v));
        let [y, gx, gw] = passes(Isa::best(), &Pool::serial(), &c, n, [&o[0], &o[1], &o[2]]);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let forms = [dot(&y, &o[2]), dot(&o[0], &gx), dot(&o[1], &gw)];
        let sizes = o.clone().map(|v| v.iter().map(|x| x.abs()).collect::<Vec<_>>());
        let all = definition(&c, n, &sizes[0], &sizes[1], &sizes[2]);
        let magnitude = dot(&all[0], &sizes[2]);
        // Every form sums the same products; at most one rounding each on the way.
        let terms = (c.macs() as usize * n).max(1);
        let bound = 2.0 * terms as f64 * f64::EPSILON * magnitude;
        for form in &forms[1..] {
            assert!((forms[0] - form).abs() <= bound, "{name}: {forms:?}");
        }
    }
}

/// More than one block of everything, several tasks, several chunks of pixels.
fn large_cases() -> Vec<Conv> {
    let one = [1, 1];
    vec![
        conv([28, 28], [40, 100, 1], [3, 3], one, one, one),
        conv([15, 13], [60, 24, 1], [3, 3], one, [2, 0], one),
        conv([2, 2], [130, 70, 1], [3, 3], one, one, one),
        conv([9, 9], [200, 130, 1], [3, 3], [2, 2], one, one),
        conv([40, 44], [3, 64, 1], [7, 7], [2, 2], [3, 3], one),
        conv([60, 61], [3, 40, 1], [3, 3], one, one, one),
        conv([28, 28], [20, 300, 1], [3, 3], [2, 2], one, one),
        conv([14, 14], [64, 64, 2], [3, 3], one, one, one),
        conv([30, 29], [70, 70, 70], [3, 3], one, one, one),
        conv([31, 30], [36, 72, 36], [5, 5], [2, 2], [2, 2], one),
        conv([12, 12], [96, 1000, 1], one, one, [0, 0], one),
    ]
}

#[test]
fn threads_do_not_change_a_bit() {
    for c in large_cases() {
        let n = 3;
        let [x, w, g] = operands(&c, n);
        let mut all = Vec::new();
        for isa in fused() {
            for threads in [1, 2, 3, 7] {
                all.push(passes(isa, &Pool::new(threads), &c, n, [&x, &w, &g]));
            }
        }
        for got in &all {
            for (a, b) in got.iter().zip(&all[0]) {
                assert_eq!(bit_difference(a, b), None, "{c:?}");
            }
        }
    }
}

#[test]
fn large_passes_follow_the_definition() {
    let best = [Isa::best()];
    for c in large_cases() {
        let [x, w, _] = operands(&c, 3);
        let mut y = vec![f32::NAN; c.out_len(3)];
        direct_forward(&c)(
            Isa::best(),
            &Pool::serial(),
            &c,
            3,
            &x,
            &w,
            None,
            Then::default(),
            &mut poisoned(&c, 3),
            &mut y,
        );
        if Isa::best() != Isa::SCALAR {
            assert_eq!(bit_difference(&y, &twin_forward(&c, 3, &x, &w, None)), None, "{c:?}");
        }
        check_definition("large", &c, 3, &best);
    }
}

#[test]
fn geometry() {
    let stem = conv([224, 224], [3, 64, 1], [7, 7], [2, 2], [3, 3], [1, 1]);
    assert_eq!((stem.out_height(), stem.out_width()), (112, 112));
    assert_eq!(stem.macs(), 118_013_952);
    assert_eq!(stem.weight_len(), 9408);
    assert_eq!(stem.algorithm(), "direct");
    let three = |size, channels| conv([size; 2], [channels, channels, 1], [3, 3], [1, 1], [1, 1], [1, 1]);
    assert_eq!(three(14, 64).algorithm(), "winograd 4x4");
    assert_eq!(three(2, 64).algorithm(), "winograd 2x2");
    assert_eq!(three(1, 64).algorithm(), "indirect");
    assert_eq!(three(14, 3).algorithm(), "direct");
    assert_eq!(conv([4, 4], [8, 8, 8], [3, 3], [1, 1], [1, 1], [1, 1]).algorithm(), "depthwise");
    assert_eq!(conv([4, 4], [8, 8, 1], [1, 1], [1, 1], [0, 0], [1, 1]).algorithm(), "gemm");
    assert_eq!(conv([2, 2], [1, 1, 1], [3, 3], [1, 1], [0, 0], [1, 1]).out_height(), 0);
}

/// An output without pixels: the gradients are zeros, not leftovers.
#[test]
fn no_output_pixels() {
    for groups in [1, 4] {
        let c = conv([2, 2], [4, 4, groups], [3, 3], [2, 2], [0, 0], [1, 1]);
        let [x, w, g] = operands(&c, 2);
        for isa in Isa::available() {
            let [y, gx, gw] = passes(isa, &Pool::serial(), &c, 2, [&x, &w, &g]);
            assert!(y.is_empty() && gx.iter().chain(&gw).all(|g| *g == 0.0), "{isa}");
        }
    }
}

#[test]
#[should_panic(expected = "the weight has another length")]
fn wrong_lengths_are_refused() {
    let c = conv([4, 4], [2, 2, 1], [3, 3], [1, 1], [1, 1], [1, 1]);
    let (x, w, mut y) = (vec![0.0f32; c.in_len(1)], vec![0.0; 5], vec![0.0; c.out_len(1)]);
    forward(Isa::best(), &Pool::serial(), &c, 1, &x, &w, None, Then::default(), &mut poisoned(&c, 1), &mut y);
}

/// The comparisons above notice a missing tap and a flipped sign.
#[test]
fn the_checks_can_fail() {
    must_fail("a changed gradient", || {
        near("must fail", f32::EPSILON.into(), 9, &[1.0f32 + 1e-3], &[1.0], &[3.0]);
    });
    must_fail("NaN", || near("must fail", f32::EPSILON.into(), 9, &[f32::NAN], &[1.0], &[3.0]));
}
