//! `kobai lab`.

use super::errors::{CLAIM, DIVERGED, Failure};
use super::progress::Steps;
use super::{Terminal, errors, print};
use clap::ArgMatches;
use kobai_data::Locations;
use kobai_engine::{Explanation, Lang, say};
use kobai_kernels::Isa;
use kobai_lab::documents;
use kobai_lab::experiment::{Changes, Experiment};
use kobai_lab::results::Verdict;
use kobai_lab::session::{Completed, Request, Session};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) fn run(matches: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    match matches.subcommand() {
        Some(("list", m)) => list(m.get_flag("json"), terminal.lang),
        Some(("show", m)) => show(m, terminal.lang),
        Some(("run", m)) => train(m, terminal),
        _ => Ok(0),
    }
}

/// All embedded experiments.
fn list(json: bool, lang: Lang) -> Result<u8, Failure> {
    let mut all = Vec::new();
    for name in Experiment::names() {
        let changes = Changes { outputs: Some(1), ..Changes::default() };
        all.push(Experiment::load(name, &changes).map_err(|e| Failure::experiment(&e, lang))?);
    }
    if json {
        let list: Vec<_> = all
            .iter()
            .map(|e| {
                serde_json::json!({
                    "id": e.id, "title": e.title, "section": e.section, "data": e.data,
                    "rows": e.rows.len(), "claims": e.claims.len(), "seeds": e.seeds,
                })
            })
            .collect();
        return print(&format!(
            "{}\n",
            serde_json::json!({ "schema": "kobai.experiments/1", "experiments": list })
        ));
    }
    let mut text = String::new();
    let mut section = String::new();
    for e in &all {
        if e.section.get(lang) != section {
            section = e.section.get(lang).into();
            let _ = writeln!(text, "{section}");
        }
        let (id, title, rows, claims) = (&e.id, e.title.get(lang), e.rows.len(), e.claims.len());
        let (data, seeds) = (&e.data, e.seeds);
        let _ = writeln!(text, "  {id:<22} {title}");
        let _ = writeln!(
            text,
            "  {:<22} {}",
            "",
            say!(
                lang,
                "{rows} networks × {seeds} seeds, {claims} claims; data: {data}",
                "ネットワーク {rows} × シード {seeds}、主張 {claims}、データ: {data}"
            )
        );
    }
    let _ = write!(
        text,
        "\n{}",
        say!(
            lang,
            "kobai lab show ID   what it is        kobai lab run ID   run it\n",
            "kobai lab show ID   内容を見る        kobai lab run ID   実行する\n"
        )
    );
    print(&text)
}

fn request(m: &ArgMatches, isa: Isa, lang: Lang) -> Request {
    let text = |key| m.get_one::<String>(key).cloned();
    let pairs = m.get_many::<String>("set").into_iter().flatten();
    Request {
        data: text("data"),
        locations: Locations::from_env(m.get_one::<PathBuf>("data-dir").cloned()),
        seeds: m.get_one::<u64>("seeds").map(|n| u32::try_from(*n).unwrap_or(u32::MAX)),
        first_seed: m.get_one::<u64>("seed").copied().unwrap_or(0),
        steps: m.get_one::<u64>("steps").copied(),
        isa,
        as_published: m.get_flag("as-published"),
        set: pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "true")))
            .map(|(key, value)| (key.trim().into(), value.trim().into()))
            .collect(),
        lang,
        ..Request::new(text("experiment").unwrap_or_default())
    }
}

/// Rows, claims, networks and the resolved file.
fn show(m: &ArgMatches, lang: Lang) -> Result<u8, Failure> {
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
    let _ = writeln!(text, "\n{}", say!(lang, "networks", "ネットワーク"));
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

/// Trains, prints the table, the picture and the verdicts, and says what to try next.
fn train(m: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let lang = terminal.lang;
    let isa = m.get_one::<String>("isa").and_then(|n| Isa::named(n)).unwrap_or_else(Isa::best);
    let request = Request {
        threads: m.get_one::<u64>("threads").map(|n| *n as usize),
        out: m.get_one::<PathBuf>("out").cloned(),
        observe: !m.get_flag("no-observers"),
        fresh: m.get_flag("fresh"),
        ..request(m, isa, lang)
    };
    let session = Session::prepare(request).map_err(|e| Failure::session(&e, lang))?;
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    // The first Ctrl-C lets the current steps end and keeps finished runs; the second ends at once.
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(errors::INTERRUPTED));
        }
    });
    let progress = Steps::new(!m.get_flag("no-progress"), session.total_runs(), lang);
    let completed = session.run(&progress, &stop);
    progress.finish();
    let completed = completed.map_err(|e| Failure::session(&e, lang))?;
    if m.get_flag("json") {
        let document = serde_json::to_string(&documents::results(&completed.results)).unwrap_or_default();
        print(&format!("{document}\n"))?;
    } else {
        print(&describe(&session, &completed, terminal))?;
    }
    conclude(&completed, m.get_flag("strict"), lang)
}

