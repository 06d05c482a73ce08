//! One operation, explained with its own numbers: `kobai explain`.
//!
//! | file | what |
//! |---|---|
//! | `conv.rs` | a convolution: formula, windows, im2col, col2im, one sum |
//! | `pool.rs` | a pooling: formula, windows, values, where the gradient goes |
//! | `receptive.rs` | receptive fields of a network, layer by layer |
//! | `grid.rs` | small matrices as text |
//!
//! Nothing here computes a convolution by itself: every number comes from the
//! engine's layers and from `kobai_kernels::conv`, so a lesson cannot differ
//! from what training does.

mod conv;
mod grid;
mod pool;
mod receptive;

pub(crate) use conv::computed;
pub use conv::{Convolution, convolution};
pub use pool::{Kind, Pooling, pooling};
pub use receptive::receptive_field;

use kobai_engine::{Lang, Problem, say};
use serde_json::{Value, json};

/// A lesson: what a person reads, and the same for programs.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// Headings, each with its lines.
    pub sections: Vec<(String, Vec<String>)>,
    /// The numbers, schema `kobai.explain/1`.
    pub document: Value,
}

impl Lesson {
    /// The lesson as text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (heading, lines) in &self.sections {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(heading);
            text.push('\n');
            for line in lines {
                let line = format!("  {line}");
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
        text
    }
}

/// Why an operation cannot be explained: the geometry does not exist.
pub type LessonError = Problem;

/// Positions of a window: height or width of the output, written out.
fn size_line(name: &str, extent: usize, out: usize, [k, s, p, d]: [usize; 4], ceil: bool) -> String {
    let effective = d * (k - 1) + 1;
    let (open, close) = if ceil { ("⌈", "⌉") } else { ("⌊", "⌋") };
    let dilated =
        if d == 1 { String::new() } else { format!("   ({k} → {effective} = {d}·({k} − 1) + 1)") };
    format!("{name}  {open}({extent} + 2·{p} − {effective}) / {s}{close} + 1 = {out}{dilated}")
}

/// The formula in symbols.
fn size_formula(lang: Lang, ceil: bool, dilated: bool) -> String {
    let k = if dilated { "(dilation·(kernel − 1) + 1)" } else { "kernel" };
    let (open, close) = if ceil { ("⌈", "⌉") } else { ("⌊", "⌋") };
    say!(
        lang,
        "output = {open}(input + 2·padding − {k}) / stride{close} + 1",
        "出力 = {open}(入力 + 2·パディング − {k}) / ストライド{close} + 1"
    )
}

/// The input of a lesson: 1, 2, 3, … row by row, the channels one after the
/// other, in memory order (H, W, C).
fn sample(channels: usize, height: usize, width: usize) -> Vec<f64> {
    let mut x = vec![0.0; channels * height * width];
    for (i, x) in x.iter_mut().enumerate() {
        let (position, channel) = (i / channels, i % channels);
        *x = (channel * height * width + position + 1) as f64;
    }
    x
}

/// One channel of channels-last values, as rows.
fn plane(values: &[f64], channels: usize, channel: usize, width: usize) -> Vec<Vec<f64>> {
    let plane: Vec<f64> = values.iter().skip(channel).step_by(channels).copied().collect();
    plane.chunks(width).map(<[f64]>::to_vec).collect()
}

fn head(operation: &str) -> Value {
    json!({ "schema": "kobai.explain/1", "operation": operation })
}
