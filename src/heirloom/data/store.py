"""Decoded images in a file of uint8 that is mapped into memory, filled by threads while it is read.

A store is a folder. ``images.u8`` has the images one after the other, in its full length from the beginning;
``rows.u64`` says for each whether it is there: 0, or 2**32 and the CRC-32 of its bytes. When all that can be
decoded is on the disk, ``facts.json`` is written, and says which files are bad and why. Without it nothing is
believed but rows whose bytes agree with their CRC-32: not after a kill, a full disk or a loss of power.

What a row holds follows from the folder's name. So processes that fill one store at once write equal bytes,
need no lock, and take from one another what is there already.
"""

import atexit
import contextlib
import json
import mmap
import os
import re
import shutil
import signal
import sys
import threading
import time
import weakref
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heirloom.data.sums import threads
from heirloom.data.waiting import EVERY, tell
from heirloom.errors import HeirloomError
from heirloom.files import alive, disk_errors, sync_folder, write_atomically

ELSEWHERE = "choose another cache folder: XDG_CACHE_HOME"
REMEDY = f"free some space there, or {ELSEWHERE}"
UNUSED_DAYS = 30
"""After so many days without use a store is removed, when another one is made."""
LONGEST = 10.0
"""Seconds that the end of the process waits for images which threads are at."""

_ABSENT, _GOOD, _BAD = 0, 1, 2
_THERE = 1 << 32
_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # Python knows the name from 3.13 on


class Missing(NamedTuple):
    """Why there is no image; whether its file will never give one, or cannot be read at this moment."""

    why: str
    ever: bool = True


Decode = Callable[[int], bytes | memoryview | Missing]
"""The bytes of a row, or why there are none."""


