"""Every setting of the benchmarks that is not a recipe's own, in one place. Imports no torch."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET = 0.99
"""Mean test accuracy on MNIST that a whole process has to reach."""

PEER_EPOCHS = 5
"""Of the peer's process; each of them is judged, and the first that reaches the target counts."""

OURS = {
    "lenet5_relu_max": "",
    "lenet5": "epochs=7 lr=5e-3 average=0.99 loss=map temperature=1",
}
"""Network -> what ``heirloom train <network> --data mnist`` changes of its recipe, in workload ``process``.

Chosen on held-out training images, of which 0.97 % were wrong after the two epochs of `lenet5_relu_max`, and
0.98 % after the seven of `lenet5` (1.04 % after six; with five, four seeds had 98.998 % of the test images).
"""

OUR_THREADS = {"lenet5_relu_max": 0, "lenet5": 0}
"""0: as many as the library takes by itself, else ``--threads``."""

WARM_UP, UPDATES = 50, 200
"""Of workload ``step``: updates before the clock starts, and updates that are timed. Together they stay
within one pass over the 60,000 images, so that all batches are full and nobody validates."""

VARIANTS = {
    "loader": [(0, 0), (1, 0), (0, 2)],
    "eager": [(0, 0), (1, 0)],
    "compiled": [(0, 0)],
}
"""Loop of a peer -> the (threads, loader's workers) that it is run with, 0 threads meaning
PyTorch's default; the best one is its figure."""


COUNTED = ["resnet152"]
"""Networks of workload ``counting``."""


@dataclass(frozen=True)
class Learning:
    """How a network learns in workload ``step``, the same for us and the peers."""

    loss: str
    mean: float  # of grey values of 0 to 1
    std: float
    batch_size: int = 128
    lr: float = 1e-3

    def recipe(self, network: str, updates: int) -> dict[str, Any]:
        """The same as arguments of `heirloom.Recipe`."""
        return {
            "model": network,
            "data": "mnist",
            "split": "train+val",
            "max_steps": updates,
            "batch_size": self.batch_size,
            "optimizer": "adam",
            "lr": self.lr,
            "schedule": "constant",
            "loss": self.loss,
            "box": 28,
            "mean": self.mean,
            "std": self.std,
        }


LEARNING = {
    "lenet5": Learning("map", mean=0.1 / 1.275, std=1 / 1.275),
    "lenet5_relu_max": Learning("cross_entropy", mean=0.1307, std=0.3081),
}

LAYER_SIZES = {"32x96x55x55": (32, 96, 55, 55), "32x256x27x27": (32, 256, 27, 27)}
"""Of workload ``lrn``: what AlexNet's two normalisations are given, 32 images at a time."""

LAYER_WARM_UP, LAYER_PASSES = 2, 7
"""Of workload ``lrn``: passes before those that are timed, and those."""

POLICIES = {"crop": "alexnet_geometry", "area": "crop_mirror"}
"""Of workload ``loading``: how a batch is cut -> our augmentation nearest to the peer's transforms."""

BATCH, SIDE, COPIES, LATER = 64, 224, 3, 3
"""Of workload ``loading``: images of a batch, pixels of a side, names of each photograph, later epochs."""

WORKERS = (0, 1, 2, 4)
"""Of workload ``loading``: processes of the peer's loader; the best number is its figure."""

ALEXNET = {32: (3, 20), 128: (2, 5)}
"""Of workload ``alexnet``: batch -> the peer's updates before the clock starts, and those that are timed."""

ALEXNET_WORKERS = (0, 2)
"""Of the peer's loader."""


def photographs() -> Path:
    """A folder of photographs below a data root: 700 of ten classes in ``train/``, and ``val/``."""
    roots = [Path(root) for root in os.environ.get("HEIRLOOM_DATA", "").split(os.pathsep) if root]
    for path in (root / "photos" / "imagewoof" for root in roots):
        if path.is_dir():
            return path
    raise SystemExit("no photos/imagewoof below HEIRLOOM_DATA")
