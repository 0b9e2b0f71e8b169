"""What is known of image files before they are decoded: the sums of their bytes, and what their heads say.

Below the user's cache folder, ``digests/`` keeps it by the files' place, size and times, so that a second run
need not read them.
"""

import contextlib
import hashlib
import itertools
import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from heirloom.data import roots
from heirloom.data.listing import BadFile, Entry
from heirloom.data.waiting import told
from heirloom.errors import HeirloomError
from heirloom.files import write_atomically
from heirloom.images import head_of

SETTLED = 2.0
"""Seconds that a file must be unchanged before what is known of it is kept: a clock ticks in steps."""
VERSION = 2
"""Of what is kept: another one looks at the files anew."""
_AHEAD, _TOGETHER = 4, 16
"""How many pieces of work each thread may be ahead of the reader, and files of a piece."""
_QUICK, _BEGINNING = 3e-4, 0.03
"""Seconds of an item in which Python itself takes most: its threads would only wait for one another. And what
else the first ones may take."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Sum:
    """A file that may be an image.

    Attributes:
        digest: Hexadecimal SHA-256 of its bytes.
        channels: 1 if it is grey, else 3.
        size: (height, width) in the file, orientation applied.
        fault: Why it is none, where that can be told without decoding it.
    """

    digest: str
    channels: int = 3
    size: tuple[int, int] = (0, 0)
    fault: str = ""


def sums(root: Path, entries: Sequence[Entry]) -> Iterator[Sum | BadFile]:
    """What is known of each file, or why it cannot be read."""
    name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()
    index = roots.cache() / "digests" / f"{name}.json"
    known = _known(index)
    stamps = [_stamp(entry) for entry in entries]
    now = {}
    work = zip(entries, stamps, itertools.repeat(known), strict=False)
    found_all = told("looking at images", len(entries), in_threads(_sum, work, _TOGETHER))
    for entry, stamp, found in zip(entries, stamps, found_all, strict=True):
        yield found
        if isinstance(found, Sum) and stamp and time.time() - stamp[-1] / 1e9 > SETTLED:
            now[entry.name] = [*stamp, found.digest, found.channels, *found.size, found.fault]
    if now != known:
        with contextlib.suppress(HeirloomError, OSError):  # a cache that cannot be written only costs time
            index.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(index, json.dumps(now).encode())


def _known(index: Path) -> dict[str, Any]:
    try:
        found = json.loads(index.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _stamp(entry: Entry) -> list[int]:
    """What changes when a file does; empty where it cannot be told."""
    try:
        status = entry.path.stat()
    except OSError:
        return []
    return [VERSION, entry.offset, status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]


def _sum(work: tuple[Entry, list[int], dict[str, Any]]) -> Sum | BadFile:
    entry, stamp, known = work
    before = known.get(entry.name)
    if stamp and isinstance(before, list) and before[: len(stamp)] == stamp:
        match before[len(stamp) :]:
            case [str(digest), 1 | 3 as channels, int(height), int(width), str(fault)]:
                return Sum(digest, channels, (height, width), fault)
    try:
        data = entry.read()
    except OSError as error:
        return BadFile(entry.name, (error.strerror or str(error)).lower(), entry.label)
    digest = hashlib.sha256(data).hexdigest()
    try:
        head = head_of(data, entry.name)
    except HeirloomError as error:
        if isinstance(error.__cause__, MemoryError):  # next time there may be room
            return BadFile(entry.name, error.why, entry.label)
        return Sum(digest, fault=error.why or error.what)
    return Sum(digest, head.channels, head.size)


def in_threads(function: Callable[[T], R], work: Iterable[T], together: int = 1) -> Iterator[R]:
    """Results in the order of the work, some of which is done ahead in threads, so many pieces at once.

    As long as it is quick it is done here: such as looking at small files that are in the memory.
    """
    count = threads()
    waiting: deque[Future[list[R]]] = deque()

    def several(items: list[T]) -> list[R]:
        return [function(item) for item in items]

    items = iter(work)
    parts = iter(lambda: list(itertools.islice(items, together)), [])
    spare = _BEGINNING
    while spare > 0 and (part := next(parts, [])):
        began = time.perf_counter()
        found = several(part)
        spare = min(_BEGINNING, spare + _QUICK * len(part) - (time.perf_counter() - began))
        yield from found
    with ThreadPoolExecutor(count, "heirloom-reading") as pool:
        try:
            for part in itertools.islice(parts, count * _AHEAD):
                waiting.append(pool.submit(several, part))
            while waiting:
                yield from waiting.popleft().result()
                for part in itertools.islice(parts, 1):
                    waiting.append(pool.submit(several, part))
        finally:
            for future in waiting:
                future.cancel()


def threads() -> int:
    """How many threads read and decode files."""
    return max(1, min(8, os.cpu_count() or 1))
