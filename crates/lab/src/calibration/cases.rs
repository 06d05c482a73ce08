//! The cases: sick and healthy experiments with what is known of them.

use crate::doctor::Subject;
use crate::experiment::{Changes, Experiment};
use crate::session::SessionError;
use kobai_data::{Locations, Split, registry};
use kobai_kernels::Isa;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use toml::Table;

/// The experiments that cases begin with.
const BASES: &[(&str, &str)] = &[
    ("blobs", include_str!("../../cases/base/blobs.toml")),
    ("circles", include_str!("../../cases/base/circles.toml")),
    ("digits-3c", include_str!("../../cases/base/digits-3c.toml")),
    ("digits-cnn", include_str!("../../cases/base/digits-cnn.toml")),
    ("digits-dc", include_str!("../../cases/base/digits-dc.toml")),
    ("digits-mlp", include_str!("../../cases/base/digits-mlp.toml")),
    ("digits-vgg", include_str!("../../cases/base/digits-vgg.toml")),
    ("friedman", include_str!("../../cases/base/friedman.toml")),
    ("lenet-deep", include_str!("../../cases/base/lenet-deep.toml")),
    ("plane", include_str!("../../cases/base/plane.toml")),
    ("sine", include_str!("../../cases/base/sine.toml")),
];

/// Sources whose cases limits may be tuned on. The other half is only reported.
const TUNED: [&str; 5] = ["TheDeepChecker", "AutoTrainer", "Playground", "Course", "own"];

/// One experiment and what is known of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name in the benchmark that it repeats, or one of our own.
    pub id: String,
    /// Who published it.
    #[serde(default)]
    pub source: String,
    /// The experiment that it begins with.
    pub base: String,
    /// Dotted keys that it sets differently.
    #[serde(default)]
    pub set: Table,
    /// Keys of the diseases that are right; empty for a healthy one.
    #[serde(default)]
    pub expect: Vec<String>,
    /// Where the disease sits; several names with `|` between.
    pub layer: Option<String>,
    /// Test accuracy (of a regression: explained share of the variance) from
    /// which a run counts as healthy. Faults that only harm some seeds have one.
    pub min: Option<f64>,
}

#[derive(Deserialize)]
struct File {
    case: Vec<Case>,
}

fn read(text: &str) -> Vec<Case> {
    toml::from_str::<File>(text).expect("embedded cases are read by a test").case
}

/// Experiments with a known disease.
#[must_use]
pub fn faults() -> Vec<Case> {
    read(include_str!("../../cases/faults.toml"))
}

/// Experiments without one.
#[must_use]
pub fn healthy() -> Vec<Case> {
    read(include_str!("../../cases/healthy.toml"))
}

impl Case {
    /// Whether limits may be tuned on it.
    #[must_use]
    pub fn tuned(&self) -> bool {
        TUNED.contains(&self.source.as_str())
    }

    /// Whether a layer is where the disease sits.
    #[must_use]
    pub fn is_layer(&self, name: &str) -> bool {
        self.layer.as_deref().is_some_and(|all| all.split('|').any(|l| l == name))
    }

    /// The experiment, on data that were loaded once.
    ///
    /// # Errors
    /// If data are missing. The embedded cases themselves are right.
    pub fn subject(&self, data: &Data) -> Result<Subject, SessionError> {
        let text = BASES.iter().find(|(name, _)| *name == self.base).map_or("", |(_, text)| text);
        let set = self.set.iter().map(|(key, value)| (key.clone(), value.to_string())).collect();
        let mut changes = Changes { set, outputs: Some(1), ..Changes::default() };
        let first = Experiment::from_toml(&self.base, text, &changes)?;
        let split = data.get(&first.data)?;
        changes.outputs = Some(split.train.target_width().unwrap_or(split.train.classes()));
        let experiment = Experiment::from_toml(&self.base, text, &changes)?;
        let mut subjects = Subject::rows(&experiment, None, &self.id, &split, Isa::best())?;
        Ok(subjects.remove(0))
    }
}

/// Data sets, each loaded once.
#[derive(Debug)]
pub struct Data {
    locations: Locations,
    known: Mutex<HashMap<String, Arc<Split>>>,
}

impl Data {
    /// None yet.
    #[must_use]
    pub fn new(locations: Locations) -> Data {
        Data { locations, known: Mutex::default() }
    }

    fn get(&self, name: &str) -> Result<Arc<Split>, SessionError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(split) = known.get(name) {
            return Ok(Arc::clone(split));
        }
        let split = Arc::new(registry::load(name, &self.locations)?);
        known.insert(name.into(), Arc::clone(&split));
        Ok(split)
    }
}

#[cfg(test)]
mod tests {
    use super::{Data, faults, healthy};
    use kobai_data::Locations;
    use kobai_doctor::checks;
    use std::collections::HashSet;

    #[test]
    fn every_case_is_an_experiment_with_a_known_disease() {
        let data = Data::new(Locations::none());
        let all: Vec<_> = faults().into_iter().chain(healthy()).collect();
        let mut ids = HashSet::new();
        for case in &all {
            let subject = case.subject(&data).unwrap_or_else(|e| panic!("{}: {e}", case.id));
            let layers: Vec<&str> = subject.plan.nodes.iter().map(|n| n.name.as_str()).collect();
            for layer in case.layer.iter().flat_map(|l| l.split('|')) {
                assert!(layers.contains(&layer), "{}: no layer {layer} in {layers:?}", case.id);
            }
            for disease in &case.expect {
                assert!(checks::named(disease).is_some(), "{}: no check for {disease}", case.id);
            }
            assert!(case.expect.is_empty() || !case.source.is_empty(), "{}", case.id);
            ids.insert((case.id.clone(), case.expect.is_empty()));
        }
        assert_eq!(ids.len(), all.len(), "two cases share a name");
        // Five seeds of each make more than 150 healthy runs.
        assert!(healthy().len() >= 30 && faults().len() >= 100);
    }
}
