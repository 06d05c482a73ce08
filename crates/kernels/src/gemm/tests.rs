//! Twin tests: every path equals the reference, bit for bit.

use super::scalar::reference;
use super::{Mat, Start, gemm, gemm_packed, gemm_then, pack, packed_len};
use crate::checks::bit_difference;
use crate::philox::philox4x32;
use crate::then::{After, Then};
use crate::{Isa, Pool};

fn values(len: usize, seed: u32) -> Vec<f32> {
    (0..len)
        .map(|i| {
            let bits = philox4x32([i as u32 / 4, 0, 0, seed], [1, 2])[i % 4];
            (bits >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

fn simd() -> Vec<Isa> {
    let isas: Vec<Isa> = [Isa::avx2(), Isa::avx512()].into_iter().flatten().collect();
    for name in ["avx2", "avx512"] {
        if !isas.iter().any(|isa| isa.name() == name) {
            println!("skipped: this processor has no {name}");
        }
    }
    isas
}

fn check(isa: Isa, pool: &Pool, m: usize, n: usize, k: usize, exact: bool) {
    let (a, b, bias, c0) = (values(m * k, 1), values(k * n, 2), values(n, 3), values(m * n, 4));
    for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
        let a = if ta { Mat::new(&a, k, m).t() } else { Mat::new(&a, m, k) };
        let b = if tb { Mat::new(&b, n, k).t() } else { Mat::new(&b, k, n) };
        for start in [Start::Zero, Start::Bias(&bias), Start::Accumulate] {
            // A missing write would leave NaN, which equals nothing.
            let fill = if matches!(start, Start::Accumulate) { c0.clone() } else { vec![f32::NAN; m * n] };
            let (mut want, mut got) = (fill.clone(), fill);
            reference(a, b, start, &mut want);
            gemm(isa, pool, a, b, start, &mut got);
            for (i, (w, g)) in want.iter().zip(&got).enumerate() {
                // Without fusing: k roundings more, each at most half an ulp of a sum below k + 1.
                let limit = if exact { 0.0 } else { (k as f32 + 1.0) * (k as f32 + 1.0) * f32::EPSILON };
                let equal = if exact { w.to_bits() == g.to_bits() } else { (w - g).abs() <= limit };
                assert!(
                    equal,
                    "{isa} {m}x{n}x{k} transposed {ta}/{tb} {start:?}: element {i} is {g}, not {w}"
                );
            }
        }
    }
}

/// 0, 1, tails around every tile size and vector length, more than one block.
const SIZES: &[(usize, usize, usize)] = &[
    (0, 3, 2),
    (3, 0, 2),
    (2, 3, 0),
    (1, 1, 1),
    (1, 17, 5),
    (5, 1, 300),
    (7, 15, 8),
    (8, 16, 9),
    (9, 33, 16),
    (13, 48, 17),
    (14, 49, 3),
    (15, 64, 31),
    (25, 65, 40),
    (31, 100, 100),
    (40, 784, 100),
    (100, 10, 20),
    (100, 40, 784),
    (33, 129, 513),
    (200, 1000, 65),
    (6, 961, 257),
];

#[test]
fn vector_paths_equal_the_twin() {
    let pool = Pool::serial();
    for isa in simd() {
        for &(m, n, k) in SIZES {
            check(isa, &pool, m, n, k, true);
        }
        for x in 1..=34 {
            check(isa, &pool, x, x + 3, x / 2 + 1, true);
        }
    }
}

/// One tile's rows, those of a panel that comes from memory, and more; A either way round; more
/// threads than groups of columns.
#[test]
fn a_packed_operand_gives_the_bits_of_the_twin() {
    let shapes = [(5, 300, 600), (49, 513, 272), (100, 700, 190), (130, 520, 260), (17, 3, 40)];
    for isa in simd() {
        for (m, k, n) in shapes {
            let (a, b, bias) = (values(m * k, 1), values(k * n, 2), values(n, 3));
            let b = Mat::new(&b, k, n);
            for (a, start) in
                [(Mat::new(&a, m, k), Start::Bias(&bias)), (Mat::new(&a, k, m).t(), Start::Zero)]
            {
                let mut want = vec![f32::NAN; m * n];
                reference(a, b, start, &mut want);
                let then = Then { add: None, after: After::Relu };
                then.apply(isa, &Pool::serial(), &mut want);
                for threads in [1, 2, 3, 20] {
                    let pool = Pool::new(threads);
                    let mut packed = vec![f32::NAN; packed_len(k, n)];
                    assert!(pack(isa, &pool, b, &mut packed));
                    let mut got = vec![f32::NAN; m * n];
                    gemm_packed(isa, &pool, a, &packed, n, start, then, &mut got);
                    let differ = bit_difference(&got, &want);
                    assert_eq!(differ, None, "{isa}, {threads} threads: {m}x{k}x{n}");
                }
            }
        }
    }
}

/// Rows that end inside a vector's first half, on processors with halves and on others.
#[cfg(target_arch = "x86_64")]
#[test]
fn both_ways_to_end_a_row_equal_the_twin() {
    use super::{avx512, drive};
    let Some(isa) = Isa::avx512() else { return println!("skipped: this processor has no avx512") };
    let add = values(4000, 5);
    for (m, n, k) in [(9, 8, 3), (7, 5, 12), (13, 24, 7), (100, 40, 33), (17, 53, 5)] {
        let (a, b, bias) = (values(m * k, 1), values(k * n, 2), values(n, 3));
        for (a, start) in
            [(Mat::new(&a, m, k), Start::Bias(&bias)), (Mat::new(&a, k, m).t(), Start::Accumulate)]
        {
            let b = Mat::new(&b, n, k).t();
            for then in [
                Then { add: add.get(..m * n), after: After::Relu6 },
                Then { add: None, after: After::Relu },
                Then::default(),
            ] {
                let mut want = values(m * n, 4);
                let mut got = [want.clone(), want.clone()];
                reference(a, b, start, &mut want);
                then.apply(isa, &Pool::serial(), &mut want);
                for (tiles, got) in [&avx512::WHOLE, &avx512::HALVES].into_iter().zip(&mut got) {
                    drive::in_tiles((isa, tiles), &Pool::serial(), a, b, start, then, got);
                }
                let differ = got.map(|got| bit_difference(&got, &want));
                assert_eq!(differ, [None, None], "{m}x{n}x{k}");
            }
        }
    }
}

#[test]
fn portable_path_is_near_the_twin() {
    for &(m, n, k) in SIZES {
        check(Isa::SCALAR, &Pool::serial(), m, n, k, false);
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    for threads in [2, 3, 7] {
        let pool = Pool::new(threads);
        for isa in simd() {
            for (m, n, k) in [(100, 100, 784), (40, 784, 100), (300, 310, 290), (1, 4000, 300)] {
                check(isa, &pool, m, n, k, true);
            }
        }
    }
}

/// Shapes with loops of their own: few inner indices and a flat operand, few rows and an
/// operand that no cache holds, few columns and a long inner extent, rows that are mostly
/// written.
#[test]
fn lopsided_products_equal_the_twin() {
    for threads in [1, 3] {
        let pool = Pool::new(threads);
        for isa in simd() {
            for (m, n, k) in [
                (30, 1003, 100),
                (6, 1031, 1100),
                (16, 1064, 1024),
                (20, 1064, 1024),
                (29, 1064, 1024),
                (1, 1090, 1000),
                (21, 100, 1700),
                (70, 1024, 8),
            ] {
                check(isa, &pool, m, n, k, true);
            }
        }
    }
}

/// The same product computed as its transpose, whose tiles know the activation but not
/// what is added before.
#[test]
fn what_follows_a_turned_product() {
    let (m, n, k) = (7, 1032, 1024);
    let (a, b, bias, add) = (values(m * k, 1), values(k * n, 2), values(n, 3), values(m * n, 4));
    let (a, b, pool) = (Mat::new(&a, m, k), Mat::new(&b, n, k).t(), Pool::new(2));
    for isa in simd() {
        for add in [None, Some(&add[..])] {
            let run = |isa, then| {
                let mut c = vec![f32::NAN; m * n];
                gemm_then(isa, &pool, a, b, Start::Bias(&bias), then, &mut c);
                c
            };
            let (got, mut want) = (run(isa, Then { add, after: After::Relu6 }), run(isa, Then::default()));
            Then { add, after: After::Relu6 }.apply(Isa::SCALAR, &pool, &mut want);
            assert_eq!(bit_difference(&got, &want), None, "{isa} {}", add.is_some());
        }
    }
}

/// C is written past the caches: whole vectors, and tails, which are not.
#[test]
fn large_results_equal_the_twin() {
    let pool = Pool::new(3);
    for isa in simd() {
        for n in [1920, 1924] {
            check(isa, &pool, 1100, n, 5, true);
        }
    }
}

#[test]
fn double_precision_runs() {
    let (m, n, k) = (5, 7, 11);
    let a: Vec<f64> = values(m * k, 1).iter().map(|x| f64::from(*x)).collect();
    let b: Vec<f64> = values(k * n, 2).iter().map(|x| f64::from(*x)).collect();
    let (mut want, mut got) = (vec![0.0; m * n], vec![f64::NAN; m * n]);
    reference(Mat::new(&a, m, k), Mat::new(&b, k, n), Start::Zero, &mut want);
    gemm(Isa::best(), &Pool::serial(), Mat::new(&a, m, k), Mat::new(&b, k, n), Start::Zero, &mut got);
    for (w, g) in want.iter().zip(&got) {
        assert!((w - g).abs() <= k as f64 * k as f64 * f64::EPSILON);
    }
}

/// Level 0: the equality above notices one ulp and a missing write.
#[test]
fn the_check_can_fail() {
    let want = [1.0f32];
    assert_ne!(want[0].to_bits(), f32::from_bits(want[0].to_bits() + 1).to_bits());
    assert_ne!(want[0].to_bits(), f32::NAN.to_bits());
}

#[test]
#[should_panic(expected = "inner extents")]
fn wrong_extents_are_refused() {
    gemm(
        Isa::best(),
        &Pool::serial(),
        Mat::new(&[0.0f32; 6], 2, 3),
        Mat::new(&[0.0; 8], 2, 4),
        Start::Zero,
        &mut [0.0; 8],
    );
}

/// What follows in a tile's registers equals the pass of its own where values are special.
#[test]
fn what_follows_keeps_the_bits_of_special_values() {
    let special = [f32::NAN, -0.0, f32::INFINITY, 7.0, -1.0, f32::NEG_INFINITY, 6.0, f32::MIN_POSITIVE];
    // −0 + −0 stays −0, so that the activation sees one.
    let (m, b) = (19, [1.0f32; 45]);
    let a: Vec<f32> = (0..m).map(|i| special[i % special.len()]).collect();
    let (bias, add) = ([-0.0f32; 45], [-0.0f32; 19 * 45]);
    for isa in Isa::available() {
        for n in [1, 7, 16, 24, 37, 45] {
            for after in [After::Nothing, After::Relu, After::Relu6] {
                for add in [None, Some(&add[..m * n])] {
                    let run = |then: Then<'_, f32>| {
                        let mut c = vec![f32::NAN; m * n];
                        let (a, b) = (Mat::new(&a, m, 1), Mat::new(&b[..n], 1, n));
                        gemm_then(isa, &Pool::serial(), a, b, Start::Bias(&bias[..n]), then, &mut c);
                        c
                    };
                    let (got, mut want) = (run(Then { add, after }), run(Then::default()));
                    Then { add, after }.apply(Isa::SCALAR, &Pool::serial(), &mut want);
                    assert_eq!(bit_difference(&got, &want), None, "{isa} {n} {after:?}");
                    assert!(after == After::Nothing || want[n].to_bits() == 0, "−0 becomes 0");
                }
            }
        }
    }
}
