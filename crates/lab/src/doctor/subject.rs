//! What is examined: one row of an experiment with its data, as a file of its own.

use crate::experiment::{self, Changes, Experiment, RowSpec};
use crate::inputs;
use crate::runner::{EVAL_BATCH, EVAL_BATCH_PICTURES};
use crate::session::{self, SessionError, UnknownRow};
use kobai_data::{Locations, Sampler, Split, registry};
use kobai_engine::{Plan, PlanOptions};
use kobai_kernels::Isa;
use std::sync::Arc;
use toml::Table;

/// Where an experiment comes from and how it is changed before it is examined.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Name of an experiment, or path of a file.
    pub experiment: String,
    /// Its row; all of them without one.
    pub row: Option<String>,
    /// Data set or folder instead of the experiment's.
    pub data: Option<String>,
    /// Where data are found.
    pub locations: Locations,
    /// Dotted keys and values.
    pub set: Vec<(String, String)>,
    /// The published variant.
    pub as_published: bool,
    /// Instruction set.
    pub isa: Isa,
}

impl Origin {
    /// An experiment as it is.
    #[must_use]
    pub fn new(experiment: impl Into<String>) -> Origin {
        Origin {
            experiment: experiment.into(),
            row: None,
            data: None,
            locations: Locations::none(),
            set: Vec::new(),
            as_published: false,
            isa: Isa::best(),
        }
    }
}

/// One row of an experiment, ready to be trained.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Name or path that it was asked for by.
    pub source: String,
    /// The row's identifier in the experiment.
    pub row: String,
    /// Whether the experiment has other rows.
    pub has_siblings: bool,
    /// Whether `--set` or another data set changed the file.
    pub changed: bool,
    /// The row as an experiment file of its own, without other rows and claims.
    pub table: Table,
    /// The same, read.
    pub experiment: Experiment,
    /// The whole data set.
    raw: Arc<Split>,
    /// What is learned from and tested on.
    pub split: Arc<Split>,
    /// The network.
    pub plan: Arc<Plan>,
    isa: Isa,
}

impl Subject {
    /// The rows that an origin names.
    ///
    /// # Errors
    /// What is wrong with the experiment or the data.
    pub fn all(origin: &Origin) -> Result<Vec<Subject>, SessionError> {
        let (set, as_published) = (origin.set.clone(), origin.as_published);
        let mut changes = Changes { set, as_published, outputs: Some(1), train_len: None };
        let first = Experiment::load(&origin.experiment, &changes)?;
        if first.rows.is_empty() {
            // Nothing is trained in it.
            let (claim, row, known) = (String::new(), String::new(), Vec::new());
            return Err(SessionError::Row(UnknownRow { claim, row, known }));
        }
        let data = origin.data.clone().unwrap_or(first.data);
        let examples = first.train_examples;
        let raw = Arc::new(registry::load(&data, &origin.locations)?);
        changes.outputs = Some(outputs(&raw));
        changes.train_len = Some(examples.unwrap_or(usize::MAX).min(raw.train.len()));
        let experiment = Experiment::load(&origin.experiment, &changes)?;
        let (row, source) = (origin.row.as_deref(), &origin.experiment);
        let changed = !origin.set.is_empty() || origin.as_published;
        let subjects = Subject::rows(&experiment, row, source, &raw, origin.isa)?;
        Ok(subjects.into_iter().map(|s| Subject { changed, ..s }).collect())
    }

    /// Rows of an experiment that was read for these data: one, or all.
    ///
    /// # Errors
    /// If there is no such row, or its network or data do not work.
    pub fn rows(
        experiment: &Experiment,
        row: Option<&str>,
        source: &str,
        raw: &Arc<Split>,
        isa: Isa,
    ) -> Result<Vec<Subject>, SessionError> {
        let known: Vec<String> = experiment.rows.iter().map(|r| r.id.clone()).collect();
        if let Some(row) = row.filter(|row| !known.iter().any(|k| k == row)) {
            return Err(SessionError::Row(UnknownRow { claim: String::new(), row: row.into(), known }));
        }
        let wanted = |r: &&RowSpec| row.is_none_or(|row| r.id == row);
        let mut split: Option<Arc<Split>> = None;
        let mut subjects = Vec::new();
        for spec in experiment.rows.iter().filter(wanted) {
            let mut table = experiment.table.clone();
            // What one network needs, and nothing of the other rows, claims and texts.
            let needed = ["schema", "id", "seeds", "data"];
            table.retain(|key, _| needed.contains(&key));
            for (key, value) in spec.settings.parse::<Table>().unwrap_or_default() {
                table.insert(key, value);
            }
            let shared = split.clone().filter(|_| !spec.feed.shuffle_pixels);
            let made = Subject::read(source, table, raw, shared, isa)?;
            if !spec.feed.shuffle_pixels {
                split = Some(Arc::clone(&made.split));
            }
            subjects.push(Subject { row: spec.id.clone(), has_siblings: known.len() > 1, ..made });
        }
        Ok(subjects)
    }

