//! Axes: what is measured, over which values, and how that is drawn.

use super::measure::{text_width, widest};
use super::scale::{Kind, Scale, Tick, extent};
use super::svg::{Anchor, Svg};

/// Font size of tick labels in pixels, as in `style.css`.
pub(super) const TICK: f64 = 11.0;
/// Height of the lane for exact zeros below a logarithmic axis.
const LANE: f64 = 16.0;
/// Distance from that lane to the lowest value, so that their labels do not touch.
const LANE_GAP: f64 = 7.0;

/// One axis of a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What it measures, with the unit.
    pub title: String,
    /// Linear or logarithmic.
    pub kind: Kind,
    /// Lowest and highest value; None: from the data, widened to nice numbers.
    pub domain: Option<[f64; 2]>,
}

impl Axis {
    /// A linear axis over the data.
    #[must_use]
    pub fn linear(title: impl Into<String>) -> Self {
        Axis { title: title.into(), kind: Kind::Linear, domain: None }
    }

    /// A logarithmic axis over the data.
    #[must_use]
    pub fn log(title: impl Into<String>) -> Self {
        Axis { title: title.into(), kind: Kind::Log, domain: None }
    }

    /// The same axis over these values.
    #[must_use]
    pub fn over(mut self, low: f64, high: f64) -> Self {
        self.domain = Some([low, high]);
        self
    }

    /// The scale for these values. Exact zeros on a logarithmic axis get a lane.
    pub(super) fn scale(&self, values: &[f64], range: [f64; 2], ticks: usize) -> Scale {
        let log = self.kind == Kind::Log;
        let zeros = log && values.contains(&0.0);
        let up = (range[1] - range[0]).signum();
        let places = if zeros { [range[0] + up * (LANE + LANE_GAP), range[1]] } else { range };
        let scale = if let Some(domain) = self.domain {
            Scale::new(self.kind, domain, places)
        } else {
            let seen = values.iter().copied().filter(|v| !log || *v > 0.0);
            let domain = extent(seen).unwrap_or([f64::NAN; 2]);
            Scale::new(self.kind, domain, places).nice(ticks)
        };
        if zeros { scale.with_zero(range[0] + up * LANE / 2.0) } else { scale }
    }
}

/// The place of a plot inside a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// Room that the labels of a vertical axis need on its left.
pub(super) fn label_room(ticks: &[Tick]) -> f64 {
    widest(ticks.iter().map(|t| t.label.as_str()), TICK).max(text_width("0", TICK)) + 8.0
}

/// How many ticks fit side by side on a horizontal axis of this length.
pub(super) fn ticks_across(length: f64) -> usize {
    ((length / 70.0).floor().max(2.0) as usize).min(10)
}

/// How many ticks fit above each other on a vertical axis of this height.
pub(super) fn ticks_up(height: f64) -> usize {
    ((height / 32.0).floor().max(2.0) as usize).min(8)
}

/// Grid lines and labels of a vertical axis.
pub(super) fn draw_left(svg: &mut Svg, frame: Frame, scale: &Scale, labels: bool) {
    if let Some(zero) = scale.zero() {
        svg.rect("zero-lane", [frame.left, zero - LANE / 2.0, frame.right - frame.left, LANE], "");
        if labels {
            svg.text("tick", [frame.left - 6.0, zero + 4.0], Anchor::End, "0");
        }
    }
    for tick in scale.ticks(ticks_up(frame.bottom - frame.top)) {
        let Some(y) = scale.at(tick.value) else { continue };
        svg.line("grid", [frame.left, y], [frame.right, y]);
        if labels {
            svg.text("tick", [frame.left - 6.0, y + 4.0], Anchor::End, &tick.label);
        }
    }
}

/// The line, ticks and labels of a horizontal axis at the bottom of a plot.
/// Labels that would touch their neighbour are left out.
pub(super) fn draw_bottom(svg: &mut Svg, frame: Frame, scale: &Scale, labels: bool) {
    svg.line("axis", [frame.left, frame.bottom], [frame.right, frame.bottom]);
    let mut free_from = f64::NEG_INFINITY;
    for tick in scale.ticks(ticks_across(frame.right - frame.left)) {
        let Some(x) = scale.at(tick.value) else { continue };
        svg.line("axis", [x, frame.bottom], [x, frame.bottom + 4.0]);
        let half = text_width(&tick.label, TICK) / 2.0;
        if labels && x - half >= free_from {
            svg.text("tick", [x, frame.bottom + 16.0], Anchor::Middle, &tick.label);
            free_from = x + half + 6.0;
        }
    }
}

/// Vertical grid lines.
pub(super) fn draw_grid_up(svg: &mut Svg, frame: Frame, scale: &Scale) {
    for tick in scale.ticks(ticks_across(frame.right - frame.left)) {
        if let Some(x) = scale.at(tick.value) {
            svg.line("grid", [x, frame.top], [x, frame.bottom]);
        }
    }
}
