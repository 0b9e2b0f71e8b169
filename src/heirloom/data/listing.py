"""What a folder, a table or a shard says that its images are, before any of them is decoded.

The split of an image that stands in no split is found from its bytes: the first eight bytes of their SHA-256
are a fraction from 0 to 1; below 0.70 it is ``train``, below 0.85 ``val``, else ``test``. So it never
changes: not when files are added or removed, renamed, moved to another class or listed in another order, as
a rule by position or by name would. And equal files, under whatever names, are on one side: none is tested
on that was learned from. What the rule does not give is an exact share of each class.
"""

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from heirloom.errors import HeirloomError
from heirloom.files import read_regular
from heirloom.images import MOST_BYTES

SPLITS = ("train", "val", "test")
SHARES = (("train", 0.70), ("val", 0.85), ("test", 1.0))
"""Where the rule's splits end."""
MOST_BAD = 0.05
"""Share of a class's files that may be bad."""
NAME_FILES = ("classes.txt", "LOC_synset_mapping.txt")
"""Files beside the images with a folder's or label's name and then, after a space, the name of the class: our
own, and ImageNet's as Kaggle gives it."""


@dataclass(frozen=True)
class Entry:
    """One image: a file, or a part of one.

    Attributes:
        name: What it is called in messages, relative to the folder that was named.
        path: The file.
        label: Its class, as the folder or table writes it.
        split: One of `SPLITS`, or empty: the rule decides.
        offset: Where its bytes begin in the file.
        size: How many there are; None means to the end.
    """

    name: str
    path: Path
    label: str
    split: str = ""
    offset: int = 0
    size: int | None = None

    def read(self) -> bytes:
        """Its bytes. Raises OSError: it cannot be read, is no regular file, or too large."""
        if self.size is None:
            return read_regular(self.path, MOST_BYTES)
        if self.size > MOST_BYTES:
            raise OSError(f"{self.size:,} bytes, the limit is {MOST_BYTES:,}")
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read(self.size)
        if len(data) < self.size:
            raise OSError("cut short")
        return data


@dataclass(frozen=True)
class BadFile:
    """A file that gives no image, or a folder that gives none.

    Attributes:
        name: As of `Entry`.
        reason: Why.
        label: Its class, or empty if it has none.
    """

    name: str
    reason: str
    label: str = ""


