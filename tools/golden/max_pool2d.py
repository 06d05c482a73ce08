"""Maximum over windows: overlapping, padded, ceil mode.

`CASE.setting` is kernel, stride, padding (vertical, horizontal) and ceil mode.
In `ties` the values are whole numbers, so that most windows have several
largest ones: the gradient goes to the first.
"""

import torch

from formula import wave

#           x             kernel  stride  padding  ceil
CASES = {
    "plain": ((2, 3, 4, 6), (2, 2), (2, 2), (0, 0), False),
    "overlapping": ((2, 2, 7, 6), (3, 3), (2, 2), (1, 1), False),
    "ceil": ((1, 3, 6, 7), (3, 3), (2, 2), (0, 0), True),
    "ceil_padded": ((1, 2, 5, 6), (3, 3), (2, 2), (1, 1), True),
    "ceil_left_out": ((1, 2, 3, 3), (2, 2), (2, 2), (1, 1), True),
    "uneven": ((1, 2, 5, 8), (2, 3), (1, 2), (1, 0), False),
    "ties": ((2, 2, 6, 6), (3, 3), (2, 2), (1, 1), False),
}


def record():
    out = {}
    for number, (case, (size, kernel, stride, padding, ceil)) in enumerate(CASES.items()):
        values = torch.tensor(wave(*size, phase=0.2 + number, scale=2.0, shift=-0.5))
        x = (values.round() if case == "ties" else values).requires_grad_()
        y = torch.nn.functional.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil)
        grad_y = torch.tensor(wave(*y.shape, phase=0.9, scale=1.1, shift=0.1))
        y.backward(grad_y)
        setting = torch.tensor([*kernel, *stride, *padding, int(ceil)])
        tensors = {"setting": setting, "x": x, "grad_y": grad_y, "y": y, "grad_x": x.grad}
        out |= {f"{case}.{name}": tensor for name, tensor in tensors.items()}
    return out
