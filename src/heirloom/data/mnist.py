"""MNIST, and Fashion-MNIST, which has the same form: 28 x 28, ten classes, 60,000 and 10,000 images.

The published training set is ``train+val``, the published test set ``test``. ``val`` is the last sixth of
the training file, 10,000 images, held out to choose settings by. For MNIST we do not know which writers
stand where, so that ``val`` may share writers with ``train``.

Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits"; Xiao, Rasul, Vollgraf 2017,
"Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms", arXiv:1708.07747.
Departs: neither names a validation split.
"""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from heirloom.data import Dataset, Split
from heirloom.data.idx import read_labelled
from heirloom.data.published import FILES, NAMES, PublishedFile
from heirloom.data.roots import find_files
from heirloom.errors import HeirloomError

CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
}


def mnist(roots: Sequence[Path | str] = ()) -> Dataset:
    """Handwritten digits, light on dark."""
    return _load("mnist", roots)


def fashion_mnist(roots: Sequence[Path | str] = ()) -> Dataset:
    """Pictures of clothes, light on dark."""
    return _load("fashion_mnist", roots)


def _load(name: str, roots: Sequence[Path | str]) -> Dataset:
    paths = tuple(find_files(name, NAMES, roots))
    changed = tuple((status.st_mtime_ns, status.st_size) for status in map(Path.stat, paths))
    return _read(name, paths, changed, FILES[name])


@functools.lru_cache(maxsize=1)
def _read(
    name: str, paths: tuple[Path, ...], changed: object, published: tuple[PublishedFile, ...]
) -> Dataset:
    """Training, evaluation and the report want the same files, one after the other."""
    classes = CLASSES[name]
    remedy = f"move it away, then: heirloom fetch {name}"
    images, labels = read_labelled(paths[0], paths[1], len(classes), remedy)
    test_images, test_labels = read_labelled(paths[2], paths[3], len(classes), remedy)
    for path, file, array in zip(
        paths, FILES[name], (images, labels, test_images, test_labels), strict=False
    ):
        if not file.is_in(path, array):
            raise HeirloomError(
                "E-data-file",
                f"not the published {file.name} of {name}",
                where=str(path),
                why="its checksum is another",
                remedy=remedy,
            )
    if images.shape[1:] != test_images.shape[1:] or len(images) < 2:
        raise HeirloomError(
            "E-data-file",
            "images to train and to test with do not belong together",
            where=f"{paths[0]} and {paths[2]}",
            why=f"{_shape(images)} and {_shape(test_images)}; they need one size, and 2 images to train with",
            remedy=remedy,
        )
    cut = len(images) - max(1, len(images) // 6)
    splits = {
        "train": _split(images[:cut], labels[:cut]),
        "val": _split(images[cut:], labels[cut:]),
        "test": _split(test_images, test_labels),
    }
    both = _overlap(images, test_images)
    note = (
        f"{both:,} of the {len(test_images):,} test images of {name} are also in its training file {paths[0]}"
    )
    return Dataset(name, classes, splits, (note,) if both else ())


def _split(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Split:
    return Split(torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels).long())


def _overlap(images: NDArray[np.uint8], test: NDArray[np.uint8]) -> int:
    """How many test images are, pixel by pixel, also in ``images``."""
    tests = list(_rows(test))
    wanted = set(tests)
    found = {row for row in _rows(images) if row in wanted}
    return sum(row in found for row in tests)


def _rows(images: NDArray[np.uint8]) -> Iterator[bytes]:
    data, size = images.tobytes(), images[0].size
    return (data[at : at + size] for at in range(0, len(data), size))


def _shape(images: NDArray[np.uint8]) -> str:
    return f"{len(images):,} of {images.shape[1]} x {images.shape[2]}"
