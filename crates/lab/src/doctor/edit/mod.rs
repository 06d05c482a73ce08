//! Prescriptions as edits of an experiment file, and what they change.

mod change;

pub use change::{Change, changes, diff};

use super::subject::Subject;
use crate::experiment::ACTIVATIONS;
use crate::results::Text;
use kobai_doctor::finding::{Edit, Setting};
use kobai_engine::layer::LayerKind;
use kobai_engine::{Lang, say};
use toml::{Table, Value};

/// Layers that an activation separates.
const WEIGHTED: [&str; 2] = ["linear", "conv"];

/// A subject's file after some edits.
///
/// # Errors
/// Why an edit does not fit the file.
pub fn apply(subject: &Subject, edits: &[Edit]) -> Result<Table, Text> {
    let mut table = subject.table.clone();
    let mut gone: Vec<Vec<usize>> = Vec::new();
    for edit in edits {
        match edit {
            Edit::Set { key, to } => {
                set(&mut table, key, value(to))?;
                if *key == "model.init" {
                    each_layer(&mut table, &mut |layer| {
                        layer.remove("init");
                    });
                }
            }
            Edit::Scale { key, by } => scale(&mut table, key, *by)?,
            Edit::Remove { key } => remove(&mut table, key),
            Edit::RemoveLayer { layer } => match slot(subject, layer)? {
                Slot::Key(key) => remove(&mut table, &key),
                Slot::Place(place) => gone.push(place),
            },
            Edit::SetLayer { layer, key, to } => match slot(subject, layer)? {
                Slot::Key(path) if path == format!("model.{key}") => set(&mut table, &path, value(to))?,
                Slot::Key(path) => return Err(unfit(&path)),
                Slot::Place(place) => set_layer(&mut table, &place, key, value(to))?,
            },
            Edit::Activations { to, init } => activations(&mut table, to, init)?,
            Edit::Separate { with } => separate(layers(&mut table)?, with),
            Edit::Widen { by } => widen(&mut table, *by)?,
        }
    }
    // From the last layer to the first: a removed layer moves those after it.
    gone.sort_unstable();
    gone.dedup();
    for place in gone.into_iter().rev() {
        let (last, parents) = place.split_last().ok_or_else(|| unfit("layers"))?;
        let list = list_at(&mut table, parents).ok_or_else(|| unfit("layers"))?;
        if *last < list.len() {
            list.remove(*last);
        }
    }
    Ok(table)
}

fn unfit(what: &str) -> Text {
    let line = |lang: Lang| {
        say!(
            lang,
            "the file has no `{what}` that could be changed",
            "ファイルに変更できる `{what}` がありません"
        )
    };
    Text { en: line(Lang::En), ja: line(Lang::Ja) }
}

fn value(to: &Setting) -> Value {
    match to {
        Setting::Number(x) => Value::Float(*x),
        Setting::Whole(n) => Value::Integer(i64::try_from(*n).unwrap_or(i64::MAX)),
        Setting::Word(w) => Value::String(w.clone()),
        Setting::Flag(b) => Value::Boolean(*b),
    }
}

fn set(table: &mut Table, key: &str, to: Value) -> Result<(), Text> {
    if key == "training.steps" {
        // The length of a run is one setting with two names.
        remove(table, "training.epochs");
    }
    let mut inner = table;
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts.pop().unwrap_or(key);
    for part in parts {
        match inner.entry(part).or_insert_with(|| Value::Table(Table::new())) {
            Value::Table(next) => inner = next,
            _ => return Err(unfit(key)),
        }
    }
    inner.insert(last.into(), to);
    Ok(())
}

fn get<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let mut parts = key.split('.');
    let first = table.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.as_table()?.get(part))
}

fn remove(table: &mut Table, key: &str) {
    let (path, last) = key.rsplit_once('.').unwrap_or(("", key));
    let mut inner = Some(table);
    for part in path.split('.').filter(|p| !p.is_empty()) {
        inner = inner.and_then(|t| t.get_mut(part)).and_then(Value::as_table_mut);
    }
    if let Some(inner) = inner {
        inner.remove(last);
    }
}

/// Values of keys that a file may leave out.
fn default_of(key: &str) -> Option<Value> {
    Some(match key {
        "optimizer.weight_decay" => Value::Float(0.01),
        "optimizer.momentum" => Value::Float(0.9),
        _ => return None,
    })
}

