//! The proof of a prescription: the arms of [`super::arms`], and what they say.

use super::affordable;
use super::arms::{self, Job, Measure};
use super::subject::Subject;
use crate::results::Text;
use kobai_doctor::Diagnosis;
use kobai_doctor::finding::Finding;
use kobai_engine::Lang;

/// Steps of an arm, at most: long enough for instability to show (Godbole et
/// al., Deep Learning Tuning Playbook).
const STEPS: u64 = 500;
/// How sure a proof shall be.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// Paired seeds.
    pub seeds: u64,
    /// First of them.
    pub first_seed: u64,
    /// Threads: arms run side by side.
    pub threads: usize,
}

impl Default for Protocol {
    fn default() -> Self {
        Protocol { seeds: 5, first_seed: 0, threads: 1 }
    }
}

/// What the arms say of a prescription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It helps in every seed, by more than the seeds differ, the disease is
    /// gone, and neither luck nor another change does as well.
    Proved,
    /// The same with fewer than five seeds.
    Suggestive,
    /// It helps, but luck or another change does as well.
    NotSpecific,
    /// The disease's sign is gone, and the network is no better.
    SymptomOnly,
    /// Nothing of it.
    NotProved,
}

impl Verdict {
    /// Its name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Proved => "proved",
            Verdict::Suggestive => "suggestive",
            Verdict::NotSpecific => "not-specific",
            Verdict::SymptomOnly => "symptom-only",
            Verdict::NotProved => "not-proved",
        }
    }

    /// The same for a person.
    #[must_use]
    pub fn words(self, lang: Lang) -> &'static str {
        match self {
            Verdict::Proved => lang.pick("proved", "証明された"),
            Verdict::Suggestive => {
                lang.pick("suggestive: too few seeds for a proof", "示唆的（証明にはシードが足りない）")
            }
            Verdict::NotSpecific => lang.pick(
                "helps, but luck or another change does as well",
                "効くが、偶然や別の変更でも同じくらい良くなる",
            ),
            Verdict::SymptomOnly => {
                lang.pick("only the symptom is gone", "症状が消えただけで、良くなっていない")
            }
            Verdict::NotProved => lang.pick("not proved", "証明されない"),
        }
    }

    /// Whether the prescription may be written into a file.
    #[must_use]
    pub fn works(self) -> bool {
        self.specific() || self == Verdict::NotSpecific
    }

    /// Whether it helps more than luck and more than another change.
    #[must_use]
    pub fn specific(self) -> bool {
        matches!(self, Verdict::Proved | Verdict::Suggestive)
    }
}

/// One arm: its values in the order of the seeds, smaller is better.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// `A` to `E`.
    pub name: char,
    /// What it is.
    pub what: Text,
    /// The measure, seed by seed.
    pub values: Vec<f64>,
}

impl Arm {
    /// The middle value.
    #[must_use]
    pub fn median(&self) -> f64 {
        median(&self.values)
    }
}

/// The proof of a prescription.
#[derive(Clone, Debug)]
pub struct Proof {
    /// What the arms say.
    pub verdict: Verdict,
    /// What is compared.
    pub measure: Measure,
    /// Paired seeds.
    pub seeds: Vec<u64>,
    /// Steps of each arm.
    pub steps: u64,
    /// The arms.
    pub arms: Vec<Arm>,
    /// Median over seeds of A minus B.
    pub effect: f64,
    /// Standard deviation of A over seeds.
    pub spread: f64,
    /// Seeds in which B is better than A.
    pub better: usize,
    /// Seeds in which the disease's sign is gone in B.
    pub gone: usize,
    /// Whether arm D alone meets what is asked of B's effect.
    pub random_helps: bool,
}

/// Diseases of which a smaller loss is not the point.
fn by_construction(code: &str) -> bool {
    // A leak: without the copies the test figures get worse, and true.
    code == "D009"
}

