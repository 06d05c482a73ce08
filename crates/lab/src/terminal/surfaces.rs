//! Optimisers on surfaces as text: a still picture of the paths and a table.

use super::LEAST_WIDTH;
use super::text::{Style, clean, left, paint, right, wrap};
use crate::chart::Field;
use crate::surfaces::{self, OnSurface, Surface, Surfaces};
use kobai_engine::{Lang, say};
use unicode_width::UnicodeWidthStr;

/// Lines of a picture.
const ROWS: usize = 15;
/// Columns of a picture at most.
const COLUMNS: usize = 48;
/// Contour lines.
const LEVELS: usize = 9;

/// The letter of a rule: S for SGD, M for Momentum, G for AdaGrad.
fn letter(rule: &str) -> char {
    match rule {
        "adagrad" => 'G',
        "adamw" => 'W',
        other => other.chars().next().unwrap_or('?').to_ascii_uppercase(),
    }
}

/// A picture of every surface with its contours and the paths of the rules as
/// letters, two side by side where they fit, and the table of the steps that
/// each rule needs.
#[must_use]
pub fn surfaces(on: &Surfaces, lang: Lang, width: usize, colour: bool) -> String {
    let width = width.max(LEAST_WIDTH);
    let beside = if width >= 2 * 36 + 3 { 2 } else { 1 };
    let columns = ((width - 3 * (beside - 1)) / beside).min(COLUMNS);
    let mut out = String::new();
    let own: Vec<_> = on.rules.iter().filter(|r| r.beside.is_none()).collect();
    let legend: Vec<String> =
        own.iter().map(|r| format!("{} {}", letter(&r.id), clean(r.label.get(lang)))).collect();
    let title = say!(
        lang,
        "Paths from ○, × a minimum, dots lines of equal loss: {}",
        "○ から出発した道筋。× は極小、点は等高線。{}",
        legend.join(", ")
    );
    for line in wrap(&title, width) {
        out += &(line + "\n");
    }
    for row in on.surfaces.chunks(beside) {
        let pictures: Vec<Vec<String>> =
            row.iter().filter_map(|s| picture(s, &own, lang, columns, colour)).collect();
        for i in 0..=ROWS {
            let line: Vec<&str> = pictures.iter().map(|p| p[i].as_str()).collect();
            out += &(line.join("   ").trim_end().to_string() + "\n");
        }
    }
    out.push('\n');
    out += &table(on, lang, width, colour);
    out
}

fn picture(
    on: &OnSurface,
    rules: &[&surfaces::RuleName],
    lang: Lang,
    columns: usize,
    colour: bool,
) -> Option<Vec<String>> {
    let surface = surfaces::named(&on.surface)?;
    let mut cells = contours(surface, columns);
    let [[x0, x1], [y0, y1]] = surface.view();
    let place = |p: [f64; 2]| {
        let share = |v: f64, lo: f64, hi: f64| (v - lo) / (hi - lo);
        let (x, y) = (share(p[0], x0, x1), share(p[1], y0, y1));
        let inside = (0.0..1.0).contains(&x) && (0.0..1.0).contains(&y);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to the size
        inside.then(|| ((x * columns as f64) as usize, ROWS - 1 - (y * ROWS as f64) as usize))
    };
    // The first rules are drawn last, on top.
    for (i, rule) in rules.iter().enumerate().rev() {
        let path = on.paths.iter().find(|p| p.rule == rule.id)?;
        for point in &path.points {
            if let Some((c, r)) = place(*point) {
                cells[r][c] = (letter(&rule.id), Some(i));
            }
        }
    }
    for minimum in surface.minima() {
        if let Some((c, r)) = place(minimum) {
            cells[r][c] = ('×', Some(usize::MAX));
        }
    }
    if let Some((c, r)) = place(surface.shown_start()) {
        cells[r][c] = ('○', Some(usize::MAX));
    }
    let mut lines = vec![paint(&left(surface.title().get(lang), columns), Style::Bold, colour)];
    lines.extend(
        cells
            .into_iter()
            .map(|row| row.into_iter().map(|(c, ink)| glyph(c, ink, colour)).collect::<String>()),
    );
    Some(lines)
}

