//! A table of shares with a shade behind every number.

use super::measure::{fit, text_width, widest};
use super::number::fixed;
use super::svg::{Anchor, Svg};

const LABEL: f64 = 12.0;
const TALL: f64 = 24.0;

/// The ends of the shading.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shade {
    /// The share from which shades begin, and what it is.
    pub low: (f64, String),
    /// The share of the deepest shade, and what it is.
    pub high: (f64, String),
}

/// Rows × columns of shares between 0 and 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// What the chart shows, read aloud by screen readers.
    pub title: String,
    /// What the numbers are.
    pub measure: String,
    /// What the columns are.
    pub across: String,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Shares by row; None leaves a hole.
    pub cells: Vec<Vec<Option<f64>>>,
    /// The ends of the shading.
    pub shade: Shade,
    /// Width of the picture in pixels.
    pub width: f64,
}

impl Matrix {
    /// The chart as an `<svg>` element.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(self.width, &self.title);
        let names = widest(self.rows.iter().map(String::as_str), LABEL).min(self.width * 0.3);
        let left = names + 14.0;
        let wide = ((self.width - left) / self.columns.len().max(1) as f64).min(140.0);
        let mut top = self.draw_legend(&mut svg);
        svg.text("name", [left, top + 12.0], Anchor::Start, &fit(&self.across, LABEL, self.width - left));
        top += 20.0;
        // Names of columns that are too long for one line take as many as they need.
        let lines: Vec<Vec<String>> = self.columns.iter().map(|c| split(c, wide - 6.0)).collect();
        let high = lines.iter().map(Vec::len).max().unwrap_or(1) as f64;
        for (i, column) in lines.iter().enumerate() {
            for (j, line) in column.iter().enumerate() {
                let at = [left + (i as f64 + 0.5) * wide, top + 12.0 + 15.0 * j as f64];
                svg.text("num", at, Anchor::Middle, line);
            }
        }
        top += 15.0 * high + 6.0;
        for (row, name) in self.rows.iter().enumerate() {
            let y = top + row as f64 * TALL;
            svg.text("num", [left - 10.0, y + TALL / 2.0 + 4.0], Anchor::End, &fit(name, LABEL, names));
            for (column, head) in self.columns.iter().enumerate() {
                let cell = self.cells.get(row).and_then(|c| c.get(column)).copied().flatten();
                let place = [left + column as f64 * wide + 1.0, y + 1.0, wide - 2.0, TALL - 2.0];
                self.draw_cell(&mut svg, cell, place, &format!("{name} · {head}"));
            }
        }
        svg.finish(top + self.rows.len() as f64 * TALL + 4.0)
    }

    fn step(&self, share: f64) -> usize {
        let (low, high) = (self.shade.low.0, self.shade.high.0);
        let share = (share - low) / (high - low).max(f64::MIN_POSITIVE);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 10
        let step = (share.clamp(0.0, 1.0) * 10.0).round() as usize;
        step
    }

    fn draw_cell(&self, svg: &mut Svg, cell: Option<f64>, place: [f64; 4], name: &str) {
        let [x, y, wide, tall] = place;
        let Some(share) = cell.filter(|s| s.is_finite()) else {
            svg.rect("hole", place, &format!("{name}: —"));
            return;
        };
        let step = self.step(share);
        svg.rect(&format!("h{step}"), place, &format!("{name}: {}", fixed(share, 4)));
        let class = if step >= 8 { "num on-deep" } else { "num" };
        let text = fixed(share, if wide > 50.0 { 3 } else { 2 });
        svg.text(class, [x + wide / 2.0, y + tall / 2.0 + 4.0], Anchor::Middle, &text);
    }

    /// The name of the measure and the shades with their ends. Returns its height.
    fn draw_legend(&self, svg: &mut Svg) -> f64 {
        svg.text("name", [0.0, 14.0], Anchor::Start, &fit(&self.measure, LABEL, self.width));
        let (bar, y) = (240.0, 22.0);
        for step in 0..=10u32 {
            let x = f64::from(step) * bar / 11.0;
            svg.rect(&format!("h{step}"), [x, y, bar / 11.0 + 0.5, 10.0], "");
        }
        svg.rect("hole", [0.0, y, bar + 0.5, 10.0], "");
        svg.text("tick", [0.0, y + 24.0], Anchor::Start, &self.shade.low.1);
        svg.text("tick", [bar, y + 24.0], Anchor::End, &self.shade.high.1);
        54.0
    }
}

/// A name in lines of at most this width, cut at spaces and middle dots.
fn split(name: &str, room: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in name.split_inclusive([' ', '・']) {
        let last = lines.last_mut().expect("never empty");
        let joined = format!("{last}{word}");
        if last.is_empty() || text_width(joined.trim_end(), LABEL) <= room {
            *last = joined;
        } else {
            lines.push(word.to_string());
        }
    }
    lines.iter().map(|l| fit(l.trim_end(), LABEL, room)).collect()
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn long_heads_are_cut_into_lines() {
        assert_eq!(split("sigmoid, N(0, 0.01)", 1000.0), ["sigmoid, N(0, 0.01)"]);
        assert_eq!(split("ReLU, He", 30.0).len(), 2);
        assert_eq!(split("", 30.0), [""]);
    }
}
