//! Receptive fields: how much of the input a value sees.

use super::{NodePlan, Plan};
use crate::layer::LayerKind;

/// The window through which a layer looks at its input, in its input's pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width.
    pub kernel: [usize; 2],
    /// From one window to the next.
    pub stride: [usize; 2],
    /// From one pixel of a window to the next.
    pub dilation: [usize; 2],
}

impl LayerKind {
    /// The layer's window, if it looks at images through one.
    #[must_use]
    pub fn window(&self) -> Option<Window> {
        match self {
            LayerKind::Conv2d(c) => Some(Window { kernel: c.kernel, stride: c.stride, dilation: c.dilation }),
            LayerKind::MaxPool2d(p) => Some(Window { kernel: p.kernel, stride: p.stride, dilation: [1; 2] }),
            LayerKind::AvgPool2d(p) => Some(Window { kernel: p.kernel, stride: p.stride, dilation: [1; 2] }),
            _ => None,
        }
    }
}

/// The part of the input that a value depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A window of so many pixels; the next value's window begins `jump` pixels
    /// further. Padding counts, so a window may be larger than the input.
    Window {
        /// Height and width in pixels of the input.
        size: [usize; 2],
        /// Distance of neighbours in pixels of the input.
        jump: [usize; 2],
    },
    /// All of it.
    Whole,
}

impl Plan {
    /// The receptive field of every node, in the order of [`Plan::nodes`]; of
    /// several branches the largest.
    ///
    /// A window of k pixels, each `jump` apart, adds (k − 1)·jump to the size;
    /// a stride s multiplies the jump by s. Batch statistics do not count.
    #[must_use]
    pub fn receptive_fields(&self) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let from = node.inputs.iter().map(|i| fields[*i]).reduce(larger);
            fields.push(match (from, node.plan.output.rank()) {
                (None, 3) => Field::Window { size: [1; 2], jump: [1; 2] },
                (Some(from), 3) => behind(node, from),
                // A flattened image, or features from the start.
                _ => Field::Whole,
            });
        }
        fields
    }
}

/// The field of a layer whose inputs have the field `from`.
fn behind(node: &NodePlan, from: Field) -> Field {
    let Field::Window { mut size, mut jump } = from else { return Field::Whole };
    let window = match &node.layer {
        Some(LayerKind::AdaptiveAvgPool2d(_)) => adaptive(node),
        Some(layer) => layer.window(),
        None => None,
    };
    if let Some(Window { kernel, stride, dilation }) = window {
        for i in 0..2 {
            size[i] += dilation[i] * (kernel[i] - 1) * jump[i];
            jump[i] *= stride[i];
        }
    }
    Field::Window { size, jump }
}

/// The largest window of a pooling to a given size, and the distance of its
/// windows, rounded down.
fn adaptive(node: &NodePlan) -> Option<Window> {
    let [_, h, w] = *node.input_shapes.first()?.dims() else { return None };
    let [_, oh, ow] = *node.plan.output.dims() else { return None };
    let largest = |from: usize, to: usize| {
        (0..to).map(|i| ((i + 1) * from).div_ceil(to) - i * from / to).max().unwrap_or(1)
    };
    let kernel = [largest(h, oh), largest(w, ow)];
    Some(Window { kernel, stride: [(h / oh).max(1), (w / ow).max(1)], dilation: [1; 2] })
}

fn larger(a: Field, b: Field) -> Field {
    match (a, b) {
        (Field::Window { size: a, jump: i }, Field::Window { size: b, jump: j }) => {
            Field::Window { size: [a[0].max(b[0]), a[1].max(b[1])], jump: [i[0].max(j[0]), i[1].max(j[1])] }
        }
        _ => Field::Whole,
    }
}
