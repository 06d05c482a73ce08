//! Verdicts repeat: with other base seeds every claim that holds or does not
//! hold has the same verdict.
//!
//! `cargo test --release -p kobai-lab --test replicate -- --ignored --nocapture`
//!
//! `KOBAI_REPLICATE_DATA=mnist` runs on MNIST instead of each experiment's own
//! data, `KOBAI_REPLICATE=overfitting,optimizers` a part of the experiments, and
//! `KOBAI_EVIDENCE=DIR` keeps the runs there, so that what was interrupted
//! continues.

#![allow(clippy::print_stdout, reason = "how often verdicts flip is told")]

use kobai_data::Locations;
use kobai_lab::experiment::Experiment;
use kobai_lab::results::Verdict;
use kobai_lab::runner::Silent;
use kobai_lab::session::{Request, Session};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// First seeds of the repetitions; the first is the one that people see.
const BASES: [u64; 4] = [0, 1000, 2000, 3000];

fn verdicts(name: &str, first_seed: u64) -> BTreeMap<String, Verdict> {
    let out = tempfile::tempdir().unwrap();
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let request = Request {
        data: std::env::var("KOBAI_REPLICATE_DATA").ok(),
        locations: Locations::from_env(std::env::var_os("KOBAI_DATA_DIR").is_none().then_some(beside)),
        first_seed,
        cache: std::env::var_os("KOBAI_EVIDENCE").map(PathBuf::from),
        out: Some(out.path().into()),
        ..Request::new(name)
    };
    let session = Session::prepare(request).unwrap();
    let results = session.run(&Silent, &AtomicBool::new(false)).unwrap().results;
    results.claims.into_iter().map(|c| (c.id, c.verdict)).collect()
}

#[test]
#[ignore = "minutes"]
fn verdicts_repeat() {
    let only = std::env::var("KOBAI_REPLICATE").unwrap_or_default();
    let (mut decided, mut undecided, mut flipped) = (0, 0, Vec::new());
    for name in Experiment::names().filter(|n| only.is_empty() || only.split(',').any(|o| o == *n)) {
        let [first, others @ ..] = BASES.map(|base| verdicts(name, base));
        let (before, claims) = (flipped.len(), first.len());
        for (claim, verdict) in first {
            if verdict == Verdict::Undecided {
                undecided += 1;
                println!("{name}: {claim}: undecided; otherwise {:?}", others.each_ref().map(|o| o[&claim]));
                continue;
            }
            decided += 1;
            let different = others.iter().filter(|o| o[&claim] != verdict).count();
            if different > 0 {
                let others = others.each_ref().map(|o| o[&claim]);
                flipped.push(format!("{name}: {claim}: {verdict:?}, otherwise {others:?}"));
            }
        }
        println!("{name}: {claims} claims, {} flipped", flipped.len() - before);
        flipped[before..].iter().for_each(|f| println!("  {f}"));
    }
    println!("{undecided} undecided");
    println!("{decided} verdicts, {} of them not the same every time", flipped.len());
    assert!(flipped.is_empty(), "{}", flipped.join("\n"));
}
