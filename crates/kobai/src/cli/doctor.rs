//! `kobai doctor`.

use super::errors::{CLAIM, Failure, USAGE};
use super::{Terminal, print};
use clap::ArgMatches;
use kobai_data::Locations;
use kobai_doctor::{checks, report};
use kobai_engine::{Explanation, Lang, say};
use kobai_lab::doctor::report::{Style, report as full};
use kobai_lab::doctor::{
    Options, Origin, Protocol, Subject, Treatment, cured_file, document, examine_subject, treat,
};
use kobai_lab::results::Text;
use kobai_lab::store;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

pub(super) fn run(matches: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    match matches.subcommand() {
        Some(("explain", m)) => explain(m, terminal.lang),
        _ => examine(matches, terminal),
    }
}

fn origin(m: &ArgMatches) -> Origin {
    let text = |key| m.get_one::<String>(key).cloned();
    let pairs = m.get_many::<String>("set").into_iter().flatten();
    Origin {
        row: text("row"),
        data: text("data"),
        locations: Locations::from_env(m.get_one::<PathBuf>("data-dir").cloned()),
        set: pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "true")))
            .map(|(key, value)| (key.trim().into(), value.trim().into()))
            .collect(),
        ..Origin::new(text("experiment").unwrap_or_default())
    }
}

fn examine(m: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let lang = terminal.lang;
    let subjects = Subject::all(&origin(m)).map_err(|e| Failure::session(&e, lang))?;
    let whole = |key| m.get_one::<u64>(key).copied();
    let options = Options {
        seed: whole("seed").unwrap_or(0),
        threads: whole("threads").unwrap_or(1) as usize,
        steps: whole("steps"),
        tests: !m.get_flag("no-tests"),
        ..Options::default()
    };
    let as_json = m.get_flag("json");
    let style = Style { lang, color: terminal.color, width: terminal.width };
    let apply = m.get_one::<PathBuf>("apply");
    let protocol = Protocol {
        seeds: whole("proof-seeds").unwrap_or(5),
        first_seed: options.seed,
        threads: options.threads,
    };
    if apply.is_some() && subjects.len() > 1 {
        return Err(one_row_only(&subjects, lang));
    }
    let (mut documents, mut sick) = (Vec::new(), false);
    for (i, subject) in subjects.iter().enumerate() {
        let tell = |line: &Text| {
            if !as_json {
                let _ = writeln!(std::io::stderr().lock(), "{}", line.get(lang));
            }
        };
        let mut examination = examine_subject(subject, &options, &tell);
        sick |= !examination.diagnosis.healthy();
        let treatment = (m.get_flag("cure") || apply.is_some()).then(|| {
            let start = std::time::Instant::now();
            let treatment = treat(subject, &examination, &protocol, &tell);
            examination.cost.proof_steps = treatment.steps;
            examination.cost.seconds += start.elapsed().as_secs_f64();
            treatment
        });
        if as_json {
            documents.push(document(Some(subject), &examination, treatment.as_ref()));
        } else {
            let gap = if i == 0 { "" } else { "\n" };
            print(&format!("{gap}{}", full(style, Some(subject), &examination, treatment.as_ref())))?;
        }
        if let (Some(path), Some(treatment)) = (apply, &treatment) {
            write_cured(path, subject, treatment, as_json, lang)?;
        }
    }
    if as_json {
        let document = match documents.len() {
            1 => documents.remove(0),
            _ => serde_json::json!({ "schema": "kobai.doctor/1", "rows": documents }),
        };
        print(&format!("{document}\n"))?;
    }
    Ok(if sick && m.get_flag("strict") { CLAIM } else { 0 })
}

fn one_row_only(subjects: &[Subject], lang: Lang) -> Failure {
    let rows: Vec<&str> = subjects.iter().map(|s| s.row.as_str()).collect();
    let rows = rows.join(", ");
    Failure::new(
        USAGE,
        Explanation::new(say!(lang, "--apply needs one row", "--apply には行を 1 つ選んでください"))
            .fact(say!(lang, "rows: {rows}", "ある行: {rows}"))
            .hint(say!(lang, "choose one with --row", "--row で選べます")),
    )
}

/// Writes the cured file, if there is a cure.
fn write_cured(
    path: &Path,
    subject: &Subject,
    treatment: &Treatment,
    quiet: bool,
    lang: Lang,
) -> Result<(), Failure> {
    let shown = path.display();
    let line = match cured_file(subject, treatment, lang) {
        Some(text) => {
            store::write_whole(path, text.as_bytes()).map_err(|e| Failure::store(&e, lang))?;
            say!(lang, "written: {shown}", "書き込みました: {shown}")
        }
        None => say!(lang, "not written: there is no cure", "治療がないため書き込みません"),
    };
    if !quiet {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
    Ok(())
}

/// The page of a disease, or all of them in one line each.
fn explain(m: &ArgMatches, lang: Lang) -> Result<u8, Failure> {
    let Some(code) = m.get_one::<String>("code") else {
        let mut text = String::new();
        for check in checks::all() {
            let about = check.about();
            let _ = writeln!(text, "{}  {:<4} {}", about.code, about.disease, about.name(lang));
        }
        return print(&text);
    };
    match checks::named(code) {
        Some(check) => print(&report::page(check.about(), lang)),
        None => Err(Failure::new(
            USAGE,
            Explanation::new(say!(lang, "there is no disease `{code}`", "病気 `{code}` はありません"))
                .hint(say!(lang, "`kobai doctor explain` lists them all", "一覧は `kobai doctor explain`")),
        )),
    }
}
