//! Results as text: a table, a picture of the gradients, and the verdicts.
//!
//! Pure functions of the results, the language, the width in columns and
//! whether colours are wanted. Every line fits into the width (the least is 40
//! columns); nothing is said by colour alone. Nothing here writes to a terminal.

mod course;
mod gradients;
mod matrix;
mod surfaces;
mod table;
mod text;
mod verdicts;

pub use course::course;
pub use gradients::gradients;
pub use surfaces::surfaces;
pub use table::table;
pub use verdicts::verdicts;

/// A text of several lines, each of at most `width` columns.
#[must_use]
pub fn wrapped(text: &str, width: usize) -> String {
    text::wrap(text, width.max(LEAST_WIDTH)).join("\n")
}

/// Widths below this are taken as this.
const LEAST_WIDTH: usize = 40;
