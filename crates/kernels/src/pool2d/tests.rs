use super::*;
use crate::activation::{relu, relu_backward, relu6, relu6_backward};
use crate::checks::{bit_difference, close, must_fail, same_bits, values, widened};
use crate::norm::After;
use crate::{Isa, Pool};

fn sliding(input: usize, kernel: usize, stride: usize, padding: usize, ceil: bool) -> Axis {
    Axis::sliding(input, kernel, stride, padding, ceil).expect("a window")
}

/// Output sizes that PyTorch 2.15 gives for (input, kernel, stride, padding),
/// without and with ceil mode.
#[test]
fn output_sizes() {
    let sizes = [
        ((6, 3, 2, 0), 2, 3),
        ((7, 3, 2, 0), 3, 3),
        ((5, 3, 2, 1), 3, 3),
        ((6, 3, 2, 1), 3, 4),
        ((4, 2, 2, 1), 3, 3),
        ((3, 2, 2, 1), 2, 2),
        ((5, 2, 4, 0), 1, 2),
        ((5, 2, 5, 1), 2, 2),
        ((1, 1, 1, 0), 1, 1),
        ((13, 3, 2, 0), 6, 6),
        ((112, 3, 2, 1), 56, 57),
    ];
    for ((input, kernel, stride, padding), floor, ceil) in sizes {
        let case = format!("{input} {kernel} {stride} {padding}");
        assert_eq!(sliding(input, kernel, stride, padding, false).output(), floor, "{case}");
        assert_eq!(sliding(input, kernel, stride, padding, true).output(), ceil, "{case}, ceil");
    }
    assert_eq!(Axis::sliding(2, 3, 1, 0, false), None);
    // Allowed by PyTorch: the only window reaches beyond the image.
    assert_eq!(sliding(2, 3, 2, 0, true).output(), 1);
}

/// Every window has an input, begins inside the image or the padding before it,
/// and all of them together are ordered.
#[test]
fn windows_are_never_empty() {
    for input in 1..9 {
        for kernel in 1..6 {
            for (stride, padding, ceil) in
                (1..5).flat_map(|s| (0..=kernel / 2).flat_map(move |p| [(s, p, false), (s, p, true)]))
            {
                let Some(axis) = Axis::sliding(input, kernel, stride, padding, ceil) else { continue };
                for o in 0..axis.output() {
                    let Window { start, end, padded } = axis.window(o);
                    assert!(start < end && end <= input && end - start <= padded && padded <= kernel);
                    assert!(!ceil || o * stride < input + padding);
                    assert_eq!(start, (o * stride).saturating_sub(padding));
                }
            }
        }
        for output in 1..12 {
            let axis = Axis::adaptive(input, output);
            assert_eq!((axis.window(0).start, axis.window(output - 1).end), (0, input));
            for o in 0..output {
                let Window { start, end, .. } = axis.window(o);
                assert!(start < end && end <= input);
                assert!(o == 0 || start <= axis.window(o - 1).end, "a gap");
            }
        }
    }
}

fn cases() -> Vec<Pool2d> {
    let mut cases = Vec::new();
    for channels in [1, 3, 16, 30, 67, 130] {
        let by = |height, width| Pool2d { channels, height, width };
        cases.extend([
            by(sliding(6, 2, 2, 0, false), sliding(5, 2, 2, 0, false)),
            by(sliding(7, 3, 3, 0, false), sliding(7, 2, 2, 0, true)),
            by(sliding(7, 3, 2, 1, true), sliding(6, 3, 2, 1, true)),
            by(sliding(4, 3, 1, 1, false), sliding(5, 1, 3, 0, false)),
            by(Axis::adaptive(5, 3), Axis::adaptive(4, 1)),
        ]);
    }
    // More than one task within an example, and more than one example in a task.
    cases.push(Pool2d {
        channels: 40,
        height: sliding(37, 3, 1, 1, false),
        width: sliding(33, 3, 1, 1, false),
    });
    cases
}

/// The formula, element by element. `pick` gets the window's elements with
/// their positions and the padded size, and gives the output and each share.
fn direct(
    by: &Pool2d,
    n: usize,
    x: &[f32],
    g: &[f32],
    pick: impl Fn(&[(usize, f64)], usize) -> (f64, Vec<f64>),
) -> (Vec<f64>, Vec<f64>) {
    let (mut y, mut grad) = (Vec::new(), vec![0.0; x.len()]);
    for example in 0..n {
        for i in 0..by.height.output() {
            for j in 0..by.width.output() {
                for c in 0..by.channels {
                    let (h, w) = (by.height.window(i), by.width.window(j));
                    let window: Vec<(usize, f64)> = (h.start..h.end)
                        .flat_map(|r| (w.start..w.end).map(move |s| (r, s)))
                        .map(|(r, s)| {
                            let pixel = (example * by.height.input() + r) * by.width.input() + s;
                            (pixel * by.channels + c, f64::from(x[pixel * by.channels + c]))
                        })
                        .collect();
                    let (out, shares) = pick(&window, h.padded * w.padded);
                    for ((at, _), share) in window.iter().zip(shares) {
                        grad[*at] += share * f64::from(g[y.len()]);
                    }
                    y.push(out);
                }
            }
        }
    }
    (y, grad)
}

