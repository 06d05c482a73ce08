//! Matrix product against the measured FMA peak and against the `gemm` crate.
//!
//! `cargo bench -p kobai-kernels --bench gemm`: interleaved, one thread, medians.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use kobai_kernels::gemm::{Mat, Start, gemm};
use kobai_kernels::{Isa, Pool, peak};
use std::time::Instant;

/// Shapes m×k×n: squares, then forward, weight gradient and input gradient of the networks.
const SHAPES: &[(usize, usize, usize, &str)] = &[
    (256, 256, 256, "NN"),
    (512, 512, 512, "NN"),
    (1024, 1024, 1024, "NN"),
    (1024, 1024, 1024, "NT"),
    (100, 784, 40, "NT"),
    (40, 100, 784, "TN"),
    (100, 784, 100, "NT"),
    (100, 100, 784, "TN"),
    (100, 100, 100, "NT"),
    (100, 100, 100, "TN"),
    (100, 100, 100, "NN"),
    (100, 40, 20, "NT"),
    (20, 100, 40, "TN"),
    (100, 20, 40, "NN"),
    (100, 100, 10, "NT"),
];

fn main() {
    let only = std::env::args().find(|a| a.contains('×')).unwrap_or_default();
    let rounds = std::env::args().filter_map(|a| a.parse().ok()).next().unwrap_or(15);
    for isa in Isa::available().into_iter().rev().filter(|isa| *isa != Isa::SCALAR) {
        println!("{isa}: GFLOP/s (share of the FMA peak) on one thread, median of {rounds} rounds");
        println!(
            "{:>18} {:>4} {:>10} {:>16} {:>16} {:>8}",
            "m×k×n", "", "peak", "kobai", "gemm crate", "ratio"
        );
        for &(m, k, n, form) in SHAPES {
            if !format!("{m}×{k}×{n} {form}").contains(&only) {
                continue;
            }
            shape(isa, m, k, n, form, rounds);
        }
    }
}

/// `len` values that begin on a cache line, as the buffers of an executor do.
fn on_a_line(memory: &mut Vec<f32>, len: usize, period: usize) -> &mut [f32] {
    memory.resize(len + 16, 0.0);
    let skip = memory.as_ptr().align_offset(64);
    let values = &mut memory[skip..skip + len];
    values.iter_mut().enumerate().for_each(|(i, x)| *x = (i % period) as f32 - (period / 2) as f32);
    values
}

fn shape(isa: Isa, m: usize, k: usize, n: usize, form: &str, rounds: usize) {
    let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
    let a = on_a_line(&mut a, m * k, 17);
    let b = on_a_line(&mut b, k * n, 13);
    let c = on_a_line(&mut c, m * n, 1);
    let pool = Pool::serial();
    let flops = 2.0 * (m * n * k) as f64;
    let repeats = ((2e8 / flops) as usize).clamp(1, 20_000);
    let (ta, tb) = (form.starts_with('T'), form.ends_with('T'));
    let mut times: [Vec<f64>; 3] = Default::default();
    for round in 0..=rounds {
        let clock = Instant::now();
        let (done, value) = peak::fma_loop(isa, 1_000_000);
        std::hint::black_box(value);
        let peak = done as f64 / clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        for _ in 0..repeats {
            let a = if ta { Mat::new(a, k, m).t() } else { Mat::new(a, m, k) };
            let b = if tb { Mat::new(b, n, k).t() } else { Mat::new(b, k, n) };
            gemm(isa, &pool, a, b, Start::Zero, std::hint::black_box(&mut *c));
        }
        let ours = flops * repeats as f64 / clock.elapsed().as_secs_f64();
        let (a_cs, a_rs) = if ta { (m, 1) } else { (1, k) };
        let (b_cs, b_rs) = if tb { (k, 1) } else { (1, n) };
        let clock = Instant::now();
        for _ in 0..repeats {
            // SAFETY: the strides describe the dense buffers above.
            unsafe {
                gemm::gemm(
                    m,
                    n,
                    k,
                    c.as_mut_ptr(),
                    1,
                    n as isize,
                    false,
                    a.as_ptr(),
                    a_cs as isize,
                    a_rs as isize,
                    b.as_ptr(),
                    b_cs as isize,
                    b_rs as isize,
                    0.0,
                    1.0,
                    false,
                    false,
                    false,
                    gemm::Parallelism::None,
                );
            }
            std::hint::black_box(&mut *c);
        }
        let theirs = flops * repeats as f64 / clock.elapsed().as_secs_f64();
        if round > 0 {
            for (times, value) in times.iter_mut().zip([peak, ours, theirs]) {
                times.push(value / 1e9);
            }
        }
    }
    let [peak, ours, theirs] = times.map(|mut t| {
        t.sort_by(f64::total_cmp);
        t[t.len() / 2]
    });
    println!(
        "{:>18} {form:>4} {peak:>10.1} {ours:>9.1} ({:>3.0} %) {theirs:>9.1} ({:>3.0} %) {:>7.2}×",
        format!("{m}×{k}×{n}"),
        100.0 * ours / peak,
        100.0 * theirs / peak,
        ours / theirs
    );
}
