//! `kobai doctor`.

use super::errors::{CLAIM, DATA, Failure, USAGE};
use super::{Terminal, print};
use clap::ArgMatches;
use kobai_data::Locations;
use kobai_doctor::{checks, report};
use kobai_engine::{Explain, Explanation, Lang, say};
use kobai_lab::doctor::report::{Style, report as full};
use kobai_lab::doctor::{
    CAP, FAULTS, Options, Origin, Protocol, Subject, TORCH_HOOK, Treatment, cured_file, document,
    examine_subject, fault_named, foreign_run, inject, overhead, post_mortem, treat, watch,
};
use kobai_lab::results::Text;
use kobai_lab::store;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

pub(super) fn run(matches: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    match matches.subcommand() {
        Some(("explain", m)) => explain(m, terminal.lang),
        Some(("faults", m)) => faults(m, terminal.lang),
        Some(("calibrate", m)) => super::calibrate::run(m, terminal),
        Some(("torch-hook", _)) => print(TORCH_HOOK),
        _ => {
            let target = matches.get_one::<String>("experiment").map_or("", String::as_str);
            match Path::new(target) {
                path if path.is_dir() => folder(path, matches, terminal),
                path if target.ends_with(".jsonl") => foreign(path, matches, terminal),
                _ => examine(matches, terminal),
            }
        }
    }
}

fn style(terminal: &Terminal) -> Style {
    Style { lang: terminal.lang, color: terminal.color, width: terminal.width }
}

/// One document, or several as the rows of one.
fn print_documents(mut documents: Vec<serde_json::Value>) -> Result<u8, Failure> {
    let document = match documents.len() {
        1 => documents.remove(0),
        _ => serde_json::json!({ "schema": "kobai.doctor/1", "rows": documents }),
    };
    print(&format!("{document}\n"))
}

/// A post-mortem of a run folder.
fn folder(path: &Path, m: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let lang = terminal.lang;
    if !path.join("experiment.toml").is_file() {
        return Err(no_run(path, lang));
    }
    let found = post_mortem(path, &origin(m)).map_err(|e| Failure::session(&e, lang))?;
    if found.is_empty() {
        return Err(no_run(path, lang));
    }
    let sick = found.iter().any(|(_, e, _)| !e.diagnosis.healthy());
    if m.get_flag("json") {
        print_documents(found.iter().map(|(s, e, _)| document(Some(s), e, None)).collect())?;
    } else {
        for (i, (subject, examination, [same, runs])) in found.iter().enumerate() {
            let gap = if i == 0 { "" } else { "\n" };
            let text = full(style(terminal), Some(subject), examination, None);
            let seed = examination.seed;
            let line = say!(
                lang,
                "seed {seed}; the same first finding in {same} of {runs} runs",
                "シード {seed}。最初の所見が同じなのは {runs} 回中 {same} 回"
            );
            print(&format!("{gap}{text}{line}\n"))?;
        }
    }
    Ok(if sick && m.get_flag("strict") { CLAIM } else { 0 })
}

fn no_run(path: &Path, lang: Lang) -> Failure {
    let shown = path.display();
    Failure::new(
        DATA,
        Explanation::new(say!(lang, "there is no run in {shown}", "{shown} に学習の記録がありません")).hint(
            say!(
                lang,
                "a run folder is what `kobai lab run` leaves, such as runs/vanishing-gradient-digits",
                "`kobai lab run` が残すフォルダー（例: runs/vanishing-gradient-digits）を指定してください"
            ),
        ),
    )
}

/// A training of another framework.
fn foreign(path: &Path, m: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let lang = terminal.lang;
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| {
        let what = say!(lang, "cannot read {shown}", "{shown} を読めません");
        Failure::new(DATA, Explanation::new(what).fact(e.to_string()))
    })?;
    let (examination, by) = foreign_run(&shown, &text).map_err(|e| {
        let explanation = e.explain(lang);
        // The log of a run of ours has its network and its settings in the run's folder.
        let run = path.parent().and_then(Path::parent).filter(|run| run.join("experiment.toml").is_file());
        Failure::new(
            DATA,
            match run.map(Path::display) {
                Some(run) => explanation.hint(say!(
                    lang,
                    "this is the log of a run: `kobai doctor {run}` reads it",
                    "これは学習の記録の一部です。`kobai doctor {run}` で読めます"
                )),
                None => explanation,
            },
        )
    })?;
    if m.get_flag("json") {
        print_documents(vec![document(None, &examination, None)])?;
    } else {
        let line = watch::about(&examination.record, &by, lang);
        print(&format!("{}{line}\n", full(style(terminal), None, &examination, None)))?;
    }
    Ok(if !examination.diagnosis.healthy() && m.get_flag("strict") { CLAIM } else { 0 })
}

/// Diseases that can be planted.
fn faults(m: &ArgMatches, lang: Lang) -> Result<u8, Failure> {
    if m.get_flag("json") {
        let list: Vec<_> = FAULTS
            .iter()
            .map(|f| serde_json::json!({ "id": f.id, "code": f.expect, "what": { "en": f.what[0], "ja": f.what[1] } }))
            .collect();
        return print(&format!("{}\n", serde_json::json!({ "schema": "kobai.faults/1", "faults": list })));
    }
    let mut text = String::new();
    for fault in FAULTS {
        let _ = writeln!(text, "{:<16} {}  {}", fault.id, fault.expect, fault.what(lang));
    }
    print(&text)
}

