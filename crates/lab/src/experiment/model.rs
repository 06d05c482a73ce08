//! `[model]`: layers in a list.

use super::blocks::{self, Body};
use super::error::ExperimentProblem;
use super::reader::{Read, Reader};
use kobai_engine::init::{Fan, Init};
use kobai_engine::layer::LayerKind;
use kobai_engine::layers::{
    Activation, AdaptiveAvgPool2d, AvgPool2d, BatchNorm, Conv2d, Dropout, Flatten, Linear, LocalResponseNorm,
    MaxPool2d, Scaling, SigmoidGradient, Softmax,
};
use kobai_engine::{Graph, Loss, Reduction, Shape};
use std::cell::RefCell;
use toml::{Table, Value};

/// A network as the file describes it.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it is made of.
    pub body: Body,
    /// Where each layer of the list stands in the file: its name in the network
    /// and a path such as `layers[3].residual[0]`.
    pub places: Vec<(String, String)>,
    /// Loss on the output; networks of the zoo bring their own.
    pub loss: Loss,
    /// What the gradients of the examples become together.
    pub reduction: Reduction,
}

impl Model {
    /// The graph for examples of a shape. Images are flattened in front of a
    /// first layer that takes rows.
    #[must_use]
    pub fn graph(&self, input: Shape) -> Graph {
        let mut graph = self.body.graph(input, self.loss);
        graph.reduction(self.reduction);
        graph
    }

    pub(super) fn read(model: Reader<'_>, outputs: Option<usize>) -> Read<Model> {
        let sigmoid = match model.string("sigmoid_gradient")? {
            None => SigmoidGradient::AtInput,
            Some(word) => model.choice(
                "sigmoid_gradient",
                word,
                &[("at-input", SigmoidGradient::AtInput), ("at-output", SigmoidGradient::AtOutput)],
            )?,
        };
        let activation = match model.string("activation")? {
            None => None,
            Some(word) => Some(between(&model, word, sigmoid)?),
        };
        let init = match model.string("init")? {
            None => Init::HeNormal(Fan::In),
            Some(word) => init(&model, "init", word)?,
        };
        let loss = match model.string("loss")? {
            None => Loss::CrossEntropy,
            Some(word) => model.choice("loss", word, &Loss::ALL.map(|loss| (loss.name(), loss)))?,
        };
        let reduction = match model.string("reduction")? {
            None => Reduction::Mean,
            Some(word) => {
                model.choice("reduction", word, &[("mean", Reduction::Mean), ("sum", Reduction::Sum)])?
            }
        };
        let defaults = Defaults { activation, init, sigmoid, outputs };
        let slots = Slots::read(&model)?;
        let zoo = model.string("zoo")?;
        let body = match (zoo, model.array("layers")?) {
            (Some(name), _) => blocks::zoo(&model, name, outputs)?,
            (None, Some(list)) => {
                // Given all the same, for rows that name a network of the zoo.
                model.value("narrow");
                Body::Blocks(blocks::list(&model, (&slots, &defaults), "layers", list)?)
            }
            (None, None) => return model.missing("layers"),
        };
        model.finish()?;
        let places = body.names().into_iter().zip(slots.paths.into_inner()).collect();
        Ok(Model { body, places, loss, reduction })
    }
}

/// Places in the list of layers that a row fills, so that rows differ in one key
/// instead of repeating the list:
///
/// | place | key | without the key |
/// |---|---|---|
/// | `"norm"` | `batch_norm = "course"` or `"pytorch"` | no layer |
/// | `"dropout"` | `dropout = 0.15`, with `dropout_scaling` | no layer |
/// | `{ linear = "width" }` | `width = 40` | an error |
/// | `{ repeat = "depth", layers = […] }` | `depth = 20` | an error |
///
/// `shortcuts = false` takes the sums out of residual blocks.
pub(super) struct Slots {
    norm: Option<String>,
    dropout: Option<f64>,
    scaling: Option<String>,
    width: Option<usize>,
    depth: Option<usize>,
    pub(super) shortcuts: bool,
    /// Where each layer that was read so far stands in the file.
    pub(super) paths: RefCell<Vec<String>>,
}

