//! Results as text: a table, a picture of the gradients, and the verdicts.
//!
//! Pure functions of the results, the language, the width in columns and
//! whether colours are wanted. Every line fits into the width (the least is 40
//! columns); nothing is said by colour alone. Nothing here writes to a terminal.

mod gradients;
mod table;
mod text;
mod verdicts;

pub use gradients::gradients;
pub use table::table;
pub use verdicts::verdicts;

/// Widths below this are taken as this.
const LEAST_WIDTH: usize = 40;
