use super::*;
use crate::activation::{relu, relu_backward, relu6, relu6_backward};
use crate::checks::{bit_difference, close, must_fail, same_bits, values, widened};

const ULP: f64 = 1.0 / 8_388_608.0;
const BY: BatchNorm = BatchNorm { eps: 1e-5, momentum: 0.1, unbiased_running: true, after: After::Nothing };

/// y, saved mean, rstd, running mean, running variance, one after the other.
fn train<T: Real>(isa: Isa, by: BatchNorm, channels: usize, x: &[T]) -> Vec<T> {
    let rows = x.len() / channels;
    let gamma: Vec<T> = (0..channels).map(|c| T::from_f64(0.5 + c as f64 / 64.0)).collect();
    let beta: Vec<T> = (0..channels).map(|c| T::from_f64(c as f64 / 32.0 - 0.5)).collect();
    let nan = T::from_f64(f64::NAN);
    let (mut y, mut partial) = (vec![nan; x.len()], vec![nan; partial_len(rows, channels)]);
    let (mut mean, mut rstd) = (vec![nan; channels], vec![nan; channels]);
    let (mut running_mean, mut running_var) = (vec![T::ZERO; channels], vec![T::ONE; channels]);
    let to = Training {
        gamma: &gamma,
        beta: &beta,
        running_mean: &mut running_mean,
        running_var: &mut running_var,
        mean: &mut mean,
        rstd: &mut rstd,
        partial: &mut partial,
    };
    batch_norm_train(isa, &Pool::serial(), by, x, to, None, &mut y);
    [y, mean, rstd, running_mean, running_var].concat()
}

/// ∂x, ∂γ, ∂β for the ∂y given.
fn back<T: Real>(isa: Isa, channels: usize, x: &[T], dy: &[T]) -> Vec<T> {
    let all = train(isa, BY, channels, x);
    let mean = &all[x.len()..x.len() + channels];
    let rstd = &all[x.len() + channels..x.len() + 2 * channels];
    let gamma: Vec<T> = (0..channels).map(|c| T::from_f64(0.5 + c as f64 / 64.0)).collect();
    let nan = T::from_f64(f64::NAN);
    let (mut dgamma, mut dbeta) = (vec![nan; channels], vec![nan; channels]);
    let mut partial = vec![nan; partial_len(x.len() / channels, channels)];
    let beta: Vec<T> = (0..channels).map(|c| T::from_f64(c as f64 / 32.0 - 0.5)).collect();
    let mut scale = vec![nan; channels];
    product(rstd, &gamma, &mut scale);
    let by = Backward { mean, rstd, scale: &scale, beta: &beta };
    let mut grad = vec![nan; x.len()];
    let sums = (&mut dgamma[..], &mut dbeta[..]);
    let pool = Pool::serial();
    batch_norm_backward(isa, &pool, After::Nothing, x, dy, by, sums, &mut partial, Some(&mut grad));
    [grad, dgamma, dbeta].concat()
}

/// Shifted data: the mean is six standard deviations away.
fn data(rows: usize, channels: usize) -> Vec<f32> {
    values(rows * channels, 1.0, 1).iter().map(|x| x + 3.0).collect()
}

#[test]
fn forward_and_backward_against_the_twin() {
    for channels in [1, 3, 16, 20, 40, 64, 100, 272] {
        for rows in [2, 63, 64, 65, 100, 300] {
            let what = format!("{rows} x {channels}");
            let (x, dy) = (data(rows, channels), values(rows * channels, 1.0, 2));
            let got = same_bits(&what, true, |isa| train(isa, BY, channels, &x));
            let want = train(Isa::SCALAR, BY, channels, &widened(&x));
            // A block's sum of at most 64 values of at most 4: 64 roundings, half an ulp
            // each, so the mean is off by 32 ulps of 4 at most; times rstd. With two rows
            // rstd may be large; the bound follows it.
            let rstd =
                want[x.len() + channels..x.len() + 2 * channels].iter().fold(1.0, |a: f64, b| a.max(*b));
            close(&what, &got[0].1, &want, 160.0 * ULP, 160.0 * 2.0 * ULP * rstd * rstd.min(50.0));

            let got = same_bits(&what, true, |isa| back(isa, channels, &x, &dy));
            let want = back(Isa::SCALAR, channels, &widened(&x), &widened(&dy));
            let size = rstd * rstd * rows as f64;
            close(&what, &got[0].1, &want, 320.0 * ULP, 320.0 * ULP * size);
        }
    }
}

