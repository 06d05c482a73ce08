//! Histograms by row and column: how a distribution looks, and how it looked
//! before.

use super::measure::{fit, widest};
use super::number::compact;
use super::scale::{Kind, Scale, extent};
use super::svg::{Anchor, Path, Svg};

/// Counts in equal bins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Lower edge of the first bin.
    pub low: f64,
    /// Upper edge of the last bin.
    pub high: f64,
    /// Counts by bin.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// The share of every bin; None if there is nothing to draw.
    fn shares(&self) -> Option<Vec<f64>> {
        let total: u64 = self.counts.iter().sum();
        let edges = self.low.is_finite() && self.high.is_finite() && self.low < self.high;
        (edges && total > 0).then(|| self.counts.iter().map(|c| *c as f64 / total as f64).collect())
    }
}

/// One cell: a distribution, the one before, and a line of text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramCell {
    /// Name, above the picture on the left.
    pub name: String,
    /// Remark, above the picture on the right.
    pub note: String,
    /// Drawn as an outline.
    pub before: Histogram,
    /// Drawn filled.
    pub after: Histogram,
}

/// Rows × columns of histograms. The cells of a row share their horizontal
/// axis; each is as tall as its own highest bin.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramGrid {
    /// What the chart shows, read aloud by screen readers.
    pub title: String,
    /// Names of the rows, with their cells from left to right.
    pub rows: Vec<(String, Vec<HistogramCell>)>,
    /// What the outline and what the filled shape is.
    pub legend: [String; 2],
    /// Width of the picture in pixels.
    pub width: f64,
}

const LABEL: f64 = 12.0;
/// Bold text is wider than its size says.
const HEAD: f64 = 13.5;
const TALL: f64 = 44.0;
const ROW: f64 = TALL + 38.0;

impl HistogramGrid {
    /// The chart as an `<svg>` element.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(self.width, &self.title);
        let names = widest(self.rows.iter().map(|r| r.0.as_str()), HEAD).min(self.width * 0.25);
        let left = names + 16.0;
        let columns = self.rows.iter().map(|r| r.1.len()).max().unwrap_or(0).max(1);
        let gap = 22.0;
        let wide = ((self.width - left - gap * (columns - 1) as f64) / columns as f64).min(260.0);

        self.draw_legend(&mut svg);
        let top = 34.0;
        for (row, (name, cells)) in self.rows.iter().enumerate() {
            let y = top + row as f64 * ROW;
            svg.group("row");
            let label = fit(name, HEAD, names);
            svg.text("head", [left - 14.0, y + 16.0 + TALL / 2.0], Anchor::End, &label);
            let edges = cells.iter().flat_map(|c| [&c.before, &c.after]).filter(|h| h.shares().is_some());
            let range = extent(edges.flat_map(|h| [h.low, h.high])).unwrap_or([0.0, 1.0]);
            for (column, cell) in cells.iter().enumerate() {
                draw_cell(&mut svg, cell, [left + column as f64 * (wide + gap), y], wide, range);
            }
            svg.end();
        }
        svg.finish(top + self.rows.len() as f64 * ROW)
    }

    fn draw_legend(&self, svg: &mut Svg) {
        let [before, after] = &self.legend;
        let half = self.width / 2.0 - 40.0;
        svg.rect("before", [1.0, 5.0, 20.0, 10.0], "");
        let before = fit(before, LABEL, half);
        svg.text("name", [28.0, 14.0], Anchor::Start, &before);
        let x = 28.0 + super::measure::text_width(&before, LABEL) + 22.0;
        svg.rect("after", [x, 5.0, 20.0, 10.0], "");
        svg.text("name", [x + 27.0, 14.0], Anchor::Start, &fit(after, LABEL, half));
    }
}

fn draw_cell(svg: &mut Svg, cell: &HistogramCell, [left, top]: [f64; 2], wide: f64, range: [f64; 2]) {
    let (head, base) = (top + 16.0, top + 16.0 + TALL);
    let note = fit(&cell.note, 10.0, wide * 0.62);
    let room = wide - super::measure::text_width(&note, 10.0) - 6.0;
    svg.text("small", [left, head - 5.0], Anchor::Start, &fit(&cell.name, 10.0, room));
    svg.text("small", [left + wide, head - 5.0], Anchor::End, &note);
    svg.line("axis", [left, base], [left + wide, base]);

    let x = Scale::new(Kind::Linear, range, [left, left + wide]);
    let highest = |h: &Histogram| h.shares().and_then(extent).map_or(0.0, |e| e[1]);
    // A bin of another width has another share: compare shares per width.
    let width = |h: &Histogram| ((h.high - h.low) / h.counts.len().max(1) as f64).max(f64::MIN_POSITIVE);
    let density = [&cell.before, &cell.after].map(|h| highest(h) / width(h));
    let tallest = density[0].max(density[1]);
    for (class, h) in [("after", &cell.after), ("before", &cell.before)] {
        let Some(shares) = h.shares() else { continue };
        let step = width(h);
        let mut shape = Path::default();
        shape.move_to([x.at(h.low).unwrap_or(left), base]);
        for (bin, share) in shares.iter().enumerate() {
            let y = base - share / step / tallest * TALL;
            for edge in [bin, bin + 1] {
                if let Some(at) = x.at(h.low + edge as f64 * step) {
                    shape.line_to([at, y]);
                }
            }
        }
        shape.line_to([x.at(h.high).unwrap_or(left + wide), base]);
        svg.path(class, &shape, "");
    }
    svg.text("small", [left, base + 12.0], Anchor::Start, &compact(range[0], 2));
    svg.text("small", [left + wide, base + 12.0], Anchor::End, &compact(range[1], 2));
}
