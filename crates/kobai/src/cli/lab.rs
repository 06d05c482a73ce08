//! `kobai lab`.

use super::errors::{CLAIM, DIVERGED, Failure};
use super::progress::Steps;
use super::{Terminal, course, errors, print, quiz};
use clap::ArgMatches;
use kobai_data::Locations;
use kobai_engine::{Explanation, Lang, say};
use kobai_kernels::Isa;
use kobai_lab::course::ALL;
use kobai_lab::doctor;
use kobai_lab::documents;
use kobai_lab::estimate::Timings;
use kobai_lab::experiment::{Changes, Experiment};
use kobai_lab::results::{Text, Verdict};
use kobai_lab::session::{Completed, Estimate, Request, Session};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) fn run(matches: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    match matches.subcommand() {
        Some(("list", m)) => list(m, terminal.lang),
        Some(("show", m)) => show(m, terminal.lang),
        Some(("run", m)) => train(m, terminal),
        Some(("quiz", m)) => quiz::run(m, terminal),
        _ => Ok(0),
    }
}

/// All embedded experiments by section, with what they need.
fn list(m: &ArgMatches, lang: Lang) -> Result<u8, Failure> {
    let locations = Locations::from_env(m.get_one::<PathBuf>("data-dir").cloned());
    let mut sections: Vec<(Text, Vec<Listed>)> = Vec::new();
    let mut timings = Timings::default();
    for name in Experiment::names() {
        let changes = Changes { outputs: Some(1), ..Changes::default() };
        let experiment = Experiment::load(name, &changes).map_err(|e| Failure::experiment(&e, lang))?;
        let request =
            Request { cache: Some(CACHE.into()), locations: locations.clone(), ..Request::new(name) };
        // Data that are missing are no reason to hide an experiment.
        let estimate = Session::prepare(request).ok().map(|session| session.estimate(&mut timings));
        let listed = Listed { experiment, estimate };
        match sections.iter_mut().find(|(section, _)| *section == listed.experiment.section) {
            Some((_, all)) => all.push(listed),
            None => sections.push((listed.experiment.section.clone(), vec![listed])),
        }
    }
    sections.sort_by(|a, b| a.0.en.cmp(&b.0.en));
    if m.get_flag("json") {
        let list: Vec<_> = sections
            .iter()
            .flat_map(|(_, all)| all)
            .map(|Listed { experiment: e, estimate }| {
                serde_json::json!({
                    "id": e.id, "title": e.title, "section": e.section, "data": e.data,
                    "rows": e.rows.len(), "claims": e.claims.len(), "seeds": e.seeds,
                    "seconds": estimate.map(|x| x.seconds), "reusable_runs": estimate.map(|x| x.known),
                })
            })
            .collect();
        return print(&format!(
            "{}\n",
            serde_json::json!({ "schema": "kobai.experiments/1", "experiments": list })
        ));
    }
    let mut text = String::new();
    for (section, all) in &sections {
        let seconds: f64 = all.iter().filter_map(|l| l.estimate).map(|e| e.seconds).sum();
        let (name, time) = (section.get(lang), duration(seconds, lang));
        let _ = writeln!(text, "{}", say!(lang, "{name}   (about {time})", "{name}   （約 {time}）"));
        for Listed { experiment: e, estimate } in all {
            let (id, title) = (&e.id, e.title.get(lang));
            let _ = writeln!(text, "  {id:<22} {title}\n  {:<22} {}", "", needs(e, *estimate, lang));
        }
    }
    let _ = write!(
        text,
        "\n{}",
        say!(
            lang,
            "Times are measured on this machine; runs that are kept from earlier calls take none.\n\n\
             kobai lab show ID   what it is        kobai lab run ID    run it\n\
             kobai lab quiz      check questions   kobai lab run all   the whole course in one report\n",
            "時間はこの計算機で測った見込み。以前の結果が残っている分は含まない。\n\n\
             kobai lab show ID   内容を見る        kobai lab run ID    実行する\n\
             kobai lab quiz      確認テスト        kobai lab run all   講座全体を一つのレポートに\n"
        )
    );
    print(&text)
}

struct Listed {
    experiment: Experiment,
    estimate: Option<Estimate>,
}

/// What an experiment consists of, and the data and time that it needs.
fn needs(e: &Experiment, estimate: Option<Estimate>, lang: Lang) -> String {
    let (rows, claims, data, seeds) = (e.rows.len(), e.claims.len(), &e.data, e.seeds);
    let what = match &e.surfaces {
        Some(s) if rows == 0 => {
            let (rules, on) = (s.rules.len(), s.on.len());
            say!(
                lang,
                "{rules} rules × {on} surfaces × {seeds} seeds, {claims} claims; no data",
                "手法 {rules} × 曲面 {on} × シード {seeds}、主張 {claims}、データ不要"
            )
        }
        _ => say!(
            lang,
            "{rows} networks × {seeds} seeds, {claims} claims; data: {data}",
            "ネットワーク {rows} × シード {seeds}、主張 {claims}、データ: {data}"
        ),
    };
    match estimate {
        Some(e) if e.known == e.runs && e.runs > 0 => {
            say!(lang, "{what}; done, shown at once", "{what}。実行済み、すぐ表示")
        }
        Some(e) => {
            let time = duration(e.seconds, lang);
            say!(lang, "{what}; about {time}", "{what}、約 {time}")
        }
        None => say!(
            lang,
            "{what}; the data are not here (kobai data get {data})",
            "{what}。データがない（kobai data get {data}）"
        ),
    }
}

