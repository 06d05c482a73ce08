//! Networks of the literature, ready to plan and train.
//!
//! One file per family; each builder reads like the paper's table. Names,
//! order and shapes of the tensors are torchvision's where it has the network,
//! so that its weight files fit.
//!
//! ```
//! use kobai_engine::{Plan, PlanOptions, zoo};
//! let model = zoo::find("resnet18").unwrap();
//! let graph = model.graph(&model.settings());
//! let plan = Plan::new(&graph, &PlanOptions::batch(1)).unwrap();
//! assert_eq!(plan.param_len(), 11_689_512);
//! assert_eq!(plan.params[0].name, "conv1.weight");
//!
//! // The same network for small images and ten classes, an eighth as wide.
//! let small = zoo::Settings { input: [3, 64, 64].into(), classes: 10, narrow: 8 };
//! let plan = Plan::new(&model.graph(&small), &PlanOptions::batch(2)).unwrap();
//! assert_eq!(plan.param_len(), 176_346);
//! ```

mod alexnet;
mod catalogue;
mod course;
mod googlenet;
mod mobilenet;
mod resnet;
mod squeezenet;
mod vgg;

pub use alexnet::{alexnet, alexnet_original};
pub use catalogue::MODELS;
pub use course::{deep_convnet, double_convnet, double_convnet_one_pool, simple_convnet};
pub use googlenet::googlenet;
pub use mobilenet::{mobilenet_v1, mobilenet_v2};
pub use resnet::{Block, resnet, resnet_cifar, resnet_small_images};
pub use squeezenet::{squeezenet1_0, squeezenet1_1};
pub use vgg::{Vgg, vgg, vgg_cifar};

use crate::layers::{Activation, BatchNorm, Conv2d};
use crate::text::{Explain, Explanation, Lang, nearest};
use crate::{Graph, NodeId, Shape, say};

/// What a network is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Shape of an example, `[channels, height, width]`.
    pub input: Shape,
    /// Number of outputs.
    pub classes: usize,
    /// All widths except input and output are divided by this: 1 is the
    /// network of the paper, 8 one that a laptop trains.
    pub narrow: usize,
}

impl Settings {
    /// A width of the paper, narrowed.
    #[must_use]
    pub fn width(&self, of_the_paper: usize) -> usize {
        (of_the_paper / self.narrow.max(1)).max(1)
    }
}

/// An entry of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Its name, torchvision's where it has the network.
    pub name: &'static str,
    /// Authors and year.
    pub paper: &'static str,
    /// The idea in one line, in English and Japanese.
    idea: (&'static str, &'static str),
    /// Shape of an example in the paper.
    pub input: [usize; 3],
    /// Number of classes in the paper.
    pub classes: usize,
    build: fn(&Settings) -> Graph,
}

impl Model {
    /// The idea in one line.
    #[must_use]
    pub fn idea(&self, lang: Lang) -> &'static str {
        lang.pick(self.idea.0, self.idea.1)
    }

    /// Input and classes of the paper, full width.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings { input: self.input.into(), classes: self.classes, narrow: 1 }
    }

    /// The network. Whether the input is large enough shows when it is planned.
    #[must_use]
    pub fn graph(&self, settings: &Settings) -> Graph {
        (self.build)(settings)
    }
}

/// A name that is not in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownModel(pub String);

/// The model of a name.
///
/// # Errors
/// If the catalogue has none.
pub fn find(name: &str) -> Result<&'static Model, UnknownModel> {
    MODELS.iter().find(|m| m.name == name).ok_or_else(|| UnknownModel(name.into()))
}

impl Explain for UnknownModel {
    fn explain(&self, lang: Lang) -> Explanation {
        let name = &self.0;
        let e = Explanation::new(say!(
            lang,
            "there is no network `{name}` in the zoo",
            "ネットワーク `{name}` は一覧にありません"
        ));
        match nearest(name, MODELS.iter().map(|m| m.name)) {
            Some(near) => e.hint(say!(lang, "did you mean `{near}`?", "`{near}` のことですか？")),
            None => e.hint(say!(
                lang,
                "`kobai zoo list` shows all networks",
                "`kobai zoo list` でネットワークの一覧"
            )),
        }
    }
}

impl std::fmt::Display for UnknownModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.explain(Lang::En))
    }
}

impl std::error::Error for UnknownModel {}

/// Convolution without bias, batch normalisation, and perhaps an activation:
/// the brick of every network after 2015. Names as given.
fn conv_bn(
    g: &mut Graph,
    [conv, bn]: [&str; 2],
    x: NodeId,
    layer: Conv2d,
    norm: BatchNorm,
    activation: Option<(&str, Activation)>,
) -> NodeId {
    let x = g.conv2d(conv, x, layer.bias(false));
    let x = g.layer(bn, norm, &[x]);
    match activation {
        Some((name, kind)) => g.activation(name, x, kind),
        None => x,
    }
}

/// A convolution that keeps height and width (odd `k`, stride 1).
fn same(width: usize, k: usize) -> Conv2d {
    Conv2d::new(width, k).padding(k / 2)
}
