//! Fails when a kernel has become slower: `cargo bench -p kobai-kernels --bench guard`.
//!
//! The measure is a pair of shares: the work of a kernel per second over the multiply-adds
//! per second of registers alone, and over the values per second of a copy within the
//! cache of a core, all measured within the same milliseconds. A slower clock or a busy
//! machine slows all three; a neighbour who takes from the cache slows the copy and those
//! kernels that live on the cache, and leaves the registers alone. The work is counted in
//! operations of the definition or, where a kernel has none worth counting, in elements;
//! only the record gives the shares a meaning.
//!
//! `records.txt` holds the shares that were reached, for each kind of processor. A
//! kernel fails if it stays below 80 % of both its records in [`TRIES`] tries, each with
//! operands at another place in memory, a pause and more samples than the one before; the
//! best sample counts, because noise only ever takes time. A processor without a record
//! passes and says so. A kernel that stays below while other programs run is undecided,
//! not slow.
//!
//! `-- --record` writes the shares of this processor: the second lowest of several runs,
//! so that a lucky place in memory does not become the yardstick. `-- NAME` looks at some kernels.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

mod cases;

use cases::{Case, cases, values};
use kobai_kernels::{Isa, peak};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Mutex;
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
/// Runs of which the second lowest is recorded.
const RECORDED_RUNS: usize = 7;

/// Rounds of the multiply-add loop in a sample: some 100 µs.
const PEAK_ROUNDS: u64 = 30_000;

/// Values of the copy that is the second yardstick: with their target, half of the
/// smallest second-level cache that a processor with these instructions has.
const COPIED: usize = 16 * 1024;

/// Values copied per second in some copies, always of the same memory.
fn copy_rate() -> f64 {
    static MEMORY: Mutex<Option<&mut [f32]>> = Mutex::new(None);
    let mut memory = MEMORY.lock().expect("no copy panics");
    // Half a page between the two: a store must not look like one to what is loaded next.
    let (from, to) = memory.get_or_insert_with(|| values(2 * COPIED + 512)).split_at_mut(COPIED + 512);
    let from = &from[..COPIED];
    let clock = Instant::now();
    for _ in 0..8 {
        black_box(&mut *to).copy_from_slice(black_box(from));
    }
    8.0 * COPIED as f64 / clock.elapsed().as_secs_f64()
}

/// What a kernel reached: its work as a share of the multiply-add peak, and for each
/// value that a copy moves in the same time.
#[derive(Clone, Copy)]
struct Shares {
    peak: f64,
    copy: f64,
}

impl Shares {
    /// The part of the record that is reached against the kinder yardstick.
    fn of(self, record: Self) -> f64 {
        (self.peak / record.peak).max(self.copy / record.copy)
    }
}

