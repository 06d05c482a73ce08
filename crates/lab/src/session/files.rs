//! What a session says of itself: its command, its results and the files of its
//! run folder.

use super::Session;
use crate::claims::Evidence;
use crate::doctor::{self, Watched};
use crate::documents;
use crate::look;
use crate::results::{Results, Run, Text};
use crate::runner;
use crate::store::{self, Folder, StoreError};
use crate::surfaces;
use kobai_data::registry;
use kobai_engine::{Lang, say};
use serde_json::{Value, json};
use std::fmt::Write as _;

impl Session {
    /// One line about the data.
    #[must_use]
    pub fn data_line(&self) -> Text {
        let Some(split) = &self.split else {
            return Text {
                en: "no data set: functions of two params".into(),
                ja: "データは使わない（2 変数の関数）".into(),
            };
        };
        let (train, test) = (split.train.len(), split.test.len());
        let (name, shape) = (split.train.name(), split.train.shape());
        let source = registry::set(&self.data).ok().map(|set| set.attribution);
        let line = |lang: Lang| {
            let source = source.as_ref().map_or(String::new(), |s| format!("; {s}"));
            say!(
                lang,
                "{name}: {train} training and {test} test examples of {shape}{source}",
                "{name}: 学習 {train} 例、テスト {test} 例、形 {shape}{source}"
            )
        };
        Text { en: line(Lang::En), ja: line(Lang::Ja) }
    }

    /// The command that repeats this.
    fn command(&self) -> String {
        let r = &self.request;
        let mut command = format!("kobai lab run {}", r.experiment);
        if self.split.is_some() {
            let _ = write!(command, " --data {}", self.data);
        }
        let _ = write!(command, " --seeds {}", self.seeds.len());
        if r.first_seed != 0 {
            let _ = write!(command, " --seed {}", r.first_seed);
        }
        if let Some(steps) = r.steps {
            let _ = write!(command, " --steps {steps}");
        }
        if r.as_published {
            command.push_str(" --as-published");
        }
        if !r.rows.is_empty() {
            let _ = write!(command, " --rows {}", r.rows.join(","));
        }
        for (key, value) in &r.set {
            let _ = write!(command, " --set {key}={value}");
        }
        command
    }

    pub(super) fn results(&self, runs: &[(usize, Run)]) -> Results {
        let experiment = &self.experiment;
        let published = experiment.published_on.as_deref() == Some(self.data.as_str())
            || experiment.published_on.is_some()
                && self.split.as_ref().is_some_and(|s| s.train.name() == "mnist");
        let rows = runner::rows(experiment, runs, &self.seeds, published);
        let surfaces = experiment.surfaces.as_ref().map(|s| surfaces::run(s, &self.seeds, self.request.isa));
        let training = experiment.rows.first().map(|row| &row.training);
        let evidence = Evidence { rows: &rows, surfaces: surfaces.as_ref() };
        let claims = experiment.claims.iter().map(|c| c.decide(evidence)).collect();
        Results {
            id: experiment.id.clone(),
            section: experiment.section.clone(),
            title: experiment.title.clone(),
            summary: experiment.summary.clone(),
            notes: experiment.notes.clone(),
            command: self.command(),
            data: self.data.clone(),
            data_line: self.data_line(),
            steps: training.map_or(surfaces.as_ref().map_or(0, |s| s.steps as u64), |t| t.steps),
            batch: training.map_or(0, |t| t.batch),
            seeds: self.seeds.clone(),
            isa: self.request.isa.name().into(),
            version: env!("CARGO_PKG_VERSION").into(),
            claims,
            rows,
            surfaces,
        }
    }

    /// Writes what is known before the first step.
    pub(super) fn describe(&self, folder: &Folder) -> Result<(), StoreError> {
        folder.write("experiment.toml", self.experiment.resolved().as_bytes())?;
        folder.write("environment.json", &documents::pretty(&self.environment()))?;
        let mut plans = String::new();
        for (row, plan) in self.experiment.rows.iter().zip(&self.plans) {
            let _ = writeln!(plans, "[{}]\n{}", row.id, plan.table(Lang::En));
        }
        folder.write("plan.txt", plans.as_bytes())
    }

    pub(super) fn write(
        &self,
        folder: &Folder,
        results: &Results,
        watched: &[(String, u64, Box<Watched>)],
    ) -> Result<(), StoreError> {
        if !watched.is_empty() {
            let document = doctor::diagnoses(&results.id, watched);
            folder.write("diagnosis.json", &documents::pretty(&document))?;
        }
        folder.write("metrics.csv", documents::metrics(&results.rows).as_bytes())?;
        folder.write("events.jsonl", documents::events(&results.rows).as_bytes())?;
        folder.write("results.json", &documents::pretty(&documents::results(results)))?;
        let looks = match &self.split {
            Some(split) => look::of_rows(&self.experiment, split, &results.rows, folder, self.request.lang),
            None => Vec::new(),
        };
        folder.write("report.html", crate::report::html_with(results, &looks, self.request.lang).as_bytes())
    }

    fn environment(&self) -> Value {
        json!({
            "schema": "kobai.environment/1",
            "version": env!("CARGO_PKG_VERSION"),
            "numerics": store::NUMERICS,
            "isa": self.request.isa.name(),
            "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "data": self.data,
            "data_sha256": self.data_checksum,
            "seeds": self.seeds,
            "command": self.command(),
        })
    }
}