@dataclass
class Listing:
    """What was found.

    Attributes:
        root: What was named.
        entries: Images in the order of their names.
        bad: What should be an image and cannot be one.
        notes: What its owner should know.
        empty: Classes without images.
        unread: Folders that cannot be read, so that nobody knows what is in them.
    """

    root: Path
    entries: list[Entry] = field(default_factory=list)
    bad: list[BadFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    unread: list[BadFile] = field(default_factory=list)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, as folders or table write them, in their order: by number if all are numbers."""
        return in_order({entry.label for entry in self.entries} | {b.label for b in self.bad if b.label})

    def twins(self) -> list[tuple[str, str]]:
        """Classes whose names differ only in case, in spaces around them, or in how accents are written."""
        seen: dict[str, str] = {}
        found = []
        for label in self.labels:
            key = unicodedata.normalize("NFC", label).strip().casefold()
            if key in seen:
                found.append((seen[key], label))
            seen.setdefault(key, label)
        return found


def split_of(digest: str) -> str:
    """The split of an image by the rule, from the hexadecimal SHA-256 of its bytes."""
    fraction = int(digest[:16], 16) / 2**64
    return next(name for name, end in SHARES if fraction < end or end == 1.0)


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Classes in their order: by number if all are whole numbers, else by name."""
    found = sorted(set(labels))
    numbers = all(label.isascii() and label.isdecimal() and len(label) < 10 for label in found)
    return tuple(sorted(found, key=int) if numbers else found)


def class_names(root: Path, labels: Sequence[str]) -> tuple[str, ...]:
    """What the classes are called: as `NAME_FILES` beside the images say, else as their folders.

    Two classes of one name, such as ImageNet's two cranes, are told apart by their folders.

    Raises:
        HeirloomError: (``E-data-file``) The file cannot be read, or leaves a class out.
    """
    folder = root if root.is_dir() else root.parent
    path = next((folder / name for name in NAME_FILES if (folder / name).exists()), None)
    if path is None:
        return tuple(labels)
    try:
        text = read_regular(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise bad_data(path, f"cannot read it: {error}") from error
    pairs = [line.replace("\t", " ").strip().partition(" ") for line in text.splitlines()]
    names = {key: name.strip() for key, _, name in pairs if name.strip()}
    for label in labels:
        if label not in names:
            raise bad_data(path, f"it has no line for the class {label!r}", "add it: FOLDER NAME")
    often = Counter(names[label] for label in labels)
    return tuple(f"{names[key]} ({key})" if often[names[key]] > 1 else names[key] for key in labels)


def check_classes_of(listing: Listing) -> None:
    """Refuse a set of images that no network can learn as it is.

    Raises:
        HeirloomError: (``E-data-file``) There is a folder that cannot be read, no image, one class alone, a
            class without images, one that is missing in ``train``, or one whose name is no text.
    """
    root, entries, labels = listing.root, listing.entries, listing.labels
    for folder in listing.unread:
        remedy = "let it be read, or hide it by a name that begins with a dot"
        raise bad_data(root / folder.name, f"{folder.reason}, and nobody knows what is in it", remedy)
    if not entries and not listing.bad:
        raise bad_data(root, "no images below it", "put them into a folder for each class")
    for label in (*labels, *listing.empty):
        try:
            label.encode()
        except UnicodeEncodeError as error:
            raise bad_data(root, f"the name of the class {label!r} is not UTF-8", "rename it") from error
    if listing.empty:
        raise bad_data(
            root, f"no images in {listing.empty[0]!r}", "remove that folder, or put images into it"
        )
    if len(labels) < 2:
        raise bad_data(
            root, f"one class alone, {labels[0] if labels else ''!r}", "name the folder above the classes"
        )
    trained = {entry.label for entry in entries if entry.split in ("", "train")}
    for label in labels:
        if label not in trained:
            where = sorted({entry.split for entry in entries if entry.label == label})
            if where:  # else all its files are bad, which is said of them
                raise bad_data(root, f"the class {label!r} is in {' and '.join(where)} and not in train")
    for split in sorted({entry.split for entry in entries} - {"", "train"}):
        missing = in_order(trained - {entry.label for entry in entries if entry.split == split})
        if missing:
            listing.notes.append(f"{split} has no images of {len(missing)} classes: {', '.join(missing[:5])}")
    for pair in listing.twins():
        listing.notes.append(f"two classes have nearly one name: {pair[0]!r} and {pair[1]!r}")


def check_learned(root: Path, placed: Iterable[tuple[str, str]]) -> None:
    """Refuse a set of images of which a class has none to learn from, whoever decides the splits.

    Args:
        root: What was named.
        placed: Class and split of every good image.

    Raises:
        HeirloomError: (``E-data-file``) There is such a class.
    """
    splits: dict[str, set[str]] = {}
    for label, split in placed:
        splits.setdefault(label, set()).add(split)
    for label in in_order(splits):
        if "train" not in splits[label]:
            where = " and ".join(sorted(splits[label]))
            why = f"no image of {label!r} is in train: the rule of splits put them into {where}"
            raise bad_data(root, why, "add images of it, or make the splits yourself: train/, val/, test/")


def check_bad(root: Path, first: BadFile, count: int, every: int) -> None:
    """Refuse a set of images of which too many are bad: over `MOST_BAD` of a class, or all of it.

    Args:
        root: What was named.
        first: A bad file of the class.
        count: How many of its files are bad.
        every: How many it has, good ones and bad ones.

    Raises:
        HeirloomError: (``E-data-file``) Too many; the line has the first of them.
    """
    if first.label and count > MOST_BAD * every:
        raise HeirloomError(
            "E-data-file",
            f"{count:,} of {every:,} images of {first.label!r} {'is' if count == 1 else 'are'} bad",
            where=str(root),
            why=f"{first.name}: {first.reason}",
            remedy="mend or remove them; heirloom doctor lists them all",
        )


def bad_note(files: Sequence[BadFile]) -> str:
    """One line about bad files."""
    said = "1 bad file is left out:" if len(files) == 1 else f"{len(files):,} bad files are left out, such as"
    return f"{said} {files[0].name}: {files[0].reason}"


def bad_files_csv(bad: Iterable[BadFile]) -> bytes:
    """``bad_files.csv``: path and reason. A name that is not UTF-8 keeps its bytes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["path", "reason"])
    writer.writerows([file.name, file.reason] for file in bad)
    return out.getvalue().encode("utf-8", "surrogateescape")


def bad_files_of(data: bytes) -> list[BadFile]:
    """Undo `bad_files_csv`, but for the classes."""
    rows = csv.reader(io.StringIO(data.decode("utf-8", "surrogateescape"), newline=""))
    return [BadFile(*row) for row in rows if len(row) == 2][1:]


def bad_data(path: Path, why: str, remedy: str = "") -> HeirloomError:
    """The error about data of one's own."""
    return HeirloomError("E-data-file", "cannot use the images", where=str(path), why=why, remedy=remedy)
