//! Why there are no results.

use crate::experiment::ExperimentError;
use crate::store::StoreError;
use kobai_data::DataError;
use kobai_engine::{Explain, Explanation, Lang, say};
use std::path::PathBuf;
use thiserror::Error;

/// Why there are no results.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The experiment is wrong.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// The data are missing or wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The run folder cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A claim refers to a row that does not exist.
    #[error("{0}")]
    Claim(UnknownRow),
    /// There is no such row.
    #[error("{0}")]
    Row(UnknownRow),
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted {
        /// Runs that are kept.
        finished: usize,
        /// Runs that were asked for.
        total: usize,
        /// The run folder.
        folder: PathBuf,
    },
}

/// A row that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRow {
    /// The claim that is about it; empty if it was asked for.
    pub claim: String,
    /// The row.
    pub row: String,
    /// Rows that exist.
    pub known: Vec<String>,
}

impl std::fmt::Display for UnknownRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let error = SessionError::Row(self.clone());
        let error = if self.claim.is_empty() { error } else { SessionError::Claim(self.clone()) };
        write!(f, "{}", error.explain(Lang::En))
    }
}

impl Explain for SessionError {
    fn explain(&self, lang: Lang) -> Explanation {
        match self {
            SessionError::Experiment(e) => e.explain(lang),
            SessionError::Data(e) => e.explain(lang),
            SessionError::Store(e) => e.explain(lang),
            SessionError::Claim(UnknownRow { claim, row, known }) => {
                let known = known.join(", ");
                Explanation::new(say!(
                    lang,
                    "the claim `{claim}` is about a row `{row}` that does not exist",
                    "主張 `{claim}` の行 `{row}` はありません"
                ))
                .fact(say!(lang, "rows: {known}", "ある行: {known}"))
            }
            SessionError::Row(UnknownRow { row, known, .. }) => {
                let list = known.join(", ");
                let e = Explanation::new(say!(lang, "there is no row `{row}`", "行 `{row}` はありません"))
                    .fact(say!(lang, "rows: {list}", "ある行: {list}"));
                match kobai_engine::text::nearest(row, known.iter().map(String::as_str)) {
                    Some(near) => e.hint(say!(lang, "did you mean `{near}`?", "`{near}` のことですか？")),
                    None => e,
                }
            }
            SessionError::Interrupted { finished, total, folder } => {
                let folder = folder.display();
                Explanation::new(say!(
                    lang,
                    "interrupted: {finished} of {total} runs are kept in {folder}",
                    "中断しました。{total} 回中 {finished} 回の実行が {folder} に残っています"
                ))
                .hint(say!(
                    lang,
                    "the same command continues where it stopped",
                    "同じコマンドで続きから再開します"
                ))
            }
        }
    }
}
