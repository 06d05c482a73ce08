//! Text in columns: widths of both scripts, labels on the left, colours of a terminal.

use kobai_doctor::Severity;
use kobai_engine::Lang;
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

/// Colours of a terminal, or none.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Language.
    pub lang: Lang,
    /// Whether escape sequences are used.
    pub color: bool,
    /// Columns.
    pub width: usize,
}

impl Style {
    pub(super) fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(super) fn severity(self, severity: Severity, text: &str) -> String {
        self.paint(
            match severity {
                Severity::Disease => "1;31",
                Severity::Warning => "1;33",
                Severity::Hint => "1;36",
            },
            text,
        )
    }
}

/// Fills up with spaces to a width in columns.
pub(super) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// Breaks a text into lines of at most so many columns: at spaces, and anywhere
/// in a script without them.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.width() + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.into());
        }
        while lines.last().is_some_and(|l| l.width() > width) {
            let line = lines.pop().expect("just seen");
            let mut at = line.len();
            let mut columns = 0;
            for (i, c) in line.char_indices() {
                columns += c.to_string().width();
                if columns > width && i > 0 {
                    at = i;
                    break;
                }
            }
            let rest = line[at..].to_string();
            // A full stop or comma never begins a line.
            let close =
                rest.chars().take_while(|c| "、。）」,.)".contains(*c)).map(char::len_utf8).sum::<usize>();
            lines.push(line[..at + close].into());
            if rest.len() == close {
                break;
            }
            lines.push(rest[close..].into());
        }
    }
    lines
}

/// Width of the column with what a line is about.
pub(super) const LABEL: usize = 11;

/// Lines under a label.
pub(super) fn section(text: &mut String, style: Style, label: &str, lines: &[String]) {
    for (i, line) in lines.iter().enumerate() {
        let label = if i == 0 { label } else { "" };
        let _ = writeln!(text, "   {}{line}", style.dim(&padded(label, LABEL)));
    }
}

pub(super) fn prose(text: &mut String, style: Style, label: &str, prose: &str) {
    section(text, style, label, &wrapped(prose, style.width.saturating_sub(LABEL + 4).max(30)));
}
