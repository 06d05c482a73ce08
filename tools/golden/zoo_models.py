"""PyTorch's side of the zoo: torchvision's networks, the ones that it lacks,
and their narrow forms. Used by zoo.py and zoo_catalogue.py; records nothing."""

import torch
import torchvision
from torch import nn

TORCHVISION = [
    "alexnet",
    *[f"vgg{n}{bn}" for n in (11, 13, 16, 19) for bn in ("", "_bn")],
    *[f"resnet{n}" for n in (18, 34, 50, 101, 152)],
    "squeezenet1_0",
    "squeezenet1_1",
    "mobilenet_v2",
]


class MobileNetV1(nn.Module):
    """Howard et al. 2017, table 1, with keys in torchvision's manner."""

    def __init__(self, num_classes):
        super().__init__()

        def stem(width):
            conv = nn.Conv2d(3, width, 3, 2, 1, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU())

        def separable(channels, width, stride):
            return nn.Sequential(
                nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
                nn.Conv2d(channels, width, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            )

        table = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
        table += [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
        layers, channels = [stem(32)], 32
        for width, stride in table:
            layers.append(separable(channels, width, stride))
            channels = width
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class OriginalAlexNet(nn.Sequential):
    """Krizhevsky et al. 2012; `last` is what is left of the image before fc6."""

    def __init__(self, num_classes, last=(6, 6)):
        lrn = lambda: nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)
        layers = {
            "conv1": nn.Conv2d(3, 96, 11, 4),
            "relu1": nn.ReLU(),
            "norm1": lrn(),
            "pool1": nn.MaxPool2d(3, 2),
            "conv2": nn.Conv2d(96, 256, 5, padding=2, groups=2),
            "relu2": nn.ReLU(),
            "norm2": lrn(),
            "pool2": nn.MaxPool2d(3, 2),
            "conv3": nn.Conv2d(256, 384, 3, padding=1),
            "relu3": nn.ReLU(),
            "conv4": nn.Conv2d(384, 384, 3, padding=1, groups=2),
            "relu4": nn.ReLU(),
            "conv5": nn.Conv2d(384, 256, 3, padding=1, groups=2),
            "relu5": nn.ReLU(),
            "pool5": nn.MaxPool2d(3, 2),
            "flatten": nn.Flatten(),
            "fc6": nn.Linear(256 * last[0] * last[1], 4096),
            "relu6": nn.ReLU(),
            "drop6": nn.Dropout(),
            "fc7": nn.Linear(4096, 4096),
            "relu7": nn.ReLU(),
            "drop7": nn.Dropout(),
            "fc8": nn.Linear(4096, num_classes),
        }
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)


def build(name, num_classes, **settings):
    """A network of full width."""
    if name == "mobilenet_v1":
        return MobileNetV1(num_classes)
    if name == "alexnet_original":
        return OriginalAlexNet(num_classes, **settings)
    if name.startswith("googlenet"):
        aux = name.endswith("_aux")
        return torchvision.models.googlenet(num_classes=num_classes, aux_logits=aux, init_weights=False)
    return getattr(torchvision.models, name)(num_classes=num_classes)


def narrow(net, k, num_classes, channels=3):
    """Divides every width except those of input and output by k, in place."""

    def less(width, keep):
        if width == keep:
            return width
        assert width % k == 0, f"{width} is no multiple of {k}"
        return width // k

    for module in net.modules():
        for name, layer in list(module.named_children()):
            if isinstance(layer, nn.Conv2d):
                groups = layer.groups if layer.groups <= 2 else less(layer.groups, None)
                new = nn.Conv2d(
                    less(layer.in_channels, channels),
                    less(layer.out_channels, num_classes),
                    layer.kernel_size,
                    layer.stride,
                    layer.padding,
                    layer.dilation,
                    groups,
                    layer.bias is not None,
                )
            elif isinstance(layer, nn.BatchNorm2d):
                new = nn.BatchNorm2d(less(layer.num_features, None), layer.eps, layer.momentum)
            elif isinstance(layer, nn.Linear):
                new = nn.Linear(less(layer.in_features, None), less(layer.out_features, num_classes))
            elif isinstance(layer, nn.Dropout):
                # Random numbers are not compared.
                new = nn.Dropout(0.0)
            else:
                continue
            setattr(module, name, new)
    return net
