//! What can be wrong with a weight file.

use super::Mismatch;
use crate::store::StoreError;
use kobai_engine::{Explain, Explanation, Lang, say};
use std::fmt;
use std::path::PathBuf;

/// What is wrong with the bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileProblem {
    /// None of the known forms.
    Unknown,
    /// It ends too early.
    Truncated,
    /// The pickle asks for a class or function that is not data.
    Global {
        /// Its full name.
        name: String,
    },
    /// An opcode that a state dict does not need.
    Opcode {
        /// The opcode.
        code: u8,
        /// Its place.
        at: usize,
    },
    /// The pickle makes no sense.
    Pickle {
        /// What was met.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// The ZIP archive is damaged or not PyTorch's.
    Zip {
        /// Why.
        reason: String,
    },
    /// The safetensors header is damaged.
    Safetensors {
        /// Why.
        reason: String,
    },
    /// A type of element that is not read.
    Dtype {
        /// The tensor.
        tensor: String,
        /// Its type.
        dtype: String,
    },
    /// A tensor reaches outside its values.
    Outside {
        /// The tensor.
        tensor: String,
    },
    /// The values of a storage are not there.
    Storage {
        /// Its key.
        key: String,
    },
    /// There is no state dict in it.
    NoTensors,
}

impl FileProblem {
    fn text(&self, lang: Lang) -> String {
        match self {
            FileProblem::Unknown => say!(
                lang,
                "it is neither safetensors nor written by torch.save",
                "safetensors でも torch.save のファイルでもありません"
            ),
            FileProblem::Truncated => say!(lang, "it ends too early", "途中で終わっています"),
            FileProblem::Global { name } => say!(
                lang,
                "its pickle asks for `{name}`, which is not data; nothing was run",
                "pickle がデータではない `{name}` を求めています（何も実行していません）"
            ),
            FileProblem::Opcode { code, at } => say!(
                lang,
                "its pickle has the opcode 0x{code:02x} at byte {at}, which a state dict does not need",
                "pickle の {at} バイト目に、state dict に不要な命令 0x{code:02x} があります"
            ),
            FileProblem::Pickle { what, at } => {
                say!(
                    lang,
                    "its pickle is damaged at byte {at}: {what}",
                    "pickle の {at} バイト目が壊れています: {what}"
                )
            }
            FileProblem::Zip { reason } => {
                say!(lang, "its archive cannot be read: {reason}", "アーカイブを読めません: {reason}")
            }
            FileProblem::Safetensors { reason } => {
                say!(lang, "its header cannot be read: {reason}", "ヘッダーを読めません: {reason}")
            }
            FileProblem::Dtype { tensor, dtype } => say!(
                lang,
                "`{tensor}` has elements of type {dtype}",
                "`{tensor}` の要素の型 {dtype} には対応していません"
            ),
            FileProblem::Outside { tensor } => {
                say!(
                    lang,
                    "`{tensor}` reaches outside its values",
                    "`{tensor}` が値の範囲からはみ出しています"
                )
            }
            FileProblem::Storage { key } => {
                say!(lang, "the values of storage `{key}` are missing", "ストレージ `{key}` の値がありません")
            }
            FileProblem::NoTensors => {
                say!(lang, "it holds no state dict", "state dict が入っていません")
            }
        }
    }

    fn hint(&self, lang: Lang) -> String {
        match self {
            FileProblem::Truncated
            | FileProblem::Zip { .. }
            | FileProblem::Safetensors { .. }
            | FileProblem::Outside { .. }
            | FileProblem::Storage { .. } => {
                say!(lang, "fetch or save the file again", "ファイルをもう一度取得するか保存し直してください")
            }
            _ => say!(
                lang,
                "in PyTorch, save the tensors alone: `safetensors.torch.save_file(model.state_dict(), \"model.safetensors\")`",
                "PyTorch でテンソルだけを保存してください: `safetensors.torch.save_file(model.state_dict(), \"model.safetensors\")`"
            ),
        }
    }
}

/// A weight file that cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum WeightsError {
    /// It cannot be read.
    Read {
        /// Where.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Its contents cannot be read.
    File {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        problem: FileProblem,
    },
    /// Its tensors are not those of the network.
    Mismatch(Mismatch),
    /// A file cannot be written.
    Write(StoreError),
}

impl From<Mismatch> for WeightsError {
    fn from(mismatch: Mismatch) -> Self {
        WeightsError::Mismatch(mismatch)
    }
}

impl From<StoreError> for WeightsError {
    fn from(error: StoreError) -> Self {
        WeightsError::Write(error)
    }
}

impl Explain for FileProblem {
    fn explain(&self, lang: Lang) -> Explanation {
        Explanation::new(say!(lang, "the weight file cannot be used", "重みファイルを使えません"))
            .fact(self.text(lang))
            .hint(self.hint(lang))
    }
}

impl Explain for WeightsError {
    fn explain(&self, lang: Lang) -> Explanation {
        match self {
            WeightsError::Read { path, source } => {
                let path = path.display();
                Explanation::new(say!(lang, "cannot read {path}", "{path} を読めません"))
                    .fact(say!(lang, "the system says: {source}", "システムの説明: {source}"))
                    .hint(say!(lang, "check the path", "パスを確かめてください"))
            }
            WeightsError::File { path, problem } => {
                let path = path.display();
                Explanation::new(say!(
                    lang,
                    "{path} cannot be used as a weight file",
                    "{path} を重みファイルとして使えません"
                ))
                .fact(problem.text(lang))
                .hint(problem.hint(lang))
            }
            WeightsError::Mismatch(mismatch) => mismatch.explain(lang),
            WeightsError::Write(error) => error.explain(lang),
        }
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Lang::En))
    }
}

impl std::error::Error for FileProblem {}

impl fmt::Display for WeightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.explain(Lang::En))
    }
}

impl std::error::Error for WeightsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WeightsError::Read { source, .. } => Some(source),
            WeightsError::File { problem, .. } => Some(problem),
            WeightsError::Mismatch(mismatch) => Some(mismatch),
            WeightsError::Write(error) => Some(error),
        }
    }
}
