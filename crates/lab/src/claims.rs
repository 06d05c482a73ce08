//! Claims: statements that runs decide.
//!
//! A claim names a measure, such as `he_relu.test - gauss_relu.test`, and a
//! condition. The measure is computed for every seed (rows share their seeds,
//! so differences are paired); the 99 % interval of its mean over seeds
//! decides: entirely where the condition is true, the claim *holds*; entirely
//! where it is false, it *does not hold*; otherwise it is *undecided*, which is
//! an honest answer, and the number of seeds that would decide is estimated.
//!
//! A ratio that spreads over factors from seed to seed is no case for an
//! interval around its mean: one large value widens it below zero, where no
//! ratio can be. `log10(row.measure)` decides it by its decades.

use crate::groups;
use crate::results::{Claim, Condition, Row, Text, Verdict};
use crate::stats::{Summary, student_quantile};
use crate::surfaces::{self, SurfaceSpec, Surfaces};
use kobai_engine::layers::Activation;
use kobai_engine::{NodePlan, Plan, PlanOptions, zoo};

/// Confidence of the deciding intervals.
pub const CONFIDENCE: f64 = 0.99;

/// A claim as an experiment file states it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimSpec {
    /// Identifier.
    pub id: String,
    /// Statements of the course notes that it decides.
    pub notes: Vec<String>,
    /// The claim in words.
    pub text: Text,
    /// What is measured.
    pub measure: String,
    /// What is claimed of it.
    pub condition: Condition,
    /// Why it holds, if it does.
    pub holds: Option<Text>,
    /// Why it does not, if it does not.
    pub fails: Option<Text>,
}

impl Condition {
    fn threshold(self) -> f64 {
        match self {
            Condition::Below(x) | Condition::Above(x) | Condition::Equals(x) => x,
        }
    }

    fn is_met(self, value: f64) -> bool {
        match self {
            Condition::Below(x) => value < x,
            Condition::Above(x) => value > x,
            Condition::Equals(x) => value == x,
        }
    }
}

/// Values that are computed, not run: their claims hold by definition or not.
fn computed(name: &str) -> Option<f64> {
    let sigmoid = |x| Activation::SIGMOID.derivative(x);
    // A grid that contains 0 and is fine enough to see any other peak.
    let grid = || (-4000..=4000).map(|i| f64::from(i) / 400.0);
    match name {
        "computed.sigmoid_derivative_max" => Some(grid().map(sigmoid).fold(0.0, f64::max)),
        "computed.sigmoid_derivative_argmax" => grid().max_by(|a, b| sigmoid(*a).total_cmp(&sigmoid(*b))),
        "computed.sigmoid_derivative_at_5" => Some(sigmoid(5.0)),
        // Whole blocks of 100 are scored, and all 250 examples divide.
        "computed.accuracy_ceiling_250" => Some(f64::from(250 / 100 * 100) / 250.0),
        "computed.relu_derivative_at_5" => Some(Activation::Relu.derivative(5.0)),
        _ => of_the_zoo(name)
            .or_else(|| crate::explain::computed(name))
            .or_else(|| surfaces::computed(name))
            .or_else(|| crate::penalties::computed(name)),
    }
}

/// A number of the plan of a network of the zoo, at full size:
///
/// | name | what |
/// |---|---|
/// | `computed.zoo/NAME/params`, `…/macs` | learned values; multiply-adds for one example |
/// | `computed.zoo/NAME/count/KIND` | layers of a kind, such as `concat` |
/// | `computed.zoo/NAME/units/N` | linear layers with N outputs |
/// | `computed.zoo/NAME/height/LAYER`, `…/kernel/LAYER` | height of a layer's output, of its window |
fn of_the_zoo(name: &str) -> Option<f64> {
    let mut parts = name.strip_prefix("computed.zoo/")?.split('/');
    let model = zoo::find(parts.next()?).ok()?;
    let plan = Plan::new(&model.graph(&model.settings()), &PlanOptions::batch(2)).ok()?;
    let count = |is: &dyn Fn(&NodePlan) -> bool| plan.nodes.iter().filter(|n| is(n)).count() as f64;
    let layer = |name: &str| plan.nodes.iter().find(|n| n.name == name);
    match (parts.next()?, parts.next()) {
        ("params", None) => Some(plan.param_len() as f64),
        ("macs", None) => Some(plan.macs() as f64),
        ("count", Some(kind)) => Some(count(&|n| n.kind() == kind)),
        ("units", Some(units)) => {
            let units: usize = units.parse().ok()?;
            Some(count(&|n| n.kind() == "linear" && n.plan.output.len() == units))
        }
        ("height", Some(name)) => layer(name)?.plan.output.dims().get(1).map(|h| *h as f64),
        ("kernel", Some(name)) => Some(layer(name)?.layer.as_ref()?.window()?.kernel[0] as f64),
        _ => None,
    }
}

