"""Folders of images: a folder for each class, below ``train/``, ``val/`` and ``test/`` or below none of them.

A class has all images below its folder, told by the ends of their names (`heirloom.images.SUFFIXES`). Left
out are names that begin with ``.`` or ``@``, ``__MACOSX``, ``Thumbs.db`` and ``lost+found``. Links are
followed, and each real folder is entered once, so that a loop of links ends. Pipes and devices are bad files;
a folder that cannot be read is an error, since nobody knows how many images it keeps back.
ImageNet's layout is this one; its folders' names become the names of its classes by a file (`class_names`).
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from heirloom.data.labelled import list_shards, list_table
from heirloom.data.listing import SPLITS, BadFile, Entry, Listing, bad_data
from heirloom.errors import HeirloomError
from heirloom.images import SUFFIXES

IGNORED = frozenset(["__MACOSX", "Thumbs.db", "lost+found"])
MEANT = {"training": "train", "valid": "val", "validation": "val", "testing": "test"} | {s: s for s in SPLITS}
"""Names of folders, in small letters, that are hardly those of classes, and the splits that they mean."""
_ENDS = tuple(SUFFIXES)
_Seen = set[tuple[int, int]]


def list_images(root: Path, without: str = "") -> Listing:
    """What images a folder, a table of them (``.csv``) or a shard (``.tar``) has.

    Args:
        root: Where they are.
        without: A split whose folder is left out, since a table beside it says what is in there.

    Raises:
        HeirloomError: (``E-data``) There is no such file or folder; (``E-data-file``) it is none of these,
            or cannot be read.
    """
    try:
        kind = root.stat().st_mode
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise HeirloomError("E-data", f"no data at {root}", why=why) from error
    if stat.S_ISDIR(kind):
        return _list_folder(root, without) if without else _with_others(_list_folder(root))
    if stat.S_ISREG(kind) and root.suffix.lower() == ".csv":
        return _with_others(list_table(root))
    if stat.S_ISREG(kind) and root.suffix.lower() == ".tar":
        return list_shards(root, [root])
    raise bad_data(root, "it is no folder, no .csv and no .tar", "name the folder above the classes")


def _with_others(listing: Listing) -> Listing:
    """Where all is to learn from, the rule takes images to test with out of it."""
    if listing.entries and {entry.split for entry in listing.entries} == {"train"}:
        listing.entries = [replace(entry, split="") for entry in listing.entries]
        listing.notes.append("there is a train split alone: val and test are taken out of it by the rule")
    return listing


def _list_folder(root: Path, without: str = "") -> Listing:
    listing, seen = Listing(root), _mark(root, set())
    try:
        items = list(_items(root))
    except OSError as error:
        raise bad_data(root, (error.strerror or str(error)).lower()) from error
    shards = [
        Path(item.path) for item in items if item.name.lower().endswith(".tar") and not _is_folder(item)
    ]
    folders = [item for item in items if _is_folder(item)]
    if shards and not folders:
        return list_shards(root, shards)
    splits = [item for item in folders if item.name in SPLITS]
    odd = [item.name for item in folders if item.name not in SPLITS and item.name.lower() in MEANT]
    if odd and (splits or len(odd) == len(folders)):
        why = f"its folder {odd[0]!r} looks like a split, and has not the name of one"
        raise bad_data(root, why, f"call it {MEANT[odd[0].lower()]}")
    if splits:
        beside = [item.name for item in folders if item.name not in SPLITS]
        if beside:
            listing.notes.append(f"left out, beside the splits: {', '.join(beside[:5])}")
        for item in splits:
            if item.name == without or not _enter(item, seen):
                continue
            try:
                inside = list(_items(Path(item.path)))
            except OSError as error:
                raise bad_data(Path(item.path), (error.strerror or str(error)).lower()) from error
            _classes(listing, inside, item.name, f"{item.name}/", seen)
    else:
        _classes(listing, items, "", "", seen)
    given = {entry.split for entry in listing.entries}
    if splits and "train" not in given:
        raise bad_data(root, "no images in train/", "put a folder for each class there")
    return listing


def _classes(listing: Listing, items: list[os.DirEntry[str]], split: str, place: str, seen: _Seen) -> None:
    """The folders of classes among ``items``, each with all below it."""
    loose = [item.name for item in items if not _is_folder(item) and _seems_image(item)]
    if loose and not any(_is_folder(item) for item in items):
        raise bad_data(
            listing.root,
            f"{len(loose):,} images and no folders of classes in {place or 'it'}",
            "put them into a folder for each class, or give a .csv of path,label",
        )
    if loose:
        listing.notes.append(
            f"{len(loose):,} images beside the folders of classes are left out: {place}{loose[0]}"
        )
    for item in items:
        if _is_folder(item) and _enter(item, seen):
            before = len(listing.entries) + len(listing.unread)
            others = _images(listing, Path(item.path), f"{place}{item.name}", item.name, split, seen)
            if others:
                listing.notes.append(f"{others:,} files of {place}{item.name} are no images by their names")
            if len(listing.entries) + len(listing.unread) == before:
                listing.empty.append(f"{place}{item.name}")
        elif _is_folder(item):
            listing.notes.append(f"{place}{item.name} is a link to a folder that was seen already")


def _images(listing: Listing, folder: Path, name: str, label: str, split: str, seen: _Seen) -> int:
    """Add all images below a folder; return how many other files there are."""
    others, waiting = 0, [(folder, name)]
    while waiting:
        folder, name = waiting.pop()
        try:
            items = list(_items(folder))
        except OSError as error:
            listing.unread.append(BadFile(name, (error.strerror or str(error)).lower(), label))
            continue
        for item in items:
            inner = f"{name}/{item.name}"
            if _is_folder(item):
                if _enter(item, seen):
                    waiting.append((Path(item.path), inner))
            elif not _seems_image(item):
                others += 1
            else:
                listing.entries.append(Entry(inner, Path(item.path), label, split))
    return others


def _items(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What a folder has, in the order of its names, without what is hidden."""
    with os.scandir(folder) as found:
        for item in sorted(found, key=lambda item: item.name):
            if not item.name.startswith((".", "@")) and item.name not in IGNORED:
                yield item


def _seems_image(item: os.DirEntry[str]) -> bool:
    return item.name.lower().endswith(_ENDS)


def _is_folder(item: os.DirEntry[str]) -> bool:
    """A link to itself is none."""
    try:
        return item.is_dir()
    except OSError:
        return False


def _enter(item: os.DirEntry[str], seen: _Seen) -> bool:
    """Whether a folder was not seen before; from now on it was."""
    before = len(seen)
    try:
        _mark(Path(item.path), seen)
    except OSError:
        return True  # what is wrong with it is said where it is read
    return len(seen) > before


def _mark(folder: Path, seen: _Seen) -> _Seen:
    status = folder.stat()
    seen.add((status.st_dev, status.st_ino))
    return seen
