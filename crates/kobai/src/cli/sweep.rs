//! `kobai sweep`.

use super::errors::Failure;
use super::lab::{CACHE, interruptible};
use super::progress::Steps;
use super::{Terminal, print};
use clap::ArgMatches;
use kobai_data::Locations;
use kobai_engine::say;
use kobai_lab::session::Request;
use kobai_lab::sweep;
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

pub(super) fn run(m: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let lang = terminal.lang;
    let file = m.get_one::<String>("file").cloned().unwrap_or_default();
    let pairs = m.get_many::<String>("set").into_iter().flatten();
    let base = Request {
        data: m.get_one::<String>("data").cloned(),
        locations: Locations::from_env(m.get_one::<PathBuf>("data-dir").cloned()),
        seeds: m.get_one::<u64>("seeds").map(|n| u32::try_from(*n).unwrap_or(u32::MAX)),
        first_seed: m.get_one::<u64>("seed").copied().unwrap_or(0),
        steps: m.get_one::<u64>("steps").copied(),
        threads: m.get_one::<u64>("threads").map(|n| *n as usize),
        out: m.get_one::<PathBuf>("out").cloned(),
        cache: Some(CACHE.into()),
        fresh: m.get_flag("fresh"),
        observe: !m.get_flag("no-observers"),
        set: pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "true")))
            .map(|(key, value)| (key.trim().into(), value.trim().into()))
            .collect(),
        lang,
        ..Request::new("")
    };
    let stop = interruptible();
    let quiet = m.get_flag("no-progress");
    let told = |round: usize, n: usize, of: usize| {
        if !quiet {
            let (round, n) = (round + 1, n + 1);
            let line =
                say!(lang, "round {round}, point {n} of {of}\n", "第 {round} ラウンド、{of} 点中 {n} 点目\n");
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
        }
    };
    let progress = Steps::new(false, 0, lang);
    let swept =
        sweep::run(&file, &base, (&progress, &stop, &told)).map_err(|e| Failure::session(&e, lang))?;
    if m.get_flag("json") {
        return print(&format!("{}\n", sweep::document(&swept)));
    }
    let (id, experiment, points) = (&swept.spec.id, &swept.spec.experiment, swept.points.len());
    let mut text = say!(
        lang,
        "{id}: {experiment} at {points} points × {0} seeds on {1}; {2} of {3} runs were there already\n\n",
        "{id}: {experiment}、{points} 点 × シード {0}、データ {1}。{3} 回のうち {2} 回は再利用\n\n",
        swept.seeds,
        swept.data,
        swept.reused,
        swept.runs
    );
    text += &sweep::text(&swept, lang, terminal.width);
    if let Some(best) = swept.points.first() {
        let command = &best.command;
        let _ = writeln!(
            text,
            "\n{}",
            say!(lang, "the best again: {command}", "最良の設定をもう一度: {command}")
        );
    }
    let folder = swept.folder.display();
    let _ =
        writeln!(text, "{}", say!(lang, "report: {folder}/report.html", "レポート: {folder}/report.html"));
    print(&text)
}
