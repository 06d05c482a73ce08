//! The document of `--json`, schema `kobai.doctor/1`.

use super::edit::{self, Change};
use super::subject::Subject;
use super::treat::{Attempt, Treatment};
use super::{Examination, Watched, would_tell};
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

fn edit_of(edit: &Edit) -> Value {
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

fn change(c: &Change) -> Value {
    json!({ "key": c.key, "before": c.before, "after": c.after })
}

/// The proof of an attempt.
fn proof(a: &Attempt) -> Value {
    let p = &a.proof;
    let arms = p.arms.iter().map(|arm| {
        json!({
            "arm": arm.name.to_string(), "what": arm.what, "median": number(arm.median()),
            "values": arm.values.iter().map(|v| number(*v)).collect::<Vec<_>>(),
        })
    });
    json!({
        "verdict": p.verdict.name(),
        "codes": a.codes,
        "measure": p.measure.name(),
        "effect": number(p.effect),
        "spread": number(p.spread),
        "seeds": p.seeds,
        "steps": p.steps,
        "better": p.better,
        "sign_gone": p.gone,
        "random_change_helps": p.random_helps,
        "arms": arms.collect::<Vec<_>>(),
        "changes": a.changes.iter().map(change).collect::<Vec<_>>(),
    })
}

/// One finding, with the change of the subject's file that it prescribes.
pub(crate) fn finding(subject: Option<&Subject>, f: &Finding, attempt: Option<&Attempt>) -> Value {
    let name = |lang| checks::named(f.code).map_or("", |c| c.about().name(lang));
    let changes = subject
        .and_then(|s| Some(edit::changes(&s.table, &edit::apply(s, &f.cure.edits).ok()?)))
        .unwrap_or_default();
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
            "edits": f.cure.edits.iter().map(edit_of).collect::<Vec<_>>(),
            "changes": changes.iter().map(change).collect::<Vec<_>>(),
            "why": words(&f.cure.why),
        },
        "proof": attempt.map(proof),
    })
}

fn treated(t: &Treatment) -> Value {
    json!({
        "codes": t.cure,
        "needless": t.dropped,
        "changes": t.proof().map(|a| a.changes.iter().map(change).collect::<Vec<_>>()),
        "proof": t.proof().map(proof),
        "healthy_after": t.after.as_ref().map(kobai_doctor::Diagnosis::healthy),
        "attempts": t.attempts.iter().map(proof).collect::<Vec<_>>(),
    })
}

/// What the doctor saw while an experiment ran: every run, schema `kobai.doctor/1`.
#[must_use]
pub fn diagnoses(experiment: &str, watched: &[(String, u64, Box<Watched>)]) -> Value {
    let runs = watched.iter().map(|(row, seed, w)| {
        json!({
            "schema": "kobai.doctor/1",
            "experiment": experiment,
            "row": row,
            "seed": seed,
            "healthy": w.diagnosis.healthy(),
            "unexplained": w.diagnosis.unexplained,
            "findings": w.diagnosis.findings.iter().map(|f| finding(None, f, None)).collect::<Vec<_>>(),
            "told": w.told.iter().map(|(step, f)| json!({ "step": step, "code": f.code })).collect::<Vec<_>>(),
            "cost": { "watched_steps": w.record.done, "looks": w.record.looks.len(), "share": w.share },
        })
    });
    json!({ "schema": "kobai.doctor/1", "experiment": experiment, "rows": runs.collect::<Vec<_>>() })
}

/// An examination, and its treatment if there was one, as a document.
#[must_use]
pub fn document(subject: Option<&Subject>, e: &Examination, treatment: Option<&Treatment>) -> Value {
    let tests =
        e.tests.iter().map(|t| json!({ "id": t.id, "what": t.what, "steps": t.steps, "seconds": t.seconds }));
    let attempt = |f: &Finding| treatment.and_then(|t| t.tried_for(f.code));
    let findings = e.diagnosis.findings.iter().map(|f| finding(subject, f, attempt(f)));
    json!({
        "schema": "kobai.doctor/1",
        "experiment": e.source,
        "row": e.row,
        "seed": e.seed,
        "healthy": e.diagnosis.healthy(),
        "unexplained": e.diagnosis.unexplained,
        "would_tell": e.diagnosis.unexplained.then(|| would_tell(e)),
        "findings": findings.collect::<Vec<_>>(),
        "tests": tests.collect::<Vec<_>>(),
        "treatment": treatment.map(treated),
        "cost": {
            "watched_steps": e.cost.watched_steps,
            "test_steps": e.cost.test_steps,
            "proof_steps": e.cost.proof_steps,
            "seconds": e.cost.seconds,
        },
    })
}
