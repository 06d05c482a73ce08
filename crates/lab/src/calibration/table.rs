//! The confusion table.

use super::{Case, Outcome, RIVALS};
use kobai_doctor::{Severity, checks};
use kobai_engine::{Lang, say};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Shares of a set of sick runs. Counts are runs, a case with each of its seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Shares {
    /// Runs that are sick.
    pub runs: usize,
    /// Of them, runs with any disease or warning.
    pub detected: usize,
    /// Of them, runs whose first finding is right.
    pub first: usize,
    /// Of them, runs with a right one among the first three.
    pub third: usize,
    /// Runs of cases whose disease sits in one layer.
    pub layered: usize,
    /// Of those, runs whose first finding names it.
    pub layer: usize,
}

/// Figures of one detector.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Detector {
    /// Its name.
    pub name: String,
    /// On the half that limits were tuned on.
    pub tuned: Shares,
    /// On the other half.
    pub other: Shares,
    /// By the name of the fault.
    pub diseases: BTreeMap<String, Shares>,
    /// Healthy runs with a disease.
    pub false_diseases: usize,
    /// Healthy runs with a disease or a warning.
    pub false_warnings: usize,
}

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Schema of the document.
    pub schema: &'static str,
    /// Seeds of each case.
    pub seeds: u64,
    /// Sick cases.
    pub cases: usize,
    /// Runs of sick cases that were not harmed in this seed, and are left out.
    pub harmless: usize,
    /// Healthy runs.
    pub healthy: usize,
    /// Runs of healthy cases that did not learn, and are left out.
    pub not_healthy: usize,
    /// Detectors, the doctor first.
    pub detectors: Vec<Detector>,
    /// Median seconds of an examination.
    pub seconds: f64,
}

impl Shares {
    fn add(&mut self, case: &Case, found: &[Vec<&str>], layer: Option<&str>) {
        let right = |keys: &Vec<&str>| keys.iter().any(|k| case.expect.iter().any(|e| e == k));
        self.runs += 1;
        self.detected += usize::from(!found.is_empty());
        self.first += usize::from(found.first().is_some_and(right));
        self.third += usize::from(found.iter().take(3).any(right));
        if case.layer.is_some() {
            self.layered += 1;
            self.layer += usize::from(layer.is_some_and(|l| case.is_layer(l)));
        }
    }
}

