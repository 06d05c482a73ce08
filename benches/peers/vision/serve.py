"""A peer that stays: it prepares once, then runs as many steps as each line of
stdin says and answers with the seconds they took. So rounds of many programs can
be interleaved without paying for imports and compilation in each.

A peer calls `serve(name, versions, step, sync)`: `step()` runs one step and
returns a handle, `sync(handle)` waits for it.
"""

import argparse
import json
import os
import resource
import sys
import time

from nets import WORKS


def parse(variants):
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", choices=WORKS, required=True)
    parser.add_argument("--mode", choices=["train", "infer"], default="train")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--variant", choices=variants, default=variants[0])
    args = parser.parse_args()
    args.work = WORKS[args.workload]
    args.batch = args.batch or args.work.batch
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(args.threads)
    eigen = "true" if args.threads > 1 else "false"
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={args.threads}"
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    return args


def serve(versions, step, sync):
    sync(step())
    sync(step())
    print("ready", flush=True)
    for line in sys.stdin:
        count = int(line)
        start = time.perf_counter()
        for _ in range(count):
            handle = step()
        sync(handle)
        print(time.perf_counter() - start, flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak_rss_mb": peak, "versions": versions}), flush=True)
