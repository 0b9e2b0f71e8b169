"""Data sets: one tensor of pixels, one of labels for each split, in memory or mapped into it.

This file imports no torch, so that listing the data sets is quick.
"""

import importlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from heirloom.errors import HeirloomError, nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from heirloom.data.listing import BadFile
    from heirloom.data.preprocessing import Preprocess

DATA = {
    "digits": "digits:load",
    "mnist": "mnist:mnist",
    "fashion_mnist": "mnist:fashion_mnist",
    "cifar10": "cifar:cifar10",
    "cifar100": "cifar:cifar100",
    "imagenet": "imagenet:imagenet",
}
"""Name -> "module:function" below this package; the function takes the data roots to look below first."""


class Gate(Protocol):
    """What keeps images back until they are decoded."""

    def good(self, rows: "NDArray[np.int64]") -> "NDArray[np.bool_]":
        """Wait until these rows are decoded; which of them are good."""

    def begin(self, order: "NDArray[np.int64]") -> None:
        """Decode all rows from now on, these first."""

    @property
    def bad_files(self) -> "tuple[BadFile, ...]":
        """What was found bad so far."""

    @property
    def key(self) -> str:
        """Says what all bytes of the images are: other images have another one."""


@dataclass(frozen=True)
class Split:
    """Labelled images.

    Attributes:
        images: (N, C, H, W) uint8, 0 black, 255 white. Behind a gate only rows that were asked for are there.
        labels: (N,) int64, an index into the classes.
        shapes: (N, 2) int64, heights and widths of the files, where images were brought to a square whatever
            their proportions; else None.
        names: Of the files, where there are any.
        gate: What decodes the images while they are used; None where all are there and good.
        sums: Hexadecimal SHA-256 of the bytes of the files, where there are any.
    """

    images: "Tensor"
    labels: "Tensor"
    shapes: "Tensor | None" = None
    names: tuple[str, ...] = ()
    gate: Gate | None = None
    sums: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> "Split":
        """The first so many images."""
        shapes = None if self.shapes is None else self.shapes[:count]
        names, sums = self.names[:count], self.sums[:count]
        return Split(self.images[:count], self.labels[:count], shapes, names, self.gate, sums)

    def good(self, rows: "Tensor") -> "Tensor":
        """Those of the rows (B,), in their order, that have an image. Waits until they are decoded.

        Raises:
            HeirloomError: (``E-disk``) They cannot be stored; (``E-data-file``) too many files are bad.
        """
        if self.gate is None:
            return rows
        import torch

        return rows[torch.from_numpy(self.gate.good(rows.cpu().numpy())).to(rows.device)]

    def settled(self) -> "Split":
        """All images that are good, behind no gate. Waits until they are decoded; raises as `good` does.

        Where none is bad the images stay where they are, mapped into memory.
        """
        if self.gate is None:
            return self
        import torch

        rows = self.good(torch.arange(len(self)))
        if len(rows) == len(self):
            return replace(self, gate=None)
        shapes = None if self.shapes is None else self.shapes[rows]
        index = rows.tolist()
        names, sums = (tuple(of[row] for row in index) if of else () for of in (self.names, self.sums))
        return Split(self.images[rows], self.labels[rows], shapes, names, sums=sums)


@dataclass(frozen=True)
class Dataset:
    """A data set.

    Attributes:
        name: What it is called on the command line.
        classes: Names of the classes, in the order of their index.
        splits: ``train``, ``val`` (held out of training, to choose settings by) and ``test``.
        notes: What its user should know, such as test images that are also learned from.
        bad: Files that were left out.
        stand_ins: What another split stands in for: ``{"test": "val"}`` where there is no test split.
    """

    name: str
    classes: tuple[str, ...]
    splits: "Mapping[str, Split]"
    notes: tuple[str, ...] = ()
    bad: "tuple[BadFile, ...]" = ()
    stand_ins: "Mapping[str, str]" = field(default_factory=dict)

    def called(self, name: str) -> str:
        """The name of a split, or of the one that stands in for it: what was measured on, to be honest."""
        return "+".join(self.stand_ins.get(part, part) for part in name.split("+"))

    def split(self, name: str, stored: "Preprocess | None" = None) -> Split:
        """One split, or several joined by ``+``, such as ``train+val``.

        Args:
            name: Its name.
            stored: How images of one's own are to be stored, where they are not wanted as the data set was
                loaded; see `heirloom.data.decoding.working`. Other data sets are as they are.

        Raises:
            HeirloomError: (``E-data``) There is no such split.
        """
        names = self.called(name).split("+")
        if len(set(names)) < len(names):
            raise HeirloomError("E-data", f"{name!r} names a split twice")
        for part in names:
            if part not in self.splits:
                raise HeirloomError(
                    "E-data", f"{self.name} has no split {part!r}", why=nearest(part, self.splits)
                )
        if isinstance(self.splits, Undecoded):
            return self.splits.joined(names, stored)
        parts = [self.splits[part] for part in names]
        if len(parts) == 1:
            return parts[0]
        import torch

        images, labels = torch.cat([p.images for p in parts]), torch.cat([p.labels for p in parts])
        named = parts if all(p.names for p in parts) else []
        files = tuple(name for p in named for name in p.names)
        return Split(images, labels, names=files, sums=tuple(one for p in named for one in p.sums))


class Undecoded(ABC, Mapping[str, Split]):
    """Splits of which only what is asked for is decoded, while it is used."""

    @abstractmethod
    def joined(self, names: Sequence[str], stored: "Preprocess | None" = None) -> Split:
        """The images of these splits as one, see `Dataset.split`."""

    @abstractmethod
    def originals(self, names: Sequence[str], least: int) -> "Iterator[Tensor]":
        """Images as their files have them, each (C, h, w), read anew and none kept.

        Args:
            names: What they are called, `Split.names`.
            least: As of `heirloom.images.open_image`.

        Raises:
            HeirloomError: (``E-image``) One is gone meanwhile, or cannot be read.
        """


def load_data(
    name: str, roots: Sequence[Path | str] = (), fit: "Preprocess | None" = None, wait: bool = True
) -> Dataset:
    """Load a data set by its name, or images of one's own by their path.

    Args:
        name: One of `DATA`, or the path of a folder, a table or a shard, see `heirloom.data.folder`.
        roots: Data roots to look below first, see `heirloom.data.roots`.
        fit: For photographs: how the network takes them, since they are stored in that size.
        wait: Until all photographs are decoded. Else those splits have a gate, and files that only decoding
            finds bad are not yet among ``bad``.

    Raises:
        HeirloomError: (``E-data``) There is no such data set, or its files are not below any root;
            (``E-data-file``) one of them is bad; images of one's own as in `heirloom.data.photographs.load`.
    """
    check_data(name)
    if is_path(name):
        from heirloom.data.photographs import load

        return load(Path(name), fit, wait)
    if name == "imagenet":
        from heirloom.data.imagenet import imagenet

        return imagenet(roots, fit, wait)
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


def of_photographs(name: str) -> bool:
    """Whether a data set has photographs of many sizes, which are brought to one that a network takes."""
    return is_path(name) or name == "imagenet"


def absolute(name: str) -> str:
    """The name of a data set as it is, a path in full: what a run notes, which may be taken up elsewhere."""
    return str(Path(name).resolve()) if is_path(name) else name


def short_name(name: str) -> str:
    """A name fit for a file: of a path its last part."""
    return (Path(name).stem or "data") if is_path(name) else name