#[test]
fn maximum_is_the_formula() {
    for by in cases() {
        let n = 3;
        let x = values(n * by.input_len(), 3.0, 1);
        let g = values(n * by.output_len(), 1.0, 2);
        let first_largest = |window: &[(usize, f64)], _| {
            let best = window.iter().map(|w| w.1).fold(f64::NEG_INFINITY, f64::max);
            let at = window.iter().position(|w| w.1 == best);
            (best, (0..window.len()).map(|i| if Some(i) == at { 1.0 } else { 0.0 }).collect())
        };
        let (want_y, want_grad) = direct(&by, n, &x, &g, first_largest);
        let forward = |isa, pool: &Pool| {
            let mut y = vec![f32::NAN; g.len()];
            max_forward(isa, pool, (&by, After::Nothing), n, &x, &mut y);
            y
        };
        let backward = |isa, pool: &Pool, y: &[f32]| {
            let mut grad = vec![f32::NAN; x.len()];
            max_backward(isa, pool, &by, n, &x, y, &g, &mut grad);
            grad
        };
        let serial = Pool::serial();
        let y = same_bits("max", true, |isa| forward(isa, &serial)).remove(0).1;
        assert_eq!(widened(&y), want_y);
        let grad = same_bits("max backward", true, |isa| backward(isa, &serial, &y)).remove(0).1;
        // At most nine windows contain an input: eight additions of values below 1.
        close("max backward", &grad, &want_grad, 0.0, 9.0 * 9.0 * f64::from(f32::EPSILON));
        let pool = Pool::new(3);
        assert_eq!(bit_difference(&forward(Isa::best(), &pool), &y), None);
        assert_eq!(bit_difference(&backward(Isa::best(), &pool, &y), &grad), None);
    }
}

/// Saved positions give the bits of the passes that find the winner again, also with a
/// clamp in the same pass.
#[test]
fn saved_positions_equal_the_search() {
    type Step = fn(Isa, &mut [f32]);
    type Back = fn(Isa, &[f32], &mut [f32]);
    let clamps: [(After, Step, Back); 3] = [
        (After::Nothing, |_, _| {}, |_, _, _| {}),
        (After::Relu, relu, relu_backward),
        (After::Relu6, relu6, relu6_backward),
    ];
    // So large that memory is asked for ahead.
    let axis = |kernel| sliding(121, kernel, 2, 0, false);
    let far = [2, 3].map(|kernel| Pool2d { channels: 30, height: axis(kernel), width: axis(kernel) });
    // Whole vectors of channels, for which the compiler knows the taps: with windows that
    // padding and the image's end cut, side by side and not.
    let wide = [
        (2, 2, 0, true),
        (3, 3, 0, false),
        (3, 3, 0, true),
        (3, 2, 1, false),
        (2, 2, 1, true),
        (3, 1, 1, true),
    ]
    .map(|(kernel, stride, padding, ceil)| Pool2d {
        channels: 19,
        height: sliding(13, kernel, stride, padding, ceil),
        width: sliding(17, kernel, stride, padding, ceil),
    });
    for by in cases().into_iter().chain(far).chain(wide) {
        let n = 3;
        let g = values(n * by.output_len(), 1.0, 2);
        let x = values(n * by.input_len(), 9.0, 1);
        for (after, step, back) in clamps {
            for isa in Isa::available() {
                let mut clamped = x.clone();
                step(isa, &mut clamped);
                let serial = Pool::serial();
                let (mut want, mut want_grad) = (vec![f32::NAN; g.len()], vec![f32::NAN; x.len()]);
                max_forward(isa, &serial, (&by, After::Nothing), n, &clamped, &mut want);
                max_backward(isa, &serial, &by, n, &clamped, &want, &g, &mut want_grad);
                back(isa, &clamped, &mut want_grad);
                for threads in [1, 3] {
                    let pool = Pool::new(threads);
                    let mut positions = vec![f32::NAN; n * positions_len(&by)];
                    let (mut y, mut grad) = (vec![f32::NAN; g.len()], vec![f32::NAN; x.len()]);
                    max_forward_saving(isa, &pool, (&by, after), n, &x, &mut y, &mut positions);
                    assert_eq!(bit_difference(&y, &want), None, "{after:?}, {isa}");
                    y.fill(f32::NAN);
                    max_forward(isa, &pool, (&by, after), n, &x, &mut y);
                    assert_eq!(bit_difference(&y, &want), None, "{after:?}, {isa}, not saved");
                    let saved = (&y[..], &positions[..]);
                    max_backward_saved(isa, &pool, &by, after, n, saved, &g, &mut grad);
                    assert_eq!(bit_difference(&grad, &want_grad), None, "{after:?} backward, {isa}");
                }
            }
        }
    }
    assert!(fits_a_byte([16, 16]) && !fits_a_byte([16, 17]));
}

