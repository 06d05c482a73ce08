"""Three steps of plain SGD from the same params on the same batch, in Kōbai and in
PyTorch: the losses must agree, or the figures compare different computations.

    python benches/peers/vision/check.py [--workload W5] [--kobai target/release/kobai]

Loss 1 shows that the forward passes agree, losses 2 and 3 that all gradients do.
Dropout keeps everything here. Exit 1 if a loss is off by more than a thousandth of it,
or if the losses do not move (a comparison of constants proves nothing).
"""

import argparse
import json
import subprocess
import sys

import numpy as np
import torch
from nets import WORKS, batch_of, initial, torch_net

STEPS, LR, LIMIT = 3, 0.01, 1e-3
BATCH = {"W5": 16}  # the others take their own, at most 8


def theirs(name, n):
    net = torch_net(name, dropout=False).train()
    with torch.no_grad():
        for k, (path, p) in enumerate(net.named_parameters()):
            p.copy_(torch.tensor(initial(k, tuple(p.shape), path.endswith("weight"))))
    x, labels = (torch.tensor(v) for v in batch_of(WORKS[name], n))
    rule = torch.optim.SGD(net.parameters(), lr=LR)
    losses = []
    for _ in range(STEPS):
        rule.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x), labels)
        loss.backward()
        rule.step()
        losses.append(loss.item())
    return losses


def ours(kobai, name, n):
    command = [kobai, "bench", name, "--batch", str(n), "--losses", str(STEPS), "--threads", "2", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)["losses"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", action="append", choices=WORKS)
    parser.add_argument("--kobai", default="target/release/kobai")
    args = parser.parse_args()
    torch.set_num_threads(2)
    failed = False
    for name in args.workload or WORKS:
        n = BATCH.get(name, min(8, WORKS[name].batch))
        a, b = ours(args.kobai, name, n), theirs(name, n)
        worst = max(abs(x - y) / abs(y) for x, y in zip(a, b))
        moves = abs(b[-1] - b[0]) > 10 * LIMIT * abs(b[0])
        bad = not (np.isfinite(worst) and worst <= LIMIT and moves)
        failed |= bad
        note = "  DIFFERS" if bad and moves else "" if moves else "  DOES NOT MOVE"
        print(f"{name} batch {n}: kobai {a}, torch {b}: largest relative difference {worst:.1e}{note}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
