"""JAX: one jitted step whose state is donated."""

import harness

if __name__ == "__main__":
    args = harness.parse()

import functools

import jax
import jax.numpy as jnp
import numpy as np


def batch_norm(y, norm):
    mean = y.mean(axis=0)
    var = jnp.square(y - mean).mean(axis=0)
    out = (y - mean) * (jax.lax.rsqrt(var + 1e-5) * norm["gamma"]) + norm["beta"]
    return out, (mean, var * (y.shape[0] / (y.shape[0] - 1)))


@functools.partial(jax.jit, static_argnums=(3,), donate_argnums=0)
def train_step(state, x, labels, work):
    def loss_of(params):
        batch_stats = []
        x_k = x
        for k, (w, b) in enumerate(params["linear"]):
            y = x_k @ w + b
            if k < len(params["linear"]) - 1:
                if work.norm:
                    y, stats = batch_norm(y, params["norm"][k])
                    batch_stats.append(stats)
                x_k = jax.nn.sigmoid(y) if work.activation == "sigmoid" else jax.nn.relu(y)
        picked = jnp.take_along_axis(jax.nn.log_softmax(y), labels[:, None], axis=1)
        return -picked.mean(), batch_stats

    params = state["params"]
    (loss, batch_stats), grads = jax.value_and_grad(loss_of, has_aux=True)(params)
    new = {"running": jax.tree.map(lambda r, s: r + 0.1 * (s - r), state["running"], batch_stats)}
    if work.optimizer == "sgd":
        new["params"] = jax.tree.map(lambda p, g: p - work.lr * g, params, grads)
        return new, loss
    t = state["t"] + 1.0
    m = jax.tree.map(lambda m, g: m + 0.1 * (g - m), state["m"], grads)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * (g * g), state["v"], grads)
    rate, root = work.lr / (1 - 0.9**t), 1 / jnp.sqrt(1 - 0.999**t)
    new["params"] = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) * root + 1e-8), params, m, v)
    return new | {"m": m, "v": v, "t": t}, loss


class Trainer:
    def __init__(self, work, weights, x, labels):
        self.work, self.initial = work, weights
        self.x, self.labels = jnp.asarray(x), jnp.asarray(labels.astype(np.int32))
        self.reset()

    def reset(self):
        # Copies: donated buffers must not be the initial weights themselves.
        sizes = self.work.sizes[1:-1] if self.work.norm else ()
        params = {
            "linear": [(jnp.array(w), jnp.array(b)) for w, b in self.initial],
            "norm": [{"gamma": jnp.ones(n), "beta": jnp.zeros(n)} for n in sizes],
        }
        self.state = {"params": params, "running": [(jnp.zeros(n), jnp.ones(n)) for n in sizes]}
        if self.work.optimizer == "adam":
            zeros = [jax.tree.map(jnp.zeros_like, params) for _ in "mv"]
            self.state |= {"m": zeros[0], "v": zeros[1], "t": jnp.zeros(())}
        jax.block_until_ready(self.state)

    def step(self):
        self.state, loss = train_step(self.state, self.x, self.labels, self.work)
        return loss

    def sync(self, loss):
        jax.block_until_ready(self.state)
        return float(loss)


def make(work, weights, x, labels, options=None):
    return Trainer(work, weights, x, labels)


if __name__ == "__main__":
    harness.main("jax", make, args, {"jax": jax.__version__})
