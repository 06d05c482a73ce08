//! SqueezeNet: AlexNet's accuracy from a fiftieth of its params.

use super::{Settings, same};
use crate::init::{Fan, Init};
use crate::layers::{Activation::Relu, Conv2d, MaxPool2d};
use crate::{Graph, Loss, NodeId};

/// Iandola et al. 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer
/// parameters and <0.5MB model size": a fire module squeezes its input to few
/// channels with 1×1 and expands them with 1×1 and 3×3 side by side. The
/// classifier is a convolution whose maps are averaged.
#[must_use]
pub fn squeezenet1_0(s: &Settings) -> Graph {
    let mut g = Graph::new(s.input);
    let x = g.conv2d("features.0", g.input(), Conv2d::new(s.width(96), 7).stride(2));
    let x = g.activation("features.1", x, Relu);
    let x = pool(&mut g, 2, x);
    let x = fires(&mut g, s, 3, x, &[(16, 64), (16, 64), (32, 128)]);
    let x = pool(&mut g, 6, x);
    let x = fires(&mut g, s, 7, x, &[(32, 128), (48, 192), (48, 192), (64, 256)]);
    let x = pool(&mut g, 11, x);
    let x = fires(&mut g, s, 12, x, &[(64, 256)]);
    classifier(g, s, x)
}

/// SqueezeNet 1.1 of the same authors: a smaller first convolution and earlier
/// poolings, 2.4 times fewer multiply-adds for the same accuracy.
#[must_use]
pub fn squeezenet1_1(s: &Settings) -> Graph {
    let mut g = Graph::new(s.input);
    let x = g.conv2d("features.0", g.input(), Conv2d::new(s.width(64), 3).stride(2));
    let x = g.activation("features.1", x, Relu);
    let x = pool(&mut g, 2, x);
    let x = fires(&mut g, s, 3, x, &[(16, 64), (16, 64)]);
    let x = pool(&mut g, 5, x);
    let x = fires(&mut g, s, 6, x, &[(32, 128), (32, 128)]);
    let x = pool(&mut g, 8, x);
    let x = fires(&mut g, s, 9, x, &[(48, 192), (48, 192), (64, 256), (64, 256)]);
    classifier(g, s, x)
}

fn pool(g: &mut Graph, i: usize, x: NodeId) -> NodeId {
    g.max_pool(&format!("features.{i}"), x, MaxPool2d::new(3, 2).ceil_mode(true))
}

/// Fire modules, numbered from `first`, by their widths of squeeze and of each expansion.
fn fires(g: &mut Graph, s: &Settings, first: usize, mut x: NodeId, widths: &[(usize, usize)]) -> NodeId {
    for (i, (squeeze, expand)) in (first..).zip(widths) {
        x = g.scope(&format!("features.{i}"), |g| {
            let conv = |g: &mut Graph, name: &str, x, width, k| {
                let init = Init::HeUniform(Fan::In);
                let x = g.conv2d(name, x, same(s.width(width), k).init(init));
                g.activation(&format!("{name}_activation"), x, Relu)
            };
            let x = conv(g, "squeeze", x, *squeeze, 1);
            let a = conv(g, "expand1x1", x, *expand, 1);
            let b = conv(g, "expand3x3", x, *expand, 3);
            g.concat("concat", &[a, b])
        });
    }
    x
}

fn classifier(mut g: Graph, s: &Settings, x: NodeId) -> Graph {
    let x = g.dropout("classifier.0", x, 0.5);
    let x = g.conv2d("classifier.1", x, same(s.classes, 1).init(Init::Normal { std: 0.01 }));
    let x = g.activation("classifier.2", x, Relu);
    let x = g.global_avg_pool("classifier.3", x);
    let x = g.flatten("flatten", x);
    g.output(x, Loss::CrossEntropy);
    g
}
