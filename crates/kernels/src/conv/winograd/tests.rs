//! Winograd against the definition, with the bound that `mod.rs` derives, and
//! against a scalar twin, bit for bit.

use super::points::{Axis, Gradients, Outputs, TapGradients, Taps, Window};
use super::{Form, backward_input, backward_weight, choose, forward};
use crate::checks::{bit_difference, must_fail, values, widened};
use crate::conv::Conv;
use crate::conv::tests::{conv, definition, fused, operands, poisoned};
use crate::lanes::{Lanes, Portable};
use crate::simd::Fused;
use crate::then::Then;
use crate::{Isa, Pool};

type Matrix = Vec<Vec<f64>>;

/// Bᵀ, G and Aᵀ from the points, in double precision.
fn matrices(Form { m, r }: Form) -> [Matrix; 3] {
    let s = std::f64::consts::SQRT_2;
    let t = m + r - 1;
    let points: &[f64] = if t == 6 { &[0.0, 1.0 / s, -1.0 / s, s, -s] } else { &[0.0, 1.0, -1.0] };
    // The product of (x − q) over some points, by ascending power of x.
    let polynomial = |leave: Option<usize>| {
        let mut p = vec![1.0];
        for (_, q) in points.iter().enumerate().filter(|(i, _)| Some(*i) != leave) {
            let shifted = std::iter::once(0.0).chain(p.iter().copied());
            p = shifted.zip(p.iter().chain([&0.0])).map(|(a, b)| a - q * b).collect();
        }
        p.resize(t, 0.0);
        p
    };
    let scale = |i: usize| {
        let others = points.iter().enumerate().filter(|(j, _)| *j != i);
        others.map(|(_, q)| points[i] - q).product::<f64>()
    };
    let power = |x: f64, n: usize| (0..n).map(|i| x.powi(i as i32)).collect::<Vec<_>>();
    let last = |n: usize| (0..n).map(|i| f64::from(u8::from(i + 1 == n))).collect::<Vec<_>>();
    let mut window: Matrix = (0..t - 1).map(|i| polynomial(Some(i))).collect();
    window.push(polynomial(None));
    let mut taps: Matrix =
        (0..t - 1).map(|i| power(points[i], r).iter().map(|x| x / scale(i)).collect()).collect();
    taps.push(last(r));
    // F(2, 3) is usually written with other signs in one point of B and A.
    let mut out: Matrix = points.iter().map(|p| power(*p, m)).collect();
    out.push(last(m));
    if t == 4 {
        window[0].iter_mut().chain(&mut taps[0]).for_each(|x| *x = -*x);
    }
    let out = (0..m).map(|i| out.iter().map(|row| row[i]).collect()).collect();
    [window, taps, out]
}

fn transposed(a: &Matrix) -> Matrix {
    (0..a[0].len()).map(|j| a.iter().map(|row| row[j]).collect()).collect()
}

fn magnitudes(a: &Matrix) -> Matrix {
    a.iter().map(|row| row.iter().map(|x| x.abs()).collect()).collect()
}

/// a x aᵀ
fn both(a: &Matrix, x: &Matrix) -> Matrix {
    let times = |a: &Matrix, x: &Matrix| -> Matrix {
        let sum = |row: &Vec<f64>, j: usize| row.iter().zip(x).map(|(a, x)| a * x[j]).sum();
        a.iter().map(|row| (0..x[0].len()).map(|j| sum(row, j)).collect()).collect()
    };
    times(&times(a, x), &transposed(a))
}

/// The image of a value of a pixel outside of it is 0.
fn pixel(x: &[f64], [h, w, c]: [usize; 3], image: usize, at: [isize; 2], channel: usize) -> f64 {
    let inside = (0..h as isize).contains(&at[0]) && (0..w as isize).contains(&at[1]);
    if inside { x[((image * h + at[0] as usize) * w + at[1] as usize) * c + channel] } else { 0.0 }
}

