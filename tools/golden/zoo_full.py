"""The logits of full-size networks for one image of 224 (AlexNet's original: 227) pixels, a thousand classes, in
evaluation mode and double precision. Params, running statistics and the image come from the formula of zoo.py, so
that only every 37th logit and the largest magnitude of all are stored."""

import torch

import zoo_models
from zoo import fill, scatter

# Every family, the quick members first. Any other name of the zoo may be added.
NAMES = [
    "squeezenet1_1",
    "mobilenet_v1",
    "mobilenet_v2",
    "resnet18",
    "googlenet",
    "alexnet",
    "alexnet_original",
    "vgg11_bn",
    "vgg16",
    "resnet50",
]
EVERY = 37


def statistics(net):
    norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for i, norm in enumerate(norms):
            norm.running_mean.copy_(torch.tensor(0.1 * scatter(norm.num_features, 1000 + i)))
            norm.running_var.copy_(torch.tensor(1.0 + 0.5 * scatter(norm.num_features, 5000 + i)))


def run(name):
    net = zoo_models.build(name, 1000).double().eval()
    fill(net)
    statistics(net)
    side = 227 if name == "alexnet_original" else 224
    x = torch.tensor(scatter(3 * side * side, 0)).reshape(1, 3, side, side)
    with torch.no_grad():
        y = net(x)[0]
    return {f"{name}.logits": y[::EVERY].clone(), f"{name}.largest": y.abs().max().reshape(1)}


def record():
    out = {}
    for name in NAMES:
        out |= run(name)
        print(name, flush=True)
    return out
