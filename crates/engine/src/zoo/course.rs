//! The convolutional networks of the course's second day.
//!
//! Initial weights as in its notebooks: N(0, 0.01²) in the simple and the double
//! network, He (fan-in) in the deep one; biases begin at 0.

use super::{Settings, same};
use crate::init::{Fan, Init};
use crate::layers::{Activation::Relu, Conv2d, Dropout, MaxPool2d, Scaling};
use crate::{Graph, Loss, NodeId};

const GAUSS: Init = Init::Normal { std: 0.01 };

fn pool(g: &mut Graph, name: &str, x: NodeId) -> NodeId {
    g.max_pool(name, x, MaxPool2d::new(2, 2))
}

/// Two linear layers with a ReLU between them.
fn classifier(mut g: Graph, s: &Settings, x: NodeId) -> Graph {
    let x = g.flatten("flatten", x);
    let x = g.linear_init("fc1", x, s.width(100), GAUSS);
    let x = g.activation("relu_fc1", x, Relu);
    let x = g.linear_init("fc2", x, s.classes, GAUSS);
    g.output(x, Loss::CrossEntropy);
    g
}

/// Notebook 2_6 (after Saito 2016): one convolution, one pooling and two linear
/// layers; what a filter is.
#[must_use]
pub fn simple_convnet(s: &Settings) -> Graph {
    let mut g = Graph::new(s.input);
    let x = g.conv2d("conv1", g.input(), Conv2d::new(s.width(30), 5).init(GAUSS));
    let x = g.activation("relu1", x, Relu);
    let x = pool(&mut g, "pool1", x);
    classifier(g, s, x)
}

/// Notebook 2_7: a second convolution. With six times fewer params than
/// [`simple_convnet`], because pooling twice shrinks what the linear layers see.
#[must_use]
pub fn double_convnet(s: &Settings) -> Graph {
    double(s, true)
}

/// The exercise of notebook 2_7: [`double_convnet`] without the first pooling.
#[must_use]
pub fn double_convnet_one_pool(s: &Settings) -> Graph {
    double(s, false)
}

fn double(s: &Settings, first_pool: bool) -> Graph {
    let mut g = Graph::new(s.input);
    let x = g.conv2d("conv1", g.input(), Conv2d::new(s.width(10), 7).padding(1).init(GAUSS));
    let mut x = g.activation("relu1", x, Relu);
    if first_pool {
        x = pool(&mut g, "pool1", x);
    }
    let x = g.conv2d("conv2", x, same(s.width(20), 3).init(GAUSS));
    let x = g.activation("relu2", x, Relu);
    let x = pool(&mut g, "pool2", x);
    classifier(g, s, x)
}

/// Notebook 2_8 (after Saito 2016): six 3×3 convolutions in VGG's manner, He
/// weights, dropout. As there, the fourth convolution pads by 2, dropout does
/// not rescale while training, and a second dropout acts on the logits.
#[must_use]
pub fn deep_convnet(s: &Settings) -> Graph {
    let he = Init::HeNormal(Fan::In);
    let dropout = Dropout { p: 0.5, scaling: Scaling::Eval };
    let mut g = Graph::new(s.input);
    let mut x = g.input();
    for (block, width) in (1..).zip([16, 32, 64]) {
        for i in [2 * block - 1, 2 * block] {
            let padding = if i == 4 { 2 } else { 1 };
            let conv = Conv2d::new(s.width(width), 3).padding(padding).init(he);
            x = g.conv2d(&format!("conv{i}"), x, conv);
            x = g.activation(&format!("relu{i}"), x, Relu);
        }
        x = pool(&mut g, &format!("pool{block}"), x);
    }
    let x = g.flatten("flatten", x);
    let x = g.linear_init("fc1", x, s.width(50), he);
    let x = g.activation("relu_fc1", x, Relu);
    let x = g.layer("drop1", dropout, &[x]);
    let x = g.linear_init("fc2", x, s.classes, he);
    let x = g.layer("drop2", dropout, &[x]);
    g.output(x, Loss::CrossEntropy);
    g
}
