//! What the Rust peers share: workloads, initial values by formula, the protocols.
//!
//! A peer is timed in one of three ways:
//! - for `vision/run.py` it prepares once, prints `ready`, and then answers each line of
//!   stdin (a number of steps) with the seconds that they took;
//! - `--seconds S` (for `run.py`): blocks of about 0.1 s, each from the initial values,
//!   then one JSON line;
//! - `--losses N`: the losses of N steps of plain SGD without dropout, as
//!   `kobai bench WORKLOAD --losses N` prints them.

use std::io::{BufRead, Write};
use std::time::Instant;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Workload {
    W1,
    W2,
    W3,
    W4,
    W5,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Rule {
    Sgd(f64),
    Momentum(f64, f64),
    Adam(f64),
}

pub struct Args {
    pub workload: Workload,
    pub batch: usize,
    pub threads: usize,
    seconds: Option<f64>,
    losses: Option<usize>,
}

/// A network in training: what a peer has to provide.
pub trait Trainer {
    /// One step; returns the loss before the update, not yet waited for.
    type Loss;
    fn step(&mut self) -> Self::Loss;
    fn wait(loss: Self::Loss) -> f64;
}

impl Args {
    fn parse() -> Result<Self, String> {
        let mut words = std::env::args().skip(1);
        let (mut workload, mut batch, mut threads, mut seconds, mut losses) = (None, None, 1, None, None);
        while let Some(word) = words.next() {
            let value = words.next().ok_or(format!("{word} needs a value"))?;
            let number = || value.parse::<f64>().map_err(|_| format!("{word}: not a number: {value}"));
            match word.as_str() {
                "--workload" => workload = Some(value),
                "--mode" if value == "train" => {}
                "--batch" => batch = Some(number()? as usize),
                "--threads" => threads = number()? as usize,
                "--seconds" => seconds = Some(number()?),
                "--losses" => losses = Some(number()? as usize),
                _ => return Err(format!("not known: {word} {value}")),
            }
        }
        let workload = match workload.as_deref() {
            Some("W1") => Workload::W1,
            Some("W2") => Workload::W2,
            Some("W3") => Workload::W3,
            Some("W4") => Workload::W4,
            Some("W5") => Workload::W5,
            _ => return Err("--workload is one of W1 W2 W3 W4 W5".into()),
        };
        let batch = batch.unwrap_or(if workload == Workload::W5 { 128 } else { 100 });
        Ok(Self { workload, batch, threads, seconds, losses })
    }
}

/// Blocks of ResNet-18: channels in and out, stride of the first convolution.
pub const BLOCKS: [(usize, usize, usize); 8] = [
    (64, 64, 1),
    (64, 64, 1),
    (64, 128, 2),
    (128, 128, 1),
    (128, 256, 2),
    (256, 256, 1),
    (256, 512, 2),
    (512, 512, 1),
];

impl Workload {
    pub fn rule(self) -> Rule {
        match self {
            Self::W1 => Rule::Sgd(0.1),
            Self::W2 => Rule::Sgd(0.01),
            Self::W3 | Self::W4 => Rule::Adam(1e-3),
            Self::W5 => Rule::Momentum(1e-3, 0.9),
        }
    }

    /// Sizes of the multilayer perceptrons, input first.
    pub fn mlp(self) -> Option<Vec<usize>> {
        match self {
            Self::W1 => Some(vec![784, 40, 20, 10]),
            Self::W2 => Some([&[784][..], &[100; 6], &[10]].concat()),
            _ => None,
        }
    }

    /// Channels, height, width of an image.
    pub fn image(self) -> [usize; 3] {
        if self == Self::W5 { [3, 32, 32] } else { [1, 28, 28] }
    }
}

fn wave(i: usize, phase: f64) -> f64 {
    let i = i as f64;
    (0.7 * i + 0.013 * i * i + phase).sin()
}

/// Param number k, of PyTorch's shape: `initial` in `vision/nets.py`.
pub fn initial(k: usize, shape: &[usize], is_norm_weight: bool) -> Vec<f32> {
    let n = shape.iter().product();
    if shape.len() < 2 {
        return vec![if is_norm_weight { 1.0 } else { 0.0 }; n];
    }
    let scale = (4.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
    (0..n).map(|i| (wave(i, k as f64 + 0.3) * scale) as f32).collect()
}

/// `n` images or vectors of `len` numbers, and labels among 10 classes.
pub fn batch_of(n: usize, len: usize) -> (Vec<f32>, Vec<u32>) {
    let x = (0..n * len).map(|i| (0.5 + 0.5 * wave(i, 0.1)) as f32).collect();
    (x, (0..n as u32).map(|i| (7 * i + 3) % 10).collect())
}

/// Runs one of the protocols. `make` builds a trainer from the initial values; it is told
/// the update rule and whether dropout drops.
pub fn run<T: Trainer>(name: &str, version: &str, make: impl Fn(&Args, Rule, bool) -> T) {
    let args = Args::parse().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        std::process::exit(2);
    });
    with_threads(args.threads);
    if let Some(n) = args.losses {
        let mut trainer = make(&args, Rule::Sgd(0.01), false);
        let losses: Vec<f64> = (0..n).map(|_| T::wait(trainer.step())).collect();
        println!("{}", serde_json::json!({ "losses": losses }));
        return;
    }
    let rule = args.workload.rule();
    let block = |trainer: &mut T, steps: usize| {
        let start = Instant::now();
        let mut last = None;
        for _ in 0..steps {
            last = Some(trainer.step());
        }
        let loss = last.map(T::wait);
        assert!(loss.is_none_or(f64::is_finite), "the loss is not a number");
        start.elapsed().as_secs_f64()
    };
    let mut trainer = make(&args, rule, true);
    block(&mut trainer, 2);
    let versions = serde_json::json!({ name: version });
    let Some(seconds) = args.seconds else {
        println!("ready");
        for line in std::io::stdin().lock().lines() {
            let steps = line.expect("stdin").trim().parse().expect("a number of steps");
            println!("{}", block(&mut trainer, steps));
            std::io::stdout().flush().expect("stdout");
        }
        println!("{}", serde_json::json!({ "peak_rss_mb": peak_rss_mb(), "versions": versions }));
        return;
    };
    block(&mut trainer, 50);
    let mut steps = 50;
    let mut took = block(&mut trainer, steps);
    while took < 0.05 {
        steps *= 2;
        took = block(&mut trainer, steps);
    }
    steps = ((steps as f64 * 0.1 / took).round() as usize).max(1);
    let mut rates = Vec::new();
    let start = Instant::now();
    while rates.is_empty() || start.elapsed().as_secs_f64() < seconds {
        let mut trainer = make(&args, rule, true);
        rates.push(steps as f64 / block(&mut trainer, steps));
    }
    rates.sort_by(f64::total_cmp);
    let rate = rates[rates.len() / 2];
    println!(
        "{}",
        serde_json::json!({
            "peer": name, "workload": format!("{:?}", args.workload), "mode": "train",
            "threads": args.threads, "batch": args.batch, "steps_per_s": rate,
            "min": rates[0], "max": rates[rates.len() - 1], "blocks": rates.len(),
            "samples_per_s": rate * args.batch as f64, "peak_rss_mb": peak_rss_mb(), "versions": versions,
        })
    );
}

/// Starts the program again with the number of threads in the environment, where both
/// frameworks look for it: candle reads the variable itself, besides rayon.
fn with_threads(threads: usize) {
    const NAME: &str = "RAYON_NUM_THREADS";
    let wanted = threads.to_string();
    if std::env::var(NAME).is_ok_and(|v| v == wanted) {
        return;
    }
    let program = std::env::current_exe().expect("this program");
    let status =
        std::process::Command::new(program).args(std::env::args_os().skip(1)).env(NAME, wanted).status();
    std::process::exit(status.ok().and_then(|s| s.code()).unwrap_or(1));
}

fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or("");
    let kib: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(f64::NAN);
    kib / 1024.0
}
