"""Images whose classes stand beside them: tables of paths and labels, and shards as webdataset writes them.

A table is a CSV file with the columns ``path``, ``label`` and, if wanted, ``split``; paths are relative to
it.

A shard is a tar file, not compressed, in which ``KEY.jpg`` and ``KEY.cls`` belong together; a key is a name
up to its first dot, and has one image: ``KEY.mask.png`` is something else, and left out. Of a folder of
shards, ``train-000.tar`` is of ``train``, and so for ``val`` and ``test``; where no shard has such a name,
the rule of `heirloom.data.listing` splits. Nothing is unpacked on the disk.

Source: the documentation of webdataset, "The WebDataset Format".
"""

import csv
import io
import re
import tarfile
from pathlib import Path

from heirloom.data.listing import SPLITS, BadFile, Entry, Listing, bad_data
from heirloom.errors import nearest
from heirloom.files import read_regular
from heirloom.images import SUFFIXES

MOST_LABEL = 200
"""Bytes of a label."""


def list_table(path: Path) -> Listing:
    """The images that a CSV file names.

    Raises:
        HeirloomError: (``E-data-file``) It is no such table; the line says where.
    """
    listing = Listing(path)
    try:
        text = read_regular(path).decode("utf-8-sig", "surrogateescape")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except OSError as error:
        raise bad_data(path, (error.strerror or str(error)).lower()) from error
    except csv.Error as error:
        raise bad_data(path, f"no CSV: {error}") from error
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    if [head.count(name) for name in ("path", "label")] != [1, 1] or head.count("split") > 1:
        remedy = "it must name the columns path,label[,split], each once"
        raise bad_data(path, f"line 1 is {','.join(head)[:80]!r}", remedy)
    seen: dict[str, int] = {}
    for number, row in enumerate(rows[1:], 2):
        if not any(row):
            continue
        if len(row) != len(head):
            raise bad_data(path, f"line {number} has {len(row)} cells, line 1 has {len(head)}")
        cells = dict(zip(head, (cell.strip() for cell in row), strict=True))
        name, label, split = cells["path"], cells["label"], cells.get("split", "")
        if not name or not label or "\0" in name:
            raise bad_data(path, f"line {number} has no path or no label")
        if split and split not in SPLITS:
            raise bad_data(path, f"line {number}: split {split!r}, {nearest(split, SPLITS)}")
        if name in seen:
            raise bad_data(path, f"line {number} names {name} again, as line {seen[name]} does")
        seen[name] = number
        listing.entries.append(Entry(name, path.parent / name, label, split))
    _all_or_none(listing)
    return listing


def list_shards(root: Path, shards: list[Path]) -> Listing:
    """The images of tar files.

    Raises:
        HeirloomError: (``E-data-file``) One of them is none, or is damaged.
    """
    listing = Listing(root)
    for shard in sorted(shards):
        split = re.match(r"(train|val|test)(?![a-z])", shard.name)
        _list_shard(listing, shard, split[1] if split else "")
    _all_or_none(listing)
    return listing


def _list_shard(listing: Listing, shard: Path, split: str) -> None:
    place = shard.name if shard != listing.root else ""
    images: dict[str, tarfile.TarInfo] = {}
    labels: dict[str, str] = {}
    others: list[str] = []
    try:
        if not shard.is_file():  # a pipe might never end
            raise bad_data(shard, "not a regular file")
        size = shard.stat().st_size
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                folder, _, name = member.name.rpartition("/")
                stem, _, end = name.partition(".")
                key = f"{folder}/{stem}"
                if not member.isreg() or member.issparse():
                    continue
                if member.offset_data + member.size > size:
                    raise bad_data(shard, f"{member.name} is cut short")
                if f".{end.lower()}" in SUFFIXES:
                    if key in images and images[key].name != member.name:
                        why = f"{images[key].name} and {member.name} are two images of one key"
                        raise bad_data(shard, why, "write shards in which each key has one")
                    images[key] = member
                elif f".{end.rpartition('.')[2].lower()}" in SUFFIXES:
                    others.append(member.name)
                elif end == "cls" and member.size <= MOST_LABEL:
                    opened = tar.extractfile(member)
                    labels[key] = opened.read().decode("utf-8", "replace").strip() if opened else ""
    except (OSError, EOFError, tarfile.TarError, ValueError, RecursionError) as error:
        raise bad_data(shard, f"no tar file, or a damaged one: {error}") from error
    if others:
        listing.notes.append(
            f"{len(others):,} images whose names have further dots are left out, such as {others[0]}"
        )
    for key, member in images.items():
        name = f"{place}: {member.name}" if place else member.name
        if labels.get(key):
            entry = Entry(name, shard, labels[key], split, member.offset_data, member.size)
            listing.entries.append(entry)
        else:
            listing.bad.append(BadFile(name, "there is no .cls file with its label"))


def _all_or_none(listing: Listing) -> None:
    """Either every image has its split, or none."""
    without = [entry for entry in listing.entries if not entry.split]
    if without and len(without) < len(listing.entries):
        raise bad_data(
            listing.root, f"{without[0].name} is of no split, others are", "name the split of all, or of none"
        )
