//! Every statement of the course's notes is decided by some claim, and every
//! claim's `notes` name a statement.

#![allow(clippy::print_stdout, reason = "what is still open is told")]

use kobai_lab::experiment::{Changes, Experiment, statements};
use std::collections::BTreeMap;

/// Statements that no experiment decides yet. To be emptied, never to grow.
const OPEN: &[&str] = &[];

#[test]
fn every_statement_has_a_claim() {
    let statements = statements();
    let mut claims: BTreeMap<&str, usize> = statements.iter().map(|(id, _)| (id.as_str(), 0)).collect();
    assert_eq!(claims.len(), 47, "the notes make 47 statements");
    assert!(statements.iter().all(|(_, text)| !text.en.is_empty() && !text.ja.is_empty()));
    for name in Experiment::names() {
        let changes = Changes { outputs: Some(10), ..Changes::default() };
        for claim in Experiment::load(name, &changes).unwrap().claims {
            for note in &claim.notes {
                let count = claims.get_mut(note.as_str());
                *count.unwrap_or_else(|| panic!("{name}: {}: no statement {note}", claim.id)) += 1;
            }
        }
    }
    let missing: Vec<&str> = claims.into_iter().filter(|(_, n)| *n == 0).map(|(id, _)| id).collect();
    println!("without a claim: {missing:?}");
    let unexpected: Vec<_> = missing.iter().filter(|id| !OPEN.contains(id)).collect();
    assert!(unexpected.is_empty(), "no claim decides {unexpected:?}");
}
