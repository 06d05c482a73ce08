//! What claims are read from: the files' `[[claims]]`, the statements of the
//! course's notes, and published accuracies.

use super::error::ExperimentProblem;
use super::reader::{Read, Reader};
use crate::claims::ClaimSpec;
use crate::results::{Condition, Published, Text};
use toml::{Table, Value};

/// The statements of the course's notes, in both languages.
const STATEMENTS: &str = include_str!("../../experiments/statements.toml");

/// Published accuracies by identifier.
const REFERENCES: &str = include_str!("../../experiments/references.toml");

pub(super) fn claims(file: &Reader<'_>) -> Read<Vec<ClaimSpec>> {
    let mut claims = Vec::new();
    for claim in file.tables("claims")? {
        let conditions = (claim.float("below")?, claim.float("above")?, claim.float("equals")?);
        let condition = match conditions {
            (Some(x), None, None) => Condition::Below(x),
            (None, Some(x), None) => Condition::Above(x),
            (None, None, Some(x)) => Condition::Equals(x),
            _ => {
                return claim.fail("below", |key| ExperimentProblem::Missing {
                    key: key.replace("below", "below | above | equals"),
                });
            }
        };
        claims.push(ClaimSpec {
            id: claim.must_string("id")?.into(),
            notes: claim.strings("notes")?,
            text: claim.must_text("text")?,
            measure: claim.must_string("measure")?.into(),
            condition,
            holds: claim.text("holds")?,
            fails: claim.text("fails")?,
        });
        claim.finish()?;
    }
    Ok(claims)
}

/// The statements of the course's notes that claims decide, by identifier
/// (`C1.01`): what a claim's `notes` refer to.
#[must_use]
pub fn statements() -> Vec<(String, Text)> {
    let all: Table = STATEMENTS.parse().unwrap_or_default();
    let text = |value: &Value, lang: &str| value.get(lang).and_then(Value::as_str).map(String::from);
    let one =
        |(id, value): (String, Value)| Some((id, Text { en: text(&value, "en")?, ja: text(&value, "ja")? }));
    all.into_iter().filter_map(one).collect()
}

/// The published result of this identifier.
#[must_use]
pub fn published(reference: &str) -> Option<Published> {
    let all: Table = REFERENCES.parse().ok()?;
    let entry = all.get(reference)?.as_table()?;
    let floats = |key| -> Option<Vec<f64>> {
        Some(entry.get(key)?.as_array()?.iter().filter_map(Value::as_float).collect())
    };
    Some(Published {
        notebooks: floats("notebooks")?,
        mean: entry.get("mean")?.as_float()?,
        sd: entry.get("sd")?.as_float()?,
        range: floats("range")?.try_into().ok()?,
        n: u32::try_from(entry.get("n")?.as_integer()?).ok()?,
    })
}
