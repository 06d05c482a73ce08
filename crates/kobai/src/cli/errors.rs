//! Errors as a person reads them, and their exit codes.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use kobai_data::DataError;
use kobai_engine::{Explain, Explanation, Lang, say};
use kobai_lab::experiment::ExperimentError;
use kobai_lab::session::SessionError;
use kobai_lab::store::StoreError;
use std::io::Write;
use std::process::ExitCode;

/// Failure of the machine: disk, output.
pub(super) const FAILURE: u8 = 1;
/// A mistake in the command or in an experiment file.
pub(super) const USAGE: u8 = 2;
/// Data missing, damaged or not to be had.
pub(super) const DATA: u8 = 3;
/// Training diverged.
pub(super) const DIVERGED: u8 = 4;
/// A claim does not hold, and that was asked to be an error.
pub(super) const CLAIM: u8 = 5;
/// Stopped by the user.
pub(super) const INTERRUPTED: u8 = 130;

/// An error on its way to the person.
pub(super) struct Failure {
    pub(super) code: u8,
    pub(super) explanation: Explanation,
}

impl Failure {
    pub(super) fn new(code: u8, explanation: Explanation) -> Self {
        Failure { code, explanation }
    }

    pub(super) fn output(error: &std::io::Error) -> Self {
        Failure::new(FAILURE, Explanation::new(format!("stdout: {error}")))
    }

    pub(super) fn experiment(error: &ExperimentError, lang: Lang) -> Self {
        Failure::new(USAGE, error.explain(lang))
    }

    pub(super) fn data(error: &DataError, lang: Lang) -> Self {
        Failure::new(data_code(error), error.explain(lang))
    }

    pub(super) fn store(error: &StoreError, lang: Lang) -> Self {
        Failure::new(FAILURE, error.explain(lang))
    }

    pub(super) fn session(error: &SessionError, lang: Lang) -> Self {
        let code = match error {
            SessionError::Data(error) => data_code(error),
            SessionError::Store(_) => FAILURE,
            SessionError::Interrupted { .. } => INTERRUPTED,
            SessionError::Experiment(_) | SessionError::Claim(_) | SessionError::Row(_) => USAGE,
        };
        Failure::new(code, error.explain(lang))
    }
}

/// A name or a number that nothing can be done with is a mistake in the
/// command or the experiment; everything else is the data's.
fn data_code(error: &DataError) -> u8 {
    match error {
        DataError::UnknownSet { .. }
        | DataError::Parameter { .. }
        | DataError::TooFew { .. }
        | DataError::Batch { .. } => USAGE,
        _ => DATA,
    }
}

/// Prints an error to stderr.
pub(super) fn print(explanation: &Explanation, lang: Lang) {
    let (error, hint) = (say!(lang, "error", "エラー"), say!(lang, "hint", "ヒント"));
    let mut text = format!("{error}: {}\n", explanation.what);
    for fact in &explanation.facts {
        text.push_str(&format!("  {fact}\n"));
    }
    if !explanation.hints.is_empty() {
        text.push('\n');
    }
    for line in &explanation.hints {
        text.push_str(&format!("{hint}: {line}\n"));
    }
    // Nothing is left to do if stderr is gone too.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// A mistake in the command line, or help that was asked for.
pub(super) fn usage(error: &clap::Error, lang: Lang) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = rendered(error, lang);
            return match super::print(&text) {
                Ok(code) => ExitCode::from(code),
                Err(failure) => ExitCode::from(failure.code),
            };
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = std::io::stderr().lock().write_all(rendered(error, lang).as_bytes());
            return ExitCode::from(USAGE);
        }
        _ => {}
    }
    print(&explain(error, lang), lang);
    ExitCode::from(USAGE)
}

/// Help as clap lays it out, with the one word of it that is not ours.
fn rendered(error: &clap::Error, lang: Lang) -> String {
    error.render().to_string().replace("[OPTIONS]", lang.pick("[OPTIONS]", "[オプション]"))
}

fn explain(error: &clap::Error, lang: Lang) -> Explanation {
    let get = |kind| error.get(kind).map(text).unwrap_or_default();
    let (argument, value) = (get(ContextKind::InvalidArg), get(ContextKind::InvalidValue));
    let e = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = get(ContextKind::InvalidSubcommand);
            Explanation::new(say!(lang, "there is no command `{word}`", "コマンド `{word}` はありません"))
        }
        ErrorKind::UnknownArgument => Explanation::new(say!(
            lang,
            "there is no option `{argument}` here",
            "ここに `{argument}` はありません"
        )),
        ErrorKind::MissingSubcommand => {
            Explanation::new(say!(lang, "a command is missing after it", "続きのコマンドが必要です"))
        }
        ErrorKind::MissingRequiredArgument => {
            Explanation::new(say!(lang, "missing: {argument}", "足りません: {argument}"))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation if value.is_empty() => {
            Explanation::new(say!(lang, "`{argument}` needs a value", "`{argument}` には値が必要です"))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => Explanation::new(say!(
            lang,
            "`{argument}` cannot be `{value}`",
            "`{argument}` に `{value}` は使えません"
        )),
        ErrorKind::ArgumentConflict => {
            Explanation::new(say!(lang, "`{argument}` is given twice", "`{argument}` が二度指定されています"))
        }
        _ => Explanation::new(error.to_string().lines().next().unwrap_or_default().replace("error: ", "")),
    };
    let e = if error.kind() == ErrorKind::ValueValidation {
        e.fact(say!(
            lang,
            "expected a whole number, at least 1 (--seed: at least 0)",
            "1 以上の整数（--seed は 0 以上）"
        ))
    } else {
        e
    };
    let e = if error.kind() == ErrorKind::MissingSubcommand {
        e.fact(say!(lang, "known: {0}", "使える値: {0}", get(ContextKind::ValidSubcommand)))
    } else {
        e
    };
    let known = get(ContextKind::ValidValue);
    let e = if known.is_empty() { e } else { e.fact(say!(lang, "known: {known}", "使える値: {known}")) };
    let suggestion =
        [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue]
            .into_iter()
            .map(get)
            .find(|s| !s.is_empty());
    match suggestion {
        Some(word) => e.hint(say!(lang, "did you mean `{word}`?", "`{word}` のことですか？")),
        None => e.hint(say!(lang, "`kobai --help` shows all commands", "`kobai --help` でコマンドの一覧")),
    }
}

fn text(value: &ContextValue) -> String {
    match value {
        ContextValue::String(s) => s.clone(),
        ContextValue::Strings(all) => all.join(", "),
        ContextValue::StyledStr(s) => s.to_string(),
        other => other.to_string(),
    }
}