/// The three passes by Winograd's formulas with given matrices, tile by tile.
fn formulas(
    c: &Conv,
    Form { m, r }: Form,
    n: usize,
    [x, w, g]: [&[f64]; 3],
    mats: &[Matrix; 3],
) -> [Vec<f64>; 3] {
    let [window, taps, out] = mats;
    let (ins, outs, t) = (c.in_channels, c.out_channels, m + r - 1);
    let input = [c.height, c.width];
    let output = [c.out_height(), c.out_width()];
    let weight = |o: usize, i: usize, turned: bool| -> Matrix {
        let tap = |a: usize, b: usize| if turned { r * r - 1 - r * a - b } else { r * a + b };
        let row = |a| (0..r).map(|b| w[(o * r * r + tap(a, b)) * ins + i]).collect();
        (0..r).map(row).collect()
    };
    let tile = |x: &[f64], size: [usize; 2], channels, image, at: [isize; 2], extent: usize, channel| {
        let value = |i: usize, j: usize| {
            pixel(x, [size[0], size[1], channels], image, [at[0] + i as isize, at[1] + j as isize], channel)
        };
        let row = |i| (0..extent).map(|j| value(i, j)).collect();
        (0..extent).map(row).collect::<Matrix>()
    };
    let mut all = [vec![0.0; g.len()], vec![0.0; x.len()], vec![0.0; w.len()]];
    // (source, extents, channels) → (target, extents, channels)
    for turned in [false, true] {
        let (source, from, k) = if turned { (g, output, outs) } else { (x, input, ins) };
        let (to, size, channels) =
            if turned { (&mut all[1], input, ins) } else { (&mut all[0], output, outs) };
        let padding = c.padding.map(|p| if turned { (r - 1 - p) as isize } else { p as isize });
        for (image, a, b) in each_tile(n, size, m) {
            let at = [(a * m) as isize - padding[0], (b * m) as isize - padding[1]];
            for channel in 0..channels {
                let mut sum = vec![vec![0.0; t]; t];
                for i in 0..k {
                    let (o, i2) = if turned { (i, channel) } else { (channel, i) };
                    let u = both(taps, &weight(o, i2, turned));
                    let v = both(window, &tile(source, from, k, image, at, t, i));
                    for (sum, (u, v)) in sum.iter_mut().zip(u.iter().zip(&v)) {
                        sum.iter_mut().zip(u.iter().zip(v)).for_each(|(s, (u, v))| *s += u * v);
                    }
                }
                for (i, row) in both(out, &sum).iter().enumerate() {
                    for (j, y) in row.iter().enumerate() {
                        let (h, v) = (a * m + i, b * m + j);
                        if h < size[0] && v < size[1] {
                            to[((image * size[0] + h) * size[1] + v) * channels + channel] = *y;
                        }
                    }
                }
            }
        }
    }
    for o in 0..outs {
        for i in 0..ins {
            let mut sum = vec![vec![0.0; t]; t];
            for (image, a, b) in each_tile(n, output, m) {
                let at = [(a * m) as isize, (b * m) as isize];
                let z = both(&transposed(out), &tile(g, output, outs, image, at, m, o));
                let at = [at[0] - c.padding[0] as isize, at[1] - c.padding[1] as isize];
                let v = both(window, &tile(x, input, ins, image, at, t, i));
                for (sum, (z, v)) in sum.iter_mut().zip(z.iter().zip(&v)) {
                    sum.iter_mut().zip(z.iter().zip(v)).for_each(|(s, (z, v))| *s += z * v);
                }
            }
            for (tap, value) in both(&transposed(taps), &sum).concat().into_iter().enumerate() {
                all[2][(o * r * r + tap) * ins + i] = value;
            }
        }
    }
    all
}

fn each_tile(n: usize, size: [usize; 2], m: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let tiles = size.map(|s| s.div_ceil(m));
    (0..n * tiles[0] * tiles[1])
        .map(move |p| (p / (tiles[0] * tiles[1]), p / tiles[1] % tiles[0], p % tiles[1]))
}

