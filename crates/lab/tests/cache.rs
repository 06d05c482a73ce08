//! Runs that are shared between experiments, single rows, and changes from outside.

use kobai_engine::{Explain, Lang};
use kobai_lab::estimate::Timings;
use kobai_lab::experiment::{Changes, Experiment, SweepSpec};
use kobai_lab::runner::Silent;
use kobai_lab::session::{Completed, Request, Session, SessionError};
use kobai_lab::sweep;
use std::path::Path;
use std::sync::atomic::AtomicBool;

const MINE: &str = r#"schema = "kobai.experiment/1"
id = "mine"
seeds = 2
[data]
set = "digits"
[model]
layers = [{ linear = 12 }, "relu", { linear = "outputs" }]
[training]
steps = 30
batch = 50
[optimizer]
name = "sgd"
lr = 0.2
[[rows]]
id = "plain"
[[rows]]
id = "l2"
set = { "optimizer.l2" = 0.1 }
[[claims]]
id = "about-l2"
text = { en = "l2 learns", ja = "l2 は学習する" }
measure = "l2.test - plain.test"
above = 0
"#;

fn run(request: Request) -> Result<Completed, SessionError> {
    Session::prepare(request)?.run(&Silent, &AtomicBool::new(false))
}

/// A request for `MINE` in a folder of its own beside a shared cache.
fn mine(root: &Path, out: &str) -> Request {
    let file = root.join("mine.toml");
    std::fs::write(&file, MINE).unwrap();
    Request {
        out: Some(root.join(out)),
        cache: Some(root.join("cache")),
        ..Request::new(file.to_str().unwrap())
    }
}

#[test]
fn runs_are_shared_between_folders_and_never_taken_for_others() {
    let root = tempfile::tempdir().unwrap();
    let first = run(mine(root.path(), "a")).unwrap();
    assert_eq!(first.reused, 0);
    let estimate = Session::prepare(mine(root.path(), "b")).unwrap().estimate(&mut Timings::default());
    assert_eq!((estimate.known, estimate.runs), (4, 4));
    assert!(!root.path().join("b").exists(), "an estimate makes no folder");
    let again = run(mine(root.path(), "b")).unwrap();
    assert_eq!(again.reused, 4);
    assert_eq!(again.results.rows, first.results.rows);
    assert!(root.path().join("b/checkpoints/plain-0.safetensors").is_file());
    // Another seed, another setting: only what is the same is taken.
    let other = Request { first_seed: 1, ..mine(root.path(), "c") };
    assert_eq!(run(other).unwrap().reused, 2);
    let set = vec![("l2.lambda".to_string(), "0.2".to_string())];
    let changed = run(Request { set, ..mine(root.path(), "d") }).unwrap();
    assert_eq!(changed.reused, 2);
    assert_eq!(changed.results.rows[0], first.results.rows[0]);
    assert_ne!(changed.results.rows[1], first.results.rows[1]);
    // Half a file is no run.
    for entry in std::fs::read_dir(root.path().join("cache")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "json") {
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, "{").unwrap();
        }
    }
    assert_eq!(run(mine(root.path(), "e")).unwrap().reused, 0);
    // What the other folders have is theirs and still whole.
    assert_eq!(run(mine(root.path(), "a")).unwrap().reused, 4);
}

#[test]
fn single_rows_run_with_the_claims_about_them() {
    let root = tempfile::tempdir().unwrap();
    let rows = |rows: &[&str]| rows.iter().map(|r| (*r).to_string()).collect();
    let one = run(Request { rows: rows(&["l2"]), ..mine(root.path(), "a") }).unwrap();
    assert_eq!(one.results.rows.len(), 1);
    assert!(one.results.claims.is_empty(), "the claim needs the other row too");
    assert!(one.results.command.contains(" --rows l2"), "{}", one.results.command);
    let wrong = Session::prepare(Request { rows: rows(&["l3"]), ..mine(root.path(), "b") }).unwrap_err();
    assert!(wrong.explain(Lang::En).hints[0].contains("`l2`"), "{wrong}");
}

