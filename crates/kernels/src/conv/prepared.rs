//! A convolution as evaluation runs it many times with the same params: the batch
//! normalisation behind it folded into weight and bias, and the weight transformed or
//! packed once.
//!
//! With s = γ/√(variance + eps), s · (w ∗ x + b − mean) + β = (s·w) ∗ x + (β + (b −
//! mean)·s): each output channel's weights are multiplied by its s. What was rounded
//! after the sum is now rounded before it, so the bits differ from those of the two
//! layers one after the other, by a few roundings of the largest terms.

use super::buffer::LINE;
use super::{Conv, depthwise, forward, winograd};
use crate::gemm::{self, Mat, Start};
use crate::then::Then;
use crate::{Isa, Pool, Real};

/// A batch normalisation in evaluation; slices of as many elements as output channels.
#[derive(Clone, Copy, Debug)]
pub struct Fold<'a, T> {
    /// Added to the variance.
    pub eps: f64,
    /// Scale γ.
    pub gamma: &'a [T],
    /// Shift β.
    pub beta: &'a [T],
    /// Running mean.
    pub mean: &'a [T],
    /// Running variance.
    pub var: &'a [T],
}

impl Conv {
    /// Whether one gathered product serves the forward pass.
    fn is_gathered(&self) -> bool {
        self.groups == 1 && self.algorithm() == "indirect"
    }

    /// Where the parts of the prepared params end: bias, weight, and what the
    /// algorithm wants besides.
    pub(super) fn parts(&self, n: usize) -> [usize; 3] {
        let bias = self.out_channels.next_multiple_of(LINE);
        let weight = bias + self.weight_len().next_multiple_of(LINE);
        let more = if let Some(form) = winograd::choose(self) {
            winograd::kept_len(self, form, n)
        } else if self.is_plain() || self.is_gathered() {
            gemm::packed_len(self.depth(), self.out_channels)
        } else if self.is_depthwise() {
            self.weight_len()
        } else {
            0
        };
        [bias, weight, weight + more]
    }

    /// Elements of the params that [`prepare`] writes for batches of up to `n` images.
    #[must_use]
    pub fn prepared_len(&self, n: usize) -> usize {
        self.parts(n)[2]
    }
}

/// Writes what [`forward_prepared`] reads, for batches of up to `n` images.
///
/// # Panics
/// If a length differs; `to` has [`Conv::prepared_len`].
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub fn prepare<T: Real>(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    n: usize,
    weight: &[T],
    bias: Option<&[T]>,
    fold: Option<Fold<'_, T>>,
    to: &mut [T],
) {
    conv.check();
    let ends = conv.parts(n);
    assert_eq!(weight.len(), conv.weight_len(), "the weight has another length");
    assert_eq!(to.len(), ends[2], "the prepared params have another length");
    let (to_bias, rest) = to.split_at_mut(ends[0]);
    let (to_weight, more) = rest.split_at_mut(ends[1] - ends[0]);
    let to_weight = &mut to_weight[..weight.len()];
    let depth = conv.depth();
    for (o, to_bias) in to_bias[..conv.out_channels].iter_mut().enumerate() {
        let bias = bias.map_or(T::ZERO, |bias| bias[o]);
        let (from, to) = (&weight[o * depth..][..depth], &mut to_weight[o * depth..][..depth]);
        match fold {
            None => {
                *to_bias = bias;
                to.copy_from_slice(from);
            }
            Some(Fold { eps, gamma, beta, mean, var }) => {
                let scale = T::ONE / (var[o] + T::from_f64(eps)).sqrt() * gamma[o];
                *to_bias = beta[o] + (bias - mean[o]) * scale;
                to.iter_mut().zip(from).for_each(|(to, w)| *to = *w * scale);
            }
        }
    }
    if conv.is_depthwise() {
        return depthwise::by_tap(conv, to_weight, more);
    }
    if let (Some(weight), Some(more)) = (T::as_f32(to_weight), T::as_f32_mut(more))
        && !more.is_empty()
    {
        if let Some(form) = conv.winograd_on(isa) {
            winograd::keep(isa, pool, conv, form, weight, more);
        } else {
            let b = Mat::new(weight, conv.out_channels, conv.depth()).t();
            if conv.is_plain() {
                gemm::pack(isa, pool, b, more);
            } else {
                gemm::pack_gathered(isa, pool, b, more);
            }
        }
    }
}

/// The forward pass with params that [`prepare`] wrote on the same instruction set for
/// batches of `n` images or more; other arguments as in [`forward`].
///
/// # Panics
/// If a length differs.
#[allow(clippy::too_many_arguments, reason = "the operands of one operation")]
pub fn forward_prepared<T: Real>(
    isa: Isa,
    pool: &Pool,
    conv: &Conv,
    n: usize,
    x: &[T],
    prepared: &[T],
    then: Then<'_, T>,
    scratch: &mut [T],
    y: &mut [T],
) {
    // What comes after the weight depends on the batch that it was prepared for.
    let ends = conv.parts(0);
    assert!(prepared.len() >= ends[1], "the prepared params are too short");
    let bias = &prepared[..conv.out_channels];
    let weight = &prepared[ends[0]..][..conv.weight_len()];
    let more = &prepared[ends[1]..];
    conv.check_lengths(n, x.len(), weight.len(), y.len(), scratch.len());
    if conv.is_depthwise() {
        let weight = &more[..conv.weight_len()];
        return depthwise::forward_by_tap(isa, pool, conv, x, weight, bias, then, y);
    }
    if isa != Isa::SCALAR
        && (gemm::packs(isa) || conv.winograd_on(isa).is_some())
        && !more.is_empty()
        && let (Some(x), Some(bias), Some(more), Some(then)) =
            (T::as_f32(x), T::as_f32(bias), T::as_f32(more), then.as_f32())
        && let (Some(scratch), Some(y)) = (T::as_f32_mut(scratch), T::as_f32_mut(y))
    {
        if let Some(form) = conv.winograd_on(isa) {
            return winograd::forward_kept(isa, pool, conv, form, n, x, more, Some(bias), then, scratch, y);
        }
        #[cfg(target_arch = "x86_64")]
        if !conv.is_plain() {
            return super::indirect::forward_packed(isa, pool, conv, n, x, more, bias, then, y);
        }
        let (a, outs) = (Mat::new(x, conv.pixels(n), conv.in_channels), conv.out_channels);
        return gemm::gemm_packed(isa, pool, a, more, outs, Start::Bias(bias), then, y);
    }
    forward(isa, pool, conv, n, x, weight, Some(bias), then, scratch, y);
}
