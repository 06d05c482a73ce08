//! Convolution of images with few channels: the stem of a network.
//!
//! Copying a window of a few elements per row of taps into a block costs more
//! than multiplying it. Here a band of lines is copied once, with its zeros
//! around it, and register tiles read the windows of neighbouring output pixels
//! where they lie: a row of taps is `kernel columns × channels` neighbouring
//! elements, the next pixel's begins `stride × channels` further.
//!
//! The order of multiply-adds is that of `mod.rs`. The gradient of the input,
//! which a first layer does not need, is left to `indirect.rs`.

use super::buffer::{BUFFER, LINE, aligned, with_buffer};
use super::{Conv, stem_weight};
use crate::gemm::Mat;
use crate::gemm::strips::{Strip, strips, transpose};
use crate::lanes::{Lanes, Portable};
use crate::pool::Shares;
use crate::then::{After, Then, activate};
use crate::{Isa, Pool, simd};
use std::ops::Range;

/// Most channels of an input pixel.
const MOST_CHANNELS: usize = 4;
/// Multiply-adds of a task, about.
const TASK: usize = 1 << 18;
/// Columns of the widest strip.
const WIDEST: usize = 64;

/// Whether this way pays.
pub(super) fn applies(conv: &Conv) -> bool {
    conv.in_channels <= MOST_CHANNELS
        && conv.groups == 1
        && conv.dilation == [1, 1]
        && conv.taps() > 1
        && conv.pixels(1) > 0
        && conv.kernel[0] * Band::line(conv) <= BUFFER / 2
}

/// Scratch elements of any pass: the packed weight, or the chunks' sums.
pub(super) fn scratch_len(conv: &Conv) -> usize {
    let outs = conv.out_channels.next_multiple_of(LINE);
    let sums = stem_weight::MOST_CHUNKS * (conv.depth() + 1) * conv.out_channels;
    sums.max(conv.depth() * outs) + LINE
}

/// Output lines that are computed from one copy of input lines.
#[derive(Clone, Copy)]
pub(super) struct Band {
    /// Output lines of a band, and bands of an image.
    pub(super) rows: usize,
    pub(super) count: usize,
    /// Elements of a line of the copy.
    pub(super) line: usize,
}

impl Band {
    fn line(conv: &Conv) -> usize {
        (conv.width + 2 * conv.padding[1]) * conv.in_channels
    }

    pub(super) fn new(conv: &Conv) -> Self {
        let (line, height) = (Band::line(conv), conv.out_height());
        let fit = (BUFFER / line - conv.kernel[0]) / conv.stride[0] + 1;
        let worth = TASK.div_ceil(conv.out_width() * conv.weight_len());
        let rows = fit.min(worth).clamp(1, height);
        let count = height.div_ceil(rows);
        Band { rows: height.div_ceil(count), count, line }
    }

    /// The output lines of band `band` of an image.
    pub(super) fn lines(&self, conv: &Conv, band: usize) -> Range<usize> {
        band * self.rows..conv.out_height().min((band + 1) * self.rows)
    }

    /// Elements of the input lines that so many output lines see.
    pub(super) fn copied(&self, conv: &Conv, rows: usize) -> usize {
        ((rows - 1) * conv.stride[0] + conv.kernel[0]) * self.line
    }

    /// Copies the input lines that output lines `rows` of an image see.
    pub(super) fn copy(&self, conv: &Conv, image: &[f32], rows: &Range<usize>, to: &mut [f32]) {
        let count = (rows.len() - 1) * conv.stride[0] + conv.kernel[0];
        let (width, side) = (conv.width * conv.in_channels, conv.padding[1] * conv.in_channels);
        let first = rows.start * conv.stride[0];
        for (i, to) in to.chunks_exact_mut(self.line).take(count).enumerate() {
            let line = (first + i).checked_sub(conv.padding[0]).filter(|h| *h < conv.height);
            let Some(line) = line else {
                to.fill(0.0);
                continue;
            };
            to[..side].fill(0.0);
            to[side..side + width].copy_from_slice(&image[line * width..][..width]);
            to[side + width..].fill(0.0);
        }
    }
}

/// The forward pass with its weight packed.
pub(super) struct Packed<'a> {
    isa: Isa,
    conv: &'a Conv,
    pub(super) band: Band,
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
}

impl<'a> Packed<'a> {
    pub(super) fn new(
        isa: Isa,
        conv: &'a Conv,
        weight: &[f32],
        bias: Option<&'a [f32]>,
        scratch: &'a mut [f32],
    ) -> Self {
        let (k, outs) = (conv.depth(), conv.out_channels);
        let packed = &mut aligned(scratch)[..k * outs.next_multiple_of(LINE)];
        for strip in strips(isa, outs) {
            let (to, from) = (&mut packed[strip.col * k..][..k * strip.width], Mat::new(weight, outs, k));
            transpose(isa, from, (strip.col..strip.col + strip.cols, 0..k), to, strip.width);
        }
        Packed { isa, conv, band: Band::new(conv), weight: packed, bias }
    }