fn change(key: &str, value: &str) -> Result<Experiment, String> {
    let set = vec![(key.to_string(), value.to_string())];
    let changes = Changes { set, outputs: Some(10), ..Changes::default() };
    Experiment::from_toml("mine.toml", MINE, &changes).map_err(|e| e.to_string())
}

#[test]
fn changes_reach_a_row_or_the_file() {
    use kobai_engine::optim::Penalty;
    let penalty = |e: &Experiment, row: usize| e.rows[row].training.updates.penalty;
    for key in ["l2.lambda", "l2.l2", "l2.optimizer.l2"] {
        let e = change(key, "0.5").unwrap();
        assert_eq!((penalty(&e, 0), penalty(&e, 1)), (Penalty::None, Penalty::L2(0.5)), "{key}");
    }
    let e = change("l2.steps", "7").unwrap();
    assert_eq!((e.rows[0].training.steps, e.rows[1].training.steps), (30, 7));
    assert_eq!(change("seeds", "10").unwrap().seeds, 10);
    assert_eq!(change("training.steps", "7").unwrap().rows[1].training.steps, 7);
}

#[test]
fn changes_that_mean_nothing_say_what_was_meant() {
    let mut text = String::new();
    for key in ["lr", "l2.lambdaa", "l3.lambda", "plain.lambda", "sedes", "optimiser.lr", "l2"] {
        let set = vec![(key.to_string(), "1".to_string())];
        let changes = Changes { set, outputs: Some(10), ..Changes::default() };
        let error = Experiment::from_toml("mine.toml", MINE, &changes).unwrap_err();
        for lang in [Lang::En, Lang::Ja] {
            text += &format!("--set {key}=1\n{}\n", error.explain(lang));
        }
    }
    insta::assert_snapshot!(text);
}

fn sweep_file(root: &Path, rest: &str) -> String {
    std::fs::write(root.join("mine.toml"), MINE).unwrap();
    let experiment = root.join("mine.toml");
    let text = format!(
        "schema = \"kobai.sweep/1\"\nid = \"s\"\nexperiment = '{}'\nrows = [\"plain\"]\n{rest}",
        experiment.display()
    );
    let file = root.join("sweep.toml");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_string()
}

fn swept(root: &Path, rest: &str) -> sweep::Swept {
    let base = Request {
        out: Some(root.join("sweep")),
        cache: Some(root.join("cache")),
        observe: false,
        ..Request::new("")
    };
    let file = sweep_file(root, rest);
    sweep::run(&file, &base, (&Silent, &AtomicBool::new(false), &|_, _, _| {})).unwrap()
}

#[test]
fn a_grid_is_every_combination_ranked_and_resumed() {
    let root = tempfile::tempdir().unwrap();
    let grid = "[grid]\n\"optimizer.lr\" = [0.0001, 0.2]\n\"training.batch\" = [20, 50]\n";
    let first = swept(root.path(), grid);
    assert_eq!((first.points.len(), first.runs, first.reused), (4, 8, 0));
    let means: Vec<f64> = first.points.iter().map(|p| p.mean().unwrap()).collect();
    assert!(means.windows(2).all(|w| w[0] >= w[1]), "{means:?}");
    assert!(first.points[..2].iter().all(|p| p.values[0] == toml::Value::Float(0.2)));
    // The same point as an ordinary run: the same numbers.
    let alone = run(Request {
        rows: vec!["plain".into()],
        observe: false,
        set: vec![("training.batch".into(), "50".into())],
        ..mine(root.path(), "alone")
    });
    let point = first
        .points
        .iter()
        .find(|p| p.values[0] == toml::Value::Float(0.2) && p.values[1] == toml::Value::Integer(50));
    let alone: Vec<f64> = alone.unwrap().results.rows[0].runs.iter().map(|r| r.test).collect();
    assert_eq!(point.unwrap().measured, alone);
    // Widened: only the new points are trained.
    let wider = "[grid]\n\"optimizer.lr\" = [0.0001, 0.2, 0.4]\n\"training.batch\" = [20, 50]\n";
    let second = swept(root.path(), wider);
    assert_eq!((second.runs, second.reused), (12, 8));
    for lang in [Lang::En, Lang::Ja] {
        let page = sweep::html(&second, lang);
        assert!(page.contains("<svg ") && page.contains("optimizer.lr"));
        assert_eq!(sweep::text(&second, lang, 80).lines().count(), 2 + 6);
    }
}

