"""A small network with every image layer, on images of 2x7x6:

    conv1 3x3 -> bn1 -> ReLU -> max-pool 3/2, padded      = h
    a = ReLU(conv2 3x3 of h), b = conv3 1x1 of h          branches of h
    sum of h and the depthwise conv4 of h                 = r
    concat(a, b, r) -> LRN -> average 2/1 -> flatten -> fc

Three steps of SGD, lr 0.05, momentum 0.9, soft-max cross-entropy, one batch.
The values before a ReLU and the two largest of each window of the max-pool
keep apart, so that rounding decides nothing.
"""

import torch
import torch.nn.functional as F

from formula import labels, wave

STEPS = 3


class Convnet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(4)
        self.conv2 = torch.nn.Conv2d(4, 3, 3, padding=1)
        self.conv3 = torch.nn.Conv2d(4, 2, 1)
        self.conv4 = torch.nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
        self.fc = torch.nn.Linear(9 * 3 * 2, 3)
        self.kink_distance = float("inf")

    def away(self, x):
        self.kink_distance = min(self.kink_distance, x.detach().abs().min().item())
        return x

    def forward(self, x):
        x = torch.relu(self.away(self.bn1(self.conv1(x))))
        windows = F.unfold(F.pad(x.detach(), (1, 1, 1, 1), value=-1.0), 3, stride=2)
        top = windows.unflatten(1, (4, 9)).topk(2, dim=2).values
        gap = (top[:, :, 0] - top[:, :, 1])[top[:, :, 0] > 0]
        self.kink_distance = min(self.kink_distance, gap.min().item())
        h = F.max_pool2d(x, 3, 2, 1)
        a = torch.relu(self.away(self.conv2(h)))
        x = torch.cat([a, self.conv3(h), h + self.conv4(h)], dim=1)
        x = F.local_response_norm(x, 3, 0.5, 0.75, 1.0)
        return self.fc(torch.flatten(F.avg_pool2d(x, 2, 1), 1))


def state(net, prefix):
    return {prefix + k: v.clone() for k, v in net.state_dict().items() if "num_batches" not in k}


def record():
    net = Convnet()
    with torch.no_grad():
        for n, (name, p) in enumerate(net.named_parameters()):
            shift = 1.0 if name == "bn1.weight" else 0.0
            p.copy_(torch.tensor(wave(*p.shape, phase=0.9 * n + 0.25, scale=0.4, shift=shift)))
    x = torch.tensor(wave(4, 2, 7, 6, phase=3.55, scale=1.3, shift=0.1))
    target = torch.tensor(labels(4, 3))
    out = {"x": x, "labels": target} | state(net, "initial.")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    losses = []
    net.train()
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), target)
        loss.backward()
        losses.append(loss.detach())
        if step == 0:
            out |= {"grad." + k: p.grad.clone() for k, p in net.named_parameters()}
        optimizer.step()
    assert net.kink_distance > 2e-4, f"a decision was as close as {net.kink_distance}"
    out["loss"] = torch.stack(losses)
    out |= state(net, "final.")
    net.eval()
    out["logits_eval"] = net(x)
    return out
