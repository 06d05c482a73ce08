//! From findings to a proven cure.
//!
//! Prescriptions are tried in causal order (data, wiring, initial values, step
//! size, fit). Each is proved by the arms of [`super::arms`]; what is still sick
//! after a proved one gets the next, up to three rounds; and of several the
//! smallest set that works is kept.

use super::Examination;
use super::edit::{self, Change};
use super::proof::{Proof, Protocol, prove};
use super::subject::Subject;
use crate::results::Text;
use kobai_doctor::checks;
use kobai_doctor::finding::{Edit, Finding, Severity};
use kobai_doctor::{Diagnosis, Stage};
use kobai_engine::{Lang, say};

/// Rounds of treatment.
const ROUNDS: usize = 3;
/// Prescriptions that are tried in a round.
const CANDIDATES: usize = 3;

/// A prescription that was tried.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Codes of the findings whose prescriptions it holds.
    pub codes: Vec<&'static str>,
    /// What changes in the file.
    pub changes: Vec<Change>,
    /// What the arms say.
    pub proof: Proof,
}

/// What the treatment came to.
#[derive(Clone, Debug, Default)]
pub struct Treatment {
    /// Everything that was tried, in order.
    pub attempts: Vec<Attempt>,
    /// Codes whose prescriptions make up the cure; empty without one.
    pub cure: Vec<&'static str>,
    /// Prescriptions that were proved together and turned out to be needless.
    pub dropped: Vec<&'static str>,
    /// The cured row, if a prescription worked.
    pub cured: Option<Box<Subject>>,
    /// What is found in the cured row.
    pub after: Option<Diagnosis>,
    /// Steps of all arms.
    pub steps: u64,
}

impl Treatment {
    /// The proof of the cure that was kept.
    #[must_use]
    pub fn proof(&self) -> Option<&Attempt> {
        self.attempts.iter().rfind(|a| !self.cure.is_empty() && a.codes == self.cure)
    }
}

/// Findings that an edit may cure, in causal order, those that others explain last.
fn candidates(diagnosis: &Diagnosis) -> Vec<&Finding> {
    let stage = |f: &Finding| checks::named(f.code).map_or(Stage::Symptom, |c| c.about().stage);
    let mut all: Vec<&Finding> = diagnosis
        .findings
        .iter()
        .filter(|f| f.severity >= Severity::Warning && !f.cure.edits.is_empty())
        .collect();
    all.sort_by(|a, b| {
        let key = |f: &Finding| (f.explained_by.is_some(), f.severity < Severity::Disease, stage(f));
        key(a).cmp(&key(b)).then(b.probability.total_cmp(&a.probability))
    });
    all
}

