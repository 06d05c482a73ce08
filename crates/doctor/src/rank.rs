//! Causes before their symptoms.

use crate::checks::{self, Check, Stage};
use crate::finding::{Finding, Severity};
use crate::record::Record;

/// What the doctor says about a run.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// Findings in order of belief.
    pub findings: Vec<Finding>,
    /// Whether the network learned nothing and no check knows why.
    pub unexplained: bool,
}

impl Diagnosis {
    /// Whether nothing more than hints was found.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.findings.iter().all(|f| f.severity == Severity::Hint)
    }

    /// The finding that is treated first.
    #[must_use]
    pub fn first(&self) -> Option<&Finding> {
        self.findings.first()
    }
}

/// Which finding explains which others. A cause that was found makes its
/// symptoms less likely to be causes themselves.
const EXPLAINS: &[(&str, &[&str])] = &[
    // Raw or flat inputs.
    ("D001", &["D013", "D014", "D015", "D016", "D017", "D018", "D021", "D022", "D023", "D030"]),
    ("D002", &["D013", "D015", "D022", "D030", "D034"]),
    ("D003", &["D014", "D016", "D021", "D022", "D030", "D034"]),
    ("D004", &["D020"]),
    // Labels that say nothing.
    ("D007", &["D008", "D013", "D021", "D022", "D023", "D026", "D027", "D029", "D030", "D034"]),
    ("D008", &["D029", "D030", "D023"]),
    ("D010", &["D015", "D017", "D018", "D021", "D022", "D030", "D034"]),
    ("D012", &["D013", "D015", "D017", "D018", "D021", "D022", "D026", "D030", "D034"]),
    ("D015", &["D013", "D022", "D030", "D034", "D021"]),
    ("D013", &["D022", "D030", "D034"]),
    ("D014", &["D015", "D016", "D017", "D018", "D020", "D021", "D022", "D023", "D030", "D034"]),
    ("D016", &["D020", "D021"]),
    ("D017", &["D022", "D030", "D034", "D015"]),
    ("D018", &["D015", "D022", "D030", "D034"]),
    ("D024", &["D015", "D016", "D017", "D018", "D020", "D021", "D022", "D023", "D030", "D034"]),
    ("D025", &["D015", "D017", "D018", "D020", "D021", "D022", "D026", "D030", "D034"]),
    ("D021", &["D015", "D016", "D017", "D018", "D020", "D023", "D026", "D030", "D034"]),
    ("D022", &["D030", "D034"]),
    ("D026", &["D013", "D015", "D017", "D018", "D022", "D027", "D028", "D030", "D034", "D036"]),
    ("D027", &["D022", "D028", "D030", "D034", "D017"]),
    ("D019", &["D030"]),
    ("D036", &["D022", "D030", "D034"]),
    ("D037", &["D017", "D018", "D022", "D030", "D034"]),
    ("D033", &["D035"]),
    ("D011", &["D022", "D030", "D034", "D035"]),
    ("D031", &["D013", "D015", "D022", "D023", "D034", "D035"]),
    ("D039", &["D011", "D015", "D017", "D022", "D030", "D034", "D035"]),
    ("D040", &["D014", "D016", "D017", "D018", "D020", "D021", "D023", "D030", "D034", "D035"]),
    (
        "D041",
        &["D014", "D015", "D016", "D017", "D018", "D020", "D021", "D022", "D023", "D030", "D034", "D035"],
    ),
    ("D042", &["D008", "D026", "D027", "D029", "D030", "D034"]),
    ("D043", &["D022", "D030", "D034", "D035"]),
    (
        "D044",
        &["D013", "D014", "D015", "D016", "D017", "D018", "D020", "D021", "D022", "D030", "D034", "D035"],
    ),
];

fn stage(finding: &Finding) -> Stage {
    checks::named(finding.code).map_or(Stage::Symptom, |c| c.about().stage)
}

/// Asks all checks about a run and orders what they find: diseases before
/// warnings before hints, causes before what they explain, then by belief.
#[must_use]
pub fn diagnose(record: &Record) -> Diagnosis {
    diagnose_with(record, checks::all())
}

/// The same with some checks.
#[must_use]
pub fn diagnose_with(record: &Record, checks: &[&'static dyn Check]) -> Diagnosis {
    let mut findings: Vec<Finding> = checks.iter().filter_map(|c| c.look(record)).collect();
    let symptoms = findings.iter().filter(|f| stage(f) == Stage::Symptom).count();
    let unexplained = symptoms > 0
        && !findings.iter().any(|f| f.severity == Severity::Disease && stage(f) != Stage::Symptom);
    for (cause, symptoms) in EXPLAINS {
        let Some(known) = findings.iter().find(|f| f.code == *cause) else { continue };
        // Of a pair that explain each other, the earlier line of the table is the cause.
        let (of, severity, mine) = (known.probability, known.severity, known.explained_by);
        let explains = |f: &Finding| {
            symptoms.contains(&f.code)
                && f.severity <= severity
                && f.explained_by.is_none()
                && mine != Some(f.code)
        };
        // What is hardly believed explains nothing that is clearly seen.
        let strong = |f: &Finding| of >= 0.3 && of >= 0.75 * f.probability;
        for finding in findings.iter_mut().filter(|f| strong(f) && explains(f)) {
            finding.explained_by = Some(cause);
            finding.probability *= 0.5;
        }
    }
    // Whatever keeps a network from learning explains that it did not.
    let cause = findings
        .iter()
        .filter(|f| f.severity == Severity::Disease && stage(f) != Stage::Symptom && f.explained_by.is_none())
        .max_by(|a, b| a.probability.total_cmp(&b.probability))
        .map(|f| f.code);
    if let Some(cause) = cause {
        let open = |f: &&mut Finding| stage(f) == Stage::Symptom && f.explained_by.is_none();
        findings.iter_mut().filter(open).for_each(|f| f.explained_by = Some(cause));
    }
    findings.sort_by(|a, b| {
        let key = |f: &Finding| (f.severity, stage(f) != Stage::Symptom, f.explained_by.is_none());
        key(b).cmp(&key(a)).then(b.probability.total_cmp(&a.probability)).then(stage(a).cmp(&stage(b)))
    });
    Diagnosis { findings, unexplained }
}
