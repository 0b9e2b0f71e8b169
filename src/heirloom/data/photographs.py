"""A data set from images of one's own: a folder, a table or shards, see `heirloom.data.folder`."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from heirloom.data import Dataset, Split, Undecoded
from heirloom.data.decoding import decoded, working
from heirloom.data.folder import list_images
from heirloom.data.listing import (
    SPLITS,
    BadFile,
    Entry,
    Listing,
    bad_data,
    bad_note,
    check_bad,
    check_classes_of,
    check_learned,
    class_names,
    split_of,
)
from heirloom.data.preprocessing import Preprocess
from heirloom.data.sums import Sum, in_threads, sums
from heirloom.errors import HeirloomError
from heirloom.images import open_image

SIDE = 256
"""Pixels of the square that images are fitted into where no network says what it takes."""


@dataclass(frozen=True)
class Found:
    """An image of one's own.

    Attributes:
        entry: Where it is.
        sum: What is known of its bytes.
        split: One of `heirloom.data.listing.SPLITS`.
    """

    entry: Entry
    sum: Sum
    split: str


def summed(listing: Listing) -> list[Found]:
    """What seems to be an image, each with its split, in the order in which they are learned.

    The order within a split is that of their sums: it is the same wherever they lie, and classes are mixed.
    What cannot be read, or is no image, joins ``listing.bad``.
    """
    found = []
    for entry, about in zip(listing.entries, sums(listing.root, listing.entries), strict=True):
        if isinstance(about, BadFile):
            listing.bad.append(about)
        elif about.fault:
            listing.bad.append(BadFile(entry.name, about.fault, entry.label))
        else:
            found.append(Found(entry, about, entry.split or split_of(about.digest)))
    found.sort(key=lambda each: (SPLITS.index(each.split), each.sum.digest, each.entry.name))
    return found


def load(path: Path, fit: Preprocess | None = None, wait: bool = True, name: str = "") -> Dataset:
    """The images of a folder, a table or shards.

    Args:
        path: What to load.
        fit: How a network takes its images, by which they are brought to one size; by default they are
            fitted into 256 x 256 pixels.
        wait: Until all are decoded, see `heirloom.data.load_data`.
        name: What the data set is called; by default its path.

    Raises:
        HeirloomError: (``E-data``) There is nothing at ``path``; (``E-data-file``) it holds no classes of
            images, too many bad ones, or a folder that cannot be read; (``E-disk``, ``E-output-unwritable``)
            they cannot be stored.
    """
    return of_listing(list_images(path), fit, wait, name)


def of_listing(listing: Listing, fit: Preprocess | None, wait: bool, name: str = "") -> Dataset:
    """As `load`, of images that are listed."""
    path, found = listing.root, summed(listing)
    check_classes_of(listing)
    names = class_names(path, listing.labels)
    bad = Bad(path, [each.entry.label for each in found], listing.bad)
    splits = Photographs(listing.labels, found, working(fit or Preprocess((3, SIDE, SIDE))), bad)
    if "train" not in splits or len(splits) == 1:
        lacks = "to test with" if "train" in splits else "to learn from"
        raise bad_data(path, f"no images {lacks}", f"{len(found)} images are too few for the rule of splits")
    check_learned(path, ((each.entry.label, each.split) for each in found))
    notes, stand_ins = [*listing.notes, *_leaks(found)], {}
    if "test" not in splits:
        stand_ins = {"test": "val"}
        notes.append(f"{path} has no test split: val is also the test split, and measures are called so")
    settled = {split: splits[split].settled() for split in splits} if wait else splits
    if bad.files:
        notes.append(bad_note(bad.files))
    return Dataset(name or str(path), names, settled, tuple(notes), tuple(bad.files), stand_ins)


class Bad:
    """Files that are left out, counted as they are found: too many are an error at once."""

    def __init__(self, root: Path, good: Sequence[str], bad: Sequence[BadFile]) -> None:
        """Begin with the labels of what seems good, and with what is known to be bad."""
        self.root, self.files = root, list(bad)
        self._names = {file.name for file in bad}
        self._every = Counter([*good, *(file.label for file in bad)])
        self._lost, self._first = Counter[str](), dict[str, BadFile]()
        self._adding = threading.Lock()
        for file in bad:
            self._count(file)
        for label in self._first:
            self._check(label)

    def add(self, file: BadFile) -> None:
        """Another one; it may be known from another store of the same files.

        Raises:
            HeirloomError: (``E-data-file``) That is one too many.
        """
        with self._adding:  # several stores may find some
            if file.name in self._names:
                return
            self._names.add(file.name)
            self.files.append(file)
            self._count(file)
        self._check(file.label)

    def _count(self, file: BadFile) -> None:
        self._lost[file.label] += 1
        self._first.setdefault(file.label, file)

    def _check(self, label: str) -> None:
        check_bad(self.root, self._first[label], self._lost[label], self._every[label])


class Photographs(Undecoded):
    """Splits of photographs; the store of each is opened when it is asked for."""

    def __init__(self, labels: Sequence[str], found: Sequence[Found], how: Preprocess, bad: Bad) -> None:
        self._number = {label: index for index, label in enumerate(labels)}
        self._how, self._bad = how, bad
        self._found = {
            split: own for split in SPLITS if (own := [each for each in found if each.split == split])
        }
        self._channels = max((each.sum.channels for each in found), default=1)
        self._open: dict[str, Split] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, split: object) -> bool:
        return split in self._found

    def __getitem__(self, split: str) -> Split:
        if split not in self._open:
            self._open[split] = self.joined([split])
        return self._open[split]

    def joined(self, names: Sequence[str], stored: Preprocess | None = None) -> Split:
        """See `Undecoded`."""
        own, how = [each for name in names for each in self._found[name]], stored or self._how
        gate = _Gate(own, how, self._channels, self._bad)
        labels = torch.tensor([self._number[each.entry.label] for each in own])
        shapes = torch.tensor([each.sum.size for each in own]) if how.resize == "warp" else None
        names, sums = tuple(each.entry.name for each in own), tuple(each.sum.digest for each in own)
        return Split(gate.store.images, labels, shapes, names, gate, sums)

    def originals(self, names: Sequence[str], least: int) -> Iterator[Tensor]:
        """See `Undecoded`."""
        entries = {each.entry.name: each.entry for own in self._found.values() for each in own}

        def opened(name: str) -> Tensor:
            try:
                return open_image(entries[name].read(), name, least)
            except OSError as error:
                why = (error.strerror or str(error)).lower()
                raise HeirloomError("E-image", "cannot read the image", where=name, why=why) from error

        return in_threads(opened, names)


class _Gate:
    """See `heirloom.data.Gate`."""

    def __init__(self, found: Sequence[Found], how: Preprocess, channels: int, bad: Bad) -> None:
        self._bad = bad

        def on_bad(row: int, reason: str) -> None:
            bad.add(BadFile(found[row].entry.name, reason, found[row].entry.label))

        files = [(each.entry, each.sum.digest) for each in found]
        self.store, self.key = decoded(files, how, channels, on_bad)
        self.good, self.begin = self.store.good, self.store.begin

    @property
    def bad_files(self) -> tuple[BadFile, ...]:
        """All bad files of the data set, as far as they are known."""
        return tuple(self._bad.files)


def _leaks(found: list[Found]) -> list[str]:
    """Images that stand in two splits, byte by byte."""
    of_split: dict[str, dict[str, Found]] = {split: {} for split in SPLITS}
    for each in found:
        of_split[each.split].setdefault(each.sum.digest, each)
    notes = []
    for at, first in enumerate(SPLITS):
        for second in SPLITS[at + 1 :]:
            both = sorted(of_split[first].keys() & of_split[second].keys())
            if both:
                notes.append(
                    f"{len(both):,} images of {second} are also in {first}, such as "
                    f"{of_split[second][both[0]].entry.name}"
                )
    return notes