impl Slots {
    fn read(model: &Reader<'_>) -> Read<Slots> {
        Ok(Slots {
            norm: model.string("batch_norm")?.filter(|word| *word != "off").map(String::from),
            dropout: model.float("dropout")?.filter(|p| *p != 0.0),
            scaling: model.string("dropout_scaling")?.map(String::from),
            width: model.count("width")?,
            depth: model.count("depth")?,
            shortcuts: model.boolean_or("shortcuts", true)?,
            paths: RefCell::default(),
        })
    }

    /// The list with its places filled and its repetitions written out; each
    /// layer with its index in the file.
    pub(super) fn fill(&self, model: &Reader<'_>, path: &str, list: &[Value]) -> Read<Vec<(usize, Value)>> {
        let mut out = Vec::new();
        for (i, value) in list.iter().enumerate() {
            match value {
                Value::String(word) if word == "norm" => {
                    if let Some(kind) = &self.norm {
                        let table = [("batch-norm".to_string(), Value::String(kind.clone()))];
                        out.push((i, Value::Table(table.into_iter().collect())));
                    }
                }
                Value::String(word) if word == "dropout" => {
                    if let Some(p) = self.dropout {
                        let mut table = Table::new();
                        table.insert("dropout".into(), Value::Float(p));
                        if let Some(scaling) = &self.scaling {
                            table.insert("scaling".into(), Value::String(scaling.clone()));
                        }
                        out.push((i, Value::Table(table)));
                    }
                }
                Value::Table(table) if table.contains_key("repeat") => {
                    let block = Reader::new(table, model.key(&format!("{path}[{i}]")), model.source());
                    let times = match (block.value("repeat"), self.depth) {
                        (Some(Value::String(word)), Some(depth)) if word == "depth" => depth,
                        _ => block.must_count("repeat")?,
                    };
                    let Some(inner) = block.array("layers")? else { return block.missing("layers") };
                    block.finish()?;
                    let filled = self.fill(model, path, inner)?;
                    for _ in 0..times {
                        out.extend(filled.iter().map(|(_, value)| (i, value.clone())));
                    }
                }
                Value::Table(table) if table.get("linear").and_then(Value::as_str) == Some("width") => {
                    let Some(width) = self.width else { return model.missing("width") };
                    let mut table = table.clone();
                    table.insert("linear".into(), Value::Integer(width as i64));
                    out.push((i, Value::Table(table)));
                }
                other => out.push((i, other.clone())),
            }
        }
        Ok(out)
    }
}

/// What layers that say nothing about it use.
pub(super) struct Defaults {
    activation: Option<LayerKind>,
    init: Init,
    sigmoid: SigmoidGradient,
    outputs: Option<usize>,
}

/// Layers whose first key is their kind and whose value is their main setting.
const TABLE_LAYERS: [&str; 9] =
    ["linear", "dropout", "leaky-relu", "elu", "batch-norm", "conv", "max-pool", "avg-pool", "lrn"];
/// Layers that a word names, the activations first.
const WORD_LAYERS: [&str; 16] = [
    "activation",
    "sigmoid",
    "tanh",
    "relu",
    "leaky-relu",
    "elu",
    "gelu",
    "softplus",
    "hard-swish",
    "relu6",
    "exp",
    "softmax",
    "batch-norm",
    "flatten",
    "global-avg-pool",
    "lrn",
];
/// Words and keys of activations between layers.
pub(crate) const ACTIVATIONS: &[&str] = WORD_LAYERS.split_at(11).0;

impl Defaults {
    pub(super) fn layer(
        &self,
        model: &Reader<'_>,
        key: &str,
        value: &Value,
    ) -> Read<(Option<String>, LayerKind)> {
        match value {
            Value::String(word) => Ok((None, self.word(model, key, word)?)),
            Value::Table(table) => self.table(model, key, table),
            other => model.fail(key, |key| ExperimentProblem::Kind {
                key,
                expected: [
                    "a layer's name or a table such as { linear = 40 }",
                    "層の名前、または { linear = 40 } のようなテーブル",
                ],
                got: other.to_string(),
            }),
        }
    }

