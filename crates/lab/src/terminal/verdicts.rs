//! The list of claims with their verdicts.

use kobai_engine::Lang;
use unicode_width::UnicodeWidthStr;

use super::LEAST_WIDTH;
use super::text::{Style, clean, paint, wrap};
use crate::report::table::{deciding_numbers, mark, tally, word, word_of};
use crate::results::{Results, Verdict};

/// Every claim with the mark of its verdict (✓ ✗ ?) and the verdict in words,
/// the numbers that decide it below, and a last line that counts.
#[must_use]
pub fn verdicts(results: &Results, lang: Lang, width: usize, colour: bool) -> String {
    let width = width.max(LEAST_WIDTH);
    let mut out = String::new();
    for claim in &results.claims {
        let style = style(claim.verdict);
        let sign = paint(mark(claim.verdict), style, colour);
        let sentence = format!("{} — {}", word(claim.verdict, lang), clean(claim.text.get(lang)));
        for (i, line) in wrap(&sentence, width - 2).iter().enumerate() {
            let start = if i == 0 { format!("{sign} ") } else { "  ".to_string() };
            out += &format!("{start}{line}\n");
        }
        for line in wrap(&clean(&deciding_numbers(claim, lang)), width - 4) {
            out += &format!("    {}\n", paint(&line, Style::Dim, colour));
        }
    }
    // The counts stand side by side where they fit, otherwise below each other.
    let counts = tally(results).map(|(v, n)| {
        let text = match lang {
            Lang::En => format!("{} {n} {}", mark(v), word_of(v, n, lang)),
            Lang::Ja => format!("{} {}：{n}", mark(v), word(v, lang)),
        };
        (v, n, text)
    });
    let shown: Vec<_> = counts.iter().filter(|c| c.1 > 0).collect();
    let wide: usize = shown.iter().map(|c| c.2.width() + 3).sum();
    let between = if wide > width + 3 { "\n" } else { "   " };
    let painted: Vec<String> = shown.iter().map(|c| paint(&c.2, style(c.0), colour)).collect();
    if !painted.is_empty() {
        out += &(painted.join(between) + "\n");
    }
    out
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Holds => Style::Good,
        Verdict::DoesNotHold => Style::Bad,
        Verdict::Undecided => Style::Unsure,
    }
}
