//! `kobai lab`.

mod describe;
mod list;
mod show;

use super::errors::{CLAIM, DIVERGED, Failure, USAGE};
use super::progress::Steps;
use super::{Terminal, chosen_isa, course, errors, print, quiz};
use clap::ArgMatches;
use describe::describe;
use kobai_data::Locations;
use kobai_engine::{Explanation, Lang, say};
use kobai_kernels::Isa;
use kobai_lab::course::ALL;
use kobai_lab::doctor;
use kobai_lab::documents;
use kobai_lab::results::Verdict;
use kobai_lab::session::{Completed, Request, Session};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) fn run(matches: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    match matches.subcommand() {
        Some(("list", m)) => list::list(m, terminal.lang),
        Some(("show", m)) => show::show(m, terminal.lang),
        Some(("run", m)) => train(m, terminal),
        Some(("quiz", m)) => quiz::run(m, terminal),
        _ => Ok(0),
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

/// Trains, prints the table, the picture and the verdicts, and says what to try next.
fn train(m: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let lang = terminal.lang;
    let isa = chosen_isa(m, lang)?;
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
        if !request.rows.is_empty() {
            let e = Explanation::new(say!(
                lang,
                "--rows are rows of one experiment, not of all",
                "--rows は一つの実験の行で、すべての実験には使えません"
            ))
            .hint(say!(
                lang,
                "kobai lab run ID --rows …; `kobai lab show ID` names an experiment's rows",
                "kobai lab run ID --rows …（行の名前は `kobai lab show ID`）"
            ));
            return Err(Failure::new(USAGE, e));
        }
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
