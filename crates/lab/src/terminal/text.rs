//! Text in columns: widths, padding, wrapping and colours.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How a text looks where colours are wanted.
#[derive(Clone, Copy)]
pub(super) enum Style {
    Bold,
    Dim,
    Good,
    Bad,
    Unsure,
}

/// The text with its style, or as it is without colour.
pub(super) fn paint(text: &str, style: Style, colour: bool) -> String {
    if !colour || text.is_empty() {
        return text.to_string();
    }
    let code = match style {
        Style::Bold => "1",
        Style::Dim => "2",
        Style::Good => "32",
        Style::Bad => "31",
        Style::Unsure => "33",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// Text from results without control characters, which a terminal would obey.
pub(super) fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// The text cut to `width` columns, with `…` where it was cut.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used + 1 > width {
            break;
        }
        kept.push(c);
    }
    if width > 0 {
        kept.push('…');
    }
    kept
}

/// The text cut and padded on the right to exactly `width` columns.
pub(super) fn left(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let pad = width - text.width();
    text + &" ".repeat(pad)
}

/// The text cut and padded on the left to exactly `width` columns.
pub(super) fn right(text: &str, width: usize) -> String {
    let text = cut(text, width);
    " ".repeat(width - text.width()) + &text
}

/// Lines of at most `width` columns. Lines break at spaces and between
/// Japanese characters, but no line begins with a closing mark or ends with an
/// opening one.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for piece in pieces(text) {
        if line.trim_end().width() > 0 && line.width() + piece.trim_end().width() > width {
            lines.push(line.trim_end().to_string());
            line.clear();
        }
        for c in piece.chars() {
            // A piece longer than a line is broken anywhere.
            if c != ' ' && line.width() + c.width().unwrap_or(0) > width {
                lines.push(line.trim_end().to_string());
                line.clear();
            }
            if !(line.is_empty() && c == ' ') {
                line.push(c);
            }
        }
    }
    if !line.trim_end().is_empty() {
        lines.push(line.trim_end().to_string());
    }
    lines
}

/// The text in pieces that are not broken.
fn pieces(text: &str) -> Vec<String> {
    const CLOSING: &str = "、。，．・：；？！）」』】〕〉》ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ,.;:!?)%";
    const OPENING: &str = "（「『【〔〈《(";
    let mut pieces: Vec<String> = Vec::new();
    let mut previous = ' ';
    for c in text.chars() {
        let wide = |c: char| c.width() == Some(2);
        let between = previous == ' ' || ((wide(c) || wide(previous)) && !OPENING.contains(previous));
        let apart = c != ' ' && between && (previous == ' ' || !CLOSING.contains(c));
        match pieces.last_mut() {
            Some(piece) if !apart => piece.push(c),
            _ => pieces.push(c.to_string()),
        }
        previous = c;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_in_both_scripts() {
        assert_eq!(left("シグモイド", 12), "シグモイド  ");
        assert_eq!(cut("シグモイド", 6), "シグ…");
        assert_eq!(right("0.5", 5), "  0.5");
        let text = "シグモイドと N(0, 0.01) では、勾配は入力に近い層ほど小さくなる。The gradient (a vector) vanishes.";
        for width in 8..60 {
            let lines = wrap(text, width);
            assert!(lines.iter().all(|l| l.width() <= width), "{width} {lines:?}");
            let same = |t: &str| t.chars().filter(|c| *c != ' ').collect::<String>();
            assert_eq!(same(&lines.concat()), same(text), "nothing is lost");
            if width >= 30 {
                assert!(lines.iter().all(|l| !l.starts_with(['、', '。'])), "{lines:?}");
            }
        }
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(clean("a\u{1b}[31mb"), "a[31mb");
    }
}
