//! The document of `--json`, schema `kobai.doctor/1`.

use super::Examination;
use kobai_doctor::checks;
use kobai_doctor::finding::{Edit, Evidence, Finding, Setting, Words};
use kobai_engine::Lang;
use serde_json::{Value, json};

fn words(w: &Words) -> Value {
    json!({ "en": w.en, "ja": w.ja })
}

/// A number, or the word for what is none: JSON has no infinity.
fn number(x: f64) -> Value {
    if x.is_finite() { json!(x) } else { json!(x.to_string()) }
}

fn setting(to: &Setting) -> Value {
    match to {
        Setting::Number(x) => number(*x),
        Setting::Whole(n) => json!(n),
        Setting::Word(w) => json!(w),
        Setting::Flag(b) => json!(b),
    }
}

fn edit(edit: &Edit) -> Value {
    match edit {
        Edit::Set { key, to } => json!({ "set": key, "to": setting(to) }),
        Edit::Scale { key, by } => json!({ "scale": key, "by": by }),
        Edit::Remove { key } => json!({ "remove": key }),
        Edit::RemoveLayer { layer } => json!({ "remove_layer": layer }),
        Edit::SetLayer { layer, key, to } => json!({ "layer": layer, "set": key, "to": setting(to) }),
        Edit::Activations { to, init } => json!({ "activations": to, "init": init }),
        Edit::Separate { with } => json!({ "separate_with": with }),
        Edit::Widen { by } => json!({ "widen": by }),
    }
}

fn evidence(e: &Evidence) -> Value {
    json!({ "what": words(&e.what), "value": number(e.value), "normal": e.normal })
}

/// One finding.
fn finding(f: &Finding) -> Value {
    let name = |lang| checks::named(f.code).map_or("", |c| c.about().name(lang));
    json!({
        "code": f.code,
        "disease": { "key": f.disease, "name": { "en": name(Lang::En), "ja": name(Lang::Ja) } },
        "severity": f.severity.name(),
        "layer": f.layer,
        "since_step": f.since_step,
        "probability": f.probability,
        "what": words(&f.what),
        "evidence": f.evidence.iter().map(evidence).collect::<Vec<_>>(),
        "excluded": f.excluded.iter().map(words).collect::<Vec<_>>(),
        "explained_by": f.explained_by,
        "cure": {
            "edits": f.cure.edits.iter().map(edit).collect::<Vec<_>>(),
            "why": words(&f.cure.why),
        },
    })
}

/// An examination as a document.
#[must_use]
pub fn document(e: &Examination) -> Value {
    let tests =
        e.tests.iter().map(|t| json!({ "id": t.id, "what": t.what, "steps": t.steps, "seconds": t.seconds }));
    json!({
        "schema": "kobai.doctor/1",
        "experiment": e.source,
        "row": e.row,
        "seed": e.seed,
        "healthy": e.diagnosis.healthy(),
        "unexplained": e.diagnosis.unexplained,
        "findings": e.diagnosis.findings.iter().map(finding).collect::<Vec<_>>(),
        "tests": tests.collect::<Vec<_>>(),
        "cost": {
            "watched_steps": e.cost.watched_steps,
            "test_steps": e.cost.test_steps,
            "proof_steps": e.cost.proof_steps,
            "seconds": e.cost.seconds,
        },
    })
}
