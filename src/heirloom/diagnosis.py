"""What is wrong, or odd, with a folder of images, before it is learned from."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heirloom.data.folder import list_images
from heirloom.data.listing import (
    SPLITS,
    Entry,
    Listing,
    check_classes_of,
    check_learned,
    class_names,
    split_of,
)
from heirloom.data.sums import in_threads
from heirloom.data.waiting import told
from heirloom.errors import HeirloomError, printable
from heirloom.images import Picture, read_image
from heirloom.weights import read_weights, weights_path

SMALL, LONG = 32, 4.0
"""An image with a side of fewer pixels is odd, and so is one so many times as long as it is wide."""
_USUAL = ("L", "RGB")
_ENDS = {
    "JPEG": (".jpg", ".jpeg"),
    "MPO": (".jpg", ".jpeg"),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}


@dataclass(frozen=True)
class Finding:
    """Something to look at.

    Attributes:
        wrong: It should be mended; else it is odd alone.
        what: One line, such as ``also in another split``.
        files: The images it is about, each with what there is to say; or the classes.
    """

    wrong: bool
    what: str
    files: tuple[str, ...]


@dataclass
class Diagnosis:
    """What was found in a folder of images.

    Attributes:
        path: The folder.
        counts: Good images by split and class, ``counts["train"]["cat"]``.
        formats: How many files there are of each format.
        modes: How many of each kind of pixel, in Pillow's words.
        smallest: (height, width) with the fewest pixels; None without a good image.
        middle: The one in the middle, by pixels.
        largest: The one with the most.
        findings: What is wrong, then what is odd.
        notes: What else its owner should know.
    """

    path: str
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    formats: dict[str, int] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    smallest: tuple[int, int] | None = None
    middle: tuple[int, int] | None = None
    largest: tuple[int, int] | None = None
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Nothing is wrong; something may be odd."""
        return not any(finding.wrong for finding in self.findings)

    @property
    def images(self) -> int:
        """How many good images there are."""
        return sum(sum(split.values()) for split in self.counts.values())

    def as_dict(self) -> dict[str, Any]:
        """The JSON form, schema 1."""
        return {
            "schema": 1,
            "path": printable(self.path),
            "healthy": self.healthy,
            "images": self.images,
            "counts": self.counts,
            "formats": self.formats,
            "modes": self.modes,
            "sizes": {"smallest": self.smallest, "middle": self.middle, "largest": self.largest},
            "findings": [
                {
                    "wrong": finding.wrong,
                    "what": finding.what,
                    "count": len(finding.files),
                    "files": [printable(name) for name in finding.files],
                }
                for finding in self.findings
            ],
            "notes": [printable(note) for note in self.notes],
        }


@dataclass(frozen=True)
class _Seen:
    """An image without its pixels, or what is wrong with its file."""

    entry: Entry
    digest: str = ""
    reason: str = ""
    format: str = ""
    mode: str = ""
    size: tuple[int, int] = (0, 0)
    animated: bool = False

    @property
    def split(self) -> str:
        return self.entry.split or split_of(self.digest)


def doctor(path: Path | str, run: Path | str | None = None) -> Diagnosis:
    """Open every image of a folder, a table or a shard, and say what is wrong with them to learn from.

    Args:
        path: As in `heirloom.data.folder.list_images`.
        run: A run directory or weights file; its classes must be those of the folder.

    Raises:
        HeirloomError: (``E-data``) There is nothing at ``path``; (``E-data-file``) it is no such thing;
            (``E-run``, ``E-weights``) ``run`` cannot be read.
    """
    path = Path(path)
    known = read_weights(weights_path(run))[0].classes if run is not None else None
    listing = list_images(path)
    seen = list(told("looking at images", len(listing.entries), in_threads(_look, listing.entries)))
    good = [each for each in seen if not each.reason]
    found = Diagnosis(str(path))
    _count(found, good, listing)
    found.findings += _wrong_files(listing, seen)
    found.findings += _wrong_classes(listing, good, known)
    found.findings += _twice(good)
    found.findings += _odd(good)
    found.findings.sort(key=lambda finding: not finding.wrong)
    found.notes = list(listing.notes)
    return found


