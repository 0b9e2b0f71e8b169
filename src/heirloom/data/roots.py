"""Where data sets lie: in a folder of their name below one of the data roots.

The roots, in order: those that the caller names (on the command line, ``--data-root``), those in the
environment variable ``HEIRLOOM_DATA``, the user's cache folder. Imports no torch.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from heirloom.errors import HeirloomError
from heirloom.files import is_folder

VARIABLE = "HEIRLOOM_DATA"
"""Environment variable with roots, separated as in ``PATH``."""

_used: tuple[Path, ...] = ()


def use(roots: Sequence[Path | str]) -> None:
    """Look below these roots first from now on, in this whole process. The command line calls it.

    Raises:
        HeirloomError: (``E-usage``) One of them is no folder.
    """
    global _used
    for root in roots:
        if not is_folder(Path(root)):
            raise HeirloomError("E-usage", f"--data-root {root}", why="no such folder")
    _used = tuple(Path(root) for root in roots)


def used() -> tuple[Path, ...]:
    """What was given to `use`."""
    return _used


def cache() -> Path:
    """The root in the user's cache folder: what `fetch` fills by default."""
    import platformdirs

    return platformdirs.user_cache_path("heirloom", appauthor=False)


def all_roots(first: Sequence[Path | str] = ()) -> list[Path]:
    """Every root in order: ``first``, those of `use`, of ``HEIRLOOM_DATA``, the cache."""
    named = [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    return list(dict.fromkeys([*map(Path, first), *_used, *named, cache()]))


def find_files(name: str, files: Sequence[str], roots: Sequence[Path | str] = ()) -> list[Path]:
    """The files of a data set, from the first root that has them all; each may end in ``.gz``.

    Raises:
        HeirloomError: (``E-data``) No root has them; the line says where we looked.
    """
    folders = [root / name for root in all_roots(roots)]
    most: tuple[int, Path, str] = (0, Path(), "")
    for folder in folders:
        found = [stored(folder, f"{file}.gz", file) for file in files]
        there = [path for path in found if path is not None]
        if len(there) == len(files):
            return there
        if len(there) > most[0]:
            most = (len(there), folder, files[found.index(None)])
    count, folder, missing = most
    where = str(folder) if count else ""
    looked = f"{missing} is missing" if count else f"looked for {', '.join(map(str, folders))}"
    raise HeirloomError(
        "E-data",
        f"no data set {name} here" if not count else f"{name} is not complete",
        where=where,
        why=looked,
        remedy=f"download it: heirloom fetch {name}, or name the folder above {name}/ with --data-root or "
        f"{VARIABLE}; its files are {', '.join(files)}, each with or without .gz",
    )


def stored(folder: Path, *names: str) -> Path | None:
    """The first of these names that ``folder`` has, or None. A pipe or a folder counts, to be refused."""
    for path in (folder / name for name in names):
        try:
            if path.exists():
                return path
        except OSError:  # a folder that we may not look into
            return path
    return None
