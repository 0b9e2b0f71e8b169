"""Workload ``loading``, what both sides read: a folder of photographs, each under several names."""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.settings import COPIES, LATER, POLICIES
from heirloom.data import roots
from heirloom.errors import HeirloomError

Epoch = Callable[[int], Iterator[int]]
"""The batches of an epoch, each as the number of its images."""


def asked() -> argparse.Namespace:
    """What the command line says: how images are cut, a folder to work in, workers of a loader."""
    parser = argparse.ArgumentParser()
    parser.add_argument("policy", choices=POLICIES)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--copies", type=int, default=COPIES)
    return parser.parse_args()


def folder_of(place: Path, copies: int) -> Path:
    """Links to the photographs of ``photos/imagewoof`` below a data root, ``copies`` of each in train."""
    found = [root / "photos" / "imagewoof" for root in roots.all_roots()]
    source = next((folder for folder in found if folder.is_dir()), None)
    if source is None:
        raise HeirloomError(
            "E-data", "no photos/imagewoof below a data root", remedy="name one: HEIRLOOM_DATA"
        )
    for split, times in (("train", copies), ("val", 1)):
        for path in sorted((source / split).glob("*/*.*")):
            own = place / "photographs" / split / path.parent.name
            own.mkdir(parents=True, exist_ok=True)
            for number in range(times):
                (own / f"{number}-{path.name}").symlink_to(path.resolve())
    return place / "photographs"


def measure(begin: Callable[[], Epoch]) -> None:
    """Print the images a second of the first epoch, everything before it included, and of later ones."""
    began = time.perf_counter()
    epoch = begin()
    images = sum(epoch(0))
    middle = time.perf_counter()
    later = sum(sum(epoch(number)) for number in range(1, 1 + LATER))
    end = time.perf_counter()
    found = {"first": images / (middle - began), "later": later / (end - middle)}
    print(json.dumps({key: round(value, 1) for key, value in found.items()}))
