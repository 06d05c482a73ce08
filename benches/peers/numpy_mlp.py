"""NumPy: written by hand, float32 throughout, every buffer allocated once, all
params in one vector."""

import harness

if __name__ == "__main__":
    args = harness.parse()

import numpy as np

F = np.float32
EPS, MOMENTUM = 1e-5, 0.1
BETA1, BETA2, ADAM_EPS = 0.9, 0.999, 1e-8


class Norm:
    """Batch normalisation of a batch of `n` rows; params and gradients are views."""

    def __init__(self, batch, n, params, grads):
        (self.gamma, self.beta), (self.grad_gamma, self.grad_beta) = params, grads
        self.running_mean, self.running_var = np.zeros(n, F), np.ones(n, F)
        self.x_hat, self.work = np.empty((batch, n), F), np.empty((batch, n), F)
        self.batch = batch

    def forward(self, y):
        mean = y.mean(axis=0)
        np.subtract(y, mean, out=self.x_hat)
        np.multiply(self.x_hat, self.x_hat, out=self.work)
        var = self.work.mean(axis=0)
        self.rstd = F(1) / np.sqrt(var + F(EPS))
        self.x_hat *= self.rstd
        np.multiply(self.x_hat, self.gamma, out=y)
        y += self.beta
        self.running_mean += F(MOMENTUM) * (mean - self.running_mean)
        self.running_var += F(MOMENTUM) * (var * F(self.batch / (self.batch - 1)) - self.running_var)

    def backward(self, d):
        np.multiply(d, self.x_hat, out=self.work)
        np.sum(self.work, axis=0, out=self.grad_gamma)
        np.sum(d, axis=0, out=self.grad_beta)
        np.multiply(self.x_hat, self.grad_gamma * F(1 / self.batch), out=self.work)
        d -= self.grad_beta * F(1 / self.batch)
        d -= self.work
        d *= self.gamma * self.rstd


class Trainer:
    def __init__(self, work, weights, x, labels):
        self.work, self.lr = work, F(work.lr)
        self.sigmoid, self.adam = work.activation == "sigmoid", work.optimizer == "adam"
        shapes = [a.shape for pair in weights for a in pair]
        self.initial = [a for pair in weights for a in pair]
        if work.norm:
            for n in work.sizes[1:-1]:
                shapes += [(n,), (n,)]
                self.initial += [np.ones(n, F), np.zeros(n, F)]
        total = sum(a.size for a in self.initial)
        self.p, self.g = np.empty(total, F), np.empty(total, F)
        params, grads = self.views(self.p, shapes), self.views(self.g, shapes)
        n = 2 * len(weights)
        self.tensors = params
        self.params = list(zip(params[:n:2], params[1:n:2]))
        self.grads = list(zip(grads[:n:2], grads[1:n:2]))
        self.norms = [
            Norm(work.batch, size, params[n + 2 * k : n + 2 * k + 2], grads[n + 2 * k : n + 2 * k + 2])
            for k, size in enumerate(work.sizes[1:-1] if work.norm else ())
        ]
        if self.adam:
            self.m, self.v, self.s = np.empty(total, F), np.empty(total, F), np.empty(total, F)
        # values[l] is the input of layer l, deltas[l] the gradient of its output.
        self.values = [x] + [np.empty((work.batch, n), F) for n in work.sizes[1:]]
        self.deltas = [np.empty((work.batch, n), F) for n in work.sizes[1:]]
        self.slopes = [np.empty((work.batch, n), F) for n in work.sizes[1:-1]]
        self.labels = labels
        self.rows = np.arange(work.batch)
        self.scale = F(1.0 / work.batch)
        self.reset()

    @staticmethod
    def views(flat, shapes):
        at, views = 0, []
        for shape in shapes:
            size = int(np.prod(shape))
            views.append(flat[at : at + size].reshape(shape))
            at += size
        return views

    def reset(self):
        for tensor, initial in zip(self.tensors, self.initial):
            tensor[...] = initial
        if self.adam:
            self.t = 0
            self.m.fill(0)
            self.v.fill(0)

    def update(self):
        p, g = self.p, self.g
        if not self.adam:
            g *= self.lr
            p -= g
            return
        self.t += 1
        m, v, s = self.m, self.v, self.s
        np.subtract(g, m, out=s)
        s *= F(1 - BETA1)
        m += s
        v *= F(BETA2)
        np.multiply(g, g, out=s)
        s *= F(1 - BETA2)
        v += s
        np.sqrt(v, out=s)
        s *= F(1 / np.sqrt(1 - BETA2**self.t))
        s += F(ADAM_EPS)
        np.divide(m, s, out=s)
        s *= F(self.work.lr / (1 - BETA1**self.t))
        p -= s

    def step(self):
        last = len(self.params) - 1
        for k, (w, b) in enumerate(self.params):
            y = np.matmul(self.values[k], w, out=self.values[k + 1])
            y += b
            if k == last:
                break
            if self.norms:
                self.norms[k].forward(y)
            if self.sigmoid:
                np.negative(y, out=y)
                np.exp(y, out=y)
                y += F(1)
                np.reciprocal(y, out=y)
            else:
                np.maximum(y, F(0), out=y)

        logits, d = self.values[-1], self.deltas[-1]
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=d)
        total = d.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - logits[self.rows, self.labels]).mean()
        d /= total
        d[self.rows, self.labels] -= F(1)
        d *= self.scale

        for k in range(last, -1, -1):
            d = self.deltas[k]
            if self.norms and k < last:
                self.norms[k].backward(d)
            grad_w, grad_b = self.grads[k]
            np.matmul(self.values[k].T, d, out=grad_w)
            np.sum(d, axis=0, out=grad_b)
            if k > 0:
                y, slope = self.values[k], self.slopes[k - 1]
                below = np.matmul(d, self.params[k][0].T, out=self.deltas[k - 1])
                if self.sigmoid:
                    np.subtract(F(1), y, out=slope)
                    slope *= y
                else:
                    np.greater(y, F(0), out=slope)
                below *= slope

        self.update()
        return loss

    def sync(self, loss):
        return float(loss)


def make(work, weights, x, labels, options=None):
    return Trainer(work, weights, x, labels)


if __name__ == "__main__":
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    versions = {"numpy": np.__version__, "blas": f"{blas.get('name')} {blas.get('version')}"}
    harness.main("numpy", make, args, versions)