/// Six digits: 0.1 · 0.3 is 0.03 for a reader.
fn rounded(x: f64) -> f64 {
    format!("{x:.5e}").parse().unwrap_or(x)
}

fn scale(table: &mut Table, key: &str, by: f64) -> Result<(), Text> {
    let epochs = key == "training.steps" && get(table, key).is_none();
    let key = if epochs { "training.epochs" } else { key };
    let to = match get(table, key).cloned().or_else(|| default_of(key)) {
        Some(Value::Float(x)) => Value::Float(rounded(x * by)),
        Some(Value::Integer(n)) if key.starts_with("optimizer.") => Value::Float(rounded(n as f64 * by)),
        Some(Value::Integer(n)) => Value::Integer(((n as f64 * by).round() as i64).max(1)),
        _ => return Err(unfit(key)),
    };
    set(table, key, to)
}

pub(super) fn layers(table: &mut Table) -> Result<&mut Vec<Value>, Text> {
    table
        .get_mut("model")
        .and_then(|m| m.get_mut("layers"))
        .and_then(Value::as_array_mut)
        .ok_or_else(|| unfit("model.layers"))
}

/// Where a layer's settings stand.
enum Slot {
    /// In a key of the model: `"dropout"` in the list stands for `model.dropout`.
    Key(String),
    /// In the list: its index, and those of the lists inside that it stands in.
    Place(Vec<usize>),
}

/// The list that a path of indices leads to: into residual blocks and branches.
fn list_at<'a>(table: &'a mut Table, path: &[usize]) -> Option<&'a mut Vec<Value>> {
    let mut list = table.get_mut("model")?.get_mut("layers")?.as_array_mut()?;
    let mut path = path.iter();
    while let Some(i) = path.next() {
        let block = list.get_mut(*i)?.as_table_mut()?;
        let word = ["residual", "shortcut", "branches"][*path.next()?];
        list = block.get_mut(word)?.as_array_mut()?;
        if word == "branches" {
            list = list.get_mut(*path.next()?)?.as_array_mut()?;
        }
    }
    Some(list)
}

/// `layers[3].residual[1]` as indices, words as their number in `list_at`.
fn indices(path: &str) -> Vec<usize> {
    let parts = path.split(['.', '[', ']']).filter(|p| !p.is_empty() && *p != "layers");
    parts
        .filter_map(|p| match p {
            "residual" => Some(0),
            "shortcut" => Some(1),
            "branches" => Some(2),
            p => p.parse().ok(),
        })
        .collect()
}

fn slot(subject: &Subject, layer: &str) -> Result<Slot, Text> {
    let places = &subject.spec().model.places;
    let (_, path) = places.iter().find(|(name, _)| name == layer).ok_or_else(|| unfit(layer))?;
    let place = indices(path);
    let (last, parents) = place.split_last().ok_or_else(|| unfit(layer))?;
    let mut table = subject.table.clone();
    let item = list_at(&mut table, parents).and_then(|l| l.get(*last));
    let word = |v: &Value, w: &str| v.as_str() == Some(w);
    let inside = |w: &str| {
        item.is_some_and(|v| {
            word(v, w)
                || v.get("layers").and_then(Value::as_array).is_some_and(|all| all.iter().any(|v| word(v, w)))
        })
    };
    let kind = subject.plan.node(layer).and_then(|n| n.layer.as_ref());
    match kind {
        Some(LayerKind::Dropout(_)) if inside("dropout") => Ok(Slot::Key("model.dropout".into())),
        Some(LayerKind::BatchNorm(_)) if inside("norm") => Ok(Slot::Key("model.batch_norm".into())),
        _ => Ok(Slot::Place(place)),
    }
}

fn set_layer(table: &mut Table, place: &[usize], key: &str, to: Value) -> Result<(), Text> {
    let (last, parents) = place.split_last().ok_or_else(|| unfit(key))?;
    let item = list_at(table, parents).and_then(|l| l.get_mut(*last)).ok_or_else(|| unfit(key))?;
    let put = |item: &mut Value, to: Value| match item {
        Value::Table(layer) => {
            layer.insert(key.into(), to);
        }
        Value::String(word) => {
            let mut layer = Table::new();
            match word.as_str() {
                // These words are short for a table whose first key is the kind.
                "batch-norm" => layer.insert(word.clone(), Value::String("pytorch".into())),
                other => layer.insert("layer".into(), Value::String(other.into())),
            };
            layer.insert(key.into(), to);
            *item = Value::Table(layer);
        }
        _ => {}
    };
    match item.get_mut("layers").and_then(Value::as_array_mut) {
        // A repeated block: every layer of it that has the key.
        Some(block) => {
            for layer in block.iter_mut().filter(|l| l.get(key).is_some()) {
                put(layer, to.clone());
            }
        }
        None => put(item, to),
    }
    Ok(())
}

