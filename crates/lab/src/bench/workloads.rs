//! The workloads of the yardstick: networks, batches and rules.

use kobai_engine::init::{Fan, Init};
use kobai_engine::layer::LayerKind;
use kobai_engine::layers::{Activation, Dropout};
use kobai_engine::optim::Optimizer;
use kobai_engine::text::Lang;
use kobai_engine::{Graph, Loss, zoo};

/// A workload of the yardstick.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Identifier.
    pub id: &'static str,
    /// What it is, in English and Japanese.
    what: (&'static str, &'static str),
    /// Examples of a batch unless asked otherwise.
    pub batch: usize,
    /// Timed training steps unless asked otherwise.
    pub steps: usize,
    /// The rule that changes the params.
    pub optimizer: Optimizer,
    network: Network,
}

#[derive(Clone, Copy, Debug)]
enum Network {
    Mlp { widths: &'static [usize], activation: Activation, norm: bool },
    Zoo(&'static str),
}

const SIX: &[usize] = &[784, 100, 100, 100, 100, 100, 100, 10];
const ADAM: Optimizer = Optimizer::Adam { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
const MOMENTUM: Optimizer = Optimizer::Momentum { lr: 1e-3, momentum: 0.9 };

const fn zoo(
    id: &'static str,
    name: &'static str,
    what: (&'static str, &'static str),
    (batch, steps): (usize, usize),
    optimizer: Optimizer,
) -> Workload {
    Workload { id, what, batch, steps, optimizer, network: Network::Zoo(name) }
}

/// Every workload.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        id: "W1",
        what: ("MLP 784-40-20-10, sigmoid, SGD", "MLP 784-40-20-10、シグモイド、SGD"),
        batch: 100,
        steps: 2000,
        optimizer: Optimizer::Sgd { lr: 0.1 },
        network: Network::Mlp { widths: &[784, 40, 20, 10], activation: Activation::SIGMOID, norm: false },
    },
    Workload {
        id: "W2",
        what: ("MLP 784-[100]x6-10, ReLU, SGD", "MLP 784-[100]x6-10、ReLU、SGD"),
        batch: 100,
        steps: 2000,
        optimizer: Optimizer::Sgd { lr: 0.1 },
        network: Network::Mlp { widths: SIX, activation: Activation::Relu, norm: false },
    },
    Workload {
        id: "W2bn",
        what: ("MLP 784-[100]x6-10, batch-norm, ReLU, Adam", "MLP 784-[100]x6-10、バッチ正規化、ReLU、Adam"),
        batch: 100,
        steps: 1000,
        optimizer: ADAM,
        network: Network::Mlp { widths: SIX, activation: Activation::Relu, norm: true },
    },
    zoo("W3", "simple_convnet", ("SimpleConvNet 28x28, Adam", "SimpleConvNet 28x28、Adam"), (100, 200), ADAM),
    zoo(
        "W4",
        "deep_convnet",
        ("deep convnet 28x28, Adam", "深い畳み込みネット 28x28、Adam"),
        (100, 40),
        ADAM,
    ),
    zoo(
        "W5",
        "resnet18_cifar",
        ("ResNet-18 32x32, momentum", "ResNet-18 32x32、モメンタム"),
        (128, 3),
        MOMENTUM,
    ),
    zoo("W6", "alexnet", ("AlexNet 224x224, momentum", "AlexNet 224x224、モメンタム"), (8, 8), MOMENTUM),
    zoo("W7", "vgg16", ("VGG-16 224x224, momentum", "VGG-16 224x224、モメンタム"), (8, 2), MOMENTUM),
    zoo(
        "W8",
        "googlenet",
        ("GoogLeNet 224x224, momentum", "GoogLeNet 224x224、モメンタム"),
        (8, 6),
        MOMENTUM,
    ),
    zoo("W9", "resnet50", ("ResNet-50 224x224, momentum", "ResNet-50 224x224、モメンタム"), (8, 3), MOMENTUM),
    zoo(
        "W10",
        "mobilenet_v2",
        ("MobileNetV2 224x224, momentum", "MobileNetV2 224x224、モメンタム"),
        (8, 8),
        MOMENTUM,
    ),
];

/// The workload of an identifier.
#[must_use]
pub fn find(id: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|w| w.id.eq_ignore_ascii_case(id))
}

impl Workload {
    /// What it is.
    #[must_use]
    pub fn what(&self, lang: Lang) -> &'static str {
        lang.pick(self.what.0, self.what.1)
    }

    /// The network.
    #[must_use]
    pub fn graph(&self) -> Graph {
        match self.network {
            Network::Mlp { widths, activation, norm } => mlp(widths, activation, norm),
            Network::Zoo(name) => {
                let model = zoo::find(name).expect("the catalogue has the networks of the yardstick");
                model.graph(&model.settings())
            }
        }
    }

    /// The network with dropout that keeps everything, so that two programs
    /// that draw different masks compute the same.
    #[must_use]
    pub fn without_dropout(&self) -> Graph {
        let mut graph = self.graph();
        for layer in graph.layers_mut() {
            if let LayerKind::Dropout(dropout) = layer {
                *layer = Dropout { p: 0.0, ..*dropout }.into();
            }
        }
        graph
    }
}

fn mlp(widths: &[usize], activation: Activation, norm: bool) -> Graph {
    let (input, rest) = widths.split_first().expect("a workload has an input");
    let mut graph = Graph::new([*input].into());
    let mut x = graph.input();
    for (i, width) in (1..).zip(rest) {
        x = graph.linear_init(&format!("fc{i}"), x, *width, Init::HeNormal(Fan::In));
        if i < rest.len() {
            if norm {
                x = graph.batch_norm(&format!("bn{i}"), x);
            }
            x = graph.activation(&format!("act{i}"), x, activation);
        }
    }
    graph.output(x, Loss::CrossEntropy);
    graph
}
