"""y = x weight^T + bias, with weight of shape (out, in)."""

import torch

from formula import wave


def record():
    x = torch.tensor(wave(7, 5, phase=0.1), requires_grad=True)
    weight = torch.tensor(wave(3, 5, phase=1.3, scale=0.8, shift=0.05), requires_grad=True)
    bias = torch.tensor(wave(3, phase=2.1, scale=0.5), requires_grad=True)
    grad_y = torch.tensor(wave(7, 3, phase=0.6, scale=1.5, shift=0.1))
    y = torch.nn.functional.linear(x, weight, bias)
    y.backward(grad_y)
    return {
        "x": x,
        "weight": weight,
        "bias": bias,
        "grad_y": grad_y,
        "y": y,
        "grad_x": x.grad,
        "grad_weight": weight.grad,
        "grad_bias": bias.grad,
    }
