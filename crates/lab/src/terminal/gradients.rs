//! The picture of gradient sizes: a bar for every layer, on a logarithmic axis.

use kobai_engine::{Lang, say};
use unicode_width::UnicodeWidthStr;

use super::LEAST_WIDTH;
use super::text::{Style, clean, cut, left, paint, right, wrap};
use crate::chart::number::{power, scientific};
use crate::report::summary::{Size, gradient_size, has_flow, layers, pick_evenly};
use crate::results::Results;

/// Layers shown of each network at most.
const SHOWN: usize = 12;
/// Decades of the axis at most; what is smaller has the shortest bar.
const DECADES: i32 = 24;

/// The size of the gradient of every layer of every network: the RMS of the
/// weight's gradient, mean over the recorded steps, geometric mean over seeds,
/// as bars on a logarithmic axis. Where bars shrink towards the first layer,
/// the gradient vanishes. Without recorded gradients: one sentence that says so.
#[must_use]
pub fn gradients(results: &Results, lang: Lang, width: usize, colour: bool) -> String {
    let width = width.max(LEAST_WIDTH);
    if results.rows.iter().any(|row| row.place.is_some()) {
        // A grid has too many rows for bars.
        return String::new();
    }
    if !has_flow(results) {
        let text = say!(
            lang,
            "No gradients were recorded (observers were off).",
            "勾配は記録されていない（観測なし）。"
        );
        return wrap(&text, width).join("\n") + "\n";
    }
    let mut cut_layers = false;
    let rows: Vec<(String, Vec<(String, Size)>)> = results
        .rows
        .iter()
        .map(|row| {
            let names = layers(row);
            cut_layers |= names.len() > SHOWN;
            let picked = pick_evenly(names.len(), SHOWN);
            let sizes = picked.into_iter().map(|i| (clean(&names[i]), gradient_size(row, &names[i])));
            (clean(row.label.get(lang)), sizes.collect())
        })
        .collect();
    let sizes = || rows.iter().flat_map(|r| &r.1);
    let [low, high] = decades(sizes().map(|s| s.1));
    let names = sizes().map(|s| s.0.width()).max().unwrap_or(0).min(width / 4);
    let zero = lang.pick("0 (exactly)", "0（ちょうど）");
    let numbers = zero.width().max(8);
    // Two columns of indentation, one before and after the bar.
    let bar = width - 2 - names - 1 - 1 - numbers;

    let mut out = String::new();
    let title = say!(
        lang,
        "Gradient by layer, from input to output (RMS of the weight's gradient)",
        "層ごとの勾配、入力から出力へ（重みの勾配の RMS）"
    );
    for part in wrap(&title, width) {
        out += &(paint(&part, Style::Bold, colour) + "\n");
    }
    for part in axis(low, high, bar) {
        out += &format!("{}{}\n", " ".repeat(names + 3), paint(part.trim_end(), Style::Dim, colour));
    }
    for (label, layers) in &rows {
        out += &(paint(&cut(label, width), Style::Bold, colour) + "\n");
        for (layer, size) in layers {
            let (picture, style, value) = match size {
                Size::Zero => (String::new(), Style::Bad, zero.to_string()),
                Size::Missing => (String::new(), Style::Dim, "—".to_string()),
                Size::Value(v) => {
                    let share = (v.log10() - f64::from(low)) / f64::from(high - low);
                    let style = if share < 1.0 / 3.0 { Style::Bad } else { Style::Good };
                    (blocks(share, bar), style, scientific(*v))
                }
            };
            let pad = " ".repeat(bar - picture.width());
            let picture = paint(&picture, style, colour);
            out += &format!("  {} {picture}{pad} {}\n", left(layer, names), right(&value, numbers));
        }
    }
    if cut_layers {
        let note = say!(
            lang,
            "Of deep networks, {SHOWN} layers from the first to the last are shown.",
            "深いネットワークでは、最初から最後までの {SHOWN} 層だけを示す。"
        );
        for part in wrap(&note, width) {
            out += &(paint(&part, Style::Dim, colour) + "\n");
        }
    }
    out
}

/// The powers of ten at the ends of the axis. The lower end is below the
/// smallest size, so that even that has a bar.
fn decades(sizes: impl Iterator<Item = Size>) -> [i32; 2] {
    let exponents = sizes.filter_map(|s| match s {
        Size::Value(v) => Some(v.log10()),
        _ => None,
    });
    let Some([lo, hi]) = crate::chart::scale::extent(exponents) else { return [-3, 0] };
    #[allow(clippy::cast_possible_truncation)] // exponents of f64 are small
    let (lo, hi) = ((lo - 0.1).floor() as i32, (hi - 1e-3).ceil() as i32);
    let hi = hi.max(lo + 1);
    [lo.max(hi - DECADES), hi]
}

/// A bar in eighths of a column, never empty.
fn blocks(share: f64, width: usize) -> String {
    const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to the width
    let eighths = ((share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize).max(1);
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8 - 1]);
    }
    bar
}

/// The axis in two lines: powers of ten, as many as fit, and their ticks.
fn axis(low: i32, high: i32, width: usize) -> [String; 2] {
    let mut labels = String::new();
    let mut ticks: Vec<char> = vec!['─'; width];
    for e in low..=high {
        #[allow(clippy::cast_sign_loss)] // e is not below low
        let at = (((e - low) as usize * width) / (high - low) as usize).min(width - 1);
        ticks[at] = match e {
            _ if e == low => '├',
            _ if e == high => '┤',
            _ => '┼',
        };
        let label = power(e);
        // Labels stand above their tick; the last one ends at it.
        let from = if e == high { width.saturating_sub(label.width()) } else { at };
        let used = labels.width();
        let next_fits = e == high || from + label.width() + 6 <= width;
        if (used == 0 || from > used) && next_fits {
            labels.push_str(&" ".repeat(from - used));
            labels.push_str(&label);
        }
    }
    [labels, ticks.into_iter().collect()]
}
