//! Fails when a kernel has become slower: `cargo bench -p kobai-kernels --bench guard`.
//!
//! The measure is a share: the work of a kernel per second over the multiply-adds
//! per second of registers alone, both measured within the same milliseconds. A
//! slower clock or a busy machine slows both. The work is counted in operations of
//! the definition or, where a kernel has none worth counting, in elements; only
//! the record gives the share a meaning.
//!
//! `guard.txt` holds the shares that were reached, for each kind of processor. A
//! kernel fails if it stays below 80 % of its record in [`TRIES`] tries, each with a
//! pause and more samples than the one before; the best sample counts, because noise only
//! ever takes time. A processor without a record passes and says so. A kernel that stays
//! below while other programs run is undecided, not slow: what they take from the caches
//! and the memory, the multiply-adds of registers do not feel.
//!
//! `-- --record` writes the shares of this processor: the median of several runs,
//! so that a lucky one does not become the yardstick. `-- NAME` looks at some kernels.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use kobai_kernels::conv::{self, Conv};
use kobai_kernels::gemm::{Mat, Start, gemm};
use kobai_kernels::norm::After;
use kobai_kernels::pool2d::{self, Axis, Pool2d};
use kobai_kernels::then::Then;
use kobai_kernels::{Isa, Pool, activation, norm, optim, peak, reduce, softmax};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// A kernel fails below this part of its record.
const LEAST: f64 = 0.8;
/// Tries before a kernel counts as slow.
const TRIES: u32 = 6;
/// Time of one sample: short against a time slice of the scheduler, so that on a
/// busy machine some samples are not interrupted.
const SAMPLE: Duration = Duration::from_micros(300);
/// Samples of the first try.
const SAMPLES: u32 = 24;
/// Runs whose median is recorded.
const RECORDED_RUNS: usize = 7;

/// A kernel with its operands: calling it does `work` operations.
struct Case {
    name: &'static str,
    work: f64,
    run: Box<dyn FnMut()>,
}

/// Values that begin on a cache line: where an allocator happens to put them must not
/// matter. They are never freed.
fn values(len: usize) -> &'static mut [f32] {
    let memory = vec![0.0; len + 16].leak();
    let skip = memory.as_ptr().align_offset(64);
    let values = &mut memory[skip..skip + len];
    for (i, x) in (0u32..).zip(values.iter_mut()) {
        // Small and of both signs; no pattern that a kernel could profit from.
        *x = (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0;
    }
    values
}

fn zeros(len: usize) -> &'static mut [f32] {
    let values = values(len);
    values.fill(0.0);
    values
}

fn product(isa: Isa, name: &'static str, (m, k, n): (usize, usize, usize), form: &str) -> Case {
    let (a, b, c) = (&*values(m * k), &*values(k * n), zeros(m * n));
    let (ta, tb) = (form.starts_with('T'), form.ends_with('T'));
    let run = move || {
        let a = if ta { Mat::new(a, k, m).t() } else { Mat::new(a, m, k) };
        let b = if tb { Mat::new(b, n, k).t() } else { Mat::new(b, k, n) };
        gemm(isa, &Pool::serial(), a, b, Start::Zero, black_box(&mut *c));
    };
    Case { name, work: 2.0 * (m * k * n) as f64, run: Box::new(run) }
}

/// Which pass of a convolution.
#[derive(Clone, Copy)]
enum Pass {
    Forward,
    Input,
    Weight,
}

fn convolution(isa: Isa, name: &'static str, conv: Conv, pass: Pass) -> Case {
    let n = 2;
    let (x, w, y) = (conv.in_len(n), conv.weight_len(), conv.out_len(n));
    let (x, w, y, scratch) = (values(x), values(w), values(y), zeros(conv.scratch_len(n)));
    let work = 2.0 * (conv.macs() * n as u64) as f64;
    let pool = Pool::serial();
    let run = move || match pass {
        Pass::Forward => {
            conv::forward(isa, &pool, &conv, n, x, w, None, Then::default(), scratch, black_box(&mut *y))
        }
        Pass::Input => {
            conv::backward_input(isa, &pool, &conv, n, y, w, scratch, black_box(&mut *x));
        }
        Pass::Weight => {
            conv::backward_weight(isa, &pool, &conv, n, x, y, scratch, black_box(&mut *w));
        }
    };
    Case { name, work, run: Box::new(run) }
}

