use crate::Shape;
use crate::error::Problem;
use crate::init::{Fan, Fans, Init};
use crate::layer::{
    Backward, Cx, Extent, Fold, Forward, Fuses, Layer, LayerPlan, Layout, ParamSpec, Rounding, in_range,
    one_image,
};
use kobai_kernels::conv::{self, Conv};
use kobai_kernels::{Real, reduce};

/// A convolution over images (strictly a cross-correlation, as everywhere in
/// deep learning): every output pixel is a weighted sum of a window of the
/// input, with the same weights at every place.
///
/// # Formula
/// y\[o, i, j\] = b\[o\] + Σ over c, a, b of w\[o, c, a, b\] · x\[c, i·s + a·d − p,
/// j·s + b·d − p\], with stride s, padding p, dilation d; padding counts as 0.
/// With `groups` g the channels are cut into g parts, and an output channel sums
/// over the input channels of its part only.
///
/// # Gradient
/// For G = dL/dy: dL/db\[o\] = Σ over examples and pixels of G\[o\]; dL/dw\[o, c, a,
/// b\] = Σ G\[o, i, j\] · x\[c, i·s + a·d − p, j·s + b·d − p\]; dL/dx is the sum of
/// w\[o, c, a, b\] · G\[o, i, j\] over all o, a, b, i, j that read the value.
///
/// # Shapes
/// `[C, H, W]` → `[out_channels, H', W']`, H' = ⌊(H + 2p − d(k − 1) − 1)/s⌋ + 1;
/// params `weight` `[out, C/groups, kh, kw]` (in memory \[out, kh, kw, C/groups\]),
/// `bias` `[out]`.
///
/// # Saved
/// Nothing; backward reads the input.
///
/// # Train/Eval
/// The same; evaluation reads the weight transformed and packed beforehand, with a
/// batch normalisation behind it folded in.
///
/// # Cost
/// `out · H' · W' · kh · kw · C/groups` multiply-adds per example forward, twice
/// that backward (once if the input needs no gradient). 3×3 at stride 1 needs a
/// quarter of the multiplications (Winograd) if the plan says so; in `f64` never.
///
/// # Errors
/// Input that is not `[C, H, W]`; no output channels; kernel, stride, dilation or
/// groups 0; channels that `groups` does not divide; a window larger than the
/// padded image.
///
/// # Source
/// LeCun et al. 1998; agrees with `torch.nn.Conv2d`.
///
/// # Example
/// ```
/// use kobai_engine::{Alone, layers::Conv2d};
/// let conv = Conv2d::new(1, 2).bias(false);
/// let mut layer = Alone::<f64>::new(conv, &[[1, 2, 3].into()], 1).unwrap();
/// layer.params().copy_from_slice(&[1.0, 0.0, 0.0, -1.0]); // left top minus right bottom
/// assert_eq!(layer.forward(&[&[1.0, 2.0, 3.0, 4.0, 5.0, 7.0]]), [1.0 - 5.0, 2.0 - 7.0]);
/// assert_eq!(layer.backward(&[1.0, 10.0]).inputs[0], [1.0, 10.0, 0.0, 0.0, -1.0, -10.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv2d {
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Rows and columns from one window to the next.
    pub stride: [usize; 2],
    /// Rows and columns of zeros on each side.
    pub padding: [usize; 2],
    /// Rows and columns from one weight to the next.
    pub dilation: [usize; 2],
    /// Parts into which the channels are cut; as many as there are input channels
    /// for a depthwise convolution.
    pub groups: usize,
    /// Whether there is a bias.
    pub bias: bool,
    /// How the weight begins; He (fan-in) by default. The bias begins at 0.
    pub init: Init,
}

impl Conv2d {
    /// A square kernel, stride 1, no padding, a bias, He weights.
    #[must_use]
    pub fn new(out_channels: usize, kernel: usize) -> Self {
        Conv2d {
            out_channels,
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [0; 2],
            dilation: [1; 2],
            groups: 1,
            bias: true,
            init: Init::HeNormal(Fan::In),
        }
    }

    /// The same with another stride.
    #[must_use]
    pub fn stride(self, stride: usize) -> Self {
        Conv2d { stride: [stride; 2], ..self }
    }

    /// The same with padding on all sides.
    #[must_use]
    pub fn padding(self, padding: usize) -> Self {
        Conv2d { padding: [padding; 2], ..self }
    }

    /// The same with another dilation.
    #[must_use]
    pub fn dilation(self, dilation: usize) -> Self {
        Conv2d { dilation: [dilation; 2], ..self }
    }

    /// The same with other groups.
    #[must_use]
    pub fn groups(self, groups: usize) -> Self {
        Conv2d { groups, ..self }
    }

    /// The same with or without a bias.
    #[must_use]
    pub fn bias(self, bias: bool) -> Self {
        Conv2d { bias, ..self }
    }

    /// The same with other initial weights.
    #[must_use]
    pub fn init(self, init: Init) -> Self {
        Conv2d { init, ..self }
    }

