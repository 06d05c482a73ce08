//! Every named tensor of a network, in torchvision's order.

use super::Plan;
use crate::layer::Layout;
use std::ops::Range;

/// Which vector a tensor lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorKind {
    /// Learned: [`Executor::params`](crate::Executor::params).
    Param,
    /// Kept, not learned: [`Executor::state`](crate::Executor::state).
    State,
}

/// A named tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Path, such as `layer1.0.bn1.running_mean`.
    pub name: String,
    /// Extents in PyTorch's order.
    pub dims: Vec<usize>,
    /// Which vector it lies in.
    pub kind: TensorKind,
    /// Its elements in that vector.
    pub range: Range<usize>,
    /// How they are ordered there.
    pub layout: Layout,
    /// Node that it belongs to.
    pub node: usize,
}

impl Plan {
    /// All tensors, in the order of a PyTorch `state_dict`: node by node, each
    /// node's params before its state. PyTorch also counts the batches of each
    /// batch normalisation (`num_batches_tracked`, a scalar after
    /// `running_var`); there is no such tensor here.
    #[must_use]
    pub fn tensors(&self) -> Vec<Tensor> {
        let mut all = Vec::with_capacity(self.params.len() + self.state.len());
        let mut state = self.state.iter().peekable();
        let mut params = self.params.iter().peekable();
        for node in &self.nodes {
            while let Some(p) = params.next_if(|p| p.node == node.index) {
                all.push(Tensor {
                    name: p.name.clone(),
                    dims: p.spec.dims.clone(),
                    kind: TensorKind::Param,
                    range: p.range.clone(),
                    layout: p.spec.layout,
                    node: node.index,
                });
            }
            while let Some(s) = state.next_if(|s| node.state.contains(&s.range.start)) {
                all.push(Tensor {
                    name: s.name.clone(),
                    dims: vec![s.range.len()],
                    kind: TensorKind::State,
                    range: s.range.clone(),
                    layout: Layout::Plain,
                    node: node.index,
                });
            }
        }
        all
    }
}
