//! Level 6: on MNIST the rows reach the reference implementation's accuracies.

#![allow(clippy::print_stdout, reason = "skips and differences are told")]

use kobai_data::Locations;
use kobai_lab::experiment::{Changes, Experiment};
use kobai_lab::results::{Results, Verdict};
use kobai_lab::runner::Silent;
use kobai_lab::session::{Request, Session};
use kobai_lab::stats::Summary;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

fn data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("KOBAI_DATA_DIR").map_or(beside, PathBuf::from);
    if folder.join("mnist/train-images-idx3-ubyte.gz").is_file() {
        return Some(folder);
    }
    println!("skipped: no MNIST in {} (set KOBAI_DATA_DIR)", folder.display());
    None
}

fn run(folder: PathBuf, as_published: bool) -> Results {
    run_of("vanishing-gradient", folder, 4, as_published)
}

fn run_of(experiment: &str, folder: PathBuf, seeds: u32, as_published: bool) -> Results {
    let out = tempfile::tempdir().unwrap();
    let request = Request {
        data: Some("mnist".into()),
        locations: Locations::from_env(Some(folder)),
        seeds: Some(seeds),
        out: Some(out.path().into()),
        as_published,
        // Only the end is compared.
        set: vec![("training.evaluate_every".into(), "2000".into())],
        ..Request::new(experiment)
    };
    Session::prepare(request).unwrap().run(&Silent, &AtomicBool::new(false)).unwrap().results
}

/// Mean test accuracy against the reference implementation: within three
/// standard errors of the difference, or 0.004.
fn check(results: &Results) {
    for row in &results.rows {
        // Rows that were added here have nothing to be compared with.
        let Some(published) = row.published.as_ref() else { continue };
        let tests: Vec<f64> = row.runs.iter().map(|r| r.test).collect();
        let ours = Summary::of(&tests, 0.99);
        let error = (ours.sd.powi(2) / ours.n as f64 + published.sd.powi(2) / f64::from(published.n)).sqrt();
        let difference = ours.mean - published.mean;
        println!(
            "{:<16} {:.4} published {:.4} difference {difference:+.4}",
            row.id, ours.mean, published.mean
        );
        assert!(
            difference.abs() <= (3.0 * error).max(0.004),
            "{}: {:.4} against {:.4}, standard error {error:.4}",
            row.id,
            ours.mean,
            published.mean
        );
    }
}

/// The orderings that hold in every paired run of the reference.
fn orderings(results: &Results) {
    let chain = ["he_relu", "gauss_relu", "he_sigmoid", "xavier_sigmoid", "gauss_sigmoid"];
    let row = |id: &str| results.rows.iter().find(|r| r.id == id).expect("a row of the chain");
    for pair in chain.windows(2) {
        for (better, worse) in row(pair[0]).runs.iter().zip(&row(pair[1]).runs) {
            assert!(
                better.test > worse.test,
                "{} > {} fails at seed {}: {} against {}",
                pair[0],
                pair[1],
                better.seed,
                better.test,
                worse.test
            );
        }
    }
}

#[test]
fn accuracies_agree_with_the_reference() {
    let Some(folder) = data() else { return };
    let (right, wrong) = (run(folder.clone(), false), run(folder, true));
    for results in [&right, &wrong] {
        check(results);
        orderings(results);
    }
    for claim in &right.claims {
        assert_eq!(claim.verdict, Verdict::Holds, "{}: {}", claim.id, claim.mean);
    }
    // The right derivative beats the published one in every paired run.
    for id in ["xavier_sigmoid", "he_sigmoid"] {
        let tests = |r: &Results| -> Vec<f64> {
            r.rows.iter().find(|row| row.id == id).unwrap().runs.iter().map(|run| run.test).collect()
        };
        assert!(tests(&right).iter().zip(tests(&wrong)).all(|(r, w)| *r > w), "{id}");
    }
}

/// The rows of section 2, quick enough for every day.
#[test]
fn optimisers_agree_with_the_reference() {
    let Some(folder) = data() else { return };
    for experiment in ["network", "optimizers"] {
        let results = run_of(experiment, folder.clone(), 4, false);
        assert!(results.rows.iter().any(|r| r.published.is_some()), "{experiment}: nothing to compare");
        check(&results);
    }
}

/// Every experiment with published rows, eight seeds each: minutes.
///
/// `cargo test --release -p kobai-lab --test published -- --ignored --nocapture`
#[test]
#[ignore = "minutes"]
fn every_row_agrees_with_the_reference() {
    let Some(folder) = data() else { return };
    for name in Experiment::names() {
        let experiment =
            Experiment::load(name, &Changes { outputs: Some(10), ..Changes::default() }).unwrap();
        if experiment.published_on.as_deref() == Some("mnist") {
            println!("{name}");
            check(&run_of(name, folder.clone(), 8, false));
        }
    }
}
