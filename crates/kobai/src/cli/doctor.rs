//! `kobai doctor`.

use super::errors::{CLAIM, Failure, USAGE};
use super::{Terminal, print};
use clap::ArgMatches;
use kobai_data::Locations;
use kobai_doctor::{checks, report};
use kobai_engine::{Explanation, Lang, say};
use kobai_lab::doctor::{Examination, Options, Origin, Subject, document, examine_subject};
use kobai_lab::results::Text;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

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
    let (mut documents, mut sick) = (Vec::new(), false);
    for (i, subject) in subjects.iter().enumerate() {
        let tell = |line: &Text| {
            if !as_json {
                let _ = writeln!(std::io::stderr().lock(), "{}", line.get(lang));
            }
        };
        let examination = examine_subject(subject, &options, &tell);
        sick |= !examination.diagnosis.healthy();
        if as_json {
            documents.push(document(&examination));
        } else {
            let gap = if i == 0 { "" } else { "\n" };
            print(&format!("{gap}{}", describe(subject, &examination, lang)))?;
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

fn describe(subject: &Subject, e: &Examination, lang: Lang) -> String {
    let mut text = String::new();
    let (source, row) = (&e.source, &e.row);
    let title = if subject.has_siblings { format!("{source} · {row}") } else { source.clone() };
    let _ = writeln!(text, "{title}");
    let _ = write!(text, "{}", report::diagnosis(&e.diagnosis, lang));
    let (watched, tests, seconds) = (e.cost.watched_steps, e.cost.test_steps, e.cost.seconds);
    let _ = writeln!(
        text,
        "\n{}",
        say!(
            lang,
            "cost: {watched} steps watched, {tests} steps of tests, {seconds:.1} s",
            "費用: 観察 {watched} ステップ、検査 {tests} ステップ、{seconds:.1} 秒"
        )
    );
    text
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
