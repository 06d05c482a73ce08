//! One file per disease.
//!
//! To add a check: a file here with its [`About`] and its `look`, a line in
//! [`all`], and in `crates/lab/tests/doctor` a run that must trigger it and a
//! healthy one that must not.

mod prelude;

use crate::finding::{Edit, Evidence, Finding, Prescription, Severity, Words};
use crate::record::Record;
use kobai_engine::Lang;

/// Where a cause sits: earlier stages are treated first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Inputs and labels.
    Data,
    /// Layers and loss.
    Wiring,
    /// Initial values and signal.
    Initial,
    /// Step size and optimiser.
    Step,
    /// Regularisation and capacity.
    Fit,
    /// What shows when something else is wrong.
    Symptom,
}

/// The page of a disease, English and Japanese.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// What is measured, with limits.
    pub measures: [&'static str; 2],
    /// Why it hurts.
    pub hurts: [&'static str; 2],
    /// Lines of an experiment file that have it.
    pub example: &'static str,
    /// What helps.
    pub cure: [&'static str; 2],
    /// Where it is from.
    pub source: &'static str,
}

/// What a check is about.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its code.
    pub code: &'static str,
    /// Key of the disease in the rule base.
    pub disease: &'static str,
    /// Name of the disease.
    pub name: [&'static str; 2],
    /// Where the cause sits.
    pub stage: Stage,
    /// Its page.
    pub page: Page,
}

impl About {
    /// The name in one language.
    #[must_use]
    pub fn name(&self, lang: Lang) -> &'static str {
        lang.pick(self.name[0], self.name[1])
    }

    /// A finding with this code.
    pub(crate) fn found(
        &self,
        severity: Severity,
        probability: f64,
        what: Words,
        evidence: Vec<Evidence>,
    ) -> Finding {
        Finding {
            code: self.code,
            disease: self.disease,
            severity,
            layer: None,
            since_step: None,
            probability,
            what,
            evidence,
            excluded: Vec::new(),
            explained_by: None,
            cure: Prescription::advice(Words::default()),
        }
    }
}

impl Finding {
    pub(crate) fn at(mut self, layer: &str) -> Finding {
        self.layer = Some(layer.into());
        self
    }

    pub(crate) fn since(mut self, step: u64) -> Finding {
        self.since_step = Some(step);
        self
    }

    pub(crate) fn not(mut self, why: Words) -> Finding {
        self.excluded.push(why);
        self
    }

    /// Advice that no edit can follow.
    pub(crate) fn because(mut self, why: Words) -> Finding {
        self.cure = Prescription::advice(why);
        self
    }

    /// What to do.
    pub(crate) fn cure(mut self, edits: Vec<Edit>, why: Words) -> Finding {
        self.cure = Prescription::new(edits, why);
        self
    }
}

/// Looks for one disease.
pub trait Check: Sync {
    /// What it is about.
    fn about(&self) -> &'static About;
    /// What it finds.
    fn look(&self, record: &Record) -> Option<Finding>;
}

macro_rules! checks {
    ($($module:ident),* $(,)?) => {
        $(mod $module;)*
        /// All checks, by code.
        #[must_use]
        pub fn all() -> &'static [&'static dyn Check] {
            &[$(&$module::This),*]
        }
    };
}

checks!(
    input_scale,
    input_flat,
    target_scale,
    bad_features,
    missing_class,
    imbalance,
    shuffled_labels,
    label_noise,
    leak,
    output_activation,
    loss_kind,
    symmetric_init,
    small_init,
    large_init,
    vanishing,
    exploding,
    dead_units,
    saturated,
    linear_stack,
    non_finite,
    rate_high,
    rate_low,
    oscillation,
    momentum,
    epsilon,
    penalty,
    dropout,
    both,
    overfitting,
    capacity,
    small_batch_norm,
    bias_before_norm,
    running_statistics,
    too_short,
    chance_level,
    frozen,
    output_range,
    plateau,
    one_unit,
    summed,
    uphill,
    shifted_inputs,
    large_batch,
    hidden_activation,
);

/// The check of a code or of the key of a disease.
#[must_use]
pub fn named(name: &str) -> Option<&'static dyn Check> {
    let name = name.to_uppercase();
    let by = |key: fn(&About) -> &'static str| all().iter().copied().find(|c| key(c.about()) == name);
    by(|a| a.code).or_else(|| by(|a| a.disease))
}

/// The rule for initial weights that fits the hidden activations.
pub(crate) fn fitting_init(record: &Record) -> &'static str {
    use kobai_engine::layers::Activation;
    let squashing = record
        .hidden_activations()
        .iter()
        .any(|(_, a)| matches!(a, Activation::Sigmoid(_) | Activation::Tanh));
    if squashing { "xavier" } else { "he" }
}

/// How many times larger the initial weights of a layer are than He's.
pub(crate) fn init_ratio(init: kobai_engine::init::Init, fans: kobai_engine::init::Fans) -> f64 {
    init.std(fans) / (2.0 / fans.fan_in as f64).sqrt()
}

/// Initial weights of all layers with weights relative to He's: smallest and largest.
pub(crate) fn init_ratios(record: &Record) -> Option<(f64, f64)> {
    let all: Vec<f64> = record.weighted().iter().map(|(_, init, fans)| init_ratio(*init, *fans)).collect();
    Some((all.iter().copied().reduce(f64::min)?, all.iter().copied().reduce(f64::max)?))
}

#[cfg(test)]
mod tests {
    use super::{all, named};

    #[test]
    fn codes_are_in_order_and_pages_are_complete() {
        for (i, check) in all().iter().enumerate() {
            let about = check.about();
            assert_eq!(about.code, format!("D{:03}", i + 1));
            let p = &about.page;
            for text in
                [about.name, p.measures, p.hurts, p.cure].into_iter().flatten().chain([p.example, p.source])
            {
                assert!(!text.is_empty(), "{}", about.code);
            }
            assert!(named(about.code).is_some() && named(about.disease).is_some());
        }
    }
}
