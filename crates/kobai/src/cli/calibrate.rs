//! `kobai doctor calibrate`.

use super::errors::{FAILURE, Failure, USAGE};
use super::lab::{duration, interruptible};
use super::progress::Tally;
use super::{Terminal, print};
use clap::ArgMatches;
use kobai_data::Locations;
use kobai_engine::{Explanation, Lang, say};
use kobai_lab::calibration::{self, Case, Data, Outcome, Request};
use kobai_lab::session::SessionError;
use kobai_lab::store;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Seconds of one core that an examination and a treatment of these small
/// experiments take, about.
const EXAMINATION: f64 = 1.5;
const TREATMENT: f64 = 30.0;

pub(super) fn run(m: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let lang = terminal.lang;
    let whole = |key| m.get_one::<u64>(key).copied();
    let cache = m.get_one::<PathBuf>("cache").cloned().unwrap_or_else(|| "runs/.cache/doctor".into());
    let request = Request {
        cases: cases(m, lang)?,
        seeds: whole("seeds").unwrap_or(5),
        threads: whole("threads").map_or_else(super::doctor::cores, |n| n as usize),
        data: Data::new(Locations::none()),
        cache: Some(cache),
    };
    if let Some(folder) = m.get_one::<PathBuf>("write") {
        return written(&request, folder, lang);
    }
    let cure = m.get_flag("cure");
    let failure = |e: SessionError| Failure::session(&e, lang);
    let (known, all) =
        if cure { calibration::known_cures(&request) } else { request.known() }.map_err(failure)?;
    let each = if cure { TREATMENT } else { EXAMINATION };
    let time = duration((all - known) as f64 * each / request.threads as f64, lang);
    let threads = request.threads;
    let line = match cure {
        true => say!(
            lang,
            "{all} treatments, {known} of them known; about {time} on {threads} threads",
            "治療 {all} 回、うち {known} 回は計算済み。{threads} スレッドで約 {time}"
        ),
        false => say!(
            lang,
            "{all} examinations, {known} of them known; about {time} on {threads} threads",
            "診察 {all} 回、うち {known} 回は計算済み。{threads} スレッドで約 {time}"
        ),
    };
    let _ = writeln!(std::io::stderr().lock(), "{line}");
    let stop = interruptible();
    let tally = Tally::new(!m.get_flag("no-progress"), lang);
    let tell = |done: usize, of: usize| tally.done(done, of);
    let json = m.get_flag("json");
    if cure {
        let cures = calibration::cures(&request, &stop, &tell);
        tally.finish();
        let cures = cures.map_err(failure)?;
        if json {
            let document = serde_json::json!({ "schema": "kobai.cures/1", "cures": cures });
            return print(&format!("{document}\n"));
        }
        return print(&calibration::cure_table(&cures, lang));
    }
    let outcomes = calibration::run(&request, &stop, &tell);
    tally.finish();
    let outcomes = outcomes.map_err(failure)?;
    let summary = calibration::summary(&request.cases, &outcomes, request.seeds);
    if json {
        let document = serde_json::to_string_pretty(&summary)
            .map_err(|e| Failure::new(FAILURE, Explanation::new(e.to_string())))?;
        return print(&format!("{document}\n"));
    }
    let mut text = String::new();
    if m.get_flag("verbose") {
        outcomes.iter().for_each(|o| text += &line_of(&request.cases[o.case], o));
        text.push('\n');
    }
    text += &summary.text(lang);
    print(&text)
}

/// Writes the cases as experiment files, with what is known of them at the head.
fn written(request: &Request, folder: &Path, lang: Lang) -> Result<u8, Failure> {
    std::fs::create_dir_all(folder).map_err(|e| Failure::output(&e))?;
    for case in &request.cases {
        let subject = case.subject(&request.data).map_err(|e| Failure::session(&e, lang))?;
        let (id, source, known) = (&case.id, &case.source, expected(case));
        let head = format!("# {id} {source}: {known}\n\n");
        let path = folder.join(format!("{id}.toml"));
        store::write_whole(&path, format!("{head}{}", subject.experiment.resolved()).as_bytes())
            .map_err(|e| Failure::store(&e, lang))?;
    }
    let (n, shown) = (request.cases.len(), folder.display());
    print(&say!(lang, "{n} files in {shown}\n", "{shown} に {n} 件\n"))
}

/// Keys of the diseases that are right, and where.
fn expected(case: &Case) -> String {
    let layer = case.layer.as_deref().map_or(String::new(), |l| format!("@{l}"));
    if case.expect.is_empty() { "healthy".into() } else { format!("{}{layer}", case.expect.join("|")) }
}

/// The cases that are asked for.
fn cases(m: &ArgMatches, lang: Lang) -> Result<Vec<Case>, Failure> {
    let only: Vec<&str> =
        m.get_one::<String>("only").map(|t| t.split(',').map(str::trim).collect()).unwrap_or_default();
    let wanted = |c: &Case| {
        let part = |p: &&str| c.id.contains(p) || c.source == *p || c.expect.first().is_some_and(|k| k == p);
        only.is_empty() || only.iter().any(part)
    };
    let mut all: Vec<Case> = calibration::faults().into_iter().chain(calibration::healthy()).collect();
    let names: Vec<String> = all.iter().map(|c| c.id.clone()).collect();
    all.retain(wanted);
    if all.is_empty() {
        let (some, n) = (names.iter().take(8).cloned().collect::<Vec<_>>().join(", "), names.len());
        return Err(Failure::new(
            USAGE,
            Explanation::new(say!(lang, "no case has such a name", "その名前の例はありません")).fact(say!(
                lang,
                "{n} cases: {some}, …",
                "例は {n} 件: {some} など"
            )),
        ));
    }
    Ok(all)
}

/// A run in a line, for those who work on the rules.
fn line_of(case: &Case, o: &Outcome) -> String {
    let found: Vec<String> = o
        .doctor
        .iter()
        .map(|s| {
            let layer = s.layer.as_deref().map_or(String::new(), |l| format!("@{l}"));
            format!("{}/{}{layer} {} {:.2}", s.code, s.disease, s.severity.name(), s.probability)
        })
        .collect();
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} #{} [{}] score {:.3}, {:.1} s: {}",
        case.id,
        o.seed,
        expected(case),
        o.score,
        o.seconds,
        if found.is_empty() { "–".into() } else { found.join("; ") }
    );
    text
}