fn passes(isa: Isa, pool: &Pool, c: &Conv, form: Form, n: usize, o: &[Vec<f32>; 3]) -> [Vec<f32>; 3] {
    let [x, w, g] = o;
    let scratch = || vec![f32::NAN; super::scratch_len(c, form)];
    let (mut y, mut gx, mut gw) = (vec![f32::NAN; g.len()], vec![f32::NAN; x.len()], vec![f32::NAN; w.len()]);
    forward(isa, pool, c, form, n, x, w, None, Then::default(), &mut scratch(), &mut y);
    backward_input(isa, pool, c, form, n, g, w, &mut scratch(), &mut gx);
    backward_weight(isa, pool, c, form, n, x, g, &mut scratch(), &mut gw);
    [y, gx, gw]
}

/// The forms for a convolution's taps.
fn forms(c: &Conv) -> impl Iterator<Item = Form> {
    let r = c.kernel[0];
    Form::ALL.into_iter().filter(move |form| form.r == r)
}

const F43: Form = Form { m: 4, r: 3 };

/// Every padding, images smaller than a tile, tails of every vector length.
fn cases() -> Vec<Conv> {
    let shapes = [
        ([1, 1], [1, 1], [1, 1]),
        ([3, 3], [2, 3], [0, 0]),
        ([4, 4], [16, 16], [1, 1]),
        ([5, 9], [3, 17], [1, 1]),
        ([6, 6], [17, 5], [0, 2]),
        ([8, 7], [8, 33], [2, 1]),
        ([2, 13], [20, 4], [1, 0]),
        ([11, 4], [7, 19], [2, 2]),
        ([12, 12], [33, 50], [1, 1]),
        ([4, 5], [9, 70], [1, 1]),
    ];
    let shapes = shapes
        .into_iter()
        .map(|(size, [ins, outs], padding)| conv(size, [ins, outs, 1], [3, 3], [1, 1], padding, [1, 1]));
    shapes.filter(|c| c.out_height() > 0 && c.out_width() > 0).collect()
}

/// Several chunks of tiles; several parts of the channels on either side.
fn cut_cases() -> Vec<Conv> {
    let shapes = [([31, 33], [3, 4]), ([4, 4], [130, 3]), ([4, 4], [2, 260])];
    shapes
        .into_iter()
        .map(|(size, [ins, outs])| conv(size, [ins, outs, 1], [3, 3], [1, 1], [1, 1], [1, 1]))
        .collect()
}

/// Roundings on one axis on the way to a value, the constants' included: Bᵀ, G,
/// Aᵀ, A, Gᵀ. Counted in `points.rs`.
const ROUNDINGS: [usize; 5] = [3, 6, 4, 3, 6];

/// The bound of `mod.rs` for each element of the three passes.
fn bounds(c: &Conv, form: Form, n: usize, o: [&[f64]; 3]) -> [Vec<f64>; 3] {
    let sizes = o.map(|v| v.iter().map(|x| x.abs()).collect::<Vec<_>>());
    let mats = matrices(form).map(|a| magnitudes(&a));
    let amplified = formulas(c, form, n, [&sizes[0], &sizes[1], &sizes[2]], &mats);
    let [b, g, a, ga, gt] = ROUNDINGS;
    let tiles = each_tile(n, [c.out_height(), c.out_width()], form.m).count();
    let terms =
        [c.in_channels + 2 * (b + g + a), c.out_channels + 2 * (b + g + a), tiles + 2 * (b + ga + gt)];
    let unit = f64::from(f32::EPSILON) / 2.0;
    let mut terms = terms.into_iter();
    amplified.map(|values| {
        let k = terms.next().expect("three passes") as f64;
        // Higham's γ instead of k·u: what a first-order bound leaves out.
        values.iter().map(|v| v * k * unit / (1.0 - k * unit)).collect()
    })
}