def _look(entry: Entry) -> _Seen:
    try:
        data = entry.read()
        picture: Picture = read_image(data, entry.name)
    except OSError as error:
        return _Seen(entry, reason=(error.strerror or str(error)).lower())
    except HeirloomError as error:
        return _Seen(entry, reason=error.why or error.what)
    digest = hashlib.sha256(data).hexdigest()
    return _Seen(entry, digest, "", picture.format, picture.mode, picture.size, picture.animated)


def _count(found: Diagnosis, good: list[_Seen], listing: Listing) -> None:
    labels = listing.labels
    for split in SPLITS:
        counts = Counter(each.entry.label for each in good if each.split == split)
        if counts:
            found.counts[split] = {label: counts[label] for label in labels}
    found.formats = dict(Counter(each.format for each in good).most_common())
    found.modes = dict(Counter(each.mode for each in good).most_common())
    sizes = sorted((each.size for each in good), key=lambda size: (size[0] * size[1], size))
    if sizes:
        found.smallest, found.middle, found.largest = sizes[0], sizes[len(sizes) // 2], sizes[-1]


def _wrong_files(listing: Listing, seen: list[_Seen]) -> Iterable[Finding]:
    bad = [f"{file.name}: {file.reason}" for file in [*listing.bad, *listing.unread]]
    bad += [f"{each.entry.name}: {each.reason}" for each in seen if each.reason]
    if bad:
        yield Finding(True, "cannot be read", tuple(sorted(bad)))


def _wrong_classes(listing: Listing, good: list[_Seen], known: tuple[str, ...] | None) -> Iterable[Finding]:
    try:
        check_classes_of(listing)
        check_learned(listing.root, ((each.entry.label, each.split) for each in good))
        classes = class_names(listing.root, listing.labels)
    except HeirloomError as error:
        yield Finding(True, "no data set as it is", (error.why,))
        return
    if twins := listing.twins():
        yield Finding(True, "classes of nearly one name", tuple(f"{a!r} and {b!r}" for a, b in twins))
    if known is not None and known != classes:
        odd = [f"{name!r} is not known to the run" for name in classes if name not in known]
        odd += [f"{name!r} is missing here" for name in known if name not in classes]
        yield Finding(True, "other classes than the run's", tuple(odd or ["their order is another"]))


def _twice(good: list[_Seen]) -> Iterable[Finding]:
    """Equal files, byte by byte."""
    equal: dict[str, list[_Seen]] = defaultdict(list)
    for each in good:
        equal[each.digest].append(each)
    said: dict[str, list[str]] = {"between splits": [], "between classes": [], "within a class": []}
    for group in equal.values():
        if len(group) > 1:
            splits, labels = {each.split for each in group}, {each.entry.label for each in group}
            kind = (
                "between splits"
                if len(splits) > 1
                else "between classes"
                if len(labels) > 1
                else "within a class"
            )
            said[kind].append(" = ".join(sorted(each.entry.name for each in group)))
    for kind, groups in said.items():
        if groups:
            yield Finding(kind != "within a class", f"the same image {kind}", tuple(sorted(groups)))


def _odd(good: list[_Seen]) -> Iterable[Finding]:
    def files(chosen: Iterable[tuple[_Seen, str]]) -> tuple[str, ...]:
        return tuple(sorted(f"{each.entry.name}: {why}" for each, why in chosen))

    size = {id(each): f"{each.size[1]} x {each.size[0]} pixels" for each in good}
    for what, chosen in (
        (f"a side below {SMALL} pixels", [(e, size[id(e)]) for e in good if min(e.size) < SMALL]),
        (
            f"over {LONG:g} times as long as wide",
            [(e, size[id(e)]) for e in good if max(e.size) > LONG * min(e.size)],
        ),
        ("neither 8-bit grey nor 8-bit RGB", [(e, e.mode) for e in good if e.mode not in _USUAL]),
        ("several frames, of which the first counts", [(e, e.format) for e in good if e.animated]),
        ("another format than the name says", [(e, e.format) for e in good if not _named_well(e)]),
    ):
        if chosen:
            yield Finding(False, what, files(chosen))
    grey = sum(each.mode in ("1", "L") or each.mode.startswith("I") for each in good)
    if 0 < grey < len(good):
        chosen = [(each, each.mode) for each in good if each.mode in ("1", "L") or each.mode.startswith("I")]
        yield Finding(False, "grey among images in colour", files(chosen))


def _named_well(each: _Seen) -> bool:
    end = Path(each.entry.name).suffix.lower()
    return end in _ENDS.get(each.format, (f".{each.format.lower()}",))
