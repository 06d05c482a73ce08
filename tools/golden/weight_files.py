"""Weight files as PyTorch and safetensors write them, for crates/lab/tests/weights.rs.

    python tools/golden/weight_files.py

One small state dict in every form that is read: its values are whole eighths, which half precision holds exactly. Beside
it the files that must be refused. Not a stem of record.py: files, not values.
"""

import os
import pathlib

import torch
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "crates" / "lab" / "tests" / "fixtures" / "weights"


def eighths(*shape):
    n = torch.Size(shape).numel()
    return ((torch.arange(n) % 61 - 30) / 8).reshape(shape)


def state():
    shared = eighths(40)
    return {
        "conv.weight": eighths(4, 3, 3, 3),
        # Strides out of order, an offset, two views of one storage.
        "conv.channels_last": eighths(4, 3, 2, 2).to(memory_format=torch.channels_last),
        "turned.weight": eighths(5, 7).t(),
        "shared.first": shared[:16],
        "shared.second": shared[16:].reshape(4, 6),
        "half": eighths(9).half(),
        "bfloat": eighths(9).bfloat16(),
        "double": eighths(9).double(),
        "norm.num_batches_tracked": torch.tensor(123456789012),
        "empty": torch.zeros(0, 3),
    }


class Evil:
    def __reduce__(self):
        return os.system, ("echo never",)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    plain = state()
    legacy = {"_use_new_zipfile_serialization": False}
    torch.save(plain, FOLDER / "zip.pth")
    torch.save(plain, FOLDER / "legacy.pth", **legacy)
    nested = {"epoch": 3, "state_dict": {"module." + k: v for k, v in plain.items()}, "best": 0.5}
    torch.save(nested, FOLDER / "nested_zip.pth")
    torch.save(nested, FOLDER / "nested_legacy.pth", **legacy)
    save_file({k: v.clone().contiguous() for k, v in plain.items()}, FOLDER / "plain.safetensors")
    torch.save({"weight": plain["half"], "hook": Evil()}, FOLDER / "evil_zip.pth")
    torch.save({"weight": plain["half"], "hook": Evil()}, FOLDER / "evil_legacy.pth", **legacy)
    torch.save(torch.nn.Linear(2, 2), FOLDER / "whole_model.pth")
    torch.save({"epoch": 3}, FOLDER / "no_tensors.pth")
    print(*(f"{p.name}: {p.stat().st_size} bytes" for p in sorted(FOLDER.iterdir())), sep="\n")


if __name__ == "__main__":
    main()