    fn word(&self, model: &Reader<'_>, key: &str, word: &str) -> Read<LayerKind> {
        Ok(match word {
            "batch-norm" => BatchNorm::default().into(),
            "flatten" => Flatten.into(),
            "softmax" => Softmax.into(),
            "global-avg-pool" => AdaptiveAvgPool2d::new(1, 1).into(),
            "lrn" => LocalResponseNorm::new(5).into(),
            "activation" => match &self.activation {
                Some(layer) => layer.clone(),
                None => {
                    return model.missing("activation");
                }
            },
            _ if WORD_LAYERS.contains(&word) => activation(model, key, word, self.sigmoid)?.into(),
            _ => model.choice(key, word, &WORD_LAYERS.map(|w| (w, Flatten)))?.into(),
        })
    }

    fn table(&self, model: &Reader<'_>, key: &str, table: &Table) -> Read<(Option<String>, LayerKind)> {
        let source = model.source();
        let layer = Reader::new(table, model.key(key), source);
        let name = layer.string("name")?.map(String::from);
        let kind = TABLE_LAYERS.into_iter().find(|k| table.contains_key(*k));
        let kind = match (kind, layer.string("layer")?) {
            (Some(kind), _) => kind,
            (None, Some(word)) => {
                let made = self.word(model, key, word)?;
                layer.finish()?;
                return Ok((name, made));
            }
            (None, None) => {
                let got = table.keys().find(|k| *k != "name").cloned().unwrap_or_default();
                return model
                    .choice(key, &got, &TABLE_LAYERS.map(|w| (w, ("", Flatten))))
                    .map(|_| (None, Flatten.into()));
            }
        };
        let made: LayerKind = match kind {
            "linear" => {
                let out_features = match (layer.value("linear"), self.outputs) {
                    (Some(Value::String(word)), Some(outputs)) => {
                        layer.choice("linear", word, &[("outputs", outputs)])?
                    }
                    _ => layer.must_count("linear")?,
                };
                let init = match layer.string("init")? {
                    None => self.init,
                    Some(word) => init(&layer, "init", word)?,
                };
                let (in_features, bias) = (layer.count("in")?, layer.boolean_or("bias", true)?);
                Linear { out_features, in_features, bias, init }.into()
            }
            "conv" => {
                let init = match layer.string("init")? {
                    None => self.init,
                    Some(word) => init(&layer, "init", word)?,
                };
                let conv = Conv2d::new(layer.must_count("conv")?, layer.must_count("kernel")?);
                conv.stride(layer.count("stride")?.unwrap_or(1))
                    .padding(layer.whole("padding")?.unwrap_or(0))
                    .dilation(layer.count("dilation")?.unwrap_or(1))
                    .groups(layer.count("groups")?.unwrap_or(1))
                    .bias(layer.boolean_or("bias", true)?)
                    .init(init)
                    .into()
            }
            "max-pool" | "avg-pool" => {
                let size = layer.must_count(kind)?;
                let stride = layer.count("stride")?.unwrap_or(size);
                let padding = layer.whole("padding")?.unwrap_or(0);
                let ceil = layer.boolean_or("ceil_mode", false)?;
                if kind == "max-pool" {
                    MaxPool2d::new(size, stride).padding(padding).ceil_mode(ceil).into()
                } else {
                    let counts = layer.boolean_or("count_include_pad", true)?;
                    let pool = AvgPool2d::new(size, stride).padding(padding).ceil_mode(ceil);
                    pool.count_include_pad(counts).into()
                }
            }
            "lrn" => LocalResponseNorm {
                size: layer.must_count("lrn")?,
                alpha: layer.float_or("alpha", 1e-4)?,
                beta: layer.float_or("beta", 0.75)?,
                k: layer.float_or("k", 2.0)?,
            }
            .into(),
            "dropout" => {
                let p = layer.float("dropout")?.unwrap_or(0.5);
                let scaling = match layer.string("scaling")? {
                    None => Scaling::Train,
                    Some(word) => layer.choice(
                        "scaling",
                        word,
                        &[("train", Scaling::Train), ("eval", Scaling::Eval)],
                    )?,
                };
                Dropout { p, scaling }.into()
            }
            "leaky-relu" => Activation::LeakyRelu { slope: layer.float_or("leaky-relu", 0.01)? }.into(),
            "elu" => Activation::Elu { alpha: layer.float_or("elu", 1.0)? }.into(),
            _ => {
                let word = layer.must_string("batch-norm")?;
                let base = layer.choice(
                    "batch-norm",
                    word,
                    &[("pytorch", BatchNorm::default()), ("course", BatchNorm::course())],
                )?;
                BatchNorm {
                    eps: layer.float_or("eps", base.eps)?,
                    momentum: layer.float_or("momentum", base.momentum)?,
                    ..base
                }
                .into()
            }
        };
        layer.finish()?;
        Ok((name, made))
    }
}