/// Tensors that are written past the caches, in whole vectors and in others: no task may
/// write into its neighbour's part. Two threads, as one would write in order.
#[test]
fn large_tensors_equal_the_twin() {
    for channels in [24, 64, 100] {
        let rows = (1 << 21) / channels + 3;
        let (x, dy) = (data(rows, channels), values(rows * channels, 1.0, 2));
        let [mean, scale, beta, rstd, dgamma, dbeta] =
            [3, 4, 5, 6, 7, 8].map(|seed| values(channels, 1.0, seed));
        same_bits("large", true, |isa| {
            let pool = Pool::new(2);
            let mut y = [crate::memory::Memory::zeroed(x.len()), crate::memory::Memory::zeroed(x.len())];
            let by = Channels { mean: &mean, scale: &scale, beta: &beta };
            normalize(isa, &pool, After::Relu, &x, by, None, &mut y[0]);
            let by = Backward { mean: &mean, rstd: &rstd, scale: &scale, beta: &beta };
            input_gradient(isa, &pool, After::Relu, &x, &dy, by, (&dgamma, &dbeta), &mut y[1]);
            // Sums over blocks of rows that are walked in parts.
            let nan = vec![f32::NAN; channels];
            let (mut sums, mut partial) =
                ([nan.clone(), nan.clone(), nan.clone(), nan], vec![f32::NAN; partial_len(rows, channels)]);
            let [mean, squares, dgamma, dbeta] = &mut sums;
            statistics(isa, &pool, &x, Statistics { mean, squares, partial: &mut partial });
            gradient_sums(isa, &pool, After::Relu, &x, &dy, by, (dgamma, dbeta), &mut partial);
            [&y[0][..], &y[1][..], &sums.concat()].concat()
        });
    }
}

/// The twin's statistics by the definition.
#[test]
fn definition() {
    let (rows, channels) = (70, 3);
    let x = widened(&data(rows, channels));
    for unbiased in [false, true] {
        let by = BatchNorm { unbiased_running: unbiased, ..BY };
        let all = train(Isa::best(), by, channels, &x);
        for c in 0..channels {
            let column: Vec<f64> = (0..rows).map(|r| x[r * channels + c]).collect();
            let mean = column.iter().sum::<f64>() / rows as f64;
            let squares: f64 = column.iter().map(|x| (x - mean) * (x - mean)).sum();
            let var = squares / rows as f64;
            let tail = &all[x.len()..];
            assert!((tail[c] - mean).abs() < 1e-13);
            assert!((tail[channels + c] - 1.0 / (var + 1e-5).sqrt()).abs() < 1e-12);
            assert!((tail[2 * channels + c] - 0.1 * mean).abs() < 1e-13);
            let running = squares / (if unbiased { rows - 1 } else { rows }) as f64;
            assert!((tail[3 * channels + c] - (0.9 + 0.1 * running)).abs() < 1e-13);
            let y =
                (column[5] - mean) / (var + 1e-5).sqrt() * (0.5 + c as f64 / 64.0) + (c as f64 / 32.0 - 0.5);
            assert!((all[5 * channels + c] - y).abs() < 1e-12);
        }
    }
}

