//! What a network is made of: layers, blocks of layers, or a network of the zoo.
//!
//! | in the list of layers | what it makes |
//! |---|---|
//! | `{ residual = […] }` | x + f(x), f the layers of the list |
//! | `{ residual = […], shortcut = […] }` | s(x) + f(x), where shapes change |
//! | `{ branches = [[…], […]] }` | the outputs of the lists side by side, as channels |
//!
//! `shortcuts = false` in `[model]` leaves only f of every residual block: the
//! plain twin, with the same names and so the same initial draws. Instead of
//! `layers`, `zoo = "resnet20"` names a network (with `narrow = 2`, all widths
//! halved); outputs and image size are those of the data.

use super::error::{ExperimentError, ExperimentProblem};
use super::model::{Defaults, Slots};
use super::reader::{Read, Reader};
use kobai_engine::layer::{Layer, LayerKind};
use kobai_engine::layers::{Add, Concat};
use kobai_engine::zoo::{self, Settings};
use kobai_engine::{Graph, Loss, NodeId, Shape};
use std::collections::HashMap;
use toml::Value;

/// The inside of a network.
#[derive(Clone, Debug)]
pub enum Body {
    /// Blocks from input to output.
    Blocks(Vec<Block>),
    /// A network of the zoo.
    Zoo {
        /// Its entry in the catalogue.
        model: &'static zoo::Model,
        /// Number of outputs.
        classes: usize,
        /// What all widths are divided by.
        narrow: usize,
    },
}

/// One or several layers with a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A layer.
    Layer(String, LayerKind),
    /// The sum of what two lists make of the same input.
    Residual {
        /// Prefix of the names inside.
        name: String,
        /// f.
        body: Vec<Block>,
        /// s; empty for the input itself.
        shortcut: Vec<Block>,
        /// Whether the sum is made; without, this is f alone.
        sums: bool,
    },
    /// Lists that read the same input; their outputs are joined.
    Branches {
        /// Prefix of the names inside.
        name: String,
        /// The lists.
        branches: Vec<Vec<Block>>,
    },
}

impl Body {
    /// The graph for examples of a shape. Images are flattened in front of a
    /// first layer that takes rows.
    pub(super) fn graph(&self, input: Shape, loss: Loss) -> Graph {
        match self {
            Body::Zoo { model, classes, narrow } => {
                model.graph(&Settings { input, classes: *classes, narrow: *narrow })
            }
            Body::Blocks(blocks) => {
                let rows = matches!(blocks.first(), Some(Block::Layer(_, LayerKind::Linear(_))));
                let mut graph = Graph::new(if rows { [input.len()].into() } else { input });
                let x = graph.input();
                let x = chain(&mut graph, blocks, x);
                graph.output(x, loss);
                graph
            }
        }
    }
}

impl Body {
    /// Names of all layers of a list, in the order in which the list is read.
    pub(super) fn names(&self) -> Vec<String> {
        fn walk(blocks: &[Block], scope: &str, names: &mut Vec<String>) {
            for block in blocks {
                match block {
                    Block::Layer(name, _) => names.push(format!("{scope}{name}")),
                    Block::Residual { name, body, shortcut, .. } => {
                        walk(body, &format!("{scope}{name}."), names);
                        walk(shortcut, &format!("{scope}{name}.shortcut."), names);
                    }
                    Block::Branches { name, branches } => {
                        for (i, branch) in branches.iter().enumerate() {
                            walk(branch, &format!("{scope}{name}.{i}."), names);
                        }
                    }
                }
            }
        }
        let mut names = Vec::new();
        if let Body::Blocks(blocks) = self {
            walk(blocks, "", &mut names);
        }
        names
    }

    /// The same without the layers of a kind, where that is possible.
    pub(crate) fn without(&mut self, unwanted: &dyn Fn(&LayerKind) -> bool) {
        fn walk(blocks: &mut Vec<Block>, unwanted: &dyn Fn(&LayerKind) -> bool) {
            blocks.retain(|b| !matches!(b, Block::Layer(_, layer) if unwanted(layer)));
            for block in blocks {
                match block {
                    Block::Layer(..) => {}
                    Block::Residual { body, shortcut, .. } => {
                        walk(body, unwanted);
                        walk(shortcut, unwanted);
                    }
                    Block::Branches { branches, .. } => branches.iter_mut().for_each(|b| walk(b, unwanted)),
                }
            }
        }
        if let Body::Blocks(blocks) = self {
            walk(blocks, unwanted);
        }
    }
}

