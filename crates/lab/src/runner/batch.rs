//! Targets of a batch, and the score of a whole data set.

use kobai_data::dataset::{Dataset, Targets as DataTargets, TargetsMut};
use kobai_engine::{Executor, Score, Targets};

/// Labels or values of a batch, allocated once.
pub(crate) enum Batch {
    Classes(Vec<u32>),
    Values(Vec<f32>),
}

impl Batch {
    pub(crate) fn new(data: &Dataset, n: usize) -> Batch {
        match data.targets() {
            DataTargets::Classes(_) => Batch::Classes(vec![0; n]),
            DataTargets::Values { width, .. } => Batch::Values(vec![0.0; n * width]),
        }
    }

    pub(crate) fn gather(&mut self, data: &Dataset, indices: &[u32]) {
        match self {
            Batch::Classes(labels) => {
                data.gather_targets(indices, TargetsMut::Classes(&mut labels[..indices.len()]))
            }
            Batch::Values(values) => {
                let width = data.target_width().unwrap_or(1);
                data.gather_targets(indices, TargetsMut::Values(&mut values[..indices.len() * width]));
            }
        }
    }

    pub(crate) fn targets(&self, n: usize, width: usize) -> Targets<'_, f32> {
        match self {
            Batch::Classes(labels) => Targets::Classes(&labels[..n]),
            Batch::Values(values) => Targets::Values(&values[..n * width]),
        }
    }
}

/// The score of all examples of a data set, which `fill` writes: number of the
/// batch, examples, where to.
pub(crate) fn evaluate(
    exec: &mut Executor,
    data: &Dataset,
    batch: &mut Batch,
    order: &[u32],
    fill: impl Fn(u64, &[u32], &mut [f32]),
) -> Score {
    let (width, most) = (exec.plan().output_shape().len(), exec.plan().options.eval_batch);
    let mut score = Score::default();
    for (chunk, indices) in (0..).zip(order.chunks(most)) {
        fill(chunk, indices, exec.eval_input(indices.len()));
        batch.gather(data, indices);
        score = score.and(exec.evaluate(indices.len(), batch.targets(indices.len(), width)));
    }
    score
}
