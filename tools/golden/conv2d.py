"""2-d convolutions: strides, paddings, dilation, groups, depthwise, no bias.

`CASE.setting` is stride, padding, dilation (vertical, horizontal) and groups.
Shapes are PyTorch's: x (n, in, h, w), weight (out, in / groups, kh, kw).
"""

import torch

from formula import wave

#            x            weight       stride  padding dilation groups bias
CASES = {
    "plain": ((2, 3, 5, 4), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1, True),
    "unpadded": ((2, 2, 5, 6), (3, 2, 5, 5), (1, 1), (0, 0), (1, 1), 1, True),
    "strided": ((2, 3, 7, 6), (4, 3, 3, 3), (2, 2), (1, 1), (1, 1), 1, True),
    "dilated": ((1, 2, 7, 6), (3, 2, 3, 2), (2, 1), (2, 1), (1, 2), 1, True),
    "pointwise": ((2, 5, 3, 4), (4, 5, 1, 1), (1, 1), (0, 0), (1, 1), 1, True),
    "pointwise_strided": ((2, 5, 3, 4), (4, 5, 1, 1), (2, 2), (0, 0), (1, 1), 1, False),
    "grouped": ((2, 4, 4, 3), (6, 2, 3, 3), (1, 1), (1, 1), (1, 1), 2, False),
    "depthwise": ((2, 5, 5, 4), (5, 1, 3, 3), (1, 1), (1, 1), (1, 1), 5, True),
    "depthwise_strided": ((1, 3, 6, 7), (6, 1, 3, 3), (2, 2), (1, 1), (1, 1), 3, True),
}


def record():
    out = {}
    for number, (case, (size, kernel, stride, padding, dilation, groups, has_bias)) in enumerate(CASES.items()):
        x = torch.tensor(wave(*size, phase=0.1 + number), requires_grad=True)
        weight = torch.tensor(wave(*kernel, phase=1.3 + number, scale=0.8, shift=0.05), requires_grad=True)
        bias = torch.tensor(wave(kernel[0], phase=2.1, scale=0.5), requires_grad=True) if has_bias else None
        y = torch.nn.functional.conv2d(x, weight, bias, stride, padding, dilation, groups)
        grad_y = torch.tensor(wave(*y.shape, phase=0.6, scale=1.5, shift=0.1))
        y.backward(grad_y)
        tensors = {
            "setting": torch.tensor([*stride, *padding, *dilation, groups]),
            "x": x,
            "weight": weight,
            "grad_y": grad_y,
            "y": y,
            "grad_x": x.grad,
            "grad_weight": weight.grad,
        }
        if has_bias:
            tensors |= {"bias": bias, "grad_bias": bias.grad}
        out |= {f"{case}.{name}": tensor for name, tensor in tensors.items()}
    return out
