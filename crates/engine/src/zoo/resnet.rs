//! ResNet: layers that learn what to add to their input.

use super::{Settings, conv_bn};
use crate::init::{Fan, Init};
use crate::layers::{Activation::Relu, BatchNorm, Conv2d, MaxPool2d};
use crate::{Graph, Loss, NodeId};

/// The two residual functions of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Two 3×3 convolutions.
    Basic,
    /// 1×1, 3×3, 1×1: the middle one has a quarter of the channels. The stride
    /// is at the 3×3, as torchvision and later authors put it.
    Bottleneck,
}

impl Block {
    /// Channels that come out, as a multiple of the block's width.
    fn expansion(self) -> usize {
        match self {
            Block::Basic => 1,
            Block::Bottleneck => 4,
        }
    }
}

/// He et al. 2016, "Deep residual learning for image recognition": a block
/// computes x + f(x), so that depth does no harm: f = 0 is easy to learn, and
/// the gradient reaches every block through the sum. `counts` are the blocks of
/// the four stages; torchvision's names and form (projections where shapes
/// change: the paper's option B).
#[must_use]
pub fn resnet(s: &Settings, block: Block, counts: [usize; 4]) -> Graph {
    let mut g = Graph::new(s.input);
    let x = g.input();
    let x = conv(&mut g, ["conv1", "bn1"], x, convolution(s.width(64), 7, 2), true);
    let x = g.max_pool("maxpool", x, MaxPool2d::new(3, 2).padding(1));
    let x = stages(&mut g, x, block, &counts, [64, 128, 256, 512].map(|w| s.width(w)), true);
    classifier(g, s, x)
}

/// [`resnet`] for images of 32 pixels: the first convolution is 3×3 with stride
/// 1 and nothing is pooled before the first stage. Not from the paper, but what
/// most code calls ResNet-18 on CIFAR.
#[must_use]
pub fn resnet_small_images(s: &Settings, block: Block, counts: [usize; 4]) -> Graph {
    let mut g = Graph::new(s.input);
    let x = g.input();
    let x = conv(&mut g, ["conv1", "bn1"], x, convolution(s.width(64), 3, 1), true);
    let x = stages(&mut g, x, block, &counts, [64, 128, 256, 512].map(|w| s.width(w)), true);
    classifier(g, s, x)
}

/// He et al. 2016, section 4.2: the narrow networks for CIFAR of 6n + 2 layers,
/// with `shortcuts` or, as their plain twins, without. Where shapes change, the
/// shortcut is a 1×1 projection (option B; the paper's own CIFAR networks pad
/// with zeros, option A, and have 2,752 params less).
#[must_use]
pub fn resnet_cifar(s: &Settings, depth: usize, shortcuts: bool) -> Graph {
    let n = depth.saturating_sub(2) / 6;
    let mut g = Graph::new(s.input);
    let x = g.input();
    let x = conv(&mut g, ["conv1", "bn1"], x, convolution(s.width(16), 3, 1), true);
    let x = stages(&mut g, x, Block::Basic, &[n; 3], [16, 32, 64].map(|w| s.width(w)), shortcuts);
    classifier(g, s, x)
}

/// Stages of blocks. From the second on, each begins by halving the image.
fn stages<const N: usize>(
    g: &mut Graph,
    mut x: NodeId,
    block: Block,
    counts: &[usize; N],
    widths: [usize; N],
    shortcuts: bool,
) -> NodeId {
    let mut channels = widths[0];
    for (stage, (count, width)) in (1..).zip(counts.iter().zip(widths)) {
        let out = width * block.expansion();
        for i in 0..*count {
            let stride = if stage > 1 && i == 0 { 2 } else { 1 };
            let changes = stride > 1 || channels != out;
            x = g.scope(&format!("layer{stage}.{i}"), |g| {
                let f = residual(g, block, x, width, stride);
                let sum = match (shortcuts, changes) {
                    (false, _) => f,
                    (true, false) => g.add("add", f, x),
                    (true, true) => {
                        let names = ["downsample.0", "downsample.1"];
                        let projection = conv(g, names, x, convolution(out, 1, stride), false);
                        g.add("add", f, projection)
                    }
                };
                g.activation("relu", sum, Relu)
            });
            channels = out;
        }
    }
    x
}

/// f(x), without the last activation.
fn residual(g: &mut Graph, block: Block, x: NodeId, width: usize, stride: usize) -> NodeId {
    match block {
        Block::Basic => {
            let x = conv(g, ["conv1", "bn1"], x, convolution(width, 3, stride), true);
            conv(g, ["conv2", "bn2"], x, convolution(width, 3, 1), false)
        }
        Block::Bottleneck => {
            let x = conv(g, ["conv1", "bn1"], x, convolution(width, 1, 1), true);
            let x = conv(g, ["conv2", "bn2"], x, convolution(width, 3, stride), true);
            conv(g, ["conv3", "bn3"], x, convolution(4 * width, 1, 1), false)
        }
    }
}

fn convolution(width: usize, k: usize, stride: usize) -> Conv2d {
    Conv2d::new(width, k).stride(stride).padding(k / 2).init(Init::HeNormal(Fan::Out))
}

fn conv(g: &mut Graph, names: [&str; 2], x: NodeId, layer: Conv2d, relu: bool) -> NodeId {
    let activation = format!("relu_{}", names[0]);
    conv_bn(g, names, x, layer, BatchNorm::default(), relu.then_some((&activation, Relu)))
}

fn classifier(mut g: Graph, s: &Settings, x: NodeId) -> Graph {
    let x = g.global_avg_pool("avgpool", x);
    let x = g.flatten("flatten", x);
    let x = g.linear("fc", x, s.classes);
    g.output(x, Loss::CrossEntropy);
    g
}