fn each(name: &'static str, len: usize, run: impl FnMut() + 'static) -> Case {
    Case { name, work: len as f64, run: Box::new(run) }
}

/// Every kernel that a step of one of the usual networks spends time in.
fn cases(isa: Isa) -> Vec<Case> {
    let plain = Conv {
        height: 14,
        width: 14,
        in_channels: 32,
        out_channels: 32,
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 1],
        dilation: [1, 1],
        groups: 1,
    };
    let strided = Conv { stride: [2, 2], ..plain };
    let stem = Conv {
        in_channels: 3,
        kernel: [7, 7],
        padding: [3, 3],
        stride: [2, 2],
        height: 32,
        width: 32,
        ..plain
    };
    let depthwise = Conv { groups: 32, ..plain };
    let point = Conv { kernel: [1, 1], padding: [0, 0], ..plain };
    let mut cases = vec![
        product(isa, "gemm/256/nn", (256, 256, 256), "NN"),
        product(isa, "gemm/256/nt", (256, 256, 256), "NT"),
        product(isa, "gemm/256/tn", (256, 256, 256), "TN"),
        product(isa, "gemm/100x784x100/nt", (100, 784, 100), "NT"),
        product(isa, "gemm/100x784x40/nt", (100, 784, 40), "NT"),
        product(isa, "gemm/40x100x784/tn", (40, 100, 784), "TN"),
        product(isa, "gemm/100/nn", (100, 100, 100), "NN"),
        product(isa, "gemm/100/tn", (100, 100, 100), "TN"),
        product(isa, "gemm/100x100x10/nt", (100, 100, 10), "NT"),
        convolution(isa, "conv/3x3/forward", plain, Pass::Forward),
        convolution(isa, "conv/3x3/input", plain, Pass::Input),
        convolution(isa, "conv/3x3/weight", plain, Pass::Weight),
        convolution(isa, "conv/3x3-stride-2/forward", strided, Pass::Forward),
        convolution(isa, "conv/3x3-stride-2/input", strided, Pass::Input),
        convolution(isa, "conv/3x3-stride-2/weight", strided, Pass::Weight),
        convolution(isa, "conv/stem/forward", stem, Pass::Forward),
        convolution(isa, "conv/stem/weight", stem, Pass::Weight),
        convolution(isa, "conv/depthwise/forward", depthwise, Pass::Forward),
        convolution(isa, "conv/1x1/forward", point, Pass::Forward),
        convolution(isa, "conv/1x1/weight", point, Pass::Weight),
    ];
    let (rows, channels) = (100, 96);
    let len = rows * channels;
    let x = values(len);
    cases.push(each("relu", len, move || activation::relu(isa, black_box(&mut *x))));
    let (y, g) = (values(len), values(len));
    cases.push(each("relu/backward", len, move || activation::relu_backward(isa, y, black_box(&mut *g))));
    // Repeated in place it settles between ½ and 1, where it takes as long as elsewhere.
    let x = values(len);
    cases.push(each("sigmoid", len, move || activation::sigmoid(isa, black_box(&mut *x))));
    let x = values(len);
    cases.push(each("tanh", len, move || activation::tanh(isa, black_box(&mut *x))));
    let (x, sums) = (values(len), zeros(channels));
    cases.push(each("column-sums", len, move || {
        reduce::column_sums(isa, rows, channels, x, black_box(&mut *sums));
    }));
    let (x, y, partial) = (values(len), values(len), zeros(norm::partial_len(rows, channels)));
    let (gamma, beta) = (values(channels), values(channels));
    let (running_mean, running_var) = (zeros(channels), zeros(channels));
    let (mean, rstd) = (zeros(channels), zeros(channels));
    let by = norm::BatchNorm { eps: 1e-5, momentum: 0.1, unbiased_running: true, after: After::Nothing };
    cases.push(each("batch-norm", len, move || {
        let to = norm::Training { gamma, beta, running_mean, running_var, mean, rstd, partial };
        norm::batch_norm_train(isa, &Pool::serial(), by, x, to, None, black_box(&mut *y));
    }));
    let (x, g, grad) = (values(len), values(len), values(len));
    let (mean, rstd) = (values(channels), values(channels));
    let (scale, beta) = (values(channels), values(channels));
    let (dgamma, dbeta) = (zeros(channels), zeros(channels));
    let partial = zeros(norm::partial_len(rows, channels));
    cases.push(each("batch-norm/backward", len, move || {
        let by = norm::Backward { mean, rstd, scale, beta };
        let (pool, sums) = (Pool::serial(), (&mut *dgamma, &mut *dbeta));
        let grad = Some(black_box(&mut *grad));
        norm::batch_norm_backward(isa, &pool, After::Nothing, x, g, by, sums, partial, grad);
    }));
    let labels: Vec<u32> = (0..rows as u32).map(|i| i % 10).collect();
    let (logits, p, losses) = (values(rows * 10), zeros(rows * 10), zeros(rows));
    cases.push(each("cross-entropy", rows * 10, move || {
        softmax::cross_entropy_forward(isa, 10, logits, &labels, p, black_box(&mut *losses));
    }));
    let (p, g) = (values(len), values(len));
    cases.push(each("sgd", len, move || optim::sgd(isa, 1e-9, black_box(&mut *p), g)));
    let (p, g, m, v) = (values(len), values(len), zeros(len), zeros(len));
    let adam = optim::Adam { lr: 1e-9, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    cases.push(each("adam", len, move || optim::adam(isa, adam, 10, black_box(&mut *p), g, m, v)));
    let (p, g, v) = (values(len), values(len), zeros(len));
    let by = optim::Momentum { lr: 1e-9, momentum: 0.9 };
    cases.push(each("momentum", len, move || optim::momentum(isa, by, black_box(&mut *p), g, v)));
    let side = Axis::sliding(28, 2, 2, 0, false).expect("the window fits");
    let by = Pool2d { channels: 32, height: side, width: side };
    let (x, y) = (values(by.input_len()), zeros(by.output_len()));
    let inputs = by.input_len();
    cases.push(each("max-pool", inputs, move || {
        pool2d::max_forward(isa, &Pool::serial(), &by, 1, x, black_box(&mut *y));
    }));
    cases
}

