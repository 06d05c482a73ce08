"""PyTorch: eager modules and torch.optim. `--mode compile` compiles the
network with its loss; `--fused` takes the fused optimiser."""

import harness


def options(parser):
    parser.add_argument("--mode", choices=["eager", "compile"], default="eager")
    parser.add_argument("--fused", action="store_true")


if __name__ == "__main__":
    args = harness.parse(options)

import torch


class Trainer:
    def __init__(self, work, weights, x, labels, mode, fused):
        act = {"sigmoid": torch.nn.Sigmoid, "relu": torch.nn.ReLU}[work.activation]
        layers = []
        for n_in, n_out in zip(work.sizes, work.sizes[1:-1]):
            layers += [torch.nn.Linear(n_in, n_out)]
            layers += [torch.nn.BatchNorm1d(n_out)] * work.norm + [act()]
        net = torch.nn.Sequential(*layers, torch.nn.Linear(*work.sizes[-2:]))
        self.norms = [m for m in net if isinstance(m, torch.nn.BatchNorm1d)]
        self.linears = [m for m in net if isinstance(m, torch.nn.Linear)]
        self.initial = [(torch.tensor(w.T.copy()), torch.tensor(b)) for w, b in weights]
        self.x, self.labels = torch.tensor(x), torch.tensor(labels)
        rule = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[work.optimizer]
        self.optimizer = rule(net.parameters(), lr=work.lr, **({"fused": True} if fused else {}))
        criterion = torch.nn.CrossEntropyLoss()

        def forward(x, labels):
            return criterion(net(x), labels)

        self.forward = torch.compile(forward) if mode == "compile" else forward
        self.reset()

    def reset(self):
        with torch.no_grad():
            for m, (w, b) in zip(self.linears, self.initial):
                m.weight.copy_(w)
                m.bias.copy_(b)
            for m in self.norms:
                m.weight.fill_(1)
                m.bias.fill_(0)
            for state in self.optimizer.state.values():
                for value in state.values():
                    if value is not None:
                        value.zero_()

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.forward(self.x, self.labels)
        loss.backward()
        self.optimizer.step()
        return loss

    def sync(self, loss):
        return loss.item()


def make(work, weights, x, labels, options=None):
    mode = options.mode if options else "eager"
    return Trainer(work, weights, x, labels, mode, bool(options and options.fused))


if __name__ == "__main__":
    torch.set_num_threads(args.threads)
    torch.set_num_interop_threads(1)
    name = "torch" + ("-compile" if args.mode == "compile" else "-fused" if args.fused else "")
    harness.main(name, make, args, {"torch": torch.__version__.split("+")[0]})
