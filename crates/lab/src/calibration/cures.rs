//! Whether the doctor's cures are proved: every sick case through its treatment.

use super::{Case, RECORD, Request, is_kept, keep, kept, name, record, side_by_side};
use crate::doctor::{Examination, Protocol, Subject, Treatment, Verdict, treat};
use crate::session::SessionError;
use kobai_doctor::{Finding, Severity, checks};
use kobai_engine::{Lang, say};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Raised whenever treatments of the same prescriptions would differ.
const PROTOCOL: u32 = 1;

/// What came of a sick case's treatment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cure {
    /// The case.
    pub id: String,
    /// Name of its fault.
    pub fault: String,
    /// Whether limits may be tuned on it.
    pub tuned: bool,
    /// Whether its examination found any disease or warning.
    pub detected: bool,
    /// Prescriptions that were tried.
    pub attempts: usize,
    /// Codes whose prescriptions were kept, or were tried first where none was.
    pub codes: Vec<String>,
    /// The verdict of the five arms; empty where no edit was prescribed.
    pub verdict: String,
    /// Medians of the arms A to E: smaller is better.
    pub arms: Vec<f64>,
    /// Whether a change at random meets what is asked of a prescription's effect.
    pub random: bool,
    /// Seconds of examination and treatment.
    pub seconds: f64,
}

impl Cure {
    /// Whether some edit of the file was prescribed.
    #[must_use]
    pub fn treated(&self) -> bool {
        !self.verdict.is_empty()
    }

    /// Whether its cure is proved.
    #[must_use]
    pub fn proved(&self) -> bool {
        self.verdict == Verdict::Proved.name()
    }
}