/// Rounds of the multiply-add loop in a sample: some 100 µs.
const PEAK_ROUNDS: u64 = 30_000;

/// The best share of several samples.
fn share(isa: Isa, case: &mut Case, samples: u32) -> f64 {
    (case.run)();
    let clock = Instant::now();
    (case.run)();
    let once = clock.elapsed().max(Duration::from_nanos(100));
    let repeats = (SAMPLE.as_nanos() / once.as_nanos()).clamp(1, 10_000) as u32;
    let (mut fastest, mut peak) = (f64::MAX, 0.0f64);
    for _ in 0..samples {
        let clock = Instant::now();
        let (flops, value) = peak::fma_loop(isa, PEAK_ROUNDS);
        black_box(value);
        peak = peak.max(flops as f64 / clock.elapsed().as_secs_f64());
        let clock = Instant::now();
        for _ in 0..repeats {
            (case.run)();
        }
        fastest = fastest.min(clock.elapsed().as_secs_f64() / f64::from(repeats));
    }
    case.work / fastest / peak
}

/// What kind of processor this is: records of one say nothing about another.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|l| l.split(':').next().is_some_and(|key| key.trim() == name));
        line.and_then(|l| l.split(':').nth(1)).map_or("?".to_string(), |v| v.trim().replace(' ', "-"))
    };
    format!("{}-{}-{}", field("vendor_id"), field("cpu family"), field("model"))
}