/// Treats a subject after its examination.
#[must_use]
pub fn treat(
    subject: &Subject,
    examination: &Examination,
    protocol: &Protocol,
    tell: &dyn Fn(&Text),
) -> Treatment {
    let mut treatment = Treatment::default();
    let mut now = subject.clone();
    let mut diagnosis = examination.diagnosis.clone();
    // Each proved prescription: code and edits.
    let mut kept: Vec<(&'static str, Vec<Edit>)> = Vec::new();
    for _ in 0..ROUNDS {
        let mut found = None;
        let mut seen: Vec<Vec<Change>> = Vec::new();
        for finding in candidates(&diagnosis) {
            if seen.len() == CANDIDATES {
                break;
            }
            let Ok(table) = edit::apply(&now, &finding.cure.edits) else { continue };
            let changes = edit::changes(&subject.table, &table);
            let Ok(cured) = now.edited(table) else { continue };
            if changes.is_empty() || seen.contains(&changes) {
                continue;
            }
            // Who looks several times must look at fresh seeds.
            let first_seed = protocol.first_seed + 100 * treatment.attempts.len() as u64;
            let protocol = Protocol { first_seed, ..*protocol };
            let mut codes: Vec<&'static str> = kept.iter().map(|k| k.0).collect();
            codes.push(finding.code);
            tell(&announcement(finding, &protocol));
            let whole = finding.cure.whole_run;
            // From the second round on, what was proved so far is the unchanged arm.
            let tried = prove(&now, &cured, finding, whole, &protocol, &mut treatment.steps);
            seen.push(changes.clone());
            let verdict = tried.0.verdict;
            treatment.attempts.push(Attempt { codes, changes, proof: tried.0 });
            if verdict.works() && (verdict.specific() || found.is_none()) {
                found = Some((cured, finding.code, finding.cure.edits.clone(), tried.1));
            }
            // What helps no more than another change is kept only if nothing better is found.
            if verdict.specific() {
                break;
            }
        }
        let Some((cured, code, edits, after)) = found else { break };
        now = cured;
        kept.push((code, edits));
        let sick = after.findings.iter().any(|f| f.severity == Severity::Disease);
        diagnosis = after.clone();
        treatment.after = Some(after);
        treatment.cure = kept.iter().map(|k| k.0).collect();
        treatment.cured = Some(Box::new(now.clone()));
        if !sick {
            break;
        }
    }
    if kept.len() > 1 {
        reduce(subject, examination, protocol, &mut treatment, kept);
    }
    treatment
}

/// Leaves out each of several prescriptions in turn and keeps the smallest set
/// that still works against the untreated row.
fn reduce(
    subject: &Subject,
    examination: &Examination,
    protocol: &Protocol,
    treatment: &mut Treatment,
    mut kept: Vec<(&'static str, Vec<Edit>)>,
) {
    let Some(first) = examination.diagnosis.findings.iter().find(|f| f.code == kept[0].0) else { return };
    let build = |set: &[(&'static str, Vec<Edit>)]| {
        let mut made = subject.clone();
        for (_, edits) in set {
            made = made.edited(edit::apply(&made, edits).ok()?).ok()?;
        }
        Some(made)
    };
    let Some(all) = build(&kept) else { return };
    let best = prove(subject, &all, first, false, protocol, &mut treatment.steps).0;
    let full = best.arms[1].median();
    let codes = kept.iter().map(|k| k.0).collect();
    let changes = edit::changes(&subject.table, &all.table);
    treatment.attempts.push(Attempt { codes, changes, proof: best });
    let mut i = 0;
    while i < kept.len() && kept.len() > 1 {
        let mut fewer = kept.clone();
        let out = fewer.remove(i);
        let Some(made) = build(&fewer) else { break };
        let (proof, after) = prove(subject, &made, first, false, protocol, &mut treatment.steps);
        // As good as all of them, and no disease comes back.
        let as_good = proof.arms[1].median() <= full * 1.05;
        let well = after.findings.iter().all(|f| f.severity < Severity::Disease);
        let works = proof.verdict.works() && as_good && well;
        if works {
            let changes = edit::changes(&subject.table, &made.table);
            let codes: Vec<&'static str> = fewer.iter().map(|k| k.0).collect();
            treatment.attempts.push(Attempt { codes: codes.clone(), changes, proof });
            treatment.dropped.push(out.0);
            treatment.cure = codes;
            treatment.after = Some(after);
            treatment.cured = Some(Box::new(made));
            kept = fewer;
        } else {
            i += 1;
        }
    }
}

fn announcement(finding: &Finding, protocol: &Protocol) -> Text {
    let name = |lang| checks::named(finding.code).map_or("", |c| c.about().name(lang));
    let (code, seeds) = (finding.code, protocol.seeds);
    let line = |lang: Lang| {
        let name = name(lang);
        say!(
            lang,
            "proof: the prescription for {code} ({name}), five arms × {seeds} seeds",
            "証明: {code}（{name}）の処方、5 群 × シード {seeds}"
        )
    };
    Text { en: line(Lang::En), ja: line(Lang::Ja) }
}
