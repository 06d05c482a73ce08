//! Which inputs of one axis each output of a pooling sees.

/// One axis of a pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Axis {
    input: usize,
    output: usize,
    rule: Rule,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Rule {
    Sliding { kernel: usize, stride: usize, padding: usize },
    Adaptive,
}

/// The inputs of one output: `start..end`, and how many there would be if the
/// padding counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First input.
    pub start: usize,
    /// One past the last input.
    pub end: usize,
    /// Inputs and padding, but nothing beyond the padding.
    pub padded: usize,
}

impl Axis {
    /// Windows of `kernel` inputs every `stride`, on an axis padded on both
    /// sides. With `ceil_mode` a last window may reach beyond the padding if it
    /// begins before it: the rule of PyTorch. `None` if no window fits.
    ///
    /// `stride` is at least 1, `kernel` at least 1, `padding` at most half of
    /// `kernel`.
    #[must_use]
    pub fn sliding(
        input: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        ceil_mode: bool,
    ) -> Option<Axis> {
        let reach = input + 2 * padding + if ceil_mode { stride - 1 } else { 0 };
        let mut output = reach.checked_sub(kernel)? / stride + 1;
        if ceil_mode && (output - 1) * stride >= input + padding {
            output -= 1;
        }
        Some(Axis { input, output, rule: Rule::Sliding { kernel, stride, padding } })
    }

    /// `output` windows that cover the axis as evenly as whole numbers can:
    /// output o sees ⌊o·input/output⌋ .. ⌈(o+1)·input/output⌉.
    #[must_use]
    pub fn adaptive(input: usize, output: usize) -> Axis {
        Axis { input, output, rule: Rule::Adaptive }
    }

    /// Number of inputs.
    #[must_use]
    pub fn input(&self) -> usize {
        self.input
    }

    /// Number of outputs.
    #[must_use]
    pub fn output(&self) -> usize {
        self.output
    }

    /// Whether windows lie side by side: no input is in two of them, and those behind
    /// the last one alone are in none.
    #[must_use]
    pub fn is_tiled(&self) -> bool {
        matches!(self.rule, Rule::Sliding { kernel, stride, padding: 0 } if kernel == stride)
    }

    /// Inputs of a window that nothing cuts, if all have as many.
    pub(crate) fn size(&self) -> Option<usize> {
        match self.rule {
            Rule::Sliding { kernel, .. } => Some(kernel),
            Rule::Adaptive => None,
        }
    }

    /// The axis of the first `output` of its windows, which lie side by side.
    pub(crate) fn first_tiles(&self, output: usize) -> Axis {
        assert!(self.is_tiled(), "windows overlap or leave gaps");
        Axis { input: output * self.step(), output, rule: self.rule }
    }

    /// Inputs from one window to the next.
    pub(crate) fn step(&self) -> usize {
        match self.rule {
            Rule::Sliding { stride, .. } => stride,
            Rule::Adaptive => self.input.div_ceil(self.output),
        }
    }

    /// The inputs of output `o`. Never empty.
    #[must_use]
    pub fn window(&self, o: usize) -> Window {
        match self.rule {
            Rule::Sliding { kernel, stride, padding } => {
                // Both shifted by the padding.
                let start = o * stride;
                let end = (start + kernel).min(self.input + 2 * padding);
                Window {
                    start: start.saturating_sub(padding),
                    end: end.saturating_sub(padding).min(self.input),
                    padded: end - start,
                }
            }
            Rule::Adaptive => {
                let start = o * self.input / self.output;
                let end = ((o + 1) * self.input).div_ceil(self.output);
                Window { start, end, padded: end - start }
            }
        }
    }
}
