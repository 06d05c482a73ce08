"""Writes what a PyTorch training shows, for `kobai doctor FILE`.

One file, nothing but PyTorch and the standard library. It changes no number of
the training: it reads tensors through hooks and copies figures.

    from kobai_watch import Watch

    watch = Watch(model, optimizer, "torch-run.jsonl", steps=1000)
    for x, y in batches:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        watch.step(loss, y)
        # now and then, if you evaluate anyway:
        # watch.evaluate(test_loss=0.3, test_accuracy=0.9)
    watch.close()

Then: kobai doctor torch-run.jsonl

The format is `kobai.watch/1`: one JSON object per line, `null` for a number that
is none. Steps that are looked at: every 4th of the first 200, every 16th of the
first 1600, every 64th after that.
"""

import json
import math

import torch

KINDS = {
    "Linear": "linear", "LazyLinear": "linear",
    "Conv1d": "conv", "Conv2d": "conv", "Conv3d": "conv",
    "BatchNorm1d": "batch-norm", "BatchNorm2d": "batch-norm", "BatchNorm3d": "batch-norm",
    "Dropout": "dropout", "Dropout1d": "dropout", "Dropout2d": "dropout", "AlphaDropout": "dropout",
    "ReLU": "relu", "ReLU6": "relu6", "LeakyReLU": "leaky-relu", "ELU": "elu", "GELU": "gelu",
    "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus",
}
WEIGHTED = ("linear", "conv")
ACTIVATIONS = ("relu", "relu6", "leaky-relu", "elu", "gelu", "sigmoid", "tanh", "softplus")
WINDOW = 256  # examples over which a unit is judged dead or saturated
POINTS = 40  # learning-curve points over the planned steps


def _number(x):
    x = float(x)
    return x if math.isfinite(x) else None


def _rms(t):
    return _number(t.detach().double().square().mean().sqrt()) if t.numel() else 0.0


