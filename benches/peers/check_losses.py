"""Twenty steps from the same weights in each peer: the losses must agree.

    python benches/peers/check_losses.py [--workload W1] [--peers numpy_mlp torch_mlp jax_mlp]

The first peer is the reference. Exit 1 if a loss is off by more than 1e-4 (or the
`loss_limit` that a peer's trainer states with its reason), or
if the reference does not learn at all (a comparison of constants proves nothing).
"""

import argparse
import importlib
import sys

import harness
from workloads import WORKLOADS

STEPS, LIMIT = 20, 1e-4


def losses(module, work):
    weights, x, labels = harness.inputs(work)
    trainer = importlib.import_module(module).make(work, weights, x, labels)

    def run():
        trainer.reset()
        return [trainer.sync(trainer.step()) for _ in range(STEPS)]

    first, again = run(), run()
    if first != again:
        print(f"{module}: a run after reset() differs from the first", file=sys.stderr)
        sys.exit(1)
    return first, getattr(trainer, "loss_limit", LIMIT)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", action="append", choices=WORKLOADS)
    parser.add_argument("--peers", nargs="+", default=["numpy_mlp", "torch_mlp", "jax_mlp"])
    args = parser.parse_args()
    harness.set_threads(1)
    failed = False
    for name in args.workload or WORKLOADS:
        reference = None
        for peer in args.peers:
            got, limit = losses(peer, WORKLOADS[name])
            if reference is None:
                reference = got
                learns = got[-1] < got[0] - 100 * LIMIT
                failed |= not learns
                note = "" if learns else "  DOES NOT LEARN"
                print(f"{name} {peer:10} {got[0]:.6f} -> {got[-1]:.6f}{note}")
            else:
                worst = max(abs(a - b) for a, b in zip(got, reference))
                bad = not worst <= limit
                failed |= bad
                print(f"{name} {peer:10} largest difference {worst:.1e}{'  DIFFERS' if bad else ''}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
