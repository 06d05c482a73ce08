"""Peak resident memory of one training step of ResNet-50, 224 pixels, batch 8, SGD with momentum, in PyTorch.

    python benches/peers/resnet50_memory.py [--batch 8] [--model resnet50]

Prints one JSON line: resident memory after the import of torch, with the network and its optimiser, and at its peak.
Kobai's figure is `kobai zoo show resnet50 --batch 8`.
"""

import argparse
import json
import resource

import torch
import torchvision


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


args = argparse.ArgumentParser()
args.add_argument("--batch", type=int, default=8)
args.add_argument("--model", default="resnet50")
args = args.parse_args()
torch.set_num_threads(2)
imported = resident()
net = torchvision.models.get_model(args.model, weights=None).train()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
x, y = torch.randn(args.batch, 3, 224, 224), torch.arange(args.batch)
built = resident()
for _ in range(2):
    optimizer.zero_grad(set_to_none=True)
    torch.nn.functional.cross_entropy(net(x), y).backward()
    optimizer.step()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"model": args.model, "batch": args.batch, "imported": imported, "built": built, "peak": peak}))
