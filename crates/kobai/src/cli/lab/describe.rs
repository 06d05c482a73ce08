//! What a finished run prints.

use crate::cli::Terminal;
use kobai_engine::{Lang, say};
use kobai_lab::doctor;
use kobai_lab::session::{Completed, Session};
use std::fmt::Write;

pub(super) fn describe(session: &Session, completed: &Completed, terminal: &Terminal) -> String {
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
