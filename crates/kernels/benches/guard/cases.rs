//! The kernels that the guard looks at, each with operands of a size that a core's
//! cache holds.

use kobai_kernels::conv::{self, Conv};
use kobai_kernels::gemm::{Mat, Start, gemm};
use kobai_kernels::norm::After;
use kobai_kernels::pool2d::{self, Axis, Pool2d};
use kobai_kernels::then::Then;
use kobai_kernels::{Isa, Pool, activation, norm, optim, reduce, softmax};
use std::hint::black_box;

/// A kernel with its operands: calling it does `work` operations.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) work: f64,
    pub(super) run: Box<dyn FnMut()>,
}

/// Values that begin on a cache line: where an allocator happens to put them must not
/// matter. They are never freed.
pub(super) fn values(len: usize) -> &'static mut [f32] {
    let memory = vec![0.0; len + 16].leak();
    let skip = memory.as_ptr().align_offset(64);
    let values = &mut memory[skip..skip + len];
    for (i, x) in (0u32..).zip(values.iter_mut()) {
        // Small and of both signs; no pattern that a kernel could profit from.
        *x = (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0;
    }
    values
}

fn zeros(len: usize) -> &'static mut [f32] {
    let values = values(len);
    values.fill(0.0);
    values
}

fn product(isa: Isa, name: &'static str, (m, k, n): (usize, usize, usize), form: &str) -> Case {
    let (a, b, c) = (&*values(m * k), &*values(k * n), zeros(m * n));
    let (ta, tb) = (form.starts_with('T'), form.ends_with('T'));
    let run = move || {
        let a = if ta { Mat::new(a, k, m).t() } else { Mat::new(a, m, k) };
        let b = if tb { Mat::new(b, n, k).t() } else { Mat::new(b, k, n) };
        gemm(isa, &Pool::serial(), a, b, Start::Zero, black_box(&mut *c));
    };
    Case { name, work: 2.0 * (m * k * n) as f64, run: Box::new(run) }
}

/// Which pass of a convolution.
#[derive(Clone, Copy)]
enum Pass {
    Forward,
    Input,
    Weight,
}

fn convolution(isa: Isa, name: &'static str, conv: Conv, pass: Pass) -> Case {
    let n = 2;
    let (x, w, y) = (conv.in_len(n), conv.weight_len(), conv.out_len(n));
    let (x, w, y, scratch) = (values(x), values(w), values(y), zeros(conv.scratch_len(n)));
    let work = 2.0 * (conv.macs() * n as u64) as f64;
    let pool = Pool::serial();
    let run = move || match pass {
        Pass::Forward => {
            conv::forward(isa, &pool, &conv, n, x, w, None, Then::default(), scratch, black_box(&mut *y))
        }
        Pass::Input => {
            conv::backward_input(isa, &pool, &conv, n, y, w, scratch, black_box(&mut *x));
        }
        Pass::Weight => {
            conv::backward_weight(isa, &pool, &conv, n, x, y, scratch, black_box(&mut *w));
        }
    };
    Case { name, work, run: Box::new(run) }
}

fn each(name: &'static str, len: usize, run: impl FnMut() + 'static) -> Case {
    Case { name, work: len as f64, run: Box::new(run) }
}

