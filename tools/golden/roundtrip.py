"""torchvision's files through `kobai predict`, and ours through torchvision.

python tools/golden/roundtrip.py target/release/kobai resnet18 mobilenet_v2 …

Random weights. For each network: a .pth (zip), a legacy .pth and a .safetensors written here must give
the logits that torchvision gives, to 1e-4 relative; and the .pth written again as .safetensors by `kobai zoo check --out`
must load into torchvision with strict=True and give the same bits. For those that take pictures of 32 pixels, the other way round: the
checkpoint of a short `kobai lab run` must load into torchvision with strict=True and give the logits of `kobai predict`.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torchvision
from safetensors.torch import load_file, save_file

kobai, names = sys.argv[1], sys.argv[2:] or ["resnet18", "mobilenet_v2", "googlenet", "alexnet"]
torch.manual_seed(0)
failed = False
for name in names:
    options = {"init_weights": True, "aux_logits": False} if name == "googlenet" else {}
    model = torchvision.models.get_model(name, weights=None, **options)
    # Running statistics of a net that has seen data, so that they matter.
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(4, 3, 224, 224))
    model.eval()
    x = torch.randn(3, 3, 224, 224)
    with torch.no_grad():
        expected = model(x).numpy()
    state = model.state_dict()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        torch.save(state, folder / "w.pth")
        torch.save({"state_dict": {"module." + k: v for k, v in state.items()}}, folder / "old.pth", _use_new_zipfile_serialization=False)
        save_file({k: v.contiguous() for k, v in state.items()}, folder / "w.safetensors")
        np.save(folder / "x.npy", x.numpy())
        for file in ["w.pth", "old.pth", "w.safetensors"]:
            run = [kobai, "predict", "--model", name, "--weights", folder / file, "--npy", folder / "x.npy", "--out", folder / "y.npy"]
            subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
            y = np.load(folder / "y.npy")
            error = np.abs(y - expected).max() / np.abs(expected).max()
            failed |= not error < 1e-4
            print(f"{name:14} {file:14} largest difference {error:.1e} of the largest logit")
        # The same weights as we write them, from the PyTorch file.
        run = [kobai, "zoo", "check", name, "--weights", folder / "w.pth", "--out", folder / "ours.safetensors"]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        model.load_state_dict(load_file(folder / "ours.safetensors"), strict=True)
        with torch.no_grad():
            y = model(x).numpy()
        failed |= not np.array_equal(y, expected)
        print(f"{name:14} ours, strict    {'the same bits' if np.array_equal(y, expected) else 'DIFFERS'} in torchvision")

EXPERIMENT = """schema = "kobai.experiment/1"
id = "roundtrip"
[data]
set = "shapes"
train_examples = 64
test_examples = 16
[model]
zoo = "{name}"
[training]
steps = 3
batch = 8
[optimizer]
name = "momentum"
lr = 0.01
[[rows]]
id = "net"
"""
for name in names:
    if name not in ["resnet18", "resnet34", "resnet50", "mobilenet_v2", "googlenet", "vgg11", "vgg11_bn"]:
        continue
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "net.toml").write_text(EXPERIMENT.format(name=name))
        run = [kobai, "lab", "run", folder / "net.toml", "--seeds", "1", "--out", folder / "out", "--no-progress"]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        ours = folder / "out" / "checkpoints" / "net-0.safetensors"
        options = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
        model = torchvision.models.get_model(name, weights=None, num_classes=10, **options).eval()
        model.load_state_dict(load_file(ours), strict=True)
        x = torch.randn(3, 3, 32, 32)
        np.save(folder / "x.npy", x.numpy())
        run = [kobai, "predict", "--model", name, "--classes", "10", "--weights", ours]
        run += ["--npy", folder / "x.npy", "--out", folder / "y.npy"]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        with torch.no_grad():
            expected = model(x).numpy()
        error = np.abs(np.load(folder / "y.npy") - expected).max() / np.abs(expected).max()
        failed |= not error < 1e-4
        print(f"{name:14} ours, strict     largest difference {error:.1e} of the largest logit")
sys.exit(failed)
