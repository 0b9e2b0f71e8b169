"""Workload ``step``, our side: the library's training loop as `heirloom train` runs it."""

import argparse
import json
import tempfile
import time

import heirloom.__main__  # its setting of OpenMP comes before torch is loaded
from benchmarks.settings import LEARNING, UPDATES, WARM_UP


def main() -> None:
    """Print the images a second of one network."""
    parser = argparse.ArgumentParser()
    parser.add_argument("network", choices=LEARNING)
    parser.add_argument("--warm-up", type=int, default=WARM_UP)
    parser.add_argument("--updates", type=int, default=UPDATES)
    asked = parser.parse_args()

    from heirloom.events import Step

    first, last = asked.warm_up, asked.warm_up + asked.updates
    learning = LEARNING[asked.network]
    recipe = heirloom.Recipe(**learning.recipe(asked.network, last + 1))  # the very last one is also saved
    at = {}
    with tempfile.TemporaryDirectory() as folder:
        for event in heirloom.train(recipe, out=f"{folder}/run"):
            if isinstance(event, Step) and event.step in (first, last):
                at[event.step] = time.perf_counter()
    images = asked.updates * learning.batch_size
    print(json.dumps({"images_per_second": images / (at[last] - at[first])}))


if __name__ == "__main__":
    main()
