"""BatchNorm1d, eps 1e-5, momentum 0.1: one training step, then evaluation
with the updated running statistics. The running variance takes the unbiased
variance of the batch, the normalisation the biased one."""

import torch

from formula import wave


def record():
    bn = torch.nn.BatchNorm1d(4, eps=1e-5, momentum=0.1)
    with torch.no_grad():
        bn.weight.copy_(torch.tensor(wave(4, phase=0.2, scale=0.5, shift=1.0)))
        bn.bias.copy_(torch.tensor(wave(4, phase=1.7, scale=0.3)))
        bn.running_mean.copy_(torch.tensor(wave(4, phase=2.9, scale=0.4)))
        bn.running_var.copy_(torch.tensor(wave(4, phase=0.9, scale=0.3, shift=1.0)))
    out = {
        "weight": bn.weight,
        "bias": bn.bias,
        "running_mean_before": bn.running_mean.clone(),
        "running_var_before": bn.running_var.clone(),
    }
    grad_y = torch.tensor(wave(6, 4, phase=2.2, scale=0.9, shift=0.05))
    x = torch.tensor(wave(6, 4, phase=0.5, scale=1.4, shift=0.3), requires_grad=True)
    bn.train()
    y = bn(x)
    y.backward(grad_y)
    out |= {
        "x": x,
        "grad_y": grad_y,
        "y": y,
        "grad_x": x.grad,
        "grad_weight": bn.weight.grad,
        "grad_bias": bn.bias.grad,
        "running_mean": bn.running_mean.clone(),
        "running_var": bn.running_var.clone(),
    }
    bn.eval()
    bn.zero_grad()
    x_eval = x.detach().clone().requires_grad_()
    y_eval = bn(x_eval)
    y_eval.backward(grad_y)
    out |= {
        "y_eval": y_eval,
        "grad_x_eval": x_eval.grad,
        "grad_weight_eval": bn.weight.grad,
        "grad_bias_eval": bn.bias.grad,
    }
    return out