/// The subjects with a disease planted into each.
fn injected(m: &ArgMatches, subjects: Vec<Subject>, lang: Lang) -> Result<Vec<Subject>, Failure> {
    let Some(id) = m.get_one::<String>("inject") else { return Ok(subjects) };
    let fault = fault_named(id).map_err(|near| {
        let e = Explanation::new(say!(
            lang,
            "there is no fault `{id}`",
            "植え付けられる病気 `{id}` はありません"
        ));
        Failure::new(
            USAGE,
            match near {
                Some(near) => e.hint(say!(lang, "did you mean `{near}`?", "`{near}` のことですか？")),
                None => {
                    e.hint(say!(lang, "`kobai doctor faults` lists them", "一覧は `kobai doctor faults`"))
                }
            },
        )
    })?;
    let mut sick = Vec::new();
    for subject in subjects {
        let unfit = |why: &Text| {
            let what =
                say!(lang, "`{id}` does not fit this experiment", "`{id}` はこの実験に植え付けられません");
            Failure::new(USAGE, Explanation::new(what).fact(why.get(lang)))
        };
        let table = inject(&subject, fault).map_err(|why| unfit(&why))?;
        let mut made = subject.edited(table).map_err(|e| Failure::session(&e, lang))?;
        made.changed = true;
        sick.push(made);
    }
    if let Some(path) = m.get_one::<PathBuf>("save-injected") {
        if sick.len() > 1 {
            return Err(one_row_only("--save-injected", &sick, lang));
        }
        let (what, source) = (fault.what(lang), &sick[0].source);
        let text = format!("# {source}: {what}\n\n{}", sick[0].experiment.resolved());
        store::write_whole(path, text.as_bytes()).map_err(|e| Failure::store(&e, lang))?;
    }
    Ok(sick)
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
    let subjects = injected(m, subjects, lang)?;
    let whole = |key| m.get_one::<u64>(key).copied();
    let options = Options {
        seed: whole("seed").unwrap_or(0),
        threads: whole("threads").unwrap_or(1) as usize,
        steps: whole("steps"),
        tests: !m.get_flag("no-tests"),
        ..Options::default()
    };
    let as_json = m.get_flag("json");
    if m.get_flag("overhead") {
        return measured(&subjects, &options, as_json, lang);
    }
    let style = style(terminal);
    let apply = m.get_one::<PathBuf>("apply");
    let protocol = Protocol {
        seeds: whole("proof-seeds").unwrap_or(5),
        first_seed: options.seed,
        // Arms are independent: side by side they give the same bits.
        threads: whole("threads").map_or_else(cores, |n| n as usize),
    };
    if apply.is_some() && subjects.len() > 1 {
        return Err(one_row_only("--apply", &subjects, lang));
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
        print_documents(documents)?;
    }
    Ok(if sick && m.get_flag("strict") { CLAIM } else { 0 })
}

pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What watching costs each subject.
fn measured(subjects: &[Subject], options: &Options, as_json: bool, lang: Lang) -> Result<u8, Failure> {
    /// Pairs of runs.
    const PAIRS: usize = 11;
    let mut documents = Vec::new();
    for subject in subjects {
        let steps = options.steps.unwrap_or(subject.spec().training.steps);
        let made = overhead(subject, steps, PAIRS, options.threads, CAP);
        let (row, percent, looks) = (&subject.row, made.median() * 100.0, made.looks);
        if as_json {
            documents.push(serde_json::json!({
                "schema": "kobai.overhead/1", "row": row, "steps": steps, "looks": looks,
                "median": made.median(), "pairs": made.pairs,
            }));
        } else {
            let line = say!(
                lang,
                "{row}: watching takes {percent:+.2} % (median of {PAIRS} pairs of {steps} steps, {looks} looked at)",
                "{row}: 見張りの費用 {percent:+.2} %（{steps} ステップの対 {PAIRS} 組の中央値、{looks} ステップを観察）"
            );
            print(&format!("{line}\n"))?;
        }
    }
    if as_json { print_documents(documents) } else { Ok(0) }
}

fn one_row_only(option: &str, subjects: &[Subject], lang: Lang) -> Failure {
    let rows: Vec<&str> = subjects.iter().map(|s| s.row.as_str()).collect();
    let rows = rows.join(", ");
    Failure::new(
        USAGE,
        Explanation::new(say!(lang, "{option} needs one row", "{option} には行を 1 つ選んでください"))
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
        if m.get_flag("json") {
            let list: Vec<_> = checks::all().iter().map(|c| page_document(c.about())).collect();
            let document = serde_json::json!({ "schema": "kobai.diseases/1", "diseases": list });
            return print(&format!("{document}\n"));
        }
        let mut text = String::new();
        for check in checks::all() {
            let about = check.about();
            let _ = writeln!(text, "{}  {:<4} {}", about.code, about.disease, about.name(lang));
        }
        return print(&text);
    };
    match checks::named(code) {
        Some(check) if m.get_flag("json") => print(&format!("{}\n", page_document(check.about()))),
        Some(check) => print(&report::page(check.about(), lang)),
        None => Err(Failure::new(
            USAGE,
            Explanation::new(say!(lang, "there is no disease `{code}`", "病気 `{code}` はありません"))
                .hint(say!(lang, "`kobai doctor explain` lists them all", "一覧は `kobai doctor explain`")),
        )),
    }
}

/// The page of a disease as a document.
fn page_document(about: &checks::About) -> serde_json::Value {
    let both = |t: [&str; 2]| serde_json::json!({ "en": t[0], "ja": t[1] });
    let page = &about.page;
    serde_json::json!({
        "code": about.code, "disease": about.disease, "name": both(about.name),
        "measures": both(page.measures), "hurts": both(page.hurts), "example": page.example,
        "cure": both(page.cure), "source": page.source,
    })
}