/// Treats every sick case of a request, with the first seed; `tell` hears how
/// many are done, of how many.
///
/// # Errors
/// The first case that cannot be run; [`SessionError::Interrupted`] if `stop` was set.
pub fn cures(
    request: &Request,
    stop: &AtomicBool,
    tell: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<Cure>, SessionError> {
    let sick: Vec<&Case> = request.cases.iter().filter(|c| !c.expect.is_empty()).collect();
    side_by_side(request, &sick, stop, tell, |case| one(request, case))
}

/// Treatments of a request that are there already, of all.
///
/// # Errors
/// The first case that cannot be run.
pub fn known_cures(request: &Request) -> Result<(usize, usize), SessionError> {
    let sick: Vec<&Case> = request.cases.iter().filter(|c| !c.expect.is_empty()).collect();
    let cache = request.cache.as_deref();
    let mut known = 0;
    for case in &sick {
        let subject = case.subject(&request.data)?;
        if is_kept(cache, &name(&subject, 0, RECORD)) {
            known += usize::from(is_kept(cache, &examined(request, case, &subject).1));
        }
    }
    Ok((known, sick.len()))
}

/// The examination with the first seed, and the name of its treatment in the
/// cache: it follows from the settings and from what is prescribed.
fn examined(request: &Request, case: &Case, subject: &Subject) -> (Examination, String) {
    let (record, _) = record(subject, 0, request.cache.as_deref());
    let examination = Examination::of_record(&case.id, &subject.row, 0, record);
    let findings = &examination.diagnosis.findings;
    let each = |f: &Finding| format!("{} {:?} {:?}", f.code, f.severity, f.cure.edits);
    let prescribed: Vec<String> = findings.iter().map(each).collect();
    let file = name(subject, 0, &format!("cure {PROTOCOL} {}", prescribed.join("; ")));
    (examination, file)
}

fn one(request: &Request, case: &Case) -> Result<Cure, SessionError> {
    let subject = case.subject(&request.data)?;
    let start = Instant::now();
    let (examination, file) = examined(request, case, &subject);
    if let Some(cure) = kept::<Cure>(request.cache.as_deref(), &file) {
        return Ok(cure);
    }
    let treatment = treat(&subject, &examination, &Protocol::default(), &|_| {});
    let detected = examination.diagnosis.findings.iter().any(|f| f.severity > Severity::Hint);
    let cure = Cure { seconds: start.elapsed().as_secs_f64(), ..of(case, detected, &treatment) };
    keep(request.cache.as_deref(), &file, &cure);
    Ok(cure)
}

fn of(case: &Case, detected: bool, treatment: &Treatment) -> Cure {
    let attempt = treatment.proof().or(treatment.attempts.first());
    Cure {
        id: case.id.clone(),
        fault: case.expect[0].clone(),
        tuned: case.tuned(),
        detected,
        attempts: treatment.attempts.len(),
        codes: attempt.map(|a| a.codes.iter().map(|c| (*c).to_string()).collect()).unwrap_or_default(),
        verdict: attempt.map_or(String::new(), |a| a.proof.verdict.name().into()),
        arms: attempt.map(|a| a.proof.arms.iter().map(|arm| arm.median()).collect()).unwrap_or_default(),
        random: attempt.is_some_and(|a| a.proof.random_helps),
        seconds: 0.0,
    }
}

fn percent(part: usize, whole: usize) -> String {
    if whole == 0 { "–".into() } else { format!("{:.1}", 100.0 * part as f64 / whole as f64) }
}

/// What a person reads: shares of the cases that were detected and for which an
/// edit could be prescribed, by fault, and the cases that were not proved.
#[must_use]
pub fn cure_table(all: &[Cure], lang: Lang) -> String {
    let of = |wanted: &dyn Fn(&&Cure) -> bool| -> Vec<&Cure> { all.iter().filter(wanted).collect() };
    let detected = of(&|c| c.detected);
    let treated = of(&|c| c.detected && c.treated());
    let (cases, found, curable) = (all.len(), detected.len(), treated.len());
    let advised = found - curable;
    let mut text = say!(
        lang,
        "{cases} sick cases, {found} detected; {curable} have a prescription that edits the file, {advised} only advice\n",
        "病気の例 {cases}、検出 {found}。ファイルを編集する処方があるもの {curable}、助言だけのもの {advised}\n"
    );
    let heads = lang.pick(
        ["cases", "treated", "proved %", "a random change helps %"],
        ["例", "治療", "証明 %", "無関係な変更で改善 %"],
    );
    let _ = writeln!(text, "\n| {} |\n|---|---:|---:|---:|", heads.join(" | "));
    let mut row = |name: &str, of: &[&Cure]| {
        let proved = of.iter().filter(|c| c.proved()).count();
        let random = of.iter().filter(|c| c.random).count();
        let n = of.len();
        let _ = writeln!(text, "| {name} | {n} | {} | {} |", percent(proved, n), percent(random, n));
    };
    row(lang.pick("all", "全体"), &treated);
    row(lang.pick("tuned on", "調整用"), &of(&|c| c.detected && c.treated() && c.tuned));
    row(lang.pick("other half", "残り"), &of(&|c| c.detected && c.treated() && !c.tuned));
    let mut faults: BTreeMap<&str, Vec<&Cure>> = BTreeMap::new();
    for cure in &treated {
        faults.entry(&cure.fault).or_default().push(cure);
    }
    for (key, of) in &faults {
        let name = checks::named(key).map_or("", |c| c.about().name(lang));
        row(&format!("{key} {name}"), of);
    }
    let open: Vec<&&Cure> = treated.iter().filter(|c| !c.proved()).collect();
    if !open.is_empty() {
        let _ = writeln!(text, "\n{}", lang.pick("not proved:", "証明されなかったもの:"));
        for c in open {
            let arms: Vec<String> =
                "ABCDE".chars().zip(&c.arms).map(|(a, v)| format!("{a} {v:.3}")).collect();
            let (id, fault, codes, verdict) = (&c.id, &c.fault, c.codes.join("+"), &c.verdict);
            let _ = writeln!(text, "- {id} ({fault}): {codes} {verdict}; {}", arms.join(", "));
        }
    }
    text
}
