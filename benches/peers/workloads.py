"""What is measured. A workload is one entry; nothing here imports a framework.

A network is `sizes` with one activation between all layers, biases and soft-max
cross-entropy (mean). With `norm` a batch normalisation (momentum 0.1, eps 1e-5)
stands before each activation. The optimiser is plain SGD or Adam (0.9, 0.999, 1e-8).
"""

from typing import NamedTuple


class Mlp(NamedTuple):
    title: str
    sizes: tuple
    activation: str  # sigmoid or relu
    lr: float
    batch: int = 100
    norm: bool = False
    optimizer: str = "sgd"  # or adam


WORKLOADS = {
    "W1": Mlp("MLP 784-40-20-10, sigmoid", (784, 40, 20, 10), "sigmoid", 0.1),
    "W2": Mlp("MLP 784-[100]x6-10, ReLU", (784, *[100] * 6, 10), "relu", 0.01),
    "W2bn": Mlp(
        "MLP 784-[100]x6-10, batch-norm, ReLU", (784, *[100] * 6, 10), "relu", 0.001, norm=True, optimizer="adam"
    ),
}

# Name -> command. `{python}` is the interpreter that runs run.py, `{here}` this
# folder, `{rust}` that of the Rust peers' binaries. Any program serves that takes --workload --threads --seconds and
# prints the JSON line described in README.md.
PEERS = {
    "numpy": "{python} {here}/numpy_mlp.py",
    "torch": "{python} {here}/torch_mlp.py",
    "torch-fused": "{python} {here}/torch_mlp.py --fused",
    "torch-compile": "{python} {here}/torch_mlp.py --mode compile --fused",
    "jax": "{python} {here}/jax_mlp.py",
    "tensorflow": "{python} {here}/tensorflow_mlp.py",
    "tensorflow-xla": "{python} {here}/tensorflow_mlp.py --xla",
    "burn": "{rust}/burn-peer",  # W1 and W2
    "candle": "{rust}/candle-peer",
}
DEFAULT_PEERS = ["numpy", "torch", "torch-fused", "jax"]
