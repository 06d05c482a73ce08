"""PyTorch: eager, channels_last, or compiled (with channels_last too)."""

from serve import parse, serve

args = parse(["eager", "channels_last", "compile"])

import torch
from nets import LR, MOMENTUM, batch_of, torch_net

torch.set_num_threads(args.threads)
torch.set_num_interop_threads(1)
torch.manual_seed(0)
net = torch_net(args.workload)
x, labels = (torch.tensor(v) for v in batch_of(args.work, args.batch))
if args.variant != "eager":
    net = net.to(memory_format=torch.channels_last)
    x = x.to(memory_format=torch.channels_last)
loss_of = torch.nn.CrossEntropyLoss()

if args.mode == "train":
    net.train()
    if args.work.rule == "adam":
        rule = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
    else:
        rule = torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM, fused=True)

    def forward(x, labels):
        return loss_of(net(x), labels)

    if args.variant == "compile":
        forward = torch.compile(forward)

    def step():
        rule.zero_grad(set_to_none=True)
        loss = forward(x, labels)
        loss.backward()
        rule.step()
        return loss

else:
    net.eval()
    if args.variant == "compile":
        net = torch.compile(net)

    def step():
        with torch.inference_mode():
            return net(x).sum()


serve({"torch": torch.__version__.split("+")[0]}, step, lambda loss: loss.item())
