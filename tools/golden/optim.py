"""Ten steps of each optimiser on a given sequence of gradients.

Row t of `<name>` holds the parameters after step t+1. Gradient columns 0 and
1 are of order 1e-6 and 1e-3, so that the place and the size of epsilon show
even in float32. The setting of each row is in the metadata under its name.

The names that end in `_course` come from the formulas of the day 2 course
(and the code behind it), computed here with NumPy.
"""

import numpy as np
import torch

from formula import wave

STEPS, N = 10, 11

TORCH = {
    "sgd": (torch.optim.SGD, dict(lr=0.1)),
    "momentum": (torch.optim.SGD, dict(lr=0.1, momentum=0.9)),
    "nesterov": (torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=True)),
    "sgd_weight_decay": (torch.optim.SGD, dict(lr=0.1, weight_decay=0.1)),
    "adagrad": (torch.optim.Adagrad, dict(lr=0.1, eps=1e-10)),
    "adagrad_eps_1e-8": (torch.optim.Adagrad, dict(lr=0.1, eps=1e-8)),
    "rmsprop": (torch.optim.RMSprop, dict(lr=0.01, alpha=0.99, eps=1e-8)),
    "adam": (torch.optim.Adam, dict(lr=0.01, betas=(0.9, 0.999), eps=1e-8)),
    "adamw": (torch.optim.AdamW, dict(lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)),
}


def momentum_course(p, gs, lr=0.1):
    v = np.zeros_like(p)
    for g in gs:
        v = 0.9 * v - lr * g
        p = p + v
        yield p


def nesterov_library_course(p, gs, lr=0.01):
    """Uses the velocity that is already updated; the textbook uses the old one."""
    v = np.zeros_like(p)
    for g in gs:
        v = 0.9 * v - lr * g
        p = p + 0.81 * v - 1.9 * lr * g
        yield p


def adagrad_answer_course(p, gs, lr=0.1):
    """The first step sets h = 1e-4 and leaves the first square out; no epsilon."""
    h = None
    for g in gs:
        h = np.full_like(p, 1e-4) if h is None else h + g * g
        p = p - lr * g / np.sqrt(h)
        yield p


def adagrad_theta_course(p, gs, lr=0.01):
    h = None
    for g in gs:
        h = np.full_like(p, 1e-4) if h is None else h + g * g
        p = p - lr * g / (np.sqrt(h) + 1e-4)
        yield p


def adagrad_library_course(p, gs, lr=0.01):
    h = np.zeros_like(p)
    for g in gs:
        h = h + g * g
        p = p - lr * g / (np.sqrt(h) + 1e-7)
        yield p


def rmsprop_course(p, gs, lr=0.01):
    h = np.zeros_like(p)
    for g in gs:
        h = 0.99 * h + 0.01 * g * g
        p = p - lr * g / (np.sqrt(h) + 1e-7)
        yield p


def adam_course(p, gs, lr=0.01):
    """Adds epsilon to the square root before its bias is corrected."""
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gs, start=1):
        m = m + 0.1 * (g - m)
        v = v + 0.001 * (g * g - v)
        rate = lr * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        p = p - rate * m / (np.sqrt(v) + 1e-7)
        yield p


COURSE = {
    "momentum_course": (momentum_course, 0.1),
    "nesterov_library_course": (nesterov_library_course, 0.01),
    "adagrad_answer_course": (adagrad_answer_course, 0.1),
    "adagrad_theta_course": (adagrad_theta_course, 0.01),
    "adagrad_library_course": (adagrad_library_course, 0.01),
    "rmsprop_course": (rmsprop_course, 0.01),
    "adam_course": (adam_course, 0.01),
}

METADATA = {
    name: cls.__name__ + "(" + ", ".join(f"{k}={v}" for k, v in settings.items()) + ")"
    for name, (cls, settings) in TORCH.items()
} | {name: f"{name}(lr={lr})" for name, (_, lr) in COURSE.items()}


def record():
    p0 = wave(N, phase=0.7, scale=1.1, shift=0.2)
    g = wave(STEPS, N, phase=1.5, scale=0.9, shift=0.15, away_from=(0.0,))
    g[:, 0] *= 2.0**-20
    g[:, 1] *= 2.0**-10
    out = {"p0": p0, "g": g}
    for name, (cls, settings) in TORCH.items():
        p = torch.tensor(p0, requires_grad=True)
        optimizer = cls([p], **settings)
        rows = []
        for row in g:
            p.grad = torch.tensor(row)
            optimizer.step()
            rows.append(p.detach().clone())
        out[name] = torch.stack(rows)
    for name, (rule, lr) in COURSE.items():
        out[name] = np.stack(list(rule(p0, g, lr)))
    return out
