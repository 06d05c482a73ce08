"""Kōbai beside its peers: interleaved rounds on the same cores.

    python benches/peers/run.py                          W1 and W2, 1 thread, prints a table
    python benches/peers/run.py --workload W1 --threads 2 --write

See README.md for what makes the comparison fair, and for adding a peer.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shlex
import statistics
import subprocess
import sys

from workloads import DEFAULT_PEERS, PEERS, WORKLOADS

HERE = pathlib.Path(__file__).resolve().parent
BENCHMARKS = HERE.parent / "BENCHMARKS.md"
OURS = "target/release/kobai bench {workload} --threads {threads} --steps {steps} --json"
FIELDS = ("workload", "mode", "threads", "batch", "steps_per_s", "samples_per_s", "peak_rss_mb")


def fail(message):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


def run(command, workload, threads):
    """Runs a command, returns the JSON object of its last line, checked."""
    done = subprocess.run(shlex.split(command), stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        fail(f"`{command}` exited with {done.returncode}")
    lines = done.stdout.strip().splitlines()
    try:
        result = json.loads(lines[-1])
        missing = [f for f in FIELDS if f not in result]
    except (IndexError, ValueError, TypeError):
        fail(f"`{command}` did not print a JSON line")
    if missing:
        fail(f"`{command}` printed no {', '.join(missing)}")
    asked = {"workload": workload, "mode": "train", "threads": threads, "batch": WORKLOADS[workload].batch}
    for key, value in asked.items():
        if result[key] != value:
            fail(f"`{command}` measured {key} {result[key]}, not {value}")
    if not result["steps_per_s"] > 0:
        fail(f"`{command}` reports {result['steps_per_s']} steps/s")
    return result


def calibrate(template, workload, threads, seconds):
    """The number of steps after which one call of ours lasts about `seconds`.
    The second call is long enough to be out of the start-up's shadow."""
    steps = 200
    for share in (0.1, 1.0):
        command = template.format(workload=workload, threads=threads, steps=steps)
        rate = run(command, workload, threads)["steps_per_s"]
        steps = max(200, round(rate * seconds * share))
    return steps


def measure(args, workload):
    """{name: [one result per round]}; the order within a round rotates."""
    steps = calibrate(args.ours, workload, args.threads, args.seconds)
    python, here = shlex.quote(sys.executable), shlex.quote(str(HERE))
    tail = f" --workload {workload} --threads {args.threads} --seconds {args.seconds}"
    commands = {"kobai": args.ours.format(workload=workload, threads=args.threads, steps=steps)}
    for peer in args.peers:
        commands[peer] = PEERS[peer].format(python=python, here=here, rust=shlex.quote(args.rust)) + tail
    names = list(commands)
    results = {name: [] for name in names}
    for r in range(args.rounds):
        for k in range(len(names)):
            name = names[(k + r) % len(names)]
            results[name].append(run(commands[name], workload, args.threads))
        line = ", ".join(f"{n} {results[n][-1]['steps_per_s']:.0f}" for n in names)
        print(f"{workload} round {r + 1}/{args.rounds}, steps/s: {line}", file=sys.stderr)
    return results