/// Whether another program wants a core right now; no where the system does not tell.
fn others_run() -> bool {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let running = text.split_whitespace().nth(3).and_then(|field| field.split('/').next()?.parse().ok());
    running.is_some_and(|running: u32| running > 1)
}

/// Shares by `processor isa kernel`.
type Records = BTreeMap<String, f64>;

fn read(text: &str) -> Records {
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    lines
        .filter_map(|l| {
            let (key, share) = l.rsplit_once(' ')?;
            Some((key.to_string(), share.parse().ok()?))
        })
        .collect()
}

fn write(path: &str, records: &Records) -> std::io::Result<()> {
    let mut text = String::from(
        "# Share of the multiply-add peak that each kernel reaches, by processor and instruction set.\n\
         # Written by `cargo bench -p kobai-kernels --bench guard -- --record`.\n",
    );
    for (key, share) in records {
        text += &format!("{key} {share:.4}\n");
    }
    std::fs::write(path, text)
}

fn main() -> ExitCode {
    let started = Instant::now();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/guard.txt");
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let record = arguments.iter().any(|a| a == "--record");
    let only = arguments.iter().find(|a| !a.starts_with('-'));
    let mut records = read(&std::fs::read_to_string(path).unwrap_or_default());
    let (processor, mut slow, mut unknown, mut checked) = (processor(), Vec::new(), 0, 0);
    let mut undecided = Vec::new();
    for isa in Isa::available().into_iter().filter(|isa| *isa != Isa::SCALAR) {
        for mut case in cases(isa) {
            if only.is_some_and(|only| !case.name.contains(only.as_str())) {
                continue;
            }
            let key = format!("{processor} {isa} {}", case.name);
            if record {
                let mut runs: Vec<f64> = (0..RECORDED_RUNS).map(|_| share(isa, &mut case, SAMPLES)).collect();
                runs.sort_by(f64::total_cmp);
                println!("{key}: {:.4}", runs[RECORDED_RUNS / 2]);
                records.insert(key, runs[RECORDED_RUNS / 2]);
                continue;
            }
            let Some(recorded) = records.get(&key) else {
                unknown += 1;
                continue;
            };
            checked += 1;
            let (mut best, mut crowded) = (0.0f64, 0);
            for t in 1..=TRIES {
                crowded += u32::from(others_run());
                best = best.max(share(isa, &mut case, SAMPLES * t) / recorded);
                if best >= LEAST {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50) * t);
            }
            let mark = match (best >= LEAST, 2 * crowded >= TRIES) {
                (true, _) => "",
                (false, true) => "  undecided: other programs run",
                (false, false) => "  SLOWER",
            };
            println!("{isa:>7} {:<28} {:>4.0} % of its record{mark}", case.name, 100.0 * best);
            if best < LEAST {
                let list = if 2 * crowded >= TRIES { &mut undecided } else { &mut slow };
                list.push(format!("{isa} {}", case.name));
            }
        }
    }
    if record {
        if let Err(e) = write(path, &records) {
            println!("error: {path}: {e}");
            return ExitCode::FAILURE;
        }
        return ExitCode::SUCCESS;
    }
    let seconds = started.elapsed().as_secs_f64();
    if unknown > 0 {
        println!("{unknown} kernels have no record for {processor}: not checked; `-- --record` writes them");
    }
    if !undecided.is_empty() {
        println!("undecided, because other programs ran: {}", undecided.join(", "));
    }
    if slow.is_empty() {
        let checked = checked - undecided.len();
        println!("{checked} kernels are at least at {:.0} % of their record ({seconds:.1} s)", 100.0 * LEAST);
        return ExitCode::SUCCESS;
    }
    println!("error: slower than {:.0} % of the record: {} ({seconds:.1} s)", 100.0 * LEAST, slow.join(", "));
    ExitCode::FAILURE
}
