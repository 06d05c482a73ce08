//! Runs the doctor's cases and prints how often it is right.
//!
//! `cargo run --release -p kobai-lab --example calibrate -- [--seeds 5] [--threads 2] [--only TEXT] [--verbose] [--json FILE] [--cache FOLDER]`
//!
//! `--cure` treats the sick cases instead and prints what the five-arm protocol says of each.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use kobai_data::Locations;
use kobai_engine::Lang;
use kobai_lab::calibration::{self, Case, Data, Request};
use kobai_lab::doctor::{Options, Protocol, examine_subject, treat};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Treats each sick case and prints its verdict, and how many were proved.
fn cure(cases: &[Case], data: &Data, threads: usize) {
    let sick: Vec<&Case> = cases.iter().filter(|c| !c.expect.is_empty()).collect();
    let (next, treated) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (proved, random) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(case) = sick.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let subject = case.subject(data).expect("the cases run");
                    let examination = examine_subject(&subject, &Options::default(), &|_| {});
                    let treatment = treat(&subject, &examination, &Protocol::default(), &|_| {});
                    // What no edit of the file can change is not curable.
                    let Some(attempt) = treatment.proof().or(treatment.attempts.first()) else {
                        println!("{} {:?}: no prescription", case.id, case.expect);
                        continue;
                    };
                    let proof = &attempt.proof;
                    treated.fetch_add(1, Ordering::Relaxed);
                    proved.fetch_add(usize::from(proof.verdict.name() == "proved"), Ordering::Relaxed);
                    random.fetch_add(usize::from(proof.random_helps), Ordering::Relaxed);
                    let arms: Vec<String> =
                        proof.arms.iter().map(|arm| format!("{} {:.3}", arm.name, arm.median())).collect();
                    println!(
                        "{} {:?}: {} by {:?} ({}; a random change helps: {})",
                        case.id,
                        case.expect,
                        proof.verdict.name(),
                        attempt.codes,
                        arms.join(", "),
                        proof.random_helps
                    );
                }
            });
        }
    });
    let of = |n: AtomicUsize| n.into_inner();
    println!("treated {}, proved {}, a random change does as well {}", of(treated), of(proved), of(random));
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).cloned();
    let number = |name: &str, default: u64| value(name).and_then(|v| v.parse().ok()).unwrap_or(default);
    let only = value("--only").unwrap_or_default();
    let wanted = |id: &str| only.is_empty() || only.split(',').any(|part| id.contains(part));
    let cases: Vec<_> =
        calibration::faults().into_iter().chain(calibration::healthy()).filter(|c| wanted(&c.id)).collect();
    let seeds = number("--seeds", 5);
    let request = Request {
        cases,
        seeds,
        threads: number("--threads", 2) as usize,
        data: Data::new(Locations::none()),
        cache: value("--cache").map(Into::into),
    };
    if args.iter().any(|a| a == "--cure") {
        cure(&request.cases, &request.data, request.threads);
        return;
    }
    let tell = |done: usize, all: usize| {
        if done.is_multiple_of(25) || done == all {
            eprintln!("{done} / {all}");
        }
    };
    let outcomes = calibration::run(&request, &tell).expect("the cases run");
    if args.iter().any(|a| a == "--verbose") {
        for o in &outcomes {
            let case = &request.cases[o.case];
            let found: Vec<String> = o
                .doctor
                .iter()
                .map(|s| {
                    let layer = s.layer.as_deref().unwrap_or("-");
                    format!("{}/{}@{layer} {} {:.2}", s.code, s.disease, s.severity.name(), s.probability)
                })
                .collect();
            println!(
                "{} #{} {:?} {:?} score {:.3} {:.1}s: {}",
                case.id,
                o.seed,
                case.expect,
                case.layer,
                o.score,
                o.seconds,
                found.join("; ")
            );
        }
    }
    let summary = calibration::summary(&request.cases, &outcomes, seeds);
    println!("{}", summary.text(Lang::En));
    if let Some(file) = value("--json") {
        std::fs::write(file, serde_json::to_string_pretty(&summary).expect("plain data")).expect("written");
    }
}
