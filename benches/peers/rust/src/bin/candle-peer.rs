//! candle on the CPU. Its SGD knows no momentum: W5 updates as `candle_nn::SGD` does,
//! with a velocity beside each variable.

use candle_core::{D, Device, Result, Tensor, Var};
use candle_nn::{AdamW, BatchNorm, ModuleT, Optimizer, ParamsAdamW, SGD, loss, ops};
use kobai_rust_peers::{Args, BLOCKS, Rule, Trainer, Workload, batch_of, initial, run};

struct Conv {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: usize,
    padding: usize,
}

impl Conv {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.conv2d(&self.weight, self.padding, self.stride, 1, 1)?;
        match &self.bias {
            Some(bias) => y.broadcast_add(&bias.reshape((1, (), 1, 1))?),
            None => Ok(y),
        }
    }
}

#[derive(Default)]
struct Net {
    vars: Vec<Var>,
    convs: Vec<Conv>,
    norms: Vec<BatchNorm>,
    linears: Vec<(Tensor, Tensor)>,
}

impl Net {
    fn values(&mut self, shape: &[usize], is_norm_weight: bool) -> Result<Tensor> {
        let values = initial(self.vars.len(), shape, is_norm_weight);
        self.vars.push(Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu)?)?);
        Ok(self.vars[self.vars.len() - 1].as_tensor().clone())
    }

    fn conv(
        &mut self,
        [i, o]: [usize; 2],
        k: usize,
        stride: usize,
        padding: usize,
        bias: bool,
    ) -> Result<()> {
        let weight = self.values(&[o, i, k, k], false)?;
        let bias = if bias { Some(self.values(&[o], false)?) } else { None };
        self.convs.push(Conv { weight, bias, stride, padding });
        Ok(())
    }

    fn norm(&mut self, channels: usize) -> Result<()> {
        let (weight, bias) = (self.values(&[channels], true)?, self.values(&[channels], false)?);
        let (mean, var) = (weight.zeros_like()?, weight.ones_like()?);
        self.norms.push(BatchNorm::new(channels, mean, var, weight, bias, 1e-5)?);
        Ok(())
    }

    fn linear(&mut self, i: usize, o: usize) -> Result<()> {
        let pair = (self.values(&[o, i], false)?, self.values(&[o], false)?);
        self.linears.push(pair);
        Ok(())
    }

    fn dense(&self, k: usize, x: &Tensor) -> Result<Tensor> {
        let (weight, bias) = &self.linears[k];
        x.matmul(&weight.t()?)?.broadcast_add(bias)
    }
}

fn build(workload: Workload) -> Result<Net> {
    let mut net = Net::default();
    match workload {
        Workload::W1 | Workload::W2 => {
            for pair in workload.mlp().expect("a perceptron").windows(2) {
                net.linear(pair[0], pair[1])?;
            }
        }
        Workload::W3 => {
            net.conv([1, 30], 5, 1, 0, true)?;
            net.linear(30 * 12 * 12, 100)?;
            net.linear(100, 10)?;
        }
        Workload::W4 => {
            for (k, io) in [[1, 16], [16, 16], [16, 32], [32, 32], [32, 64], [64, 64]].into_iter().enumerate()
            {
                net.conv(io, 3, 1, if k == 3 { 2 } else { 1 }, true)?;
            }
            net.linear(64 * 4 * 4, 50)?;
            net.linear(50, 10)?;
        }
        Workload::W5 => {
            net.conv([3, 64], 3, 1, 1, false)?;
            net.norm(64)?;
            for (i, o, stride) in BLOCKS {
                net.conv([i, o], 3, stride, 1, false)?;
                net.norm(o)?;
                net.conv([o, o], 3, 1, 1, false)?;
                net.norm(o)?;
                if i != o {
                    net.conv([i, o], 1, stride, 0, false)?;
                    net.norm(o)?;
                }
            }
            net.linear(512, 10)?;
        }
    }
    Ok(net)
}

