//! The numbers contract, end to end: the same bytes for any number of threads,
//! with and without observers, in one go or continued.

use kobai_lab::runner::{Progress, Silent};
use kobai_lab::session::{Completed, Request, Session, SessionError};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

fn request(out: &Path) -> Request {
    Request {
        seeds: Some(2),
        first_seed: 5,
        steps: Some(60),
        threads: Some(1),
        out: Some(out.into()),
        ..Request::new("vanishing-gradient")
    }
}

fn run(request: Request, progress: &dyn Progress) -> Result<Completed, SessionError> {
    Session::prepare(request)?.run(progress, &AtomicBool::new(false))
}

/// `metrics.csv` and all checkpoints, by name.
fn numbers(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |path: &Path| std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut all = vec![("metrics.csv".to_string(), read(&folder.join("metrics.csv")))];
    for entry in std::fs::read_dir(folder.join("checkpoints")).unwrap() {
        let path = entry.unwrap().path();
        all.push((path.file_name().unwrap().to_string_lossy().into_owned(), read(&path)));
    }
    all.sort();
    all
}

struct Noisy(std::sync::Mutex<u64>);

impl Progress for Noisy {
    fn advanced(&self, steps: u64, _: u64, _: usize) {
        *self.0.lock().unwrap() = steps;
    }
}

#[test]
fn threads_observers_and_progress_change_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    run(request(&out("1")), &Silent).unwrap();
    let expected = numbers(&out("1"));
    assert_eq!(expected.len(), 1 + 7 * 2);
    for threads in [2, 3] {
        let path = out(&threads.to_string());
        run(Request { threads: Some(threads), ..request(&path) }, &Noisy(std::sync::Mutex::new(0))).unwrap();
        assert!(numbers(&path) == expected, "{threads} threads");
    }
    let path = out("unobserved");
    run(Request { observe: false, ..request(&path) }, &Silent).unwrap();
    assert!(numbers(&path) == expected, "observers off");
    // The comparison sees a difference: another seed.
    let path = out("other");
    run(Request { first_seed: 6, ..request(&path) }, &Silent).unwrap();
    assert!(numbers(&path) != expected);
}

/// Stops the experiment after some runs.
struct StopAfter<'a>(usize, &'a AtomicBool);

impl Progress for StopAfter<'_> {
    fn advanced(&self, _: u64, _: u64, runs: usize) {
        if runs >= self.0 {
            self.1.store(true, Ordering::SeqCst);
        }
    }
}

#[test]
fn an_interrupted_experiment_continues() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    run(request(&whole), &Silent).unwrap();
    let stop = AtomicBool::new(false);
    let error = Session::prepare(request(&broken)).unwrap().run(&StopAfter(3, &stop), &stop).unwrap_err();
    assert!(matches!(error, SessionError::Interrupted { finished: 3, total: 14, .. }), "{error:?}");
    assert!(!broken.join("metrics.csv").exists(), "nothing is written about an unfinished experiment");
    let completed = run(request(&broken), &Silent).unwrap();
    assert_eq!(completed.reused, 3);
    assert!(numbers(&whole) == numbers(&broken));
    let bytes = |path: &Path| std::fs::read(path.join("results.json")).unwrap();
    assert!(bytes(&whole) == bytes(&broken));
    // Everything is there now; asked to, it trains again all the same.
    assert_eq!(run(request(&broken), &Silent).unwrap().reused, 14);
    assert_eq!(run(Request { fresh: true, ..request(&broken) }, &Silent).unwrap().reused, 0);
    // Another setting is another run.
    assert_eq!(run(Request { steps: Some(61), ..request(&broken) }, &Silent).unwrap().reused, 0);
}

#[test]
fn a_damaged_record_is_not_reused() {
    let folder = tempfile::tempdir().unwrap();
    run(request(folder.path()), &Silent).unwrap();
    let record = folder.path().join("runs/he_relu-5.json");
    let text = std::fs::read(&record).unwrap();
    std::fs::write(&record, &text[..text.len() / 2]).unwrap();
    std::fs::remove_file(folder.path().join("checkpoints/he_relu-6.safetensors")).unwrap();
    let before = std::fs::read(folder.path().join("metrics.csv")).unwrap();
    assert_eq!(run(request(folder.path()), &Silent).unwrap().reused, 12);
    assert!(std::fs::read(folder.path().join("metrics.csv")).unwrap() == before);
}

#[test]
fn divergence_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let set = vec![("optimizer.lr".to_string(), "1e38".to_string())];
    let completed = run(Request { set, ..request(folder.path()) }, &Silent).unwrap();
    assert!(!completed.diverged.is_empty());
    let row = completed.results.rows.iter().find(|r| r.id == "he_relu").unwrap();
    assert!(row.runs.iter().all(|r| !r.measures.contains_key("test")), "a diverged run measures no accuracy");
    assert!(folder.path().join("report.html").is_file());
}