    /// What the kernels need to know, for an input that is an image.
    pub(crate) fn kernels(&self, input: Shape) -> Conv {
        let &[in_channels, height, width] = input.dims() else {
            unreachable!("a plan was made for this shape");
        };
        let Conv2d { out_channels, kernel, stride, padding, dilation, groups, .. } = *self;
        Conv { height, width, in_channels, out_channels, kernel, stride, padding, dilation, groups }
    }
}

impl Layer for Conv2d {
    fn kind(&self) -> &'static str {
        "conv2d"
    }

    fn plan(&self, inputs: &[Shape]) -> Result<LayerPlan, Problem> {
        let [ins, height, width] = one_image(inputs)?;
        let Conv2d { out_channels: outs, kernel, stride, padding, dilation, groups, .. } = *self;
        in_range("out_channels", [outs; 2], 1)?;
        in_range("kernel", kernel, 1)?;
        in_range("stride", stride, 1)?;
        in_range("padding", padding, 0)?;
        in_range("dilation", dilation, 1)?;
        in_range("groups", [groups; 2], 1)?;
        if !ins.is_multiple_of(groups) || !outs.is_multiple_of(groups) {
            return Err(Problem::Groups { groups, in_channels: ins, out_channels: outs });
        }
        let conv = self.kernels(inputs[0]);
        let (out_height, out_width) = (conv.out_height(), conv.out_width());
        if out_height == 0 || out_width == 0 {
            let window = [0, 1].map(|i| dilation[i] * (kernel[i] - 1) + 1);
            let padded = [height + 2 * padding[0], width + 2 * padding[1]];
            return Err(Problem::Window { window, padded, got: inputs[0] });
        }
        let (per_group, area) = (ins / groups, kernel[0] * kernel[1]);
        // PyTorch's fans: those of the weight's extents, whatever the groups.
        let fans = Fans { fan_in: per_group * area, fan_out: outs * area };
        let mut params = vec![ParamSpec {
            name: "weight",
            dims: vec![outs, per_group, kernel[0], kernel[1]],
            layout: Layout::ConvChannelsLast,
            init: self.init,
            fans,
            decay: true,
        }];
        if self.bias {
            params.push(ParamSpec {
                name: "bias",
                dims: vec![outs],
                layout: Layout::Plain,
                init: Init::Zeros,
                fans,
                decay: false,
            });
        }
        let [algorithm, pairs, tiles] = conv.algorithms();
        Ok(LayerPlan {
            params,
            reads_input: true,
            scratch: Extent {
                fixed: conv.scratch_fixed().max(if self.bias { reduce::SUM_CHUNKS * outs } else { 0 }),
                per_example: conv.scratch_per_example(),
            },
            fuses: Fuses::Forward,
            macs: conv.macs(),
            algorithm,
            rounding: Some(Rounding { pairs, tiles, from: 1 }),
            ..LayerPlan::new([outs, out_height, out_width].into())
        })
    }

    fn forward<T: Real>(&self, cx: &Cx<'_>, io: Forward<'_, T>) {
        let conv = self.kernels(cx.shapes[0]);
        let (weight, bias) = io.params.split_at(conv.weight_len());
        let bias = self.bias.then_some(bias);
        let x = io.inputs[0];
        let (isa, pool, n, then) = (cx.isa, cx.pool, cx.n, io.then);
        if io.prepared.is_empty() {
            conv::forward(isa, pool, &conv, n, x, weight, bias, then, io.scratch, io.output);
        } else {
            conv::forward_prepared(isa, pool, &conv, n, x, io.prepared, then, io.scratch, io.output);
        }
    }

    fn backward<T: Real>(&self, cx: &Cx<'_>, mut io: Backward<'_, T>) {
        let conv = self.kernels(cx.shapes[0]);
        let (x, g) = (io.inputs[0], io.grad_output);
        let (grad_weight, grad_bias) = io.grad_params.split_at_mut(conv.weight_len());
        conv::backward_params(cx.isa, cx.pool, &conv, cx.n, x, g, io.scratch, grad_weight, grad_bias);
        cx.params_done();
        let weight = &io.params[..conv.weight_len()];
        let scratch = std::mem::take(&mut io.scratch);
        if let Some(grad_x) = io.grad_input(0) {
            conv::backward_input(cx.isa, cx.pool, &conv, cx.n, g, weight, scratch, grad_x);
        }
    }

    fn prepared(&self, inputs: &[Shape], n: usize) -> usize {
        self.kernels(inputs[0]).prepared_len(n)
    }

    fn prepare<T: Real>(&self, cx: &Cx<'_>, params: &[T], fold: Option<Fold<'_, T>>, to: &mut [T]) {
        let conv = self.kernels(cx.shapes[0]);
        let (weight, bias) = params.split_at(conv.weight_len());
        conv::prepare(cx.isa, cx.pool, &conv, cx.n, weight, self.bias.then_some(bias), fold, to);
    }
}
