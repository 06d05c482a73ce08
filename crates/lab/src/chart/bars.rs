//! Horizontal bars: one value per name.

use super::axis::{Axis, Frame, draw_bottom, draw_grid_up, ticks_across};
use super::measure::{fit, widest};
use super::number::compact;
use super::scale::Kind;
use super::svg::{Anchor, Svg};

/// One bar.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bar {
    /// Its name, on the left.
    pub label: String,
    /// Its length. A value that is not finite is written, not drawn.
    pub value: f64,
}

/// Horizontal bars over one axis, from zero (linear) or from the left end (logarithmic).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bars {
    /// What the chart shows, read aloud by screen readers.
    pub title: String,
    /// The horizontal axis.
    pub axis: Axis,
    /// The bars, from top to bottom.
    pub bars: Vec<Bar>,
    /// Width of the picture in pixels.
    pub width: f64,
}

impl Bars {
    /// The chart as an `<svg>` element.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(self.width, &self.title);
        let (size, tall) = (12.0, 24.0);
        let names = widest(self.bars.iter().map(|b| b.label.as_str()), size).min(self.width * 0.35);
        let numbers: Vec<String> = self.bars.iter().map(|b| compact(b.value, 3)).collect();
        let room = widest(numbers.iter().map(String::as_str), size) + 10.0;
        let bottom = 4.0 + self.bars.len() as f64 * tall;
        let frame = Frame { left: names + 10.0, right: self.width - room, top: 0.0, bottom };
        let mut values: Vec<f64> = self.bars.iter().map(|b| b.value).collect();
        if self.axis.kind == Kind::Linear {
            values.push(0.0);
        }
        let x = self.axis.scale(&values, [frame.left, frame.right], ticks_across(frame.right - frame.left));
        let zero = match self.axis.kind {
            Kind::Linear => x.at(0.0).unwrap_or(frame.left),
            Kind::Log => frame.left,
        };
        draw_grid_up(&mut svg, frame, &x);
        for (i, (bar, number)) in self.bars.iter().zip(&numbers).enumerate() {
            let y = 2.0 + i as f64 * tall;
            svg.text("num", [names, y + 16.0], Anchor::End, &fit(&bar.label, size, names));
            let end = x.at(bar.value).unwrap_or(zero);
            svg.rect("bar", [zero.min(end), y + 4.0, (end - zero).abs(), tall - 8.0], &bar.label);
            svg.text("num", [zero.max(end) + 6.0, y + 16.0], Anchor::Start, number);
        }
        draw_bottom(&mut svg, frame, &x, true);
        let title = fit(&self.axis.title, size, frame.right - frame.left);
        svg.text("name", [frame.right, bottom + 34.0], Anchor::End, &title);
        svg.finish(bottom + 40.0)
    }
}
