"""A data set from images of one's own: a folder, a table or shards, see `heirloom.data.folder`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from heirloom.data import Dataset, Split
from heirloom.data.decoding import decode, digests, in_threads
from heirloom.data.folder import list_images
from heirloom.data.listing import (
    SPLITS,
    BadFile,
    Entry,
    Listing,
    bad_data,
    check_bad,
    check_classes_of,
    class_names,
    split_of,
)
from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.images import open_image

SIDE = 256
"""Pixels of the square that images are fitted into where no network says what it takes."""


@dataclass(frozen=True)
class Found:
    """An image of one's own.

    Attributes:
        entry: Where it is.
        digest: Hexadecimal SHA-256 of its bytes.
        split: One of `heirloom.data.listing.SPLITS`.
    """

    entry: Entry
    digest: str
    split: str


def find(path: Path) -> tuple[Listing, list[Found]]:
    """All files that should be images, each with its split, in the order in which they are learned.

    The order within a split is that of their sums: it is the same wherever they lie, and classes are mixed.

    Raises:
        HeirloomError: (``E-data``) There is nothing at ``path``; (``E-data-file``) it holds no images, or no
            classes of images.
    """
    listing = list_images(path)
    found = []
    for entry, digest in zip(listing.entries, digests(path, listing.entries), strict=True):
        if isinstance(digest, BadFile):
            listing.bad.append(digest)
        else:
            found.append(Found(entry, digest, entry.split or split_of(digest)))
    found.sort(key=lambda each: (SPLITS.index(each.split), each.digest, each.entry.name))
    return listing, found


def load(path: Path, fit: Preprocess | None = None) -> Dataset:
    """The images of a folder, a table or shards, decoded.

    Args:
        path: What to load.
        fit: How a network takes its images, by which they are brought to one size; by default they are
            fitted into 256 x 256 pixels.

    Raises:
        HeirloomError: (``E-data``) There is nothing at ``path``; (``E-data-file``) it holds no classes of
            images, or too many bad ones; (``E-disk``, ``E-output-unwritable``) they cannot be stored.
    """
    listing, found = find(path)
    check_classes_of(listing)
    labels = listing.labels
    names = class_names(path, labels)
    decoded = decode([(each.entry, each.digest) for each in found], fit or Preprocess((3, SIDE, SIDE)))
    every = [each.entry.label for each in found] + [file.label for file in listing.bad]
    bad = listing.bad + [
        BadFile(found[at].entry.name, reason, found[at].entry.label) for at, reason in decoded.bad.items()
    ]
    check_bad(path, every, bad)
    good = [each for at, each in enumerate(found) if at not in decoded.bad]
    number = {label: index for index, label in enumerate(labels)}
    splits, begin = {}, 0
    for split in SPLITS:
        own = [each for each in good if each.split == split]
        if own:
            answers = torch.tensor([number[each.entry.label] for each in own])
            called = tuple(each.entry.name for each in own)
            splits[split] = Split(decoded.images[begin : begin + len(own)], answers, called)
        begin += len(own)
    if "train" not in splits or len(splits) == 1:
        lacks = "to test with" if "train" in splits else "to learn from"
        raise bad_data(path, f"no images {lacks}", f"{len(good)} images are too few for the rule of splits")
    notes = [*listing.notes, *_leaks(good)]
    if "test" not in splits and "val" in splits:
        splits["test"] = splits["val"]
        notes.append(f"{path} has no test split: val is also the test split")
    if bad:
        notes.append(f"{len(bad):,} bad files are left out, such as {bad[0].name}: {bad[0].reason}")
    return Dataset(str(path), names, splits, tuple(notes), tuple(bad))


def originals(path: Path, names: Sequence[str], least: int) -> Iterator[Tensor]:
    """Images as their files have them, each (C, h, w), read anew and none kept.

    Args:
        path: What was loaded.
        names: What they are called, `heirloom.data.Split.names`.
        least: As of `heirloom.images.open_image`.

    Raises:
        HeirloomError: (``E-data-file``, ``E-image``) One is gone meanwhile, or cannot be read.
    """
    entries = {entry.name: entry for entry in list_images(path).entries}
    gone = next((name for name in names if name not in entries), None)
    if gone is not None:
        raise bad_data(path, f"{gone} is gone", "it was there when the images were listed")

    def opened(name: str) -> Tensor:
        try:
            return open_image(entries[name].read(), name, least)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise HeirloomError("E-image", "cannot read the image", where=name, why=why) from error

    return in_threads(opened, names)


def _leaks(found: list[Found]) -> list[str]:
    """Images that stand in two splits, byte by byte."""
    of_split: dict[str, dict[str, Found]] = {split: {} for split in SPLITS}
    for each in found:
        of_split[each.split].setdefault(each.digest, each)
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
