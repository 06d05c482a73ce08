//! The general case: gathered matrix products, group by group.

#[cfg(target_arch = "x86_64")]
use super::gather::PairedGather;
use super::gather::{Gather, Phase, phases};
use super::{Conv, portable, weight};
use crate::gemm::layout::Layout;
#[cfg(target_arch = "x86_64")]
use crate::gemm::{Mat, Start, gathered};
use crate::simd::dispatch;
use crate::then::Then;
use crate::{Isa, Pool, Real};

/// Scratch elements: the weight in the order of the phases or partial sums of
/// its gradient, and the portable path's blocks.
pub(super) fn scratch_len(conv: &Conv) -> usize {
    let (ins, outs) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    let depth = conv.taps() * ins.max(outs);
    #[cfg(target_arch = "x86_64")]
    let partial = weight::partial_len(outs, conv.depth());
    #[cfg(not(target_arch = "x86_64"))]
    let partial = 0;
    partial.max(conv.taps() * ins * outs + portable::scratch_len(depth))
}

/// One gathered product with the weight as the other operand. Element (p, j) of
/// it is `b[p · strides[0] + j · strides[1]]`; one of the strides is 1.
struct Product<'a, T> {
    gather: &'a Gather,
    rows: usize,
    image: &'a [T],
    b: &'a [T],
    strides: [usize; 2],
    cols: usize,
    bias: Option<&'a [T]>,
    then: Then<'a, T>,
    layout: &'a Layout,
}

impl<T: Real> Product<'_, T> {
    fn run(self, isa: Isa, pool: &Pool, scratch: &mut [T], c: &mut [T]) {
        #[cfg(target_arch = "x86_64")]
        if isa != Isa::SCALAR
            && let (Some(image), Some(b)) = (T::as_f32(self.image), T::as_f32(self.b))
        {
            let k = self.gather.depth();
            let b = if self.strides[1] == 1 && self.strides[0] >= self.cols {
                Mat::with_stride(b, k, self.cols, self.strides[0])
            } else {
                Mat::with_stride(b, self.cols, k, self.strides[1]).t()
            };
            let bias = self.bias.and_then(T::as_f32);
            let start = bias.map_or(Start::Zero, Start::Bias);
            let then = self.then.as_f32().expect("one element type");
            let c = T::as_f32_mut(c).expect("one element type");
            let fill = |rows, cols, to: &mut [f32], stride| self.gather.block(image, rows, cols, to, stride);
            let paired = PairedGather::new(isa, self.gather, image);
            let left = match &paired {
                Some(paired) => gathered::Left::Pairs(paired),
                None => gathered::Left::Written(&fill),
            };
            let b = gathered::Operand::Matrix(b);
            return gathered::rows(isa, pool, (self.rows, k), left, b, start, then, self.layout, c);
        }
        let _ = pool;
        let Product { gather, rows, image, b, strides, cols, bias, layout, .. } = self;
        dispatch(isa, portable::Rows { gather, rows, image, b, strides, cols, bias, layout, scratch, c });
    }
}

#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(super) fn forward<T: Real>(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    n: usize,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    then: Then<'_, T>,
    scratch: &mut [T],
    y: &mut [T],
) {
    let (k, outs) = (conv.depth(), conv.out_channels / conv.groups);
    for group in 0..conv.groups {
        let gather = Gather::forward(conv, group);
        let product = Product {
            gather: &gather,
            rows: gather.rows(n),
            image: x,
            b: &weight[group * outs * k..][..outs * k],
            strides: [1, k],
            cols: outs,
            bias: bias.map(|bias| &bias[group * outs..][..outs]),
            then,
            layout: &Layout::even(group * outs, conv.out_channels),
        };
        product.run(isa, pool, scratch, y);
    }
    #[cfg(target_arch = "x86_64")]
    if isa != Isa::SCALAR && T::as_f32(x).is_some() {
        return;
    }
    then.apply(isa, pool, y);
}

/// [`forward`] of one group with a weight whose panels were written before.
#[cfg(target_arch = "x86_64")]
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(super) fn forward_packed(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    n: usize,
    x: &[f32],
    panels: &[f32],
    bias: &[f32],
    then: Then<'_, f32>,
    y: &mut [f32],
) {
    let gather = Gather::forward(conv, 0);
    let (m, k, layout) = (gather.rows(n), gather.depth(), Layout::even(0, conv.out_channels));
    let fill = |rows, cols, to: &mut [f32], stride| gather.block(x, rows, cols, to, stride);
    let b = gathered::Operand::Packed { panels, k, n: conv.out_channels };
    gathered::rows(isa, pool, (m, k), gathered::Left::Written(&fill), b, Start::Bias(bias), then, &layout, y);
}

/// The weight of one group in the order of a phase: [tap][out][in].
fn phase_weight<T: Real>(conv: &Conv, group: usize, phase: &Phase, weight: &[T], to: &mut [T]) {
    let (ins, outs) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    let mut to = to.chunks_exact_mut(ins);
    for i in 0..phase.gather.taps[0] {
        for j in 0..phase.gather.taps[1] {
            let tap = phase.kernel_tap(conv, i, j);
            for (o, to) in (0..outs).zip(&mut to) {
                let at = ((group * outs + o) * conv.taps() + tap) * ins;
                to.copy_from_slice(&weight[at..at + ins]);
            }
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(super) fn backward_input<T: Real>(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    n: usize,
    g: &[T],
    weight: &[T],
    scratch: &mut [T],
    grad_x: &mut [T],
) {
    let ins = conv.in_channels / conv.groups;
    for group in 0..conv.groups {
        for phase in phases(conv, group) {
            let gather = &phase.gather;
            let (rows, k) = (gather.rows(n), gather.depth());
            if k == 0 {
                for r in 0..rows {
                    grad_x[phase.layout.at(r)..][..ins].fill(T::ZERO);
                }
                continue;
            }
            let (b, scratch) = scratch.split_at_mut(k * ins);
            phase_weight(conv, group, &phase, weight, b);
            let product = Product {
                gather,
                rows,
                image: g,
                b,
                strides: [ins, 1],
                cols: ins,
                bias: None,
                then: Then::default(),
                layout: &phase.layout,
            };
            product.run(isa, pool, scratch, grad_x);
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub(super) fn backward_weight<T: Real>(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    n: usize,
    x: &[T],
    g: &[T],
    scratch: &mut [T],
    grad_weight: &mut [T],
) {
    let (k, outs) = (conv.depth(), conv.out_channels / conv.groups);
    for group in 0..conv.groups {
        let gather = &Gather::forward(conv, group);
        let rows = gather.rows(n);
        let c = &mut grad_weight[group * outs * k..][..outs * k];
        if rows == 0 {
            c.fill(T::ZERO);
            continue;
        }
        let g = &g[group * outs..];
        #[cfg(target_arch = "x86_64")]
        if isa != Isa::SCALAR
            && let (Some(image), Some(g)) = (T::as_f32(x), T::as_f32(g))
        {
            let scratch = T::as_f32_mut(scratch).expect("one element type");
            let c = T::as_f32_mut(c).expect("one element type");
            let g = (g, conv.out_channels, outs);
            weight::columns(isa, pool, gather, rows, image, g, scratch, c);
            continue;
        }
        let _ = pool;
        let g_row = conv.out_channels;
        dispatch(isa, portable::Columns { gather, rows, image: x, g, g_row, scratch, c });
    }
}
