//! The cured experiment file: the file as it was, with the change and its reasons.

use super::edit::Change;
use super::report::number;
use super::subject::Subject;
use super::treat::Treatment;
use crate::experiment;
use kobai_doctor::checks;
use kobai_engine::{Lang, say};
use toml_edit::{Array, DocumentMut, Item, Table, Value};

/// The text of the cured file, if a cure was found.
///
/// A file of one network keeps its comments and its order. One row of several,
/// or of a built-in experiment, becomes a file of its own.
#[must_use]
pub fn cured_file(subject: &Subject, treatment: &Treatment, lang: Lang) -> Option<String> {
    let attempt = treatment.proof()?;
    let own = || {
        let text = std::fs::read_to_string(&subject.source).ok()?;
        let document: DocumentMut = text.parse().ok()?;
        // Keys of rows come before the shared ones: then the row is written out.
        (!document.contains_key("rows") && !subject.changed).then_some(document)
    };
    let mut document = experiment::is_path(&subject.source)
        .then(own)
        .flatten()
        .or_else(|| toml::to_string(&subject.table).ok()?.parse().ok())?;
    // Removed layers last, from the end: they move those after them.
    let (removed, set): (Vec<&Change>, Vec<&Change>) =
        attempt.changes.iter().partition(|c| c.after.is_none() && c.key.contains('['));
    for change in set.into_iter().chain(removed.into_iter().rev()) {
        put(&mut document, change, &reasons(treatment, lang));
    }
    let head = header(subject, treatment, lang);
    Some(format!("{head}{document}"))
}

/// The comment at the top.
fn header(subject: &Subject, treatment: &Treatment, lang: Lang) -> String {
    let Some(attempt) = treatment.proof() else { return String::new() };
    let proof = &attempt.proof;
    let (source, row) = (&subject.source, &subject.row);
    let what = if subject.has_siblings { format!("{source} · {row}") } else { source.clone() };
    let mut lines = vec![say!(
        lang,
        "Cured from {what} by `kobai doctor --cure`.",
        "{what} を `kobai doctor --cure` で治したもの。"
    )];
    for code in &attempt.codes {
        let name = checks::named(code).map_or("", |c| c.about().name(lang));
        lines.push(format!("{code}: {name}"));
    }
    let (verdict, seeds, steps) = (proof.verdict.words(lang), proof.seeds.len(), proof.steps);
    let values: Vec<String> =
        proof.arms.iter().map(|a| format!("{} {}", a.name, number(a.median()))).collect();
    let (better, values) = (proof.better, values.join(", "));
    lines.push(say!(
        lang,
        "{verdict}: better in {better} of {seeds} seeds of {steps} steps; medians {values}",
        "{verdict}: {steps} ステップ × {seeds} シード中 {better} で改善。中央値 {values}"
    ));
    lines.push(say!(
        lang,
        "A unchanged, B this file, C another start, D another change, E Adam 0.001 + He + standardised",
        "A 変更なし、B このファイル、C 別の初期値、D 無関係な変更、E Adam 0.001＋He＋標準化"
    ));
    lines.iter().map(|l| format!("# {l}\n")).collect::<String>() + "\n"
}

/// Codes and names of what the cure is for, in one line.
fn reasons(treatment: &Treatment, lang: Lang) -> String {
    let name = |code: &&str| {
        let name = checks::named(code).map_or("", |c| c.about().name(lang));
        format!("{code} {name}")
    };
    treatment.cure.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Makes one change, with a comment above it that says what was there.
fn put(document: &mut DocumentMut, change: &Change, reason: &str) {
    let comment = match &change.before {
        Some(before) => format!("# kobai doctor: {reason}; {before}\n"),
        None => format!("# kobai doctor: {reason}\n"),
    };
    let (path, index) = match change.key.split_once('[') {
        Some((path, index)) => (path, index.trim_end_matches(']').parse::<usize>().ok()),
        None => (change.key.as_str(), None),
    };
    let mut parts: Vec<&str> = path.split('.').collect();
    let last = parts.pop().unwrap_or(path);
    let mut item = document.as_item_mut();
    for part in parts {
        if item.get(part).is_none() {
            let mut table = Table::new();
            table.set_implicit(false);
            item[part] = Item::Table(table);
        }
        item = &mut item[part];
    }
    let value = change.after.as_ref().and_then(|text| text.parse::<Value>().ok());
    if let Some(index) = index {
        let Some(list) = item.get_mut(last).and_then(Item::as_array_mut) else { return };
        in_list(list, index, value, change.before.is_some(), &comment);
        return;
    }
    // Comments have no place in a table that stands in one line.
    let inline = item.is_inline_table();
    let Some(table) = item.as_table_like_mut() else { return };
    match value {
        Some(value) => {
            let note = !inline;
            table.insert(last, Item::Value(value));
            if note && let Some(mut key) = table.key_mut(last) {
                key.leaf_decor_mut().set_prefix(comment);
            }
        }
        None => {
            table.remove(last);
        }
    }
}

/// Replaces, inserts or removes a layer of the list.
fn in_list(list: &mut Array, index: usize, value: Option<Value>, was_there: bool, comment: &str) {
    let note = format!("\n  {}  ", comment.trim_end().replace('\n', "\n  ") + "\n");
    match value {
        Some(mut value) => {
            value.decor_mut().set_prefix(note);
            if was_there && index < list.len() {
                list.replace_formatted(index, value);
            } else if index <= list.len() {
                list.insert_formatted(index, value);
            }
        }
        None if index < list.len() => {
            list.remove(index);
        }
        None => {}
    }
}
