"""Element-wise activations: ordinary values, and far tails where a careless
formula overflows (exp(750) is infinite in float64, exp(100) in float32).

`x` keeps away from the kinks 0, +-3 and 6. PyTorch's softplus is the identity
above 20, which at the extreme values here is within 1e-13 of the formula.
"""

import torch
import torch.nn.functional as F

from formula import wave

FUNCTIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu_0.01": lambda x: F.leaky_relu(x, 0.01),
    "leaky_relu_0.2": lambda x: F.leaky_relu(x, 0.2),
    "elu": lambda x: F.elu(x, 1.0),
    "gelu": lambda x: F.gelu(x, approximate="none"),
    "softplus": F.softplus,
    "hardswish": F.hardswish,
    "relu6": F.relu6,
}


def record():
    x = torch.tensor(wave(9, 7, phase=0.3, scale=8.0, away_from=(0.0, -3.0, 3.0, 6.0)))
    grad_y = torch.tensor(wave(9, 7, phase=1.1, scale=1.2, shift=0.1))
    x_extreme = torch.tensor([-750.0, -100.0, -30.0, 30.0, 100.0, 750.0])
    grad_y_extreme = torch.tensor(wave(6, phase=0.4))
    out = {"x": x, "grad_y": grad_y, "x_extreme": x_extreme, "grad_y_extreme": grad_y_extreme}
    for name, function in FUNCTIONS.items():
        for tail in ("", "_extreme"):
            at = out["x" + tail].clone().requires_grad_()
            y = function(at)
            y.backward(out["grad_y" + tail])
            out[f"{name}.y{tail}"] = y
            out[f"{name}.grad_x{tail}"] = at.grad
    return out