/// What stands between layers: an activation, or a soft-max where one was put by mistake.
fn between(at: &Reader<'_>, word: &str, sigmoid: SigmoidGradient) -> Read<LayerKind> {
    match word {
        "softmax" => Ok(Softmax.into()),
        _ => Ok(activation(at, "activation", word, sigmoid)?.into()),
    }
}

fn activation(at: &Reader<'_>, key: &str, word: &str, sigmoid: SigmoidGradient) -> Read<Activation> {
    at.choice(
        key,
        word,
        &[
            ("sigmoid", Activation::Sigmoid(sigmoid)),
            ("tanh", Activation::Tanh),
            ("relu", Activation::Relu),
            ("leaky-relu", Activation::LeakyRelu { slope: 0.01 }),
            ("elu", Activation::Elu { alpha: 1.0 }),
            ("gelu", Activation::Gelu),
            ("softplus", Activation::Softplus),
            ("hard-swish", Activation::HardSwish),
            ("relu6", Activation::Relu6),
            ("exp", Activation::Exp),
        ],
    )
}

/// `he`, `xavier`, `normal(0.01)`, …
fn init(at: &Reader<'_>, key: &str, word: &str) -> Read<Init> {
    let (name, argument) = match word.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')').and_then(|a| a.trim().parse::<f64>().ok())),
        None => (word, None),
    };
    let needs = |make: fn(f64) -> Init| match argument {
        Some(x) if x.is_finite() => Ok(make(x)),
        _ => at.fail(key, |key| ExperimentProblem::Kind {
            key,
            expected: ["a number in parentheses, such as normal(0.01)", "normal(0.01) のような括弧つきの数"],
            got: word.into(),
        }),
    };
    match name.trim() {
        "normal" => needs(|std| Init::Normal { std }),
        "uniform" => needs(|bound| Init::Uniform { bound }),
        "constant" => needs(Init::Constant),
        "orthogonal" => Ok(Init::Orthogonal { gain: argument.unwrap_or(1.0) }),
        name => at.choice(
            key,
            name,
            &[
                ("zeros", Init::Zeros),
                ("xavier", Init::XavierNormal(Fan::In)),
                ("xavier-average", Init::XavierNormal(Fan::Average)),
                ("xavier-uniform", Init::XavierUniform(Fan::Average)),
                ("he", Init::HeNormal(Fan::In)),
                ("he-fan-out", Init::HeNormal(Fan::Out)),
                ("he-uniform", Init::HeUniform(Fan::In)),
                ("lecun", Init::LecunNormal),
                // Known, with their arguments; listed for the hint.
                ("normal", Init::Zeros),
                ("uniform", Init::Zeros),
                ("constant", Init::Zeros),
                ("orthogonal", Init::Zeros),
            ],
        ),
    }
}
