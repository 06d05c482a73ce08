//! burn on its CPU back end (flex), with its autodiff, optimisers and layers.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::module::{adaptive_avg_pool2d, max_pool2d};
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use kobai_rust_peers::{Args, BLOCKS, Rule, Trainer, Workload, batch_of, initial, run};

#[derive(Module, Debug)]
struct Net {
    convs: Vec<Conv2d>,
    norms: Vec<BatchNorm>,
    linears: Vec<Linear>,
}

/// Numbers the params in PyTorch's order while the network is built.
struct Builder {
    device: Device,
    next: usize,
    net: Net,
}

impl Builder {
    fn values<const D: usize>(&mut self, shape: [usize; D], is_norm_weight: bool) -> Tensor<D> {
        let values = initial(self.next, &shape, is_norm_weight);
        self.next += 1;
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }

    fn conv(&mut self, [i, o]: [usize; 2], k: usize, stride: usize, padding: usize, bias: bool) {
        let config = Conv2dConfig::new([i, o], [k, k]).with_stride([stride; 2]).with_bias(bias);
        let config = config.with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding));
        let mut conv = config.init(&self.device);
        conv.weight = Param::from_tensor(self.values([o, i, k, k], false));
        conv.bias = bias.then(|| Param::from_tensor(self.values([o], false)));
        self.net.convs.push(conv);
    }

    fn norm(&mut self, channels: usize) {
        let mut norm = BatchNormConfig::new(channels).init(&self.device);
        norm.gamma = Param::from_tensor(self.values([channels], true));
        norm.beta = Param::from_tensor(self.values([channels], false));
        self.net.norms.push(norm);
    }

    fn linear(&mut self, i: usize, o: usize) {
        let mut linear = LinearConfig::new(i, o).init(&self.device);
        // Burn keeps [in, out].
        let data = self.values([o, i], false).transpose().into_data();
        linear.weight = Param::from_tensor(Tensor::from_data(data, &self.device));
        linear.bias = Some(Param::from_tensor(self.values([o], false)));
        self.net.linears.push(linear);
    }
}

fn build(workload: Workload, device: &Device) -> Net {
    let net = Net { convs: Vec::new(), norms: Vec::new(), linears: Vec::new() };
    let mut b = Builder { device: device.clone(), next: 0, net };
    match workload {
        Workload::W1 | Workload::W2 => {
            for pair in workload.mlp().expect("a perceptron").windows(2) {
                b.linear(pair[0], pair[1]);
            }
        }
        Workload::W3 => {
            b.conv([1, 30], 5, 1, 0, true);
            b.linear(30 * 12 * 12, 100);
            b.linear(100, 10);
        }
        Workload::W4 => {
            for (k, io) in [[1, 16], [16, 16], [16, 32], [32, 32], [32, 64], [64, 64]].into_iter().enumerate()
            {
                b.conv(io, 3, 1, if k == 3 { 2 } else { 1 }, true);
            }
            b.linear(64 * 4 * 4, 50);
            b.linear(50, 10);
        }
        Workload::W5 => {
            b.conv([3, 64], 3, 1, 1, false);
            b.norm(64);
            for (i, o, stride) in BLOCKS {
                b.conv([i, o], 3, stride, 1, false);
                b.norm(o);
                b.conv([o, o], 3, 1, 1, false);
                b.norm(o);
                if i != o {
                    b.conv([i, o], 1, stride, 0, false);
                    b.norm(o);
                }
            }
            b.linear(512, 10);
        }
    }
    b.net
}

fn pool(x: Tensor<4>) -> Tensor<4> {
    max_pool2d(x, MaxPoolOptions::new([2, 2]))
}

impl Net {
    fn forward(&self, workload: Workload, x: Tensor<4>, drop: bool) -> Tensor<2> {
        // The course's dropout: not rescaled in training.
        let dropout = |x: Tensor<2>| {
            if !drop {
                return x;
            }
            let mask = x.random_like(Distribution::Bernoulli(0.5));
            x * mask
        };
        match workload {
            Workload::W1 | Workload::W2 => {
                let mut x: Tensor<2> = x.flatten(1, 3);
                let (last, hidden) = self.linears.split_last().expect("layers");
                for layer in hidden {
                    x = layer.forward(x);
                    x = if workload == Workload::W1 { sigmoid(x) } else { relu(x) };
                }
                last.forward(x)
            }
            Workload::W3 => {
                let x = pool(relu(self.convs[0].forward(x))).flatten(1, 3);
                self.linears[1].forward(relu(self.linears[0].forward(x)))
            }
            Workload::W4 => {
                let mut x = x;
                for pair in self.convs.chunks(2) {
                    x = pool(relu(pair[1].forward(relu(pair[0].forward(x)))));
                }
                let x = dropout(relu(self.linears[0].forward(x.flatten(1, 3))));
                dropout(self.linears[1].forward(x))
            }
            Workload::W5 => {
                let mut next = 0;
                let mut conv_norm = |x: Tensor<4>| {
                    next += 1;
                    self.norms[next - 1].forward(self.convs[next - 1].forward(x))
                };
                let mut x = relu(conv_norm(x));
                for (i, o, _) in BLOCKS {
                    let y = relu(conv_norm(x.clone()));
                    let y = conv_norm(y);
                    let shortcut = if i == o { x } else { conv_norm(x) };
                    x = relu(y + shortcut);
                }
                self.linears[0].forward(adaptive_avg_pool2d(x, [1, 1]).flatten(1, 3))
            }
        }
    }
}

struct Burn {
    net: Option<Net>,
    rule: ModuleOptimizer,
    lr: f64,
    workload: Workload,
    drop: bool,
    x: Tensor<4>,
    labels: Tensor<1, Int>,
}

impl Trainer for Burn {
    type Loss = Tensor<1>;

    fn step(&mut self) -> Tensor<1> {
        let net = self.net.take().expect("between steps");
        let logits = net.forward(self.workload, self.x.clone(), self.drop);
        let loss = CrossEntropyLossConfig::new().init(&logits.device()).forward(logits, self.labels.clone());
        let grads = GradientsParams::from_grads(loss.backward(), &net);
        self.net = Some(self.rule.step(self.lr, net, grads));
        loss
    }

    fn wait(loss: Tensor<1>) -> f64 {
        f64::from(loss.into_scalar::<f32>())
    }
}

fn main() {
    run("burn", "0.22.1 (flex)", |args: &Args, rule, drop| {
        let device = Device::flex().autodiff();
        let [c, h, w] = args.workload.image();
        let (x, labels) = batch_of(args.batch, c * h * w);
        let (rule, lr) = match rule {
            Rule::Sgd(lr) => (SgdConfig::new().init(), lr),
            Rule::Momentum(lr, momentum) => {
                let config = MomentumConfig::new().with_momentum(momentum).with_dampening(0.0);
                (SgdConfig::new().with_momentum(Some(config)).init(), lr)
            }
            Rule::Adam(lr) => (AdamConfig::new().with_epsilon(1e-8).init(), lr),
        };
        let labels: Vec<i64> = labels.into_iter().map(i64::from).collect();
        Burn {
            net: Some(build(args.workload, &device)),
            rule,
            lr,
            workload: args.workload,
            drop,
            x: Tensor::from_data(TensorData::new(x, [args.batch, c, h, w]), &device),
            labels: Tensor::from_data(TensorData::new(labels, [args.batch]), &device),
        }
    });
}
