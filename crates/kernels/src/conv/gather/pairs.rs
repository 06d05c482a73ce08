//! The same walk over pairs of bfloat16: the lines that a block of points sees are rounded
//! once, and taps copy pairs of channels.

use super::Gather;
use crate::Isa;
use crate::gemm::bf16;
use crate::gemm::gathered::Pairs;
use std::ops::Range;

pub(in crate::conv) struct PairedGather<'a> {
    isa: Isa,
    gather: &'a Gather,
    image: &'a [f32],
}

impl<'a> PairedGather<'a> {
    /// None if a pair would consist of channels of different taps.
    pub(in crate::conv) fn new(isa: Isa, gather: &'a Gather, image: &'a [f32]) -> Option<Self> {
        (isa.is_bf16() && gather.channels.is_multiple_of(2)).then_some(PairedGather { isa, gather, image })
    }

    /// The lines of all images between the first and the last that these points see.
    fn lines(&self, rows: Range<usize>) -> Range<usize> {
        let Gather { source: [height, _], taps: [taps, _], step: [step, _], .. } = *self.gather;
        let Gather { dilation: [dilation, _], offset: [offset, _], .. } = *self.gather;
        let line = |row: usize, reach: usize| {
            let (image, line, _) = self.gather.point(row);
            let at = (line * step + reach) as isize + offset;
            image * height + at.clamp(0, height as isize) as usize
        };
        line(rows.start, 0)..line(rows.end - 1, (taps - 1) * dilation + 1)
    }
}

impl Pairs for PairedGather<'_> {
    fn len(&self, rows: Range<usize>) -> usize {
        self.lines(rows).len() * self.gather.source[1] * self.gather.channels / 2
    }

    fn begin(&self, rows: Range<usize>, to: &mut [f32]) {
        let Gather { source: [_, width], pixel, channel, channels, .. } = *self.gather;
        let lines = self.lines(rows);
        if lines.is_empty() {
            return;
        }
        let from = &self.image[lines.start * width * pixel + channel..];
        bf16::paired_columns(self.isa, from, pixel, (lines.len() * width, channels), to);
    }

    fn block(&self, rows: Range<usize>, steps: Range<usize>, from: &[f32], to: &mut [f32], stride: usize) {
        let half = self.gather.channels / 2;
        let skip = self.lines(rows.clone()).start * self.gather.source[1] * half;
        let walk = Gather { pixel: half, channel: 0, channels: half, skip, ..*self.gather };
        let (count, wanted) = (rows.len(), steps.len());
        let steps = steps.start..steps.end.min(walk.depth());
        let written = steps.len();
        walk.block(from, rows, steps, to, stride);
        if written < wanted {
            to.chunks_mut(stride).take(count).for_each(|row| row[written..wanted].fill(0.0));
        }
    }
}
