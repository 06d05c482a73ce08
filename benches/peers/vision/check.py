"""Three steps of plain SGD from the same params on the same batch, in Kōbai and in
PyTorch: the losses must agree, or the figures compare different computations.

    python benches/peers/vision/check.py [--workload W5] [--kobai target/release/kobai]
    python benches/peers/vision/check.py --workload W3 --rust target/peers/release

Loss 1 shows that the forward passes agree, losses 2 and 3 that all gradients do.
Dropout keeps everything here. With `--rust` the Rust peers are compared too (W3 to W5).
Exit 1 if a loss is off by more than a thousandth of it,
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
STEPS_OF = {"W7": 2}  # its third loss is a hundred times the first: rounding is multiplied as much
# candle 0.11.1 multiplies the gradient of a maximum over a window by the share of the
# window that attains it (1/4 here, `Op::MaxPool2D` in its backprop.rs). The work is the same.
KNOWN = {("candle", "W3"), ("candle", "W4")}


def theirs(name, n, steps):
    net = torch_net(name, dropout=False).train()
    with torch.no_grad():
        for k, (path, p) in enumerate(net.named_parameters()):
            p.copy_(torch.tensor(initial(k, tuple(p.shape), path.endswith("weight"))))
    x, labels = (torch.tensor(v) for v in batch_of(WORKS[name], n))
    rule = torch.optim.SGD(net.parameters(), lr=LR)
    losses = []
    for _ in range(steps):
        rule.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x), labels)
        loss.backward()
        rule.step()
        losses.append(loss.item())
    return losses


def printed(command, n, steps):
    """What a program that is not Python says: `command` and the same options."""
    command = command + ["--batch", str(n), "--losses", str(steps), "--threads", "2"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)["losses"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", action="append", choices=WORKS)
    parser.add_argument("--kobai", default="target/release/kobai")
    parser.add_argument("--rust", help="folder of the Rust peers' binaries")
    args = parser.parse_args()
    torch.set_num_threads(2)
    failed = False
    for name in args.workload or WORKS:
        n = BATCH.get(name, min(8, WORKS[name].batch))
        programs = {"kobai": [args.kobai, "bench", name, "--json"]}
        if args.rust and name in ("W3", "W4", "W5"):
            for peer in ("burn", "candle"):
                programs[peer] = [f"{args.rust}/{peer}-peer", "--workload", name]
        steps = STEPS_OF.get(name, STEPS)
        b = theirs(name, n, steps)
        moves = abs(b[-1] - b[0]) > 10 * LIMIT * abs(b[0])
        for program, command in programs.items():
            a = printed(command, n, steps)
            worst = max(abs(x - y) / abs(y) for x, y in zip(a, b))
            bad = not (np.isfinite(worst) and worst <= LIMIT and moves)
            known = bad and (program, name) in KNOWN and abs(a[0] - b[0]) <= LIMIT * abs(b[0])
            failed |= bad and not known
            note = "  differs, as known" if known else "  DIFFERS" if bad and moves else "" if moves else "  DOES NOT MOVE"
            print(f"{name} batch {n}: {program} {a}, torch {b}: largest relative difference {worst:.1e}{note}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
