//! Dots on a line: every single value, its mean, and a value to compare with.

use super::axis::{Axis, Frame, draw_bottom, draw_grid_up, ticks_across};
use super::measure::{fit, text_width, widest, wrap};
use super::number::compact;
use super::scale::Scale;
use super::svg::{Anchor, Path, Svg};

/// One line of dots.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StripRow {
    /// Its name, on the left.
    pub label: String,
    /// One dot per value. Values that are not finite are left out.
    pub values: Vec<f64>,
    /// Their mean and the half length of the whisker.
    pub mean: Option<[f64; 2]>,
    /// A value from elsewhere, drawn as a diamond.
    pub published: Option<f64>,
    /// Numbers in words, on the right.
    pub note: String,
    /// Smaller words below the name: a warning, or what the row is about.
    pub remark: String,
}

/// Several lines of dots over one axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strip {
    /// What the chart shows, read aloud by screen readers.
    pub title: String,
    /// The horizontal axis.
    pub axis: Axis,
    /// The lines.
    pub rows: Vec<StripRow>,
    /// Names of dot, mean and diamond.
    pub legend: [String; 3],
    /// Width of the picture in pixels.
    pub width: f64,
}

const LABEL: f64 = 12.0;
const SMALL: f64 = 10.0;

impl Strip {
    /// The chart as an `<svg>` element.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(self.width, &self.title);
        let remarks = self.rows.iter().any(|r| !r.remark.is_empty());
        let least: f64 = if self.rows.len() > 24 && !remarks { 22.0 } else { 34.0 };
        let names = widest(self.rows.iter().map(|r| r.label.as_str()), LABEL + 0.5);
        let small = widest(self.rows.iter().map(|r| r.remark.as_str()), SMALL + 0.5);
        let names = names.max(small).min(self.width * 0.36);
        let texts: Vec<Texts> = self.rows.iter().map(|r| Texts::new(r, names)).collect();
        let notes = widest(self.rows.iter().map(|r| r.note.as_str()), LABEL).min(self.width * 0.25);
        let top = self.draw_legend(&mut svg) + 6.0;
        let talls: Vec<f64> = texts.iter().map(|t| least.max(t.height() + 10.0)).collect();
        let bottom = top + talls.iter().sum::<f64>() + 4.0;
        let frame = Frame { left: names + 18.0, right: self.width - notes - 22.0, top, bottom };

        let mut values: Vec<f64> = self.rows.iter().flat_map(|r| r.values.clone()).collect();
        values.extend(self.rows.iter().filter_map(|r| r.published));
        let across = ticks_across(frame.right - frame.left);
        let x = self.axis.scale(&values, [frame.left, frame.right], across);
        draw_grid_up(&mut svg, frame, &x);
        draw_bottom(&mut svg, frame, &x, true);
        let mut y = top;
        for ((row, texts), tall) in self.rows.iter().zip(&texts).zip(talls) {
            svg.group("row");
            texts.draw(&mut svg, [names + 4.0, y + tall / 2.0]);
            draw_row(&mut svg, row, &x, frame, y + tall / 2.0, notes);
            svg.end();
            y += tall;
        }
        let title = fit(&self.axis.title, LABEL, frame.right - frame.left);
        svg.text("name", [frame.right, bottom + 34.0], Anchor::End, &title);
        svg.finish(bottom + 40.0)
    }

    fn draw_legend(&self, svg: &mut Svg) -> f64 {
        let [seed, mean, published] = &self.legend;
        let mut x = 6.0;
        let shown = [
            (seed, true),
            (mean, self.rows.iter().any(|r| r.mean.is_some())),
            (published, self.rows.iter().any(|r| r.published.is_some())),
        ];
        for (i, (name, used)) in shown.into_iter().enumerate() {
            if !used || name.is_empty() {
                continue;
            }
            match i {
                0 => svg.circle("seed", [x, 10.0], 3.5, ""),
                1 => draw_mean(svg, [x + 5.0, 10.0], [x - 4.0, x + 14.0]),
                _ => draw_diamond(svg, [x, 10.0], ""),
            }
            let name = fit(name, LABEL, self.width / 3.0);
            let text = x + [12.0, 22.0, 15.0][i];
            svg.text("name", [text, 14.0], Anchor::Start, &name);
            x = text + text_width(&name, LABEL) + 22.0;
        }
        22.0
    }
}

/// Name and remark of a row, in lines.
struct Texts {
    name: Vec<String>,
    remark: Vec<String>,
}

impl Texts {
    fn new(row: &StripRow, width: f64) -> Texts {
        let remark = if row.remark.is_empty() { vec![] } else { wrap(&row.remark, SMALL, width, 3) };
        Texts { name: wrap(&row.label, LABEL, width, 2), remark }
    }

    fn height(&self) -> f64 {
        15.0 * self.name.len() as f64 + 12.0 * self.remark.len() as f64
    }

    /// Around a height, ending at `x`.
    fn draw(&self, svg: &mut Svg, [x, y]: [f64; 2]) {
        let mut y = y - self.height() / 2.0;
        for line in &self.name {
            svg.text("num", [x, y + 11.5], Anchor::End, line);
            y += 15.0;
        }
        for line in &self.remark {
            svg.text("small", [x, y + 9.0], Anchor::End, line);
            y += 12.0;
        }
    }
}

fn draw_row(svg: &mut Svg, row: &StripRow, x: &Scale, frame: Frame, y: f64, notes: f64) {
    if let Some(published) = row.published
        && let Some(at) = x.at(published)
    {
        draw_diamond(svg, [at, y], &compact(published, 4));
    }
    for (i, value) in row.values.iter().enumerate() {
        let Some(at) = x.at(*value) else { continue };
        // Neighbouring seeds take turns, so that equal values stay countable.
        let turn = [0.0, -4.5, 4.5][i % 3];
        svg.circle("seed", [at, y + turn], 3.5, &format!("{}: {}", row.label, compact(*value, 4)));
    }
    if let Some([mean, half]) = row.mean
        && let (Some(at), Some(a), Some(b)) = (x.at(mean), x.at(mean - half), x.at(mean + half))
    {
        draw_mean(svg, [at, y], [a, b]);
    }
    svg.text("num", [frame.right + 18.0, y + 4.0], Anchor::Start, &fit(&row.note, LABEL, notes));
}

fn draw_mean(svg: &mut Svg, [x, y]: [f64; 2], [from, to]: [f64; 2]) {
    svg.line("whisker", [from, y], [to, y]);
    svg.line("mean", [x, y - 8.0], [x, y + 8.0]);
}

fn draw_diamond(svg: &mut Svg, [x, y]: [f64; 2], tip: &str) {
    let mut diamond = Path::default();
    diamond.move_to([x, y - 9.0]);
    for corner in [[x + 9.0, y], [x, y + 9.0], [x - 9.0, y]] {
        diamond.line_to(corner);
    }
    diamond.close();
    svg.path("published", &diamond, tip);
}
