"""Workload ``loading``, our side: the batches of a training, without the network."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the program does, before torch is loaded

from benchmarks.photographs import Epoch, asked, folder_of, measure
from benchmarks.settings import BATCH, POLICIES

NETWORK = Path(__file__).with_name("least_network.py")


def main() -> None:
    """Print the images a second."""
    import torch

    from heirloom.data import roots
    from heirloom.job import Job
    from heirloom.kernels import native
    from heirloom.memory import keep_freed_memory
    from heirloom.recipes import Recipe

    given = asked()
    folder = folder_of(given.folder, given.copies)
    keep_freed_memory()
    native.find()  # compiled once for all runs of a machine
    recipe = Recipe(model=f"{NETWORK}:Least", data=str(folder), batch_size=BATCH)
    recipe = recipe.changed([f"augment={POLICIES[given.policy]}", "normalise=imagenet"])

    roots.cache = lambda: given.folder / "cache"

    def batches(job: Job, epoch: int) -> Iterator[int]:
        for number in range(job.steps_per_epoch):
            yield len(job.batch(epoch * job.steps_per_epoch + number)[1])

    def begin() -> Epoch:
        return partial(batches, Job(recipe, torch.device("cpu")))

    measure(begin)


if __name__ == "__main__":
    main()
