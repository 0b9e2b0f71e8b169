"""Downloads: over https alone, resumed where they were cut, checked before they bear their name."""

import contextlib
import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from email.message import Message
from pathlib import Path
from typing import IO

import filelock

from heirloom.data import check_data, is_path
from heirloom.data.published import FILES, MIRRORS, PublishedFile
from heirloom.data.roots import all_roots, stored
from heirloom.errors import HeirloomError, printable
from heirloom.files import disk_errors, sync_folder
from heirloom.version import __version__

TIMEOUT = 30.0
"""Seconds to wait for a connection, and for each next piece of an answer."""
SLOWEST, GRACE = 2_000, 30.0
"""Bytes a second that a mirror must give, once it had this many seconds."""
TRIES, PAUSE = 5, 0.5
"""How often one mirror is asked for a file that it cut or was too busy for; seconds between."""
_BUSY = (429, 500, 502, 503, 504)


class Watcher:
    """What the caller of `fetch` wants to know. This one says nothing."""

    def note(self, text: str) -> None:
        """Something happened, such as a mirror that failed."""

    def progress(self, file: str, done: int, total: int | None) -> None:
        """``done`` bytes of ``total`` are here; None if the mirror does not say how many there are."""


def fetch(
    name: str,
    root: Path | str | None = None,
    *,
    mirrors: Sequence[str] | None = None,
    context: ssl.SSLContext | None = None,
    watcher: Watcher | None = None,
) -> Path:
    """Download what is missing of a data set, check everything, and return its folder, ROOT/NAME.

    What was cut, even by the end of this process, is resumed. A file gets its name only after its checksum
    was found right. A file that is there and is not the published one is left alone.

    Args:
        name: Data set.
        root: Data root; by default the first of `heirloom.data.roots.all_roots`.
        mirrors: Folders on the web, tried in this order; by default those we know.
        context: How to speak TLS; by default with the certificates of this computer.
        watcher: Is told how it goes.

    Raises:
        HeirloomError: (``E-data``) There is no such data set, or it needs no download; (``E-data-file``)
            another file is in the way; (``E-fetch``) no mirror gave a file, the line says what to put where;
            (``E-disk``, ``E-output-unwritable``) the folder cannot be written.
    """
    check_data(name)
    if name == "imagenet":
        raise HeirloomError(
            "E-data",
            "imagenet is not downloaded by heirloom",
            why="its publisher gives it to those who agree to its terms",
            remedy="put train/ and val/, with a folder for each class, into ROOT/imagenet",
        )
    if name not in FILES:
        why = "it is a folder or file of your own" if is_path(name) else "it comes with scikit-learn"
        raise HeirloomError("E-data", f"{name} needs no download", why=why)
    watcher = watcher or Watcher()
    folder = (Path(root) if root is not None else all_roots()[0]) / name
    if not _missing(name, folder):  # perhaps in a place that we may only read
        return folder
    with _alone(folder, watcher):
        missing = _missing(name, folder)  # another process may have fetched it meanwhile
        opener = _opener(context or ssl.create_default_context())
        order = list(MIRRORS[name] if mirrors is None else mirrors)
        for file in missing:
            faults = []
            for mirror in order:
                try:
                    _from_mirror(
                        opener, f"{mirror}/{file.name}.gz", folder / f"{file.name}.gz", file, watcher
                    )
                    break
                except _Refused as fault:
                    faults.append(f"{mirror}: {fault}")
                    if len(faults) < len(order):
                        watcher.note(f"{file.name}.gz: {faults[-1]}: trying the next mirror")
            else:
                raise HeirloomError(
                    "E-fetch",
                    f"cannot fetch {name}",
                    where=f"{file.name}.gz",
                    why="; ".join(faults) or "no mirrors",
                    remedy=f"try again later, or put into {folder}: "
                    + "; ".join(map(str, missing[missing.index(file) :])),
                )
            # A mirror that gave one file is asked first for the next.
            order.remove(mirror)
            order.insert(0, mirror)
    return folder


class _Refused(Exception):
    """This mirror does not give us the file."""


class _Cut(_Refused):
    """It may, if it is asked once more."""


def _missing(name: str, folder: Path) -> list[PublishedFile]:
    """The files that are still to be downloaded; those that are there have been checked."""
    missing = []
    for file in FILES[name]:
        path = stored(folder, f"{file.name}.gz", *([] if file.packed else [file.name]))
        if path is None:
            missing.append(file)
            continue
        try:
            fault = file.fault(path)
        except OSError as error:
            fault = (error.strerror or str(error)).lower()
        if fault:
            raise HeirloomError(
                "E-data-file",
                f"not the published file of {name}",
                where=str(path),
                why=fault,
                remedy=f"move it away, then: heirloom fetch {name}",
            )
    return missing