fn chain(graph: &mut Graph, blocks: &[Block], x: NodeId) -> NodeId {
    blocks.iter().fold(x, |x, block| match block {
        Block::Layer(name, layer) => graph.layer(name, layer.clone(), &[x]),
        Block::Residual { name, body, shortcut, sums } => graph.scope(name, |g| {
            let f = chain(g, body, x);
            if !sums {
                return f;
            }
            let s = g.scope("shortcut", |g| chain(g, shortcut, x));
            g.layer("add", Add, &[f, s])
        }),
        Block::Branches { name, branches } => graph.scope(name, |g| {
            let ends: Vec<NodeId> =
                (0..).zip(branches).map(|(i, b)| g.scope(&format!("{i}"), |g| chain(g, b, x))).collect();
            g.layer("concat", Concat, &ends)
        }),
    })
}

/// Reads `zoo` and `narrow`.
pub(super) fn zoo(model: &Reader<'_>, name: &str, outputs: Option<usize>) -> Read<Body> {
    let Ok(entry) = zoo::find(name) else {
        let known: Vec<(&str, ())> = zoo::MODELS.iter().map(|m| (m.name, ())).collect();
        return model.choice("zoo", name, &known).map(|()| Body::Blocks(Vec::new()));
    };
    let narrow = model.count("narrow")?.unwrap_or(1);
    Ok(Body::Zoo { model: entry, classes: outputs.unwrap_or(entry.classes), narrow })
}

/// The blocks of a list, which stands at `path`.
pub(super) fn list(
    model: &Reader<'_>,
    (slots, defaults): (&Slots, &Defaults),
    path: &str,
    list: &[Value],
) -> Read<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut counts: HashMap<&'static str, usize> = HashMap::new();
    for (i, value) in slots.fill(model, path, list)? {
        let key = format!("{path}[{i}]");
        let mut named = |name: Option<String>, prefix: &'static str| {
            let count = counts.entry(prefix).or_insert(0);
            *count += 1;
            name.unwrap_or_else(|| format!("{prefix}{count}"))
        };
        let table = value.as_table();
        let is = |word: &str| table.is_some_and(|t| t.contains_key(word));
        let inner = |word: &str| -> Read<(Option<String>, Vec<Value>, Vec<Value>)> {
            let at = Reader::new(table.expect("seen above"), model.key(&key), model.source());
            let name = at.string("name")?.map(String::from);
            let Some(list) = at.array(word)? else { return at.missing(word) };
            let shortcut = if word == "residual" { at.array("shortcut")? } else { None };
            at.finish()?;
            Ok((name, list.clone(), shortcut.cloned().unwrap_or_default()))
        };
        if is("residual") {
            let (name, body, shortcut) = inner("residual")?;
            blocks.push(Block::Residual {
                name: named(name, "block"),
                body: self::list(model, (slots, defaults), &format!("{key}.residual"), &body)?,
                shortcut: self::list(model, (slots, defaults), &format!("{key}.shortcut"), &shortcut)?,
                sums: slots.shortcuts,
            });
        } else if is("branches") {
            let (name, lists, _) = inner("branches")?;
            let branch = |(b, value): (usize, &Value)| match value {
                Value::Array(layers) => {
                    self::list(model, (slots, defaults), &format!("{key}.branches[{b}]"), layers)
                }
                other => Err(not_a_list(model, &format!("{key}.branches[{b}]"), other)),
            };
            let branches = lists.iter().enumerate().map(branch).collect::<Read<_>>()?;
            blocks.push(Block::Branches { name: named(name, "mixed"), branches });
        } else {
            let (name, layer) = defaults.layer(model, &key, &value)?;
            let prefix = match &layer {
                LayerKind::Linear(_) => "fc",
                LayerKind::BatchNorm(_) => "bn",
                LayerKind::Conv2d(_) => "conv",
                LayerKind::MaxPool2d(_) | LayerKind::AvgPool2d(_) | LayerKind::AdaptiveAvgPool2d(_) => "pool",
                LayerKind::LocalResponseNorm(_) => "lrn",
                other => other.kind(),
            };
            slots.paths.borrow_mut().push(key.clone());
            blocks.push(Block::Layer(named(name, prefix), layer));
        }
    }
    Ok(blocks)
}

fn not_a_list(model: &Reader<'_>, key: &str, got: &Value) -> ExperimentError {
    let key = model.key(key);
    let problem = ExperimentProblem::Kind {
        key: key.clone(),
        expected: ["a list of layers", "層のリスト"],
        got: got.to_string(),
    };
    model.source().error(&key, problem)
}
