//! What one file sets differently from another, and its diff.

use toml::{Table, Value};

/// A key that two files set differently.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The dotted key; `model.layers[3]` for a layer of the list.
    pub key: String,
    /// Its value before, as TOML; none if it was not there.
    pub before: Option<String>,
    /// Its value after.
    pub after: Option<String>,
}

/// What one file sets differently from another.
#[must_use]
pub fn changes(before: &Table, after: &Table) -> Vec<Change> {
    let mut all = Vec::new();
    compare("", before, after, &mut all);
    all
}

fn compare(path: &str, before: &Table, after: &Table, all: &mut Vec<Change>) {
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (before.get(key), after.get(key)) {
            (Some(Value::Table(a)), Some(Value::Table(b))) => compare(&path, a, b, all),
            (None, Some(Value::Table(b))) => compare(&path, &Table::new(), b, all),
            (Some(Value::Array(a)), Some(Value::Array(b))) => compare_lists(&path, a, b, all),
            (a, b) if a == b => {}
            (a, b) => all.push(Change { key: path, before: a.map(inline), after: b.map(inline) }),
        }
    }
}

/// Differences between two lists, between what they begin and end with in common.
fn compare_lists(path: &str, a: &[Value], b: &[Value], all: &mut Vec<Change>) {
    let front = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let most = a.len().min(b.len()) - front;
    let back = a.iter().rev().zip(b.iter().rev()).take(most).take_while(|(x, y)| x == y).count();
    let (a_mid, b_mid) = (&a[front..a.len() - back], &b[front..b.len() - back]);
    for i in 0..a_mid.len().max(b_mid.len()) {
        let (x, y) = (a_mid.get(i), b_mid.get(i));
        if x != y {
            let key = format!("{path}[{}]", front + i);
            all.push(Change { key, before: x.map(inline), after: y.map(inline) });
        }
    }
}

/// A value in one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Table(t) => {
            let parts: Vec<String> = t.iter().map(|(k, v)| format!("{k} = {}", inline(v))).collect();
            format!("{{ {} }}", parts.join(", "))
        }
        Value::Array(a) => format!("[{}]", a.iter().map(inline).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Changes as lines of a diff, keys under the table that they stand in.
#[must_use]
pub fn diff(changes: &[Change]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut table = String::new();
    for change in changes {
        let (head, key) = change.key.rsplit_once('.').unwrap_or(("", &change.key));
        if head != table {
            table = head.into();
            lines.push(format!("  [{head}]"));
        }
        // A layer of the list is shown as it stands there.
        let name = |value: &String| {
            if key.contains('[') { format!("  {value},") } else { format!("{key} = {value}") }
        };
        if key.contains('[') && change.before.is_some() | change.after.is_some() {
            lines.push(format!("  {key}"));
        }
        lines.extend(change.before.as_ref().map(|v| format!("- {}", name(v))));
        lines.extend(change.after.as_ref().map(|v| format!("+ {}", name(v))));
    }
    lines
}
