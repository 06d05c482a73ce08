"""NumPy: written by hand, float32 throughout, every buffer allocated once."""

import harness

if __name__ == "__main__":
    args = harness.parse()

import numpy as np


class Trainer:
    def __init__(self, work, weights, x, labels):
        self.lr = np.float32(work.lr)
        self.sigmoid = work.activation == "sigmoid"
        self.initial = weights
        self.params = [(w.copy(), b.copy()) for w, b in weights]
        self.grads = [(np.empty_like(w), np.empty_like(b)) for w, b in weights]
        # values[l] is the input of layer l, deltas[l] the gradient of its output.
        self.values = [x] + [np.empty((work.batch, n), np.float32) for n in work.sizes[1:]]
        self.deltas = [np.empty((work.batch, n), np.float32) for n in work.sizes[1:]]
        self.slopes = [np.empty((work.batch, n), np.float32) for n in work.sizes[1:-1]]
        self.labels = labels
        self.rows = np.arange(work.batch)
        self.scale = np.float32(1.0 / work.batch)

    def reset(self):
        for (w, b), (w0, b0) in zip(self.params, self.initial):
            w[...] = w0
            b[...] = b0

    def step(self):
        last = len(self.params) - 1
        for k, (w, b) in enumerate(self.params):
            y = np.matmul(self.values[k], w, out=self.values[k + 1])
            y += b
            if k == last:
                break
            if self.sigmoid:
                np.negative(y, out=y)
                np.exp(y, out=y)
                y += np.float32(1)
                np.reciprocal(y, out=y)
            else:
                np.maximum(y, np.float32(0), out=y)

        logits, d = self.values[-1], self.deltas[-1]
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=d)
        total = d.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - logits[self.rows, self.labels]).mean()
        d /= total
        d[self.rows, self.labels] -= np.float32(1)
        d *= self.scale

        for k in range(last, -1, -1):
            d = self.deltas[k]
            grad_w, grad_b = self.grads[k]
            np.matmul(self.values[k].T, d, out=grad_w)
            np.sum(d, axis=0, out=grad_b)
            if k > 0:
                y, slope = self.values[k], self.slopes[k - 1]
                below = np.matmul(d, self.params[k][0].T, out=self.deltas[k - 1])
                if self.sigmoid:
                    np.subtract(np.float32(1), y, out=slope)
                    slope *= y
                else:
                    np.greater(y, np.float32(0), out=slope)
                below *= slope

        for (w, b), (grad_w, grad_b) in zip(self.params, self.grads):
            grad_w *= self.lr
            grad_b *= self.lr
            w -= grad_w
            b -= grad_b
        return loss

    def sync(self, loss):
        return float(loss)


def make(work, weights, x, labels, options=None):
    return Trainer(work, weights, x, labels)


if __name__ == "__main__":
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    versions = {"numpy": np.__version__, "blas": f"{blas.get('name')} {blas.get('version')}"}
    harness.main("numpy", make, args, versions)