/// Runs the arms and decides. Also what is found in the first run of B.
pub(super) fn prove(
    subject: &Subject,
    cured: &Subject,
    finding: &Finding,
    whole: bool,
    protocol: &Protocol,
    steps_done: &mut u64,
) -> (Proof, Diagnosis) {
    let limit = if whole { u64::MAX } else { STEPS };
    let length = |s: &Subject| s.spec().training.steps.min(limit).min(affordable(s)).max(1);
    let (steps, cured_steps) = (length(subject), length(cured));
    let measure = if finding.code == "D005" || finding.code == "D006" {
        Measure::BalancedError
    } else if subject.plan.loss != cured.plan.loss {
        Measure::TestError
    } else {
        Measure::TestLoss
    };
    let seeds: Vec<u64> = (0..protocol.seeds).map(|i| protocol.first_seed + i).collect();
    // Chosen once per seed, before anything runs.
    let others: Vec<Option<Subject>> =
        seeds.iter().map(|seed| arms::random_change(subject, cured, *seed)).collect();
    let rescue = arms::rescue(subject);
    let mut jobs = Vec::new();
    for (i, &seed) in seeds.iter().enumerate() {
        jobs.push(Job { subject, seed, steps, watched: false });
        jobs.push(Job { subject: cured, seed, steps: cured_steps, watched: true });
        // Another start: initial values, batches and masks of an unrelated seed.
        jobs.push(Job { subject, seed: seed + 1_000_003, steps, watched: false });
        jobs.push(Job { subject: others[i].as_ref().unwrap_or(subject), seed, steps, watched: false });
        jobs.push(Job { subject: rescue.as_ref().unwrap_or(subject), seed, steps, watched: false });
    }
    *steps_done += jobs.iter().map(|j| j.steps).sum::<u64>();
    let mut runs = arms::run(&jobs, measure, protocol.threads);
    let arm = |k: usize| runs.iter().skip(k).step_by(5).map(|r| r.value).collect::<Vec<f64>>();
    let values: Vec<Vec<f64>> = (0..5).map(arm).collect();
    let back = |run: &arms::Run| {
        run.seen.as_ref().is_some_and(|e| {
            e.diagnosis.findings.iter().any(|f| f.code == finding.code && f.severity >= finding.severity)
        })
    };
    let gone = runs.iter().skip(1).step_by(5).filter(|r| !back(r)).count();
    let better = values[0].iter().zip(&values[1]).filter(|(a, b)| b < a).count();
    let effects: Vec<f64> = values[0].iter().zip(&values[1]).map(|(a, b)| a - b).collect();
    let (effect, spread) = (median(&effects), deviation(&values[0]));
    let n = seeds.len();
    let gone_enough = gone * 5 >= n * 4;
    let helps = better == n && effect > spread;
    let b = median(&values[1]);
    let specific = b < median(&values[2]) && b < median(&values[3]);
    let random: Vec<f64> = values[0].iter().zip(&values[3]).map(|(a, d)| a - d).collect();
    let random_helps = random.iter().all(|e| *e > 0.0) && median(&random) > spread;
    let verdict = match (gone_enough, helps, specific) {
        (true, _, _) if by_construction(finding.code) => Verdict::Proved,
        (true, true, true) if n < 5 => Verdict::Suggestive,
        (true, true, true) => Verdict::Proved,
        (true, true, false) => Verdict::NotSpecific,
        (true, false, _) => Verdict::SymptomOnly,
        _ => Verdict::NotProved,
    };
    let what = [
        ('A', "unchanged", "変更なし"),
        ('B', "prescription", "処方"),
        ('C', "other start (placebo)", "別の初期値（プラセボ）"),
        ('D', "another change at random", "無関係な変更"),
        ('E', "Adam 0.001, He, standardised", "Adam 0.001・He・標準化"),
    ];
    let arms = what.into_iter().zip(values);
    let arms = arms.map(|((name, en, ja), values)| Arm {
        name,
        what: Text { en: en.into(), ja: ja.into() },
        values,
    });
    let proof = Proof {
        verdict,
        measure,
        seeds,
        steps: cured_steps,
        arms: arms.collect(),
        effect,
        spread,
        better,
        gone,
        random_helps,
    };
    let after = runs.swap_remove(1).seen.map(|e| e.diagnosis).unwrap_or_default();
    (proof, after)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if n < 2.0 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0)).sqrt()
}