    /// Output lines `rows`, of which `lines` are copied input lines; `add` is where what is
    /// added to the first begins, or null.
    ///
    /// # Safety
    /// `y` has room for the lines, and nobody else uses it; `add` can be read likewise.
    pub(super) unsafe fn lines(
        &self,
        lines: &[f32],
        rows: Range<usize>,
        (add, after): (*const f32, After),
        y: *mut f32,
    ) {
        let Packed { conv, band, .. } = *self;
        let (k, outs) = (conv.depth(), conv.out_channels);
        for strip in strips(self.isa, outs) {
            let mut start = [0.0; WIDEST];
            if let Some(bias) = self.bias {
                start[..strip.cols].copy_from_slice(&bias[strip.col..][..strip.cols]);
            }
            for row in 0..rows.len() {
                let at = row * conv.out_width() * outs + strip.col;
                let line = Line {
                    a: lines[row * conv.stride[0] * band.line..].as_ptr(),
                    a_row: conv.stride[1] * conv.in_channels,
                    line: band.line,
                    lines: conv.kernel[0],
                    run: conv.kernel[1] * conv.in_channels,
                    b: self.weight[strip.col * k..].as_ptr(),
                    start: start.as_ptr(),
                    add: if add.is_null() { add } else { add.wrapping_add(at) },
                    after,
                    c: y.wrapping_add(at),
                    c_row: outs,
                    cols: strip.cols,
                };
                // SAFETY: the copied lines hold the windows of all pixels of this
                // output line, the strip's panel has k rows of its width, and the
                // caller answers for the output line and what is added to it.
                unsafe { line.run(self.isa, strip, conv.out_width()) };
            }
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(super) fn forward(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    n: usize,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    then: Then<'_, f32>,
    scratch: &mut [f32],
    y: &mut [f32],
) {
    assert_eq!(x.len(), conv.in_len(n), "the input has another length");
    assert_eq!(y.len(), conv.out_len(n), "the output has another length");
    then.check(y.len());
    let packed = Packed::new(isa, conv, weight, bias, scratch);
    let band = packed.band;
    let (in_len, line) = (conv.in_len(1), conv.out_width() * conv.out_channels);
    let y = Shares(y.as_mut_ptr());
    pool.run(n * band.count, &|task| {
        let (image, rows) = (task / band.count, band.lines(conv, task % band.count));
        let (y, at) = (&y, image * conv.out_len(1) + rows.start * line);
        with_buffer(|lines| {
            band.copy(conv, &x[image * in_len..][..in_len], &rows, lines);
            let add = then.add.map_or(std::ptr::null(), |add| add[at..].as_ptr());
            // SAFETY: the lines lie in the output and in what is added, which is as long;
            // tasks have different ones.
            unsafe { packed.lines(lines, rows, (add, then.after), y.0.add(at)) };
        });
    });
}

/// A line of output pixels, the columns of one strip.
#[derive(Clone, Copy)]
struct Line {
    /// The window of the first pixel; that of the next is `a_row` further.
    a: *const f32,
    a_row: usize,
    /// Elements between the rows of a window, their number and their length.
    line: usize,
    lines: usize,
    run: usize,
    /// `lines × run` rows of whole vectors.
    b: *const f32,
    /// What the sums begin with, whole vectors.
    start: *const f32,
    /// What is added to each output, as far apart as they are, or null.
    add: *const f32,
    after: After,
    c: *mut f32,
    c_row: usize,
    cols: usize,
}

/// Computes so many pixels of a line.
type LineFn = unsafe fn(&Line, usize);

impl Line {
    /// All `pixels` of the line.
    ///
    /// # Safety
    /// Everything that the fields name lies inside its allocation, for all pixels.
    unsafe fn run(&self, isa: Isa, strip: Strip, pixels: usize) {
        let (lanes, lines) = lines(isa);
        // SAFETY: the table belongs to an instruction set that the processor has, and the
        // caller answers for the pixels.
        unsafe { lines[strip.width / lanes - 1](self, pixels) }
    }
}

/// Tiles of `MR` pixels, whose windows are `STEP` elements apart, or as many as the line
/// says if that is 0.
///
/// # Safety
/// The instruction set, and the memory of all pixels.
#[inline(always)]
unsafe fn tiles<V: Lanes, const MR: usize, const NV: usize, const STEP: usize>(t: &Line, pixels: usize) {
    // SAFETY: the caller answers for both; every tile lies among the pixels.
    unsafe {
        // Loops, not closures: those would lose the instruction set.
        if pixels < MR {
            for pixel in 0..pixels {
                tile::<V, 1, NV, STEP>(t, pixel);
            }
            return;
        }
        let mut pixel = 0;
        while pixel < pixels {
            // The last tile may overlap the one before it: it writes the same values again.
            tile::<V, MR, NV, STEP>(t, pixel.min(pixels - MR));
            pixel += MR;
        }
    }
}

/// # Safety
/// The instruction set, and the memory of `MR` pixels from `pixel` on.
#[inline(always)]
unsafe fn tile<V: Lanes, const MR: usize, const NV: usize, const STEP: usize>(t: &Line, pixel: usize) {
    let a_row = if STEP == 0 { t.a_row } else { STEP };
    // SAFETY: the caller answers for both.
    unsafe {
        let mut first = [V::splat(0.0); NV];
        for (j, x) in first.iter_mut().enumerate() {
            *x = V::load(t.start.add(j * V::LANES));
        }
        let mut sum = [first; MR];
        let (mut line, mut b) = (t.a.add(pixel * a_row), t.b);
        for _ in 0..t.lines {
            let mut a = line;
            for _ in 0..t.run {
                let mut y = first;
                for (j, y) in y.iter_mut().enumerate() {
                    *y = V::load(b.add(j * V::LANES));
                }
                for (i, sum) in sum.iter_mut().enumerate() {
                    let x = V::splat(*a.add(i * a_row));
                    for (s, y) in sum.iter_mut().zip(y) {
                        *s = x.fma(y, *s);
                    }
                }
                a = a.add(1);
                b = b.add(NV * V::LANES);
            }
            line = line.wrapping_add(t.line);
        }
        let last = t.cols - (NV - 1) * V::LANES;
        let at = pixel * t.c_row;
        // One question for the whole tile, and a loop without questions for each answer.
        if !t.add.is_null() {
            for (i, sum) in sum.iter_mut().enumerate() {
                for (j, s) in sum.iter_mut().enumerate() {
                    let from = t.add.add(at + i * t.c_row + j * V::LANES);
                    let whole = j < NV - 1 || last == V::LANES;
                    *s = s.add(if whole { V::load(from) } else { V::load_first(from, last) });
                }
            }
        }
        for after in [After::Relu, After::Relu6] {
            if t.after == after {
                for sum in &mut sum {
                    for s in sum {
                        *s = activate(*s, after);
                    }
                }
            }
        }
        for (i, sum) in sum.into_iter().enumerate() {
            for (j, s) in sum.into_iter().enumerate() {
                let to = t.c.add(at + i * t.c_row + j * V::LANES);
                if j < NV - 1 || last == V::LANES { s.store(to) } else { s.store_first(to, last) }
            }
        }
    }
}

/// By vectors of a strip.
type Table = [LineFn; 4];

/// The lines of an instruction set: `lines!(name, vector, pixels of a tile, "features")`.
macro_rules! lines {
    ($name:ident, $vector:ty, [$one:literal, $two:literal, $three:literal, $four:literal] $(, $features:literal)?) => {
        mod $name {
            use super::*;

            $(#[target_feature(enable = $features)])?
            unsafe fn entry<const MR: usize, const NV: usize>(t: &Line, pixels: usize) {
                // SAFETY: this function enables the features; the caller answers for the memory.
                unsafe {
                    match t.a_row {
                        1 => tiles::<$vector, MR, NV, 1>(t, pixels),
                        3 => tiles::<$vector, MR, NV, 3>(t, pixels),
                        _ => tiles::<$vector, MR, NV, 0>(t, pixels),
                    }
                }
            }

            pub(super) static LINES: Table =
                [entry::<$one, 1>, entry::<$two, 2>, entry::<$three, 3>, entry::<$four, 4>];
        }
    };
}

#[cfg(target_arch = "x86_64")]
lines!(avx512, std::arch::x86_64::__m512, [14, 12, 8, 6], "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma");
#[cfg(target_arch = "x86_64")]
lines!(avx2, std::arch::x86_64::__m256, [8, 6, 4, 2], "avx2,fma");
lines!(portable, Portable<simd::Portable>, [4, 4, 2, 2]);

/// Elements of a vector, and the functions for lines.
fn lines(isa: Isa) -> (usize, &'static Table) {
    #[cfg(target_arch = "x86_64")]
    {
        if isa.is_avx512() {
            return (16, &avx512::LINES);
        }
        if isa.is_avx2() {
            return (8, &avx2::LINES);
        }
    }
    let _ = isa;
    (4, &portable::LINES)
}
