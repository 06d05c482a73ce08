//! What can be wrong with an experiment file.

use kobai_engine::{Explain, Explanation, Lang, PlanErrors, say};
use std::fmt;

/// A mistake in an experiment file, with the place where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct ExperimentError {
    /// File, or name of the embedded experiment.
    pub file: String,
    /// Line in the file, where it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: ExperimentProblem,
}

/// A description in English and Japanese.
pub type Expected = [&'static str; 2];

/// What is wrong with an experiment file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ExperimentProblem {
    /// There is no experiment of this name.
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The nearest name that exists.
        nearest: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// The file cannot be read.
    Unreadable {
        /// The system's reason.
        reason: String,
    },
    /// The file is not TOML.
    Syntax {
        /// The parser's message.
        message: String,
    },
    /// A key that means nothing.
    UnknownKey {
        /// Dotted path of the key.
        key: String,
        /// The nearest key that exists there.
        nearest: Option<String>,
        /// Keys that exist there.
        known: Vec<String>,
    },
    /// A key that must be there.
    Missing {
        /// Dotted path of the key.
        key: String,
    },
    /// A value of another kind.
    Kind {
        /// Dotted path of the key.
        key: String,
        /// What is expected.
        expected: Expected,
        /// The value.
        got: String,
    },
    /// A word that is none of the known ones.
    Choice {
        /// Dotted path of the key.
        key: String,
        /// The word.
        got: String,
        /// The nearest known word.
        nearest: Option<String>,
        /// Known words.
        known: Vec<String>,
    },
    /// A number outside its range.
    Range {
        /// Dotted path of the key.
        key: String,
        /// The number.
        got: f64,
        /// The range.
        range: &'static str,
    },
    /// The loss of a row cannot take the targets of the data.
    Loss {
        /// The row.
        row: String,
        /// The loss.
        loss: &'static str,
    },
    /// The network of a row cannot be planned.
    Network {
        /// The row.
        row: String,
        /// Its mistakes.
        errors: PlanErrors,
    },
}

fn list(words: &[String]) -> String {
    words.join(", ")
}

impl Explain for ExperimentError {
    fn explain(&self, lang: Lang) -> Explanation {
        let file = &self.file;
        let at = match self.line {
            Some(line) => say!(lang, "{file}, line {line}", "{file} {line} 行目"),
            None => file.clone(),
        };
        match &self.problem {
            ExperimentProblem::Unknown { name, nearest, known } => {
                let known = list(known);
                let e = Explanation::new(say!(
                    lang,
                    "there is no experiment `{name}`",
                    "実験 `{name}` はありません"
                ))
                .fact(say!(lang, "known: {known}", "ある実験: {known}"));
                match nearest {
                    Some(n) => e.hint(say!(lang, "did you mean `{n}`?", "`{n}` のことですか？")),
                    None => e.hint(say!(
                        lang,
                        "`kobai lab list` shows them all; a file is named by its path, such as ./my.toml",
                        "一覧は `kobai lab list`。ファイルは ./my.toml のようにパスで指定します"
                    )),
                }
            }
            ExperimentProblem::Unreadable { reason } => {
                Explanation::new(say!(lang, "cannot read {file}", "{file} を読めません")).fact(reason.clone())
            }
            ExperimentProblem::Syntax { message } => {
                let mut e =
                    Explanation::new(say!(lang, "{at}: this is not TOML", "{at}: TOML として読めません"));
                for line in message.lines().map(str::trim_end).filter(|l| !l.is_empty()) {
                    e = e.fact(line);
                }
                e
            }
            ExperimentProblem::UnknownKey { key, nearest, known } => {
                let known = list(known);
                let e = Explanation::new(say!(
                    lang,
                    "{at}: unknown key `{key}`",
                    "{at}: キー `{key}` はありません"
                ))
                .fact(say!(lang, "known here: {known}", "ここで使えるキー: {known}"));
                match nearest {
                    Some(n) => e.hint(say!(lang, "did you mean `{n}`?", "`{n}` のことですか？")),
                    None => e,
                }
            }
            ExperimentProblem::Missing { key } => Explanation::new(say!(
                lang,
                "{at}: the key `{key}` is missing",
                "{at}: キー `{key}` が必要です"
            )),
            ExperimentProblem::Kind { key, expected, got } => Explanation::new(say!(
                lang,
                "{at}: `{key}` is of another kind",
                "{at}: `{key}` の値の種類が違います"
            ))
            .fact({
                let expected = lang.pick(expected[0], expected[1]);
                say!(lang, "expected {expected}, got {got}", "期待: {expected}、実際: {got}")
            }),
            ExperimentProblem::Choice { key, got, nearest, known } => {
                let known = list(known);
                let e = Explanation::new(say!(
                    lang,
                    "{at}: `{key}` cannot be \"{got}\"",
                    "{at}: `{key}` に \"{got}\" は使えません"
                ))
                .fact(say!(lang, "known: {known}", "使える値: {known}"));
                match nearest {
                    Some(n) => e.hint(say!(lang, "did you mean \"{n}\"?", "\"{n}\" のことですか？")),
                    None => e,
                }
            }
            ExperimentProblem::Range { key, got, range } => Explanation::new(say!(
                lang,
                "{at}: `{key}` is outside its range",
                "{at}: `{key}` の値が範囲外です"
            ))
            .fact(say!(lang, "expected {range}, got {got}", "範囲: {range}、実際: {got}")),
            ExperimentProblem::Loss { row, loss } => Explanation::new(say!(
                lang,
                "{at}, row `{row}`: the loss `{loss}` needs classes, and the data have values",
                "{at}、行 `{row}`: 損失 `{loss}` にはクラスが必要ですが、データの目標値は数です"
            ))
            .hint(say!(
                lang,
                "`loss = \"mean-squared-error\"` takes values",
                "値には `loss = \"mean-squared-error\"` が使えます"
            )),
            ExperimentProblem::Network { row, errors } => {
                let inner = errors.explain(lang);
                let mut e = Explanation::new(say!(
                    lang,
                    "{at}, row `{row}`: {0}",
                    "{at}、行 `{row}`: {0}",
                    inner.what
                ));
                e.facts = inner.facts;
                e.hints = inner.hints;
                e
            }
        }
    }
}

impl fmt::Display for ExperimentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.explain(Lang::En))
    }
}

impl std::error::Error for ExperimentError {}
