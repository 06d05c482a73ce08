//! Paths over a function of two numbers: contours below, one line for each
//! path, a dot where it is. A page's player moves the dots; without it the
//! whole paths are seen.

use super::axis::{Axis, Frame, draw_bottom, ticks_up};
use super::contour::Field;
use super::legend::{self, Ink};
use super::measure::fit;
use super::svg::{Anchor, Path, Svg};

/// Contour lines of a panel.
const LEVELS: usize = 14;

/// One path.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    /// Its name.
    pub label: String,
    /// Its colour.
    pub ink: Ink,
    /// Where it stands at each step.
    pub points: Vec<[f64; 2]>,
}

/// A function and the paths on it.
#[derive(Clone, Debug, PartialEq)]
pub struct PathsPanel {
    /// Its heading.
    pub title: String,
    /// What is shown of the plane: x, then y.
    pub view: [[f64; 2]; 2],
    /// The function over the view.
    pub field: Field,
    /// Its minima.
    pub minima: Vec<[f64; 2]>,
    /// The paths.
    pub walks: Vec<Walk>,
}

/// Panels in a grid with one legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Paths {
    /// What the chart shows, read aloud by screen readers.
    pub title: String,
    /// The panels, row by row.
    pub panels: Vec<PathsPanel>,
    /// Names and colours, above the panels.
    pub legend: Vec<(String, Ink)>,
    /// Panels side by side.
    pub columns: usize,
    /// Width of the picture in pixels.
    pub width: f64,
    /// Height of a panel's plot in pixels.
    pub height: f64,
}

impl Paths {
    /// The chart as an `<svg>` element.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(self.width, &self.title);
        let columns = self.columns.clamp(1, self.panels.len().max(1));
        let gap = 44.0;
        let wide = (self.width - 44.0 - gap * (columns - 1) as f64) / columns as f64;
        let mut top = legend::draw(&mut svg, [0.0, 0.0], self.width, &self.legend) + 8.0;
        for panels in self.panels.chunks(columns) {
            for (column, panel) in panels.iter().enumerate() {
                let left = 40.0 + column as f64 * (wide + gap);
                let frame =
                    Frame { left, right: left + wide, top: top + 20.0, bottom: top + 20.0 + self.height };
                panel.draw(&mut svg, frame);
            }
            top += self.height + 54.0;
        }
        svg.finish(top)
    }
}

impl PathsPanel {
    fn draw(&self, svg: &mut Svg, frame: Frame) {
        let [[x0, x1], [y0, y1]] = self.view;
        let x = Axis::linear("x").over(x0, x1).scale(&[], [frame.left, frame.right], 5);
        let y = Axis::linear("y").over(y0, y1).scale(&[], [frame.bottom, frame.top], 5);
        svg.group("panel");
        svg.text("head", [frame.left, frame.top - 8.0], Anchor::Start, &fit(&self.title, 13.5, 400.0));
        let ends = [frame.right - frame.left, frame.bottom - frame.top];
        let (across, up) = ((self.field.columns - 1) as f64, (self.field.rows - 1) as f64);
        let place = |[c, r]: [f64; 2]| [frame.left + c / across * ends[0], frame.bottom - r / up * ends[1]];
        for (i, level) in self.field.levels(LEVELS).into_iter().enumerate() {
            let mut path = Path::default();
            for line in self.field.lines(level) {
                path.move_to(place(line[0]));
                line[1..].iter().for_each(|p| path.line_to(place(*p)));
            }
            svg.path(if i % 4 == 3 { "contour strong" } else { "contour" }, &path, "");
        }
        draw_left_labels(svg, frame, &y);
        draw_bottom(svg, frame, &x, true);
        svg.line("axis", [frame.left, frame.top], [frame.left, frame.bottom]);
        for minimum in &self.minima {
            if let (Some(x), Some(y)) = (x.at(minimum[0]), y.at(minimum[1])) {
                svg.line("cross", [x - 5.0, y - 5.0], [x + 5.0, y + 5.0]);
                svg.line("cross", [x - 5.0, y + 5.0], [x + 5.0, y - 5.0]);
            }
        }
        for walk in &self.walks {
            let class = walk.ink.class();
            // A point outside the view stands at its edge; a path to infinity ends there.
            let points: Vec<[f64; 2]> =
                walk.points.iter().map_while(|p| Some([x.at(p[0])?, y.at(p[1])?])).collect();
            svg.polyline(&format!("l walk {class}"), &points, &walk.label);
            if let Some(last) = points.last() {
                svg.circle(&format!("d walker {class}"), *last, 4.0, &walk.label);
            }
        }
        if let Some(start) = self.walks.first().and_then(|w| w.points.first())
            && let (Some(x), Some(y)) = (x.at(start[0]), y.at(start[1]))
        {
            svg.circle("start", [x, y], 4.5, "");
        }
        svg.end();
    }
}

/// The labels of the vertical axis; contours take the place of grid lines.
fn draw_left_labels(svg: &mut Svg, frame: Frame, scale: &super::scale::Scale) {
    for tick in scale.ticks(ticks_up(frame.bottom - frame.top)) {
        if let Some(y) = scale.at(tick.value) {
            svg.line("axis", [frame.left - 4.0, y], [frame.left, y]);
            svg.text("tick", [frame.left - 7.0, y + 4.0], Anchor::End, &tick.label);
        }
    }
}