@contextlib.contextmanager
def _alone(folder: Path, watcher: Watcher) -> Iterator[None]:
    """Wait until no other process fetches into ``folder``; a killed one keeps nothing locked."""
    lock = filelock.FileLock(folder / "lock")
    try:
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                watcher.note(f"another process fetches into {folder}: waiting for it")
                lock.acquire()
        yield
    finally:
        lock.release()


def _from_mirror(
    opener: urllib.request.OpenerDirector, url: str, path: Path, file: PublishedFile, watcher: Watcher
) -> None:
    """Bring one file into its place; raises `_Refused` if this mirror cannot."""
    part = path.with_name(f"{path.name}.part")
    tries = 0
    while True:
        resumed = _size(part)
        try:
            _download(opener, url, part, file, watcher)
        except _Cut as cut:
            tries += 1
            if tries == TRIES:
                raise _Refused(f"{cut}, {tries} times") from cut
            time.sleep(PAUSE)
            continue
        fault = file.fault(part)
        if not fault:
            break
        with _writing(part):
            part.unlink()
        # What was here before may have been the beginning of another file: once more, from zero.
        if not resumed:
            raise _Refused(fault)
    with _writing(path):
        handle = os.open(part, os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        part.replace(path)
        sync_folder(path.parent)


def _download(
    opener: urllib.request.OpenerDirector, url: str, part: Path, file: PublishedFile, watcher: Watcher
) -> None:
    """Go on with ``part`` to its end; raises `_Cut` or `_Refused`. What it then holds is not checked."""
    start = _size(part)
    headers = {"User-Agent": f"heirloom/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    if not url.startswith("https://"):
        raise _Refused("plain http is refused")
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as answer:
            if answer.status != 206 or not answer.headers.get("Content-Range", "").startswith(
                f"bytes {start}-"
            ):
                if answer.status != 200:
                    raise _Refused(f"an answer that we did not ask for, {answer.status}")
                start = 0  # it gives the whole file
            _store(answer, part, start, file, watcher)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and start:  # there is no more of it: what is here is whole, or wrong
            return
        if 300 <= error.code < 400:
            raise _Refused(f"{error.code}, redirects that do not end") from error
        said = f"{error.code} {printable(str(error.reason))}".lower()
        raise (_Cut if error.code in _BUSY else _Refused)(said) from error
    except TimeoutError as error:
        raise _Refused(f"no answer for {TIMEOUT:g} s") from error
    except (ConnectionError, ssl.SSLEOFError, http.client.HTTPException) as error:
        raise _Cut(f"the connection broke: {printable(str(error) or type(error).__name__)}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise _Refused(printable(str(getattr(reason, "strerror", None) or reason)).lower()) from error


def _store(
    answer: http.client.HTTPResponse, part: Path, start: int, file: PublishedFile, watcher: Watcher
) -> None:
    length = answer.headers.get("Content-Length", "")
    total = start + int(length) if length.isdecimal() else None
    most = file.size + 2**16  # packed files are shorter than what is in them, but for a few bytes
    if total is not None and total > most:
        raise _Refused(f"{total:,} bytes, at most {most:,} can be right")
    began, done = time.monotonic(), start
    with _writing(part):
        written = part.open("ab", buffering=0)
    with written:
        with _writing(part):
            written.truncate(start)
        while chunk := answer.read1(2**16):
            if not done and not chunk.startswith(b"\x1f\x8b"[: len(chunk)]):
                page = chunk.lstrip()[:1] == b"<"
                raise _Refused("a web page instead of the file" if page else "no gzip file")
            done += len(chunk)
            if done > most:
                with _writing(part):
                    written.truncate(0)
                raise _Refused(f"more than {most:,} bytes, an endless answer")
            with _writing(part):
                rest = memoryview(chunk)
                while rest:  # a disk that fills up takes a part
                    rest = rest[written.write(rest) :]
            watcher.progress(f"{file.name}.gz", done, total)
            seconds = time.monotonic() - began
            if seconds > GRACE and (done - start) / seconds < SLOWEST:
                raise _Refused(f"too slow, {done - start:,} bytes in {seconds:.0f} s")
    if total is not None and done < total:
        raise _Cut(f"cut after {done:,} of {total:,} bytes")


def _writing(path: Path) -> contextlib.AbstractContextManager[None]:
    return disk_errors(path, "free some space, then fetch again: it goes on from here")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirects, none of them away from https."""

    max_redirections = 5
    max_repeats = 2

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not newurl.startswith("https://"):
            raise _Refused(f"redirects to {printable(newurl)}: plain http is refused")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _opener(context: ssl.SSLContext) -> urllib.request.OpenerDirector:
    """What opens https and nothing else: urllib's own also opens files and plain http."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.UnknownHandler(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener
