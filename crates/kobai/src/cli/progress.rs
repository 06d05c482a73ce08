//! Progress on stderr: a bar on a terminal, a line now and then elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kobai_engine::{Lang, say};
use kobai_lab::runner::Progress;
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
        Steps { bar, lines, lang, runs }
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
}