fn describe(session: &Session, completed: &Completed, terminal: &Terminal) -> String {
    let (lang, results) = (terminal.lang, &completed.results);
    let mut text = String::new();
    let (title, data) = (results.title.get(lang), results.data_line.get(lang));
    let (runs, steps, threads) = (session.total_runs(), results.steps, session.threads());
    let _ = writeln!(text, "{title}\n{data}");
    let _ = writeln!(
        text,
        "{}",
        say!(
            lang,
            "{runs} runs of {steps} steps on {threads} thread(s), {0}",
            "{runs} 回の学習、各 {steps} ステップ、{threads} スレッド、{0}",
            results.isa
        )
    );
    if completed.reused > 0 {
        let n = completed.reused;
        let _ = writeln!(
            text,
            "{}",
            say!(
                lang,
                "{n} runs were there already and were reused (--fresh trains again)",
                "{n} 回分は既にあったので再利用しました（--fresh で学習し直します）"
            )
        );
    }
    for note in &results.notes {
        let _ = writeln!(text, "\n{}", kobai_lab::terminal::wrapped(note.get(lang), terminal.width));
    }
    let (width, color) = (terminal.width, terminal.color);
    let _ = writeln!(text, "\n{}", kobai_lab::terminal::table(results, lang, width, color));
    let picture = kobai_lab::terminal::gradients(results, lang, width, color);
    if !picture.is_empty() {
        let _ = writeln!(text, "{picture}");
    }
    let _ = writeln!(text, "{}", kobai_lab::terminal::verdicts(results, lang, width, color));
    let folder = completed.folder.display();
    let _ =
        writeln!(text, "{}", say!(lang, "report: {folder}/report.html", "レポート: {folder}/report.html"));
    text.push_str(&next(session, lang));
    text
}

/// Commands to try next, each only where it leads somewhere.
fn next(session: &Session, lang: Lang) -> String {
    let (request, experiment) = (session.request(), session.experiment());
    let name = &request.experiment;
    let mut lines = Vec::new();
    if experiment.as_published.is_some() && !request.as_published {
        lines.push((
            format!("kobai lab run {name} --as-published"),
            lang.pick("with the bug of the published notebook", "公開ノートブックの誤りも含めて再現"),
        ));
    }
    let published = experiment.rows.iter().any(|row| row.reference.is_some());
    if published && request.data.as_ref().unwrap_or(&experiment.data) != "mnist" {
        lines.push((
            format!("kobai data get mnist && kobai lab run {name} --data mnist"),
            lang.pick(
                "on the published data, next to the published figures",
                "公開と同じデータで、公開値と並べる",
            ),
        ));
    }
    lines.push((
        format!("kobai lab show {name}"),
        lang.pick("the networks and claims", "ネットワークと主張を見る"),
    ));
    let mut text = format!("\n{}\n", lang.pick("next:", "つぎは:"));
    // A command that is longer than this column has its words on the next line.
    const COLUMN: usize = 52;
    for (command, words) in lines {
        if command.len() > COLUMN - 2 {
            let _ = writeln!(text, "  {command}\n  {:COLUMN$}{words}", "");
        } else {
            let _ = writeln!(text, "  {command:COLUMN$}{words}");
        }
    }
    text
}

/// The exit code, and errors that came after the results.
fn conclude(completed: &Completed, strict: bool, lang: Lang) -> Result<u8, Failure> {
    if let Some(error) = &completed.unwritten {
        return Err(Failure::store(error, lang));
    }
    if let Some((row, seed, step)) = completed.diverged.first() {
        let n = completed.diverged.len();
        let e = Explanation::new(say!(
            lang,
            "training diverged in {n} run(s): the loss became infinite or not a number",
            "{n} 回の学習が発散しました。損失が無限大または非数になりました"
        ))
        .fact(say!(
            lang,
            "first: row `{row}`, seed {seed}, step {step}",
            "最初: 行 `{row}`、シード {seed}、ステップ {step}"
        ))
        .hint(say!(
            lang,
            "lower the learning rate (optimizer.lr)",
            "学習率（optimizer.lr）を下げてください"
        ));
        return Err(Failure::new(DIVERGED, e));
    }
    let failed = completed.results.claims.iter().filter(|c| c.verdict == Verdict::DoesNotHold).count();
    Ok(if strict && failed > 0 { CLAIM } else { 0 })
}
