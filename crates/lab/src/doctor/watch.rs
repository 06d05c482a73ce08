//! What a run showed, as a file: the event format `kobai.watch/1`.
//!
//! One JSON object per line. Kōbai writes it beside a run that the doctor
//! watched; `kobai_watch.py` writes it from a PyTorch training. Unknown keys are
//! ignored; a number that is none is `null`.
//!
//! | event | keys |
//! |---|---|
//! | `start` | `schema`, `source`, `batch`, `steps` (planned), `loss` (`cross-entropy` or `mse`), `optimizer` {`name`, `lr`, `momentum`, `beta1`, `beta2`, `eps`, `l1`, `l2`, `weight_decay`}, `layers` [{`name`, `kind`, `units`, `fan_in`, `bias`, `p`, `momentum`}], `frozen` [names] |
//! | `data` | `examples`, `test_examples`, `features`, `mean`, `std`, `max_abs`, `constant`, `std_ratio`, `offset`, `non_finite`, `class_counts`, `target_mean`, `target_variance`, `target_range` |
//! | `loss` | `step`, `loss`: the mean loss of a batch |
//! | `look` | `step`, `layers` [{`layer`, `signal`, `delta_rms`, `gradient_rms`, `penalty_rms`, `weight_rms`, `update_rms`, `unit_spread`}], `units` [{`layer`, `examples`, `dead`, `saturated`, `units`, `rms`, `max`}], `output_std`, `top_class` |
//! | `point` | `step`, `train_loss`, `train_accuracy`, `test_loss`, `test_accuracy`, `noisy_loss` |
//! | `non_finite` | `step`, `layer`, `phase` (`forward`, `loss`, `backward`, `update`) |
//!
//! Kinds of layers: `linear`, `conv`, `batch-norm`, `dropout`, `relu`,
//! `leaky-relu`, `elu`, `gelu`, `sigmoid`, `tanh`, `softplus`, `relu6`; others
//! are left out. The meaning of every figure is that of `kobai_doctor::record`.

use super::report::number;
use kobai_doctor::record::{LayerStats, Look, NonFinite, Point, UnitStats};
use kobai_doctor::{DataFacts, Record, Settings};
use kobai_engine::init::Init;
use kobai_engine::layer::LayerKind;
use kobai_engine::layers::{Activation, BatchNorm, Dropout, Linear, SigmoidGradient};
use kobai_engine::optim::{Optimizer, Penalty, Updates};
use kobai_engine::{Explain, Explanation, Graph, Lang, Loss, Plan, PlanOptions, say};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::sync::Arc;

/// The schema of the `start` line.
pub const SCHEMA: &str = "kobai.watch/1";

/// Why a file of events cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchError {
    /// The line, from 1; 0 for the whole file.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

impl Explain for WatchError {
    fn explain(&self, lang: Lang) -> Explanation {
        let (line, problem) = (self.line, &self.problem);
        let what = match line {
            0 => say!(lang, "this is not a file of events", "イベントのファイルとして読めません"),
            _ => say!(lang, "line {line} is not an event", "{line} 行目はイベントとして読めません"),
        };
        Explanation::new(what).fact(problem.clone()).hint(say!(
            lang,
            "the format is {SCHEMA}: `kobai doctor torch-hook` prints the file that writes it from PyTorch",
            "形式は {SCHEMA}。PyTorch から書き出すファイルは `kobai doctor torch-hook` で得られます"
        ))
    }
}

impl std::fmt::Display for WatchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.explain(Lang::En))
    }
}

impl std::error::Error for WatchError {}

