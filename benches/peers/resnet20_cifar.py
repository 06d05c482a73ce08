"""ResNet-20 on CIFAR-10 as JPEG files, the recipe of benches/experiments/cifar-resnet.toml in PyTorch.

    python benches/peers/resnet20_cifar.py PATH/cifar10-jpeg.tar.gz [--examples 10000] [--epochs 5] [--seed 0]

The defaults are the shortened budget of that file: the first 10,000 training pictures (classes take turns, each
class in the order of its file names), five passes.

Prints one JSON line per epoch: test accuracy, training loss, seconds so far. The same network (3x3 stem, three
stages of three basic blocks, 1x1 projections where shapes change), the same initial distributions (He, fan-out for
convolutions; He, fan-in for the last layer), batch 128, momentum 0.9, L2 1e-4 on weights, cosine decay with 50
steps of warm-up, flips and crops out of 4 black pixels of padding, colours normalised by the training set.
"""

import argparse
import io
import json
import math
import tarfile
import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F


def load(path):
    parts = {"train": [], "test": []}
    with tarfile.open(path) as tar:
        for member in tar:
            if not member.isfile() or not member.name.lower().endswith((".jpg", ".jpeg", ".png")):
                continue
            part, label, _ = member.name.split("/")[-3:]
            picture = Image.open(io.BytesIO(tar.extractfile(member).read())).convert("RGB")
            parts[part].append((member.name, label, np.asarray(picture)))
    for part in parts.values():
        part.sort(key=lambda entry: entry[0])
    parts = {name: [(label, picture) for _, label, picture in part] for name, part in parts.items()}
    classes = sorted({label for label, _ in parts["train"]})

    def arrays(pairs):
        seen, turns = {}, []
        for label, picture in pairs:
            seen[label] = seen.get(label, 0) + 1
            turns.append((seen[label], label, picture))
        turns.sort(key=lambda turn: turn[:2])
        pairs = [(label, picture) for _, label, picture in turns]
        x = torch.from_numpy(np.stack([picture for _, picture in pairs])).permute(0, 3, 1, 2).contiguous()
        return x, torch.tensor([classes.index(label) for label, _ in pairs])

    return arrays(parts["train"]), arrays(parts["test"])


class Block(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride > 1 or inputs != width:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(x)) + shortcut, inplace=True)


def resnet(depth=20):
    blocks = (depth - 2) // 6
    layers, inputs = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)], 16
    for stage, width in enumerate([16, 32, 64]):
        for i in range(blocks):
            layers.append(Block(inputs, width, 2 if stage and not i else 1))
            inputs = width
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(m, nn.Linear):
            nn.init.kaiming_normal_(m.weight, mode="fan_in", nonlinearity="relu")
            nn.init.zeros_(m.bias)
    return net


def crop(x, generator):
    n = len(x)
    padded = F.pad(x, (4, 4, 4, 4))
    down, right = torch.randint(0, 9, (2, n), generator=generator)
    rows = (down[:, None] + torch.arange(32))[:, None, :, None]
    columns = (right[:, None] + torch.arange(32))[:, None, None, :]
    x = padded[torch.arange(n)[:, None, None, None], torch.arange(3)[None, :, None, None], rows, columns]
    flip = torch.rand(n, generator=generator) < 0.5
    x[flip] = x[flip].flip(3)
    return x


def main():
    args = argparse.ArgumentParser()
    args.add_argument("data")
    args.add_argument("--examples", type=int, default=10_000)
    args.add_argument("--epochs", type=int, default=5)
    args.add_argument("--seed", type=int, default=0)
    args.add_argument("--threads", type=int, default=2)
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    (x, y), (test_x, test_y) = load(args.data)
    x, y = x[: args.examples], y[: args.examples]
    mean = x.float().div(255).mean((0, 2, 3), keepdim=True)
    std = x.float().div(255).std((0, 2, 3), keepdim=True, unbiased=False)

    def normal(x):
        return ((x.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)

    net = resnet().to(memory_format=torch.channels_last)
    weights = [p for p in net.parameters() if p.dim() > 1]
    others = [p for p in net.parameters() if p.dim() == 1]
    groups = [{"params": weights, "weight_decay": 1e-4}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    batch, warmup = 128, 50
    per_epoch = len(x) // batch
    steps, step, begun = args.epochs * per_epoch, 0, time.time()
    for epoch in range(args.epochs):
        net.train()
        order, loss_sum = torch.randperm(len(x), generator=generator), 0.0
        for i in range(per_epoch):
            rate = 0.1 * 0.5 * (1 + math.cos(math.pi * step / steps)) * min(1.0, (step + 1) / warmup)
            for group in optimizer.param_groups:
                group["lr"] = rate
            pick = order[i * batch : (i + 1) * batch]
            loss = F.cross_entropy(net(normal(crop(x[pick], generator))), y[pick])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            loss_sum += loss.item()
            step += 1
        net.eval()
        with torch.no_grad():
            right = sum(
                (net(normal(test_x[i : i + 500])).argmax(1) == test_y[i : i + 500]).sum().item()
                for i in range(0, len(test_x), 500)
            )
        print(
            json.dumps(
                {
                    "epoch": epoch + 1,
                    "test": right / len(test_x),
                    "train_loss": loss_sum / per_epoch,
                    "seconds": round(time.time() - begun, 1),
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
