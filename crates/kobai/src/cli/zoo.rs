//! `kobai zoo`.

use super::errors::{Failure, USAGE};
use super::progress::{Download, columns};
use super::{Terminal, print};
use clap::ArgMatches;
use kobai_data::Locations;
use kobai_data::download::{Got, Options};
use kobai_engine::plan::{Field, TensorKind};
use kobai_engine::zoo::{self, MODELS, Model, Settings};
use kobai_engine::{Explain, Explanation, Lang, Plan, PlanOptions, Shape, say};
use kobai_lab::weights::published;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

pub(super) fn run(matches: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    match matches.subcommand() {
        Some(("list", m)) => list(m.get_flag("json"), terminal.lang),
        Some(("show", m)) => show(m, terminal.lang),
        Some(("check", m)) => super::predict::check(m, terminal),
        Some(("get", m)) => get(m, terminal.lang),
        _ => Ok(0),
    }
}

fn plan(model: &Model, settings: &Settings, batch: usize, lang: Lang) -> Result<Plan, Failure> {
    Plan::new(&model.graph(settings), &PlanOptions::batch(batch))
        .map_err(|e| Failure::new(USAGE, e.explain(lang)))
}

fn list(json: bool, lang: Lang) -> Result<u8, Failure> {
    let mut models = Vec::new();
    let head = lang
        .pick(["name", "params", "MACs", "input", "idea"], ["名前", "パラメータ", "積和", "入力", "考え方"]);
    let mut rows = vec![head.map(String::from)];
    for model in MODELS {
        let settings = model.settings();
        let plan = plan(model, &settings, 2, lang)?;
        let (params, macs) = (plan.param_len() as u64, plan.macs());
        models.push(json!({
            "name": model.name, "paper": model.paper, "input": model.input, "classes": model.classes,
            "params": params, "macs": macs,
            "idea": { "en": model.idea(Lang::En), "ja": model.idea(Lang::Ja) },
        }));
        let idea = format!("{} ({})", model.idea(lang), model.paper);
        rows.push([model.name.into(), short(params), short(macs), settings.input.to_string(), idea]);
    }
    if json {
        return print(&format!("{}\n", json!({ "schema": "kobai.zoo/1", "models": models })));
    }
    let widths: Vec<usize> = (0..5).map(|c| rows.iter().map(|r| columns(&r[c])).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (c, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[c] - columns(cell));
            let right = matches!(c, 1 | 2);
            let _ = if right { write!(line, "{pad}{cell}  ") } else { write!(line, "{cell}{pad}  ") };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text += lang.pick(
        "\n`kobai zoo show NAME` shows a network layer by layer\n",
        "\n`kobai zoo show NAME` で層ごとの内容を表示\n",
    );
    print(&text)
}

/// 11.7 M
fn short(n: u64) -> String {
    match n as f64 {
        x if x < 1e3 => format!("{n}"),
        x if x < 1e6 => format!("{:.1} k", x / 1e3),
        x if x < 1e9 => format!("{:.1} M", x / 1e6),
        x => format!("{:.2} G", x / 1e9),
    }
}

fn show(m: &ArgMatches, lang: Lang) -> Result<u8, Failure> {
    let name = m.get_one::<String>("name").map(String::as_str).unwrap_or_default();
    let model = zoo::find(name).map_err(|e| Failure::new(USAGE, e.explain(lang)))?;
    let mut settings = model.settings();
    let number = |key, default| m.get_one::<u64>(key).map_or(default, |n| *n as usize);
    settings.classes = number("classes", settings.classes);
    settings.narrow = number("narrow", 1);
    if let Some(text) = m.get_one::<String>("input") {
        settings.input = shape(text).ok_or_else(|| not_a_shape(text, lang))?;
    }
    let plan = plan(model, &settings, number("batch", 32), lang)?;
    if m.get_flag("json") {
        return print(&format!("{}\n", document(model, &settings, &plan)));
    }
    let (idea, paper, classes) = (model.idea(lang), model.paper, settings.classes);
    let input = settings.input;
    let head = say!(
        lang,
        "{name}: {idea} ({paper})\ninput {input}, {classes} classes\n\n",
        "{name}: {idea}（{paper}）\n入力 {input}、{classes} クラス\n\n"
    );
    let (used, whole) = (plan.eval.arena * 4, plan.eval.unshared * 4);
    let (small, large) = (used as f64 / 1e6, whole as f64 / 1e6);
    let factor = whole as f64 / used.max(1) as f64;
    let sharing = say!(
        lang,
        "evaluation shares buffers: {small:.1} MB in place of {large:.1} MB, a factor of {factor:.1}\n",
        "評価時はバッファーを共有: {large:.1} MB が {small:.1} MB になる（{factor:.1} 分の 1）\n"
    );
    print(&(head + &plan.table(lang) + &sharing))
}

/// Fetches the published weights of a network.
fn get(m: &ArgMatches, lang: Lang) -> Result<u8, Failure> {
    let name = m.get_one::<String>("name").map(String::as_str).unwrap_or_default();
    let model = zoo::find(name).map_err(|e| Failure::new(USAGE, e.explain(lang)))?;
    let Some(file) = published::find(model.name) else {
        let known = published::FILES.iter().map(|f| f.model).collect::<Vec<_>>().join(", ");
        let e = Explanation::new(say!(
            lang,
            "no published weights of `{name}` are known",
            "`{name}` の公開された重みは知られていません"
        ));
        return Err(Failure::new(USAGE, e.fact(say!(lang, "known: {known}", "あるもの: {known}"))));
    };
    let locations = Locations::from_env(m.get_one::<PathBuf>("data-dir").cloned());
    let data = |e: &kobai_data::DataError| Failure::data(e, lang);
    let folder = published::folder(&locations).map_err(|e| data(&e))?;
    let options = Options { offline: m.get_flag("offline"), ..Options::default() };
    let mut progress = Download::new(lang);
    let got = published::get(file, &folder, &options, &mut progress);
    progress.finish();
    let got = got.map_err(|e| data(&e))?;
    let path = folder.join(file.file);
    if m.get_flag("json") {
        let document = json!({
            "schema": "kobai.zoo-get/1", "model": model.name, "file": path, "url": file.url(),
            "sha256_prefix": file.sha256, "fetched": matches!(got, Got::Fetched { .. }),
            "top1": file.accuracy[0], "top5": file.accuracy[1],
        });
        return print(&format!("{document}\n"));
    }
    let ([first, five], path) = (file.accuracy, path.display());
    print(&say!(
        lang,
        "{path}\npublished accuracy on ImageNet: {first} % (first of five: {five} %)\n\
         kobai predict --model {name} --weights {path} image.jpg\n",
        "{path}\nImageNet での公表正解率: {first} %（上位 5 つ: {five} %）\n\
         kobai predict --model {name} --weights {path} image.jpg\n"
    ))
}

/// `3x224x224`; the sign × will do too.
pub(super) fn shape(text: &str) -> Option<Shape> {
    let dims: Option<Vec<usize>> = text
        .split(['x', '×', ','])
        .map(|d| d.trim().parse().ok().filter(|d| (1..=65_536).contains(d)))
        .collect();
    dims.filter(|d| d.len() == 3).map(|d| Shape::new(&d))
}

pub(super) fn not_a_shape(text: &str, lang: Lang) -> Failure {
    let e =
        Explanation::new(say!(lang, "`--input` cannot be `{text}`", "`--input` に `{text}` は使えません"));
    let e = e.fact(say!(
        lang,
        "expected channels, height and width, each from 1 to 65536",
        "チャネル数・高さ・幅（各 1 以上 65536 以下）を指定してください"
    ));
    Failure::new(USAGE, e.hint(say!(lang, "an example: --input 3x224x224", "例: --input 3x224x224")))
}

/// The shape of a batch of one, as PyTorch counts dimensions.
fn one(shape: &Shape) -> Vec<usize> {
    [&[1], shape.dims()].concat()
}

fn document(model: &Model, settings: &Settings, plan: &Plan) -> Value {
    let mut tensors = Vec::new();
    for t in plan.tensors() {
        let kind = match t.kind {
            TensorKind::Param => "param",
            TensorKind::State => "state",
        };
        tensors.push(json!({ "name": t.name, "shape": t.dims, "kind": kind }));
        // torchvision's files also hold how many batches a batch norm has seen.
        if let Some(node) = t.name.strip_suffix("running_var") {
            let name = format!("{node}num_batches_tracked");
            tensors.push(json!({ "name": name, "shape": [], "kind": "counter" }));
        }
    }
    let fields = plan.receptive_fields();
    let layers: Vec<Value> = plan
        .nodes
        .iter()
        .zip(fields)
        .map(|(node, field)| {
            let field = match field {
                Field::Whole => json!("all"),
                Field::Window { size, jump } => json!({ "size": size, "jump": jump }),
            };
            let output = one(&node.plan.output);
            let inputs: Vec<&str> = node.inputs.iter().map(|i| plan.nodes[*i].name.as_str()).collect();
            json!({
                "name": node.name, "kind": node.kind(), "inputs": inputs,
                "output": output, "params": node.plan.param_len(), "macs": node.plan.macs,
                "receptive_field": field, "algorithm": node.plan.algorithm,
                "evaluated": node.layer.is_none() || plan.eval.runs(node.index),
            })
        })
        .collect();
    let auxiliary: Vec<Value> = plan
        .auxiliaries
        .iter()
        .map(|(node, weight)| json!({ "layer": plan.nodes[*node].name, "weight": weight }))
        .collect();
    json!({
        "schema": "kobai.zoo-model/1",
        "name": model.name, "paper": model.paper,
        "input": one(&settings.input), "classes": settings.classes, "narrow": settings.narrow,
        "params": plan.param_len(), "macs": plan.macs(), "output": one(&plan.output_shape()),
        "memory": {
            "batch": plan.options.batch,
            "train_bytes": plan.train.arena * 4, "unshared_bytes": plan.train.unshared * 4,
            "eval_bytes": plan.eval.arena * 4, "eval_unshared_bytes": plan.eval.unshared * 4,
        },
        "auxiliary": auxiliary, "tensors": tensors, "layers": layers,
    })
}
