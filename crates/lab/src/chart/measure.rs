//! How wide a text will be, without asking a font.
//!
//! The reader's fonts are unknown, so the estimate errs on the wide side: a
//! label that fits here is not cut there. Japanese characters are one em wide.

use unicode_width::UnicodeWidthChar;

/// Estimated width of a text in pixels at this font size.
#[must_use]
pub fn text_width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

/// A text shortened to at most `width` pixels, with `…` where it was cut.
#[must_use]
pub fn fit(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_string();
    }
    let room = width - em('…') * size;
    let mut used = 0.0;
    let mut kept = String::new();
    for c in text.chars() {
        used += em(c) * size;
        if used > room {
            break;
        }
        kept.push(c);
    }
    format!("{}…", kept.trim_end())
}

/// A text in at most `most` lines of at most `width` pixels, broken at spaces
/// or beside Japanese characters; the last ends with `…` if it does not fit.
#[must_use]
pub fn wrap(text: &str, size: f64, width: f64, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text.trim();
    while lines.len() + 1 < most && text_width(rest, size) > width {
        let (mut used, mut cut, mut before) = (0.0, 0, ' ');
        for (at, c) in rest.char_indices() {
            // What fits so far may end here: at a space, or between two characters that stand alone.
            let alone = |c: char| c.width() == Some(2);
            if c == ' ' || (alone(before) && !"、。，．・：；）」』％ー".contains(c)) {
                cut = at;
            }
            used += em(c) * size;
            if used > width {
                break;
            }
            before = c;
        }
        if cut == 0 {
            break;
        }
        lines.push(rest[..cut].trim_end().to_string());
        rest = rest[cut..].trim_start();
    }
    lines.push(fit(rest, size, width));
    lines
}

/// The widest of several texts.
#[must_use]
pub fn widest<'a>(texts: impl IntoIterator<Item = &'a str>, size: f64) -> f64 {
    texts.into_iter().map(|t| text_width(t, size)).fold(0.0, f64::max)
}

/// Estimated width of a character in em, after DejaVu Sans, the widest of the usual fonts.
fn em(c: char) -> f64 {
    match c.width() {
        None | Some(0) => 0.0,
        Some(2) => 1.0,
        _ => match c {
            'i' | 'l' | 'j' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | 'I' => 0.32,
            'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.42,
            '⁰'..='⁻' | '¹' | '²' | '³' => 0.42,
            'm' | 'w' | 'M' | 'W' | '%' | '@' | '—' | '…' => 0.98,
            'A'..='Z' => 0.74,
            '+' | '±' | '×' | '÷' | '−' | '=' | '<' | '>' => 0.84,
            _ => 0.645,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_where_they_may_be() {
        let text = "Batch-norm makes learning faster, and so on";
        let lines = wrap(text, 12.0, 150.0, 3);
        assert_eq!(lines.join(" "), text);
        assert!(lines.len() > 1 && lines.iter().all(|l| text_width(l, 12.0) <= 150.0), "{lines:?}");
        assert_eq!(wrap("学習は失敗する。", 12.0, 85.0, 2), ["学習は失敗す", "る。"]);
        assert_eq!(wrap("学習は失敗する。", 12.0, 84.0 - 1.0, 1).len(), 1);
        assert!(wrap(text, 12.0, 100.0, 2)[1].ends_with('…'));
        assert_eq!(wrap("unbreakable", 12.0, 20.0, 3).len(), 1);
    }

    #[test]
    fn japanese_is_wide_and_fits_are_short_enough() {
        assert!(text_width("シグモイド", 12.0) >= 60.0);
        assert!(text_width("sigmoid", 12.0) < 55.0);
        for text in ["N(0, 0.01)・シグモイド", "a rather long label in English"] {
            for width in [20.0, 60.0, 1000.0] {
                assert!(text_width(&fit(text, 12.0, width), 12.0) <= width, "{text} {width}");
            }
        }
        assert_eq!(fit("short", 12.0, 100.0), "short");
    }
}
