"""Losses beside cross-entropy and squared error, mean over all elements (of
probabilities: over the batch), and soft-max as a layer.

`probabilities` are a soft-max, so that Keras's division by their sum is by 1 and
`nll` of their logarithm is the cross-entropy of probabilities.
"""

import torch
import torch.nn.functional as F

from formula import labels, wave


def record():
    z = torch.tensor(wave(6, 3, phase=0.4, scale=2.2), requires_grad=True)
    target = torch.tensor(wave(6, 3, phase=1.9, scale=0.45, shift=0.5)).clamp(0, 1)
    target_classes = torch.tensor(labels(6, 3))
    out = {"z": z, "target": target, "labels": target_classes}
    for name, function in {
        "mean_absolute_error": F.l1_loss,
        "binary_cross_entropy": F.binary_cross_entropy_with_logits,
    }.items():
        z.grad = None
        loss = function(z, target)
        loss.backward()
        out[f"{name}.loss"], out[f"{name}.grad"] = loss, z.grad.clone()
    p = torch.softmax(z, dim=1).detach().requires_grad_()
    out["probabilities"] = p
    loss = F.binary_cross_entropy(p, target)
    loss.backward()
    out["binary_cross_entropy_of_probabilities.loss"] = loss
    out["binary_cross_entropy_of_probabilities.grad"] = p.grad.clone()
    p.grad = None
    loss = F.nll_loss(torch.log(p / p.sum(dim=1, keepdim=True)), target_classes)
    loss.backward()
    out["cross_entropy_of_probabilities.loss"] = loss
    out["cross_entropy_of_probabilities.grad"] = p.grad.clone()
    z.grad = None
    y = torch.softmax(z, dim=1)
    y.backward(target)
    out["softmax.grad"] = z.grad
    return out