fn within(what: &str, got: &[f32], want: &[f64], bound: &[f64]) {
    for (i, ((got, want), bound)) in got.iter().zip(want).zip(bound).enumerate() {
        let error = (f64::from(*got) - want).abs();
        assert!(error <= *bound, "{what}: element {i} is {got}, not {want}: off by {error:e} > {bound:e}");
    }
}

#[test]
fn passes_stay_within_the_derived_bound() {
    for c in cases().into_iter().chain(cut_cases()) {
        for (form, n) in forms(&c).flat_map(|form| [(form, 1), (form, 3)]) {
            let o = operands(&c, n);
            let wide = o.clone().map(|v| widened(&v));
            let wide = [&wide[0][..], &wide[1], &wide[2]];
            let want = definition(&c, n, wide[0], wide[1], wide[2]);
            let bound = bounds(&c, form, n, wide);
            for isa in Isa::available() {
                let got = passes(isa, &Pool::serial(), &c, form, n, &o);
                for (i, pass) in ["forward", "backward_input", "backward_weight"].iter().enumerate() {
                    let what = format!("{pass}, {form:?}, n = {n}, {isa}, {c:?}");
                    within(&what, &got[i], &want[i], &bound[i]);
                }
            }
        }
    }
}

/// The formulas are identities: in double precision nothing but rounding is left.
#[test]
fn formulas_equal_the_definition() {
    for c in cases().iter().filter(|c| c.in_channels * c.out_channels < 300) {
        for form in forms(c) {
            let wide = operands(c, 2).map(|v| widened(&v));
            let wide = [&wide[0][..], &wide[1], &wide[2]];
            let want = definition(c, 2, wide[0], wide[1], wide[2]);
            let got = formulas(c, form, 2, wide, &matrices(form));
            let bound = bounds(c, form, 2, wide);
            let narrower = f64::EPSILON / f64::from(f32::EPSILON);
            for ((got, want), bound) in got.iter().zip(&want).zip(&bound) {
                for ((got, want), bound) in got.iter().zip(want).zip(bound) {
                    // Twice: sums of a matrix product round more often than `points.rs`.
                    let (error, bound) = ((got - want).abs(), 2.0 * bound * narrower);
                    assert!(error <= bound, "{form:?}, {c:?}: off by {error:e} > {bound:e}");
                }
            }
        }
    }
}

type One = Portable<Fused>;

/// One value in every lane, through a transform on both axes.
fn scalar_map<F: Axis<I, O>, const I: usize, const O: usize>(
    x: impl Fn(usize, usize) -> f32,
) -> [[f32; O]; O] {
    let first = |x: One| {
        let mut to = [0.0; One::LANES];
        // SAFETY: portable lanes need no instruction set; `to` has one vector.
        unsafe { x.store(to.as_mut_ptr()) };
        to[0]
    };
    // SAFETY: portable lanes need no instruction set.
    let line = |x: [f32; I]| unsafe { F::map(x.map(|x| One::splat(x))) }.map(first);
    let half: [[f32; O]; I] = std::array::from_fn(|j| line(std::array::from_fn(|i| x(i, j))));
    std::array::from_fn(|i| line(std::array::from_fn(|j| half[j][i])))
}

