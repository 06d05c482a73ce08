//! `kobai lab run all`: every experiment, and one report over all of them.

use super::errors::{CLAIM, Failure};
use super::lab::duration;
use super::progress::Steps;
use super::{Terminal, print};
use kobai_engine::{Lang, say};
use kobai_lab::course::{self, Took};
use kobai_lab::estimate::Timings;
use kobai_lab::results::{Results, Verdict};
use kobai_lab::session::Request;
use kobai_lab::terminal;
use std::fmt::Write as _;
use std::io::Write;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// What of the command line concerns the whole course.
pub(super) struct Options {
    pub(super) json: bool,
    pub(super) strict: bool,
    pub(super) progress: bool,
}

pub(super) fn run(base: &Request, options: &Options, stop: &AtomicBool, t: &Terminal) -> Result<u8, Failure> {
    let lang = t.lang;
    let sessions = course::sessions(base).map_err(|e| Failure::session(&e, lang))?;
    let mut timings = Timings::default();
    let estimates: Vec<_> = sessions.iter().map(|s| s.estimate(&mut timings)).collect();
    let total: f64 = estimates.iter().map(|e| e.seconds).sum();
    let log = |text: String| {
        if options.progress {
            // Nothing is left to do if stderr is gone.
            let _ = std::io::stderr().lock().write_all((text + "\n").as_bytes());
        }
    };
    let (count, all) = (sessions.len(), duration(total, lang));
    log(say!(lang, "{count} experiments, about {all} in all", "実験 {count} 件、合わせて約 {all}"));
    let (mut results, mut took): (Vec<Results>, Vec<Took>) = (Vec::new(), Vec::new());
    let mut section = String::new();
    for (i, (session, estimate)) in sessions.iter().zip(&estimates).enumerate() {
        let name = session.experiment().section.get(lang);
        if name != section {
            section = name.to_string();
            let same =
                sessions.iter().zip(&estimates).filter(|(s, _)| s.experiment().section.get(lang) == name);
            let time = duration(same.map(|(_, e)| e.seconds).sum(), lang);
            log(say!(lang, "{section}: about {time}", "{section}: 約 {time}"));
        }
        let (id, runs, known) = (&session.experiment().id, estimate.runs, estimate.known);
        let (time, n) = (duration(estimate.seconds, lang), i + 1);
        log(say!(
            lang,
            "  [{n}/{count}] {id}: {runs} runs, {known} of them reused; about {time}",
            "  [{n}/{count}] {id}: {runs} 回（うち {known} 回は再利用）、約 {time}"
        ));
        let begin = Instant::now();
        let steps = Steps::new(options.progress, session.total_runs(), lang);
        let completed = session.run(&steps, stop);
        steps.finish();
        let completed = completed.map_err(|e| Failure::session(&e, lang))?;
        if let Some(error) = &completed.unwritten {
            return Err(Failure::store(error, lang));
        }
        took.push(Took { expected: estimate.seconds, seconds: begin.elapsed().as_secs_f64() });
        results.push(completed.results);
    }
    let folder = course::write(base, &results, &took).map_err(|e| Failure::store(&e, lang))?;
    if options.json {
        print(&format!("{}\n", course::document(base, &results, &took)))?;
    } else {
        let mut text = terminal::course(&results, lang, t.width, t.color);
        text += &times(&results, &took, lang);
        let folder = folder.display();
        let _ = writeln!(
            text,
            "\n{}",
            say!(lang, "report: {folder}/report.html", "レポート: {folder}/report.html")
        );
        print(&text)?;
    }
    let fails = |c: &&kobai_lab::results::Claim| c.verdict == Verdict::DoesNotHold;
    let failed = results.iter().flat_map(|r| &r.claims).filter(fails).count();
    Ok(if options.strict && failed > 0 { CLAIM } else { 0 })
}

/// What each experiment took, beside what was expected.
fn times(results: &[Results], took: &[Took], lang: Lang) -> String {
    let mut text = format!("\n{}\n", lang.pick("time (expected)", "所要時間（予測）"));
    for (r, t) in results.iter().zip(took) {
        let (id, seconds, expected) = (&r.id, duration(t.seconds, lang), duration(t.expected, lang));
        let _ = writeln!(text, "  {id:<24} {seconds} ({expected})");
    }
    text
}
