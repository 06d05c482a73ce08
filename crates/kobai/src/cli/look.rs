//! `kobai explain filters`, `activations`, `gradcam`: pictures of a trained network.

use super::errors::{DATA, FAILURE, Failure, USAGE};
use super::{Terminal, print};
use clap::ArgMatches;
use kobai_data::Locations;
use kobai_engine::plan::NodePlan;
use kobai_engine::{Explain, Explanation, Lang, say};
use kobai_lab::look::{self, LookError, Network, Shown, Subject};
use kobai_lab::predict::PredictError;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn failure(error: &LookError, lang: Lang) -> Failure {
    let code = match error {
        LookError::Unknown { .. } | LookError::NoRun { .. } | LookError::Experiment(_) => USAGE,
        LookError::Predict(PredictError::Plan(_)) => USAGE,
        LookError::Write(_) => FAILURE,
        _ => DATA,
    };
    Failure::new(code, error.explain(lang))
}

fn path<'a>(m: &'a ArgMatches, key: &str) -> Option<&'a Path> {
    m.get_one::<PathBuf>(key).map(PathBuf::as_path)
}

/// The network, and the folder for its pictures.
fn network(m: &ArgMatches, lang: Lang) -> Result<(Network, PathBuf), Failure> {
    let (subject, folder) = match (path(m, "run"), path(m, "weights")) {
        (Some(folder), None) => {
            let row = m.get_one::<String>("row").cloned();
            let seed = m.get_one::<u64>("seed").copied();
            (Subject::Run { folder: folder.to_owned(), row, seed }, folder.join("look"))
        }
        (None, Some(weights)) if m.contains_id("model") => {
            let (model, mut settings) = super::predict::model(m, "model", lang)?;
            if let Some(text) = m.get_one::<String>("input") {
                settings.input =
                    super::zoo::shape(text).ok_or_else(|| super::zoo::not_a_shape(text, lang))?;
            }
            (Subject::Zoo { model, settings, weights: weights.to_owned() }, PathBuf::from("look"))
        }
        _ => {
            let e = Explanation::new(say!(
                lang,
                "whose network? `--run FOLDER`, or `--model NAME` with `--weights FILE`",
                "どのネットワークですか？ `--run フォルダー`、または `--model 名前` と `--weights ファイル`"
            ));
            let e = e.hint("kobai explain gradcam --run runs/famous-cnns-shapes --example 3");
            return Err(Failure::new(
                USAGE,
                e.hint("kobai explain gradcam --model resnet18 --weights FILE image.jpg"),
            ));
        }
    };
    let locations = Locations::from_env(path(m, "data-dir").map(Path::to_owned));
    let network = Network::open(&subject, &locations).map_err(|e| failure(&e, lang))?;
    Ok((network, path(m, "out").map_or(folder, Path::to_owned)))
}

/// The picture that the network is shown.
fn shown(m: &ArgMatches, network: &Network, lang: Lang) -> Result<Shown, Failure> {
    let example = m.get_one::<u64>("example").map(|n| *n as usize);
    let shown = match (path(m, "image"), example) {
        (Some(file), _) => network.picture(file),
        (None, example) if path(m, "run").is_some() => network.example(example.unwrap_or(0)),
        _ => {
            let e = Explanation::new(say!(lang, "a picture is missing", "画像がありません"));
            return Err(Failure::new(USAGE, e.hint("… image.jpg")));
        }
    };
    shown.map_err(|e| failure(&e, lang))
}

fn layer<'a>(
    m: &ArgMatches,
    network: &'a Network,
    default: Option<&'a NodePlan>,
    is: impl Fn(&NodePlan) -> bool,
    lang: Lang,
) -> Result<&'a NodePlan, Failure> {
    let name = m.get_one::<String>("layer").map_or("", String::as_str);
    match default.filter(|_| name.is_empty()) {
        Some(node) => Ok(node),
        None => network.node(name, is).map_err(|e| failure(&e, lang)),
    }
}

fn is_image(node: &NodePlan) -> bool {
    node.plan.output.rank() == 3
}