def cpu_model():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def table(workload, results, threads, seconds, load):
    """Markdown: medians over rounds, and the median of per-round ratios."""
    work = WORKLOADS[workload]
    ours = [r["steps_per_s"] for r in results["kobai"]]
    n = len(ours)
    isa = results["kobai"][0].get("isa", "?")
    lines = [
        f"{work.title}; batch {work.batch}, one training step (forward, backward,"
        f" {dict(sgd='SGD', adam='Adam')[work.optimizer]}), float32.",
        f"{cpu_model()}, {threads} thread{'s' * (threads > 1)}, {datetime.date.today().isoformat()};"
        f" {n} interleaved round{'s' * (n > 1)} of {seconds:g} s;"
        f" load average {load[0]:.2f} before, {load[1]:.2f} after (the run itself counts {threads}).",
        "",
        "| | steps/s (median of rounds) | min to max | samples/s | Kōbai is faster by (median, min to max) | peak MB | versions |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    for name, rounds in results.items():
        rates = [r["steps_per_s"] for r in rounds]
        ratios = [o / r for o, r in zip(ours, rates)]
        rate = statistics.median(rates)
        versus = f"{statistics.median(ratios):.2f}× ({min(ratios):.2f} to {max(ratios):.2f})"
        versions = rounds[0].get("versions", {})
        versions = ", ".join(f"{k} {v}" for k, v in versions.items() if k != "python")
        title, versus, versions = ("**Kōbai**", "", isa) if name == "kobai" else (name, versus, versions)
        rss = max(r["peak_rss_mb"] for r in rounds)
        lines.append(
            f"| {title} | {rate:,.0f} | {min(rates):,.0f} to {max(rates):,.0f}"
            f" | {rate * work.batch:,.0f} | {versus} | {rss:.0f} | {versions} |"
        )
    return "\n".join(lines)


def write(path, workload, threads, text):
    """Replaces what is between the markers of this workload and thread count,
    or appends a section that has them."""
    begin, end = f"<!-- peers:{workload}:{threads} -->", f"<!-- /peers:{workload}:{threads} -->"
    page = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    block = f"{begin}\n{text}\n{end}"
    if begin in page:
        head, rest = page.split(begin, 1)
        if end not in rest:
            fail(f"{path.name}: `{begin}` has no `{end}`")
        page = head + block + rest.split(end, 1)[1]
    else:
        title = f"### {workload}, {threads} thread{'s' * (threads > 1)}"
        page = f"{page.rstrip()}\n\n{title}\n\n{block}\n"
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", action="append", choices=WORKLOADS, help="may be repeated; all by default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cores", help="which cores, such as 0,1; the first THREADS allowed ones by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="per peer and round")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=DEFAULT_PEERS)
    parser.add_argument("--ours", default=OURS, help=f"command template; default: {OURS}")
    parser.add_argument("--rust", default="target/peers/release", help="folder of the Rust peers' binaries")
    parser.add_argument("--skip-loss-check", action="store_true")
    parser.add_argument("--write", nargs="?", type=pathlib.Path, const=BENCHMARKS, metavar="FILE",
                        help="write the tables between their markers, into BENCHMARKS.md by default")
    parser.add_argument("--raw", type=pathlib.Path, help="write every single result there as JSON")
    args = parser.parse_args()
    if args.rounds < 1 or args.threads < 1 or args.seconds <= 0:
        parser.error("--rounds, --threads and --seconds must be positive")

    workloads = args.workload or list(WORKLOADS)
    if not args.skip_loss_check:
        scripts = [word for peer in args.peers for word in PEERS[peer].split() if word.endswith(".py")]
        modules = dict.fromkeys(["numpy_mlp", *(pathlib.Path(s).stem for s in scripts)])
        check = [sys.executable, str(HERE / "check_losses.py"), "--peers", *modules]
        for w in workloads:
            check += ["--workload", w]
        if subprocess.run(check, stdout=sys.stderr).returncode != 0:
            fail("the peers do not train the same network")

    # Children inherit the affinity, ours and theirs alike.
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        cores = [int(c) for c in args.cores.split(",")] if args.cores else allowed[: args.threads]
        if len(cores) != args.threads or not set(cores) <= set(allowed):
            fail(f"{args.threads} threads need as many of the cores {allowed}, got {cores}")
        os.sched_setaffinity(0, cores)
        assert os.sched_getaffinity(0) == set(cores)
    else:
        print("warning: no core pinning on this system", file=sys.stderr)

    raw = {}
    for workload in workloads:
        before = os.getloadavg()[0]
        raw[workload] = measure(args, workload)
        text = table(workload, raw[workload], args.threads, args.seconds, (before, os.getloadavg()[0]))
        print(text + "\n")
        if args.write:
            write(args.write, workload, args.threads, text)
    if args.raw:
        args.raw.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