impl Net {
    fn forward(&self, workload: Workload, x: &Tensor, drop: bool) -> Result<Tensor> {
        // The course's dropout: not rescaled in training.
        let dropout = |x: Tensor| {
            if !drop {
                return Ok(x);
            }
            let mask = x.rand_like(0.0, 1.0)?.ge(0.5)?.to_dtype(x.dtype())?;
            x * mask
        };
        match workload {
            Workload::W1 | Workload::W2 => {
                let mut x = x.flatten_from(1)?;
                let last = self.linears.len() - 1;
                for k in 0..last {
                    x = self.dense(k, &x)?;
                    x = if workload == Workload::W1 { ops::sigmoid(&x)? } else { x.relu()? };
                }
                self.dense(last, &x)
            }
            Workload::W3 => {
                let x = self.convs[0].forward(x)?.relu()?.max_pool2d(2)?.flatten_from(1)?;
                self.dense(1, &self.dense(0, &x)?.relu()?)
            }
            Workload::W4 => {
                let mut x = x.clone();
                for pair in self.convs.chunks(2) {
                    let y = pair[0].forward(&x)?.relu()?;
                    x = pair[1].forward(&y)?.relu()?.max_pool2d(2)?;
                }
                let x = dropout(self.dense(0, &x.flatten_from(1)?)?.relu()?)?;
                dropout(self.dense(1, &x)?)
            }
            Workload::W5 => {
                let mut next = 0;
                let mut conv_norm = |x: &Tensor| {
                    next += 1;
                    self.norms[next - 1].forward_t(&self.convs[next - 1].forward(x)?, true)
                };
                let mut x = conv_norm(x)?.relu()?;
                for (i, o, _) in BLOCKS {
                    let y = conv_norm(&x)?.relu()?;
                    let y = conv_norm(&y)?;
                    let shortcut = if i == o { x } else { conv_norm(&x)? };
                    x = (y + shortcut)?.relu()?;
                }
                self.dense(0, &x.mean(D::Minus1)?.mean(D::Minus1)?)
            }
        }
    }
}

enum Update {
    Sgd(SGD),
    Adam(AdamW),
    Momentum { lr: f64, momentum: f64, velocity: Vec<Option<Tensor>> },
}

struct Candle {
    net: Net,
    update: Update,
    workload: Workload,
    drop: bool,
    x: Tensor,
    labels: Tensor,
}

impl Candle {
    fn try_step(&mut self) -> Result<Tensor> {
        let loss = loss::cross_entropy(&self.net.forward(self.workload, &self.x, self.drop)?, &self.labels)?;
        match &mut self.update {
            Update::Sgd(sgd) => sgd.backward_step(&loss)?,
            Update::Adam(adam) => adam.backward_step(&loss)?,
            Update::Momentum { lr, momentum, velocity } => {
                let grads = loss.backward()?;
                for (var, v) in self.net.vars.iter().zip(velocity) {
                    let Some(grad) = grads.get(var) else { continue };
                    let next = match v.take() {
                        Some(v) => ((v * *momentum)? + grad)?,
                        None => grad.clone(),
                    };
                    var.set(&var.sub(&(&next * *lr)?)?)?;
                    *v = Some(next);
                }
            }
        }
        Ok(loss)
    }
}

impl Trainer for Candle {
    type Loss = Tensor;

    fn step(&mut self) -> Tensor {
        self.try_step().expect("shapes fit")
    }

    fn wait(loss: Tensor) -> f64 {
        f64::from(loss.to_scalar::<f32>().expect("a scalar"))
    }
}

fn make(args: &Args, rule: Rule, drop: bool) -> Result<Candle> {
    let [c, h, w] = args.workload.image();
    let (x, labels) = batch_of(args.batch, c * h * w);
    let net = build(args.workload)?;
    let update = match rule {
        Rule::Sgd(lr) => Update::Sgd(SGD::new(net.vars.clone(), lr)?),
        Rule::Adam(lr) => {
            let params = ParamsAdamW { lr, weight_decay: 0.0, ..Default::default() };
            Update::Adam(AdamW::new(net.vars.clone(), params)?)
        }
        Rule::Momentum(lr, momentum) => {
            Update::Momentum { lr, momentum, velocity: vec![None; net.vars.len()] }
        }
    };
    Ok(Candle {
        net,
        update,
        workload: args.workload,
        drop,
        x: Tensor::from_vec(x, (args.batch, c, h, w), &Device::Cpu)?,
        labels: Tensor::from_vec(labels, args.batch, &Device::Cpu)?,
    })
}

fn main() {
    run("candle", "0.11.1", |args, rule, drop| make(args, rule, drop).expect("the workloads fit"));
}