/// The best shares of several samples.
fn shares(isa: Isa, case: &mut Case, samples: u32) -> Shares {
    copy_rate();
    (case.run)();
    let clock = Instant::now();
    (case.run)();
    let once = clock.elapsed().max(Duration::from_nanos(100));
    let repeats = (SAMPLE.as_nanos() / once.as_nanos()).clamp(1, 10_000) as u32;
    let (mut fastest, mut peak, mut copy) = (f64::MAX, 0.0f64, 0.0f64);
    for _ in 0..samples {
        let clock = Instant::now();
        let (flops, value) = peak::fma_loop(isa, PEAK_ROUNDS);
        black_box(value);
        peak = peak.max(flops as f64 / clock.elapsed().as_secs_f64());
        copy = copy.max(copy_rate());
        let clock = Instant::now();
        for _ in 0..repeats {
            (case.run)();
        }
        fastest = fastest.min(clock.elapsed().as_secs_f64() / f64::from(repeats));
    }
    let rate = case.work / fastest;
    Shares { peak: rate / peak, copy: rate / copy }
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
type Records = BTreeMap<String, Shares>;

fn read(text: &str) -> Records {
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    lines
        .filter_map(|l| {
            let (rest, copy) = l.rsplit_once(' ')?;
            let (key, peak) = rest.rsplit_once(' ')?;
            Some((key.to_string(), Shares { peak: peak.parse().ok()?, copy: copy.parse().ok()? }))
        })
        .collect()
}

fn write(path: &str, records: &Records) -> std::io::Result<()> {
    let mut text = String::from(
        "# By processor and instruction set, what each kernel reaches: its work as a share of the\n\
         # multiply-add peak, and per value that a copy within the cache moves in the same time.\n\
         # Written by `cargo bench -p kobai-kernels --bench guard -- --record`.\n",
    );
    for (key, Shares { peak, copy }) in records {
        text += &format!("{key} {peak:.4} {copy:.4}\n");
    }
    std::fs::write(path, text)
}

/// The second lowest of the runs' shares, each for itself: what every run reaches, less
/// one that was disturbed.
fn usual(runs: &[Shares]) -> Shares {
    let of = |share: fn(&Shares) -> f64| {
        let mut all: Vec<f64> = runs.iter().map(share).collect();
        all.sort_by(f64::total_cmp);
        all[1]
    };
    Shares { peak: of(|s| s.peak), copy: of(|s| s.copy) }
}

/// What became of one kernel.
struct Look {
    name: &'static str,
    best: f64,
    /// Tries during which another program wanted a core.
    crowded: u32,
}

/// Looks at the kernels that have a record, again at those that stay below it.
fn look(isa: Isa, only: Option<&str>, record: &dyn Fn(&str) -> Option<Shares>) -> (Vec<Look>, usize) {
    let (mut looks, mut unknown) = (Vec::<Look>::new(), 0);
    for t in 1..=TRIES {
        // Operands at another place in memory with every try.
        for mut case in cases(isa) {
            if only.is_some_and(|only| !case.name.contains(only)) {
                continue;
            }
            let at = looks.iter().position(|l| l.name == case.name);
            let Some(record) = record(case.name) else {
                unknown += usize::from(t == 1);
                continue;
            };
            if at.is_some_and(|at| looks[at].best >= LEAST) {
                continue;
            }
            let crowded = u32::from(others_run());
            let best = shares(isa, &mut case, SAMPLES * t).of(record);
            match at {
                Some(at) => {
                    looks[at].best = looks[at].best.max(best);
                    looks[at].crowded += crowded;
                }
                None => looks.push(Look { name: case.name, best, crowded }),
            }
        }
        if looks.iter().all(|l| l.best >= LEAST) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50) * t);
    }
    (looks, unknown)
}

fn main() -> ExitCode {
    let started = Instant::now();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/guard/records.txt");
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let only = arguments.iter().find(|a| !a.starts_with('-')).map(String::as_str);
    let mut records = read(&std::fs::read_to_string(path).unwrap_or_default());
    let processor = processor();
    let isas = Isa::available().into_iter().filter(|isa| *isa != Isa::SCALAR);
    let key = |isa: Isa, name: &str| format!("{processor} {isa} {name}");
    if arguments.iter().any(|a| a == "--record") {
        for isa in isas {
            let mut runs = BTreeMap::<&str, Vec<Shares>>::new();
            for _ in 0..RECORDED_RUNS {
                for mut case in cases(isa) {
                    if only.is_none_or(|only| case.name.contains(only)) {
                        runs.entry(case.name).or_default().push(shares(isa, &mut case, SAMPLES));
                    }
                }
            }
            for (name, runs) in runs {
                let Shares { peak, copy } = usual(&runs);
                println!("{}: {peak:.4} {copy:.4}", key(isa, name));
                records.insert(key(isa, name), Shares { peak, copy });
            }
        }
        if let Err(e) = write(path, &records) {
            println!("error: {path}: {e}");
            return ExitCode::FAILURE;
        }
        return ExitCode::SUCCESS;
    }
    let (mut slow, mut undecided, mut unknown, mut good) = (Vec::new(), Vec::new(), 0, 0);
    for isa in isas {
        let (looks, without) = look(isa, only, &|name| records.get(&key(isa, name)).copied());
        unknown += without;
        for Look { name, best, crowded } in looks {
            let mark = match (best >= LEAST, 2 * crowded >= TRIES) {
                (true, _) => "",
                (false, true) => "  undecided: other programs run",
                (false, false) => "  SLOWER",
            };
            println!("{isa:>7} {name:<28} {:>4.0} % of its record{mark}", 100.0 * best);
            match mark {
                "" => good += 1,
                _ if 2 * crowded >= TRIES => undecided.push(format!("{isa} {name}")),
                _ => slow.push(format!("{isa} {name}")),
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    if unknown > 0 {
        println!("{unknown} kernels have no record for {processor}: not checked; `-- --record` writes them");
    }
    if !undecided.is_empty() {
        println!("undecided, because other programs ran: {}", undecided.join(", "));
    }
    if slow.is_empty() {
        println!("{good} kernels are at least at {:.0} % of their record ({seconds:.1} s)", 100.0 * LEAST);
        return ExitCode::SUCCESS;
    }
    println!("error: slower than {:.0} % of the record: {} ({seconds:.1} s)", 100.0 * LEAST, slow.join(", "));
    ExitCode::FAILURE
}
