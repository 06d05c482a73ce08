//! A row of an experiment: what it sets differently, and what it becomes.

use super::Changes;
use super::error::{ExperimentError, ExperimentProblem};
use super::feed::Feed;
use super::model::Model;
use super::reader::{self, Read, Reader, Source};
use super::training::Training;
use crate::results::{Place, Text};
use toml::{Table, Value};

/// A row: one network with one way of learning.
#[derive(Clone, Debug)]
pub struct RowSpec {
    /// Identifier.
    pub id: String,
    /// Label.
    pub label: Text,
    /// Published result that it repeats.
    pub reference: Option<String>,
    /// Its place in the grid, if axes made it.
    pub place: Option<Place>,
    /// The network.
    pub model: Model,
    /// What becomes of the examples on their way into it.
    pub feed: Feed,
    /// How it learns.
    pub training: Training,
    /// The row's resolved settings, as TOML: the identity of its runs.
    pub settings: String,
}

/// Tables that rows share and may set differently.
pub(super) const SHARED: [&str; 4] = ["model", "input", "training", "optimizer"];

/// Sets a dotted path. The length of a run is one setting with two names, and
/// what is set last counts.
pub(super) fn assign(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    let other = match key {
        "training.steps" => "epochs",
        "training.epochs" => "steps",
        _ => "",
    };
    if let Some(Value::Table(training)) = table.get_mut("training") {
        training.remove(other);
    }
    reader::set(table, key, value)
}

impl RowSpec {
    /// Checks that the loss can take the targets of data with so many classes
    /// (0: values).
    ///
    /// # Errors
    /// [`ExperimentProblem::Loss`] if not.
    pub fn check_targets(&self, file: &str, classes: usize) -> Read<()> {
        if !self.model.loss.needs_classes() || classes > 0 {
            return Ok(());
        }
        let problem = ExperimentProblem::Loss { row: self.id.clone(), loss: self.model.loss.name() };
        Err(ExperimentError { file: file.into(), line: None, problem })
    }

    pub(super) fn read(row: Reader<'_>, shared: &Table, source: &Source, changes: &Changes) -> Read<RowSpec> {
        let id = row.must_string("id")?.to_string();
        let label = row.text("label")?.unwrap_or_else(|| Text::plain(&id));
        let references = (row.string("reference")?, row.string("reference_as_published")?);
        let reference = if changes.as_published { references.1.or(references.0) } else { references.0 };
        let mut own: Table =
            SHARED.iter().filter_map(|k| Some(((*k).to_string(), shared.get(*k)?.clone()))).collect();
        for name in ["set", "set_as_published"] {
            let Some(set) = row.value(name) else { continue };
            let Value::Table(set) = set else {
                return row.fail(name, |key| ExperimentProblem::Kind {
                    key,
                    expected: ["a table of dotted keys", "ドットで区切ったキーのテーブル"],
                    got: set.to_string(),
                });
            };
            if name == "set_as_published" && !changes.as_published {
                continue;
            }
            for (key, value) in set {
                let known = SHARED.iter().any(|s| key.starts_with(&format!("{s}.")));
                if !known || assign(&mut own, key, value.clone()).is_err() {
                    return row.fail(&format!("{name}.{key}"), |key| ExperimentProblem::UnknownKey {
                        key,
                        nearest: None,
                        known: SHARED.iter().map(|s| format!("{s}.…")).collect(),
                    });
                }
            }
        }
        row.finish()?;
        let settings = toml::to_string(&own).unwrap_or_default();
        let at = Reader::new(&own, "", source);
        let model = Model::read(at.must_table("model")?, changes.outputs)?;
        let feed = at.table("input")?.map(Feed::read).transpose()?.unwrap_or_default();
        let training =
            Training::read(at.must_table("training")?, at.must_table("optimizer")?, changes.train_len)?;
        Ok(RowSpec {
            id,
            label,
            reference: reference.map(String::from),
            place: None,
            model,
            feed,
            training,
            settings,
        })
    }
}