/// Calls a function for every layer that is a table, blocks included.
fn each_layer(table: &mut Table, f: &mut dyn FnMut(&mut Table)) {
    fn walk(list: &mut [Value], f: &mut dyn FnMut(&mut Table)) {
        for layer in list.iter_mut().filter_map(Value::as_table_mut) {
            f(layer);
            inner_lists(layer).for_each(|inner| walk(inner, f));
        }
    }
    if let Ok(list) = layers(table) {
        walk(list, f);
    }
}

/// The lists of layers in a block.
pub(super) fn inner_lists(block: &mut Table) -> impl Iterator<Item = &mut Vec<Value>> {
    let lists = block
        .iter_mut()
        .filter(|(k, _)| ["layers", "residual", "shortcut", "branches"].contains(&k.as_str()));
    lists.filter_map(|(_, v)| v.as_array_mut()).flat_map(|list| {
        // Branches are a list of lists.
        if list.first().is_some_and(Value::is_array) {
            list.iter_mut().filter_map(Value::as_array_mut).collect::<Vec<_>>()
        } else {
            vec![list]
        }
    })
}

/// Whether a layer of the list is an activation.
pub(super) fn is_activation(layer: &Value) -> bool {
    match layer {
        Value::String(word) => ACTIVATIONS.contains(&word.as_str()),
        Value::Table(t) => {
            t.contains_key("leaky-relu")
                || t.contains_key("elu")
                || t.get("layer").and_then(Value::as_str).is_some_and(|w| ACTIVATIONS.contains(&w))
        }
        _ => false,
    }
}

pub(super) fn is_weighted(layer: &Value) -> bool {
    layer.as_table().is_some_and(|t| WEIGHTED.iter().any(|k| t.contains_key(*k)))
}

fn activations(table: &mut Table, to: &str, init: &str) -> Result<(), Text> {
    fn walk(list: &mut [Value], last: usize, to: &str) {
        for layer in list.iter_mut().take(last) {
            // A soft-max between layers stands where an activation should.
            let fits = is_activation(layer) || layer.as_str() == Some("softmax");
            if fits && layer.as_str() != Some("activation") {
                *layer = Value::String(to.into());
            } else if let Some(block) = layer.as_table_mut() {
                inner_lists(block).for_each(|inner| walk(inner, usize::MAX, to));
            }
        }
    }
    let list = layers(table)?;
    // What follows the last layer with weights is the head's.
    let last = list.iter().rposition(is_weighted).unwrap_or(list.len());
    walk(list, last, to);
    let named = get(table, "model.activation").is_some();
    if named {
        set(table, "model.activation", Value::String(to.into()))?;
    }
    each_layer(table, &mut |layer| {
        layer.remove("init");
    });
    set(table, "model.init", Value::String(init.into()))
}

fn separate(list: &mut Vec<Value>, with: &str) {
    let mut i = 1;
    while i < list.len() {
        if is_weighted(&list[i - 1]) && is_weighted(&list[i]) {
            list.insert(i, Value::String(with.into()));
        }
        i += 1;
    }
    for inner in list.iter_mut().filter_map(|l| l.get_mut("layers")).filter_map(Value::as_array_mut) {
        // A block that ends with weights and is repeated follows itself.
        if inner.last().is_some_and(is_weighted) {
            inner.push(Value::String(with.into()));
        }
        separate(inner, with);
    }
}

fn widen(table: &mut Table, by: f64) -> Result<(), Text> {
    if get(table, "model.width").is_some() {
        return scale(table, "model.width", by);
    }
    let list = layers(table)?;
    let last = list.iter().rposition(is_weighted).unwrap_or(0);
    for layer in list.iter_mut().take(last).filter_map(Value::as_table_mut) {
        if let Some(Value::Integer(n)) = layer.get_mut("linear") {
            *n = ((*n as f64 * by).round() as i64).max(1);
        }
    }
    Ok(())
}
