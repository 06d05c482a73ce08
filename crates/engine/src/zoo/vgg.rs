//! VGG: depth from 3×3 convolutions alone.

use super::{Settings, same};
use crate::init::{Fan, Init};
use crate::layers::{Activation::Relu, MaxPool2d};
use crate::{Graph, Loss, NodeId};

/// Number of convolutions in each of the five blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vgg(pub [usize; 5]);

impl Vgg {
    /// Configuration A of the paper: 8 convolutions.
    pub const VGG11: Vgg = Vgg([1, 1, 2, 2, 2]);
    /// Configuration B: 10 convolutions.
    pub const VGG13: Vgg = Vgg([2, 2, 2, 2, 2]);
    /// Configuration D: 13 convolutions.
    pub const VGG16: Vgg = Vgg([2, 2, 3, 3, 3]);
    /// Configuration E: 16 convolutions.
    pub const VGG19: Vgg = Vgg([2, 2, 4, 4, 4]);
}

/// The five blocks. Each halves the image; the width doubles up to 512.
fn features(g: &mut Graph, s: &Settings, convolutions: Vgg, batch_norm: bool) -> NodeId {
    let init = Init::HeNormal(Fan::Out);
    let mut x = g.input();
    let mut i = 0;
    g.scope("features", |g| {
        let mut next = || {
            i += 1;
            (i - 1).to_string()
        };
        for (count, width) in convolutions.0.into_iter().zip([64, 128, 256, 512, 512]) {
            for _ in 0..count {
                x = g.conv2d(&next(), x, same(s.width(width), 3).init(init));
                if batch_norm {
                    x = g.batch_norm(&next(), x);
                }
                x = g.activation(&next(), x, Relu);
            }
            x = g.max_pool(&next(), x, MaxPool2d::new(2, 2));
        }
        x
    })
}

/// Simonyan & Zisserman 2015, "Very deep convolutional networks for large-scale
/// image recognition": two 3×3 convolutions see as far as one of 5×5, with fewer
/// params and one more non-linearity. `batch_norm` puts a normalisation behind
/// each convolution, as torchvision's `_bn` forms.
#[must_use]
pub fn vgg(s: &Settings, convolutions: Vgg, batch_norm: bool) -> Graph {
    let init = Init::Normal { std: 0.01 };
    let mut g = Graph::new(s.input);
    let x = features(&mut g, s, convolutions, batch_norm);
    let x = g.adaptive_avg_pool("avgpool", x, [7, 7]);
    let x = g.flatten("flatten", x);
    let x = g.linear_init("classifier.0", x, s.width(4096), init);
    let x = g.activation("classifier.1", x, Relu);
    let x = g.dropout("classifier.2", x, 0.5);
    let x = g.linear_init("classifier.3", x, s.width(4096), init);
    let x = g.activation("classifier.4", x, Relu);
    let x = g.dropout("classifier.5", x, 0.5);
    let x = g.linear_init("classifier.6", x, s.classes, init);
    g.output(x, Loss::CrossEntropy);
    g
}

/// VGG for images of 32 pixels, with batch normalisation: after five halvings
/// one position is left, and one linear layer classifies it.
#[must_use]
pub fn vgg_cifar(s: &Settings, convolutions: Vgg) -> Graph {
    let mut g = Graph::new(s.input);
    let x = features(&mut g, s, convolutions, true);
    let x = g.global_avg_pool("avgpool", x);
    let x = g.flatten("flatten", x);
    let x = g.linear("classifier", x, s.classes);
    g.output(x, Loss::CrossEntropy);
    g
}
