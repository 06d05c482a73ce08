//! `[surfaces]`: optimisers on surfaces of two params.

use super::error::ExperimentProblem;
use super::reader::{Read, Reader};
use super::training;
use crate::surfaces::{Rule, Surface, SurfaceSpec};
use toml::Value;

/// Updates of a path, unless the file says otherwise.
const STEPS: usize = 400;
/// Starts of a seed, unless the file says otherwise.
const STARTS: usize = 32;

/// The section of a file, if it has one.
pub(super) fn read(file: &Reader<'_>) -> Read<Option<SurfaceSpec>> {
    let Some(at) = file.table("surfaces")? else { return Ok(None) };
    let known = Surface::ALL.map(|s| (s.name(), s));
    let names = at.strings("on")?;
    let on = names.iter().map(|name| at.choice("on", name, &known)).collect::<Read<Vec<Surface>>>()?;
    let mut spec = SurfaceSpec {
        on: if on.is_empty() { Surface::ALL.to_vec() } else { on },
        steps: at.count("steps")?.unwrap_or(STEPS),
        starts: at.count("starts")?.unwrap_or(STARTS),
        rules: Vec::new(),
    };
    for rule in at.tables("rules")? {
        spec.rules.push(one(&rule, at.source())?);
        rule.finish()?;
    }
    if spec.rules.is_empty() {
        return at.missing("rules");
    }
    at.finish()?;
    Ok(Some(spec))
}

fn one(rule: &Reader<'_>, source: &super::reader::Source) -> Read<Rule> {
    let Some(Value::Table(optimizer)) = rule.value("optimizer") else {
        return rule.fail("optimizer", |key| ExperimentProblem::Missing { key });
    };
    let mut optimizer = optimizer.clone();
    let tuned = !optimizer.contains_key("lr");
    if tuned {
        // Any rate: tuning replaces it on every surface.
        optimizer.insert("lr".into(), Value::Float(1.0));
    }
    let at = Reader::new(&optimizer, rule.key("optimizer"), source);
    Ok(Rule {
        id: rule.must_string("id")?.into(),
        label: rule.must_text("label")?,
        optimizer: training::updates(at)?.optimizer,
        tuned,
        beside: rule.string("beside")?.map(String::from),
    })
}