/// What claims are decided by: runs, and paths on surfaces.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Rows with their runs.
    pub rows: &'a [Row],
    /// What came out on surfaces.
    pub surfaces: Option<&'a Surfaces>,
}

/// What is inside of `log10(…)`, if a word is that.
fn in_log(word: &str) -> Option<&str> {
    word.strip_prefix("log10(")?.strip_suffix(')')
}

/// The words of an expression that name something, without functions.
fn names(expression: &str) -> impl Iterator<Item = &str> {
    expression.split_whitespace().map(|word| in_log(word).unwrap_or(word))
}

/// The values of one operand over seeds.
fn operand(evidence: Evidence<'_>, name: &str) -> Option<Vec<f64>> {
    if let Some(name) = in_log(name) {
        return Some(operand(evidence, name)?.into_iter().map(libm::log10).collect());
    }
    if let Some(value) = computed(name) {
        return Some(vec![value]);
    }
    if let Some(path) = name.strip_prefix("surface.") {
        let [rule, surface, measure] = path.split('.').collect::<Vec<_>>().try_into().ok()?;
        return evidence.surfaces?.measure(rule, surface, measure).cloned();
    }
    let rows = evidence.rows;
    let (row, measure) = name.split_once('.')?;
    let Some(row) = rows.iter().find(|r| r.id == row) else {
        return groups::measure(rows, row, measure);
    };
    row.runs.iter().map(|run| run.measures.get(measure).copied()).collect()
}

/// The values over seeds of operands with `+`, `-`, `/` between them, from left
/// to right without precedence, if everything in it was measured. A computed
/// operand is the same for every seed.
fn measure(evidence: Evidence<'_>, expression: &str) -> Option<Vec<f64>> {
    let mut words = expression.split_whitespace();
    let mut values = operand(evidence, words.next()?)?;
    while let Some(operator) = words.next() {
        let mut other = operand(evidence, words.next()?)?;
        if values.len() == 1 {
            values = vec![values[0]; other.len()];
        }
        if other.len() == 1 {
            other = vec![other[0]; values.len()];
        }
        let combine = |(x, y): (f64, f64)| match operator {
            "/" => Some(x / y),
            "+" => Some(x + y),
            "-" => Some(x - y),
            _ => None,
        };
        values = values.into_iter().zip(other).map(combine).collect::<Option<_>>()?;
    }
    Some(values)
}

impl ClaimSpec {
    /// Rows and groups in the expression that are not among `rows`.
    #[must_use]
    pub fn unknown_rows(&self, rows: &[String]) -> Vec<String> {
        names(&self.measure)
            .filter(|word| word.contains('.') && !word.starts_with("surface.") && computed(word).is_none())
            .filter_map(|word| word.split_once('.').map(|(row, _)| row.to_string()))
            .filter(|row| !rows.contains(row))
            .collect()
    }

    /// Measures on surfaces in the expression that `spec` does not produce.
    #[must_use]
    pub fn unknown_surfaces(&self, spec: Option<&SurfaceSpec>) -> Vec<String> {
        let words = names(&self.measure).filter(|word| word.starts_with("surface."));
        words
            .filter(|word| !spec.is_some_and(|s| s.measures().iter().any(|m| m == word)))
            .map(String::from)
            .collect()
    }

