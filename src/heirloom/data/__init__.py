"""Data sets that fit into memory: one tensor of pixels, one of labels for each split.

This file imports no torch, so that listing the data sets is quick.
"""

import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from heirloom.errors import HeirloomError, nearest

if TYPE_CHECKING:
    from torch import Tensor

    from heirloom.data.listing import BadFile
    from heirloom.data.preprocessing import Preprocess

DATA = {
    "digits": "digits:load",
    "mnist": "mnist:mnist",
    "fashion_mnist": "mnist:fashion_mnist",
    "cifar10": "cifar:cifar10",
    "cifar100": "cifar:cifar100",
}
"""Name -> "module:function" below this package; the function takes the data roots to look below first."""


@dataclass(frozen=True)
class Split:
    """Labelled images.

    Attributes:
        images: (N, C, H, W) uint8, 0 black, 255 white.
        labels: (N,) int64, an index into the classes.
        names: What the images' files are called, where they have files.
    """

    images: "Tensor"
    labels: "Tensor"
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """A data set.

    Attributes:
        name: What it is called on the command line.
        classes: Names of the classes, in the order of their index.
        splits: ``train``, ``val`` (held out of training, to choose settings by) and ``test``.
        notes: What its user should know, such as test images that are also learned from.
        bad: Files that were left out.
    """

    name: str
    classes: tuple[str, ...]
    splits: dict[str, Split]
    notes: tuple[str, ...] = ()
    bad: "tuple[BadFile, ...]" = ()

    def split(self, name: str) -> Split:
        """One split, or several joined by ``+``, such as ``train+val``.

        Raises:
            HeirloomError: (``E-data``) There is no such split.
        """
        parts = []
        names = name.split("+")
        if len(set(names)) < len(names):
            raise HeirloomError("E-data", f"{name!r} names a split twice")
        for part in names:
            if part not in self.splits:
                raise HeirloomError(
                    "E-data", f"{self.name} has no split {part!r}", why=nearest(part, self.splits)
                )
            parts.append(self.splits[part])
        if len(parts) == 1:
            return parts[0]
        import torch

        called = tuple(name for part in parts for name in part.names)
        return Split(torch.cat([p.images for p in parts]), torch.cat([p.labels for p in parts]), called)


def load_data(name: str, roots: Sequence[Path | str] = (), fit: "Preprocess | None" = None) -> Dataset:
    """Load a data set by its name, or images of one's own by their path.

    Args:
        name: One of `DATA`, or the path of a folder, a table or a shard, see `heirloom.data.folder`.
        roots: Data roots to look below first, see `heirloom.data.roots`.
        fit: For images of one's own: how the network takes them, since they are stored in that size.

    Raises:
        HeirloomError: (``E-data``) There is no such data set, or its files are not below any root;
            (``E-data-file``) one of them is bad; images of one's own as in `heirloom.data.photographs.load`.
    """
    check_data(name)
    if is_path(name):
        from heirloom.data.photographs import load

        return load(Path(name), fit)
    module, function = DATA[name].split(":")
    found: Dataset = getattr(importlib.import_module(f"{__name__}.{module}"), function)(roots)
    return found


def check_data(name: str) -> None:
    """Raise `HeirloomError` (``E-data``) unless there is a data set of that name, or a file at that path."""
    if is_path(name):
        if not os.path.lexists(name):
            raise HeirloomError("E-data", f"no data at {name}", why="no such file or folder")
    elif name not in DATA:
        here = f"for the folder here, write ./{name}" if os.path.lexists(name) else ""
        raise HeirloomError("E-data", f"unknown data set {name!r}", why=nearest(name, DATA), remedy=here)


def is_path(name: str) -> bool:
    """Whether data are named by their path: it has a separator, as ``./mnist`` and ``photos/`` have."""
    return "/" in name or os.sep in name or name in (os.curdir, os.pardir)


def absolute(name: str) -> str:
    """The name of a data set as it is, a path in full: what a run notes, which may be taken up elsewhere."""
    return str(Path(name).resolve()) if is_path(name) else name


def short_name(name: str) -> str:
    """A name fit for a file: of a path its last part."""
    return (Path(name).stem or "data") if is_path(name) else name
