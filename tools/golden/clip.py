"""Gradient clipping of two tensors: by their common norm (a limit that bites,
one that does not) and by value."""

import torch

from formula import wave


def record():
    grads = {
        "a": torch.tensor(wave(3, 4, phase=0.35, scale=1.6)),
        "b": torch.tensor(wave(5, phase=2.4, scale=0.8, shift=0.1)),
    }
    out = dict(grads)

    def clipped(prefix, clip):
        params = {k: torch.nn.Parameter(torch.zeros_like(g)) for k, g in grads.items()}
        for k, p in params.items():
            p.grad = grads[k].clone()
        result = clip(list(params.values()))
        out.update({f"{prefix}.{k}": p.grad for k, p in params.items()})
        return result

    utils = torch.nn.utils
    out["norm"] = clipped("norm_1.5", lambda p: utils.clip_grad_norm_(p, 1.5))
    clipped("norm_100", lambda p: utils.clip_grad_norm_(p, 100.0))
    clipped("value_0.5", lambda p: utils.clip_grad_value_(p, 0.5))
    assert 1.5 < out["norm"] < 100
    return out
