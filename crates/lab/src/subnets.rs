//! Dropout's sub-networks: what each mask of a trained network predicts alone,
//! and what they predict together.
//!
//! | measure | what |
//! |---|---|
//! | `subnet_test` | accuracy of one masked network, mean over the masks |
//! | `subnet_agreement` | share of examples on which two masked networks name the same class |
//! | `ensemble_test` | accuracy of the masked networks' mean prediction |
//! | `whole_test` | accuracy of the whole network on the same examples |

use kobai_data::dataset::{Dataset, Targets as DataTargets};
use kobai_engine::layer::{Layer, LayerKind};
use kobai_engine::{Event, Executor, Observer, Targets, Wants};

/// Masks that are drawn.
const MASKS: usize = 8;
/// Batches of test examples that are predicted.
const BATCHES: usize = 3;
/// Steps whose masks no training has used.
const FIRST_STEP: u64 = 1 << 40;

/// Keeps the output of one node.
struct Output {
    node: String,
    values: Vec<f32>,
}

impl Observer<f32> for Output {
    fn wants(&self, _: u64) -> Wants {
        Wants { forward: true, ..Wants::NOTHING }
    }

    fn event(&mut self, event: &Event<'_, f32>) {
        if let Event::Forward { node, output, .. } = event
            && node.name == self.node
        {
            self.values.clear();
            self.values.extend_from_slice(output);
        }
    }
}

fn best(row: &[f64]) -> usize {
    (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0)
}

fn softmax(row: &[f32]) -> Vec<f64> {
    let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let e: Vec<f64> = row.iter().map(|x| libm::exp(f64::from(x - top))).collect();
    let sum: f64 = e.iter().sum();
    e.into_iter().map(|x| x / sum).collect()
}

/// The measures, for a network with dropout that classifies.
/// `fill` writes test examples.
pub(crate) fn measures(
    exec: &mut Executor,
    test: &Dataset,
    fill: impl Fn(&Dataset, &[u32], &mut [f32]),
) -> Vec<(String, f64)> {
    let plan = exec.plan().clone();
    let is = |kind: &str| plan.nodes.iter().any(|n| n.layer.as_ref().map(LayerKind::kind) == Some(kind));
    let DataTargets::Classes(labels) = test.targets() else { return Vec::new() };
    // Batch normalisation would move its running values.
    if !is("dropout") || is("batch-norm") {
        return Vec::new();
    }
    let Some(last) = plan.nodes.iter().rev().find(|n| n.layer.is_some()) else { return Vec::new() };
    let (classes, batch) = (plan.output_shape().len(), plan.options.batch);
    let mut output = Output { node: last.name.clone(), values: Vec::new() };
    let (mut right, mut agreeing, mut pairs) = ([0usize; 3], 0usize, 0usize);
    let order: Vec<u32> = (0..test.len().min(BATCHES * batch) as u32).collect();
    for indices in order.chunks(batch) {
        let n = indices.len();
        let truth: Vec<u32> = indices.iter().map(|i| labels[*i as usize]).collect();
        let mut sum = vec![0.0; n * classes];
        let mut named: Vec<Vec<usize>> = Vec::new();
        for mask in 0..MASKS {
            exec.set_step(FIRST_STEP + mask as u64);
            fill(test, indices, exec.train_input(n));
            exec.forward_backward(n, Targets::Classes(&truth), &mut output);
            let rows: Vec<Vec<f64>> = output.values.chunks_exact(classes).take(n).map(softmax).collect();
            sum.chunks_exact_mut(classes)
                .zip(&rows)
                .for_each(|(s, r)| s.iter_mut().zip(r).for_each(|(s, r)| *s += r));
            named.push(rows.iter().map(|r| best(r)).collect());
        }
        for (i, label) in truth.iter().enumerate() {
            let label = *label as usize;
            right[0] += named.iter().filter(|names| names[i] == label).count();
            right[1] += usize::from(best(&sum[i * classes..][..classes]) == label);
            for (k, a) in named.iter().enumerate() {
                agreeing += named[..k].iter().filter(|b| b[i] == a[i]).count();
                pairs += k;
            }
        }
        fill(test, indices, exec.eval_input(n));
        let score = exec.evaluate(n, Targets::Classes(&truth));
        right[2] += (score.accuracy() * n as f64).round() as usize;
    }
    let n = order.len().max(1) as f64;
    vec![
        ("subnet_test".into(), right[0] as f64 / (n * MASKS as f64)),
        ("ensemble_test".into(), right[1] as f64 / n),
        ("whole_test".into(), right[2] as f64 / n),
        ("subnet_agreement".into(), agreeing as f64 / pairs.max(1) as f64),
    ]
}
