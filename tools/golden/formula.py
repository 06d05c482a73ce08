"""Inputs of the golden files: formulas instead of random numbers.

Every value lies on a grid of 2**-16, so it is exact in float32 and in
float64 (one recording serves both), and a sine that differs in its last bit
between two machines still rounds to the same value.
"""

import numpy as np

GRID = 2.0**16


def wave(*shape, phase=0.0, scale=1.0, shift=0.0, away_from=()):
    """scale * sin(0.7 i + 0.013 i^2 + phase) + shift in row-major order.

    The square makes matrices of full rank: sin(a i + b j) has rank two.
    `away_from` lists kinks; a value nearer than 0.01 is moved to that distance.
    """
    i = np.arange(int(np.prod(shape)), dtype=np.float64)
    x = scale * np.sin(0.7 * i + 0.013 * i * i + phase) + shift
    for kink in away_from:
        near = np.abs(x - kink) < 0.01
        x = np.where(near, kink + np.where(x < kink, -0.01, 0.01), x)
    return (np.round(x * GRID) / GRID).reshape(shape)


def labels(n, classes):
    """n class numbers that visit the classes out of order."""
    return (np.arange(n, dtype=np.int64) * 7 + 3) % classes
