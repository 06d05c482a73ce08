//! GoogLeNet: branches of different reach, side by side.

use super::{Settings, conv_bn, same};
use crate::init::Init;
use crate::layers::{Activation::Relu, BatchNorm, Conv2d, MaxPool2d};
use crate::{Graph, Loss, NodeId};

/// Weight of each auxiliary loss, from the paper.
const AUXILIARY_WEIGHT: f64 = 0.3;

/// Szegedy et al. 2015, "Going deeper with convolutions": each block looks at
/// its input through 1×1, 3×3, 5×5 and pooling at once, and 1×1 convolutions
/// before the wide ones keep that affordable. With `auxiliary`, two classifiers
/// in the middle bring a gradient to the lower layers while training.
///
/// In torchvision's form, whose weights it takes: batch normalisation (eps
/// 0.001) behind each convolution, no response normalisation, poolings that
/// round up, and 3×3 where the paper has 5×5. The remapping of the input that
/// torchvision does for its published weights is no part of the network.
#[must_use]
pub fn googlenet(s: &Settings, auxiliary: bool) -> Graph {
    let w = |width| s.width(width);
    let pool = |k| MaxPool2d::new(k, 2).ceil_mode(true);
    let mut g = Graph::new(s.input);
    let x = g.input();
    let x = conv(&mut g, "conv1", x, Conv2d::new(w(64), 7).stride(2).padding(3));
    let x = g.max_pool("maxpool1", x, pool(3));
    let x = conv(&mut g, "conv2", x, same(w(64), 1));
    let x = conv(&mut g, "conv3", x, same(w(192), 3));
    let x = g.max_pool("maxpool2", x, pool(3));
    //                                    #1×1 | #3×3 reduce, #3×3 | #5×5 reduce, #5×5 | pool proj
    let x = inception(&mut g, s, "inception3a", x, [64, 96, 128, 16, 32, 32]);
    let x = inception(&mut g, s, "inception3b", x, [128, 128, 192, 32, 96, 64]);
    let x = g.max_pool("maxpool3", x, pool(3));
    let x = inception(&mut g, s, "inception4a", x, [192, 96, 208, 16, 48, 64]);
    let for_aux1 = x;
    let x = inception(&mut g, s, "inception4b", x, [160, 112, 224, 24, 64, 64]);
    let x = inception(&mut g, s, "inception4c", x, [128, 128, 256, 24, 64, 64]);
    let x = inception(&mut g, s, "inception4d", x, [112, 144, 288, 32, 64, 64]);
    let for_aux2 = x;
    let x = inception(&mut g, s, "inception4e", x, [256, 160, 320, 32, 128, 128]);
    let x = g.max_pool("maxpool4", x, pool(2));
    let x = inception(&mut g, s, "inception5a", x, [256, 160, 320, 32, 128, 128]);
    let x = inception(&mut g, s, "inception5b", x, [384, 192, 384, 48, 128, 128]);
    if auxiliary {
        for (name, from) in [("aux1", for_aux1), ("aux2", for_aux2)] {
            let head = g.scope(name, |g| auxiliary_head(g, s, from));
            g.auxiliary(head, AUXILIARY_WEIGHT);
        }
    }
    let x = g.global_avg_pool("avgpool", x);
    let x = g.flatten("flatten", x);
    let x = g.dropout("dropout", x, 0.2);
    let x = g.linear_init("fc", x, s.classes, INIT);
    g.output(x, Loss::CrossEntropy);
    g
}

const INIT: Init = Init::Normal { std: 0.01 };

fn conv(g: &mut Graph, name: &str, x: NodeId, layer: Conv2d) -> NodeId {
    let norm = BatchNorm { eps: 1e-3, ..BatchNorm::default() };
    g.scope(name, |g| conv_bn(g, ["conv", "bn"], x, layer.init(INIT), norm, Some(("relu", Relu))))
}

fn inception(g: &mut Graph, s: &Settings, name: &str, x: NodeId, widths: [usize; 6]) -> NodeId {
    let [one, reduce3, three, reduce5, five, projection] = widths.map(|width| s.width(width));
    g.scope(name, |g| {
        let a = conv(g, "branch1", x, same(one, 1));
        let b = conv(g, "branch2.0", x, same(reduce3, 1));
        let b = conv(g, "branch2.1", b, same(three, 3));
        let c = conv(g, "branch3.0", x, same(reduce5, 1));
        let c = conv(g, "branch3.1", c, same(five, 3));
        let d = g.max_pool("branch4.0", x, MaxPool2d::new(3, 1).padding(1).ceil_mode(true));
        let d = conv(g, "branch4.1", d, same(projection, 1));
        g.concat("concat", &[a, b, c, d])
    })
}

fn auxiliary_head(g: &mut Graph, s: &Settings, x: NodeId) -> NodeId {
    let x = g.adaptive_avg_pool("pool", x, [4, 4]);
    let x = conv(g, "conv", x, same(s.width(128), 1));
    let x = g.flatten("flatten", x);
    let x = g.linear_init("fc1", x, s.width(1024), INIT);
    let x = g.activation("relu", x, Relu);
    let x = g.dropout("dropout", x, 0.7);
    g.linear_init("fc2", x, s.classes, INIT)
}
