//! Experiments: TOML files, embedded or from disk.
//!
//! A file has the settings that all rows share (`[data]`, `[model]`, `[input]`,
//! `[training]`, `[optimizer]`), the rows, each with the dotted keys that it
//! sets differently, axes whose product are further rows, and the claims that the rows decide. Only `schema`, `id`,
//! the data set, the layers and the optimiser must be there: a file without rows
//! is one network, the row `main`. Unknown keys are errors with the nearest known
//! key as hint.

mod axes;
mod blocks;
mod claim;
mod elsewhere;
mod error;
mod feed;
mod model;
mod prepare;
mod reader;
mod row;
mod set;
mod surfaces;
mod sweep;
mod training;

use crate::claims::ClaimSpec;
use crate::results::Text;
use crate::surfaces::SurfaceSpec;
use kobai_engine::text::nearest;
use kobai_engine::{Plan, PlanOptions, Shape};
use reader::{Read, Reader, Source};
use row::{SHARED, assign};
use std::path::Path;
use toml::{Table, Value};

pub use blocks::{Block, Body};
pub use claim::{published, statements};
pub use error::{Expected, ExperimentError, ExperimentProblem};
pub use feed::Feed;
pub(crate) use model::ACTIVATIONS;
pub use model::Model;
pub use prepare::Prepare;
pub use row::RowSpec;
pub use sweep::{Draws, Halving, SweepSpec, SweptKey, Values};
pub use training::{EvaluateWhen, TrainAccuracy, Training};

/// The experiments in the binary: identifier and file.
const EMBEDDED: &[(&str, &str)] = &[
    ("network", include_str!("../../experiments/network.toml")),
    ("vanishing-gradient", include_str!("../../experiments/vanishing-gradient.toml")),
    ("initial-weights", include_str!("../../experiments/initial-weights.toml")),
    ("batch-normalization", include_str!("../../experiments/batch-normalization.toml")),
    ("optimizers", include_str!("../../experiments/optimizers.toml")),
    ("optimizer-variations", include_str!("../../experiments/optimizer-variations.toml")),
    ("learning-rates", include_str!("../../experiments/learning-rates.toml")),
    ("surfaces", include_str!("../../experiments/surfaces.toml")),
    ("overfitting", include_str!("../../experiments/overfitting.toml")),
    ("regularization-failures", include_str!("../../experiments/regularization-failures.toml")),
    ("capacity", include_str!("../../experiments/capacity.toml")),
    ("convnet", include_str!("../../experiments/convnet.toml")),
    ("famous-cnns", include_str!("../../experiments/famous-cnns.toml")),
    ("quirks", include_str!("../../experiments/quirks.toml")),
];

/// Keys at the top of a file.
const KEYS: [&str; 16] = [
    "schema",
    "id",
    "title",
    "summary",
    "section",
    "seeds",
    "data",
    "input",
    "model",
    "training",
    "optimizer",
    "rows",
    "axes",
    "claims",
    "surfaces",
    "as_published",
];

/// The data set of an experiment that needs none.
pub const NO_DATA: &str = "none";

/// An experiment as its file describes it.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Identifier, such as `vanishing-gradient`.
    pub id: String,
    /// Title.
    pub title: Text,
    /// What it shows.
    pub summary: Text,
    /// Section of the course.
    pub section: Text,
    /// Seeds by default.
    pub seeds: u32,
    /// Data set by default.
    pub data: String,
    /// At most so many training examples, the first.
    pub train_examples: Option<usize>,
    /// At most so many test examples, the first.
    pub test_examples: Option<usize>,
    /// What is done to the data first.
    pub prepare: Prepare,
    /// Data set that published accuracies belong to.
    pub published_on: Option<String>,
    /// Its rows; none if it runs on surfaces alone.
    pub rows: Vec<RowSpec>,
    /// Optimisers on surfaces of two params.
    pub surfaces: Option<SurfaceSpec>,
    /// Its claims.
    pub claims: Vec<ClaimSpec>,
    /// Rows whose filters and Grad-CAM maps the report shows.
    pub look: Vec<String>,
    /// Remarks that follow from the options.
    pub notes: Vec<Text>,
    /// What `--as-published` changes, if there is such a variant.
    pub as_published: Option<Text>,
    /// The resolved file.
    pub table: Table,
}

