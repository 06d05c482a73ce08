"""BatchNorm2d on (3, 4, 3, 2), eps 1e-5, momentum 0.1: one training step, then
evaluation with the updated running statistics, as in `batch_norm`."""

import torch

from formula import wave


def record():
    bn = torch.nn.BatchNorm2d(4, eps=1e-5, momentum=0.1)
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
    grad_y = torch.tensor(wave(3, 4, 3, 2, phase=2.2, scale=0.9, shift=0.05))
    x = torch.tensor(wave(3, 4, 3, 2, phase=0.5, scale=1.4, shift=0.3), requires_grad=True)
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
    out["y_eval"] = bn(x.detach())
    return out