/// Every kernel that a step of one of the usual networks spends time in.
pub(super) fn cases(isa: Isa) -> Vec<Case> {
    let plain = Conv {
        height: 14,
        width: 14,
        in_channels: 32,
        out_channels: 32,
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 1],
        dilation: [1, 1],
        groups: 1,
    };
    let strided = Conv { stride: [2, 2], ..plain };
    let stem = Conv {
        in_channels: 3,
        kernel: [7, 7],
        padding: [3, 3],
        stride: [2, 2],
        height: 32,
        width: 32,
        ..plain
    };
    let depthwise = Conv { groups: 32, ..plain };
    let point = Conv { kernel: [1, 1], padding: [0, 0], ..plain };
    let mut cases = vec![
        product(isa, "gemm/256/nn", (256, 256, 256), "NN"),
        product(isa, "gemm/256/nt", (256, 256, 256), "NT"),
        product(isa, "gemm/256/tn", (256, 256, 256), "TN"),
        product(isa, "gemm/100x784x100/nt", (100, 784, 100), "NT"),
        product(isa, "gemm/100x784x40/nt", (100, 784, 40), "NT"),
        product(isa, "gemm/40x100x784/tn", (40, 100, 784), "TN"),
        product(isa, "gemm/100/nn", (100, 100, 100), "NN"),
        product(isa, "gemm/100/tn", (100, 100, 100), "TN"),
        product(isa, "gemm/100x100x10/nt", (100, 100, 10), "NT"),
        convolution(isa, "conv/3x3/forward", plain, Pass::Forward),
        convolution(isa, "conv/3x3/input", plain, Pass::Input),
        convolution(isa, "conv/3x3/weight", plain, Pass::Weight),
        convolution(isa, "conv/3x3-stride-2/forward", strided, Pass::Forward),
        convolution(isa, "conv/3x3-stride-2/input", strided, Pass::Input),
        convolution(isa, "conv/3x3-stride-2/weight", strided, Pass::Weight),
        convolution(isa, "conv/stem/forward", stem, Pass::Forward),
        convolution(isa, "conv/stem/weight", stem, Pass::Weight),
        convolution(isa, "conv/depthwise/forward", depthwise, Pass::Forward),
        convolution(isa, "conv/1x1/forward", point, Pass::Forward),
        convolution(isa, "conv/1x1/weight", point, Pass::Weight),
    ];
    let (rows, channels) = (100, 96);
    let len = rows * channels;
    let x = values(len);
    cases.push(each("relu", len, move || activation::relu(isa, black_box(&mut *x))));
    let (y, g) = (values(len), values(len));
    cases.push(each("relu/backward", len, move || activation::relu_backward(isa, y, black_box(&mut *g))));
    // Repeated in place it settles between ½ and 1, where it takes as long as elsewhere.
    let x = values(len);
    cases.push(each("sigmoid", len, move || activation::sigmoid(isa, black_box(&mut *x))));
    let x = values(len);
    cases.push(each("tanh", len, move || activation::tanh(isa, black_box(&mut *x))));
    let (x, sums) = (values(len), zeros(channels));
    cases.push(each("column-sums", len, move || {
        reduce::column_sums(isa, rows, channels, x, black_box(&mut *sums));
    }));
    let (x, y, partial) = (values(len), values(len), zeros(norm::partial_len(rows, channels)));
    let (gamma, beta) = (values(channels), values(channels));
    let (running_mean, running_var) = (zeros(channels), zeros(channels));
    let (mean, rstd) = (zeros(channels), zeros(channels));
    let by = norm::BatchNorm { eps: 1e-5, momentum: 0.1, unbiased_running: true, after: After::Nothing };
    cases.push(each("batch-norm", len, move || {
        let to = norm::Training { gamma, beta, running_mean, running_var, mean, rstd, partial };
        norm::batch_norm_train(isa, &Pool::serial(), by, x, to, None, black_box(&mut *y));
    }));
    let (x, g, grad) = (values(len), values(len), values(len));
    let (mean, rstd) = (values(channels), values(channels));
    let (scale, beta) = (values(channels), values(channels));
    let (dgamma, dbeta) = (zeros(channels), zeros(channels));
    let partial = zeros(norm::partial_len(rows, channels));
    cases.push(each("batch-norm/backward", len, move || {
        let by = norm::Backward { mean, rstd, scale, beta };
        let (pool, sums) = (Pool::serial(), (&mut *dgamma, &mut *dbeta));
        let grad = Some(black_box(&mut *grad));
        norm::batch_norm_backward(isa, &pool, After::Nothing, x, g, by, sums, partial, grad);
    }));
    let labels: Vec<u32> = (0..rows as u32).map(|i| i % 10).collect();
    let (logits, p, losses) = (values(rows * 10), zeros(rows * 10), zeros(rows));
    cases.push(each("cross-entropy", rows * 10, move || {
        softmax::cross_entropy_forward(isa, 10, logits, &labels, p, black_box(&mut *losses));
    }));
    let (p, g) = (values(len), values(len));
    cases.push(each("sgd", len, move || optim::sgd(isa, 1e-9, black_box(&mut *p), g)));
    let (p, g, m, v) = (values(len), values(len), zeros(len), zeros(len));
    let adam = optim::Adam { lr: 1e-9, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    cases.push(each("adam", len, move || optim::adam(isa, adam, 10, black_box(&mut *p), g, m, v)));
    let (p, g, v) = (values(len), values(len), zeros(len));
    let by = optim::Momentum { lr: 1e-9, momentum: 0.9 };
    cases.push(each("momentum", len, move || optim::momentum(isa, by, black_box(&mut *p), g, v)));
    let side = Axis::sliding(28, 2, 2, 0, false).expect("the window fits");
    let by = Pool2d { channels: 32, height: side, width: side };
    let (x, y) = (values(by.input_len()), zeros(by.output_len()));
    let inputs = by.input_len();
    cases.push(each("max-pool", inputs, move || {
        pool2d::max_forward(isa, &Pool::serial(), (&by, norm::After::Nothing), 1, x, black_box(&mut *y));
    }));
    cases
}
