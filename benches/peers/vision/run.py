"""Kōbai beside its peers on the image workloads: interleaved rounds, same cores.

    python benches/peers/vision/run.py --workload W5 --threads 2 --write
    python benches/peers/vision/run.py --workload W10 --mode infer --batch 1 --threads 2
    python benches/peers/vision/run.py --workload W7 --peers torch-channels-last torch-compile --hold

Peers are prepared one after the other and then stay; a round runs a block of steps in
each, in an order that rotates. Ours runs `kobai bench` with as many steps, warm-up
included in its command but not in its time. The published ratio is the median over
rounds of the ratio within a round.
"""

import argparse
import datetime
import json
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from nets import WORKS
from run_common import cpu_model, write

BENCHMARKS = HERE.parent.parent / "BENCHMARKS.md"
OURS = "target/release/kobai"

# Name -> (command, modes, workloads).
TORCH, ALL = "{python} {here}/torch_peer.py --variant ", list(WORKS)
PEERS = {
    "torch": (TORCH + "eager", ("train", "infer"), ALL),
    "torch-channels-last": (TORCH + "channels_last", ("train", "infer"), ALL),
    "torch-compile": (TORCH + "compile", ("train", "infer"), ALL),
    "tensorflow": ("{python} {here}/keras_peer.py --variant function", ("train",), ["W3", "W4", "W7", "W9", "W10"]),
    "jax": ("{python} {here}/jax_peer.py", ("train",), ["W3", "W4", "W5"]),
    "onnxruntime": ("{python} {here}/ort_peer.py", ("infer",), ALL),
    "burn": ("{rust}/burn-peer", ("train",), ["W3", "W4", "W5"]),
    "candle": ("{rust}/candle-peer", ("train",), ["W3", "W4", "W5"]),
}
DEFAULT = [p for p in PEERS if p not in ("burn", "candle")]


class Peer:
    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.answer("ready")
        self.rates = []

    def answer(self, expected=None):
        for line in self.process.stdout:
            line = line.strip()
            if expected is None or line == expected:
                return line
        raise SystemExit(f"error: {self.name} stopped; run its command by hand to see why")

    def block(self, steps):
        print(steps, file=self.process.stdin, flush=True)
        self.rates.append(steps / float(self.answer()))

    def end(self):
        self.process.stdin.close()
        last = json.loads(self.answer())
        self.process.wait()
        return last


def ours(args, steps):
    command = [args.kobai, "bench", args.workload, "--mode", args.mode, "--batch", str(args.batch),
               "--threads", str(args.threads), "--steps", str(steps), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", choices=WORKS, required=True)
    parser.add_argument("--mode", choices=["train", "infer"], default="train")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="per block; about one or two seconds by default")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=DEFAULT)
    parser.add_argument("--kobai", default=OURS)
    parser.add_argument("--rust", default="target/peers/release", help="folder of the Rust peers' binaries")
    parser.add_argument("--hold", action="store_true",
                        help="once the peers are prepared, say so and wait for a line of stdin: whatever else the "
                             "machine does has to stop for the rounds alone")
    parser.add_argument("--raw", type=pathlib.Path, metavar="FILE", help="append every round's rates, one JSON line")
    parser.add_argument("--write", nargs="?", type=pathlib.Path, const=BENCHMARKS, metavar="FILE")
    args = parser.parse_args()
    work = WORKS[args.workload]
    args.batch = args.batch or work.batch
    steps = args.steps or (work.steps if args.mode == "train" else 4 * work.steps)
    options = ["--workload", args.workload, "--mode", args.mode, "--batch", str(args.batch),
               "--threads", str(args.threads)]
    peers = []
    for name in args.peers:
        template, modes, works = PEERS[name]
        if args.mode in modes and args.workload in works:
            command = template.format(python=sys.executable, here=HERE, rust=args.rust).split()
            peers.append(Peer(name, command + options))
    if args.hold:
        print("prepared", flush=True)
        sys.stdin.readline()
    mine = []
    for r in range(args.rounds):
        for k in range(len(peers) + 1):
            i = (k + r) % (len(peers) + 1)
            if i == 0:
                mine.append(ours(args, steps))
            else:
                peers[i - 1].block(steps)
        line = ", ".join([f"kobai {mine[-1]['steps_per_s']:.2f}"] + [f"{p.name} {p.rates[-1]:.2f}" for p in peers])
        print(f"{args.workload} round {r + 1}/{args.rounds}, steps/s: {line}", file=sys.stderr)
    lasts = [p.end() for p in peers]
    text = table(args, work, mine, list(zip(peers, lasts)), steps)
    print(text)
    if args.raw:
        record = {"workload": args.workload, "mode": args.mode, "batch": args.batch, "threads": args.threads,
                  "steps": steps, "date": datetime.date.today().isoformat(), "machine": cpu_model(),
                  "kobai": mine, "peers": {p.name: {"steps_per_s": p.rates, **last} for p, last in zip(peers, lasts)}}
        with args.raw.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
    if args.write:
        key = f"{args.workload}-{args.mode}-{args.batch}"
        title = f"{args.workload}, {'training' if args.mode == 'train' else 'inference'}, batch {args.batch}"
        write(args.write, key, args.threads, text, title)


def table(args, work, mine, peers, steps):
    own = [m["steps_per_s"] for m in mine]
    what = "training step (forward, backward, update)" if args.mode == "train" else "forward pass in evaluation"
    lines = [
        f"{work.title}; batch {args.batch}, one {what}, float32.",
        f"{cpu_model()}, {args.threads} thread{'s' * (args.threads > 1)}, {datetime.date.today().isoformat()};"
        f" {len(own)} interleaved rounds of {steps} step{'s' * (steps > 1)}.",
        "",
        "| | images/s (median of rounds) | min to max | Kōbai is faster by (median, min to max) | peak MB | versions |",
        "|---|--:|--:|--:|--:|---|",
    ]

    def row(title, rates, ratio, peak, versions):
        images = [r * args.batch for r in rates]
        lines.append(
            f"| {title} | {statistics.median(images):,.1f} | {min(images):,.1f} to {max(images):,.1f}"
            f" | {ratio} | {peak:.0f} | {versions} |"
        )

    of_peak = statistics.median(m["of_peak"] for m in mine)
    row("**Kōbai**", own, "", max(m["peak_rss_mb"] for m in mine), f"{mine[0]['isa']}, {of_peak:.0%} of the multiply-add peak")
    for peer, last in peers:
        ratios = [o / r for o, r in zip(own, peer.rates)]
        ratio = f"{statistics.median(ratios):.2f}× ({min(ratios):.2f} to {max(ratios):.2f})"
        versions = ", ".join(f"{k} {v}" for k, v in last["versions"].items())
        row(peer.name, peer.rates, ratio, last["peak_rss_mb"], versions)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