fn glyph(c: char, ink: Option<usize>, colour: bool) -> String {
    match ink {
        _ if !colour => c.to_string(),
        None => format!("\u{1b}[2m{c}\u{1b}[0m"),
        Some(usize::MAX) => format!("\u{1b}[1m{c}\u{1b}[0m"),
        // Blue, yellow, green, magenta, red, cyan: letters say the same without them.
        Some(i) => format!("\u{1b}[{}m{c}\u{1b}[0m", [34, 33, 32, 35, 31, 36][i % 6]),
    }
}

/// Braille dots of the lines of equal loss.
fn contours(surface: Surface, columns: usize) -> Vec<Vec<(char, Option<usize>)>> {
    let (wide, tall) = (columns * 2, ROWS * 4);
    let field = Field::sample([wide, tall], surface.view(), |p| surface.contour_scale(surface.value(p)));
    let mut dots = vec![vec![0u32; columns]; ROWS];
    for level in field.levels(LEVELS) {
        for [a, b] in field.segments(level) {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // inside the grid
            let (c, r) = ((a[0] + b[0]).div_euclid(2.0) as usize, (a[1] + b[1]).div_euclid(2.0) as usize);
            let (c, r) = (c.min(wide - 1), tall - 1 - r.min(tall - 1));
            // The bits of a braille cell: two columns of three, and a row below them.
            let bit = match (c % 2, r % 4) {
                (0, 3) => 6,
                (_, 3) => 7,
                (left, row) => row + 3 * left,
            };
            dots[r / 4][c / 2] |= 1 << bit;
        }
    }
    let cell = |bits: u32| (if bits == 0 { ' ' } else { char::from_u32(0x2800 + bits).unwrap_or('·') }, None);
    dots.into_iter().map(|row| row.into_iter().map(cell).collect()).collect()
}

/// Steps until each rule stays arrived, mean over starts and seeds.
fn table(on: &Surfaces, lang: Lang, width: usize, colour: bool) -> String {
    let mean = |v: &Vec<f64>| v.iter().sum::<f64>() / v.len().max(1) as f64;
    let names: Vec<String> = on.rules.iter().map(|r| clean(r.label.get(lang))).collect();
    let first = names.iter().map(|n| n.width()).max().unwrap_or(0).min(20);
    let heads: Vec<String> = on.surfaces.iter().map(|s| s.surface.clone()).collect();
    let mut shown = heads.len();
    let wide = |n: usize| heads[..n].iter().map(|h| h.width().max(4) + 2).sum::<usize>();
    while shown > 1 && first + wide(shown) > width {
        shown -= 1;
    }
    let title = say!(
        lang,
        "Steps until it stays within 0.01 of the lowest value (mean; {} = never), each rule at its best rate",
        "最低値との差が 0.01 以内に留まるまでのステップ数（平均、{} は到着せず）。学習率は手法ごとに最良",
        on.steps
    );
    let mut out = String::new();
    for line in wrap(&title, width) {
        out += &(paint(&line, Style::Bold, colour) + "\n");
    }
    out += &" ".repeat(first);
    for head in &heads[..shown] {
        out += &format!("  {}", right(head, head.width().max(4)));
    }
    out.push('\n');
    for (rule, name) in on.rules.iter().zip(&names) {
        out += &left(name, first);
        for s in &on.surfaces[..shown] {
            let value = on.measure(&rule.id, &s.surface, "settle").map(mean);
            let text = value.map_or("—".to_string(), |v| format!("{v:.0}"));
            out += &format!("  {}", right(&text, s.surface.width().max(4)));
        }
        out.push('\n');
    }
    out
}
