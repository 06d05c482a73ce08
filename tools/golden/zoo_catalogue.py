"""Writes tests/golden/zoo.json: what PyTorch says about the zoo's networks.

    python tools/golden/zoo_catalogue.py

For each network that torchvision has (and MobileNetV1 of zoo_models.py): the
number of params, the multiply-adds of its convolutions and linear layers for
one 224-pixel image in evaluation, the shape of the output, the number of
tensors of its state_dict, and the 64-bit FNV-1a hash of their lines
"name shape\\n" in order, such as "conv1.weight 64x3x7x7"; a scalar has an
empty shape.
"""

import json
import pathlib

import torch
import torchvision
from torch import nn

import zoo_models

PATH = pathlib.Path(__file__).resolve().parent.parent.parent / "tests" / "golden" / "zoo.json"


def fnv(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64
    return f"{h:016x}"


def describe(name):
    macs = 0

    def count(layer, _, out):
        nonlocal macs
        if isinstance(layer, nn.Conv2d):
            macs += out.numel() * layer.weight[0].numel()
        elif isinstance(layer, nn.Linear):
            macs += out.numel() * layer.in_features

    with torch.device("meta"):
        net = zoo_models.build(name, 1000).eval()
        for layer in net.modules():
            layer.register_forward_hook(count)
        output = net(torch.zeros(1, 3, 224, 224))
    tensors = net.state_dict()
    lines = [f"{key} {'x'.join(map(str, t.shape))}\n" for key, t in tensors.items()]
    return {
        "params": sum(p.numel() for p in net.parameters()),
        "macs": macs,
        "output": list(output.shape)[1:],
        "tensors": len(tensors),
        "fnv1a": fnv("".join(lines)),
    }


def main():
    names = [*zoo_models.TORCHVISION, "googlenet", "googlenet_aux", "mobilenet_v1"]
    models = {name: describe(name) for name in names}
    head = {
        "script": "tools/golden/zoo_catalogue.py",
        "torch": torch.__version__.split("+")[0],
        "torchvision": torchvision.__version__.split("+")[0],
    }
    lines = [f'    "{name}": {json.dumps(m)}' for name, m in models.items()]
    top = [f'  "{key}": {json.dumps(value)},' for key, value in head.items()]
    PATH.write_text("{\n" + "\n".join(top) + '\n  "models": {\n' + ",\n".join(lines) + "\n  }\n}\n")
    print(f"{len(models)} models, {PATH.stat().st_size} bytes")


if __name__ == "__main__":
    main()
