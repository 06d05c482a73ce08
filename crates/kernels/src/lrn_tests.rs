use super::{Lrn, backward, denominators, divide};
use crate::checks::{bit_difference, close, must_fail, same_bits, values};
use crate::{Isa, Pool};

fn cases() -> Vec<(Lrn, usize)> {
    let alexnet = Lrn { channels: 0, size: 5, alpha: 0.5, beta: 0.75, k: 2.0 };
    let mut cases = Vec::new();
    for channels in [1, 2, 3, 8, 64, 96, 130] {
        for size in [1, 2, 4, 5, 300] {
            cases.push((Lrn { channels, size, ..alexnet }, 7));
        }
    }
    // Several tasks.
    cases.push((Lrn { channels: 48, ..alexnet }, 1000));
    cases
}

/// (d, y, gradient) by the formula, in double precision.
fn direct(by: &Lrn, x: &[f32], g: &[f32]) -> [Vec<f64>; 3] {
    let mut result = [vec![], vec![], vec![]];
    for (x, g) in x.chunks(by.channels).zip(g.chunks(by.channels)) {
        let [x, g] = [x, g].map(|v| v.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>());
        let sees = |c: usize, other: usize| other + by.size / 2 >= c && other <= c + (by.size - 1) / 2;
        let factor = by.alpha / by.size as f64;
        let d: Vec<f64> = (0..by.channels)
            .map(|c| (0..by.channels).filter(|o| sees(c, *o)).map(|o| x[o] * x[o]).sum::<f64>())
            .map(|sum| by.k + factor * sum)
            .collect();
        for c in 0..by.channels {
            let others: f64 = (0..by.channels)
                .filter(|o| sees(*o, c))
                .map(|o| g[o] * x[o] * d[o].powf(-by.beta - 1.0))
                .sum();
            result[0].push(d[c]);
            result[1].push(x[c] * d[c].powf(-by.beta));
            result[2].push(g[c] * d[c].powf(-by.beta) - 2.0 * by.beta * factor * x[c] * others);
        }
    }
    result
}

#[test]
fn both_passes_are_the_formula() {
    for (by, rows) in cases() {
        let len = rows * by.channels;
        let (x, g) = (values(len, 3.0, 1), values(len, 1.0, 2));
        let run = |isa, pool: &Pool| {
            let (mut d, mut t, mut grad) = (vec![f32::NAN; len], vec![f32::NAN; len], vec![f32::NAN; len]);
            denominators(isa, pool, &by, &x, &mut d);
            let mut y = d.clone();
            divide(isa, pool, &by, &x, &mut y);
            backward(isa, pool, &by, &x, &d, &g, &mut t, &mut grad);
            [d, y, grad].concat()
        };
        let serial = Pool::serial();
        let [d, y, grad] = direct(&by, &x, &g);
        let window = by.size.min(by.channels) as f64;
        let eps = f64::from(f32::EPSILON);
        // d: a product and an addition per channel, then two more. The power: d's error, and
        // what the logarithm (at most ln of the largest d) and the exponential add.
        let error = (2.0 * window + 2.0) * eps;
        let largest = by.k + by.alpha * 9.0;
        let power = by.beta * (error + 2.0 * largest.ln() * eps) + 2.0 * eps;
        for (_, got) in same_bits("lrn", false, |isa| run(isa, &serial)) {
            close("d", &got[..len], &d, error, 0.0);
            close("y", &got[len..2 * len], &y, power + eps, 0.0);
            // The terms: |g| / d^beta below 1, and x times a sum of as many as the window has.
            let terms = 1.0 + 2.0 * by.beta * by.alpha / by.size as f64 * 3.0 * window * 3.0;
            let absolute = terms * (power + error + (window + 4.0) * eps);
            close("gradient", &got[2 * len..], &grad, 0.0, absolute);
        }
        let (one, three) = (run(Isa::best(), &serial), run(Isa::best(), &Pool::new(3)));
        assert_eq!(bit_difference(&one, &three), None);
    }
}

#[test]
fn wrong_lengths_are_rejected() {
    let by = Lrn { channels: 3, size: 5, alpha: 1.0, beta: 1.0, k: 1.0 };
    let run = |x: usize, d: usize| {
        move || denominators(Isa::SCALAR, &Pool::serial(), &by, &vec![0.0f32; x], &mut vec![0.0; d])
    };
    run(6, 6)();
    must_fail("output", run(6, 3));
    must_fail("a part of a pixel", run(4, 4));
}
