//! Progress on stderr: a bar on a terminal, a line now and then elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kobai_data::download::Event;
use kobai_doctor::Finding;
use kobai_engine::{Lang, say};
use kobai_lab::doctor::report::live_finding;
use kobai_lab::experiment::RowSpec;
use kobai_lab::runner::Progress;
use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Columns of the terminal.
pub(super) fn terminal_width() -> Option<usize> {
    console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns))
}

/// Seconds between lines where there is no terminal.
const PAUSE: Duration = Duration::from_secs(10);

/// Shows training steps done.
pub(super) struct Steps {
    bar: Option<ProgressBar>,
    lines: Option<Mutex<Instant>>,
    lang: Lang,
    runs: usize,
    /// Rows and codes of findings that were told: one seed speaks for all.
    told: Mutex<BTreeSet<(String, &'static str)>>,
}

impl Steps {
    pub(super) fn new(show: bool, runs: usize, lang: Lang) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = (show && terminal).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            let template = say!(
                lang,
                "training {{bar:32}} {{percent:>3}} %  {{msg}}  about {{eta}} left",
                "学習中 {{bar:32}} {{percent:>3}} %  {{msg}}  残り約 {{eta}}"
            );
            if let Ok(style) = ProgressStyle::with_template(&template) {
                bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
            }
            bar
        });
        let lines = (show && !terminal).then(|| Mutex::new(Instant::now()));
        Steps { bar, lines, lang, runs, told: Mutex::default() }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Steps {
    fn advanced(&self, steps: u64, total: u64, runs: usize) {
        let all = self.runs;
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(steps);
            bar.set_message(say!(self.lang, "{runs}/{all} runs", "{runs}/{all} 回"));
        }
        let Some(last) = &self.lines else { return };
        let Ok(mut last) = last.try_lock() else { return };
        if last.elapsed() >= PAUSE {
            *last = Instant::now();
            let percent = steps * 100 / total.max(1);
            let line = say!(
                self.lang,
                "training: {percent} %, {runs}/{all} runs\n",
                "学習中: {percent} %、{runs}/{all} 回\n"
            );
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
        }
    }

    fn found(&self, row: &RowSpec, seed: u64, step: u64, finding: &Finding) {
        let Ok(mut told) = self.told.lock() else { return };
        if told.insert((row.id.clone(), finding.code)) {
            self.say(&live_finding(finding, (&row.id, seed, step), self.lang));
        }
    }
}

impl Steps {
    /// Writes a line without tearing the bar.
    fn say(&self, line: &str) {
        let write = || {
            let _ = std::io::stderr().lock().write_all(format!("{line}\n").as_bytes());
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

/// Counts what is done of many things of one kind.
pub(super) struct Tally {
    bar: Option<ProgressBar>,
    lines: Option<Mutex<Instant>>,
    lang: Lang,
}

impl Tally {
    pub(super) fn new(show: bool, lang: Lang) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = (show && terminal).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            let template = say!(
                lang,
                "{{bar:32}} {{pos}}/{{len}}  about {{eta}} left",
                "{{bar:32}} {{pos}}/{{len}}  残り約 {{eta}}"
            );
            if let Ok(style) = ProgressStyle::with_template(&template) {
                bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
            }
            bar
        });
        let lines = (show && !terminal).then(|| Mutex::new(Instant::now()));
        Tally { bar, lines, lang }
    }

    pub(super) fn done(&self, done: usize, of: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        }
        let Some(last) = &self.lines else { return };
        let Ok(mut last) = last.try_lock() else { return };
        if last.elapsed() >= PAUSE {
            *last = Instant::now();
            let line = say!(self.lang, "{done} of {of}\n", "{of} 件中 {done} 件\n");
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Columns that a text takes in a terminal.
pub(super) fn columns(text: &str) -> usize {
    console::measure_text_width(text)
}

/// Shows a download.
pub(super) struct Download {
    bar: Option<ProgressBar>,
    lang: Lang,
    last: Option<Instant>,
}

impl Download {
    pub(super) fn new(lang: Lang) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            let style =
                ProgressStyle::with_template("{msg} {bar:32} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
            if let Ok(style) = style {
                bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
            }
            bar
        });
        Download { bar, lang, last: None }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => {
                let _ = writeln!(std::io::stderr().lock(), "{text}");
            }
        }
    }
}

impl kobai_data::download::Progress for Download {
    fn event(&mut self, event: Event<'_>) {
        let lang = self.lang;
        match event {
            Event::Waiting { lock } => {
                let lock = lock.display();
                self.line(&say!(
                    lang,
                    "another process downloads; waiting for {lock}",
                    "他の処理がダウンロード中です。{lock} を待っています"
                ));
            }
            Event::Begin { file, mirror, resumed, total } => {
                self.line(&say!(lang, "{file} from {mirror}", "{file}: {mirror}"));
                if let Some(bar) = &self.bar {
                    bar.set_length(total);
                    bar.set_position(resumed);
                    bar.set_message(file.to_string());
                }
            }
            Event::Bytes { file, received, total, .. } => {
                if let Some(bar) = &self.bar {
                    bar.set_position(received);
                } else if self.last.is_none_or(|last| last.elapsed() >= PAUSE) {
                    self.last = Some(Instant::now());
                    let percent = received * 100 / total.max(1);
                    self.line(&format!("{file}: {percent} %"));
                }
            }
            Event::MirrorFailed { file, failure } => {
                let why = failure.why(lang);
                self.line(&say!(lang, "{file}: {why}; next mirror", "{file}: {why}。次のミラーへ"));
            }
            _ => {}
        }
    }
}
