//! `kobai predict` and `kobai zoo check`.

use super::errors::{DATA, FAILURE, Failure, USAGE};
use super::{Terminal, print};
use clap::ArgMatches;
use kobai_engine::zoo::{self, Model, Settings};
use kobai_engine::{Explain, Explanation, Lang, say};
use kobai_kernels::Pool;
use kobai_lab::predict::{PredictError, Predictor, images, write_logits};
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn failure(error: &PredictError, lang: Lang) -> Failure {
    let code = match error {
        PredictError::Plan(_) => USAGE,
        PredictError::Write(_) => FAILURE,
        _ => DATA,
    };
    Failure::new(code, error.explain(lang))
}

pub(super) fn model(m: &ArgMatches, key: &str, lang: Lang) -> Result<(&'static Model, Settings), Failure> {
    let name = m.get_one::<String>(key).map(String::as_str).unwrap_or_default();
    let model = zoo::find(name).map_err(|e| Failure::new(USAGE, e.explain(lang)))?;
    let mut settings = model.settings();
    let number = |key, default| m.get_one::<u64>(key).map_or(default, |n| *n as usize);
    settings.classes = number("classes", settings.classes);
    settings.narrow = number("narrow", 1);
    Ok((model, settings))
}

fn pool() -> Arc<Pool> {
    Arc::new(Pool::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)))
}

fn path<'a>(m: &'a ArgMatches, key: &str) -> Option<&'a Path> {
    m.get_one::<PathBuf>(key).map(PathBuf::as_path)
}

/// `kobai zoo check NAME --weights FILE [--out FILE]`.
pub(super) fn check(m: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let lang = terminal.lang;
    let (model, settings) = model(m, "name", lang)?;
    let file = path(m, "weights").unwrap_or(Path::new(""));
    let (loaded, report) = Predictor::new(model, &settings, file, pool()).map_err(|e| failure(&e, lang))?;
    let out = path(m, "out");
    if let Some(out) = out {
        loaded.save(out).map_err(|e| failure(&e, lang))?;
    }
    if m.get_flag("json") {
        let document = json!({
            "schema": "kobai.weights/1", "model": model.name, "format": report.format.name(),
            "params": report.params, "state": report.state, "elements": report.elements, "bytes": report.bytes,
            "out": out,
        });
        return print(&format!("{document}\n"));
    }
    let mut lines = report.lines(lang);
    if let Some(out) = out.map(Path::display) {
        lines.push(say!(lang, "{out}: the same as safetensors", "{out}: 同じ内容を safetensors で保存"));
    }
    print(&(lines.join("\n") + "\n"))
}

/// `kobai predict`.
pub(super) fn run(m: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let lang = terminal.lang;
    let (model, mut settings) = model(m, "model", lang)?;
    let weights = path(m, "weights").unwrap_or(Path::new(""));
    match (path(m, "npy"), path(m, "image")) {
        (Some(array), None) => {
            let Some(out) = path(m, "out") else {
                let e =
                    Explanation::new(say!(lang, "`--npy` needs `--out`", "`--npy` には `--out` が必要です"));
                return Err(Failure::new(USAGE, e.hint("--npy x.npy --out y.npy")));
            };
            let (n, shape, values) = images(array).map_err(|e| failure(&e, lang))?;
            settings.input = shape;
            let (mut predictor, _) =
                Predictor::new(model, &settings, weights, pool()).map_err(|e| failure(&e, lang))?;
            let logits = predictor.logits(&values);
            write_logits(out, n, &logits).map_err(|e| failure(&e, lang))?;
            let (classes, out) = (logits.len() / n, out.display());
            print(&say!(
                lang,
                "{out}: logits of {n} images, {classes} classes\n",
                "{out}: 画像 {n} 枚のロジット、{classes} クラス\n"
            ))
        }
        (None, Some(picture)) => {
            let (mut predictor, _) =
                Predictor::new(model, &settings, weights, pool()).map_err(|e| failure(&e, lang))?;
            let guesses = predictor.classify(model, picture, 5).map_err(|e| failure(&e, lang))?;
            let names = labels(m, lang)?;
            if m.get_flag("json") {
                let top: Vec<_> = guesses
                    .iter()
                    .map(|g| json!({ "class": g.class, "name": names.get(g.class), "probability": g.probability }))
                    .collect();
                let document = json!({ "schema": "kobai.predict/1", "model": model.name, "top": top });
                return print(&format!("{document}\n"));
            }
            let mut text = String::new();
            for guess in guesses {
                let (percent, class) = (guess.probability * 100.0, guess.class);
                let name = names.get(class).cloned().unwrap_or_default();
                let line = say!(
                    lang,
                    "{percent:5.1} %  class {class}  {name}",
                    "{percent:5.1} %  クラス {class}  {name}"
                );
                let _ = writeln!(text, "{}", line.trim_end());
            }
            print(&text)
        }
        _ => {
            let e = Explanation::new(say!(
                lang,
                "predict takes a picture, or `--npy` with `--out`",
                "predict には画像、または `--npy` と `--out` を指定してください"
            ));
            Err(Failure::new(USAGE, e.hint("kobai predict --model resnet18 --weights FILE image.jpg")))
        }
    }
}

/// Names of the classes, one per line; none if no file was given.
fn labels(m: &ArgMatches, lang: Lang) -> Result<Vec<String>, Failure> {
    let Some(file) = path(m, "labels") else { return Ok(Vec::new()) };
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text.lines().map(String::from).collect()),
        Err(source) => Err(failure(&PredictError::Read { path: file.to_owned(), source }, lang)),
    }
}
