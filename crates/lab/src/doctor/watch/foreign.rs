//! A training that another framework ran: what its `start` and `data` lines say
//! becomes a plan, settings and facts that the checks can read.

use super::event::{Data, LayerLine, Line, LookLine, OptimizerLine, Start};
use super::{SCHEMA, WatchError, add, events, finish};
use crate::doctor::report::number;
use kobai_doctor::{DataFacts, Record, Settings};
use kobai_engine::init::Init;
use kobai_engine::layer::LayerKind;
use kobai_engine::layers::{Activation, BatchNorm, Dropout, Linear, SigmoidGradient};
use kobai_engine::optim::{Optimizer, Penalty, Updates};
use kobai_engine::{Graph, Lang, Loss, Plan, PlanOptions, say};
use std::sync::Arc;

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
    // Its points are means over the batches since the one before.
    record.scored = (record.settings.batch * (record.settings.steps / 40).max(1) as usize).min(record.scored);
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
