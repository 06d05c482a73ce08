"""The image workloads, and their networks in PyTorch. Importing this imports no
framework: `torch_net` does.

Names, order and shapes of the params are those of `kobai zoo show`, so that the
formula of `initial` gives every program the same network.
"""

from typing import NamedTuple


class Work(NamedTuple):
    title: str
    shape: tuple  # of an example: channels, height, width
    classes: int
    batch: int
    steps: int  # of a block; about a second or two
    rule: str  # adam or momentum


WORKS = {
    "W3": Work("SimpleConvNet, 28×28, Adam", (1, 28, 28), 10, 100, 40, "adam"),
    "W4": Work("deep convnet of the course, 28×28, Adam", (1, 28, 28), 10, 100, 15, "adam"),
    "W5": Work("ResNet-18, CIFAR form, 32×32, SGD-momentum", (3, 32, 32), 10, 128, 1, "momentum"),
    "W6": Work("AlexNet, 224×224, SGD-momentum", (3, 224, 224), 1000, 8, 4, "momentum"),
    "W7": Work("VGG-16, 224×224, SGD-momentum", (3, 224, 224), 1000, 8, 1, "momentum"),
    "W8": Work("GoogLeNet, 224×224, SGD-momentum", (3, 224, 224), 1000, 8, 3, "momentum"),
    "W9": Work("ResNet-50, 224×224, SGD-momentum", (3, 224, 224), 1000, 8, 1, "momentum"),
    "W10": Work("MobileNetV2, 224×224, SGD-momentum", (3, 224, 224), 1000, 8, 4, "momentum"),
}

LR, MOMENTUM = 1e-3, 0.9


def wave(n, phase):
    import numpy as np

    i = np.arange(n, dtype=np.float64)
    return np.sin(0.7 * i + 0.013 * i * i + phase)


def initial(k, shape, is_weight):
    """Params number k, as `kobai bench --losses` begins (crates/lab/src/bench/check.rs)."""
    import numpy as np

    if len(shape) < 2:
        return np.full(shape, 1.0 if is_weight else 0.0, dtype=np.float32)
    scale = np.sqrt(4.0 / np.prod(shape[1:]))
    return (wave(int(np.prod(shape)), k + 0.3) * scale).astype(np.float32).reshape(shape)


def batch_of(work, n):
    """Images (n, c, h, w) and labels by formula."""
    import numpy as np

    x = 0.5 + 0.5 * wave(n * int(np.prod(work.shape)), 0.1)
    labels = (7 * np.arange(n, dtype=np.int64) + 3) % work.classes
    return x.astype(np.float32).reshape(n, *work.shape), labels


def torch_net(name, dropout=True):
    import torch
    from torch import nn
    from torchvision import models

    class Course(nn.Dropout):
        """Dropout that scales when evaluating, as the course's network has it."""

        def forward(self, x):
            if self.training and self.p > 0:
                return x * (torch.rand_like(x) >= self.p)
            return x if self.training else x * (1 - self.p)

    if name == "W3":
        net = nn.Sequential(
            nn.Conv2d(1, 30, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(30 * 12 * 12, 100), nn.ReLU(), nn.Linear(100, 10),
        )
    elif name == "W4":
        layers, c = [], 1
        for width in (16, 32, 64):
            for _ in range(2):
                padding = 2 if len([m for m in layers if isinstance(m, nn.Conv2d)]) == 3 else 1
                layers += [nn.Conv2d(c, width, 3, padding=padding), nn.ReLU()]
                c = width
            layers.append(nn.MaxPool2d(2))
        layers += [nn.Flatten(), nn.Linear(64 * 4 * 4, 50), nn.ReLU(), Course(), nn.Linear(50, 10), Course()]
        net = nn.Sequential(*layers)
    elif name == "W5":
        net = models.resnet18(num_classes=10)
        net.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        net.maxpool = nn.Identity()
    elif name == "W6":
        net = models.alexnet()
    elif name == "W7":
        net = models.vgg16()
    elif name == "W8":
        net = models.googlenet(aux_logits=False, init_weights=False)
    elif name == "W9":
        net = models.resnet50()
    else:
        net = models.mobilenet_v2()
    if not dropout:
        for m in net.modules():
            if isinstance(m, nn.Dropout):
                m.p = 0.0
    return net
