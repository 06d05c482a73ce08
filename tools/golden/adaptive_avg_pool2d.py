"""Mean over as many windows as the output has pixels: global, windows that
share pixels, an output larger than the input. `CASE.setting` is the output's
height and width."""

import torch

from formula import wave

CASES = {
    "global": ((2, 3, 4, 5), (1, 1)),
    "halves": ((1, 2, 6, 4), (3, 2)),
    "uneven": ((2, 2, 5, 7), (3, 4)),
    "larger": ((1, 2, 3, 2), (5, 3)),
}


def record():
    out = {}
    for number, (case, (size, output)) in enumerate(CASES.items()):
        x = torch.tensor(wave(*size, phase=0.4 + number, scale=2.0, shift=0.3), requires_grad=True)
        y = torch.nn.functional.adaptive_avg_pool2d(x, output)
        grad_y = torch.tensor(wave(*y.shape, phase=0.7, scale=1.1, shift=0.1))
        y.backward(grad_y)
        tensors = {"setting": torch.tensor(output), "x": x, "grad_y": grad_y, "y": y, "grad_x": x.grad}
        out |= {f"{case}.{name}": tensor for name, tensor in tensors.items()}
    return out
