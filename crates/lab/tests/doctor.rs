//! The doctor at work: planted diseases are found and a healthy network is left
//! alone, cures are proved, edits reach their places, watching changes no bit.

use kobai_data::Locations;
use kobai_doctor::{Severity, checks, diagnose};
use kobai_engine::Lang;
use kobai_lab::doctor::report::{Style, report};
use kobai_lab::doctor::{
    Examination, FAULTS, Fault, Options, Origin, Protocol, Subject, Verdict, apply, changes, cured_file,
    diff, examine_subject, inject, post_mortem, treat,
};
use kobai_lab::runner::Silent;
use kobai_lab::session::{Completed, Request, Session};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

const HEALTHY: &str = r#"
schema = "kobai.experiment/1"
id = "healthy"

[data]
set = "digits"

[model]
activation = "relu"
init = "he"
layers = [{ linear = 40 }, "activation", { linear = 30 }, "activation", { linear = "outputs" }]

[training]
steps = 600
batch = 64

[optimizer]
name = "sgd"
lr = 0.1 # of the course
"#;

const REGRESSION: &str = r#"
schema = "kobai.experiment/1"
id = "regression"

[data]
set = "sine"

[model]
loss = "mean-squared-error"
activation = "tanh"
init = "xavier"
layers = [{ linear = 30 }, "activation", { linear = 30 }, "activation", { linear = "outputs" }]

[training]
steps = 1500
batch = 64

[optimizer]
name = "adam"
lr = 0.01
"#;

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn subject(experiment: &str, row: Option<&str>) -> Subject {
    let origin = Origin { row: row.map(String::from), ..Origin::new(experiment) };
    Subject::all(&origin).unwrap().remove(0)
}

fn examine(subject: &Subject) -> Examination {
    examine_subject(subject, &Options::default(), &|_| {})
}

/// Codes of what is more than a hint, in order of belief.
fn codes(e: &Examination) -> Vec<&'static str> {
    e.diagnosis.findings.iter().filter(|f| f.severity > Severity::Hint).map(|f| f.code).collect()
}

/// What is found of a planted disease: where, since when, and what is prescribed.
/// No measured number stands here, so that it is the same on every machine.
fn planted(fault: &Fault, healthy: &Subject) -> Result<String, String> {
    let sick = healthy.edited(inject(healthy, fault).unwrap()).unwrap();
    let e = examine(&sick);
    let hint = |code: &str| code == "D032";
    let found: Vec<&str> = match hint(fault.expect) {
        true => e.diagnosis.findings.iter().map(|f| f.code).collect(),
        false => codes(&e),
    };
    if !found.iter().take(3).any(|c| *c == fault.expect) {
        return Err(format!("{} ({}): {found:?}", fault.id, fault.expect));
    }
    let name = checks::named(fault.expect).unwrap().about().name(Lang::En);
    let f = e.diagnosis.findings.iter().find(|f| f.code == fault.expect).unwrap();
    let (layer, severity) = (f.layer.as_deref().unwrap_or("-"), f.severity.name());
    let since = if f.since_step.is_some() { "while training" } else { "before" };
    let mut text = format!("{}: {} {name}; {severity}; {layer}; {since}\n", fault.id, fault.expect);
    // Keys alone: how far a rate is moved is measured.
    let cured = apply(&sick, &f.cure.edits).map_err(|why| format!("{}: {why:?}", fault.id))?;
    for change in changes(&sick.table, &cured) {
        text += &format!("    {}\n", change.key);
    }
    assert!(f.evidence.iter().all(|e| !e.normal.is_empty()) && !f.evidence.is_empty(), "{}", fault.id);
    Ok(text)
}

#[test]
fn planted_diseases_are_found_and_a_healthy_network_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let classes = subject(&written(folder.path(), "healthy.toml", HEALTHY), None);
    let values = subject(&written(folder.path(), "regression.toml", REGRESSION), None);
    assert_eq!(codes(&examine(&classes)), [""; 0]);
    assert_eq!(codes(&examine(&values)), [""; 0]);
    let healthy = |fault: &Fault| match fault.id {
        "raw-targets" | "bounded-output" | "one-unit-softmax" => &values,
        _ => &classes,
    };
    // Half of them beside the other half.
    let (first, second) = FAULTS.split_at(FAULTS.len() / 2);
    let half = |faults: &[Fault]| -> Vec<_> { faults.iter().map(|f| planted(f, healthy(f))).collect() };
    let all = std::thread::scope(|scope| {
        let beside = scope.spawn(|| half(first));
        let rest = half(second);
        let mut all = beside.join().unwrap();
        all.extend(rest);
        all
    });
    let missed: Vec<&String> = all.iter().filter_map(|r| r.as_ref().err()).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    insta::assert_snapshot!("planted", all.into_iter().map(Result::unwrap).collect::<String>());
    // Every check has a disease to plant; two show beside others or after a good training.
    let without: Vec<&str> = checks::all()
        .iter()
        .map(|c| c.about().code)
        .filter(|code| FAULTS.iter().all(|f| f.expect != *code))
        .collect();
    assert_eq!(without, ["D035", "D038"]);
}

