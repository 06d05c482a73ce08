//! Names and edges: a network before it is planned.

use crate::Shape;
use crate::init::Init;
use crate::layer::LayerKind;
use crate::layers::{
    Activation, AdaptiveAvgPool2d, Add, AvgPool2d, BatchNorm, Concat, Conv2d, Dropout, Flatten, Linear,
    LocalResponseNorm, MaxPool2d, Softmax,
};
use crate::loss::{Loss, Reduction};

/// A node of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(pub(crate) usize);

/// A named layer and the nodes that it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Path, such as `layer1.0.conv1`.
    pub name: String,
    /// The layer; the input node has none.
    pub layer: Option<LayerKind>,
    /// What it reads, in order.
    pub inputs: Vec<NodeId>,
}

/// A feed-forward network: one input, layers, one output, a loss.
///
/// Building never fails; [`Plan::new`](crate::Plan::new) reports all mistakes
/// together.
///
/// ```
/// use kobai_engine::{Graph, Plan, PlanOptions, layers::Activation, loss::Loss};
/// let mut g = Graph::new([784].into());
/// let x = g.linear("fc1", g.input(), 40);
/// let x = g.activation("relu1", x, Activation::Relu);
/// let x = g.linear("fc2", x, 10);
/// g.output(x, Loss::CrossEntropy);
/// let plan = Plan::new(&g, &PlanOptions::batch(100)).unwrap();
/// assert_eq!(plan.param_len(), 784 * 40 + 40 + 40 * 10 + 10);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    input_shape: Shape,
    output: NodeId,
    loss: Loss,
    reduction: Reduction,
    auxiliaries: Vec<(NodeId, f64)>,
    scope: Vec<String>,
}

impl Graph {
    /// A graph whose examples have this shape.
    #[must_use]
    pub fn new(input_shape: Shape) -> Self {
        let input = Node { name: "input".into(), layer: None, inputs: Vec::new() };
        Graph {
            nodes: vec![input],
            input_shape,
            output: NodeId(0),
            loss: Loss::CrossEntropy,
            reduction: Reduction::Mean,
            auxiliaries: Vec::new(),
            scope: Vec::new(),
        }
    }

    /// The node of the input.
    #[must_use]
    pub fn input(&self) -> NodeId {
        NodeId(0)
    }

    /// Shape of an input example.
    #[must_use]
    pub fn input_shape(&self) -> Shape {
        self.input_shape
    }

    /// All nodes, the input first, each after the nodes that it reads.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The layers of all nodes, to be changed.
    pub fn layers_mut(&mut self) -> impl Iterator<Item = &mut LayerKind> {
        self.nodes.iter_mut().filter_map(|node| node.layer.as_mut())
    }

    /// The node whose value is the network's output, and the loss on it.
    #[must_use]
    pub fn head(&self) -> (NodeId, Loss) {
        (self.output, self.loss)
    }

    /// Nodes that training also compares with the targets, and the weights of
    /// their losses.
    #[must_use]
    pub fn auxiliaries(&self) -> &[(NodeId, f64)] {
        &self.auxiliaries
    }

    /// Adds any layer.
    pub fn layer(&mut self, name: &str, layer: impl Into<LayerKind>, inputs: &[NodeId]) -> NodeId {
        let name = self.scope.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(".");
        self.nodes.push(Node { name, layer: Some(layer.into()), inputs: inputs.to_vec() });
        NodeId(self.nodes.len() - 1)
    }

    /// Adds nodes whose names begin with `name.`.
    pub fn scope<R>(&mut self, name: &str, build: impl FnOnce(&mut Graph) -> R) -> R {
        self.scope.push(name.into());
        let result = build(self);
        self.scope.pop();
        result
    }

    /// Adds a fully connected layer with He weights.
    pub fn linear(&mut self, name: &str, x: NodeId, out_features: usize) -> NodeId {
        self.layer(name, Linear::new(out_features), &[x])
    }

