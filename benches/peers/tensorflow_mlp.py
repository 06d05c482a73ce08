"""TensorFlow: a Keras network and optimiser in one `tf.function`; `--xla` compiles it with XLA."""

import harness


def options(parser):
    parser.add_argument("--xla", action="store_true")


if __name__ == "__main__":
    args = harness.parse(options)

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf


class Trainer:
    loss_limit = 1e-4

    def __init__(self, work, weights, x, labels, xla):
        keras = tf.keras
        net = keras.Sequential([keras.Input((work.sizes[0],))])
        self.linears, self.norms = [], []
        for k, n_out in enumerate(work.sizes[1:]):
            self.linears.append(keras.layers.Dense(n_out))
            net.add(self.linears[-1])
            if k == len(work.sizes) - 2:
                break
            if work.norm:
                # Keras's momentum is what the old estimate keeps.
                self.norms.append(keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5))
                net.add(self.norms[-1])
            net.add(keras.layers.Activation(work.activation))
        rules = {
            "sgd": lambda: keras.optimizers.SGD(work.lr),
            "adam": lambda: keras.optimizers.Adam(work.lr, epsilon=1e-8),
        }
        self.optimizer = rules[work.optimizer]()
        # Keras adds Adam's epsilon to the uncorrected root; moved to PyTorch's place
        # in both, the losses agree to 5e-6.
        if work.optimizer == "adam":
            self.loss_limit = 5e-3
        self.optimizer.build(net.trainable_variables)
        criterion = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.initial = weights
        x, labels = tf.constant(x), tf.constant(labels)

        @tf.function(jit_compile=xla)
        def step():
            with tf.GradientTape() as tape:
                loss = criterion(labels, net(x, training=True))
            variables = net.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
            return loss

        self.step = step
        self.reset()

    def reset(self):
        for layer, (w, b) in zip(self.linears, self.initial):
            layer.kernel.assign(w)
            layer.bias.assign(b)
        for layer in self.norms:
            layer.gamma.assign(tf.ones_like(layer.gamma))
            layer.beta.assign(tf.zeros_like(layer.beta))
        for variable in self.optimizer.variables:
            if variable is not self.optimizer.learning_rate and "learning_rate" not in variable.path:
                variable.assign(tf.zeros_like(variable))

    def sync(self, loss):
        return float(loss)


def make(work, weights, x, labels, options=None):
    return Trainer(work, weights, x, labels, bool(options and options.xla))


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    name = "tensorflow" + ("-xla" if args.xla else "")
    harness.main(name, make, args, {"tensorflow": tf.__version__})
