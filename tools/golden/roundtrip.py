"""torchvision's files through `kobai predict`, and ours through torchvision.

python tools/golden/roundtrip.py target/release/kobai resnet18 mobilenet_v2 …

Random weights. For each network: a .pth (zip), a legacy .pth and a .safetensors written here must give
the logits that torchvision gives, to 1e-4 relative.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torchvision
from safetensors.torch import save_file

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
sys.exit(failed)
