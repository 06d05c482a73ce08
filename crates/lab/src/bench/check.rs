//! The same numbers for every program: losses of a few steps from initial values
//! that a formula gives, so that a peer can start from the same.

use super::{Bench, Mode, Options, Workload};
use kobai_engine::layer::Layout;
use kobai_engine::optim::Optimizer;
use kobai_engine::plan::TensorKind;

/// sin(0.7 i + 0.013 i² + phase).
fn wave(i: usize, phase: f64) -> f64 {
    let i = i as f64;
    (0.7 * i + 0.013 * i * i + phase).sin()
}

/// The losses of the first training steps, before each update, with SGD of rate
/// `lr` and without dropout: loss 1 shows that forward passes agree, the later
/// ones that all gradients do.
///
/// Tensor k of the network (in PyTorch's order, params only) begins as
/// `wave(i, k + 0.3)` · √(4 / fan-in) over its elements i in PyTorch's order if
/// it has two or more dimensions; of the others, a normalisation's weight is 1 and the
/// rest 0. Pixel i of the input, in (n, c, h, w), is 0.5 + 0.5 `wave(i, 0.1)`, label j
/// (7 j + 3) mod classes.
#[must_use]
pub fn losses(workload: &Workload, lr: f64, steps: usize, options: Options) -> Vec<f64> {
    let options = Options { mode: Mode::Train, ..options };
    let graph = workload.without_dropout();
    let mut bench = Bench::new(&graph, Optimizer::Sgd { lr }, options).expect("the workloads fit");
    let plan = bench.exec.plan().clone();
    let tensors = plan.tensors().into_iter().filter(|t| t.kind == TensorKind::Param);
    for (k, tensor) in tensors.enumerate() {
        let values = &mut bench.exec.params_mut()[tensor.range.clone()];
        if tensor.dims.len() < 2 {
            let one = tensor.name.ends_with("weight");
            values.fill(if one { 1.0 } else { 0.0 });
            continue;
        }
        let fan_in = tensor.dims[1..].iter().product::<usize>();
        let scale = (4.0 / fan_in as f64).sqrt();
        let phase = k as f64 + 0.3;
        let at = |i| (wave(i, phase) * scale) as f32;
        match (tensor.layout, tensor.dims.as_slice()) {
            (Layout::ConvChannelsLast, &[_, ins, h, w]) => {
                for (i, value) in values.iter_mut().enumerate() {
                    let (pixel, c) = (i / ins, i % ins);
                    *value = at((pixel / (h * w) * ins + c) * h * w + pixel % (h * w));
                }
            }
            _ => values.iter_mut().enumerate().for_each(|(i, value)| *value = at(i)),
        }
    }
    let n = options.batch;
    let shape = plan.input_shape();
    let (channels, pixels) = match *shape.dims() {
        [c, h, w] => (c, h * w),
        _ => (shape.len(), 1),
    };
    let input = bench.exec.train_input(n);
    for (e, example) in input.chunks_exact_mut(channels * pixels).enumerate() {
        for c in 0..channels {
            for p in 0..pixels {
                let i = (e * channels + c) * pixels + p;
                example[p * channels + c] = (0.5 + 0.5 * wave(i, 0.1)) as f32;
            }
        }
    }
    let classes = plan.output_shape().len();
    bench.labels = (0..n).map(|j| ((7 * j + 3) % classes) as u32).collect();
    let mut losses = Vec::with_capacity(steps);
    for _ in 0..steps {
        let targets = kobai_engine::Targets::Classes(&bench.labels);
        let score = bench.exec.train_step(n, targets, &mut bench.updater, &mut kobai_engine::Unobserved);
        losses.push(score.loss());
    }
    losses
}