#[test]
fn average_is_the_formula() {
    for (by, count_padding) in cases().into_iter().flat_map(|by| [(by, false), (by, true)]) {
        let n = 3;
        let x = values(n * by.input_len(), 3.0, 1);
        let g = values(n * by.output_len(), 1.0, 2);
        let mean = |window: &[(usize, f64)], padded| {
            let divisor = if count_padding { padded } else { window.len() } as f64;
            (window.iter().map(|w| w.1).sum::<f64>() / divisor, vec![1.0 / divisor; window.len()])
        };
        let (want_y, want_grad) = direct(&by, n, &x, &g, mean);
        let forward = |isa, pool: &Pool| {
            let mut y = vec![f32::NAN; g.len()];
            avg_forward(isa, pool, &by, count_padding, n, &x, &mut y);
            y
        };
        let backward = |isa, pool: &Pool| {
            let mut grad = vec![f32::NAN; x.len()];
            avg_backward(isa, pool, &by, count_padding, n, &g, &mut grad);
            grad
        };
        let serial = Pool::serial();
        let y = same_bits("average", true, |isa| forward(isa, &serial)).remove(0).1;
        // At most 12 terms below 3, their sum divided once: 12 roundings of at most 3.
        close("average", &y, &want_y, 0.0, 12.0 * 3.0 * f64::from(f32::EPSILON));
        let grad = same_bits("average backward", true, |isa| backward(isa, &serial)).remove(0).1;
        close("average backward", &grad, &want_grad, 0.0, 9.0 * 9.0 * f64::from(f32::EPSILON));
        let pool = Pool::new(3);
        assert_eq!(bit_difference(&forward(Isa::best(), &pool), &y), None);
        assert_eq!(bit_difference(&backward(Isa::best(), &pool), &grad), None);
    }
}

/// Four pixels of one window in one channel.
fn window_of(x: [f32; 4]) -> (f32, [f32; 4]) {
    let axis = sliding(2, 2, 2, 0, false);
    let by = Pool2d { channels: 1, height: axis, width: axis };
    let (mut y, mut grad) = ([0.0], [9.0; 4]);
    for isa in Isa::available() {
        max_forward(isa, &Pool::serial(), (&by, After::Nothing), 1, &x, &mut y);
        max_backward(isa, &Pool::serial(), &by, 1, &x, &y, &[1.0], &mut grad);
    }
    (y[0], grad)
}

#[test]
fn ties_and_values_that_are_no_numbers() {
    assert_eq!(window_of([2.0, 5.0, 5.0, 5.0]), (5.0, [0.0, 1.0, 0.0, 0.0]));
    assert_eq!(window_of([-0.0, 0.0, 0.0, -0.0]), (0.0, [1.0, 0.0, 0.0, 0.0]));
    assert_eq!(window_of([f32::NEG_INFINITY; 4]), (f32::NEG_INFINITY, [1.0, 0.0, 0.0, 0.0]));
    for at in 0..4 {
        let mut x = [1.0, 3.0, 2.0, 0.0];
        x[at] = f32::NAN;
        let (y, grad) = window_of(x);
        assert!(y.is_nan(), "a NaN at {at} is lost");
        assert_eq!(grad.iter().sum::<f32>(), 1.0, "the gradient of a NaN at {at} is lost");
    }
}

#[test]
fn wrong_lengths_are_rejected() {
    let axis = sliding(2, 2, 2, 0, false);
    let by = Pool2d { channels: 1, height: axis, width: axis };
    let forward = |x: usize, y: usize| {
        move || {
            max_forward(
                Isa::SCALAR,
                &Pool::serial(),
                (&by, After::Nothing),
                1,
                &vec![0.0f32; x],
                &mut vec![0.0; y],
            )
        }
    };
    forward(4, 1)();
    must_fail("input", forward(5, 1));
    must_fail("output", forward(4, 2));
}
