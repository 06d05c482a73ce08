//! Lines over an axis, with a band over seeds and labels at their ends.

use super::axis::{Axis, Frame, draw_bottom, draw_left, label_room, ticks_across, ticks_up};
use super::legend::{self, Ink};
use super::measure::{fit, text_width};
use super::number::compact;
use super::scale::Scale;
use super::svg::{Anchor, Path, Svg};

/// Font size of labels at the end of a line.
const LABEL: f64 = 12.0;
/// Least distance between two labels.
const APART: f64 = 15.0;

/// One point of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where it stands.
    pub x: f64,
    /// Its value. A value that is not finite leaves a gap.
    pub y: f64,
    /// Lower and upper edge of the band at this point.
    pub band: Option<[f64; 2]>,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name.
    pub label: String,
    /// Its colour.
    pub ink: Ink,
    /// Its points in the order of x.
    pub points: Vec<Point>,
}

/// A value that a reader compares with, such as chance level.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where it stands on the vertical axis.
    pub value: f64,
    /// What it is.
    pub label: String,
}

/// Several lines in one plot. Up to ten are named at their right ends, more
/// in a legend below.
#[derive(Clone, Debug, PartialEq)]
pub struct LineChart {
    /// What the chart shows, read aloud by screen readers.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The lines.
    pub series: Vec<Series>,
    /// Values to compare with.
    pub marks: Vec<Mark>,
    /// Width of the picture in pixels.
    pub width: f64,
    /// Height of the plot in pixels, without axis titles and legend.
    pub height: f64,
}

impl LineChart {
    /// The chart as an `<svg>` element.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(self.width, &self.title);
        let direct = self.series.len() <= 10 && self.series.len() as f64 * APART <= self.height;
        let room = if direct {
            let longest = self.series.iter().map(|s| text_width(&s.label, LABEL)).fold(0.0, f64::max);
            longest.min(self.width * 0.35) + 24.0
        } else {
            12.0
        };
        let (top, bottom) = (28.0, 28.0 + self.height);
        let y = self.y.scale(&all_y(&self.series, &self.marks), [bottom, top], ticks_up(self.height));
        let left = label_room(&y.ticks(ticks_up(self.height))).max(24.0);
        let frame = Frame { left, right: self.width - room, top, bottom };
        let across = ticks_across(frame.right - frame.left);
        let x = self.x.scale(&all_x(&self.series), [frame.left, frame.right], across);

        svg.text("name", [0.0, 14.0], Anchor::Start, &fit(&self.y.title, LABEL, self.width));
        draw_left(&mut svg, frame, &y, true);
        draw_bottom(&mut svg, frame, &x, true);
        draw_marks(&mut svg, frame, &y, &self.marks, true);
        draw_series(&mut svg, &x, &y, &self.series);
        let title = fit(&self.x.title, LABEL, frame.right - frame.left);
        svg.text("name", [frame.right, bottom + 34.0], Anchor::End, &title);

        let mut height = bottom + 42.0;
        if direct {
            draw_end_labels(&mut svg, frame, &x, &y, &self.series, room - 24.0);
        } else {
            let entries: Vec<_> = self.series.iter().map(|s| (s.label.clone(), s.ink)).collect();
            height += legend::draw(&mut svg, [left, height], self.width - left, &entries);
        }
        svg.finish(height)
    }
}

/// All values on the vertical axis, bands and marks included.
pub(super) fn all_y(series: &[Series], marks: &[Mark]) -> Vec<f64> {
    let points = series.iter().flat_map(|s| &s.points);
    let mut values: Vec<f64> =
        points.flat_map(|p| [Some(p.y), p.band.map(|b| b[0]), p.band.map(|b| b[1])]).flatten().collect();
    values.extend(marks.iter().map(|m| m.value));
    values
}

/// All values on the horizontal axis.
pub(super) fn all_x(series: &[Series]) -> Vec<f64> {
    series.iter().flat_map(|s| &s.points).map(|p| p.x).collect()
}

