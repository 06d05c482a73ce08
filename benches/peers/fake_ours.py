"""Stands in for `kobai bench` to try run.py: sleeps, prints an invented line.

    python benches/peers/run.py --rounds 2 --seconds 0.2 \\
        --ours "python benches/peers/fake_ours.py {workload} --threads {threads} --steps {steps} --json"
"""

import argparse
import json
import time

parser = argparse.ArgumentParser()
parser.add_argument("workload")
parser.add_argument("--threads", type=int)
parser.add_argument("--steps", type=int)
parser.add_argument("--json", action="store_true")
args = parser.parse_args()
RATE = 10_000.0
time.sleep(args.steps / RATE)
print(json.dumps({
    "workload": args.workload, "mode": "train", "threads": args.threads, "batch": 100,
    "steps_per_s": RATE, "samples_per_s": 100 * RATE, "peak_rss_mb": 1.0, "isa": "invented",
}))