#[test]
fn chance_level_and_plateau_show_where_they_should() {
    let folder = tempfile::tempdir().unwrap();
    let of = |e: &Examination, code: &str| e.diagnosis.findings.iter().any(|f| f.code == code);
    let zero = HEALTHY.replace("\"he\"", "\"zeros\"");
    let e = examine(&subject(&written(folder.path(), "zero.toml", &zero), None));
    assert!(of(&e, "D035") && !of(&e, "D038"));
    // A training of which the second half gained nothing.
    let mut record = examine(&subject(&written(folder.path(), "healthy.toml", HEALTHY), None)).record;
    assert!(diagnose(&record).findings.iter().all(|f| f.code != "D038"));
    let middle = record.points.len() / 3;
    let best = record.points[middle].test_loss;
    record.points[middle + 1..].iter_mut().for_each(|p| p.test_loss = 1.05 * best);
    let found = diagnose(&record);
    let plateau = found.findings.iter().find(|f| f.code == "D038").expect("a plateau");
    assert_eq!((plateau.severity, plateau.since_step), (Severity::Hint, Some(record.points[middle].step)));
}

#[test]
fn the_course_s_failures_are_cured_by_name() {
    for (row, code, change) in
        [("gauss_sigmoid", "D015", "+ activation = \"relu\""), ("zero_sigmoid", "D012", "- init = \"zeros\"")]
    {
        let subject = subject("vanishing-gradient", Some(row));
        let e = examine(&subject);
        assert_eq!(e.diagnosis.first().map(|f| f.code), Some(code), "{row}");
        let treatment = treat(&subject, &e, &Protocol::default(), &|_| {});
        let proof = treatment.proof().expect("a cure");
        assert_eq!(treatment.cure.first(), Some(&code), "{row}");
        assert!(matches!(proof.proof.verdict, Verdict::Proved), "{row}: {:?}", proof.proof);
        assert_eq!((proof.proof.better, proof.proof.seeds.len()), (5, 5));
        let style = Style { lang: Lang::En, color: false, width: 100 };
        let text = report(style, Some(&subject), &e, Some(&treatment));
        assert!(text.contains(change) && text.contains("proved"), "{text}");
        // The cured file is an experiment, and it says what was done.
        let file = cured_file(&subject, &treatment, Lang::En).unwrap();
        assert!(file.starts_with("# Cured from vanishing-gradient") && file.contains(code), "{file}");
        let folder = tempfile::tempdir().unwrap();
        let cured = self::subject(&written(folder.path(), "cured.toml", &file), None);
        assert_eq!(Some(&cured.spec().training), treatment.cured.as_ref().map(|c| &c.spec().training));
        assert_ne!(codes(&examine(&cured)).first(), Some(&code));
    }
}

#[test]
fn a_disease_behind_another_is_treated_with_it() {
    // Pixels up to 4080 with a rate that suits them: scaled inputs alone learn no better,
    // and that the rate is too low for those shows only behind them.
    let text = r#"
schema = "kobai.experiment/1"
id = "hidden"
[data]
set = "digits"
prepare = { scale = 255.0 }
[model]
layers = [{ linear = 32 }, "relu", { linear = "outputs" }]
init = "he"
[training]
steps = 300
batch = 50
[optimizer]
name = "sgd"
lr = 0.001
"#;
    let folder = tempfile::tempdir().unwrap();
    let subject = subject(&written(folder.path(), "hidden.toml", text), None);
    let e = examine(&subject);
    assert_eq!(codes(&e), ["D001"]);
    let treatment = treat(&subject, &e, &Protocol { threads: 2, ..Protocol::default() }, &|_| {});
    assert_eq!(treatment.cure, ["D001", "D022"]);
    let alone = &treatment.attempts[0];
    assert!(alone.codes == ["D001"] && !alone.proof.verdict.works(), "{alone:?}");
    let both = treatment.proof().expect("a cure");
    assert_eq!(both.proof.verdict, Verdict::Proved);
    assert_eq!(treatment.tried_for("D001").map(|a| &a.codes), Some(&both.codes));
    assert!(treatment.after.is_some_and(|d| d.healthy()));
}

