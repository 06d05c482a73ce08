//! Files of `kobai sweep`: an experiment, the keys that vary, and what is compared.

use super::error::{ExperimentError, ExperimentProblem};
use super::reader::{Read, Reader, Source};
use kobai_engine::{Rng, Stream};
use toml::{Table, Value};

/// A sweep as its file describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepSpec {
    /// Identifier; names the run folder.
    pub id: String,
    /// Name or path of the experiment.
    pub experiment: String,
    /// The rows that take part; all if empty.
    pub rows: Vec<String>,
    /// The measure that is compared.
    pub measure: String,
    /// Whether more of it is better.
    pub more_is_better: bool,
    /// Seeds, if not the experiment's.
    pub seeds: Option<u32>,
    /// Data set, if not the experiment's.
    pub data: Option<String>,
    /// Steps of a full run, if not the experiment's.
    pub steps: Option<u64>,
    /// The keys that vary.
    pub keys: Vec<SweptKey>,
    /// Draws at random; None for every combination.
    pub random: Option<Draws>,
    /// Successive halving, if asked for.
    pub halving: Option<Halving>,
}

/// A key and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct SweptKey {
    /// As after `--set`.
    pub key: String,
    /// What it takes.
    pub values: Values,
}

/// What a key takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// One of these, as they stand in a file.
    List(Vec<Value>),
    /// Numbers between two ends.
    Range {
        /// Lowest.
        from: f64,
        /// Highest.
        to: f64,
        /// Equal ratios instead of equal differences.
        log: bool,
        /// Whole numbers only.
        whole: bool,
        /// Values of a grid.
        count: usize,
    },
}

/// Random draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    /// How many.
    pub count: usize,
    /// Their seed.
    pub seed: u64,
}

/// Successive halving (Jamieson & Talwalkar 2016): short runs of all, longer
/// runs of the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halving {
    /// One of so many goes on to the next round, with so many times the steps.
    pub keep_one_of: usize,
    /// Steps of the first round.
    pub first_steps: u64,
}

impl Values {
    /// Whether it is spread over ratios.
    #[must_use]
    pub fn is_log(&self) -> bool {
        matches!(self, Values::Range { log: true, .. })
    }

    fn number(from: f64, to: f64, (log, whole): (bool, bool), share: f64) -> Value {
        let x = if log {
            libm::exp(libm::log(from) + share * (libm::log(to) - libm::log(from)))
        } else {
            from + share * (to - from)
        };
        // Six digits: what a person would write, and what the cache compares.
        let x = if x == 0.0 { 0.0 } else { format!("{x:.5e}").parse().unwrap_or(x) };
        #[allow(clippy::cast_possible_truncation)] // between the ends
        if whole { Value::Integer(x.round() as i64) } else { Value::Float(x) }
    }

    fn all(&self) -> Vec<Value> {
        match self {
            Values::List(list) => list.clone(),
            Values::Range { from, to, log, whole, count } => {
                let last = (count - 1).max(1) as f64;
                let mut all: Vec<Value> = (0..*count)
                    .map(|i| Values::number(*from, *to, (*log, *whole), i as f64 / last))
                    .collect();
                all.dedup();
                all
            }
        }
    }

    fn drawn(&self, share: f64) -> Value {
        match self {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within the list
            Values::List(list) => list[((share * list.len() as f64) as usize).min(list.len() - 1)].clone(),
            Values::Range { from, to, log, whole, .. } => Values::number(*from, *to, (*log, *whole), share),
        }
    }
}