    /// Decides the claim.
    #[must_use]
    pub fn decide(&self, evidence: Evidence<'_>) -> Claim {
        let is_computed = names(&self.measure).all(|w| computed(w).is_some() || !w.contains('.'));
        let values = measure(evidence, &self.measure).unwrap_or_default();
        let finite = !values.is_empty() && values.iter().all(|v| v.is_finite());
        let summary = Summary::of(&values, CONFIDENCE);
        let verdict = if !finite {
            Verdict::Undecided
        } else if is_computed {
            if self.condition.is_met(summary.mean) { Verdict::Holds } else { Verdict::DoesNotHold }
        } else {
            self.verdict(&values, &summary)
        };
        let threshold = self.condition.threshold();
        let seeds_needed =
            (verdict == Verdict::Undecided && finite).then(|| seeds_needed(&summary, threshold)).flatten();
        Claim {
            id: self.id.clone(),
            notes: self.notes.clone(),
            text: self.text.clone(),
            verdict,
            because: self.because(verdict, (finite, values.len()), is_computed, seeds_needed),
            measure: self.measure.clone(),
            condition: self.condition,
            n: values.len(),
            mean: if finite { summary.mean } else { 0.0 },
            interval: if finite && !is_computed { summary.interval } else { None },
            confidence: CONFIDENCE,
            values: if finite { values } else { Vec::new() },
            effect: (finite && summary.sd > 0.0).then(|| (summary.mean - threshold) / summary.sd),
            seeds_needed,
        }
    }

    fn verdict(&self, values: &[f64], summary: &Summary) -> Verdict {
        let Some([low, high]) = summary.interval else { return Verdict::Undecided };
        match self.condition {
            Condition::Below(x) if high < x => Verdict::Holds,
            Condition::Below(x) if low >= x => Verdict::DoesNotHold,
            Condition::Above(x) if low > x => Verdict::Holds,
            Condition::Above(x) if high <= x => Verdict::DoesNotHold,
            Condition::Equals(x) if values.iter().all(|v| *v == x) => Verdict::Holds,
            Condition::Equals(x) if !(low..=high).contains(&x) => Verdict::DoesNotHold,
            _ => Verdict::Undecided,
        }
    }

    fn because(
        &self,
        verdict: Verdict,
        (finite, count): (bool, usize),
        is_computed: bool,
        seeds: Option<usize>,
    ) -> Text {
        let text = |en: &str, ja: &str| Text { en: en.into(), ja: ja.into() };
        let reason = match verdict {
            Verdict::Holds => self.holds.clone(),
            Verdict::DoesNotHold => self.fails.clone(),
            Verdict::Undecided => None,
        };
        match (reason, verdict) {
            (Some(reason), _) => reason,
            (None, Verdict::Holds) if is_computed => {
                text("Computed with the engine's own code.", "エンジン自身のコードで計算した。")
            }
            (None, Verdict::Holds) => text(
                "The whole interval over seeds meets the condition.",
                "シードにわたる区間の全体が条件を満たす。",
            ),
            (None, Verdict::DoesNotHold) => text(
                "The whole interval over seeds misses the condition.",
                "シードにわたる区間の全体が条件を満たさない。",
            ),
            (None, Verdict::Undecided) if !finite => text(
                "It was not measured: the observers were off, a row is missing, or a run diverged.",
                "測定されていない。観測がオフか、行がないか、発散した実行がある。",
            ),
            (None, Verdict::Undecided) => match seeds {
                Some(n) => text(
                    &format!("The interval contains the threshold; about {n} seeds would decide."),
                    &format!("区間がしきい値を含む。シードが約 {n} 個あれば決まる。"),
                ),
                None if count < 2 => text(
                    "One seed says nothing about the next.",
                    "シードが 1 つでは、次のシードについて何も言えない。",
                ),
                None => text(
                    "The interval contains the threshold, and even ten thousand seeds would hardly decide: it lies in the \
                     middle of what the seeds give.",
                    "区間がしきい値を含み、シードが一万個あってもおそらく決まらない。しきい値が値のほぼ中央にある。",
                ),
            },
        }
    }
}

/// About how many seeds would make the interval exclude the threshold, if the
/// mean and the spread stay as they are. None beyond ten thousand.
fn seeds_needed(summary: &Summary, threshold: f64) -> Option<usize> {
    let distance = (summary.mean - threshold).abs();
    if summary.n < 2 || distance == 0.0 || summary.sd == 0.0 {
        return None;
    }
    let reaches = |n: usize| {
        student_quantile(n - 1, 0.5 + CONFIDENCE / 2.0) * summary.sd / (n as f64).sqrt() < distance
    };
    let mut n = summary.n + 1;
    while !reaches(n) {
        n += n.div_ceil(10);
        if n > 10_000 {
            return None;
        }
    }
    Some(n)
}

#[cfg(test)]
mod tests {
    use super::{ClaimSpec, Evidence};
    use crate::results::{Condition, Outcome, Row, Run, Text, Verdict};

