//! Heat maps on a logarithmic colour scale: sizes that span decades, at a
//! glance. Small fades into the paper; exactly nothing has a sign of its own.

use super::measure::{fit, text_width, widest};
use super::number::{compact, scientific};
use super::scale::{Kind, Scale, extent};
use super::svg::{Anchor, Svg};

/// Font size of labels.
const LABEL: f64 = 12.0;
/// Width from which a cell carries its number.
const NUMBERED: f64 = 56.0;

/// One cell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Cell {
    /// There is nothing to show here.
    #[default]
    Empty,
    /// Exactly zero.
    Zero,
    /// A positive, finite size.
    Size(f64),
}

/// Rows × columns of sizes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heat {
    /// What the chart shows, read aloud by screen readers.
    pub title: String,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Cells by row; missing ones are empty.
    pub cells: Vec<Vec<Cell>>,
    /// What the colours measure.
    pub measure: String,
    /// Numbers as they are, such as counts, instead of powers of ten.
    pub plain: bool,
    /// What the sign for exact zeros is called in the legend.
    pub zero: String,
    /// Width of the picture in pixels.
    pub width: f64,
}

impl Heat {
    /// The chart as an `<svg>` element.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(self.width, &self.title);
        let [low, high] = self.decades();
        let names = widest(self.rows.iter().map(String::as_str), LABEL).min(self.width * 0.35);
        let left = names + 12.0;
        let wide = ((self.width - left) / self.columns.len().max(1) as f64).min(150.0);
        let tall = if self.rows.len() > 24 { 20.0 } else { 28.0 };

        let mut top = self.draw_legend(&mut svg, [low, high]) + 10.0;
        self.draw_columns(&mut svg, left, top, wide);
        top += 20.0;
        for (row, name) in self.rows.iter().enumerate() {
            let y = top + row as f64 * tall;
            svg.text("num", [left - 10.0, y + tall / 2.0 + 4.0], Anchor::End, &fit(name, LABEL, names));
            for (column, layer) in self.columns.iter().enumerate() {
                let cell = self.cells.get(row).and_then(|c| c.get(column)).copied().unwrap_or_default();
                let place = [left + column as f64 * wide + 1.0, y + 1.0, wide - 2.0, tall - 2.0];
                draw_cell(&mut svg, (cell, self.plain), place, [low, high], &format!("{name} · {layer}"));
            }
        }
        svg.finish(top + self.rows.len() as f64 * tall + 4.0)
    }

    /// The powers of ten at the ends of the colour scale.
    fn decades(&self) -> [i32; 2] {
        let sizes = self.cells.iter().flatten().filter_map(|c| match c {
            Cell::Size(v) if v.is_finite() && *v > 0.0 => Some(v.log10()),
            _ => None,
        });
        let Some([lo, hi]) = extent(sizes) else { return [-3, 0] };
        #[allow(clippy::cast_possible_truncation)] // exponents of f64 are small
        let (lo, hi) = ((lo + 1e-3).floor() as i32, (hi - 1e-3).ceil() as i32);
        [lo, hi.max(lo + 1)]
    }

    /// The name of the measure, the colour bar with its powers of ten, and the
    /// sign for zeros. Returns its height.
    fn draw_legend(&self, svg: &mut Svg, [low, high]: [i32; 2]) -> f64 {
        svg.text("name", [0.0, 14.0], Anchor::Start, &fit(&self.measure, LABEL, self.width));
        let (bar, y) = (240.0, 22.0);
        for step in 0..=10u32 {
            let x = f64::from(step) * bar / 11.0;
            svg.rect(&format!("h{step}"), [x, y, bar / 11.0 + 0.5, 10.0], "");
        }
        svg.rect("hole", [0.0, y, bar + 0.5, 10.0], "");
        let scale = Scale::new(Kind::Log, [low, high].map(|e| 10f64.powi(e)), [0.0, bar]);
        for tick in scale.ticks(5) {
            let x = scale.at(tick.value).unwrap_or(0.0);
            // The first label begins where the bar does.
            let anchor = if x < 16.0 { Anchor::Start } else { Anchor::Middle };
            svg.text("tick", [x, y + 24.0], anchor, &tick.label);
        }
        let zeros = self.cells.iter().flatten().any(|c| *c == Cell::Zero);
        if zeros {
            svg.rect("nothing", [bar + 36.0, y - 2.0, 22.0, 14.0], "");
            svg.text("tick", [bar + 47.0, y + 9.0], Anchor::Middle, "0");
            let room = self.width - bar - 66.0;
            svg.text("name", [bar + 66.0, y + 9.0], Anchor::Start, &fit(&self.zero, LABEL, room));
        }
        50.0
    }

    /// Names of the columns, as many as fit without touching.
    fn draw_columns(&self, svg: &mut Svg, left: f64, top: f64, wide: f64) {
        let mut free = f64::NEG_INFINITY;
        for (column, name) in self.columns.iter().enumerate() {
            let name = fit(name, LABEL, wide.max(110.0));
            let half = text_width(&name, LABEL) / 2.0;
            let middle = left + (column as f64 + 0.5) * wide;
            let x = middle.min(self.width - half);
            if x - half >= free {
                svg.text("num", [x, top + 13.0], Anchor::Middle, &name);
                free = x + half + 8.0;
            }
        }
    }
}

fn draw_cell(svg: &mut Svg, (cell, plain): (Cell, bool), place: [f64; 4], [low, high]: [i32; 2], name: &str) {
    let [x, y, wide, tall] = place;
    let (class, number) = match cell {
        Cell::Size(size) if size.is_finite() && size > 0.0 => {
            let share = (size.log10() - f64::from(low)) / f64::from(high - low);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 10
            let step = (share.clamp(0.0, 1.0) * 10.0).round() as usize;
            (format!("h{step}"), if plain { compact(size, 3) } else { scientific(size) })
        }
        Cell::Zero => ("nothing".to_string(), "0".to_string()),
        _ => {
            svg.rect("hole", place, &format!("{name}: —"));
            return;
        }
    };
    svg.rect(&class, place, &format!("{name}: {number}"));
    if wide >= NUMBERED || (cell == Cell::Zero && wide >= 10.0) {
        // Dark fields take the paper's colour.
        let deep = matches!(class.as_str(), "h8" | "h9" | "h10");
        let class = if deep { "num on-deep" } else { "num" };
        svg.text(class, [x + wide / 2.0, y + tall / 2.0 + 4.0], Anchor::Middle, &number);
    }
}
