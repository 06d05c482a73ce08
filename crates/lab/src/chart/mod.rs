//! A small chart library: the pictures of reports, documents and the studio.
//!
//! Every chart is a plain value with an `svg` method that returns one `<svg>`
//! element. Colours come from [`STYLE`], so a picture follows the light or dark
//! mode of its page; [`standalone`] puts the style into the picture for use as
//! a file. The same value gives the same bytes everywhere. Charts take finished
//! texts and know no language; nothing here reads results.
//!
//! Deliberately not here: layout of pages, interaction beyond a tip on
//! hovering, raster formats.

pub mod axis;
pub mod bars;
pub mod contour;
pub mod heat;
pub mod histogram;
pub mod legend;
pub mod line;
pub mod matrix;
pub mod measure;
pub mod multiples;
pub mod number;
pub mod paths;
pub mod scale;
pub mod strip;
pub mod svg;

pub use axis::Axis;
pub use bars::{Bar, Bars};
pub use contour::Field;
pub use heat::{Cell, Heat};
pub use histogram::{Histogram, HistogramCell, HistogramGrid};
pub use legend::Ink;
pub use line::{LineChart, Mark, Point, Series};
pub use matrix::{Matrix, Shade};
pub use multiples::{Multiples, Panel};
pub use paths::{Paths, PathsPanel, Walk};
pub use scale::Kind;
pub use strip::{Strip, StripRow};

/// The style sheet of all charts. A page with charts carries it once.
pub const STYLE: &str = include_str!("style.css");

/// A chart as a file of its own: with its style, on a plain background, in the
/// reader's light or dark mode.
#[must_use]
pub fn standalone(chart: &str) -> String {
    let style = "<style>:root{color-scheme:light dark;background:var(--paper)}\n";
    match chart.find("<title>") {
        Some(at) => format!("{}{style}{STYLE}</style>\n{}", &chart[..at], &chart[at..]),
        None => chart.to_string(),
    }
}
