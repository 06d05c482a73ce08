"""Writes tests/golden/<stem>.safetensors from tools/golden/<stem>.py.

    python tools/golden/record.py             all stems
    python tools/golden/record.py linear mlp  some
    python tools/golden/record.py --check     compares, writes nothing, exit 1 on a difference
"""

import argparse
import hashlib
import importlib
import pathlib
import sys

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent.parent / "tests" / "golden"
NOT_STEMS = {"record", "formula", "zoo_models", "zoo_catalogue", "roundtrip", "weight_files"}
SIZE_LIMIT = 400_000

# Another processor may sum in another order: a handful of roundings of the
# largest value. The floor serves tensors that are zero but for rounding.
RELATIVE = 64 * np.finfo(np.float64).eps
FLOOR = 1e-15


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def compute(stem):
    """Tensors and metadata of one stem."""
    module = importlib.import_module(stem)
    tensors = {}
    for name, value in module.record().items():
        if isinstance(value, torch.Tensor):
            value = value.detach().numpy()
        value = np.array(value, order="C")
        assert value.dtype in (np.float64, np.int64), f"{stem}: {name} is {value.dtype}"
        assert np.all(np.isfinite(value)), f"{stem}: {name} is not finite"
        tensors[name] = value
    metadata = {
        "torch": torch.__version__.split("+")[0],
        "numpy": np.__version__,
        "script": f"tools/golden/{stem}.py",
        "sha256": sha256(HERE / f"{stem}.py"),
        "formula_sha256": sha256(HERE / "formula.py"),
    }
    return tensors, metadata | getattr(module, "METADATA", {})


def load(path):
    if not path.exists():
        return {}, {}
    with safe_open(path, framework="numpy") as f:
        return {name: f.get_tensor(name) for name in f.keys()}, f.metadata()


def differences(old, new):
    """Lines that say how two sets of tensors differ beyond rounding."""
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            lines.append(f"{name}: in the file, no longer recorded")
        elif name not in old:
            lines.append(f"{name}: not in the file")
        elif old[name].dtype != new[name].dtype or old[name].shape != new[name].shape:
            a, b = old[name], new[name]
            lines.append(f"{name}: file {a.dtype}{list(a.shape)}, now {b.dtype}{list(b.shape)}")
        else:
            a, b = old[name], new[name]
            error = np.abs(a - b)
            limit = 0 if a.dtype == np.int64 else RELATIVE * np.abs(a).max(initial=0) + FLOOR
            # Written so that a NaN counts as bad.
            bad = ~(error <= limit)
            if bad.any():
                at = np.unravel_index(np.argmax(np.where(np.isnan(error), np.inf, error)), a.shape)
                place = [int(i) for i in at]
                lines.append(
                    f"{name}: {bad.sum()} of {a.size} values differ, most at {place}:"
                    f" file {a[at]!r}, now {b[at]!r}, limit {limit:.1e}"
                )
    return lines


def identical(old, new):
    return old.keys() == new.keys() and all(
        old[k].dtype == new[k].dtype and old[k].shape == new[k].shape and old[k].tobytes() == new[k].tobytes()
        for k in old
    )


def main():
    every = sorted(p.stem for p in HERE.glob("*.py") if p.stem not in NOT_STEMS)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stems", nargs="*", metavar="STEM", help=f"of {', '.join(every)}; all if none is given")
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    args = parser.parse_args()
    unknown = set(args.stems) - set(every)
    if unknown:
        parser.error(f"no script for {', '.join(sorted(unknown))}")

    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    failed = False
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for stem in args.stems or every:
        path = GOLDEN / f"{stem}.safetensors"
        (old, old_meta), (new, new_meta) = load(path), compute(stem)
        if args.check:
            lines = differences(old, new)
            lines += [
                f"{key}: file {old_meta.get(key)}, now {new_meta.get(key)}"
                for key in sorted((old_meta.keys() | new_meta.keys()) - {"torch", "numpy"})
                if old_meta.get(key) != new_meta.get(key)
            ]
            failed |= bool(lines)
            note = "" if identical(old, new) or lines else " (within rounding, not bit for bit)"
            print(f"{stem}: {'DIFFERS' if lines else 'same'}{note}")
            for line in lines:
                print(f"  {line}")
        elif identical(old, new) and old_meta == new_meta:
            print(f"{stem}: unchanged")
        else:
            save_file(new, path, metadata=new_meta)
            print(f"{stem}: {len(new)} tensors, {path.stat().st_size} bytes")

    if args.check and not args.stems:
        for path in sorted(GOLDEN.glob("*.safetensors")):
            if path.stem not in every:
                failed = True
                print(f"{path.stem}: DIFFERS\n  no script tools/golden/{path.stem}.py")
    total = sum(p.stat().st_size for p in GOLDEN.glob("*.safetensors"))
    if total > SIZE_LIMIT:
        failed = True
        print(f"tests/golden holds {total} bytes, more than {SIZE_LIMIT}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
