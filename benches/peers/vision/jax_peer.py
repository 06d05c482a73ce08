"""JAX: one jitted training step with donated params; W3 to W5."""

from serve import parse, serve

args = parse(["jit"])
assert args.mode == "train" and args.workload in ("W3", "W4", "W5"), "no such network here"

import functools

import jax
import jax.numpy as jnp
from jax import lax
from nets import LR, MOMENTUM, batch_of

key = jax.random.key(0)


def conv(p, x, stride=1, padding=0):
    y = lax.conv_general_dilated(x, p["w"], (stride, stride), [(padding, padding)] * 2,
                                 dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return y + p["b"] if "b" in p else y


def conv_params(i, o, k, bias=True):
    global key
    key, use = jax.random.split(key)
    w = jax.random.normal(use, (k, k, i, o)) * jnp.sqrt(2 / (i * k * k))
    return {"w": w, "b": jnp.zeros(o)} if bias else {"w": w}


def dense_params(i, o):
    global key
    key, use = jax.random.split(key)
    return {"w": jax.random.normal(use, (i, o)) * jnp.sqrt(2 / i), "b": jnp.zeros(o)}


def pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def dense(p, x):
    return x @ p["w"] + p["b"]


def norm(p, x):
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    state = (0.9 * p["mean"] + 0.1 * mean, 0.9 * p["var"] + 0.1 * var)
    return (x - mean) * lax.rsqrt(var + 1e-5) * p["g"] + p["b"], state


def norm_params(c):
    return {"g": jnp.ones(c), "b": jnp.zeros(c), "mean": jnp.zeros(c), "var": jnp.ones(c)}


if args.workload == "W3":
    params = [conv_params(1, 30, 5), dense_params(30 * 144, 100), dense_params(100, 10)]

    def net(p, x, key):
        x = pool(jax.nn.relu(conv(p[0], x)))
        return dense(p[2], jax.nn.relu(dense(p[1], x.reshape(len(x), -1))))

elif args.workload == "W4":
    widths = [1, 16, 16, 32, 32, 64, 64]
    params = [conv_params(i, o, 3) for i, o in zip(widths, widths[1:])]
    params += [dense_params(1024, 50), dense_params(50, 10)]

    def net(p, x, key):
        for i in range(6):
            x = jax.nn.relu(conv(p[i], x, padding=2 if i == 3 else 1))
            if i % 2:
                x = pool(x)
        keys = jax.random.split(key)
        x = jax.nn.relu(dense(p[6], x.reshape(len(x), -1)))
        x = dense(p[7], x * jax.random.bernoulli(keys[0], 0.5, x.shape))
        return x * jax.random.bernoulli(keys[1], 0.5, x.shape)

else:
    blocks = [(i, o, s) for i, o, s in
              [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1),
               (256, 512, 2), (512, 512, 1)]]
    params = {"stem": [conv_params(3, 64, 3, False), norm_params(64)], "fc": dense_params(512, 10), "blocks": []}
    for i, o, s in blocks:
        block = [conv_params(i, o, 3, False), norm_params(o), conv_params(o, o, 3, False), norm_params(o)]
        if s > 1:
            block += [conv_params(i, o, 1, False), norm_params(o)]
        params["blocks"].append(block)

    def net(p, x, key):
        x = jax.nn.relu(norm(p["stem"][1], conv(p["stem"][0], x, 1, 1))[0])
        for b, (_, _, s) in zip(p["blocks"], blocks):
            y = jax.nn.relu(norm(b[1], conv(b[0], x, s, 1))[0])
            y = norm(b[3], conv(b[2], y, 1, 1))[0]
            x = jax.nn.relu(y + (norm(b[5], conv(b[4], x, s))[0] if s > 1 else x))
        return dense(p["fc"], x.mean((1, 2)))


x, labels = batch_of(args.work, args.batch)
x, labels = jnp.asarray(x.transpose(0, 2, 3, 1)), jnp.asarray(labels)


def loss_of(p, key):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(net(p, x, key)), labels[:, None], 1))


adam = args.work.rule == "adam"
zeros = jax.tree.map(jnp.zeros_like, params)
state = (params, zeros, jax.tree.map(jnp.zeros_like, params), jnp.zeros(()))


@functools.partial(jax.jit, donate_argnums=0)
def update(state, key):
    p, m, v, t = state
    loss, g = jax.value_and_grad(loss_of)(p, key)
    t += 1
    if adam:
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        step = lambda p, m, v: p - LR / (1 - 0.9**t) * m / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)
        p = jax.tree.map(step, p, m, v)
    else:
        m = jax.tree.map(lambda m, g: MOMENTUM * m + g, m, g)
        p = jax.tree.map(lambda p, m: p - LR * m, p, m)
    return (p, m, v, t), loss


def step():
    global state, key
    key, use = jax.random.split(key)
    state, loss = update(state, use)
    return loss


serve({"jax": jax.__version__}, step, float)
