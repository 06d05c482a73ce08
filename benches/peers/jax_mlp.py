"""JAX: one jitted step whose parameters are donated."""

import harness

if __name__ == "__main__":
    args = harness.parse()

import functools

import jax
import jax.numpy as jnp
import numpy as np


@functools.partial(jax.jit, static_argnums=(3, 4), donate_argnums=0)
def train_step(params, x, labels, sigmoid, lr):
    def loss_of(params):
        for k, (w, b) in enumerate(params):
            x_k = x if k == 0 else jax.nn.sigmoid(y) if sigmoid else jax.nn.relu(y)
            y = x_k @ w + b
        picked = jnp.take_along_axis(jax.nn.log_softmax(y), labels[:, None], axis=1)
        return -picked.mean()

    loss, grads = jax.value_and_grad(loss_of)(params)
    return jax.tree.map(lambda p, g: p - lr * g, params, grads), loss


class Trainer:
    def __init__(self, work, weights, x, labels):
        self.initial = weights
        self.x, self.labels = jnp.asarray(x), jnp.asarray(labels.astype(np.int32))
        self.sigmoid, self.lr = work.activation == "sigmoid", work.lr
        self.reset()

    def reset(self):
        # Copies: donated buffers must not be the initial weights themselves.
        self.params = [(jnp.array(w), jnp.array(b)) for w, b in self.initial]
        jax.block_until_ready(self.params)

    def step(self):
        self.params, loss = train_step(self.params, self.x, self.labels, self.sigmoid, self.lr)
        return loss

    def sync(self, loss):
        jax.block_until_ready(self.params)
        return float(loss)


def make(work, weights, x, labels, options=None):
    return Trainer(work, weights, x, labels)


if __name__ == "__main__":
    harness.main("jax", make, args, {"jax": jax.__version__})