/// Every transform is its matrix, up to the rounding of constants.
#[test]
fn transforms_are_their_matrices() {
    fn check<F: Axis<I, O>, const I: usize, const O: usize>(name: &str, want: &Matrix) {
        for column in 0..I {
            // The transform along the second axis of a single row of the first.
            let x: [One; I] = std::array::from_fn(|i| {
                // SAFETY: portable lanes need no instruction set.
                unsafe { One::splat(if i == column { 1.0 } else { 0.0 }) }
            });
            // SAFETY: portable lanes need no instruction set.
            let got = unsafe { F::map(x) };
            for (row, got) in got.into_iter().enumerate() {
                let mut to = [0.0f32; One::LANES];
                // SAFETY: `to` has one vector.
                unsafe { got.store(to.as_mut_ptr()) };
                let want = want[row][column];
                let bound = 6.0 * f64::from(f32::EPSILON) / 2.0 * want.abs();
                let error = (f64::from(to[0]) - want).abs();
                assert!(error <= bound, "{name} ({row}, {column}) is {}, not {want}", to[0]);
            }
        }
    }
    let [window, taps, out] = matrices(F43);
    check::<Window, 6, 6>("Bᵀ", &window);
    check::<Taps, 3, 6>("G", &taps);
    check::<Outputs, 6, 4>("Aᵀ", &out);
    check::<Gradients, 4, 6>("A", &transposed(&out));
    check::<TapGradients, 6, 3>("Gᵀ", &transposed(&taps));
    let [window, taps, out] = matrices(Form { m: 2, r: 3 });
    check::<Window, 4, 4>("Bᵀ", &window);
    check::<Taps, 3, 4>("G", &taps);
    check::<Outputs, 4, 2>("Aᵀ", &out);
    check::<Gradients, 2, 4>("A", &transposed(&out));
    check::<TapGradients, 4, 3>("Gᵀ", &transposed(&taps));
    let [window, taps, out] = matrices(Form { m: 2, r: 5 });
    check::<Window, 6, 6>("Bᵀ", &window);
    check::<Taps, 5, 6>("G", &taps);
    check::<Outputs, 6, 2>("Aᵀ", &out);
    check::<Gradients, 2, 6>("A", &transposed(&out));
    check::<TapGradients, 6, 5>("Gᵀ", &transposed(&taps));
}

/// F(4) forward, one output pixel's tile and channel after the other.
fn twin_forward(c: &Conv, n: usize, x: &[f32], w: &[f32], bias: &[f32]) -> Vec<f32> {
    let (size, ins) = ([c.out_height(), c.out_width()], c.in_channels);
    let mut y = vec![f32::NAN; c.out_len(n)];
    let wide = widened(x);
    for (image, a, b) in each_tile(n, size, 4) {
        for o in 0..c.out_channels {
            let mut sum = [[0.0f32; 6]; 6];
            for i in 0..ins {
                let u = scalar_map::<Taps, 3, 6>(|r, s| w[(o * 9 + 3 * r + s) * ins + i]);
                let v = scalar_map::<Window, 6, 6>(|r, s| {
                    let at = [(4 * a + r) as isize, (4 * b + s) as isize];
                    let at = [at[0] - c.padding[0] as isize, at[1] - c.padding[1] as isize];
                    pixel(&wide, [c.height, c.width, ins], image, at, i) as f32
                });
                for t in 0..36 {
                    sum[t / 6][t % 6] = v[t / 6][t % 6].mul_add(u[t / 6][t % 6], sum[t / 6][t % 6]);
                }
            }
            let tile = scalar_map::<Outputs, 6, 4>(|r, s| sum[r][s]);
            for (r, s) in (0..16).map(|i| (i / 4, i % 4)) {
                let (h, v) = (4 * a + r, 4 * b + s);
                if h < size[0] && v < size[1] {
                    y[((image * size[0] + h) * size[1] + v) * c.out_channels + o] = tile[r][s] + bias[o];
                }
            }
        }
    }
    y
}

