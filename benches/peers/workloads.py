"""What is measured. A workload is one entry; nothing here imports a framework.

A network is `sizes` with one activation between all layers, biases, soft-max
cross-entropy (mean) and plain SGD.
"""

from typing import NamedTuple


class Mlp(NamedTuple):
    title: str
    sizes: tuple
    activation: str  # sigmoid or relu
    lr: float
    batch: int = 100


WORKLOADS = {
    "W1": Mlp("MLP 784-40-20-10, sigmoid", (784, 40, 20, 10), "sigmoid", 0.1),
    "W2": Mlp("MLP 784-[100]x6-10, ReLU", (784, *[100] * 6, 10), "relu", 0.01),
}

# Name -> command. `{python}` is the interpreter that runs run.py, `{here}` this
# folder. Any program serves that takes --workload --threads --seconds and
# prints the JSON line described in README.md.
PEERS = {
    "numpy": "{python} {here}/numpy_mlp.py",
    "torch": "{python} {here}/torch_mlp.py",
    "torch-fused": "{python} {here}/torch_mlp.py --fused",
    "torch-compile": "{python} {here}/torch_mlp.py --mode compile --fused",
    "jax": "{python} {here}/jax_mlp.py",
}
DEFAULT_PEERS = ["numpy", "torch", "torch-fused", "jax"]
