//! The table of a grid: a line for every choice down, a column for every
//! choice across.

use kobai_engine::{Lang, say};
use unicode_width::UnicodeWidthStr;

use super::text::{Style, clean, left, paint, right};
use crate::chart::number;
use crate::report::grid::{Grid, grid};
use crate::results::Results;

/// Width of a column with its space.
const COLUMN: usize = 9;

/// Mean test accuracies of a grid, with the best of every line set off; None
/// if the experiment has no axes. Heads that are too long become letters, with
/// their names below.
pub(super) fn matrix(results: &Results, lang: Lang, width: usize, colour: bool) -> Option<String> {
    let Grid { across, rows, columns, cells } = grid(results, lang)?;
    let (rows, columns): (Vec<String>, Vec<String>) =
        (rows.iter().map(|r| clean(r)).collect(), columns.iter().map(|c| clean(c)).collect());
    let long = columns.iter().any(|c| c.width() > COLUMN - 2);
    let letter = |i: usize| char::from_u32('A' as u32 + i as u32).map_or_else(|| i.to_string(), String::from);
    let heads: Vec<String> =
        columns.iter().enumerate().map(|(i, c)| if long { letter(i) } else { c.clone() }).collect();
    let room = width.saturating_sub(columns.len() * COLUMN).max(8);
    let names = rows.iter().map(|r| r.width()).max().unwrap_or(0).min(room);
    let mut out = say!(
        lang,
        "mean test accuracy over {} seeds; columns: {across}\n",
        "テスト正解率（{} シードの平均）。列：{across}\n",
        results.seeds.len()
    );
    out += &left("", names);
    heads.iter().for_each(|head| out += &paint(&right(head, COLUMN), Style::Bold, colour));
    out += &format!("\n{}\n", paint(&"─".repeat(names + columns.len() * COLUMN), Style::Dim, colour));
    for (name, line) in rows.iter().zip(&cells) {
        out += &left(name, names);
        let best = line.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        for cell in line {
            let text = cell.map_or_else(|| "—".to_string(), |v| number::fixed(v, 3));
            let text = right(&text, COLUMN);
            out += &if *cell == Some(best) { paint(&text, Style::Good, colour) } else { text };
        }
        out.push('\n');
    }
    if long {
        for (i, name) in columns.iter().enumerate() {
            out += &format!("  {}  {name}\n", letter(i));
        }
    }
    Some(out)
}