/// F(4)'s gradient of the weight, one channel pair after the other.
fn twin_backward_weight(c: &Conv, n: usize, x: &[f32], g: &[f32]) -> Vec<f32> {
    let (size, ins, outs) = ([c.out_height(), c.out_width()], c.in_channels, c.out_channels);
    let (x, g) = (widened(x), widened(g));
    let mut gw = vec![f32::NAN; c.weight_len()];
    for (o, i) in (0..outs * ins).map(|oi| (oi / ins, oi % ins)) {
        let mut sum = [[0.0f32; 6]; 6];
        for (image, a, b) in each_tile(n, size, 4) {
            let at = [(4 * a) as isize, (4 * b) as isize];
            let z = scalar_map::<Gradients, 4, 6>(|r, s| {
                pixel(&g, [size[0], size[1], outs], image, [at[0] + r as isize, at[1] + s as isize], o) as f32
            });
            let at = [at[0] - c.padding[0] as isize, at[1] - c.padding[1] as isize];
            let v = scalar_map::<Window, 6, 6>(|r, s| {
                let at = [at[0] + r as isize, at[1] + s as isize];
                pixel(&x, [c.height, c.width, ins], image, at, i) as f32
            });
            for t in 0..36 {
                sum[t / 6][t % 6] = z[t / 6][t % 6].mul_add(v[t / 6][t % 6], sum[t / 6][t % 6]);
            }
        }
        let taps = scalar_map::<TapGradients, 6, 3>(|r, s| sum[r][s]);
        for tap in 0..9 {
            gw[(o * 9 + tap) * ins + i] = taps[tap / 3][tap % 3];
        }
    }
    gw
}

#[test]
fn passes_equal_the_scalar_twin() {
    for c in cases().into_iter().filter(|c| c.kernel == [3, 3]) {
        for n in [1, 3] {
            let [x, w, g] = operands(&c, n);
            let bias = values(c.out_channels, 1.0, 9);
            let want = twin_forward(&c, n, &x, &w, &bias);
            let want_weight = twin_backward_weight(&c, n, &x, &g);
            for isa in fused() {
                let mut y = vec![f32::NAN; c.out_len(n)];
                let mut scratch = vec![f32::NAN; super::scratch_len(&c, F43)];
                forward(
                    isa,
                    &Pool::serial(),
                    &c,
                    F43,
                    n,
                    &x,
                    &w,
                    Some(&bias),
                    Then::default(),
                    &mut scratch,
                    &mut y,
                );
                assert_eq!(bit_difference(&y, &want), None, "forward, {c:?}, n = {n}, {isa}");
                let mut gw = vec![f32::NAN; w.len()];
                backward_weight(isa, &Pool::serial(), &c, F43, n, &x, &g, &mut scratch, &mut gw);
                assert_eq!(bit_difference(&gw, &want_weight), None, "weight, {c:?}, n = {n}, {isa}");
            }
        }
    }
}

/// The gradient of the input is the forward pass of the output's gradient with
/// turned taps and exchanged channels, to the bit.
#[test]
fn the_gradient_of_the_input_is_a_forward_pass() {
    for c in cases() {
        let (n, ins, outs) = (2, c.in_channels, c.out_channels);
        let [_, w, g] = operands(&c, n);
        let turned = Conv {
            height: c.out_height(),
            width: c.out_width(),
            in_channels: outs,
            out_channels: ins,
            padding: c.padding.map(|p| c.kernel[0] - 1 - p),
            ..c
        };
        let mut w2 = vec![f32::NAN; w.len()];
        for (o, tap, i) in (0..w.len()).map(|k| (k / ins / c.taps(), k / ins % c.taps(), k % ins)) {
            w2[(i * c.taps() + c.taps() - 1 - tap) * outs + o] = w[(o * c.taps() + tap) * ins + i];
        }
        for form in forms(&c) {
            for isa in Isa::available() {
                let (mut gx, mut y) = (vec![f32::NAN; c.in_len(n)], vec![f32::NAN; c.in_len(n)]);
                let mut scratch = vec![f32::NAN; super::scratch_len(&c, form)];
                backward_input(isa, &Pool::serial(), &c, form, n, &g, &w, &mut scratch, &mut gx);
                let mut scratch = vec![f32::NAN; super::scratch_len(&turned, form)];
                forward(
                    isa,
                    &Pool::serial(),
                    &turned,
                    form,
                    n,
                    &g,
                    &w2,
                    None,
                    Then::default(),
                    &mut scratch,
                    &mut y,
                );
                assert_eq!(bit_difference(&gx, &y), None, "{form:?}, {c:?}, {isa}");
            }
        }
    }
}