/// Counts outcomes.
#[must_use]
pub fn summary(cases: &[Case], outcomes: &[Outcome], seeds: u64) -> Summary {
    let mut detectors = vec![Detector { name: "kobai".into(), ..Detector::default() }];
    detectors.extend(RIVALS.iter().map(|r| Detector { name: r.name.into(), ..Detector::default() }));
    let (mut harmless, mut healthy, mut not_healthy) = (0, 0, 0);
    for outcome in outcomes {
        let case = &cases[outcome.case];
        let sick = !case.expect.is_empty();
        let good = case.min.is_some_and(|min| outcome.score >= min);
        match (sick, good) {
            (true, true) => harmless += 1,
            (false, false) => not_healthy += 1,
            (false, true) => healthy += 1,
            _ => {}
        }
        if sick == good {
            continue;
        }
        let serious: Vec<_> = outcome.doctor.iter().filter(|s| s.severity > Severity::Hint).collect();
        let ours: Vec<Vec<&str>> = serious.iter().map(|s| vec![s.disease.as_str()]).collect();
        for (i, detector) in detectors.iter_mut().enumerate() {
            let found: Vec<Vec<&str>> = if i == 0 { ours.clone() } else { outcome.rivals[i - 1].clone() };
            let layer = if i == 0 { serious.first().and_then(|s| s.layer.as_deref()) } else { None };
            if sick {
                let half = if case.tuned() { &mut detector.tuned } else { &mut detector.other };
                half.add(case, &found, layer);
                detector.diseases.entry(case.expect[0].clone()).or_default().add(case, &found, layer);
            } else {
                let disease = serious.iter().any(|s| s.severity == Severity::Disease);
                detector.false_diseases += usize::from(if i == 0 { disease } else { !found.is_empty() });
                detector.false_warnings += usize::from(!found.is_empty());
            }
        }
    }
    let mut seconds: Vec<f64> = outcomes.iter().map(|o| o.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    Summary {
        schema: "kobai.calibration/1",
        seeds,
        cases: cases.iter().filter(|c| !c.expect.is_empty()).count(),
        harmless,
        healthy,
        not_healthy,
        detectors,
        seconds: seconds.get(seconds.len() / 2).copied().unwrap_or(0.0),
    }
}

fn percent(part: usize, whole: usize) -> String {
    if whole == 0 { "–".into() } else { format!("{:.1}", 100.0 * part as f64 / whole as f64) }
}

impl Summary {
    /// What a person reads.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        let mut text = String::new();
        let (cases, seeds, healthy) = (self.cases, self.seeds, self.healthy);
        let (harmless, not) = (self.harmless, self.not_healthy);
        let _ = writeln!(
            text,
            "{}",
            say!(
                lang,
                "{cases} sick cases × {seeds} seeds ({harmless} runs unharmed, left out), {healthy} healthy runs ({not} did not learn, left out)",
                "病気の例 {cases} × シード {seeds}（害のなかった {harmless} 回は除外）、健康な学習 {healthy} 回（学習しなかった {not} 回は除外）"
            )
        );
        let heads = lang.pick(
            ["detector", "half", "runs", "detected %", "first right %", "in first 3 %", "layer first %"],
            ["検出器", "半分", "回数", "検出 %", "第一が正解 %", "上位 3 に正解 %", "層が正解 %"],
        );
        let _ = writeln!(text, "\n| {} |\n|---|---|---:|---:|---:|---:|---:|", heads.join(" | "));
        for d in &self.detectors {
            let both = sum(&d.tuned, &d.other);
            let halves = [
                (lang.pick("tuned on", "調整用"), d.tuned),
                (lang.pick("other", "残り"), d.other),
                (lang.pick("both", "全体"), both),
            ];
            for (half, s) in halves {
                let shares = [
                    percent(s.detected, s.runs),
                    percent(s.first, s.runs),
                    percent(s.third, s.runs),
                    percent(s.layer, s.layered),
                ];
                let _ = writeln!(text, "| {} | {half} | {} | {} |", d.name, s.runs, shares.join(" | "));
            }
        }
        let heads = lang.pick(
            ["healthy runs", "any disease %", "any warning %"],
            ["健康な学習", "病気あり %", "注意あり %"],
        );
        let _ = writeln!(text, "\n| {} |\n|---|---:|---:|", heads.join(" | "));
        for d in &self.detectors {
            let (a, b) = (percent(d.false_diseases, healthy), percent(d.false_warnings, healthy));
            let _ = writeln!(text, "| {} | {a} | {b} |", d.name);
        }
        let heads = lang.pick(
            ["fault", "runs", "detected %", "first right %", "in first 3 %", "layer first %"],
            ["病気", "回数", "検出 %", "第一が正解 %", "上位 3 に正解 %", "層が正解 %"],
        );
        let rivals: Vec<String> = self.detectors[1..].iter().map(|d| format!("{} %", d.name)).collect();
        let _ = writeln!(
            text,
            "\n| {} | {} |\n|---|---:|---:|---:|---:|---:|{}",
            heads.join(" | "),
            rivals.join(" | "),
            "---:|".repeat(rivals.len())
        );
        for (key, s) in &self.detectors[0].diseases {
            let name = checks::named(key).map_or("", |c| c.about().name(lang));
            let others: Vec<String> = self.detectors[1..]
                .iter()
                .map(|d| d.diseases.get(key).map_or("–".into(), |s| percent(s.first, s.runs)))
                .collect();
            let shares = [
                percent(s.detected, s.runs),
                percent(s.first, s.runs),
                percent(s.third, s.runs),
                percent(s.layer, s.layered),
            ];
            let _ = writeln!(
                text,
                "| {key} {name} | {} | {} | {} |",
                s.runs,
                shares.join(" | "),
                others.join(" | ")
            );
        }
        text
    }
}

fn sum(a: &Shares, b: &Shares) -> Shares {
    Shares {
        runs: a.runs + b.runs,
        detected: a.detected + b.detected,
        first: a.first + b.first,
        third: a.third + b.third,
        layered: a.layered + b.layered,
        layer: a.layer + b.layer,
    }
}
