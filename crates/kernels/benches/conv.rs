//! Convolution in its three passes against the measured FMA peak.
//!
//! `cargo bench -p kobai-kernels --bench conv -- [FILTER] [threads=N] [rounds=N] [isa=NAME]`:
//! interleaved with the peak, medians. GFLOP/s count two operations for each
//! multiply-add of the direct sum, so Winograd can exceed the peak. FILTER keeps
//! the shapes whose line contains it.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use kobai_kernels::conv::{Conv, backward_input, backward_weight, forward};
use kobai_kernels::then::Then;
use kobai_kernels::{Isa, Pool, peak};
use std::time::Instant;

/// Network, batch, [height, width], [in, out], kernel, stride, padding.
type Case = (&'static str, usize, [usize; 2], [usize; 2], usize, usize, usize);

const CASES: &[Case] = &[
    ("resnet18-cifar stem", 32, [32, 32], [3, 64], 3, 1, 1),
    ("resnet18-cifar", 32, [32, 32], [64, 64], 3, 1, 1),
    ("resnet18-cifar", 32, [32, 32], [64, 128], 3, 2, 1),
    ("resnet18-cifar", 32, [32, 32], [64, 128], 1, 2, 0),
    ("resnet18-cifar", 64, [16, 16], [128, 128], 3, 1, 1),
    ("resnet18-cifar", 64, [16, 16], [128, 256], 3, 2, 1),
    ("resnet18-cifar", 128, [8, 8], [256, 256], 3, 1, 1),
    ("resnet18-cifar", 128, [8, 8], [256, 512], 3, 2, 1),
    ("resnet18-cifar", 128, [4, 4], [512, 512], 3, 1, 1),
    ("vgg16 stem", 1, [224, 224], [3, 64], 3, 1, 1),
    ("vgg16", 1, [224, 224], [64, 64], 3, 1, 1),
    ("vgg16", 2, [112, 112], [128, 128], 3, 1, 1),
    ("vgg16", 4, [56, 56], [256, 256], 3, 1, 1),
    ("vgg16", 4, [28, 28], [512, 512], 3, 1, 1),
    ("vgg16", 8, [14, 14], [512, 512], 3, 1, 1),
    ("alexnet stem", 4, [224, 224], [3, 64], 11, 4, 2),
    ("alexnet", 8, [27, 27], [64, 192], 5, 1, 2),
    ("alexnet", 8, [13, 13], [192, 384], 3, 1, 1),
    ("googlenet stem", 4, [224, 224], [3, 64], 7, 2, 3),
    ("googlenet", 8, [56, 56], [64, 192], 3, 1, 1),
    ("googlenet", 8, [28, 28], [96, 128], 3, 1, 1),
    ("googlenet", 8, [28, 28], [192, 64], 1, 1, 0),
    ("googlenet", 8, [28, 28], [16, 32], 3, 1, 1),
    ("googlenet", 8, [14, 14], [112, 224], 3, 1, 1),
    ("googlenet", 8, [7, 7], [192, 384], 3, 1, 1),
    ("resnet50", 8, [56, 56], [64, 256], 1, 1, 0),
    ("resnet50", 8, [56, 56], [256, 64], 1, 1, 0),
    ("resnet50", 8, [56, 56], [256, 512], 1, 2, 0),
    ("resnet50", 8, [14, 14], [1024, 256], 1, 1, 0),
    ("resnet50", 8, [7, 7], [512, 2048], 1, 1, 0),
    ("resnet50", 8, [7, 7], [512, 512], 3, 1, 1),
    ("resnet50", 8, [56, 56], [128, 128], 3, 2, 1),
    ("simple-convnet", 100, [28, 28], [1, 30], 5, 1, 0),
    ("deep-convnet", 100, [28, 28], [1, 16], 3, 1, 1),
    ("deep-convnet", 100, [28, 28], [16, 16], 3, 1, 1),
    ("deep-convnet", 100, [14, 14], [16, 32], 3, 1, 1),
    ("deep-convnet", 100, [14, 14], [32, 32], 3, 1, 2),
    ("deep-convnet", 100, [8, 8], [64, 64], 3, 1, 1),
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let value = |key: &str| args.iter().find_map(|a| a.strip_prefix(key).map(str::to_owned));
    let number = |key: &str, default| value(key).and_then(|v| v.parse().ok()).unwrap_or(default);
    let (threads, rounds) = (number("threads=", 1), number("rounds=", 5));
    let isas = match value("isa=") {
        Some(name) => vec![Isa::named(&name).expect("an instruction set of this processor")],
        None => vec![Isa::best()],
    };
    let filters: Vec<&String> = args.iter().filter(|a| !a.contains('=')).collect();
    let pool = Pool::new(threads);
    for isa in isas {
        println!("{isa}, {threads} thread(s): GFLOP/s (share of the FMA peak), median of {rounds} rounds");
        println!(
            "{:>20} {:>36} {:>13} {:>7} {:>14} {:>14} {:>14}",
            "",
            "n × h × w, in → out, kernel/stride",
            "algorithm",
            "peak",
            "forward",
            "grad input",
            "grad weight"
        );
        for case in CASES {
            let (name, n, [height, width], channels, kernel, stride, padding) = *case;
            let shape =
                format!("{n}×{height}×{width}, {}→{}, {kernel}×{kernel}/{stride}", channels[0], channels[1]);
            let line = format!("{name:>20} {shape:>36}");
            if !filters.iter().all(|f| line.contains(f.as_str())) {
                continue;
            }
            let conv = Conv {
                height,
                width,
                in_channels: channels[0],
                out_channels: channels[1],
                kernel: [kernel; 2],
                stride: [stride; 2],
                padding: [padding; 2],
                dilation: [1; 2],
                groups: 1,
            };
            let [peak, passes @ ..] = measure(isa, &pool, &conv, n, rounds);
            let cells = passes.map(|p| format!("{p:>7.1} ({:>3.0} %)", 100.0 * p / peak)).join(" ");
            println!("{line} {:>13} {peak:>7.1} {cells}", conv.algorithm());
        }
    }
}

/// GFLOP/s of the peak (all threads) and of the three passes.
fn measure(isa: Isa, pool: &Pool, conv: &Conv, n: usize, rounds: usize) -> [f64; 4] {
    let fill = |len: usize| (0..len).map(|i| (i * 7919 % 251) as f32 / 125.0 - 1.0).collect::<Vec<_>>();
    let (x, weight, g) = (fill(conv.in_len(n)), fill(conv.weight_len()), fill(conv.out_len(n)));
    let (mut y, mut gx, mut gw) = (g.clone(), x.clone(), weight.clone());
    let mut scratch = vec![0.0f32; conv.scratch_len(n)];
    let flops = 2.0 * conv.macs() as f64 * n as f64;
    let repeats = ((1e9 / flops) as usize).clamp(1, 1000);
    let mut rates: [Vec<f64>; 4] = Default::default();
    for round in 0..=rounds {
        let mut push = |which: usize, flops: f64, clock: Instant| {
            if round > 0 {
                rates[which].push(flops / clock.elapsed().as_secs_f64() / 1e9);
            }
        };
        let clock = Instant::now();
        let done = std::sync::atomic::AtomicU64::new(0);
        pool.run(pool.threads(), &|_| {
            let (flops, value) = peak::fma_loop(isa, 2_000_000);
            std::hint::black_box(value);
            done.fetch_add(flops, std::sync::atomic::Ordering::Relaxed);
        });
        push(0, done.into_inner() as f64, clock);
        let clock = Instant::now();
        for _ in 0..repeats {
            forward(
                isa,
                pool,
                conv,
                n,
                &x,
                &weight,
                None,
                Then::default(),
                &mut scratch,
                std::hint::black_box(&mut y),
            );
        }
        push(1, flops * repeats as f64, clock);
        let clock = Instant::now();
        for _ in 0..repeats {
            backward_input(isa, pool, conv, n, &g, &weight, &mut scratch, std::hint::black_box(&mut gx));
        }
        push(2, flops * repeats as f64, clock);
        let clock = Instant::now();
        for _ in 0..repeats {
            backward_weight(isa, pool, conv, n, &x, &g, &mut scratch, std::hint::black_box(&mut gw));
        }
        push(3, flops * repeats as f64, clock);
    }
    rates.map(|mut r| {
        r.sort_by(f64::total_cmp);
        r[r.len() / 2]
    })
}