/// Bands first, then lines, so that no band hides a line.
pub(super) fn draw_series(svg: &mut Svg, x: &Scale, y: &Scale, series: &[Series]) {
    for s in series {
        for run in runs(s, |p| Some((x.at(p.x)?, y.at(p.band?[0])?, y.at(p.band?[1])?))) {
            let mut band = Path::default();
            band.move_to([run[0].0, run[0].2]);
            run[1..].iter().for_each(|p| band.line_to([p.0, p.2]));
            run.iter().rev().for_each(|p| band.line_to([p.0, p.1]));
            band.close();
            if run.len() > 1 {
                svg.path(&format!("b {}", s.ink.class()), &band, "");
            }
        }
    }
    for (i, s) in series.iter().enumerate() {
        let class = s.ink.class();
        let last = s.points.iter().rev().find(|p| p.y.is_finite());
        let tip = last.map_or_else(|| s.label.clone(), |p| format!("{}: {}", s.label, compact(p.y, 4)));
        let mut line = Path::default();
        // Lines in the zero lane lie beside each other, so that each is seen.
        let beside = (i as f64 - (series.len() - 1) as f64 / 2.0) * (10.0 / series.len() as f64).min(3.0);
        let shift = |v: f64| if v == 0.0 && y.zero().is_some() { beside } else { 0.0 };
        for run in runs(s, |p| Some([x.at(p.x)?, y.at(p.y)? + shift(p.y)])) {
            if run.len() == 1 {
                svg.circle(&format!("d {class}"), run[0], 2.5, &tip);
                continue;
            }
            line.move_to(run[0]);
            run[1..].iter().for_each(|p| line.line_to(*p));
        }
        svg.path(&format!("l {class}"), &line, &tip);
    }
}

/// The stretches of a series in which every point has a place.
fn runs<T>(series: &Series, place: impl Fn(&Point) -> Option<T>) -> Vec<Vec<T>> {
    let mut runs = Vec::new();
    let mut run = Vec::new();
    for point in &series.points {
        match place(point) {
            Some(p) => run.push(p),
            None if run.is_empty() => {}
            None => runs.push(std::mem::take(&mut run)),
        }
    }
    if !run.is_empty() {
        runs.push(run);
    }
    runs
}

/// Dotted lines across the plot. Their names stand at the left, above the line.
pub(super) fn draw_marks(svg: &mut Svg, frame: Frame, y: &Scale, marks: &[Mark], names: bool) {
    for mark in marks {
        let Some(at) = y.at(mark.value) else { continue };
        svg.line("mark", [frame.left, at], [frame.right, at]);
        if names && !mark.label.is_empty() {
            let label = fit(&mark.label, 10.0, frame.right - frame.left - 8.0);
            svg.text("small", [frame.left + 4.0, at - 3.0], Anchor::Start, &label);
        }
    }
}

/// Names at the right ends, moved apart where ends are close.
pub(super) fn draw_end_labels(
    svg: &mut Svg,
    frame: Frame,
    x: &Scale,
    y: &Scale,
    series: &[Series],
    room: f64,
) {
    let mut ends: Vec<(usize, [f64; 2])> = Vec::new();
    for (i, s) in series.iter().enumerate() {
        let end = s.points.iter().rev().find_map(|p| Some([x.at(p.x)?, y.at(p.y)?]));
        if let Some(end) = end {
            ends.push((i, end));
        }
    }
    ends.sort_by(|a, b| a.1[1].total_cmp(&b.1[1]).then(a.0.cmp(&b.0)));
    let wanted: Vec<f64> = ends.iter().map(|e| e.1[1]).collect();
    let places = spread(&wanted, APART, [frame.top + 2.0, frame.bottom - 2.0]);
    for ((i, end), place) in ends.iter().zip(places) {
        let s = &series[*i];
        let mut lead = Path::default();
        lead.move_to([end[0] + 3.0, end[1]]);
        lead.line_to([frame.right + 6.0, end[1]]);
        lead.line_to([frame.right + 15.0, place]);
        // A line that ends early is not drawn on by its lead.
        let class = if end[0] < frame.right - 8.0 { "mark" } else { "lead" };
        svg.path(class, &lead, "");
        svg.circle(&format!("d {}", s.ink.class()), *end, 3.0, "");
        svg.text("label", [frame.right + 18.0, place + 4.0], Anchor::Start, &fit(&s.label, LABEL, room));
    }
}

/// Places near the wanted ones (in increasing order), at least `apart` from
/// each other and within bounds as far as they fit.
fn spread(wanted: &[f64], apart: f64, [low, high]: [f64; 2]) -> Vec<f64> {
    let mut places = wanted.to_vec();
    let mut free = low;
    for place in &mut places {
        *place = place.max(free);
        free = *place + apart;
    }
    let mut free = high;
    for place in places.iter_mut().rev() {
        *place = place.min(free);
        free = *place - apart;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn labels_never_touch() {
        let places = spread(&[10.0, 10.0, 11.0, 90.0, 99.0, 100.0], 15.0, [0.0, 100.0]);
        assert!(places.windows(2).all(|w| w[1] - w[0] >= 15.0 - 1e-9), "{places:?}");
        assert!(places.iter().all(|p| (0.0..=100.0).contains(p)), "{places:?}");
    }
}