class Watch:
    def __init__(self, model, optimizer, path, steps=0, frozen=None):
        self.model, self.optimizer, self.steps = model, optimizer, steps
        self.file = open(path, "w", encoding="utf-8")
        self.now, self.order, self.hooks = 0, [], []
        self.looking, self.figures, self.units = False, {}, []
        self.counts, self.output, self.started = {}, None, False
        self.bad, self.window, self.frozen = None, [], frozen
        self.data, self.before = None, {}
        self.every = max(1, (steps or 1000) // POINTS)
        for name, module in model.named_modules():
            kind = KINDS.get(type(module).__name__)
            if kind and not list(module.children()):
                self.hooks.append(module.register_forward_hook(self._forward(name or "model", kind)))
        self.hooks.append(model.register_forward_pre_hook(self._input))
        self.hooks.append(model.register_forward_hook(self._head))
        self.hooks.append(optimizer.register_step_pre_hook(self._before_update))
        self.hooks.append(optimizer.register_step_post_hook(self._after_update))

    @staticmethod
    def looks_at(step):
        return step % (4 if step < 200 else 16 if step < 1600 else 64) == 0

    def _write(self, event, **keys):
        self.file.write(json.dumps({"event": event, **keys}, allow_nan=False) + "\n")

    def _watches(self):
        return self.model.training and (self.looking or not self.started)

    def _first_bad(self, layer, phase, ok):
        if not ok and self.bad is None:
            self.bad = (self.now, layer, phase)

    # Hooks of the forward pass -------------------------------------------------

    def _input(self, _, args):
        self.looking = self.model.training and self.looks_at(self.now)
        if self.model.training and self.now < 32 and args and torch.is_tensor(args[0]):
            self._inputs(args[0].detach())

    def _inputs(self, x):
        if not x.is_floating_point():
            return
        rows = x.reshape(x.shape[0], -1).double().cpu()
        if self.data is None:
            zero = torch.zeros(rows.shape[1], dtype=torch.float64)
            self.data = {"n": 0, "sum": zero.clone(), "sq": zero.clone(), "zeros": zero.clone(),
                         "low": zero + math.inf, "high": zero - math.inf, "bad": 0}
        d = self.data
        if rows.shape[1] != d["sum"].shape[0]:
            return
        finite = torch.isfinite(rows)
        d["bad"] += int((~finite).sum())
        rows = torch.where(finite, rows, torch.zeros_like(rows))
        d["n"] += rows.shape[0]
        d["sum"] += rows.sum(0)
        d["sq"] += rows.square().sum(0)
        d["zeros"] += (rows == 0).sum(0)
        d["low"] = torch.minimum(d["low"], rows.min(0).values)
        d["high"] = torch.maximum(d["high"], rows.max(0).values)

    def _forward(self, name, kind):
        def hook(module, _, output):
            if not torch.is_tensor(output) or not self.model.training:
                return
            if not self.started and name not in [n for n, _, _ in self.order]:
                self.order.append((name, kind, module))
            if not self._watches():
                return
            y = output.detach()
            if kind in WEIGHTED:
                self._first_bad(name, "forward", bool(torch.isfinite(y).all()))
                per_unit = y.reshape(y.shape[0], -1).double()
                signal = per_unit.var(0, unbiased=False).mean().sqrt() if y.shape[0] > 1 else y.new_zeros(())
                self.figures[name] = {"layer": name, "signal": _number(signal)}
                if output.requires_grad:
                    def grad(g, name=name, n=y.shape[0]):
                        # The loss is a mean: per example it is n times as large.
                        if name in self.figures:
                            rms = _rms(g)
                            self.figures[name]["delta_rms"] = None if rms is None else rms * n
                    output.register_hook(grad)
            elif kind in ACTIVATIONS:
                self._first_bad(name, "forward", bool(torch.isfinite(y).all()))
                self._count(name, kind, y)
        return hook

    def _count(self, name, kind, y):
        # Of a picture a unit is a channel, counted at all places.
        flat = y.transpose(0, 1).reshape(y.shape[1], -1) if y.dim() > 1 else y.reshape(1, -1)
        c = self.counts.setdefault(name, {"active": 0, "sat": 0, "seen": 0, "n": 0})
        if kind in ("relu", "relu6"):
            c["active"] = c["active"] + (flat > 0).sum(1)
        elif kind == "sigmoid":
            c["sat"] = c["sat"] + ((flat < 0.00669) | (flat > 0.99331)).sum(1)
        elif kind == "tanh":
            c["sat"] = c["sat"] + (flat.abs() > 0.98661).sum(1)
        c["seen"] += flat.shape[1]
        c["n"] += y.shape[0]
        if c["n"] < WINDOW:
            return
        dead = int((c["active"] < 0.01 * c["seen"]).sum()) if torch.is_tensor(c["active"]) else 0
        sat = int((c["sat"] > 0.9 * c["seen"]).sum()) if torch.is_tensor(c["sat"]) else 0
        self.units.append({"layer": name, "examples": c["n"], "dead": dead, "saturated": sat,
                           "units": flat.shape[0], "rms": _rms(y), "max": _number(y.abs().max())})
        del self.counts[name]

    def _head(self, _, __, output):
        if self.model.training and torch.is_tensor(output):
            self.output = output.detach()

    # Hooks of the update -------------------------------------------------------

    def _weights(self):
        for name, kind, module in self.order:
            weight = getattr(module, "weight", None)
            if kind in WEIGHTED and weight is not None:
                yield name, weight

    def _before_update(self, *_):
        if not self.looking:
            return
        l2 = self._settings()["l2"]
        for name, weight in self._weights():
            f = self.figures.setdefault(name, {"layer": name})
            w = weight.detach()
            rows = w.reshape(w.shape[0], -1)
            f["weight_rms"] = _rms(w)
            f["unit_spread"] = _number((rows.max(0).values - rows.min(0).values).max())
            f["penalty_rms"] = l2 * (f["weight_rms"] or 0.0)
            if weight.grad is not None:
                f["gradient_rms"] = _rms(weight.grad)
                self._first_bad(name, "backward", f["gradient_rms"] is not None)
            else:
                f["gradient_rms"] = 0.0
            self.before[name] = w.clone()

    def _after_update(self, *_):
        for name, weight in self._weights():
            if name in self.before:
                update = _rms(weight.detach() - self.before[name])
                self.figures[name]["update_rms"] = update
                self._first_bad(name, "update", update is not None)
        self.before = {}

    # Events ----------------------------------------------------------------------

    def _settings(self):
        group = self.optimizer.param_groups[0]
        betas = group.get("betas", (None, None))
        name, decay = type(self.optimizer).__name__.lower(), float(group.get("weight_decay", 0.0))
        decoupled = name == "adamw"
        return {
            "name": name, "lr": float(group["lr"]), "momentum": float(group.get("momentum", 0.0) or 0.0),
            "beta1": betas[0], "beta2": betas[1] if betas[1] is not None else group.get("alpha"),
            "eps": group.get("eps"), "l2": 0.0 if decoupled else decay,
            "weight_decay": decay if decoupled else 0.0,
        }

    def _layer(self, name, kind, module):
        line = {"name": name, "kind": kind}
        weight = getattr(module, "weight", None)
        if kind in WEIGHTED:
            line.update(units=weight.shape[0], fan_in=weight[0].numel(), bias=module.bias is not None)
        if kind == "dropout":
            line["p"] = float(module.p)
        if kind == "batch-norm":
            line["momentum"] = 0.0 if module.momentum is None else float(module.momentum)
        return line

    def _start(self, targets):
        held = {id(p) for g in self.optimizer.param_groups for p in g["params"]}
        frozen = self.frozen
        if frozen is None:
            # What `requires_grad` switches off is meant; what the optimiser was not given may be a slip.
            frozen = [n for n, w in self._weights() if not w.requires_grad]
        classes = targets is not None and not targets.is_floating_point() and targets.dim() == 1
        self._write(
            "start", schema="kobai.watch/1", source="pytorch " + torch.__version__.split("+")[0],
            batch=int(self.output.shape[0]) if self.output is not None else 1, steps=self.steps,
            loss="cross-entropy" if classes else "mse", optimizer=self._settings(), frozen=frozen,
            layers=[self._layer(*entry) for entry in self.order],
            not_in_optimizer=[n for n, w in self._weights() if id(w) not in held],
        )
        self.started = True

    def _describe(self):
        d, t = self.data, self.window_targets
        keys = {}
        if d is not None and d["n"] > 1:
            n = d["n"]
            mean, var = d["sum"] / n, d["sq"] / n - (d["sum"] / n).square()
            std = var.clamp(min=0).sqrt()
            moves = d["high"] > d["low"]
            dense = moves & (d["zeros"] < 0.5 * n)
            used = std[dense]
            used = used[used > 0]
            total = mean.mean()
            keys = {
                "features": int(mean.numel()), "mean": _number(total),
                "std": _number((d["sq"].mean() / n - total * total).clamp(min=0).sqrt()),
                "max_abs": _number(torch.maximum(d["low"].abs(), d["high"].abs()).max()),
                "constant": int((~moves).sum()), "non_finite": d["bad"],
                "std_ratio": _number(used.max() / used.min()) if used.numel() else 1.0,
                "offset": _number((mean.abs()[dense] / std[dense].clamp(min=1e-12)).max()) if used.numel() else 0.0,
            }
        if t:
            y = torch.cat(t)
            keys["examples"] = int(y.shape[0])
            if not y.is_floating_point() and y.dim() == 1:
                width = self.output.shape[1] if self.output is not None and self.output.dim() > 1 else int(y.max()) + 1
                keys["class_counts"] = torch.bincount(y.clamp(min=0), minlength=width).tolist()
            else:
                y = y.double()
                keys.update(target_mean=_number(y.mean()), target_variance=_number(y.var(unbiased=False)),
                            target_range=[_number(y.min()), _number(y.max())])
        self._write("data", **keys)

    window_targets = None

    def step(self, loss, targets=None):
        """After `optimizer.step()`: the loss of the batch, and its targets if they are at hand."""
        loss = float(loss.detach()) if torch.is_tensor(loss) else float(loss)
        if not self.started:
            self._start(targets)
            self.looking = True
        if self.window_targets is None:
            self.window_targets = []
        if targets is not None and self.now < 32:
            self.window_targets.append(targets.detach().cpu())
        self._first_bad("loss", "loss", math.isfinite(loss))
        self._write("loss", step=self.now, loss=_number(loss))
        right = None
        if targets is not None and self.output is not None and self.output.dim() == 2 and targets.dim() == 1 \
                and not targets.is_floating_point() and self.output.shape[1] > 1:
            right = float((self.output.argmax(1) == targets).double().mean())
        if self.looking:
            look = {"layers": [self.figures[n] for n, _ in self._weights() if n in self.figures],
                    "units": self.units}
            if self.output is not None:
                look["output_std"] = _number(self.output.double().std()) if self.output.numel() > 1 else 0.0
                if right is not None:
                    votes = torch.bincount(self.output.argmax(1), minlength=self.output.shape[1])
                    look["top_class"] = float(votes.max()) / self.output.shape[0]
            self._write("look", step=self.now, **look)
        self.figures, self.units, self.looking = {}, [], False
        self.now += 1
        self.window.append((loss, right))
        if self.now == 1 or self.now % self.every == 0:
            self._point()
        if self.now == 32:
            self._describe()
        self.file.flush()

    def _point(self, **test):
        """A point of the learning curve from the batches since the last one, in training mode."""
        losses = [l for l, _ in self.window]
        rights = [r for _, r in self.window if r is not None]
        mean = sum(losses) / len(losses) if losses else math.nan
        keys = {"train_loss": _number(mean), "noisy_loss": _number(mean)}
        keys["train_accuracy"] = sum(rights) / len(rights) if rights else None
        keys.update({k: _number(v) for k, v in test.items()})
        self._write("point", step=0 if self.now == 1 else self.now, **keys)
        self.window = []

    def evaluate(self, test_loss=math.nan, test_accuracy=math.nan):
        """Figures of an evaluation that the training makes anyway."""
        if self.window:
            self._point(test_loss=test_loss, test_accuracy=test_accuracy)

    def close(self):
        """Removes the hooks and ends the file."""
        if self.now < 32 and self.started:
            self._describe()
        if self.window:
            self._point()
        if self.bad is not None:
            step, layer, phase = self.bad
            self._write("non_finite", step=step, layer=layer, phase=phase)
        for hook in self.hooks:
            hook.remove()
        self.file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