    fn row(id: &str, values: &[f64]) -> Row {
        let runs = values.iter().zip(0..).map(|(v, seed)| Run {
            seed,
            outcome: Outcome::Finished,
            train: 0.0,
            test: *v,
            curve: Vec::new(),
            flow: Vec::new(),
            activations: Vec::new(),
            weights: Vec::new(),
            measures: [("test".to_string(), *v)].into(),
            weights_sha256: String::new(),
        });
        Row {
            id: id.into(),
            label: Text::default(),
            reference: None,
            published: None,
            place: None,
            runs: runs.collect(),
        }
    }

    fn decide(measure: &str, condition: Condition, rows: &[Row]) -> Verdict {
        let spec = ClaimSpec {
            id: "x".into(),
            notes: Vec::new(),
            text: Text::default(),
            measure: measure.into(),
            condition,
            holds: None,
            fails: None,
        };
        spec.decide(Evidence { rows, surfaces: None }).verdict
    }

    #[test]
    fn intervals_decide() {
        let rows = [
            row("a", &[0.9, 0.91, 0.92, 0.9]),
            row("b", &[0.8, 0.82, 0.81, 0.8]),
            row("c", &[0.91, 0.9, 0.89, 0.93]),
        ];
        assert_eq!(decide("a.test - b.test", Condition::Above(0.0), &rows), Verdict::Holds);
        assert_eq!(decide("b.test - a.test", Condition::Above(0.0), &rows), Verdict::DoesNotHold);
        assert_eq!(decide("a.test - c.test", Condition::Above(0.0), &rows), Verdict::Undecided);
        assert_eq!(decide("a.test", Condition::Below(0.95), &rows), Verdict::Holds);
        assert_eq!(decide("a.test / b.test", Condition::Above(1.0), &rows), Verdict::Holds);
        // From left to right: 0.9 − 0.8 + 0.91 and so on; none is below 0.9.
        assert_eq!(decide("a.test - b.test + c.test", Condition::Above(0.9), &rows), Verdict::Holds);
        // Each is far above 1/100, but the interval of their mean is not.
        let wide = [row("r", &[0.3, 9.0, 0.2, 0.4, 0.5, 0.6, 0.3, 0.8])];
        assert_eq!(decide("r.test", Condition::Above(0.01), &wide), Verdict::Undecided);
        assert_eq!(decide("log10(r.test)", Condition::Above(-2.0), &wide), Verdict::Holds);
        assert_eq!(decide("log10(r.test", Condition::Above(-2.0), &wide), Verdict::Undecided);
        assert_eq!(decide("a.test * b.test", Condition::Above(0.0), &rows), Verdict::Undecided);
    }

    #[test]
    fn exact_claims_tolerate_nothing() {
        let rows = [row("same", &[0.0; 4]), row("almost", &[0.0, 0.0, 0.0, 1e-30])];
        assert_eq!(decide("same.test", Condition::Equals(0.0), &rows), Verdict::Holds);
        assert_eq!(decide("almost.test", Condition::Equals(0.0), &rows), Verdict::Undecided);
    }

    #[test]
    fn one_seed_or_nothing_measured_decides_nothing() {
        let rows = [row("a", &[0.9])];
        assert_eq!(decide("a.test", Condition::Above(0.5), &rows), Verdict::Undecided);
        assert_eq!(decide("a.gradient_ratio", Condition::Above(0.5), &rows), Verdict::Undecided);
        assert_eq!(decide("b.test", Condition::Above(0.5), &rows), Verdict::Undecided);
    }

    #[test]
    fn computed_claims() {
        assert_eq!(decide("computed.sigmoid_derivative_max", Condition::Equals(0.25), &[]), Verdict::Holds);
        assert_eq!(decide("computed.sigmoid_derivative_argmax", Condition::Equals(0.0), &[]), Verdict::Holds);
        assert_eq!(
            decide("computed.sigmoid_derivative_max", Condition::Equals(0.3), &[]),
            Verdict::DoesNotHold
        );
        for (measure, value) in [
            ("computed.zoo/resnet18/params", 11_689_512.0),
            ("computed.zoo/alexnet/height/features.0", 55.0),
            ("computed.zoo/alexnet/kernel/features.0", 11.0),
            ("computed.zoo/alexnet/units/4096", 2.0),
            ("computed.zoo/googlenet/count/concat", 9.0),
        ] {
            assert_eq!(decide(measure, Condition::Equals(value), &[]), Verdict::Holds, "{measure}");
        }
    }
}
