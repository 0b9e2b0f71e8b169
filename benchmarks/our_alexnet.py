"""Workload ``alexnet``, our side: the network of 2012 from a folder of photographs, as `heirloom train` does.

The clock runs through the second pass over the photographs: how long decoding takes once is not its question.
"""

import argparse
import json
import tempfile
import time

import heirloom.__main__  # its setting of OpenMP comes before torch is loaded
from benchmarks.settings import ALEXNET, photographs


def main() -> None:
    """Print the images a second."""
    parser = argparse.ArgumentParser()
    parser.add_argument("batch", type=int, choices=ALEXNET)
    parser.add_argument("--limit", type=int, default=0, help="photographs, for a smoke test")
    asked = parser.parse_args()

    from heirloom.events import Epoch, Step

    # All but the network's input, normalisation and towers as the peer has it.
    recipe = heirloom.Recipe(
        model="alexnet",
        data=str(photographs()),
        train_limit=asked.limit,
        epochs=3,
        batch_size=asked.batch,
        optimizer="sgd",
        lr=0.01,
        momentum=0.9,
        weight_decay=1e-4,
        schedule="constant",
        augment="alexnet",
        mean=0.45,
        std=0.25,
    )
    began, last, images = 0.0, 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        for event in heirloom.train(recipe, out=f"{folder}/run", checkpoint_every=10**9):
            if isinstance(event, Epoch):
                if event.epoch == 2:
                    break
                began = time.perf_counter()
            elif isinstance(event, Step) and event.epoch == 2 and event.images % asked.batch == 0:
                last, images = time.perf_counter(), event.images  # full batches alone
    print(json.dumps({"images_per_second": images / (last - began)}))


if __name__ == "__main__":
    main()
