//! AlexNet, in torchvision's form and in that of the paper.

use super::{Settings, same};
use crate::init::Init;
use crate::layers::{Activation::Relu, Conv2d, LocalResponseNorm, MaxPool2d};
use crate::{Graph, Loss};

/// Krizhevsky 2014, "One weird trick for parallelizing convolutional neural
/// networks": AlexNet in one column, as torchvision has it. No response
/// normalisation; an average pooling before the classifier takes other image
/// sizes from 63 pixels.
#[must_use]
pub fn alexnet(s: &Settings) -> Graph {
    let w = |width| s.width(width);
    let mut g = Graph::new(s.input);
    let x = g.conv2d("features.0", g.input(), Conv2d::new(w(64), 11).stride(4).padding(2));
    let x = g.activation("features.1", x, Relu);
    let x = g.max_pool("features.2", x, MaxPool2d::new(3, 2));
    let x = g.conv2d("features.3", x, same(w(192), 5));
    let x = g.activation("features.4", x, Relu);
    let x = g.max_pool("features.5", x, MaxPool2d::new(3, 2));
    let x = g.conv2d("features.6", x, same(w(384), 3));
    let x = g.activation("features.7", x, Relu);
    let x = g.conv2d("features.8", x, same(w(256), 3));
    let x = g.activation("features.9", x, Relu);
    let x = g.conv2d("features.10", x, same(w(256), 3));
    let x = g.activation("features.11", x, Relu);
    let x = g.max_pool("features.12", x, MaxPool2d::new(3, 2));
    let x = g.adaptive_avg_pool("avgpool", x, [6, 6]);
    let x = g.flatten("flatten", x);
    let x = g.dropout("classifier.0", x, 0.5);
    let x = g.linear("classifier.1", x, w(4096));
    let x = g.activation("classifier.2", x, Relu);
    let x = g.dropout("classifier.3", x, 0.5);
    let x = g.linear("classifier.4", x, w(4096));
    let x = g.activation("classifier.5", x, Relu);
    let x = g.linear("classifier.6", x, s.classes);
    g.output(x, Loss::CrossEntropy);
    g
}

/// Krizhevsky, Sutskever & Hinton 2012, "ImageNet classification with deep
/// convolutional neural networks": ReLU, dropout, overlapping pooling and
/// response normalisation. The paper's two processors are two groups of one
/// tower: conv2, conv4 and conv5 see one half of the channels each, which gives
/// the paper's 60 million params.
///
/// The paper works on 224 pixels, but its 55×55 maps need 227. Weights begin
/// as N(0, 0.01²) as there; the paper's biases of 1 in some layers begin at 0.
#[must_use]
pub fn alexnet_original(s: &Settings) -> Graph {
    let w = |width| s.width(width);
    let gauss = Init::Normal { std: 0.01 };
    // The paper sums over 5 channels with α = 1e-4; the layer divides α by the 5.
    let lrn = LocalResponseNorm { size: 5, alpha: 5e-4, beta: 0.75, k: 2.0 };
    let mut g = Graph::new(s.input);
    let x = g.conv2d("conv1", g.input(), Conv2d::new(w(96), 11).stride(4).init(gauss));
    let x = g.activation("relu1", x, Relu);
    let x = g.lrn("norm1", x, lrn);
    let x = g.max_pool("pool1", x, MaxPool2d::new(3, 2));
    let x = g.conv2d("conv2", x, same(w(256), 5).groups(2).init(gauss));
    let x = g.activation("relu2", x, Relu);
    let x = g.lrn("norm2", x, lrn);
    let x = g.max_pool("pool2", x, MaxPool2d::new(3, 2));
    let x = g.conv2d("conv3", x, same(w(384), 3).init(gauss));
    let x = g.activation("relu3", x, Relu);
    let x = g.conv2d("conv4", x, same(w(384), 3).groups(2).init(gauss));
    let x = g.activation("relu4", x, Relu);
    let x = g.conv2d("conv5", x, same(w(256), 3).groups(2).init(gauss));
    let x = g.activation("relu5", x, Relu);
    let x = g.max_pool("pool5", x, MaxPool2d::new(3, 2));
    let x = g.flatten("flatten", x);
    let x = g.linear_init("fc6", x, w(4096), gauss);
    let x = g.activation("relu6", x, Relu);
    let x = g.dropout("drop6", x, 0.5);
    let x = g.linear_init("fc7", x, w(4096), gauss);
    let x = g.activation("relu7", x, Relu);
    let x = g.dropout("drop7", x, 0.5);
    let x = g.linear_init("fc8", x, s.classes, gauss);
    g.output(x, Loss::CrossEntropy);
    g
}
