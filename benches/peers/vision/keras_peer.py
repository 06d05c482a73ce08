"""TensorFlow: a compiled training step (tf.function) of the Keras network."""

from serve import parse, serve

args = parse(["function", "xla"])

import tensorflow as tf
from nets import LR, MOMENTUM, batch_of

tf.config.threading.set_intra_op_parallelism_threads(args.threads)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.keras.utils.set_random_seed(0)
L = tf.keras.layers


class Course(L.Layer):
    def call(self, x, training=False):
        return x * tf.cast(tf.random.uniform(tf.shape(x)) >= 0.5, x.dtype) if training else x * 0.5


def net():
    c, h, w = args.work.shape
    if args.workload == "W3":
        return tf.keras.Sequential([
            L.Input((h, w, c)), L.Conv2D(30, 5, activation="relu"), L.MaxPool2D(2), L.Flatten(),
            L.Dense(100, activation="relu"), L.Dense(10),
        ])
    if args.workload == "W4":
        layers = [L.Input((h, w, c))]
        for block, width in enumerate((16, 32, 64)):
            for i in range(2):
                if block == 1 and i == 1:
                    layers += [L.ZeroPadding2D(2), L.Conv2D(width, 3, activation="relu")]
                else:
                    layers.append(L.Conv2D(width, 3, padding="same", activation="relu"))
            layers.append(L.MaxPool2D(2))
        layers += [L.Flatten(), L.Dense(50, activation="relu"), Course(), L.Dense(10), Course()]
        return tf.keras.Sequential(layers)
    A = tf.keras.applications
    build = {"W7": A.VGG16, "W9": A.ResNet50, "W10": A.MobileNetV2}[args.workload]
    return build(weights=None, classifier_activation=None)


net = net()
x, labels = batch_of(args.work, args.batch)
x, labels = tf.constant(x.transpose(0, 2, 3, 1)), tf.constant(labels)
if args.work.rule == "adam":
    rule = tf.keras.optimizers.Adam(LR)
else:
    rule = tf.keras.optimizers.SGD(LR, momentum=MOMENTUM)
loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@tf.function(jit_compile=args.variant == "xla")
def step():
    with tf.GradientTape() as tape:
        loss = loss_of(labels, net(x, training=True))
    rule.apply_gradients(zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables))
    return loss


@tf.function(jit_compile=args.variant == "xla")
def infer():
    return tf.reduce_sum(net(x, training=False))


serve({"tensorflow": tf.__version__}, step if args.mode == "train" else infer, lambda v: v.numpy())
