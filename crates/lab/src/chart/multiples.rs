//! Small multiples: the same plot many times, on shared axes, so that panels
//! can be compared by eye.

use super::axis::{Axis, Frame, draw_bottom, draw_left, label_room, ticks_across, ticks_up};
use super::legend::{self, Ink};
use super::line::{Mark, Series, all_x, all_y, draw_marks, draw_series};
use super::measure::{fit, text_width};
use super::svg::{Anchor, Svg};

/// One panel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// Its heading.
    pub title: String,
    /// Its lines.
    pub series: Vec<Series>,
}

/// Panels in a grid with one legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Multiples {
    /// What the chart shows, read aloud by screen readers.
    pub title: String,
    /// The horizontal axis of every panel.
    pub x: Axis,
    /// The vertical axis of every panel.
    pub y: Axis,
    /// The panels, row by row.
    pub panels: Vec<Panel>,
    /// Lines in every panel, behind its own.
    pub behind: Vec<Series>,
    /// Names and colours, above the panels.
    pub legend: Vec<(String, Ink)>,
    /// Values to compare with, in every panel.
    pub marks: Vec<Mark>,
    /// Panels side by side.
    pub columns: usize,
    /// Width of the picture in pixels.
    pub width: f64,
    /// Height of a panel's plot in pixels.
    pub height: f64,
}

impl Multiples {
    /// The chart as an `<svg>` element.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(self.width, &self.title);
        let columns = self.columns.clamp(1, self.panels.len().max(1));
        let own = self.panels.iter().flat_map(|p| &p.series);
        let lines: Vec<Series> = own.chain(&self.behind).cloned().collect();
        let (xs, ys) = (all_x(&lines), all_y(&lines, &self.marks));
        let up = ticks_up(self.height);

        // The labels' room follows from the ticks, and those from the values alone.
        let room = label_room(&self.y.scale(&ys, [self.height, 0.0], up).ticks(up)).max(24.0);
        let gap = 30.0;
        let wide = (self.width - room - 18.0 - gap * (columns - 1) as f64) / columns as f64;
        let across = ticks_across(wide);

        let mut top = legend::draw(&mut svg, [0.0, 0.0], self.width, &self.legend);
        if !self.legend.is_empty() {
            top += 6.0;
        }
        let title = fit(&self.y.title, 12.0, self.width / 2.0);
        svg.text("name", [0.0, top + 12.0], Anchor::Start, &title);
        self.name_marks(&mut svg, [text_width(&title, 12.0) + 24.0, top + 12.0]);
        top += 22.0;

        // Drawn once: where, and under which name.
        let mut behind: Option<([f64; 2], String)> = None;
        for (row, panels) in self.panels.chunks(columns).enumerate() {
            for (column, panel) in panels.iter().enumerate() {
                let left = room + column as f64 * (wide + gap);
                let frame =
                    Frame { left, right: left + wide, top: top + 20.0, bottom: top + 20.0 + self.height };
                let x = self.x.scale(&xs, [frame.left, frame.right], across);
                let y = self.y.scale(&ys, [frame.bottom, frame.top], up);
                // The panel below this one carries the labels, if there is one.
                let lowest = (row + 1) * columns + column >= self.panels.len();
                svg.group("panel");
                svg.text("head", [left, top + 12.0], Anchor::Start, &fit(&panel.title, 13.5, wide));
                draw_left(&mut svg, frame, &y, column == 0);
                draw_bottom(&mut svg, frame, &x, lowest);
                draw_marks(&mut svg, frame, &y, &self.marks, false);
                let corner = [frame.left, frame.top];
                match &behind {
                    Some((at, name)) => svg.again(name, [corner[0] - at[0], corner[1] - at[1]]),
                    None if self.behind.is_empty() => {}
                    None => {
                        let name = svg.shared(|svg| draw_series(svg, &x, &y, &self.behind));
                        behind = Some((corner, name));
                    }
                }
                draw_series(&mut svg, &x, &y, &panel.series);
                svg.end();
            }
            top += self.height + 36.0;
        }
        // Below the last panel, which need not be the rightmost.
        let last = (self.panels.len().max(1) - 1) % columns;
        let right = room + last as f64 * (wide + gap) + wide;
        svg.text("name", [right, top + 16.0], Anchor::End, &fit(&self.x.title, 12.0, right));
        svg.finish(top + 22.0)
    }

    /// Names of the marks, beside the title of the vertical axis.
    fn name_marks(&self, svg: &mut Svg, [mut x, y]: [f64; 2]) {
        for mark in self.marks.iter().filter(|m| !m.label.is_empty()) {
            let label = fit(&mark.label, 12.0, self.width - x - 30.0);
            svg.line("mark", [x, y - 4.0], [x + 22.0, y - 4.0]);
            svg.text("name", [x + 28.0, y], Anchor::Start, &label);
            x += 46.0 + text_width(&label, 12.0);
        }
    }
}