#[test]
fn the_three_failures_of_the_notes_are_named() {
    // λ = 0.5, dropout 0.5, and Adam with dropout, where a decay of 0.5 had leaked in from an earlier cell.
    for (row, code, key) in
        [("l2_05", "D026", "l2 = "), ("half_free", "D027", "dropout = "), ("adam_015_leak", "D026", "l2 = ")]
    {
        let subject = subject("regularization-failures", Some(row));
        let e = examine(&subject);
        let style = Style { lang: Lang::Ja, color: false, width: 100 };
        let text = report(style, Some(&subject), &e, None);
        assert_eq!(e.diagnosis.first().map(|f| f.code), Some(code), "{row}: {text}");
        assert!(
            text.contains(&format!("- {key}0.")) && text.contains(&format!("+ {key}0.")),
            "{row}: {text}"
        );
    }
}

#[test]
fn a_cured_file_keeps_the_comments_of_its_author() {
    let folder = tempfile::tempdir().unwrap();
    let text = HEALTHY.replace("lr = 0.1 #", "# fast\nlr = 30.0 #");
    let subject = subject(&written(folder.path(), "hot.toml", &text), None);
    let e = examine(&subject);
    let treatment = treat(&subject, &e, &Protocol { seeds: 3, ..Protocol::default() }, &|_| {});
    let file = cured_file(&subject, &treatment, Lang::En).expect("a cure");
    assert!(file.contains("name = \"sgd\"") && file.contains("was ") | file.contains("30.0"), "{file}");
    assert!(file.contains("layers = [{ linear = 40 }, \"activation\""), "{file}");
    assert!(!file.contains("\nlr = 30.0"), "{file}");
}

fn run(request: Request) -> Completed {
    Session::prepare(request).unwrap().run(&Silent, &AtomicBool::new(false)).unwrap()
}

fn request(out: PathBuf) -> Request {
    let mut request = Request::new("vanishing-gradient");
    request.locations = Locations::none();
    request.steps = Some(300);
    request.seeds = Some(2);
    request.threads = Some(2);
    request.out = Some(out);
    request
}

#[test]
fn watching_changes_no_bit_and_leaves_what_a_post_mortem_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, watched) = (folder.path().join("plain"), folder.path().join("watched"));
    let bare = run(request(plain.clone()));
    let seen = run(Request { doctor: Some(0.03), ..request(watched.clone()) });
    for (a, b) in bare.results.rows.iter().zip(&seen.results.rows) {
        let hashes = |row: &kobai_lab::results::Row| -> Vec<String> {
            row.runs.iter().map(|r| r.weights_sha256.clone()).collect()
        };
        assert_eq!(hashes(a), hashes(b), "{}", a.id);
    }
    assert_eq!(bare.watched.len(), 0);
    assert_eq!(seen.watched.len(), 14);
    assert!(watched.join("diagnosis.json").is_file());
    // From the folders alone, with and without the log: the zero weights are named.
    for folder in [&plain, &watched] {
        let found = post_mortem(folder, &Origin::new("")).unwrap();
        assert_eq!(found.len(), 7, "a row each");
        let (_, zero, [same, runs]) = found.iter().find(|(s, ..)| s.row == "zero_sigmoid").unwrap();
        assert_eq!(zero.diagnosis.first().map(|f| f.code), Some("D012"));
        assert_eq!((*same, *runs), (2, 2));
    }
}