    /// Adds a fully connected layer with chosen initial weights.
    pub fn linear_init(&mut self, name: &str, x: NodeId, out_features: usize, init: Init) -> NodeId {
        self.layer(name, Linear::new(out_features).init(init), &[x])
    }

    /// Adds an activation.
    pub fn activation(&mut self, name: &str, x: NodeId, activation: Activation) -> NodeId {
        self.layer(name, activation, &[x])
    }

    /// Adds batch normalisation with PyTorch's settings.
    pub fn batch_norm(&mut self, name: &str, x: NodeId) -> NodeId {
        self.layer(name, BatchNorm::default(), &[x])
    }

    /// Adds inverted dropout.
    pub fn dropout(&mut self, name: &str, x: NodeId, p: f64) -> NodeId {
        self.layer(name, Dropout::new(p), &[x])
    }

    /// Adds a flattening.
    pub fn flatten(&mut self, name: &str, x: NodeId) -> NodeId {
        self.layer(name, Flatten, &[x])
    }

    /// Adds a sum of two nodes.
    pub fn add(&mut self, name: &str, a: NodeId, b: NodeId) -> NodeId {
        self.layer(name, Add, &[a, b])
    }

    /// Adds a convolution.
    pub fn conv2d(&mut self, name: &str, x: NodeId, conv: Conv2d) -> NodeId {
        self.layer(name, conv, &[x])
    }

    /// Adds a maximum over windows.
    pub fn max_pool(&mut self, name: &str, x: NodeId, pool: MaxPool2d) -> NodeId {
        self.layer(name, pool, &[x])
    }

    /// Adds an average over windows.
    pub fn avg_pool(&mut self, name: &str, x: NodeId, pool: AvgPool2d) -> NodeId {
        self.layer(name, pool, &[x])
    }

    /// Adds an average over the whole image: one value per channel.
    pub fn global_avg_pool(&mut self, name: &str, x: NodeId) -> NodeId {
        self.layer(name, AdaptiveAvgPool2d::new(1, 1), &[x])
    }

    /// Adds an average with an output of `[height, width]` pixels.
    pub fn adaptive_avg_pool(&mut self, name: &str, x: NodeId, output: [usize; 2]) -> NodeId {
        self.layer(name, AdaptiveAvgPool2d { output }, &[x])
    }

    /// Adds a local response normalisation.
    pub fn lrn(&mut self, name: &str, x: NodeId, lrn: LocalResponseNorm) -> NodeId {
        self.layer(name, lrn, &[x])
    }

    /// Adds a joining of channels.
    pub fn concat(&mut self, name: &str, inputs: &[NodeId]) -> NodeId {
        self.layer(name, Concat, inputs)
    }

    /// Chooses the output and its loss.
    pub fn output(&mut self, node: NodeId, loss: Loss) {
        self.output = node;
        self.loss = loss;
    }

    /// Chooses what the gradients of the examples become together.
    pub fn reduction(&mut self, reduction: Reduction) {
        self.reduction = reduction;
    }

    /// What the gradients of the examples become together.
    #[must_use]
    pub fn reduced(&self) -> Reduction {
        self.reduction
    }

    /// Adds an auxiliary output: training minimises the loss of the output plus
    /// `weight` times the same loss of this node. An evaluation neither counts
    /// it nor runs the layers that only it needs. Szegedy et al. 2015 use two of
    /// them to bring a gradient to the lower layers of a deep network.
    pub fn auxiliary(&mut self, node: NodeId, weight: f64) {
        self.auxiliaries.push((node, weight));
    }
}

macro_rules! into_kind {
    ($($layer:ident),*) => { $(
        impl From<$layer> for LayerKind {
            fn from(layer: $layer) -> Self {
                LayerKind::$layer(layer)
            }
        }
    )* };
}
into_kind!(Linear, Activation, BatchNorm, Dropout, Flatten, Add);
into_kind!(Conv2d, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, LocalResponseNorm, Concat, Softmax);
