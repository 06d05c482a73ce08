//! Trainings of PyTorch, recorded by `tools/torch/record.py`, are diagnosed.

use kobai_doctor::Severity;
use kobai_lab::doctor::{Examination, foreign_run};

fn diagnosed(name: &str) -> Examination {
    let path = format!("{}/tests/fixtures/torch_{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let (examination, by) = foreign_run(name, &text).unwrap();
    assert!(by.starts_with("pytorch 2."), "{by}");
    examination
}

fn codes(e: &Examination) -> Vec<&'static str> {
    e.diagnosis.findings.iter().filter(|f| f.severity > Severity::Hint).map(|f| f.code).collect()
}

#[test]
fn sigmoid_with_tiny_weights_vanishes() {
    let e = diagnosed("sigmoid");
    let first = e.diagnosis.first().unwrap();
    assert_eq!((first.code, first.layer.as_deref()), ("D015", Some("0")), "{:?}", codes(&e));
}

#[test]
fn dead_units_are_found_in_their_layer() {
    let e = diagnosed("dead");
    let first = e.diagnosis.first().unwrap();
    assert_eq!((first.code, first.layer.as_deref()), ("D017", Some("3")), "{:?}", codes(&e));
}

#[test]
fn a_healthy_training_is_healthy() {
    assert_eq!(codes(&diagnosed("healthy")), [""; 0]);
}

#[test]
fn the_first_bad_layer_of_a_diverging_training_is_named() {
    let e = diagnosed("diverging");
    let bad = e.record.non_finite.as_ref().unwrap();
    let finding = e.diagnosis.findings.iter().find(|f| f.code == "D020").unwrap();
    assert_eq!(finding.layer.as_deref(), Some(bad.layer.as_str()));
}

#[test]
fn what_is_no_record_is_refused_with_its_line() {
    let start = r#"{"event":"start","schema":"kobai.watch/1","batch":4,"layers":[{"name":"0","kind":"linear","units":2,"fan_in":3}]}"#;
    let line = |text: &str| foreign_run("x", text).unwrap_err().line;
    assert_eq!(line(""), 0);
    assert_eq!(line("{\"event\":\"start\"}\n"), 1);
    assert_eq!(line(&format!("{start}\nnonsense\n{{\"event\":\"loss\",\"loss\":1.0}}\n")), 2);
    assert_eq!(line(&start.replace("watch/1", "watch/9")), 0);
    // Half a last line is what a killed training leaves.
    assert!(
        foreign_run("x", &format!("{start}\n{{\"event\":\"loss\",\"step\":0,\"loss\":1.0}}\n{{\"eve"))
            .is_ok()
    );
}
