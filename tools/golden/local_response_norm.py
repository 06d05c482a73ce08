"""Local response normalisation. `CASE.setting` is size, alpha, beta, k; alpha
is larger than usual, so that a mistake in it shows."""

import torch

from formula import wave

CASES = {
    "alexnet": ((2, 7, 2, 3), (5, 0.5, 0.75, 2.0)),
    "even": ((2, 6, 2, 2), (4, 0.25, 0.5, 1.0)),
    "wide": ((1, 3, 2, 2), (9, 0.75, 1.25, 1.0)),
    "one": ((2, 4, 1, 3), (1, 1.0, 0.75, 1.0)),
}


def record():
    out = {}
    for number, (case, (size, setting)) in enumerate(CASES.items()):
        x = torch.tensor(wave(*size, phase=0.3 + number, scale=2.5, shift=0.4), requires_grad=True)
        y = torch.nn.functional.local_response_norm(x, int(setting[0]), *setting[1:])
        grad_y = torch.tensor(wave(*y.shape, phase=0.7, scale=1.1, shift=0.1))
        y.backward(grad_y)
        tensors = {"setting": torch.tensor(setting), "x": x, "grad_y": grad_y, "y": y, "grad_x": x.grad}
        out |= {f"{case}.{name}": tensor for name, tensor in tensors.items()}
    return out
