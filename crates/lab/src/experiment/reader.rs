//! Reading TOML with paths: every error names its key, and no key is ignored.

use super::elsewhere::meant;
use super::error::{Expected, ExperimentError, ExperimentProblem};
use crate::results::Text;
use std::cell::RefCell;
use toml::{Table, Value};

/// A table that remembers which keys were asked for.
pub(super) struct Reader<'a> {
    table: &'a Table,
    path: String,
    source: &'a Source,
    asked: RefCell<Vec<String>>,
}

/// The file that is read, for error messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub(super) file: String,
    pub(super) text: String,
}

pub(super) type Read<T> = Result<T, ExperimentError>;

impl Source {
    pub(super) fn error(&self, key: &str, problem: ExperimentProblem) -> ExperimentError {
        ExperimentError { file: self.file.clone(), line: self.line(key), problem }
    }

    /// The only line that sets this key, if there is exactly one.
    fn line(&self, key: &str) -> Option<usize> {
        let last = key.rsplit('.').next()?.split('[').next()?;
        let sets = |line: &str| {
            line.match_indices(last).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                let after = line[at + last.len()..].trim_start();
                !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-')
                    && (after.starts_with('=') || after.starts_with("\" =") || after.starts_with(']'))
            })
        };
        let mut lines = self.text.lines().enumerate().filter(|(_, line)| sets(line));
        let (first, more) = (lines.next(), lines.next());
        first.filter(|_| more.is_none() && !last.is_empty()).map(|(i, _)| i + 1)
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(table: &'a Table, path: impl Into<String>, source: &'a Source) -> Self {
        Reader { table, path: path.into(), source, asked: RefCell::default() }
    }

    pub(super) fn source(&self) -> &'a Source {
        self.source
    }

    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn fail<T>(&self, key: &str, problem: impl FnOnce(String) -> ExperimentProblem) -> Read<T> {
        let key = self.key(key);
        Err(self.source.error(&key.clone(), problem(key)))
    }

    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.asked.borrow_mut().push(key.into());
        self.table.get(key)
    }

    /// Whether a key is there, without asking for it.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    fn kind<T>(&self, key: &str, expected: Expected, got: &Value) -> Read<T> {
        self.fail(key, |key| ExperimentProblem::Kind { key, expected, got: got.to_string() })
    }

    fn required<T>(&self, key: &str, value: Option<T>) -> Read<T> {
        match value {
            Some(value) => Ok(value),
            None => self.missing(key),
        }
    }

    /// A key that must be there is not. If another key looks like a slip of it,
    /// that one is the mistake.
    pub(super) fn missing<T>(&self, key: &str) -> Read<T> {
        let asked = self.asked.borrow().clone();
        let slip = self.table.keys().find(|k| !asked.contains(k) && meant(k, [key]).is_some());
        match slip {
            Some(slip) => self.fail(slip, |path| ExperimentProblem::UnknownKey {
                key: path,
                nearest: Some(key.into()),
                known: vec![key.into()],
            }),
            None => self.fail(key, |key| ExperimentProblem::Missing { key }),
        }
    }

    pub(super) fn string(&self, key: &str) -> Read<Option<&'a str>> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(s)) => Ok(Some(s)),
            Some(other) => self.kind(key, ["a string", "文字列"], other),
        }
    }

    pub(super) fn must_string(&self, key: &str) -> Read<&'a str> {
        let value = self.string(key)?;
        self.required(key, value)
    }

    pub(super) fn float(&self, key: &str) -> Read<Option<f64>> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Float(x)) => Ok(Some(*x)),
            Some(Value::Integer(x)) => Ok(Some(*x as f64)),
            Some(other) => self.kind(key, ["a number", "数"], other),
        }
    }

    pub(super) fn float_or(&self, key: &str, default: f64) -> Read<f64> {
        Ok(self.float(key)?.unwrap_or(default))
    }

    pub(super) fn boolean_or(&self, key: &str, default: bool) -> Read<bool> {
        match self.value(key) {
            None => Ok(default),
            Some(Value::Boolean(b)) => Ok(*b),
            Some(other) => self.kind(key, ["true or false", "true または false"], other),
        }
    }

    pub(super) fn count(&self, key: &str) -> Read<Option<usize>> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Integer(x)) if *x >= 1 => Ok(Some(*x as usize)),
            Some(Value::Integer(x)) => {
                self.fail(key, |key| ExperimentProblem::Range { key, got: *x as f64, range: ">= 1" })
            }
            Some(other) => self.kind(key, ["a whole number", "整数"], other),
        }
    }

    /// A whole number that may be 0.
    pub(super) fn whole(&self, key: &str) -> Read<Option<usize>> {
        match self.value(key) {
            Some(Value::Integer(0)) => Ok(Some(0)),
            _ => self.count(key),
        }
    }

    pub(super) fn must_count(&self, key: &str) -> Read<usize> {
        let value = self.count(key)?;
        self.required(key, value)
    }

    pub(super) fn strings(&self, key: &str) -> Read<Vec<String>> {
        let Some(array) = self.array(key)? else { return Ok(Vec::new()) };
        array
            .iter()
            .map(|v| match v {
                Value::String(s) => Ok(s.clone()),
                other => self.kind(key, ["a list of strings", "文字列のリスト"], other),
            })
            .collect()
    }

    pub(super) fn floats(&self, key: &str) -> Read<Option<Vec<f64>>> {
        let Some(array) = self.array(key)? else { return Ok(None) };
        let number = |v: &Value| match v {
            Value::Float(x) => Ok(*x),
            Value::Integer(x) => Ok(*x as f64),
            other => self.kind(key, ["a list of numbers", "数のリスト"], other),
        };
        array.iter().map(number).collect::<Read<_>>().map(Some)
    }

    pub(super) fn array(&self, key: &str) -> Read<Option<&'a Vec<Value>>> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Array(array)) => Ok(Some(array)),
            Some(other) => self.kind(key, ["a list", "リスト"], other),
        }
    }

    pub(super) fn table(&self, key: &str) -> Read<Option<Reader<'a>>> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(Reader::new(table, self.key(key), self.source))),
            Some(other) => self.kind(key, ["a table", "テーブル"], other),
        }
    }

    pub(super) fn must_table(&self, key: &str) -> Read<Reader<'a>> {
        let value = self.table(key)?;
        self.required(key, value)
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables(&self, key: &str) -> Read<Vec<Reader<'a>>> {
        let Some(array) = self.array(key)? else { return Ok(Vec::new()) };
        let path = self.key(key);
        array
            .iter()
            .enumerate()
            .map(|(i, v)| match v {
                Value::Table(table) => Ok(Reader::new(table, format!("{path}[{i}]"), self.source)),
                other => self.kind(key, ["a list of tables", "テーブルのリスト"], other),
            })
            .collect()
    }

    /// A text in both languages: `key.en`, `key.ja`.
    pub(super) fn text(&self, key: &str) -> Read<Option<Text>> {
        let Some(table) = self.table(key)? else { return Ok(None) };
        let text =
            Text { en: table.must_string("en")?.trim().into(), ja: table.must_string("ja")?.trim().into() };
        table.finish()?;
        Ok(Some(text))
    }

    pub(super) fn must_text(&self, key: &str) -> Read<Text> {
        let value = self.text(key)?;
        self.required(key, value)
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&self, key: &str, got: &str, known: &[(&str, T)]) -> Read<T> {
        match known.iter().find(|(word, _)| *word == got) {
            Some((_, value)) => Ok(*value),
            None => self.fail(key, |key| ExperimentProblem::Choice {
                key,
                got: got.into(),
                nearest: meant(got, known.iter().map(|(w, _)| *w)).map(String::from),
                known: known.iter().map(|(w, _)| (*w).to_string()).collect(),
            }),
        }
    }

    /// Refuses keys that nobody asked for.
    pub(super) fn finish(self) -> Read<()> {
        self.check()
    }

    /// Refuses keys that nobody has asked for so far.
    pub(super) fn check(&self) -> Read<()> {
        let asked = self.asked.borrow();
        match self.table.keys().find(|k| !asked.contains(k)) {
            None => Ok(()),
            Some(unknown) => {
                let mut known = asked.clone();
                known.sort();
                known.dedup();
                let nearest = meant(unknown, known.iter().map(String::as_str)).map(String::from);
                self.fail(unknown, |key| ExperimentProblem::UnknownKey { key, nearest, known })
            }
        }
    }
}

/// Sets a dotted path in a table, making tables on the way.
///
/// # Errors
/// The part of the path that is no table.
pub(super) fn set(table: &mut Table, path: &str, value: Value) -> Result<(), String> {
    let (mut table, mut done) = (table, String::new());
    let parts: Vec<&str> = path.split('.').collect();
    let (last, parents) = parts.split_last().expect("split gives at least one part");
    for part in parents {
        done = if done.is_empty() { (*part).into() } else { format!("{done}.{part}") };
        match table.entry(*part).or_insert_with(|| Value::Table(Table::new())) {
            Value::Table(inner) => table = inner,
            _ => return Err(done),
        }
    }
    table.insert((*last).into(), value);
    Ok(())
}
