"""Mean over windows: overlapping, padded, ceil mode, with and without the
padding in the divisor.

`CASE.setting` is kernel, stride, padding (vertical, horizontal), ceil mode and
count_include_pad.
"""

import torch

from formula import wave

#           x             kernel  stride  padding  ceil   count
CASES = {
    "plain": ((2, 3, 4, 6), (2, 2), (2, 2), (0, 0), False, True),
    "padded": ((2, 2, 7, 6), (3, 3), (2, 2), (1, 1), False, True),
    "padding_not_counted": ((2, 2, 7, 6), (3, 3), (2, 2), (1, 1), False, False),
    "ceil": ((1, 3, 6, 7), (3, 3), (2, 2), (0, 0), True, True),
    "ceil_padded": ((1, 2, 5, 6), (3, 3), (2, 2), (1, 1), True, True),
    "ceil_padding_not_counted": ((1, 2, 5, 6), (3, 3), (2, 2), (1, 1), True, False),
    "ceil_left_out": ((1, 2, 3, 3), (2, 2), (2, 2), (1, 1), True, True),
    "uneven": ((1, 2, 5, 8), (2, 3), (1, 2), (1, 0), False, True),
}


def record():
    out = {}
    for number, (case, (size, kernel, stride, padding, ceil, count)) in enumerate(CASES.items()):
        x = torch.tensor(wave(*size, phase=0.4 + number, scale=2.0, shift=0.3), requires_grad=True)
        y = torch.nn.functional.avg_pool2d(x, kernel, stride, padding, ceil, count)
        grad_y = torch.tensor(wave(*y.shape, phase=0.7, scale=1.1, shift=0.1))
        y.backward(grad_y)
        setting = torch.tensor([*kernel, *stride, *padding, int(ceil), int(count)])
        tensors = {"setting": setting, "x": x, "grad_y": grad_y, "y": y, "grad_x": x.grad}
        out |= {f"{case}.{name}": tensor for name, tensor in tensors.items()}
    return out
