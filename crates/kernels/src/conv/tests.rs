//! Twin tests and identities of the convolution.

use super::{Conv, backward_input, backward_weight, col2im, forward, im2col};
use crate::checks::{bit_difference, values};
use crate::gemm::scalar::reference;
use crate::gemm::{Mat, Start};
use crate::{Isa, Pool, Real};

fn conv(
    [height, width]: [usize; 2],
    [in_channels, out_channels, groups]: [usize; 3],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
) -> Conv {
    Conv { height, width, in_channels, out_channels, kernel, stride, padding, dilation, groups }
}

/// Shapes by hand: each names what it is there for.
fn cases() -> Vec<(&'static str, Conv)> {
    let one = [1, 1];
    vec![
        ("1x1", conv([5, 7], [3, 5, 1], one, one, [0, 0], one)),
        ("1x1 stride 2", conv([7, 6], [4, 9, 1], one, [2, 2], [0, 0], one)),
        ("1x1 padding", conv([3, 4], [2, 3, 1], one, one, [1, 2], one)),
        ("3x3 same", conv([6, 5], [8, 16, 1], [3, 3], one, one, one)),
        ("3x3 valid", conv([6, 9], [5, 7, 1], [3, 3], one, [0, 0], one)),
        ("3x3 stride 2", conv([9, 8], [5, 17, 1], [3, 3], [2, 2], one, one)),
        ("3x3 stride 3, dilation 2", conv([11, 13], [3, 6, 1], [3, 3], [3, 3], [2, 3], [2, 2])),
        ("stride 2, dilation 2", conv([9, 10], [3, 4, 1], [3, 2], [2, 2], [1, 1], [2, 2])),
        ("stride beyond the kernel", conv([9, 10], [3, 4, 1], [2, 1], [3, 3], [0, 0], one)),
        ("stem 7x7 stride 2", conv([23, 21], [3, 33, 1], [7, 7], [2, 2], [3, 3], one)),
        ("uneven", conv([7, 12], [4, 5, 1], [2, 5], [1, 3], [0, 2], [2, 1])),
        ("kernel larger than the image", conv([2, 3], [4, 6, 1], [5, 5], one, [2, 3], one)),
        ("padding beyond the kernel", conv([3, 3], [2, 3, 1], [2, 2], one, [3, 3], one)),
        ("groups", conv([6, 7], [6, 9, 3], [3, 3], [2, 1], one, one)),
        ("wide groups", conv([5, 5], [32, 48, 2], [3, 3], one, one, one)),
        ("depthwise", conv([7, 6], [19, 19, 19], [3, 3], one, one, one)),
        ("depthwise 5x5 stride 2", conv([8, 9], [32, 32, 32], [5, 5], [2, 2], [2, 2], one)),
        ("depthwise, multiplier 2", conv([6, 6], [5, 10, 5], [3, 3], [1, 2], one, [1, 2])),
        ("many channels", conv([4, 4], [130, 70, 1], [3, 3], one, one, one)),
        ("one pixel", conv([1, 1], [3, 2, 1], [3, 3], one, one, one)),
    ]
}

/// The definition: im2col, then the product of the twin, group by group.
fn twin_forward<T: Real>(c: &Conv, n: usize, x: &[T], w: &[T], bias: Option<&[T]>) -> Vec<T> {
    let mut columns = vec![T::ZERO; c.columns_len(n)];
    im2col(c, n, x, &mut columns);
    let (m, k, outs) = (c.pixels(n), c.depth(), c.out_channels / c.groups);
    let mut y = vec![T::ZERO; c.out_len(n)];
    let mut part = vec![T::ZERO; m * outs];
    for group in 0..c.groups {
        let a = Mat::new(&columns[group * m * k..][..m * k], m, k);
        let b = Mat::new(&w[group * outs * k..][..outs * k], outs, k).t();
        let start = bias.map_or(Start::Zero, |bias| Start::Bias(&bias[group * outs..][..outs]));
        reference(a, b, start, &mut part);
        for (y, part) in y.chunks_exact_mut(c.out_channels).zip(part.chunks_exact(outs)) {
            y[group * outs..][..outs].copy_from_slice(part);
        }
    }
    y
}

fn poisoned(c: &Conv, n: usize) -> Vec<f32> {
    vec![f32::NAN; c.scratch_len(n)]
}

fn fused() -> Vec<Isa> {
    [Isa::avx2(), Isa::avx512()].into_iter().flatten().collect()
}

#[test]
fn forward_equals_the_twin() {
    for (name, c) in cases() {
        for n in 1..=3 {
            let x = values(c.in_len(n), 1.0, 1);
            let w = values(c.weight_len(), 1.0, 2);
            let b = values(c.out_channels, 1.0, 3);
            for bias in [None, Some(&b[..])] {
                let want = twin_forward(&c, n, &x, &w, bias);
                for isa in fused() {
                    let mut y = vec![f32::NAN; c.out_len(n)];
                    forward(isa, &Pool::serial(), &c, n, &x, &w, bias, &mut poisoned(&c, n), &mut y);
                    assert_eq!(bit_difference(&y, &want), None, "{name}, n = {n}, {isa}");
                }
            }
        }
    }
}