/// A length of time as people say it.
pub(super) fn duration(seconds: f64, lang: Lang) -> String {
    match seconds {
        s if s < 9.5 => {
            // One digit is all that an estimate can promise.
            let s = if s < 0.95 { 1.0 } else { s.round() };
            say!(lang, "{s} s", "{s} 秒")
        }
        s if s < 99.5 => say!(lang, "{:.0} s", "{:.0} 秒", (s / 5.0).round() * 5.0),
        s if s < 5400.0 => say!(lang, "{:.0} min", "{:.0} 分", s / 60.0),
        s => say!(lang, "{:.1} h", "{:.1} 時間", s / 3600.0),
    }
}

/// Where runs of all experiments are kept by identity.
pub(super) const CACHE: &str = "runs/.cache";

fn request(m: &ArgMatches, isa: Isa, lang: Lang) -> Request {
    let text = |key| m.get_one::<String>(key).cloned();
    let pairs = m.get_many::<String>("set").into_iter().flatten();
    Request {
        rows: m.get_many::<String>("rows").into_iter().flatten().cloned().collect(),
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

/// Trains, prints the table, the picture and the verdicts, and says what to try next.
fn train(m: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let lang = terminal.lang;
    let isa = m.get_one::<String>("isa").and_then(|n| Isa::named(n)).unwrap_or_else(Isa::best);
    let request = Request {
        threads: m.get_one::<u64>("threads").map(|n| *n as usize),
        out: m.get_one::<PathBuf>("out").cloned(),
        cache: (!m.get_flag("no-cache")).then(|| CACHE.into()),
        observe: !m.get_flag("no-observers"),
        doctor: m
            .get_flag("doctor")
            .then(|| m.get_one::<f64>("doctor-cap").map_or(doctor::CAP, |p| (p / 100.0).clamp(0.0, 1.0))),
        fresh: m.get_flag("fresh"),
        ..request(m, isa, lang)
    };
    let stop = interruptible();
    if request.experiment == ALL {
        let options = course::Options {
            json: m.get_flag("json"),
            strict: m.get_flag("strict"),
            progress: !m.get_flag("no-progress"),
        };
        return course::run(&request, &options, &stop, terminal);
    }
    let session = Session::prepare(request).map_err(|e| Failure::session(&e, lang))?;
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

/// A flag that Ctrl-C sets. The first lets the current steps end and keeps
/// finished runs; the second ends at once.
pub(super) fn interruptible() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(errors::INTERRUPTED));
        }
    });
    stop
}

fn describe(session: &Session, completed: &Completed, terminal: &Terminal) -> String {
    let (lang, results) = (terminal.lang, &completed.results);
    let mut text = String::new();
    let (title, data) = (results.title.get(lang), results.data_line.get(lang));
    let (runs, steps, threads) = (session.total_runs(), results.steps, session.threads());
    let _ = writeln!(text, "{title}\n{data}");
    let on_surfaces = results.surfaces.as_ref();
    let counts = on_surfaces.filter(|_| runs == 0).map(|s| {
        let (rules, surfaces, starts) = (s.rules.len(), s.surfaces.len(), s.starts);
        let seeds = results.seeds.len();
        say!(
            lang,
            "{rules} rules × {surfaces} surfaces × {seeds} seeds × {starts} starts, {steps} steps each",
            "手法 {rules} × 曲面 {surfaces} × シード {seeds} × 出発点 {starts}、各 {steps} ステップ"
        )
    });
    let _ = writeln!(
        text,
        "{}",
        counts.unwrap_or_else(|| say!(
            lang,
            "{runs} runs of {steps} steps on {threads} thread(s), {0}",
            "{runs} 回の学習、各 {steps} ステップ、{threads} スレッド、{0}",
            results.isa
        ))
    );
    if completed.reused > 0 {
        let n = completed.reused;
        let _ = writeln!(
            text,
            "{}",
            say!(
                lang,
                "{n} of {runs} runs were there already and were reused (--fresh trains again)",
                "{runs} 回のうち {n} 回は既にあったので再利用しました（--fresh で学習し直します）"
            )
        );
    }
    for note in &results.notes {
        let _ = writeln!(text, "\n{}", kobai_lab::terminal::wrapped(note.get(lang), terminal.width));
    }
    let (width, color) = (terminal.width, terminal.color);
    text.push('\n');
    if let Some(on) = on_surfaces {
        let _ = writeln!(text, "{}", kobai_lab::terminal::surfaces(on, lang, width, color));
    }
    if !results.rows.is_empty() {
        let _ = writeln!(text, "{}", kobai_lab::terminal::table(results, lang, width, color));
        let picture = kobai_lab::terminal::gradients(results, lang, width, color);
        if !picture.is_empty() {
            let _ = writeln!(text, "{picture}");
        }
    }
    let _ = writeln!(text, "{}", kobai_lab::terminal::verdicts(results, lang, width, color));
    if !completed.watched.is_empty() {
        let _ = writeln!(text, "{}", doctor::report::watched(&completed.watched, lang));
    }
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
