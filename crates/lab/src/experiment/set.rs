//! `--set KEY=VALUE`: changes of a file from outside.
//!
//! | key | what it changes |
//! |---|---|
//! | `optimizer.lr`, `seeds`, … | the file's key, for every row that does not set it itself |
//! | `l2.optimizer.l2` | the key of the row `l2` alone |
//! | `l2.lr`, `l2.steps`, … | the same: within a row the last word is enough where it is unambiguous |
//! | `l2.lambda` | the strength of the row's penalty, L1 or L2 |

use super::error::ExperimentProblem;
use super::reader::{Read, Source};
use super::{KEYS, SHARED, assign};
use kobai_engine::text::nearest;
use toml::{Table, Value};

/// Keys of a row that are known without their table, where no file sets them.
const SHORT: [(&str, &[&str]); 3] = [
    ("model", &["activation", "init", "batch_norm", "dropout", "dropout_scaling", "width", "depth", "loss"]),
    (
        "training",
        &[
            "steps",
            "batch",
            "sampling",
            "evaluate_every",
            "evaluate_examples",
            "observe_every",
            "examples",
            "freeze",
        ],
    ),
    (
        "optimizer",
        &["name", "lr", "momentum", "eps", "rho", "beta1", "beta2", "l1", "l2", "weight_decay", "clip_norm"],
    ),
];

/// Applies one change.
///
/// # Errors
/// A key that belongs neither to the file nor to one of its rows.
pub(super) fn apply(table: &mut Table, key: &str, value: &str, source: &Source) -> Read<()> {
    let value = parsed(value);
    let fail = |key: &str, nearest: Option<String>, known: Vec<String>| {
        let problem = ExperimentProblem::UnknownKey { key: key.into(), nearest, known };
        Err(super::ExperimentError { file: source.file.clone(), line: None, problem })
    };
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    let ids = rows(table);
    if ids.iter().any(|id| id == first) && !(KEYS.contains(&first) && table.contains_key(first)) {
        let own = resolved(table, first);
        let Some(full) = full_key(&own, rest) else {
            let known = own.iter().flat_map(|(table, keys)| {
                keys.as_table().into_iter().flat_map(move |t| t.keys().map(move |k| format!("{table}.{k}")))
            });
            let known: Vec<String> = known.collect();
            let words = known.iter().map(|k| k.rsplit('.').next().unwrap_or(k));
            let slip = match rest {
                // The row has no penalty whose strength could be set.
                "lambda" => Some("l2"),
                _ => nearest(rest, words.chain(["lambda"])),
            };
            let slip = slip.map(|word| format!("{first}.{word}"));
            return fail(key, slip, known);
        };
        set_in_row(table, first, &full, value);
        return Ok(());
    }
    if KEYS.contains(&first) {
        return match assign(table, key, value) {
            Ok(()) => Ok(()),
            Err(part) => fail(&part, None, Vec::new()),
        };
    }
    let known: Vec<String> = KEYS.iter().map(|k| (*k).to_string()).chain(ids).collect();
    // A key without its table is the usual slip.
    let slip = match SHORT.iter().find(|(_, keys)| keys.contains(&key)) {
        Some((table, _)) => Some(format!("{table}.{key}")),
        None => nearest(first, known.iter().map(String::as_str)).map(|near| match rest {
            "" => near.to_string(),
            _ => format!("{near}.{rest}"),
        }),
    };
    fail(key, slip, known)
}

/// A TOML value, or the text itself.
fn parsed(value: &str) -> Value {
    value.parse::<Value>().unwrap_or_else(|_| Value::String(value.into()))
}

fn rows(table: &Table) -> Vec<String> {
    let rows = table.get("rows").and_then(Value::as_array).into_iter().flatten();
    rows.filter_map(|row| row.get("id")?.as_str().map(String::from)).collect()
}

/// The tables that a row ends up with.
fn resolved(table: &Table, id: &str) -> Table {
    let mut own: Table =
        SHARED.iter().filter_map(|k| Some(((*k).to_string(), table.get(*k)?.clone()))).collect();
    let mut rows = table.get("rows").and_then(Value::as_array).into_iter().flatten();
    let row = rows.find(|row| row.get("id").and_then(Value::as_str) == Some(id));
    for (key, value) in row.and_then(|r| r.get("set")).and_then(Value::as_table).into_iter().flatten() {
        // What cannot be set is told when the row is read.
        let _ = assign(&mut own, key, value.clone());
    }
    own
}

/// The dotted key that a row's word stands for.
fn full_key(own: &Table, word: &str) -> Option<String> {
    if word.is_empty() {
        return None;
    }
    if SHARED.iter().any(|s| word.strip_prefix(s).is_some_and(|w| w.starts_with('.'))) {
        return Some(word.into());
    }
    let has = |table: &str, key: &str| own.get(table).and_then(|t| t.get(key)).is_some();
    if word == "lambda" {
        let l1 = has("optimizer", "l1") && !has("optimizer", "l2");
        let any = has("optimizer", "l1") || has("optimizer", "l2");
        return any.then(|| format!("optimizer.{}", if l1 { "l1" } else { "l2" }));
    }
    let there: Vec<&str> = SHARED.iter().copied().filter(|table| has(table, word)).collect();
    match there[..] {
        [table] => Some(format!("{table}.{word}")),
        [] => SHORT.iter().find(|(_, keys)| keys.contains(&word)).map(|(table, _)| format!("{table}.{word}")),
        _ => None,
    }
}

/// A label that speaks of the file's setting says what became of it.
fn relabel(row: &mut Table, key: &str, value: &Value) {
    let word = key.rsplit('.').next().unwrap_or(key);
    let label = row.get_mut("label").and_then(Value::as_table_mut);
    for (_, text) in label.into_iter().flat_map(Table::iter_mut) {
        if let Value::String(text) = text {
            text.push_str(&format!(" → {word} = {value}"));
        }
    }
}

fn set_in_row(table: &mut Table, id: &str, key: &str, value: Value) {
    let rows = table.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten();
    for row in rows.filter_map(Value::as_table_mut) {
        if row.get("id").and_then(Value::as_str) != Some(id) {
            continue;
        }
        relabel(row, key, &value);
        for name in ["set", "set_as_published"] {
            let entry = match name {
                "set" => Some(row.entry(name).or_insert_with(|| Value::Table(Table::new()))),
                // It would win over `set`; what the user says wins over both.
                _ => row.get_mut(name),
            };
            if let Some(Value::Table(set)) = entry
                && (name == "set" || set.contains_key(key))
            {
                set.insert(key.into(), value.clone());
            }
        }
    }
}
