"""Image files decoded once, into a file of uint8 that is mapped into memory.

Below the user's cache folder, ``decoded/KEY/`` has ``images.u8``, the images one after the other, and
``facts.json``. KEY is the SHA-256 of the files' own SHA-256 sums in their order and of how they were fitted,
so that equal images are decoded once, wherever they lie and whatever they are called; a file that changes
makes another key. The folder gets its name when all in it is on the disk: two processes, or a process that
is killed, leave nothing that is half. It may be removed at any time.

``digests/`` keeps the sums of files by their place, size and times, so that a second run need not read them.

The first epoch waits until everything is decoded: it does not stream yet.
"""

import contextlib
import hashlib
import itertools
import json
import math
import mmap
import os
import re
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import filelock
import torch
from torch import Tensor

from heirloom.data import roots
from heirloom.data.listing import BadFile, Entry
from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.files import disk_errors, sync_folder, write_atomically, write_synced
from heirloom.images import open_image

VERSION = 1
"""Of what is stored: another one decodes anew."""
SETTLED = 2.0
"""Seconds that a file must be unchanged before its sum is kept: a clock ticks in steps."""
_REMEDY = "free some space there, or choose another cache folder: XDG_CACHE_HOME"
_AHEAD = 4
"""Files that each thread may be ahead of the writer."""

_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # Python knows the name from 3.13 on

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Decoded:
    """Images, decoded.

    Attributes:
        images: (N, C, H, W) uint8, mapped into memory; one for each file that is good, in their order.
        bad: Why there is none, by the position of the file.
    """

    images: Tensor
    bad: dict[int, str]


def working(preprocess: Preprocess) -> Preprocess:
    """How images are brought to one size before they are stored: all that `Preprocess.fit` needs of them.

    What is stored goes through `fit` once more and comes out as if it came from the file. Where the middle is
    cut out of a larger square, the square is stored: from there other parts than the middle can be cut.
    """
    _, height, width = preprocess.size
    if preprocess.resize == "fit":
        size = (3, preprocess.box or height, preprocess.box or width)
        return Preprocess(size, mean=(0.0,) * 3, std=(1.0,) * 3)
    side = preprocess.box or max(height, width)
    return Preprocess((3, side, side), side, (0.0,) * 3, (1.0,) * 3, preprocess.resize)


def decode(files: Sequence[tuple[Entry, str]], fit: Preprocess) -> Decoded:
    """Decode files, or find them decoded.

    Args:
        files: Each with the hexadecimal SHA-256 of its bytes.
        fit: How they are brought to one size, see `working`. Where all are grey one channel is stored; where
            some are, as many as ``fit.size`` has; else three.

    Raises:
        HeirloomError: (``E-disk``, ``E-output-unwritable``) The cache folder cannot be written.
    """
    chosen = working(fit)
    said = [VERSION, chosen.size[1:], chosen.box, chosen.resize, fit.size[0] == 1]
    key = hashlib.sha256("\n".join([json.dumps(said), *(digest for _, digest in files)]).encode()).hexdigest()
    folder = roots.cache() / "decoded"
    with disk_errors(folder, _REMEDY):
        folder.mkdir(parents=True, exist_ok=True)
    place = folder / key
    if (found := _mapped(place)) is not None:
        return found
    lock = filelock.FileLock(folder / f"{key}.lock")
    with disk_errors(folder, _REMEDY):
        lock.acquire()  # another process decodes the same: its work is ours
    try:
        _sweep(folder)
        if (found := _mapped(place)) is None:
            _write(place, files, chosen, fit.size[0] == 1)
            found = _mapped(place)
        if found is None:
            raise HeirloomError(
                "E-disk", "cannot read what was just written", where=str(place), remedy=_REMEDY
            )
        return found
    finally:
        lock.release()


def _mapped(place: Path) -> Decoded | None:
    """What is stored there, or None if it is not, or not whole."""
    try:
        facts = json.loads((place / "facts.json").read_bytes())
        shape = tuple(int(side) for side in facts["shape"])
        bad = {int(position): str(reason) for position, reason in facts["bad"].items()}
        if (place / "images.u8").stat().st_size != math.prod(shape) or len(shape) != 4:
            return None
        if not shape[0]:
            return Decoded(torch.empty(shape, dtype=torch.uint8), bad)
        return Decoded(_map(place / "images.u8").view(shape), bad)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _map(path: Path) -> Tensor:
    """The bytes of a file as a tensor. Pages that are written to are copied: no tensor changes the file."""
    with path.open("rb") as file:
        if sys.platform == "linux":  # else a file larger than the memory is refused, for fear of such copies
            flags = mmap.MAP_PRIVATE | _NO_RESERVE
            mapped = mmap.mmap(file.fileno(), 0, flags, mmap.PROT_READ | mmap.PROT_WRITE)
        else:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    return torch.frombuffer(mapped, dtype=torch.uint8)