    /// The same row with another file; the data are prepared again if the file
    /// asks for other data.
    ///
    /// # Errors
    /// If the file is wrong.
    pub fn edited(&self, table: Table) -> Result<Subject, SessionError> {
        let pixels = |t: &Table| t.get("input").and_then(|i| i.get("shuffle_pixels")).cloned();
        let same = self.table.get("data") == table.get("data") && pixels(&self.table) == pixels(&table);
        let split = same.then(|| Arc::clone(&self.split));
        let made = Subject::read(&self.source, table, &self.raw, split, self.isa)?;
        let (row, has_siblings, changed) = (self.row.clone(), self.has_siblings, self.changed);
        Ok(Subject { row, has_siblings, changed, ..made })
    }

    fn read(
        source: &str,
        table: Table,
        raw: &Arc<Split>,
        split: Option<Arc<Split>>,
        isa: Isa,
    ) -> Result<Subject, SessionError> {
        let file = if experiment::is_path(source) { source.to_string() } else { format!("{source}.toml") };
        let text = toml::to_string(&table).unwrap_or_default();
        let mut changes = Changes { outputs: Some(outputs(raw)), ..Changes::default() };
        let first = Experiment::from_toml(&file, &text, &changes)?;
        let split = match split {
            Some(split) => split,
            None => {
                let split = session::prepared(&first, (**raw).clone())?;
                Arc::new(first.rows[0].feed.split(&split).unwrap_or(split))
            }
        };
        // The length of an epoch is that of the prepared data.
        changes.train_len = Some(split.train.len());
        let experiment = Experiment::from_toml(&file, &text, &changes)?;
        inputs::check(&experiment.rows[0].feed, &split)?;
        experiment.rows[0].check_targets(&experiment.id, split.train.classes())?;
        let training = &experiment.rows[0].training;
        let learned = training.examples.unwrap_or(usize::MAX).min(split.train.len());
        Sampler::new(training.sampling, learned, training.batch)?;
        let pictures = matches!(split.train.shape().dims(), [3, ..]);
        let eval_batch = if pictures { EVAL_BATCH_PICTURES } else { EVAL_BATCH };
        let options = PlanOptions { eval_batch, isa, ..PlanOptions::batch(eval_batch) };
        let plans = experiment.plans(&file, split.train.shape(), outputs(raw), options)?;
        let plan = Arc::new(plans.into_iter().next().expect("a file without rows has one"));
        Ok(Subject {
            source: source.into(),
            row: experiment.rows[0].id.clone(),
            has_siblings: false,
            changed: false,
            table,
            experiment,
            raw: Arc::clone(raw),
            split,
            plan,
            isa,
        })
    }

    /// Its settings.
    #[must_use]
    pub fn spec(&self) -> &RowSpec {
        &self.experiment.rows[0]
    }

    /// The network with changes that a file cannot say.
    pub(crate) fn replan(&self, change: impl FnOnce(&mut RowSpec)) -> Option<Subject> {
        let mut made = self.clone();
        change(&mut made.experiment.rows[0]);
        let options = self.plan.options;
        let plans = made
            .experiment
            .plans(&self.source, self.split.train.shape(), outputs(&self.raw), options)
            .ok()?;
        made.plan = Arc::new(plans.into_iter().next()?);
        Some(made)
    }

    /// Arithmetic of one training step, in floating-point operations: forward,
    /// and twice as much backward.
    #[must_use]
    pub fn step_flops(&self) -> f64 {
        6.0 * self.plan.macs() as f64 * self.spec().training.batch as f64
    }
}

/// Outputs that a network for these data needs.
pub(crate) fn outputs(split: &Split) -> usize {
    split.train.target_width().unwrap_or(split.train.classes())
}