/// `null` is a number that is none.
fn nan<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN))
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line {
    Start(Start),
    Data(Data),
    Loss {
        #[serde(deserialize_with = "nan")]
        loss: f64,
    },
    Look(LookLine),
    Point(PointLine),
    NonFinite {
        step: u64,
        layer: String,
        phase: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Start {
    schema: String,
    #[serde(default)]
    source: String,
    batch: usize,
    #[serde(default)]
    steps: u64,
    #[serde(default)]
    loss: String,
    #[serde(default)]
    optimizer: OptimizerLine,
    layers: Vec<LayerLine>,
    #[serde(default)]
    frozen: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OptimizerLine {
    name: String,
    lr: f64,
    momentum: f64,
    beta1: Option<f64>,
    beta2: Option<f64>,
    eps: Option<f64>,
    l1: f64,
    l2: f64,
    weight_decay: f64,
}

#[derive(Clone, Deserialize)]
struct LayerLine {
    name: String,
    kind: String,
    #[serde(default)]
    units: usize,
    #[serde(default)]
    fan_in: usize,
    #[serde(default)]
    bias: bool,
    p: Option<f64>,
    momentum: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data {
    examples: usize,
    test_examples: usize,
    features: usize,
    #[serde(deserialize_with = "nan")]
    mean: f64,
    #[serde(deserialize_with = "nan")]
    std: f64,
    #[serde(deserialize_with = "nan")]
    max_abs: f64,
    constant: usize,
    #[serde(deserialize_with = "nan")]
    std_ratio: f64,
    #[serde(deserialize_with = "nan")]
    offset: f64,
    non_finite: usize,
    class_counts: Vec<usize>,
    #[serde(deserialize_with = "nan")]
    target_mean: f64,
    #[serde(deserialize_with = "nan")]
    target_variance: f64,
    target_range: [f64; 2],
}

#[derive(Deserialize)]
struct LookLine {
    step: u64,
    layers: Vec<LayerFigures>,
    #[serde(default)]
    units: Vec<UnitFigures>,
    #[serde(default, deserialize_with = "nan")]
    output_std: f64,
    #[serde(default, deserialize_with = "nan")]
    top_class: f64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LayerFigures {
    layer: String,
    #[serde(deserialize_with = "nan")]
    signal: f64,
    #[serde(deserialize_with = "nan")]
    delta_rms: f64,
    #[serde(deserialize_with = "nan")]
    gradient_rms: f64,
    #[serde(deserialize_with = "nan")]
    penalty_rms: f64,
    #[serde(deserialize_with = "nan")]
    weight_rms: f64,
    #[serde(deserialize_with = "nan")]
    update_rms: f64,
    #[serde(deserialize_with = "nan")]
    unit_spread: f64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UnitFigures {
    layer: String,
    examples: usize,
    dead: usize,
    saturated: usize,
    units: usize,
    #[serde(deserialize_with = "nan")]
    rms: f64,
    #[serde(deserialize_with = "nan")]
    max: f64,
}

#[derive(Deserialize)]
struct PointLine {
    step: u64,
    #[serde(deserialize_with = "nan")]
    train_loss: f64,
    #[serde(default, deserialize_with = "nan")]
    train_accuracy: f64,
    #[serde(default, deserialize_with = "nan")]
    test_loss: f64,
    #[serde(default, deserialize_with = "nan")]
    test_accuracy: f64,
    #[serde(default, deserialize_with = "nan")]
    noisy_loss: f64,
}

/// A number, or `null` for what is none.
fn plain(x: f64) -> Value {
    if x.is_finite() { json!(x) } else { Value::Null }
}

/// The lines of what a record saw.
#[must_use]
pub fn lines(record: &Record) -> String {
    lines_from(record, 0, 0) + &ends(record)
}

/// The lines `loss` and `look` from some on.
pub(crate) fn lines_from(record: &Record, looks: usize, losses: usize) -> String {
    let mut text = String::new();
    let mut line = |value: Value| {
        text.push_str(&value.to_string());
        text.push('\n');
    };
    for (step, loss) in record.losses.iter().enumerate().skip(losses) {
        line(json!({ "event": "loss", "step": step, "loss": plain(*loss) }));
    }
    for look in &record.looks[looks..] {
        let layers = look.layers.iter().map(|l| {
            json!({
                "layer": l.layer, "signal": plain(l.signal), "delta_rms": plain(l.delta_rms),
                "gradient_rms": plain(l.gradient_rms), "penalty_rms": plain(l.penalty_rms),
                "weight_rms": plain(l.weight_rms), "update_rms": plain(l.update_rms),
                "unit_spread": plain(l.unit_spread),
            })
        });
        let units = look.units.iter().map(|u| {
            json!({
                "layer": u.layer, "examples": u.examples, "dead": u.dead, "saturated": u.saturated,
                "units": u.units, "rms": plain(u.rms), "max": plain(u.max),
            })
        });
        line(json!({
            "event": "look", "step": look.step, "layers": layers.collect::<Vec<_>>(),
            "units": units.collect::<Vec<_>>(), "output_std": plain(look.output_std),
            "top_class": plain(look.top_class),
        }));
    }
    text
}

/// The lines `point` and `non_finite`.
pub(crate) fn ends(record: &Record) -> String {
    let mut text = String::new();
    for p in &record.points {
        let line = json!({
            "event": "point", "step": p.step, "train_loss": plain(p.train_loss),
            "train_accuracy": plain(p.train_accuracy), "test_loss": plain(p.test_loss),
            "test_accuracy": plain(p.test_accuracy), "noisy_loss": plain(p.noisy_loss),
        });
        text += &format!("{line}\n");
    }
    if let Some(bad) = &record.non_finite {
        let line = json!({ "event": "non_finite", "step": bad.step, "layer": bad.layer, "phase": bad.phase });
        text += &format!("{line}\n");
    }
    text
}

fn events(text: &str) -> Result<Vec<Line>, WatchError> {
    let lines = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty());
    let all: Vec<(usize, &str)> = lines.collect();
    let last = all.last().map_or(0, |l| l.0);
    let mut events = Vec::new();
    for (i, line) in all {
        match serde_json::from_str(line) {
            Ok(event) => events.push(event),
            // A run that was killed leaves half a line at its end.
            Err(_) if i == last && !events.is_empty() => {}
            Err(e) => return Err(WatchError { line: i + 1, problem: e.to_string() }),
        }
    }
    Ok(events)
}

/// Adds what a file saw to a record whose network is known.
///
/// # Errors
/// The first line that is no event.
pub fn read_into(record: &mut Record, text: &str) -> Result<(), WatchError> {
    for event in events(text)? {
        add(record, event);
    }
    finish(record);
    Ok(())
}

fn finish(record: &mut Record) {
    record.looks.sort_by_key(|l| l.step);
    record.points.sort_by_key(|p| p.step);
    record.done = record.done.max(record.losses.len() as u64);
    let last = record.points.last().map_or(0, |p| p.step);
    record.done = record.done.max(last);
}

fn add(record: &mut Record, event: Line) {
    match event {
        Line::Loss { loss } => record.losses.push(loss),
        Line::Look(look) => record.looks.push(Look {
            step: look.step,
            layers: look.layers.into_iter().map(layer).collect(),
            units: look.units.into_iter().map(units).collect(),
            output_std: look.output_std,
            top_class: look.top_class,
        }),
        Line::Point(p) => record.points.push(Point {
            step: p.step,
            train_loss: p.train_loss,
            train_accuracy: p.train_accuracy,
            test_loss: p.test_loss,
            test_accuracy: p.test_accuracy,
            noisy_loss: if p.noisy_loss.is_nan() { p.train_loss } else { p.noisy_loss },
        }),
        Line::NonFinite { step, layer, phase } => {
            let known = ["forward", "loss", "backward", "update"];
            let phase = known.into_iter().find(|k| *k == phase).unwrap_or("loss");
            record.non_finite = Some(NonFinite { step, layer, phase: phase.into() });
        }
        Line::Start(_) | Line::Data(_) | Line::Other => {}
    }
}

fn layer(l: LayerFigures) -> LayerStats {
    LayerStats {
        layer: l.layer,
        signal: l.signal,
        delta_rms: l.delta_rms,
        gradient_rms: l.gradient_rms,
        penalty_rms: if l.penalty_rms.is_nan() { 0.0 } else { l.penalty_rms },
        weight_rms: l.weight_rms,
        update_rms: l.update_rms,
        unit_spread: l.unit_spread,
    }
}

fn units(u: UnitFigures) -> UnitStats {
    UnitStats {
        layer: u.layer,
        examples: u.examples,
        dead: u.dead,
        saturated: u.saturated,
        units: u.units.max(1),
        zeros: 0.0,
        outside: 0.0,
        rms: u.rms,
        max: u.max,
    }
}

/// The record of a training that another framework ran, and what it calls itself.
///
/// # Errors
/// If the file is not of this format, or describes no network.
pub fn foreign(text: &str) -> Result<(Record, String), WatchError> {
    let whole = |problem: String| WatchError { line: 0, problem };
    let events = events(text)?;
    let start = events.iter().find_map(|e| if let Line::Start(s) = e { Some(s) } else { None });
    let start = start.ok_or_else(|| whole("no `start` event".into()))?;
    if start.schema != SCHEMA {
        return Err(whole(format!("schema {}", start.schema)));
    }
    let data = events.iter().find_map(|e| if let Line::Data(d) = e { Some(d) } else { None });
    let facts = data.map(facts).unwrap_or_default();
    let first = events.iter().find_map(|e| if let Line::Look(l) = e { Some(l) } else { None });
    let plan = plan(start, &facts, first).map_err(whole)?;
    let settings = Settings {
        steps: start.steps,
        batch: start.batch,
        updates: updates(&start.optimizer),
        frozen: start.frozen.clone(),
    };
    let source = start.source.clone();
    let mut record = Record::new(Arc::new(plan), settings, facts);
    events.into_iter().for_each(|event| add(&mut record, event));
    finish(&mut record);
    if record.settings.steps == 0 {
        record.settings.steps = record.done;
    }
    Ok((record, source))
}

fn facts(d: &Data) -> DataFacts {
    DataFacts {
        examples: d.examples,
        test_examples: d.test_examples,
        features: d.features,
        mean: d.mean,
        std: d.std,
        max_abs: d.max_abs,
        constant: d.constant,
        std_ratio: if d.std_ratio > 0.0 { d.std_ratio } else { 1.0 },
        offset: d.offset,
        non_finite: d.non_finite,
        class_counts: d.class_counts.clone(),
        target_mean: d.target_mean,
        target_variance: d.target_variance,
        target_range: d.target_range,
        ..DataFacts::default()
    }
}

fn updates(o: &OptimizerLine) -> Updates {
    let (lr, eps) = (o.lr, o.eps.unwrap_or(1e-8));
    let (beta1, beta2) = (o.beta1.unwrap_or(0.9), o.beta2.unwrap_or(0.999));
    let optimizer = match o.name.to_lowercase().as_str() {
        "adam" | "nadam" | "radam" | "adamax" => Optimizer::Adam { lr, beta1, beta2, eps },
        "adamw" => Optimizer::AdamW { lr, beta1, beta2, eps, weight_decay: o.weight_decay },
        "adagrad" => Optimizer::AdaGrad { lr, eps: o.eps.unwrap_or(1e-10) },
        "rmsprop" => Optimizer::RmsProp { lr, rho: o.beta2.unwrap_or(0.99), eps },
        _ if o.momentum > 0.0 => Optimizer::Momentum { lr, momentum: o.momentum },
        _ => Optimizer::Sgd { lr },
    };
    let penalty = match (o.l1, o.l2) {
        (l1, _) if l1 > 0.0 => Penalty::L1(l1),
        (_, l2) if l2 > 0.0 => Penalty::L2(l2),
        _ => Penalty::None,
    };
    Updates { penalty, ..Updates::new(optimizer) }
}

/// A chain of layers that stands for the network: what checks read of a plan
/// are names, kinds, numbers of units, initial values. Shapes of pictures and
/// branches are not in the file; figures come from the events.
fn plan(start: &Start, facts: &DataFacts, first: Option<&LookLine>) -> Result<Plan, String> {
    let weighted = |l: &&LayerLine| matches!(l.kind.as_str(), "linear" | "conv");
    let inputs = start.layers.iter().find(weighted).map(|l| l.fan_in).ok_or("no layer with weights")?;
    let mut graph = Graph::new([inputs.max(1)].into());
    let (mut x, mut fan) = (graph.input(), inputs.max(1));
    for line in &start.layers {
        let kind: LayerKind = match line.kind.as_str() {
            "linear" | "conv" => {
                let figures = first.and_then(|look| look.layers.iter().find(|l| l.layer == line.name));
                // The spread that makes the first look's weights relative to He's what they were.
                let scale = (line.fan_in.max(1) as f64 / fan as f64).sqrt();
                let init = match figures.map(|f| f.weight_rms) {
                    Some(0.0) => Init::Zeros,
                    Some(_) if figures.is_some_and(|f| f.unit_spread == 0.0) => Init::Constant(1.0),
                    Some(rms) if rms.is_finite() => Init::Normal { std: rms * scale },
                    _ => Linear::new(1).init,
                };
                fan = line.units.max(1);
                Linear { bias: line.bias, init, ..Linear::new(fan) }.into()
            }
            "batch-norm" => {
                BatchNorm { momentum: line.momentum.unwrap_or(0.1), ..BatchNorm::default() }.into()
            }
            "dropout" => Dropout::new(line.p.unwrap_or(0.5).clamp(0.0, 0.999_999)).into(),
            "relu" => Activation::Relu.into(),
            "relu6" => Activation::Relu6.into(),
            "leaky-relu" => Activation::LeakyRelu { slope: 0.01 }.into(),
            "elu" => Activation::Elu { alpha: 1.0 }.into(),
            "gelu" => Activation::Gelu.into(),
            "softplus" => Activation::Softplus.into(),
            "tanh" => Activation::Tanh.into(),
            "sigmoid" => Activation::Sigmoid(SigmoidGradient::AtInput).into(),
            _ => continue,
        };
        x = graph.layer(&line.name, kind, &[x]);
    }
    let classes = !facts.class_counts.is_empty() || start.loss == "cross-entropy";
    graph.output(x, if classes { Loss::CrossEntropy } else { Loss::MeanSquaredError });
    Plan::new(&graph, &PlanOptions::batch(start.batch.max(2))).map_err(|e| e.to_string())
}

/// One line about a foreign run.
#[must_use]
pub fn about(record: &Record, source: &str, lang: Lang) -> String {
    let (steps, looks) = (record.done, record.looks.len());
    let loss = record.losses.last().copied().map_or_else(|| "–".into(), number);
    say!(
        lang,
        "{source}: {steps} steps, {looks} of them looked at, last loss {loss}",
        "{source}: {steps} ステップ、うち {looks} を観察、最後の損失 {loss}"
    )
}
