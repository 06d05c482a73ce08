//! From findings to a proven cure.
//!
//! Prescriptions are tried in causal order (data, wiring, initial values, step
//! size, fit). Each is proved by the arms of [`super::arms`]; what is still sick
//! after a proved one gets the next, up to three rounds. Where none helps alone, one
//! disease may hide another: what is found behind the first prescription that made its
//! own sign go is added to it, and both are proved together. Of several the smallest set
//! that works is kept.

use super::Examination;
use super::edit::{self, Change};
use super::proof::{Proof, Protocol, Verdict, prove};
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

    /// What was tried for a finding: its own proof if its prescription helped alone, else that
    /// of the cure it is part of.
    #[must_use]
    pub fn tried_for(&self, code: &str) -> Option<&Attempt> {
        let own = self.attempts.iter().rfind(|a| a.codes.last().is_some_and(|c| *c == code));
        let part = || self.proof().filter(|_| self.cure.contains(&code));
        own.filter(|a| a.proof.verdict.works()).or_else(part).or(own)
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

/// The code of a finding and the edits of its prescription.
type Part = (&'static str, Vec<Edit>);

/// One prescription, or two together, and what the arms said.
struct Tried {
    cured: Subject,
    parts: Vec<Part>,
    verdict: Verdict,
    after: Diagnosis,
}

/// The best of several: the first that beats luck and other changes, else the first that helps.
fn better(found: Option<Tried>, tried: Tried) -> Option<Tried> {
    let verdict = tried.verdict;
    if verdict.works() && (verdict.specific() || found.is_none()) { Some(tried) } else { found }
}

/// A treatment under way.
struct Course<'a> {
    subject: &'a Subject,
    protocol: &'a Protocol,
    tell: &'a dyn Fn(&Text),
    treatment: Treatment,
    /// Each prescription that was proved.
    kept: Vec<Part>,
}

impl Course<'_> {
    /// Tries what the findings prescribe for the row as it is `now`, each alone; if none helps,
    /// the first that made its sign go together with what is found behind it.
    fn round(&mut self, now: &Subject, diagnosis: &Diagnosis) -> Option<Tried> {
        let (mut found, mut half) = (None, None);
        let mut seen: Vec<Vec<Change>> = Vec::new();
        for finding in candidates(diagnosis) {
            if seen.len() == CANDIDATES {
                break;
            }
            let Some(tried) = self.attempt(now, None, finding, finding, &mut seen) else { continue };
            // What helps no more than another change is kept only if nothing better is found.
            if tried.verdict.specific() {
                return Some(tried);
            }
            if tried.verdict == Verdict::SymptomOnly && half.is_none() {
                half = Some((finding, tried));
            } else {
                found = better(found, tried);
            }
        }
        found.or_else(|| half.and_then(|(sign, first)| self.behind(now, sign, &first)))
    }

    /// Tries a prescription that made the sign of its disease go but helped nothing, together
    /// with each of those that are found behind it.
    fn behind(&mut self, now: &Subject, sign: &Finding, first: &Tried) -> Option<Tried> {
        let mut found = None;
        let mut seen: Vec<Vec<Change>> = Vec::new();
        for finding in candidates(&first.after) {
            if seen.len() == CANDIDATES {
                break;
            }
            let Some(tried) = self.attempt(now, Some(first), sign, finding, &mut seen) else { continue };
            if tried.verdict.specific() {
                return Some(tried);
            }
            found = better(found, tried);
        }
        found
    }

    /// Proves one prescription, behind `first` if there is one, against the row as it is
    /// `now`. Nothing if it cannot be made, changes nothing or was `seen`. `sign` is the
    /// finding that has to go.
    fn attempt(
        &mut self,
        now: &Subject,
        first: Option<&Tried>,
        sign: &Finding,
        finding: &Finding,
        seen: &mut Vec<Vec<Change>>,
    ) -> Option<Tried> {
        let base = first.map_or(now, |t| &t.cured);
        let table = edit::apply(base, &finding.cure.edits).ok()?;
        let changes = edit::changes(&self.subject.table, &table);
        let nothing_new = edit::changes(&base.table, &table).is_empty();
        let cured = base.edited(table).ok()?;
        if nothing_new || changes.is_empty() || seen.contains(&changes) {
            return None;
        }
        // Who looks several times must look at fresh seeds.
        let first_seed = self.protocol.first_seed + 100 * self.treatment.attempts.len() as u64;
        let protocol = Protocol { first_seed, ..*self.protocol };
        (self.tell)(&announcement(finding, &protocol));
        let whole = sign.cure.whole_run || finding.cure.whole_run;
        // From the second round on, what was proved so far is the unchanged arm.
        let (proof, after) = prove(now, &cured, sign, whole, &protocol, &mut self.treatment.steps);
        seen.push(changes.clone());
        let mut parts = first.map_or_else(Vec::new, |t| t.parts.clone());
        parts.push((finding.code, finding.cure.edits.clone()));
        let codes = self.kept.iter().chain(&parts).map(|p| p.0).collect();
        let verdict = proof.verdict;
        self.treatment.attempts.push(Attempt { codes, changes, proof });
        Some(Tried { cured, parts, verdict, after })
    }
}

/// Treats a subject after its examination.
#[must_use]
pub fn treat(
    subject: &Subject,
    examination: &Examination,
    protocol: &Protocol,
    tell: &dyn Fn(&Text),
) -> Treatment {
    let (treatment, kept) = (Treatment::default(), Vec::new());
    let mut course = Course { subject, protocol, tell, treatment, kept };
    let mut now = subject.clone();
    let mut diagnosis = examination.diagnosis.clone();
    for _ in 0..ROUNDS {
        let Some(tried) = course.round(&now, &diagnosis) else { break };
        now = tried.cured;
        course.kept.extend(tried.parts);
        let sick = tried.after.findings.iter().any(|f| f.severity == Severity::Disease);
        diagnosis = tried.after.clone();
        course.treatment.after = Some(tried.after);
        course.treatment.cure = course.kept.iter().map(|k| k.0).collect();
        course.treatment.cured = Some(Box::new(now.clone()));
        if !sick {
            break;
        }
    }
    let Course { mut treatment, kept, .. } = course;
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
    mut kept: Vec<Part>,
) {
    let Some(first) = examination.diagnosis.findings.iter().find(|f| f.code == kept[0].0) else { return };
    let build = |set: &[Part]| {
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
