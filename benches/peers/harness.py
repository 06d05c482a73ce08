"""What the Python peers share: arguments, threads, inputs, timing, output.

Import this before any numerical library: `parse` sets the variables that they
read on import.

A peer script defines `make(work, weights, x, labels, options)`, which returns
an object with
    reset()  puts the initial weights back
    step()   one training step; returns a handle on the loss before the update
    sync(h)  waits for the step and returns its loss as a float
"""

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import time

from workloads import WORKLOADS

WARM_UP = 50


def set_threads(n):
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ):
        os.environ[name] = str(n)
    eigen = "true" if n > 1 else "false"
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={n}"
    os.environ["JAX_PLATFORMS"] = "cpu"
    # XLA takes its number of threads from the affinity.
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:n])


def parse(peer_options=lambda parser: None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", choices=WORKLOADS, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0)
    peer_options(parser)
    args = parser.parse_args()
    set_threads(args.threads)
    return args


def inputs(work):
    """Initial weights [(W [in, out], b [out]), ...], a batch and its labels.

    Formulas, so that every peer starts from the same numbers: weights of
    variance about 1/n_in (sigmoid) or 2/n_in (ReLU), pixels in [0, 1].
    """
    import numpy as np

    def wave(n, phase):
        i = np.arange(n, dtype=np.float64)
        return np.sin(0.7 * i + 0.013 * i * i + phase)

    gain = {"sigmoid": 1.0, "relu": 2.0}[work.activation]
    weights = []
    for k, (n_in, n_out) in enumerate(zip(work.sizes, work.sizes[1:])):
        # A sine has variance 1/2.
        w = wave(n_in * n_out, phase=k + 0.3) * np.sqrt(2.0 * gain / n_in)
        b = wave(n_out, phase=k + 0.8) * 0.1
        weights.append((w.reshape(n_in, n_out).astype(np.float32), b.astype(np.float32)))
    x = 0.5 + 0.5 * wave(work.batch * work.sizes[0], phase=0.1)
    labels = (np.arange(work.batch, dtype=np.int64) * 7 + 3) % work.sizes[-1]
    return weights, x.reshape(work.batch, -1).astype(np.float32), labels


def peak_rss_mb():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, KiB on Linux.
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def main(peer, make, args, versions):
    """Times one peer and prints its JSON line.

    Blocks of steps that last about 0.1 s, each from the initial weights, so
    that no block trains a different (saturated, denormal) network.
    """
    work = WORKLOADS[args.workload]
    weights, x, labels = inputs(work)
    trainer = make(work, weights, x, labels, args)

    def block(steps):
        trainer.reset()
        start = time.perf_counter()
        for _ in range(steps):
            handle = trainer.step()
        loss = trainer.sync(handle)
        elapsed = time.perf_counter() - start
        assert loss == loss, f"{peer}: the loss is NaN"
        return elapsed

    block(WARM_UP)
    steps = WARM_UP
    while (elapsed := block(steps)) < 0.05:
        steps *= 2
    steps = max(1, round(steps * 0.1 / elapsed))
    rates = []
    end = time.perf_counter() + args.seconds
    while not rates or time.perf_counter() < end:
        rates.append(steps / block(steps))
    rate = statistics.median(rates)
    result = {
        "peer": peer,
        "workload": args.workload,
        "mode": "train",
        "threads": args.threads,
        "batch": work.batch,
        "steps_per_s": rate,
        "min": min(rates),
        "max": max(rates),
        "blocks": len(rates),
        "samples_per_s": rate * work.batch,
        "peak_rss_mb": peak_rss_mb(),
        "versions": {"python": platform.python_version()} | versions,
    }
    print(json.dumps(result), flush=True)