/// Blocks, slots, names and a layer of its own initial weights.
#[test]
fn a_live_doctor_names_what_batches_of_fifty_and_no_test_can_tell() {
    let folder = tempfile::tempdir().unwrap();
    let small = HEALTHY.replace("batch = 64", "batch = 50").replace("steps = 600", "steps = 500");
    let deep = small
        .replace(
            "[{ linear = 40 }, \"activation\", { linear = 30 }, \"activation\",",
            "[{ repeat = 4, layers = [{ linear = 100 }, \"sigmoid\"] },",
        )
        .replace("activation = \"relu\"\ninit = \"he\"\n", "")
        .replace("lr = 0.1", "lr = 0.05");
    let hot = small.replace("lr = 0.1", "lr = 3000.0").replace("= \"relu\"", "= \"leaky-relu\"");
    for (name, text, code) in [("deep", deep, "D015"), ("hot", hot, "D021")] {
        let file = written(folder.path(), &format!("{name}.toml"), &text);
        let out = folder.path().join(name);
        let request =
            Request { doctor: Some(0.03), seeds: Some(3), out: Some(out.clone()), ..Request::new(file) };
        let seen = run(Request { locations: Locations::none(), ..request });
        for (_, _, watched) in &seen.watched {
            let codes: Vec<&str> = watched.diagnosis.findings.iter().map(|f| f.code).collect();
            assert_eq!(codes.first(), Some(&code), "{name}: {codes:?}");
            assert!(!codes.contains(&"D023"), "{name}: noise of batches is no oscillation: {codes:?}");
        }
        let left = post_mortem(&out, &Origin::new(out.display().to_string())).unwrap();
        assert_eq!(left[0].1.diagnosis.first().map(|f| f.code), Some(code), "{name}, post mortem");
    }
}

const NESTED: &str = r#"
schema = "kobai.experiment/1"
id = "nested"

[data]
set = "digits"

[model]
activation = "sigmoid"
init = "normal(0.01)"
dropout = 0.5
batch_norm = "pytorch"
layers = [
  { linear = 20, init = "zeros" },
  "norm",
  "activation",
  { repeat = 2, layers = [{ linear = 20 }, "tanh", "dropout"] },
  { residual = [{ linear = 20 }, "sigmoid", { linear = 20, name = "inner" }] },
  { dropout = 0.25 },
  { linear = "outputs" },
  "sigmoid",
]

[training]
epochs = 3
batch = 50

[optimizer]
name = "adamw"
lr = 1
"#;

#[test]
fn edits_reach_slots_blocks_and_defaults() {
    use kobai_doctor::{Edit, Setting};
    let folder = tempfile::tempdir().unwrap();
    let subject = subject(&written(folder.path(), "nested.toml", NESTED), None);
    let dropouts: Vec<String> =
        subject.plan.nodes.iter().filter(|n| n.kind() == "dropout").map(|n| n.name.clone()).collect();
    let lines = |edits: &[Edit]| diff(&changes(&subject.table, &apply(&subject, edits).unwrap()));
    let p =
        |layer: &String| Edit::SetLayer { layer: layer.clone(), key: "dropout", to: Setting::Number(0.1) };
    // The dropout of the block stands for a key of the model; the other one for itself.
    assert_eq!(lines(&[p(&dropouts[0])]), ["  [model]", "- dropout = 0.5", "+ dropout = 0.1"]);
    let own = lines(&[p(&dropouts[2])]);
    assert_eq!(own, ["  [model]", "  layers[5]", "-   { dropout = 0.25 },", "+   { dropout = 0.1 },"]);
    assert_eq!(
        lines(&[Edit::Scale { key: "training.steps", by: 3.0 }]),
        ["  [training]", "- epochs = 3", "+ epochs = 9"]
    );
    assert_eq!(
        lines(&[Edit::Scale { key: "optimizer.weight_decay", by: 0.01 }]),
        ["  [optimizer]", "+ weight_decay = 0.0001"]
    );
    assert_eq!(
        lines(&[Edit::Scale { key: "optimizer.lr", by: 0.1 }]),
        ["  [optimizer]", "- lr = 1", "+ lr = 0.1"]
    );
    // Every activation between layers, inside blocks too; not the one after the last layer.
    let swapped = apply(&subject, &[Edit::Activations { to: "relu", init: "he" }]).unwrap();
    let text = toml::to_string(&swapped).unwrap();
    assert_eq!(text.matches("\"sigmoid\"").count(), 1, "{text}");
    assert!(!text.contains("tanh") && !text.contains("zeros") && text.contains("init = \"he\""), "{text}");
    // Layers in a block are found by their names.
    let inner = subject.plan.nodes.iter().find(|n| n.name.ends_with("inner")).unwrap().name.clone();
    let without = apply(&subject, &[Edit::RemoveLayer { layer: inner }]).unwrap();
    assert!(!toml::to_string(&without).unwrap().contains("inner"));
    assert!(apply(&subject, &[Edit::RemoveLayer { layer: "nobody".into() }]).is_err());
    // What was edited is an experiment again.
    assert!(subject.edited(swapped).is_ok());
}