#[test]
fn nothing_half_written_is_left_in_a_folder_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    // A file where the folder should be.
    let blocked = folder.path().join("blocked");
    std::fs::write(&blocked, "here first").unwrap();
    let error = run(request(&blocked), &Silent).unwrap_err();
    assert!(matches!(error, SessionError::Store(_)), "{error:?}");
    assert_eq!(std::fs::read_to_string(&blocked).unwrap(), "here first");
    // A folder in the place of a file that is written at the end.
    let out = folder.path().join("out");
    std::fs::create_dir_all(out.join("metrics.csv/in the way")).unwrap();
    let completed = run(request(&out), &Silent).unwrap();
    assert!(completed.unwritten.is_some(), "the results are told even so");
    let left: Vec<_> = std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{left:?}");
}

/// One network with shortcuts, batch normalisation, augmentation and a
/// schedule, so that all threads work inside one run.
const PICTURES: &str = r#"schema = "kobai.experiment/1"
id = "pictures"
look = ["residual"]
[data]
set = "shapes"
train_examples = 200
test_examples = 60
[input]
normalize = true
flip = true
pad_crop = 4
test_shift = 2
[model]
layers = [
  { conv = 8, kernel = 5, stride = 2, bias = false }, "batch-norm", "relu",
  { residual = [{ conv = 8, kernel = 3, padding = 1 }, "batch-norm", "relu", { conv = 8, kernel = 3, padding = 1 }] },
  "relu", "global-avg-pool", "flatten", { linear = "outputs" },
]
[training]
epochs = 1
batch = 20
[optimizer]
name = "momentum"
lr = 0.1
schedule = "cosine"
warmup = 3
[[rows]]
id = "residual"
"#;

#[test]
fn augmented_pictures_give_the_same_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pictures.toml");
    std::fs::write(&file, PICTURES).unwrap();
    let run = |threads: usize, set: &[(&str, &str)]| {
        let out = folder.path().join(format!("{threads}-{}", set.first().map_or("", |s| s.0)));
        let set = set.iter().map(|(k, v)| ((*k).to_string(), (*v).to_string())).collect();
        let completed = run(
            Request {
                seeds: Some(1),
                threads: Some(threads),
                out: Some(out.clone()),
                set,
                ..Request::new(file.to_string_lossy())
            },
            &Silent,
        )
        .unwrap();
        (numbers(&out), completed.results.rows[0].runs[0].clone(), out)
    };
    let (expected, one, out) = run(1, &[]);
    for threads in [2, 3] {
        let (bytes, again, _) = run(threads, &[]);
        assert!(bytes == expected, "{threads} threads");
        assert_eq!(again, one, "measures too");
    }
    // 10 steps; moved test pictures were measured; the report has its pictures.
    assert_eq!(one.curve.last().unwrap().step, 10);
    assert!(one.measures.contains_key("test_shifted") && one.measures["params"] > 0.0);
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert_eq!(page.matches("data:image/png;base64,").count(), 1 + 4);
    // Each of them changes what is learned.
    for change in [("input.flip", "false"), ("input.pad_crop", "0"), ("optimizer.schedule", "constant")] {
        assert!(run(1, &[change]).0 != expected, "{change:?}");
    }
}

#[test]
fn points_of_some_examples_change_the_curve_alone_and_the_last_is_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let curves = |name: &str, set: &[(&str, &str)]| {
        let out = folder.path().join(name);
        let set = set.iter().map(|(k, v)| ((*k).to_string(), (*v).to_string())).collect();
        let every = ("training.evaluate_every".to_string(), "20".to_string());
        let set: Vec<(String, String)> = [every].into_iter().chain::<Vec<_>>(set).collect();
        let completed = run(Request { seeds: Some(1), set, ..request(&out) }, &Silent).unwrap();
        completed.results.rows.into_iter().map(|r| r.runs[0].clone()).collect::<Vec<_>>()
    };
    let (all, some) = (curves("all", &[]), curves("some", &[("training.evaluate_examples", "7")]));
    let mut differ = 0;
    for (all, some) in all.iter().zip(&some) {
        assert_eq!((all.curve.len(), some.curve.len()), (3, 3));
        for point in &some.curve[..2] {
            let sevenths = 7.0 * point.test_accuracy;
            assert!((sevenths - sevenths.round()).abs() < 1e-9, "{sevenths}");
        }
        differ += usize::from(all.curve[..2] != some.curve[..2]);
        assert_eq!(all.curve[2], some.curve[2]);
        assert_eq!(all.weights_sha256, some.weights_sha256);
    }
    assert!(differ > 0);
}
