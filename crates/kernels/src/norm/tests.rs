use super::*;
use crate::checks::{close, must_fail, same_bits, values, widened};

const ULP: f64 = 1.0 / 8_388_608.0;
const BY: BatchNorm = BatchNorm { eps: 1e-5, momentum: 0.1, unbiased_running: true };

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
    batch_norm_train(isa, by, x, to, &mut y);
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
    let mut partial = vec![nan; 2 * partial_len(x.len() / channels, channels)];
    let mut grad = dy.to_vec();
    batch_norm_backward(isa, x, (mean, rstd), &gamma, (&mut dgamma, &mut dbeta), &mut partial, &mut grad);
    [grad, dgamma, dbeta].concat()
}

/// Shifted data: the mean is six standard deviations away.
fn data(rows: usize, channels: usize) -> Vec<f32> {
    values(rows * channels, 1.0, 1).iter().map(|x| x + 3.0).collect()
}

#[test]
fn forward_and_backward_against_the_twin() {
    for channels in [1, 3, 16, 20, 40, 64] {
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
        batch_norm_eval(isa, 1e-5, &x, (&mean, &var), (&gamma, &beta), &mut rstd, &mut y);
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

/// Blocks computed apart give the bits of the whole.
#[test]
fn blocks_may_be_split() {
    let x = data(200, 20);
    for isa in Isa::available() {
        let (mut whole, mut parts) = (vec![0.0; 80], vec![0.0; 80]);
        block_sums(isa, 20, &x, &mut whole);
        let (left, right) = parts.split_at_mut(40);
        block_sums(isa, 20, &x[128 * 20..], right);
        block_sums(isa, 20, &x[..128 * 20], left);
        assert_eq!(whole, parts);
    }
    must_fail("a wrong scratch", || block_sums(Isa::SCALAR, 2, &[0.0f32; 4], &mut [0.0; 3]));
    must_fail("a ragged matrix", || block_sums(Isa::SCALAR, 3, &[0.0f32; 4], &mut [0.0; 3]));
}