/// Central differences of Σ w y in double precision.
#[test]
fn gradient_is_the_derivative() {
    let (rows, channels, h) = (7, 3, 1e-5);
    let (x, w) = (widened(&data(rows, channels)), widened(&values(rows * channels, 1.0, 9)));
    let grad = back(Isa::best(), channels, &x, &w);
    let total =
        |x: &[f64]| -> f64 { train(Isa::SCALAR, BY, channels, x).iter().zip(&w).map(|(y, w)| y * w).sum() };
    for i in 0..x.len() {
        let moved = |d: f64| {
            let mut x = x.clone();
            x[i] += d;
            total(&x)
        };
        let want = (moved(h) - moved(-h)) / (2.0 * h);
        assert!((grad[i] - want).abs() < 1e-7, "{i}: {} and {want}", grad[i]);
    }
    for c in 0..channels {
        let y = train(Isa::SCALAR, BY, channels, &x);
        let (mut dgamma, mut dbeta) = (0.0, 0.0);
        for r in 0..rows {
            let i = r * channels + c;
            dbeta += w[i];
            dgamma += w[i] * (y[i] - (c as f64 / 32.0 - 0.5)) / (0.5 + c as f64 / 64.0);
        }
        assert!((grad[x.len() + c] - dgamma).abs() < 1e-12);
        assert!((grad[x.len() + channels + c] - dbeta).abs() < 1e-12);
    }
}

#[test]
fn evaluation() {
    let x = data(10, 20);
    let (mean, var) = (values(20, 1.0, 3), values(20, 0.2, 4).iter().map(|v| v + 0.5).collect::<Vec<_>>());
    let (gamma, beta) = (values(20, 1.0, 5), values(20, 1.0, 6));
    let got = same_bits("eval", true, |isa| {
        let (mut rstd, mut y) = (vec![f32::NAN; 20], vec![f32::NAN; 200]);
        let (running, affine) = ((&mean[..], &var[..]), (&gamma[..], &beta[..]));
        let by = (1e-5, After::Nothing);
        batch_norm_eval(isa, &Pool::serial(), by, &x, running, affine, &mut rstd, None, &mut y);
        y
    });
    let want: Vec<f64> = (0..200)
        .map(|i| {
            let (x, c) = (f64::from(x[i]), i % 20);
            let rstd = 1.0 / (f64::from(var[c]) + 1e-5).sqrt();
            (x - f64::from(mean[c])) * rstd * f64::from(gamma[c]) + f64::from(beta[c])
        })
        .collect();
    // Seven roundings of terms below 5 / √0.3 · 1 + 1 ≈ 10.
    close("eval", &got[0].1, &want, 0.0, 7.0 * 10.0 * ULP);
}

type Everything = [Vec<f32>; 4];

/// y, ∂x, ∂γ, ∂β with an activation and a sum in the same pass.
fn together(isa: Isa, pool: &Pool, after: After, channels: usize, add: Option<&[f32]>) -> Everything {
    let rows = 700;
    let (x, dy) = (data(rows, channels), values(rows * channels, 1.0, 2));
    let (gamma, beta) = (values(channels, 4.0, 3), values(channels, 1.0, 4));
    let nan = |len: usize| vec![f32::NAN; len];
    let (mut y, mut dx) = (nan(x.len()), nan(x.len()));
    let (mut mean, mut rstd, mut partial) = (nan(channels), nan(channels), nan(partial_len(rows, channels)));
    let to = Training {
        gamma: &gamma,
        beta: &beta,
        running_mean: &mut vec![0.0; channels],
        running_var: &mut vec![1.0; channels],
        mean: &mut mean,
        rstd: &mut rstd,
        partial: &mut partial,
    };
    batch_norm_train(isa, pool, BatchNorm { after, ..BY }, &x, to, add, &mut y);
    let (mut dgamma, mut dbeta, mut scale) = (nan(channels), nan(channels), nan(channels));
    product(&rstd, &gamma, &mut scale);
    let by = Backward { mean: &mean, rstd: &rstd, scale: &scale, beta: &beta };
    let sums = (&mut dgamma[..], &mut dbeta[..]);
    batch_norm_backward(isa, pool, after, &x, &dy, by, sums, &mut partial, Some(&mut dx));
    [y, dx, dgamma, dbeta]
}