#[test]
fn halving_goes_on_with_the_best() {
    let root = tempfile::tempdir().unwrap();
    let file = "[halving]\nkeep_one_of = 2\nfirst_steps = 8\n[random]\ndraws = 4\n\
                \"optimizer.lr\" = { from = 1e-5, to = 1, scale = \"log\" }\n";
    let out = swept(root.path(), file);
    // 4 draws at 8 steps, 2 at 16, 1 at 30 (the full length).
    let steps: Vec<u64> = out.points.iter().map(|p| p.steps).collect();
    assert_eq!(steps, [30, 16, 8, 8]);
    assert_eq!(out.runs, 2 * (4 + 2 + 1));
    assert_eq!(swept(root.path(), file).reused, out.runs);
}

#[test]
fn draws_are_a_function_of_their_seed_and_stay_inside() {
    let text = |seed: u64| {
        format!(
            "schema = \"kobai.sweep/1\"\nid = \"s\"\nexperiment = \"convnet\"\n[random]\ndraws = 200\nseed = {seed}\n\
             \"optimizer.lr\" = {{ from = 1e-4, to = 1, scale = \"log\" }}\n\"training.batch\" = {{ from = 10, to = 20, whole = true }}\n"
        )
    };
    let points = |seed| SweepSpec::from_toml("s.toml", &text(seed)).unwrap().points();
    assert_eq!(points(1), points(1));
    assert_ne!(points(1), points(2));
    let rates: Vec<f64> = points(1).iter().map(|p| p[0].as_float().unwrap()).collect();
    assert!(rates.iter().all(|r| (1e-4..=1.0).contains(r)));
    // Even on the logarithmic scale: half lie below 10⁻², within five standard deviations.
    let low = rates.iter().filter(|r| **r < 1e-2).count() as f64;
    assert!((low - 100.0).abs() < 5.0 * 50f64.sqrt(), "{low}");
    assert!(points(1).iter().all(|p| (10..=20).contains(&p[1].as_integer().unwrap())));
}

#[test]
fn the_examples_are_sound() {
    for (name, points) in [("learning-rate", 7), ("halving", 27)] {
        let spec = SweepSpec::load(&format!("../../examples/sweeps/{name}.toml")).unwrap();
        assert_eq!(spec.points().len(), points, "{name}");
        let first =
            spec.keys.iter().zip(&spec.points()[0]).map(|(k, v)| (k.key.clone(), v.to_string())).collect();
        let request = Request { rows: spec.rows.clone(), set: first, ..Request::new(&spec.experiment) };
        Session::prepare(request).unwrap();
    }
}

#[test]
fn mistakes_in_a_sweep_have_one_clear_message() {
    let sound = "schema = \"kobai.sweep/1\"\nid = \"s\"\nexperiment = \"convnet\"\n[grid]\n\"optimizer.lr\" = [0.1]\n";
    assert!(SweepSpec::from_toml("s.toml", sound).is_ok());
    let mut text = String::new();
    for (from, to) in [
        ("experiment", "experimant"),
        ("[grid]", "[gird]"),
        ("[0.1]", "0.1"),
        ("[0.1]", "{ from = 0, to = 1, scale = \"log\" }"),
        ("[0.1]", "{ from = 0.1, too = 1 }"),
        ("[grid]", "[halving]\nkeep_one_of = 1\nfirst_steps = 5\n[grid]"),
        ("[grid]", "[random]"),
        ("id = \"s\"", "id = \"s\"\ngoal = \"maxi\""),
    ] {
        let error = SweepSpec::from_toml("s.toml", &sound.replace(from, to)).unwrap_err();
        for lang in [Lang::En, Lang::Ja] {
            text += &format!("{to}\n{}\n", error.explain(lang));
        }
    }
    insta::assert_snapshot!(text);
}