impl SweepSpec {
    /// Every combination that is tried: values in the order of the keys.
    #[must_use]
    pub fn points(&self) -> Vec<Vec<Value>> {
        if let Some(draws) = self.random {
            let draw = Rng::new(draws.seed).draw(Stream::Split, 0, 0);
            let n = self.keys.len() as u64;
            let point = |i: u64| {
                let share = |k: usize| draw.uniform(i * n + k as u64);
                self.keys.iter().enumerate().map(|(k, key)| key.values.drawn(share(k))).collect()
            };
            return (0..draws.count as u64).map(point).collect();
        }
        let mut points = vec![Vec::new()];
        for key in &self.keys {
            let values = key.values.all();
            points = points
                .iter()
                .flat_map(|p| values.iter().map(|v| p.iter().chain([v]).cloned().collect()))
                .collect();
        }
        points
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Any mistake in it.
    pub fn load(path: &str) -> Read<SweepSpec> {
        let text = std::fs::read_to_string(path).map_err(|e| ExperimentError {
            file: path.into(),
            line: None,
            problem: ExperimentProblem::Unreadable { reason: e.to_string() },
        })?;
        SweepSpec::from_toml(path, &text)
    }

    /// A sweep from the text of a file.
    ///
    /// # Errors
    /// Any mistake in it.
    pub fn from_toml(file: &str, text: &str) -> Read<SweepSpec> {
        let source = Source { file: file.into(), text: text.into() };
        let table: Table = text.parse().map_err(|e: toml::de::Error| ExperimentError {
            file: file.into(),
            line: e.span().map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1),
            problem: ExperimentProblem::Syntax { message: e.message().to_string() },
        })?;
        let at = Reader::new(&table, "", &source);
        let schema = at.must_string("schema")?;
        at.choice("schema", schema, &[("kobai.sweep/1", ())])?;
        let goal = at.string("goal")?.unwrap_or("max");
        let (grid, random) = (at.table("grid")?, at.table("random")?);
        let mut spec = SweepSpec {
            id: at.must_string("id")?.into(),
            experiment: at.must_string("experiment")?.into(),
            rows: at.strings("rows")?,
            measure: at.string("measure")?.unwrap_or("test").into(),
            more_is_better: at.choice("goal", goal, &[("max", true), ("min", false)])?,
            seeds: at.count("seeds")?.map(|n| n as u32),
            data: at.string("data")?.map(String::from),
            steps: at.count("steps")?.map(|n| n as u64),
            keys: Vec::new(),
            random: None,
            halving: None,
        };
        let keys = match (&grid, &random) {
            (Some(grid), None) => grid,
            (None, Some(random)) => {
                let seed = random.whole("seed")?.unwrap_or(0) as u64;
                spec.random = Some(Draws { count: random.must_count("draws")?, seed });
                random
            }
            (None, None) => return at.missing("grid"),
            _ => return at.fail("grid", |_| ExperimentProblem::Missing { key: "[grid] | [random]".into() }),
        };
        let name = if grid.is_some() { "grid" } else { "random" };
        let words = ["draws", "seed"];
        let own = table.get(name).and_then(Value::as_table).into_iter().flatten();
        for (key, value) in own.filter(|(key, _)| spec.random.is_none() || !words.contains(&key.as_str())) {
            spec.keys.push(SweptKey { key: key.clone(), values: values(keys, key, value, &source)? });
        }
        if spec.keys.is_empty() {
            return keys.fail("…", |key| ExperimentProblem::Missing { key });
        }
        if let Some(halving) = at.table("halving")? {
            let keep_one_of = halving.count("keep_one_of")?.unwrap_or(3);
            if keep_one_of < 2 {
                return halving.fail("keep_one_of", |key| ExperimentProblem::Range {
                    key,
                    got: keep_one_of as f64,
                    range: ">= 2",
                });
            }
            let first_steps = halving.must_count("first_steps")? as u64;
            spec.halving = Some(Halving { keep_one_of, first_steps });
            halving.finish()?;
        }
        at.finish()?;
        Ok(spec)
    }
}

fn values(at: &Reader<'_>, key: &str, value: &Value, source: &Source) -> Read<Values> {
    let expected =
        ["a list of values, or { from, to, count, scale }", "値のリスト、または { from, to, count, scale }"];
    match value {
        Value::Array(list) if !list.is_empty() => Ok(Values::List(list.clone())),
        Value::Table(range) => {
            let range = Reader::new(range, at.key(key), source);
            let end = |name: &str| match range.float(name)? {
                Some(x) => Ok(x),
                None => range.missing(name),
            };
            let (from, to) = (end("from")?, end("to")?);
            let scale = range.string("scale")?.unwrap_or("linear");
            let log = range.choice("scale", scale, &[("linear", false), ("log", true)])?;
            let count = range.count("count")?.unwrap_or(5);
            let whole = range.boolean_or("whole", false)?;
            let sound = from.is_finite() && to.is_finite() && from <= to && (!log || from > 0.0);
            if !sound {
                let least = if log { "0 < from <= to" } else { "from <= to" };
                return range.fail("from", |key| ExperimentProblem::Range { key, got: from, range: least });
            }
            range.finish()?;
            Ok(Values::Range { from, to, log, whole, count })
        }
        other => at.fail(key, |key| ExperimentProblem::Kind { key, expected, got: other.to_string() }),
    }
}
