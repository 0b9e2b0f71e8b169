"""The handwritten digits that come with scikit-learn: 1,797 images of 8 x 8, no download.

Source: Alpaydin, Kaynak 1998, "Optical recognition of handwritten digits", UCI repository, test part.
Departs: the collection has no split of its own. Its images lie writer by writer: every writer copied
the same sheet, which begins 0 1 2 3 4 5 6 7 8 9, and that beginning returns thirteen times. We cut
where a sheet begins, so that no writer stands on two sides: the last three sheets are the test split,
the two before them the validation split. Splits drawn at random let each writer into both. That a new
sheet is a new writer is our inference from the labels.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import torch
from sklearn.datasets import load_digits

from heirloom.data import Dataset, Split

# First image of a sheet: test from the twelfth sheet on, validation from the tenth.
VAL, TEST = 1157, 1415


def load(roots: Sequence[Path | str] = ()) -> Dataset:
    """The digits, grey values 0 to 16 spread over 0 to 255. They come with scikit-learn, not from a root."""
    return _read()


@functools.cache
def _read() -> Dataset:
    source = load_digits()
    images = torch.from_numpy(source.images).mul(255 / 16).round().to(torch.uint8).unsqueeze(1)
    labels = torch.from_numpy(source.target).long()
    bounds = {"train": (0, VAL), "val": (VAL, TEST), "test": (TEST, len(labels))}
    splits = {name: Split(images[a:b], labels[a:b]) for name, (a, b) in bounds.items()}
    return Dataset("digits", tuple("0123456789"), splits)
