"""A 5-4-7-3 network (no two sizes are alike, nor equal to the batch of 6):
fc1, batch norm, sigmoid, fc2, ReLU, fc3, soft-max cross-entropy; ten steps of
SGD, lr 0.1, momentum 0.9, on one batch.

`grad.fc1.bias` is zero by mathematics, since batch norm takes its mean away;
what is recorded is rounding noise near 1e-17.
"""

import torch

from formula import labels, wave

STEPS = 10


class Mlp(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = torch.nn.Linear(5, 4)
        self.bn1 = torch.nn.BatchNorm1d(4)
        self.fc2 = torch.nn.Linear(4, 7)
        self.fc3 = torch.nn.Linear(7, 3)
        self.kink_distance = float("inf")

    def forward(self, x):
        x = self.fc2(torch.sigmoid(self.bn1(self.fc1(x))))
        self.kink_distance = min(self.kink_distance, x.detach().abs().min().item())
        return self.fc3(torch.relu(x))


def state(net, prefix):
    return {prefix + k: v.clone() for k, v in net.state_dict().items() if "num_batches" not in k}


def record():
    net = Mlp()
    with torch.no_grad():
        for n, (name, p) in enumerate(net.named_parameters()):
            shift = 1.0 if name == "bn1.weight" else 0.0
            p.copy_(torch.tensor(wave(*p.shape, phase=0.9 * n + 0.25, scale=0.7, shift=shift)))
    x = torch.tensor(wave(6, 5, phase=0.15, scale=1.3, shift=0.1), requires_grad=True)
    target = torch.tensor(labels(6, 3))
    out = {"x": x, "labels": target} | state(net, "initial.")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    losses = []
    net.train()
    for step in range(STEPS):
        optimizer.zero_grad()
        logits = net(x)
        loss = torch.nn.functional.cross_entropy(logits, target)
        loss.backward()
        losses.append(loss.detach())
        if step == 0:
            out |= {"logits": logits, "grad_x": x.grad.clone()}
            out |= {"grad." + k: p.grad.clone() for k, p in net.named_parameters()}
        optimizer.step()
    assert net.kink_distance > 1e-3, f"a ReLU input came within {net.kink_distance} of the kink"
    out["loss"] = torch.stack(losses)
    out |= state(net, "final.")
    net.eval()
    out["logits_eval"] = net(x)
    return out
