"""A narrow instance of each family of the zoo, with dropout off: four images,
ten classes, ten steps of SGD (lr 0.01, momentum 0.9) on one batch. The networks
are torchvision's own code where it has them, with every width divided.

Params and images come from a formula of integers, the same on the other side,
so that only results are stored: the logits of the first step, the norm of each
gradient of the first step (in the order of `parameters()`), the loss of each
step, and the logits in evaluation after the last.
"""

import numpy as np
import torch
import torch.nn.functional as F

import zoo_models
from formula import labels

BATCH, CLASSES, STEPS = 4, 10, 10

# Name, divisor of the widths, height and width of the image.
CASES = [
    ("alexnet", 16, (96, 80)),
    ("alexnet_original", 16, (67, 83)),
    ("vgg11", 16, (64, 32)),
    ("vgg11_bn", 16, (32, 64)),
    ("googlenet", 8, (64, 48)),
    ("googlenet_aux", 8, (64, 48)),
    ("resnet18", 16, (48, 64)),
    ("resnet50", 16, (64, 48)),
    ("squeezenet1_0", 8, (64, 80)),
    ("squeezenet1_1", 8, (80, 64)),
    ("mobilenet_v1", 16, (48, 64)),
    ("mobilenet_v2", 8, (64, 48)),
]


def scatter(n, key):
    """n values in [-1, 1) on a grid of 2**-31: the mixing function of MurmurHash3."""
    u = np.arange(n, dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    h = (u * np.uint64(0x9E3779B1) + np.uint64(key) * np.uint64(0x85EBCA77)) & mask
    h ^= h >> np.uint64(16)
    h = h * np.uint64(0x85EBCA6B) & mask
    h ^= h >> np.uint64(13)
    h = h * np.uint64(0xC2B2AE35) & mask
    h ^= h >> np.uint64(16)
    return h.astype(np.float64) / 2.0**31 - 1.0


def fill(net):
    """Weights uniform with He's variance, biases within 0.1, scales of
    normalisation within 0.2 of 1. Keys count the params from 1."""
    with torch.no_grad():
        for key, p in enumerate(net.parameters(), start=1):
            value = scatter(p.numel(), key)
            if p.dim() > 1:
                value = np.sqrt(6.0 / p[0].numel()) * value
            else:
                value = 0.1 * value
            p.copy_(torch.tensor(value).reshape(p.shape))
        for layer in net.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.weight.mul_(2.0).add_(1.0)


def run(name, divisor, size):
    settings = {}
    if name == "alexnet_original":
        settings["last"] = (1, 1)
    net = zoo_models.build(name, CLASSES, **settings)
    net = zoo_models.narrow(net, divisor, CLASSES).double()
    fill(net)
    x = torch.tensor(scatter(BATCH * 3 * size[0] * size[1], 0)).reshape(BATCH, 3, *size)
    target = torch.tensor(labels(BATCH, CLASSES))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    out, losses = {}, []
    net.train()
    for step in range(STEPS):
        optimizer.zero_grad()
        y = net(x)
        if name == "googlenet_aux":
            loss = F.cross_entropy(y.logits, target)
            loss = loss + 0.3 * F.cross_entropy(y.aux_logits1, target)
            loss = loss + 0.3 * F.cross_entropy(y.aux_logits2, target)
            y = y.logits
        else:
            loss = F.cross_entropy(y, target)
        loss.backward()
        losses.append(loss.detach())
        if step == 0:
            out["logits"] = y.detach().clone()
            out["grad_norms"] = torch.stack([p.grad.norm() for p in net.parameters()])
        optimizer.step()
    out["loss"] = torch.stack(losses)
    net.eval()
    out["logits_eval"] = net(x)
    return {f"{name}.{key}": value for key, value in out.items()}


def record():
    out = {}
    for case in CASES:
        out |= run(*case)
    return out
