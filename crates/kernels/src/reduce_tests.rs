use super::*;
use crate::checks::{SIZES, close, must_fail, same_bits, values, widened};

/// 2^-24.
const HALF_ULP: f64 = 1.0 / 16_777_216.0;

#[test]
fn sums() {
    for n in SIZES {
        for start in [0, 1] {
            let (a, b) = (values(n + start, 3.0, 1), values(n + start, 3.0, 2));
            let (a, b) = (&a[start..], &b[start..]);
            let (a64, b64) = (widened(a), widened(b));
            // An element passes n / 16 additions of its lane, 4 of the tree and a product.
            let depth = (n / 16 + 6) as f64 * HALF_ULP * 1.01;
            let check = |what: &str, run: &dyn Fn(Isa) -> f32, terms: Vec<f64>| {
                let got = same_bits(what, true, |isa| vec![run(isa)]);
                let size: f64 = terms.iter().map(|x| x.abs()).sum();
                close(what, &got[0].1, &[terms.iter().sum()], 0.0, depth * size + 1e-300);
            };
            check("sum", &|i| sum(i, a), a64.clone());
            check("sum_squares", &|i| sum_squares(i, a), a64.iter().map(|x| x * x).collect());
            check("dot", &|i| dot(i, a, b), a64.iter().zip(&b64).map(|(x, y)| x * y).collect());
            for isa in Isa::available() {
                assert!((sum_f64(isa, a) - a64.iter().sum::<f64>()).abs() <= 1e-12);
                let squares: f64 = a64.iter().map(|x| x * x).sum();
                assert!((sum_squares_f64(isa, a) - squares).abs() <= 1e-12 * squares);
                let largest = a.iter().fold(0.0, |m: f32, x| m.max(x.abs()));
                assert_eq!(max_abs(isa, a), largest);
            }
        }
    }
    must_fail("a length", || {
        let _ = dot(Isa::SCALAR, &[0.0f32; 2], &[0.0; 3]);
    });
}

/// The written order, literally.
#[test]
fn order_is_as_written() {
    let x = values(1000, 1e3, 5);
    let mut lanes = [0.0f32; 16];
    for (i, x) in x.iter().enumerate() {
        lanes[i % 16] += x;
    }
    for width in [8, 4, 2, 1] {
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
    }
    let sequential: f32 = x.iter().sum();
    assert_ne!(lanes[0].to_bits(), sequential.to_bits(), "this check could not fail");
    for isa in Isa::available() {
        assert_eq!(sum(isa, &x).to_bits(), lanes[0].to_bits());
    }
}

#[test]
fn columns() {
    for cols in [1, 3, 10, 16, 17, 40, 64, 100, 200] {
        for rows in [0, 1, 7, 100] {
            let m = values(rows * cols, 3.0, 3);
            let got = same_bits("column_sums", true, |isa| {
                let mut out = vec![f32::NAN; cols];
                column_sums(isa, rows, cols, &m, &mut out);
                out
            });
            let want: Vec<f32> = (0..cols).map(|c| (0..rows).fold(0.0, |s, r| s + m[r * cols + c])).collect();
            assert_eq!(got[0].1, want, "{rows} x {cols}");
        }
    }
    column_sums::<f32>(Isa::SCALAR, 3, 0, &[], &mut []);
}

#[test]
fn statistics() {
    for n in [1, 15, 16, 17, 100, 40_000] {
        let mut x = values(n, 2.0, 4);
        x.iter_mut().for_each(|x| *x += 1000.0);
        if n >= 100 {
            (x[3], x[50], x[70], x[71], x[99]) = (f32::NAN, f32::INFINITY, 0.0, -0.0, f32::NEG_INFINITY);
        }
        let finite: Vec<f64> = x.iter().filter(|x| x.is_finite()).map(|x| f64::from(*x)).collect();
        let m = finite.len() as f64;
        let mean = finite.iter().sum::<f64>() / m;
        let std = (finite.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / m).sqrt();
        let rms = (finite.iter().map(|x| x * x).sum::<f64>() / m).sqrt();
        let mut all = Vec::new();
        for isa in Isa::available() {
            let s = Stats::of(isa, &x);
            assert_eq!(s.count, n);
            assert!((s.mean - mean).abs() < 1e-9, "{s:?}, mean {mean}");
            assert!((s.std - std).abs() < 1e-9, "{s:?}, std {std}");
            assert!((s.rms - rms).abs() < 1e-9, "{s:?}, rms {rms}");
            assert_eq!(s.min, finite.iter().copied().fold(f64::INFINITY, f64::min));
            assert_eq!(s.max, finite.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            assert_eq!(s.max_abs, s.min.abs().max(s.max.abs()));
            assert_eq!((s.zeros, s.non_finite), if n >= 100 { (2, 3) } else { (0, 0) });
            assert_eq!(Stats::of(isa, &widened(&x)).count, n);
            for threads in [1, 3] {
                assert_eq!(Stats::of_many(isa, &Pool::new(threads), &x), s, "{threads} threads");
            }
            all.push(s);
        }
        assert!(all.windows(2).all(|p| p[0] == p[1]), "instruction sets differ");
    }
    assert_eq!(Stats::of::<f32>(Isa::SCALAR, &[]), Stats::default());
    let s = Stats::of(Isa::best(), &[f32::NAN; 3]);
    assert_eq!((s.count, s.non_finite, s.mean), (3, 3, 0.0));
    assert_eq!(Stats::of_many(Isa::best(), &Pool::new(2), &[f32::NAN; 3]), s);
}

#[test]
fn histogram_edges() {
    let mut bins = [0; 4];
    histogram(&[-0.1f32, 0.0, 0.24, 0.25, 0.99, 1.0, 1.1, f32::NAN], 0.0, 1.0, &mut bins);
    assert_eq!(bins, [2, 1, 0, 2]);
    // Adds to what is there, whatever the number of values.
    for n in 0..9 {
        let mut bins = [1, 0, 2];
        histogram(&[0.5f32; 9][..n], 0.0, 1.0, &mut bins);
        assert_eq!(bins, [1, n as u64, 2]);
    }
    must_fail("an empty range", || histogram(&[0.0f32], 1.0, 1.0, &mut [0]));
}