def _write(place: Path, files: Sequence[tuple[Entry, str]], fit: Preprocess, rather_grey: bool) -> None:
    """Decode all files into ``place``, which appears whole."""
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    row = 3 * fit.size[1] * fit.size[2]
    with disk_errors(place, _REMEDY):
        free = shutil.disk_usage(place.parent).free
        if free < row * len(files):
            raise HeirloomError(
                "E-disk",
                "no room for the decoded images",
                where=str(place.parent),
                why=f"{row * len(files):,} bytes are needed, {free:,} are free",
                remedy=_REMEDY,
            )
        temporary.mkdir()
    try:
        bad: dict[int, str] = {}
        greys = colours = 0
        with disk_errors(place, _REMEDY):
            # Written, not mapped: where the disk is full a write fails, a mapped page kills the process.
            with (temporary / "images.u8").open("wb") as out, _one_thread():
                work = [(entry, digest, fit) for entry, digest in files]
                for position, (pixels, channels, reason) in enumerate(in_threads(_fitted, work)):
                    if reason:
                        bad[position] = reason
                        continue
                    out.write(pixels)
                    greys, colours = greys + (channels == 1), colours + (channels == 3)
            shape = (greys + colours, *fit.size)
            if greys and (not colours or rather_grey):
                shape = (shape[0], 1, *fit.size[1:])
                _to_grey(temporary / "images.u8", row, weighted=colours > 0)
            handle = os.open(temporary / "images.u8", os.O_RDWR)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            write_synced(temporary / "facts.json", json.dumps({"shape": shape, "bad": bad}).encode())
            sync_folder(temporary)
            if place.exists():  # a part of what somebody else left, such as a copy that was cut
                shutil.rmtree(place)
            temporary.replace(place)
            sync_folder(place.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fitted(work: tuple[Entry, str, Preprocess]) -> tuple[bytes, int, str]:
    """The bytes of one image as it is stored, how many channels its file has, and what is wrong with it."""
    entry, digest, fit = work
    try:
        data = entry.read()
        if hashlib.sha256(data).hexdigest() != digest:
            return b"", 0, "it was changed meanwhile"
        image = open_image(data, entry.name, 2 * max(fit.size[1:]))
    except OSError as error:
        return b"", 0, (error.strerror or str(error)).lower()
    except HeirloomError as error:
        return b"", 0, error.why or error.what
    return fit.fit(image.unsqueeze(0)).numpy().tobytes(), len(image), ""


def _to_grey(path: Path, row: int, weighted: bool) -> None:
    """Rewrite a file of RGB images with one channel; their first one where all are grey."""
    smaller = path.with_suffix(".grey")
    with path.open("rb") as file, smaller.open("wb") as out:
        while data := file.read(row):
            pixels = torch.frombuffer(bytearray(data), dtype=torch.uint8).view(1, 3, -1, 1)
            if weighted:
                pixels = Preprocess((1, *pixels.shape[2:])).fit(pixels)
            out.write(pixels[:, 0].numpy().tobytes())
    smaller.replace(path)


def in_threads(function: Callable[[T], R], work: Iterable[T]) -> Iterator[R]:
    """Results in the order of the work, some of which is done ahead in threads."""
    count = max(1, min(8, os.cpu_count() or 1))
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(count, "heirloom-decoding") as pool:
        items = iter(work)
        try:
            for item in itertools.islice(items, count * _AHEAD):
                waiting.append(pool.submit(function, item))
            while waiting:
                yield waiting.popleft().result()
                for item in itertools.islice(items, 1):
                    waiting.append(pool.submit(function, item))
        finally:
            for future in waiting:
                future.cancel()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Each of our threads is one already: torch shall not start more from it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def digests(root: Path, entries: Sequence[Entry]) -> Iterator[str | BadFile]:
    """The hexadecimal SHA-256 of each file's bytes, or why it cannot be read."""
    name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()
    index = roots.cache() / "digests" / f"{name}.json"
    known = _known(index)
    stamps = [_stamp(entry) for entry in entries]
    now = {}
    work = zip(entries, stamps, itertools.repeat(known), strict=False)
    for entry, stamp, found in zip(entries, stamps, in_threads(_digest, work), strict=True):
        yield found
        if isinstance(found, str) and stamp and time.time() - stamp[-1] / 1e9 > SETTLED:
            now[entry.name] = [*stamp, found]
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
    return [entry.offset, status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]


def _digest(work: tuple[Entry, list[int], dict[str, Any]]) -> str | BadFile:
    entry, stamp, known = work
    before = known.get(entry.name)
    if stamp and isinstance(before, list) and before[:-1] == stamp and isinstance(before[-1], str):
        return before[-1]
    try:
        return hashlib.sha256(entry.read()).hexdigest()
    except OSError as error:
        return BadFile(entry.name, (error.strerror or str(error)).lower(), entry.label)


def _sweep(folder: Path) -> None:
    """Remove what a killed process left: only our own names, only of processes that are gone."""
    for path in folder.glob(".*.tmp"):
        owner = re.fullmatch(r"\.[0-9a-f]{64}\.(\d+)\.tmp", path.name)
        if owner and not _runs(int(owner[1])):
            shutil.rmtree(path, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return process != os.getpid()