/// One pass gives the bits of the passes that it stands for, which are those of any
/// number of threads.
#[test]
fn one_pass_equals_several() {
    for channels in [1, 7, 24, 48] {
        let add = values(700 * channels, 1.0, 8);
        for isa in Isa::available() {
            let plain = together(isa, &Pool::serial(), After::Nothing, channels, None);
            type Step = fn(Isa, &mut [f32]);
            type Back = fn(Isa, &[f32], &mut [f32]);
            let steps: [(After, Step, Back); 2] =
                [(After::Relu, relu, relu_backward), (After::Relu6, relu6, relu6_backward)];
            for (after, step, back) in steps {
                let mut want = plain[0].clone();
                step(isa, &mut want);
                // The gradient that arrives, undone through the activation first.
                let mut dy = values(700 * channels, 1.0, 2);
                back(isa, &want, &mut dy);
                assert!(dy.contains(&0.0), "the activation stops nothing");
                for threads in [1, 3] {
                    let got = together(isa, &Pool::new(threads), after, channels, None);
                    assert_eq!(bit_difference(&got[0], &want), None, "{after:?}, {isa}");
                    let masked = backward_of(isa, channels, &dy);
                    for (got, want) in got[1..].iter().zip(&masked) {
                        assert_eq!(bit_difference(got, want), None, "{after:?} backward, {isa}");
                    }
                }
            }
            let mut want = plain[0].clone();
            crate::elementwise::add_assign(isa, &mut want, &add);
            relu(isa, &mut want);
            let got = together(isa, &Pool::new(2), After::Relu, channels, Some(&add));
            assert_eq!(bit_difference(&got[0], &want), None, "with a sum, {isa}");
        }
    }
    must_fail("a wrong scratch", || {
        let (mean, squares, partial) = (&mut [0.0f32][..], &mut [0.0][..], &mut [0.0; 3][..]);
        statistics(Isa::SCALAR, &Pool::serial(), &[0.0; 4], Statistics { mean, squares, partial });
    });
    must_fail("a ragged matrix", || {
        let (mean, squares, partial) = (&mut [0.0f32; 3][..], &mut [0.0; 3][..], &mut [0.0; 6][..]);
        statistics(Isa::SCALAR, &Pool::serial(), &[0.0; 4], Statistics { mean, squares, partial });
    });
}

/// The backward pass of [`together`] without an activation, for another gradient.
fn backward_of(isa: Isa, channels: usize, dy: &[f32]) -> [Vec<f32>; 3] {
    let x = data(700, channels);
    let nan = |len: usize| vec![f32::NAN; len];
    let (mut mean, mut squares, mut partial) =
        (nan(channels), nan(channels), nan(partial_len(700, channels)));
    let pool = Pool::serial();
    let all = Statistics { mean: &mut mean, squares: &mut squares, partial: &mut partial };
    statistics(isa, &pool, &x, all);
    let rstd: Vec<f32> =
        squares.iter().map(|s| 1.0 / ((f64::from(*s) / 700.0) as f32 + BY.eps as f32).sqrt()).collect();
    let (gamma, beta, mut scale) = (values(channels, 4.0, 3), values(channels, 1.0, 4), nan(channels));
    product(&rstd, &gamma, &mut scale);
    let by = Backward { mean: &mean, rstd: &rstd, scale: &scale, beta: &beta };
    let [mut dx, mut dgamma, mut dbeta] = [nan(x.len()), nan(channels), nan(channels)];
    let sums = (&mut dgamma[..], &mut dbeta[..]);
    batch_norm_backward(isa, &pool, After::Nothing, &x, dy, by, sums, &mut partial, Some(&mut dx));
    [dx, dgamma, dbeta]
}