/// Several blocks of tiles, several strips, several blocks of the weight's sums.
#[test]
fn threads_and_instruction_sets_do_not_change_a_bit() {
    let shapes = [
        ([30, 30], [64, 65], 3),
        ([7, 7], [200, 136], 3),
        ([10, 10], [136, 200], 3),
        ([61, 66], [16, 20], 3),
        ([27, 27], [64, 80], 5),
    ];
    for (size, [ins, outs], r) in shapes {
        let c = conv(size, [ins, outs, 1], [r, r], [1, 1], [1, 1], [1, 1]);
        assert!(choose(&c).is_some());
        let o = operands(&c, 9);
        for form in forms(&c) {
            let mut all = Vec::new();
            for isa in fused() {
                for threads in [1, 2, 3, 7, 40] {
                    all.push(passes(isa, &Pool::new(threads), &c, form, 9, &o));
                }
            }
            for got in &all {
                for (a, b) in got.iter().zip(&all[0]) {
                    assert_eq!(bit_difference(a, b), None, "{form:?}, {c:?}");
                }
            }
        }
    }
}

/// Few tiles run in another order of loops than many: an image's result does not
/// depend on how many others there are.
#[test]
fn the_batch_does_not_change_an_image() {
    let c = conv([7, 6], [136, 200, 1], [3, 3], [1, 1], [1, 1], [1, 1]);
    let few = 3;
    let o = operands(&c, 70);
    let bias = values(200, 1.0, 5);
    for isa in Isa::available() {
        let all = |n: usize| {
            let (x, g) = (&o[0][..c.in_len(n)], &o[2][..c.out_len(n)]);
            let scratch = || vec![f32::NAN; super::scratch_len(&c, F43)];
            let (mut y, mut gx) = (vec![f32::NAN; c.out_len(n)], vec![f32::NAN; c.in_len(n)]);
            forward(
                isa,
                &Pool::new(2),
                &c,
                F43,
                n,
                x,
                &o[1],
                Some(&bias),
                Then::default(),
                &mut scratch(),
                &mut y,
            );
            backward_input(isa, &Pool::new(2), &c, F43, n, g, &o[1], &mut scratch(), &mut gx);
            y.truncate(c.out_len(few));
            gx.truncate(c.in_len(few));
            [y, gx]
        };
        for many in [20, 70] {
            for (few, many) in all(few).iter().zip(&all(many)) {
                assert_eq!(bit_difference(few, many), None, "{isa}");
            }
        }
    }
}

/// The most channels fit into the thread's buffer, and no images are no problem.
#[test]
fn extremes() {
    let wide = conv([4, 4], [super::MOST_CHANNELS, 64, 1], [3, 3], [1, 1], [1, 1], [1, 1]);
    assert_eq!(choose(&wide), Some(F43));
    let o = operands(&wide, 1);
    let got = passes(Isa::best(), &Pool::serial(), &wide, F43, 1, &o);
    assert!(got.iter().flatten().all(|x| x.is_finite()));
    let c = conv([8, 8], [64, 64, 1], [3, 3], [1, 1], [1, 1], [1, 1]);
    let [y, gx, gw] = passes(Isa::best(), &Pool::serial(), &c, F43, 0, &operands(&c, 0));
    assert!(y.is_empty() && gx.is_empty() && gw.iter().all(|g| *g == 0.0));
    assert!(poisoned(&c, 1).len() >= super::scratch_len(&c, F43));
    let mut strided = c;
    strided.stride = [2, 2];
    assert_eq!(choose(&strided), None);
    assert_eq!(choose(&Conv { groups: 2, ..c }), None);
    assert_eq!(choose(&Conv { padding: [3, 1], ..c }), None);
    assert_eq!(choose(&Conv { in_channels: super::MOST_CHANNELS + 1, ..c }), None);
}

#[test]
fn the_checks_can_fail() {
    must_fail("an error beyond the bound", || within("must fail", &[1.0], &[1.1], &[0.01]));
    must_fail("NaN", || within("must fail", &[f32::NAN], &[1.0], &[1.0]));
}
