//! MobileNet: a convolution in two cheap halves.

use super::{Settings, conv_bn};
use crate::init::{Fan, Init};
use crate::layers::{Activation, BatchNorm, Conv2d};
use crate::{Graph, Loss, NodeId};

/// Howard et al. 2017, "MobileNets: efficient convolutional neural networks for
/// mobile vision applications": a 3×3 convolution of each channel by itself
/// (depthwise), then a 1×1 across channels, costs an eighth to a ninth of a full
/// 3×3. torchvision has no such network: the names are ours, in its manner.
#[must_use]
pub fn mobilenet_v1(s: &Settings) -> Graph {
    let relu = Activation::Relu;
    let mut g = Graph::new(s.input);
    let mut channels = s.width(32);
    let mut x = g.scope("features.0", |g| {
        conv(g, ["0", "1"], g.input(), full(channels, 3).stride(2), Some(("2", relu)))
    });
    // Width and stride of the thirteen separable convolutions: table 1 of the paper.
    let table = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)];
    let table = table.into_iter().chain([(512, 1); 5]).chain([(1024, 2), (1024, 1)]);
    for (i, (width, stride)) in (1..).zip(table) {
        x = g.scope(&format!("features.{i}"), |g| {
            let x = conv(g, ["0", "1"], x, depthwise(channels).stride(stride), Some(("2", relu)));
            channels = s.width(width);
            conv(g, ["3", "4"], x, full(channels, 1), Some(("5", relu)))
        });
    }
    let x = g.global_avg_pool("avgpool", x);
    let x = g.flatten("flatten", x);
    let x = g.linear_init("classifier", x, s.classes, LINEAR);
    g.output(x, Loss::CrossEntropy);
    g
}

/// Sandler et al. 2018, "MobileNetV2: inverted residuals and linear
/// bottlenecks": blocks that widen, filter each channel, and narrow again, with
/// shortcuts between the narrow ends and no activation there. For
/// `small_images` (32 pixels) the first two halvings are left out.
#[must_use]
pub fn mobilenet_v2(s: &Settings, small_images: bool) -> Graph {
    let relu6 = Activation::Relu6;
    let early = if small_images { 1 } else { 2 };
    // Table 2 of the paper: expansion t, channels c, blocks n, stride s.
    let table = [
        (1, 16, 1, 1),
        (6, 24, 2, early),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ];
    let mut g = Graph::new(s.input);
    let mut channels = s.width(32);
    let mut x = g.scope("features.0", |g| {
        conv(g, ["0", "1"], g.input(), full(channels, 3).stride(early), Some(("2", relu6)))
    });
    let mut i = 0;
    for (expansion, width, blocks, stride) in table {
        for block in 0..blocks {
            i += 1;
            let stride = if block == 0 { stride } else { 1 };
            let widths = (channels, expansion, s.width(width));
            x = g.scope(&format!("features.{i}"), |g| inverted_residual(g, x, widths, stride));
            channels = s.width(width);
        }
    }
    let last = ["features.18.0", "features.18.1"];
    let x = conv(&mut g, last, x, full(s.width(1280), 1), Some(("features.18.2", relu6)));
    let x = g.global_avg_pool("avgpool", x);
    let x = g.flatten("flatten", x);
    let x = g.dropout("classifier.0", x, 0.2);
    let x = g.linear_init("classifier.1", x, s.classes, LINEAR);
    g.output(x, Loss::CrossEntropy);
    g
}

/// Widths: of the input, the factor of the expansion, of the output.
fn inverted_residual(
    g: &mut Graph,
    x: NodeId,
    (input, expansion, output): (usize, usize, usize),
    stride: usize,
) -> NodeId {
    let hidden = input * expansion;
    let y = g.scope("conv", |g| {
        let relu6 = Activation::Relu6;
        let depthwise = depthwise(hidden).stride(stride);
        // Without expansion there is no first convolution, and the numbers move up.
        let (y, [dw, dw_bn, dw_act], project) = if expansion == 1 {
            (x, ["0.0", "0.1", "0.2"], ["1", "2"])
        } else {
            let y = conv(g, ["0.0", "0.1"], x, full(hidden, 1), Some(("0.2", relu6)));
            (y, ["1.0", "1.1", "1.2"], ["2", "3"])
        };
        let y = conv(g, [dw, dw_bn], y, depthwise, Some((dw_act, relu6)));
        conv(g, project, y, full(output, 1), None)
    });
    if stride == 1 && input == output { g.add("add", y, x) } else { y }
}

const LINEAR: Init = Init::Normal { std: 0.01 };

fn full(width: usize, k: usize) -> Conv2d {
    Conv2d::new(width, k).padding(k / 2).init(Init::HeNormal(Fan::Out))
}

fn depthwise(channels: usize) -> Conv2d {
    full(channels, 3).groups(channels)
}

fn conv(
    g: &mut Graph,
    names: [&str; 2],
    x: NodeId,
    layer: Conv2d,
    activation: Option<(&str, Activation)>,
) -> NodeId {
    conv_bn(g, names, x, layer, BatchNorm::default(), activation)
}
