//! The `kobai` binary: arguments and printing, no arithmetic.

mod args;
mod bench;
mod calibrate;
mod course;
mod data;
mod doctor;
mod errors;
mod explain;
mod lab;
mod language;
mod look;
mod predict;
mod progress;
mod quiz;
mod sweep;
mod welcome;
mod zoo;

use clap::ArgMatches;
use errors::Failure;
use kobai_engine::{Explanation, Lang, say};
use kobai_kernels::{Isa, Precision};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// What every command knows about its surroundings.
struct Terminal {
    /// Language of everything that a person reads.
    lang: Lang,
    /// Whether stdout gets colour.
    color: bool,
    /// Columns of the terminal.
    width: usize,
}

/// Runs the command line and returns its exit code.
pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let lang = language::choose(&arguments);
    let matches = match args::command(lang).try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) => return errors::usage(&error, lang),
    };
    let terminal = Terminal { lang, color: wants_color(&matches), width: width() };
    match run(&matches, &terminal) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            errors::print(&failure.explanation, lang);
            ExitCode::from(failure.code)
        }
    }
}

fn run(matches: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    match matches.subcommand() {
        Some(("lab", m)) => lab::run(m, terminal),
        Some(("doctor", m)) => doctor::run(m, terminal),
        Some(("sweep", m)) => sweep::run(m, terminal),
        Some(("data", m)) => data::run(m, terminal),
        Some(("explain", m)) => explain::run(m, terminal),
        Some(("predict", m)) => predict::run(m, terminal),
        Some(("zoo", m)) => zoo::run(m, terminal),
        Some(("bench", m)) => bench::run(m, terminal),
        Some(("env", m)) => environment(m.get_flag("json"), terminal.lang),
        Some(("completions", m)) => completions(m, terminal.lang),
        _ => print(&welcome::text(terminal.lang)),
    }
}

/// Writes a result to stdout. A reader that went away is not an error.
fn print(text: &str) -> Result<u8, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::output(&e)),
        _ => Ok(0),
    }
}

fn wants_color(matches: &ArgMatches) -> bool {
    let mut deepest = matches;
    while let Some((_, inner)) = deepest.subcommand() {
        deepest = inner;
    }
    match deepest.get_one::<String>("color").map(String::as_str) {
        Some("always") => true,
        Some("never") => false,
        _ => {
            let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
            let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
            set("CLICOLOR_FORCE") || (std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb)
        }
    }
}

fn width() -> usize {
    let set = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    set.or_else(progress::terminal_width).unwrap_or(100).clamp(60, 200)
}

/// The instruction set of `--isa` with the products of `--precision`.
fn chosen_isa(matches: &ArgMatches, lang: Lang) -> Result<Isa, Failure> {
    let text = |key| matches.get_one::<String>(key).map(String::as_str);
    let isa = text("isa").and_then(Isa::named).unwrap_or_else(Isa::best);
    let precision = text("precision").and_then(Precision::named).unwrap_or(isa.precision());
    isa.with(precision).ok_or_else(|| {
        let e = Explanation::new(say!(
            lang,
            "--precision bf16 needs avx512 with bfloat16 products (avx512_bf16)",
            "--precision bf16 には bfloat16 の積を持つ avx512（avx512_bf16）が必要です"
        ));
        let e = e.fact(say!(lang, "instruction set: {isa}", "命令セット: {isa}"));
        let e = e.hint(say!(
            lang,
            "`kobai env` says whether this processor has them; without --precision all is f32",
            "このプロセッサにあるかは `kobai env` で分かります。--precision を付けなければすべて f32 です"
        ));
        Failure::new(errors::USAGE, e)
    })
}

fn environment(json: bool, lang: Lang) -> Result<u8, Failure> {
    let isas: Vec<&str> = Isa::available().into_iter().map(Isa::name).collect();
    let rounding: Vec<&str> = Isa::rounding().into_iter().map(Isa::name).collect();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (version, os, arch) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
    if json {
        let document = serde_json::json!({
            "schema": "kobai.env/1", "version": version, "os": os, "arch": arch, "isa": isas,
            "bf16": !rounding.is_empty(), "rounding": rounding, "threads": threads,
        });
        return print(&format!("{document}\n"));
    }
    let isas = isas.join(", ");
    let bf16 = match rounding.last() {
        Some(isa) => say!(lang, "{isa} (--precision bf16)", "{isa}（--precision bf16）"),
        None => lang.pick("no", "なし").into(),
    };
    print(&say!(
        lang,
        "kobai {version}\nsystem            {os} {arch}\ninstruction sets  {isas}\nbfloat16          {bf16}\nthreads           {threads}\n",
        "kobai {version}\nシステム    {os} {arch}\n命令セット  {isas}\nbfloat16    {bf16}\nスレッド数  {threads}\n"
    ))
}

fn completions(matches: &ArgMatches, lang: Lang) -> Result<u8, Failure> {
    let shell = matches.get_one::<String>("shell").map(String::as_str).unwrap_or_default();
    let mut script = Vec::new();
    if let Ok(shell) = shell.parse::<clap_complete::Shell>() {
        clap_complete::generate(shell, &mut args::command(lang), "kobai", &mut script);
    }
    print(&String::from_utf8_lossy(&script))
}
