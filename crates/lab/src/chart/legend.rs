//! Which stroke means what: inks and the legends that name them.

use super::measure::{fit, text_width};
use super::svg::{Anchor, Svg};

/// The colour of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ink {
    /// The n-th of the series colours. From the ninth on, dashes tell them apart.
    Series(usize),
    /// A place between first (0) and last (1), for things that have an order,
    /// such as layers from input to output.
    Ramp(f64),
    /// Background.
    Muted,
}

impl Ink {
    /// The ink of the n-th of `count` things in order: colours of their own
    /// while there are few, a ramp when there are many.
    #[must_use]
    pub fn ordered(n: usize, count: usize) -> Self {
        if count <= 8 { Ink::Series(n) } else { Ink::Ramp(n as f64 / (count - 1) as f64) }
    }

    /// Its style classes.
    pub(super) fn class(self) -> String {
        match self {
            Ink::Series(n) if n < 8 => format!("s{n}"),
            Ink::Series(n) => format!("s{} dash{}", n % 8, (n / 8 - 1) % 3 + 1),
            Ink::Ramp(share) => {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 10
                let step = (share.clamp(0.0, 1.0) * 10.0).round() as usize;
                format!("r{step}")
            }
            Ink::Muted => "muted".to_string(),
        }
    }
}

const SIZE: f64 = 12.0;
const ROW: f64 = 20.0;
const SWATCH: f64 = 22.0;

/// Draws names beside their strokes, row by row within `width`, from `top`.
/// Returns the height used. A ramp of many is shown by its ends alone.
pub(super) fn draw(svg: &mut Svg, [left, top]: [f64; 2], width: f64, entries: &[(String, Ink)]) -> f64 {
    if entries.is_empty() {
        return 0.0;
    }
    if entries.len() > 8 && entries.iter().all(|(_, ink)| matches!(ink, Ink::Ramp(_))) {
        return draw_ramp(svg, [left, top], width, entries);
    }
    let (mut x, mut y) = (left, top);
    for (label, ink) in entries {
        let label = fit(label, SIZE, width - SWATCH - 6.0);
        let needed = SWATCH + 6.0 + text_width(&label, SIZE);
        if x > left && x + needed > left + width {
            x = left;
            y += ROW;
        }
        let class = ink.class();
        svg.line(&format!("l {class}"), [x, y + 9.0], [x + SWATCH, y + 9.0]);
        svg.text("name", [x + SWATCH + 6.0, y + 13.0], Anchor::Start, &label);
        x += needed + 18.0;
    }
    y + ROW - top
}

fn draw_ramp(svg: &mut Svg, [left, top]: [f64; 2], width: f64, entries: &[(String, Ink)]) -> f64 {
    let room = (width - 150.0) / 2.0;
    let first = fit(&entries[0].0, SIZE, room);
    let last = fit(&entries[entries.len() - 1].0, SIZE, room);
    svg.text("name", [left, top + 13.0], Anchor::Start, &first);
    let x = left + text_width(&first, SIZE) + 8.0;
    for step in 0..=10u32 {
        let x = x + f64::from(step) * 12.0;
        let class = Ink::Ramp(f64::from(step) / 10.0).class();
        svg.rect(&format!("d {class}"), [x, top + 5.0, 12.5, 8.0], "");
    }
    svg.text("name", [x + 11.0 * 12.0 + 8.0, top + 13.0], Anchor::Start, &last);
    ROW
}