/// What changes an experiment before it is read.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Dotted keys and values, in order: `training.steps=500` for all rows,
    /// `l2.optimizer.lr=0.1` for the row `l2`, `l2.lambda=0.5` for its penalty.
    pub set: Vec<(String, String)>,
    /// Whether the published variant runs, quirks included.
    pub as_published: bool,
    /// Outputs of the network, from the data set.
    pub outputs: Option<usize>,
    /// Training examples, from the data set: the length of an epoch.
    pub train_len: Option<usize>,
}

impl Experiment {
    /// Identifiers of the embedded experiments.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(name, _)| *name)
    }

    /// An embedded experiment, or a file if the name looks like a path.
    ///
    /// # Errors
    /// Unknown name, unreadable file, or any mistake in it.
    pub fn load(name: &str, changes: &Changes) -> Read<Experiment> {
        let source = if is_path(name) {
            let text = std::fs::read_to_string(Path::new(name)).map_err(|e| ExperimentError {
                file: name.into(),
                line: None,
                problem: ExperimentProblem::Unreadable { reason: e.to_string() },
            })?;
            Source { file: name.into(), text }
        } else {
            match EMBEDDED.iter().find(|(id, _)| *id == name) {
                Some((_, text)) => Source { file: format!("{name}.toml"), text: (*text).into() },
                None => {
                    return Err(ExperimentError {
                        file: name.into(),
                        line: None,
                        problem: ExperimentProblem::Unknown {
                            name: name.into(),
                            nearest: nearest(name, Experiment::names()).map(String::from),
                            known: Experiment::names().map(String::from).collect(),
                        },
                    });
                }
            }
        };
        Experiment::parse(&source, changes)
    }

    /// An experiment from the text of a file.
    ///
    /// # Errors
    /// Any mistake in it.
    pub fn from_toml(file: &str, text: &str, changes: &Changes) -> Read<Experiment> {
        Experiment::parse(&Source { file: file.into(), text: text.into() }, changes)
    }

    fn parse(source: &Source, changes: &Changes) -> Read<Experiment> {
        let mut table: Table = source.text.parse().map_err(|e: toml::de::Error| ExperimentError {
            file: source.file.clone(),
            line: e.span().map(|s| source.text[..s.start.min(source.text.len())].matches('\n').count() + 1),
            problem: ExperimentProblem::Syntax { message: e.message().to_string() },
        })?;
        let mut notes = Vec::new();
        let as_published = published_variant(&mut table, source, changes.as_published, &mut notes)?;
        for (key, value) in &changes.set {
            set::apply(&mut table, key, value, source)?;
        }
        let file = Reader::new(&table, "", source);
        let schema = file.must_string("schema")?;
        file.choice("schema", schema, &[("kobai.experiment/1", ())])?;
        let id = file.must_string("id")?.to_string();
        let surfaces = surfaces::read(&file)?;
        let data = match file.table("data")? {
            None if surfaces.is_some() && table.get("rows").is_none() => None,
            data => Some(data.map_or_else(|| file.missing("data"), Ok)?),
        };
        let count = |key| data.as_ref().map_or(Ok(None), |d| d.count(key));
        let learns = data.is_some();
        let mut experiment = Experiment {
            title: file.text("title")?.unwrap_or_else(|| Text::plain(&id)),
            id,
            summary: file.text("summary")?.unwrap_or_default(),
            section: file.text("section")?.unwrap_or_default(),
            seeds: file.count("seeds")?.unwrap_or(8) as u32,
            data: data.as_ref().map_or(Ok(NO_DATA), |d| d.must_string("set"))?.into(),
            train_examples: count("train_examples")?,
            test_examples: count("test_examples")?,
            prepare: Prepare::read(data.as_ref().map_or(Ok(None), |d| d.table("prepare"))?)?,
            published_on: data.as_ref().map_or(Ok(None), |d| d.string("published_on"))?.map(String::from),
            rows: Vec::new(),
            surfaces,
            claims: claim::claims(&file)?,
            look: file.strings("look")?,
            notes,
            as_published,
            table: table.clone(),
        };
        if let Some(data) = data {
            data.finish()?;
        }
        for key in SHARED.into_iter().chain(["rows", "axes"]) {
            file.value(key);
        }
        // A slip in the name of a table would look like a missing table in every row.
        file.check()?;
        for row in file.tables("rows")? {
            experiment.rows.push(RowSpec::read(row, &table, source, changes)?);
        }
        for (row, place) in axes::read(&file)? {
            let read = RowSpec::read(Reader::new(&row, "axes", source), &table, source, changes)?;
            experiment.rows.push(RowSpec { place: Some(place), ..read });
        }
        if experiment.rows.is_empty() && learns {
            // One network needs no list of rows.
            let only = Table::from_iter([("id".to_string(), Value::String("main".into()))]);
            experiment.rows.push(RowSpec::read(Reader::new(&only, "rows", source), &table, source, changes)?);
        }
        if let Some(wrong) = experiment.look.iter().find(|l| experiment.rows.iter().all(|r| r.id != **l)) {
            let known: Vec<(&str, ())> = experiment.rows.iter().map(|r| (r.id.as_str(), ())).collect();
            file.choice("look", wrong, &known)?;
        }
        file.finish()?;
        Ok(experiment)
    }

    /// What claims may refer to: rows, and the groups of its axes.
    #[must_use]
    pub fn operands(&self) -> Vec<String> {
        let groups = self.rows.iter().filter_map(|r| Some(r.place.as_ref()?.group.clone()));
        let mut names: Vec<String> = self.rows.iter().map(|r| r.id.clone()).collect();
        for group in groups {
            if !names.contains(&group) {
                names.push(group);
            }
        }
        names
    }

    /// The resolved file.
    #[must_use]
    pub fn resolved(&self) -> String {
        toml::to_string(&self.table).unwrap_or_default()
    }

    /// Plans every row for inputs of a shape.
    ///
    /// # Errors
    /// The mistakes of the first row that cannot be planned.
    pub fn plans(&self, file: &str, input: Shape, outputs: usize, options: PlanOptions) -> Read<Vec<Plan>> {
        let plan = |row: &RowSpec| {
            let batch = row.training.batch;
            // The batch of a step is also evaluated.
            let eval_batch = options.eval_batch.max(batch);
            let options = PlanOptions { batch, eval_batch, outputs: Some(outputs), ..options };
            Plan::new(&row.model.graph(input), &options).map_err(|errors| ExperimentError {
                file: file.into(),
                line: None,
                problem: ExperimentProblem::Network { row: row.id.clone(), errors },
            })
        };
        self.rows.iter().map(plan).collect()
    }
}

/// Whether an experiment is named by the path of its file.
#[must_use]
pub fn is_path(name: &str) -> bool {
    name.ends_with(".toml") || name.contains(['/', '\\'])
}

/// Applies `[as_published]` if asked for, and returns its description.
fn published_variant(
    table: &mut Table,
    source: &Source,
    wanted: bool,
    notes: &mut Vec<Text>,
) -> Read<Option<Text>> {
    let Some(variant) = table.remove("as_published") else { return Ok(None) };
    let Value::Table(variant) = variant else { return Ok(None) };
    let at = Reader::new(&variant, "as_published", source);
    let note = at.must_text("note")?;
    let set = at.value("set").and_then(Value::as_table).cloned().unwrap_or_default();
    at.finish()?;
    if wanted {
        for (key, value) in set {
            if assign(table, &key, value).is_err() {
                return Err(source.error(
                    &key.clone(),
                    ExperimentProblem::UnknownKey { key, nearest: None, known: Vec::new() },
                ));
            }
        }
        notes.push(note.clone());
    }
    Ok(Some(note))
}