pub(super) fn run(kind: &str, m: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let lang = terminal.lang;
    let (network, folder) = network(m, lang)?;
    let plan = network.plan();
    let mut lines = Vec::new();
    let mut document = json!({ "schema": "kobai.look/1", "kind": kind });
    let (node, picture) = match kind {
        "filters" => {
            let is_conv = |n: &NodePlan| n.kind() == "conv2d";
            let node = layer(m, &network, network.first_convolution(), is_conv, lang)?;
            let dims = node.plan.params[0].dims.clone();
            let shape = dims.iter().map(usize::to_string).collect::<Vec<_>>().join("×");
            lines.push(say!(
                lang,
                "{0}: filters {shape} (output, input, height, width), each scaled by its largest weight",
                "{0}: フィルター {shape}（出力・入力・高さ・幅）。それぞれ最大の重みで正規化",
                node.name
            ));
            document["dims"] = json!(dims);
            (node, look::filters(plan, network.params(), node.index))
        }
        _ => {
            let shown = shown(m, &network, lang)?;
            let trace = network.trace(&shown.example);
            let top = best(trace.output(), 3);
            let names = network.class_names(lang);
            let name = |class: usize| names.get(class).cloned().unwrap_or_else(|| class.to_string());
            let said: Vec<String> =
                top.iter().map(|(class, p)| format!("{} {:.1} %", name(*class), p * 100.0)).collect();
            lines.push(say!(lang, "the network says: {0}", "ネットワークの答え: {0}", said.join(", ")));
            if let Some(class) = shown.class {
                lines.push(say!(lang, "the label says: {0}", "正解: {0}", name(class as usize)));
            }
            document["top"] = top
                .iter()
                .map(|(class, p)| json!({ "class": class, "name": name(*class), "probability": p }))
                .collect::<Value>();
            document["label"] = json!(shown.class);
            if kind == "activations" {
                let default = network.first_convolution();
                let node = layer(m, &network, default, is_image, lang)?;
                lines.push(say!(
                    lang,
                    "{0}: {1} (channels, height, width), from its smallest value (dark) to its largest (bright)",
                    "{0}: {1}（チャネル・高さ・幅）。最小値（暗）から最大値（明）まで",
                    node.name,
                    node.plan.output
                ));
                (node, look::activations(plan, &trace, node.index))
            } else {
                let node = layer(m, &network, network.last_image(), is_image, lang)?;
                let class = m.get_one::<u64>("class").map_or(top[0].0, |n| *n as usize);
                if class >= trace.output().len() {
                    let known = vec![format!("0–{}", trace.output().len() - 1)];
                    let error = LookError::Unknown { what: "class", name: class.to_string(), known };
                    return Err(failure(&error, lang));
                }
                lines.push(say!(
                    lang,
                    "{0}: where the evidence for `{1}` lies; picture, map, both",
                    "{0}: 「{1}」の根拠がある場所。左から画像・地図・重ね合わせ",
                    node.name,
                    name(class)
                ));
                document["class"] = json!(class);
                (node, look::gradcam(plan, &trace, node.index, class, &shown.picture))
            }
        }
    };
    let Some(picture) = picture else {
        let e = Explanation::new(say!(
            lang,
            "`{0}` gives no image",
            "`{0}` の出力は画像ではありません",
            node.name
        ));
        return Err(Failure::new(USAGE, e));
    };
    let file = folder.join(format!("{kind}-{}.png", node.name));
    look::write(&file, &picture).map_err(|e| failure(&e, lang))?;
    document["layer"] = json!(node.name);
    document["file"] = json!(file);
    document["size"] = json!([picture.height, picture.width]);
    if m.get_flag("json") {
        return print(&format!("{document}\n"));
    }
    let mut text = String::new();
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(text, "{}", file.display());
    print(&text)
}

/// The likeliest classes and their probabilities.
fn best(logits: &[f32], most: usize) -> Vec<(usize, f32)> {
    let top = logits.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    let total: f32 = logits.iter().map(|x| (x - top).exp()).sum();
    let mut all: Vec<(usize, f32)> =
        logits.iter().enumerate().map(|(i, x)| (i, (x - top).exp() / total)).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(most);
    all
}
