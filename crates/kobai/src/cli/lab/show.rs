//! `kobai lab show`.

use super::request;
use crate::cli::errors::Failure;
use crate::cli::print;
use clap::ArgMatches;
use kobai_engine::{Lang, say};
use kobai_kernels::Isa;
use kobai_lab::session::Session;
use std::fmt::Write;

/// Rows, claims, networks and the resolved file.
pub(super) fn show(m: &ArgMatches, lang: Lang) -> Result<u8, Failure> {
    let session = Session::prepare(request(m, Isa::best(), lang)).map_err(|e| Failure::session(&e, lang))?;
    let e = session.experiment();
    if m.get_flag("toml") {
        return print(&e.resolved());
    }
    if m.get_flag("json") {
        let rows: Vec<_> = e
            .rows
            .iter()
            .zip(session.plans())
            .map(|(row, plan)| {
                serde_json::json!({
                    "id": row.id, "label": row.label, "reference": row.reference,
                    "params": plan.param_len(), "macs": plan.macs(), "steps": row.training.steps,
                    "batch": row.training.batch, "optimizer": row.training.updates.optimizer.name(),
                })
            })
            .collect();
        let claims: Vec<_> = e
            .claims
            .iter()
            .map(
                |c| serde_json::json!({ "id": c.id, "notes": c.notes, "text": c.text, "measure": c.measure }),
            )
            .collect();
        let document = serde_json::json!({
            "schema": "kobai.experiment-summary/1", "id": e.id, "title": e.title, "summary": e.summary,
            "data": session.data_line(), "seeds": e.seeds, "rows": rows, "claims": claims,
        });
        return print(&format!("{document}\n"));
    }
    let mut text =
        format!("{}\n{}\n\n{}\n", e.title.get(lang), e.summary.get(lang), session.data_line().get(lang));
    if let Some(on) = &e.surfaces {
        let _ = writeln!(text, "\n{}", say!(lang, "rules", "手法"));
        for rule in &on.rules {
            let _ = writeln!(text, "  {:<16} {}", rule.id, rule.label.get(lang));
        }
        let names: Vec<_> = on.on.iter().map(|s| s.name()).collect();
        let _ = writeln!(text, "\n{}\n  {}", say!(lang, "surfaces", "曲面"), names.join(", "));
    }
    if !e.rows.is_empty() {
        let _ = writeln!(text, "\n{}", say!(lang, "networks", "ネットワーク"));
    }
    for row in &e.rows {
        let t = &row.training;
        let (steps, batch, name) = (t.steps, t.batch, t.updates.optimizer.name());
        let _ = writeln!(
            text,
            "  {:<16} {}  ({})",
            row.id,
            row.label.get(lang),
            say!(lang, "{steps} steps of {batch}, {name}", "{steps} ステップ × {batch}、{name}")
        );
    }
    let _ = writeln!(text, "\n{}", say!(lang, "claims", "主張"));
    for claim in &e.claims {
        let _ = writeln!(text, "  {:<32} {}", claim.id, claim.text.get(lang));
    }
    if let Some(note) = &e.as_published {
        let _ = writeln!(text, "\n--as-published\n  {}", note.get(lang));
    }
    if let (Some(row), Some(plan)) = (e.rows.first(), session.plans().first()) {
        let id = &row.id;
        let _ = write!(text, "\n{}\n{}", say!(lang, "plan of {id}", "{id} の計画"), plan.table(lang));
    }
    print(&text)
}
