//! Rows that were asked for, and rows that claims are about, exist.

use super::error::{SessionError, UnknownRow};
use crate::experiment::Experiment;
use crate::surfaces::SurfaceSpec;

/// Leaves the rows that were asked for, and the claims about them alone.
pub(super) fn pick_rows(experiment: &mut Experiment, wanted: &[String]) -> Result<(), SessionError> {
    let known: Vec<String> = experiment.rows.iter().map(|r| r.id.clone()).collect();
    if let Some(row) = wanted.iter().find(|w| !known.contains(w)) {
        return Err(SessionError::Row(UnknownRow { claim: String::new(), row: row.clone(), known }));
    }
    if !wanted.is_empty() {
        experiment.rows.retain(|row| wanted.contains(&row.id));
        experiment.claims.retain(|claim| claim.unknown_rows(wanted).is_empty());
    }
    Ok(())
}

/// Every row and measure that claims are about exists.
pub(super) fn check_claims(experiment: &Experiment) -> Result<(), SessionError> {
    let rows = experiment.operands();
    for claim in &experiment.claims {
        if let Some(row) = claim.unknown_rows(&rows).into_iter().next() {
            return Err(SessionError::Claim(UnknownRow { claim: claim.id.clone(), row, known: rows }));
        }
        if let Some(row) = claim.unknown_surfaces(experiment.surfaces.as_ref()).into_iter().next() {
            let known = experiment.surfaces.as_ref().map(SurfaceSpec::measures).unwrap_or_default();
            // All of them would fill a screen: those of the same rule and surface, or the nearest.
            let nearest = kobai_engine::text::nearest(&row, known.iter().map(String::as_str));
            let known = nearest.map(|n| vec![n.to_string()]).unwrap_or(known);
            return Err(SessionError::Claim(UnknownRow { claim: claim.id.clone(), row, known }));
        }
    }
    Ok(())
}
