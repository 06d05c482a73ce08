"""Records the PyTorch runs that `crates/lab/tests/doctor_torch.rs` diagnoses.

    python tools/torch/record.py crates/lab/tests/fixtures
"""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2] / "crates/lab/assets"))
from kobai_watch import Watch  # noqa: E402


def clouds(seed, n):
    """Ten classes around random centres in 64 dimensions."""
    g = torch.Generator().manual_seed(seed)
    centers = torch.randn(10, 64, generator=torch.Generator().manual_seed(99))
    y = torch.randint(0, 10, (n,), generator=g)
    return centers[y] + 0.7 * torch.randn(n, 64, generator=g), y


def net(activation):
    return nn.Sequential(nn.Linear(64, 20), activation(), nn.Linear(20, 15), activation(), nn.Linear(15, 10))


def train(path, model, lr, steps=200):
    x, y = clouds(0, 1000)
    xt, yt = clouds(1, 500)
    optimizer, criterion = torch.optim.SGD(model.parameters(), lr=lr), nn.CrossEntropyLoss()
    g = torch.Generator().manual_seed(5)
    with Watch(model, optimizer, path, steps=steps) as watch:
        for step in range(steps):
            i = torch.randint(0, 1000, (64,), generator=g)
            optimizer.zero_grad()
            loss = criterion(model(x[i]), y[i])
            loss.backward()
            optimizer.step()
            watch.step(loss, y[i])
            if step % 50 == 49:
                model.eval()
                with torch.no_grad():
                    out = model(xt)
                    watch.evaluate(float(criterion(out, yt)), float((out.argmax(1) == yt).float().mean()))
                model.train()


def main(folder):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    sigmoid = net(nn.Sigmoid)
    for layer in sigmoid:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, 0, 0.01)
            nn.init.zeros_(layer.bias)
    train(folder / "torch_sigmoid.jsonl", sigmoid, 0.1)
    dead = net(nn.ReLU)
    nn.init.constant_(dead[2].bias, -30.0)
    train(folder / "torch_dead.jsonl", dead, 0.1)
    train(folder / "torch_healthy.jsonl", net(nn.ReLU), 0.1)
    train(folder / "torch_diverging.jsonl", net(nn.ReLU), 300.0, steps=40)


main(Path(sys.argv[1]))