class Store:
    """Images of one size, some of which may not be decoded yet.

    Attributes:
        images: (N, C, H, W) uint8, mapped into memory. Only rows that `good` has answered for may be read.
        bad: Why there is no image, by row; complete when all rows were asked for.
        decode: As it was given.
    """

    def __init__(
        self, place: Path, shape: Sequence[int], decode: Decode, on_bad: Callable[[int, str], None]
    ) -> None:
        """Open a store, or begin one.

        Args:
            place: Its folder.
            shape: (N, C, H, W).
            decode: See `Decode`; called in threads.
            on_bad: Is told of each bad row; what it raises is raised by whoever waits.

        Raises:
            HeirloomError: (``E-disk``, ``E-output-unwritable``) The folder cannot be written.
        """
        self.bad: dict[int, str] = {}
        self._place, self._shape, self.decode, self._on_bad = place, tuple(shape), decode, on_bad
        count, self._row = self._shape[0], int(np.prod(self._shape[1:]))
        self._state = np.zeros(count, np.uint8)
        self._taken = np.zeros(count, bool)
        self._left = count
        self._lasting = True  # what is bad is so for ever
        self._changed = threading.Condition()
        self._failed: BaseException | None = None
        self._urgent: deque[int] = deque()
        self._awaited: set[int] = set()
        self._order: NDArray[np.int64] = np.arange(count)
        self._next = 0
        self._workers = 0
        with disk_errors(place, REMEDY, ELSEWHERE):
            bad = _complete(place, self._shape)
            if bad is None:
                place.parent.mkdir(parents=True, exist_ok=True)
            if bad is None and not _begun(place, count, self._row):
                _begin(place, count, self._row)
            with contextlib.suppress(OSError):  # one that is whole may be another user's
                os.utime(place)
        self.images = (_map(place / "images.u8") if count else torch.empty(0, dtype=torch.uint8)).view(
            self._shape
        )
        if bad is not None:
            self._state[:] = _GOOD
            for row, reason in bad.items():
                self._state[row] = _BAD
                self._note_bad(row, reason)
            self._left = 0
        else:
            with disk_errors(place, REMEDY, ELSEWHERE):
                self._pixels = os.open(place / "images.u8", os.O_RDWR)
                self._rows = os.open(place / "rows.u64", os.O_RDWR)
            # Not at the end of the process, where threads may still write.
            weakref.finalize(self, _close, self._pixels, self._rows).atexit = False

    def __len__(self) -> int:
        return len(self._state)

    def begin(self, order: Sequence[int] | NDArray[np.int64]) -> None:
        """Decode all rows in threads, these first, in this order. They end when nobody has the store."""
        with self._changed:
            first, rest = np.asarray(order, np.int64), np.ones(len(self), bool)
            rest[first] = False
            self._order, self._next = np.concatenate([first, np.flatnonzero(rest)]), 0
            self._start()

    def good(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Wait until these rows are decoded; which of them are good.

        Raises:
            HeirloomError: The disk is full, or too many are bad.
        """
        with self._changed:
            if self._left or self._failed:
                missing = rows[self._state[rows] == _ABSENT]
                self._urgent.extend(missing.tolist())
                self._awaited.update(missing.tolist())
                told = time.monotonic()
                while not self._failed and (self._state[rows] == _ABSENT).any():
                    self._start()
                    self._changed.wait(EVERY)
                    if time.monotonic() - told >= EVERY:
                        told = time.monotonic()
                        tell("decoding images", len(self) - self._left, len(self))
                if self._failed:
                    raise self._failed
            found: NDArray[np.bool_] = self._state[rows] == _GOOD
            return found

    def _start(self) -> None:
        """Have threads at work, as long as there is any."""
        torch.get_num_threads()  # else this thread, where it was none of torch's yet, takes what `_work` sets
        while self._left and self._workers < threads() and not self._failed and self._more():
            self._workers += 1
            thread = threading.Thread(
                target=_work, args=(weakref.ref(self),), name="heirloom-decoding", daemon=True
            )
            _at_work.add(thread)
            thread.start()

    def _more(self) -> bool:
        """Whether a row waits to be taken. Rows that are taken already are passed over."""
        while self._urgent and self._taken[self._urgent[0]]:
            self._urgent.popleft()
        while self._next < len(self) and self._taken[self._order[self._next]]:
            self._next += 1
        return bool(self._urgent) or self._next < len(self)

    def take(self) -> int | None:
        """The next row that nobody is at; None when there is none, and the thread that asks ends."""
        with self._changed:
            if self._failed or not self._more():
                self._workers -= 1
                return None
            row = self._urgent.popleft() if self._urgent else int(self._order[self._next])
            self._taken[row] = True
            return row

    def put(self, row: int, data: bytes | memoryview | Missing | None) -> None:
        """Have a row in the file, as it was decoded; None where it is there already."""
        reason = self._write(row, data) if data is not None else ""
        with self._changed:
            if reason:
                self._note_bad(row, reason)
            self._state[row] = _BAD if reason else _GOOD
            self._left -= 1
            last = not self._left
            self._awaited.discard(row)
            if not self._awaited:  # nobody is woken for a part of what he waits for
                self._changed.notify_all()
        if last:
            # Nobody waits for the disk; where the process ends before, the next one sees by the sums.
            self._finish()

    def fail(self, error: BaseException) -> None:
        """Whoever waits must hear of it; the thread that tells it ends."""
        with self._changed:
            self._failed = error
            self._workers -= 1
            self._changed.notify_all()

    def _note_bad(self, row: int, reason: str) -> None:
        self.bad[row] = reason
        self._on_bad(row, reason)

    def there(self, row: int) -> bool:
        """Whether the file has a row, from a run before or from another process."""
        with disk_errors(self._place, REMEDY, ELSEWHERE):
            known = int.from_bytes(os.pread(self._rows, 8, 8 * row), "little")
            if not known & _THERE:
                return False
            return zlib.crc32(_read_all(self._pixels, self._row, row * self._row)) == known & 0xFFFFFFFF

    def _write(self, row: int, data: bytes | memoryview | Missing) -> str:
        """Write a row; why there is none, or nothing."""
        if isinstance(data, Missing):
            if not data.ever:
                self._lasting = False
            return data.why
        with disk_errors(self._place, REMEDY, ELSEWHERE):
            # Written, not mapped: where the disk is full a write fails, a mapped page kills the process.
            _write_all(self._pixels, data, row * self._row)
            _write_all(self._rows, (_THERE | zlib.crc32(data)).to_bytes(8, "little"), 8 * row)
        return ""

    def _finish(self) -> None:
        """All is decoded: say so, once it is on the disk."""
        if not self._lasting:
            return  # the next process finds other files, and another store
        with contextlib.suppress(HeirloomError), disk_errors(self._place):  # that only costs time, later
            os.fsync(self._pixels)
            facts = {"shape": self._shape, "bad": self.bad}
            write_atomically(self._place / "facts.json", json.dumps(facts).encode())


_setting = threading.Lock()
_at_work: "weakref.WeakSet[threading.Thread]" = weakref.WeakSet()
_ending = threading.Event()


@atexit.register
def _end() -> None:
    """Wait for the images that threads are at: one that ends inside torch ends the process with a crash."""
    _ending.set()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # else Ctrl-C here prints a traceback
    until = time.monotonic() + LONGEST
    for thread in list(_at_work):
        thread.join(max(0.0, until - time.monotonic()))


def _work(store: "weakref.ref[Store]") -> None:
    """Decode rows until there are none, or nobody has the store any more."""
    with _setting:
        # Each of our threads is one already: torch shall not start more from it. What it is told here holds
        # for threads to come as well, so another one puts that right.
        others = torch.get_num_threads()
        torch.set_num_threads(1)
        again = threading.Thread(target=torch.set_num_threads, args=(others,))
        again.start()
        again.join()
    while not _ending.is_set() and _one(store):
        pass


def _one(store: "weakref.ref[Store]") -> bool:
    """Decode the next row; False when there is none, or nobody has the store any more.

    While a thread decodes it has not the store itself: else each would keep it for the others.
    """
    here = store()
    if here is None or (row := here.take()) is None:
        return False
    try:
        data, decode = None, here.decode
        if not here.there(row):
            here = None
            data = decode(row)
            here = store()
        if here is not None:
            here.put(row, data)
    except BaseException as error:
        here = store() if here is None else here
        if here is not None:
            here.fail(error)
        return False
    return here is not None


def _complete(place: Path, shape: tuple[int, ...]) -> dict[int, str] | None:
    """The bad rows of a store in which all is decoded, or None if there is none, or it is not whole."""
    try:
        facts = json.loads((place / "facts.json").read_bytes())
        bad = {int(row): str(reason) for row, reason in facts["bad"].items()}
        whole = tuple(facts["shape"]) == shape and all(0 <= row < shape[0] for row in bad)
        return bad if whole and (place / "images.u8").stat().st_size == int(np.prod(shape)) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _begun(place: Path, count: int, row: int) -> bool:
    """Whether a store was begun there, and its files have their full length."""
    try:
        sizes = [(place / name).stat().st_size for name in ("images.u8", "rows.u64")]
    except OSError:
        return False
    if sizes != [count * row, 8 * count]:
        return False
    (place / "facts.json").unlink(missing_ok=True)  # it is damaged
    return True


def _begin(place: Path, count: int, row: int) -> None:
    """Make the folder with files of their full length, so that a full disk is noticed now."""
    _sweep(place.parent)
    needed, free = (row + 8) * count, shutil.disk_usage(place.parent).free
    if free < needed:
        raise HeirloomError(
            "E-disk",
            "no room for the decoded images",
            where=str(place.parent),
            why=f"{needed:,} bytes are needed, {free:,} are free",
            remedy=REMEDY,
        )
    temporary = place.with_name(f".{place.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        for name, size in (("images.u8", count * row), ("rows.u64", 8 * count)):
            with (temporary / name).open("wb") as file:
                if size and hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
                file.truncate(size)
        if place.exists() and not _begun(place, count, row):  # damaged
            shutil.rmtree(place)
        try:
            temporary.replace(place)
        except OSError:
            if not _begun(place, count, row):  # else another process was quicker
                raise
        sync_folder(place.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _map(path: Path) -> Tensor:
    """The bytes of a file as a tensor. Pages that are written to are copied: no tensor changes the file."""
    with path.open("rb") as file:
        if sys.platform == "linux":  # else a file larger than the memory is refused, for fear of such copies
            flags = mmap.MAP_PRIVATE | _NO_RESERVE
            mapped = mmap.mmap(file.fileno(), 0, flags, mmap.PROT_READ | mmap.PROT_WRITE)
        else:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    return torch.frombuffer(mapped, dtype=torch.uint8)


def _read_all(handle: int, size: int, place: int) -> bytes:
    parts: list[bytes] = []
    while size and (part := os.pread(handle, size, place)):
        parts.append(part)
        size, place = size - len(part), place + len(part)
    return b"".join(parts)


def _write_all(handle: int, data: Any, place: int) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(handle, view, place)
        view, place = view[done:], place + done


def _close(*handles: int) -> None:
    for handle in handles:
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Remove what a killed process left, and stores that were not used for long. Only our own names."""
    for path in folder.iterdir():
        begun = re.fullmatch(r"\.[0-9a-f]{64}\.(\d+)\.(?:\d+\.)?tmp", path.name)
        left = begun is not None and not alive(int(begun[1]))
        if left or (re.fullmatch(r"[0-9a-f]{64}", path.name) and _days(path) > UNUSED_DAYS):
            shutil.rmtree(path, ignore_errors=True)


def _days(path: Path) -> float:
    try:
        return (time.time() - path.stat().st_mtime) / 86_400
    except OSError:
        return 0.0
