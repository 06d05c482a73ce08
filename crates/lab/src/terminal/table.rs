//! The table of networks.

use kobai_engine::{Lang, say};
use unicode_width::UnicodeWidthStr;

use super::LEAST_WIDTH;
use super::text::{Style, clean, left, paint, right};
use crate::chart::number;
use crate::report::summary::{accuracies, learning_curve};
use crate::report::table::plus_minus;
use crate::results::{Results, Row};

/// Columns of the learning curve at most.
const SPARK: usize = 10;

/// The table of networks: train and test accuracy as mean ± standard deviation
/// over seeds, the published figure where there is one, and the test curve in
/// little. A grid becomes a matrix of its means. Narrow tables lose the curve first, then shorten the names.
#[must_use]
pub fn table(results: &Results, lang: Lang, width: usize, colour: bool) -> String {
    let width = width.max(LEAST_WIDTH);
    if let Some(matrix) = super::matrix::matrix(results, lang, width, colour) {
        return matrix;
    }
    let lines: Vec<Line> = results.rows.iter().map(|row| line(row, lang)).collect();
    let any = |column: fn(&Line) -> &str| lines.iter().any(|l| !column(l).is_empty());
    let columns: Vec<(&str, Column)> = [
        (lang.pick("train", "訓練"), (|l: &Line| l.train.as_str()) as Column, true),
        (lang.pick("test", "テスト"), |l| l.test.as_str(), true),
        (lang.pick("published", "公表値"), |l| l.published.as_str(), any(|l| &l.published)),
        (lang.pick("curve", "経過"), |l| l.spark.as_str(), any(|l| &l.spark)),
    ]
    .into_iter()
    .filter(|(.., shown)| *shown)
    .map(|(head, of, _)| (head, of))
    .collect();
    let wide = |(head, of): &(&str, Column)| {
        lines.iter().map(|l| of(l).width()).max().unwrap_or(0).max(head.width())
    };
    let head = lang.pick("network", "ネットワーク");
    let names = lines.iter().map(|l| l.label.width()).max().unwrap_or(0).max(head.width());

    // Columns leave from the right until names have at least some room.
    let mut shown = columns;
    let taken = |shown: &[(&str, Column)]| shown.iter().map(|c| wide(c) + 2).sum::<usize>();
    while shown.len() > 2 && names.min(24) + taken(&shown) > width {
        shown.pop();
    }
    while shown.len() > 1 && 10 + taken(&shown) > width {
        shown.remove(0);
    }
    let names = names.min(width.saturating_sub(taken(&shown)));

    let mut out = paint(&left(head, names), Style::Bold, colour);
    for column in &shown {
        out.push_str("  ");
        out.push_str(&paint(&right(column.0, wide(column)), Style::Bold, colour));
    }
    out.push('\n');
    out.push_str(&paint(&"─".repeat(names + taken(&shown)), Style::Dim, colour));
    out.push('\n');
    for line in &lines {
        let mut text = left(&line.label, names);
        for column in &shown {
            text.push_str("  ");
            text.push_str(&right(column.1(line), wide(column)));
        }
        out.push_str(text.trim_end());
        out.push('\n');
        for part in super::text::wrap(&line.warning, width - 2) {
            out.push_str("  ");
            out.push_str(&paint(&part, Style::Bad, colour));
            out.push('\n');
        }
    }
    out
}

type Column = fn(&Line) -> &str;

struct Line {
    label: String,
    train: String,
    test: String,
    published: String,
    spark: String,
    warning: String,
}

fn line(row: &Row, lang: Lang) -> Line {
    let a = accuracies(row);
    let (n, all) = (a.diverged.len(), row.runs.len());
    let warning = a.diverged.iter().min().map_or_else(String::new, |first| {
        say!(
            lang,
            "⚠ {n} of {all} runs diverged, the first at step {first}; means without them",
            "⚠ {all} 回中 {n} 回が発散（最初はステップ {first}）。平均には含まない"
        )
    });
    Line {
        label: clean(row.label.get(lang)),
        train: plus_minus(a.train),
        test: plus_minus(a.test),
        published: row.published.as_ref().map(|p| number::fixed(p.mean, 4)).unwrap_or_default(),
        spark: spark(row),
        warning,
    }
}

/// The mean test accuracy by step in blocks: an empty block is 0, a full one 1.
fn spark(row: &Row) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let curve = learning_curve(row);
    let picked = crate::report::summary::pick_evenly(curve.len(), SPARK);
    picked
        .into_iter()
        .map(|i| {
            let value = curve[i].1;
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 7
            let step = (value.clamp(0.0, 1.0) * 7.0).round() as usize;
            if value.is_finite() { BLOCKS[step] } else { '·' }
        })
        .collect()
}
