"""The run directory: plain files. Training writes them; evaluation and the report add their own."""

import contextlib
import json
import os
import platform
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import filelock
import numpy
import safetensors.torch
import torch
from torch import Tensor

from heirloom.data.listing import BadFile, bad_files_csv, bad_files_of
from heirloom.errors import HeirloomError
from heirloom.files import disk_errors, is_folder, read_regular, sweep, write_atomically
from heirloom.images import DECODERS
from heirloom.memory import allocator
from heirloom.recipes import Recipe
from heirloom.version import __version__

START = "start.safetensors"


class Run:
    """A run directory that exists.

    Raises:
        HeirloomError: (``E-run``) ``path`` is not a run directory.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not is_folder(self.path) or not (self.path / "recipe.json").is_file():
            known = "it has no recipe.json" if is_folder(self.path) else "no such folder"
            raise HeirloomError(
                "E-run", f"{self.path} is not a run", why=known, remedy="heirloom train makes one"
            )

    @property
    def recipe(self) -> Recipe:
        """What is computed. Raises `HeirloomError` (``E-recipe``) if the file is damaged."""
        return Recipe.from_dict(self.read_json("recipe.json"), where=str(self.path / "recipe.json"))

    @property
    def versions(self) -> dict[str, Any]:
        """With what it was computed. Raises `HeirloomError` (``E-run``) if the file is gone or damaged."""
        found = self.read_json("versions.json")
        threads = found.get("threads") if isinstance(found, dict) else None
        if not isinstance(threads, int) or threads < 1 or not isinstance(found.get("device"), str):
            raise HeirloomError(
                "E-run",
                "cannot read",
                where=str(self.path / "versions.json"),
                why="it does not say device and threads",
                remedy='write them there: {"device": "cpu", "threads": 1}',
            )
        return dict(found)

    @property
    def start(self) -> Path | None:
        """The run's own copy of the weights that it began with; None where the network was drawn."""
        path = self.path / START
        return path if path.is_file() else None

    def write_versions(self, device: torch.device, threads: int, kernels: str) -> None:
        """Note the programs, the device, the number of threads and the fast paths of this run."""
        self.write_json("versions.json", _versions(device, threads, kernels))

    def read_json(self, name: str) -> Any:
        """One of the run's JSON files. Raises `HeirloomError` (``E-run``) if it is damaged."""
        try:
            return json.loads((self.path / name).read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise HeirloomError(
                "E-run", "cannot read", where=str(self.path / name), why=str(error)
            ) from error

    def write_json(self, name: str, values: Any) -> None:
        """Write one of the run's JSON files, whole or not at all."""
        write_atomically(self.path / name, _json(values))

    def write_tensors(self, name: str, tensors: dict[str, Tensor]) -> None:
        """Write tensors in a file below the run, whole or not at all."""
        path = self.path / name
        with disk_errors(path):
            path.parent.mkdir(exist_ok=True)
        write_atomically(path, safetensors.torch.save(tensors))

    def write_bad_files(self, bad: Sequence[BadFile], more: bool = False) -> None:
        """Write ``bad_files.csv``, where there are any; ``more``: after those that stand there."""
        path = self.path / "bad_files.csv"
        known = bad_files_of(read_regular(path)) if more and path.is_file() else []
        names = {file.name for file in known}
        found = [*known, *(file for file in bad if file.name not in names)]
        if len(found) > len(known):
            write_atomically(path, bad_files_csv(found))

    def forget_evaluations(self) -> None:
        """Remove what was said about weights that are about to be replaced."""
        for path in (self.path / "evaluations").glob("*-*.*"):
            path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove temporary files of processes that were killed."""
        for folder in (self.path, *(self.path / name for name in ("evaluations", "pictures", "snapshots"))):
            sweep(folder)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other process from training in this directory; a killed owner keeps nothing locked.

        Raises:
            HeirloomError: (``E-locked``) Another process trains here.
        """
        lock = filelock.FileLock(self.path / "lock")
        try:
            with disk_errors(self.path):
                _acquire(lock, 0, self.path)
            yield
        finally:
            lock.release()

    def events(self) -> list[dict[str, Any]]:
        """What has been written to ``events.jsonl``; a line that a crash cut short is left out."""
        path = self.path / "events.jsonl"
        found = []
        for line in path.read_bytes().split(b"\n") if path.is_file() else []:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                found.append(event)
        return found


class EventLog:
    """``events.jsonl``, open for writing: one JSON object a line, one write a line."""

    def __init__(self, run: Run, offset: int) -> None:
        self.path = run.path / "events.jsonl"
        with disk_errors(self.path):
            self._file = self.path.open("ab", buffering=0)
            self._file.truncate(min(offset, self.path.stat().st_size))
            self._file.seek(0, os.SEEK_END)

    def write(self, **event: Any) -> None:
        """Append one event."""
        with disk_errors(self.path):
            self._file.write(json.dumps(event).encode() + b"\n")

    def sync(self) -> int:
        """Wait until the disk has it all; return the length in bytes."""
        with disk_errors(self.path):
            os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def create_run(
    recipe: Recipe,
    name: str,
    device: torch.device,
    threads: int,
    out: Path | str | None = None,
    kernels: str = "plain",
    start: Path | None = None,
) -> Run:
    """Make a run directory: ``out``, or the first free one of ``runs/NAME-001``, ``runs/NAME-002``, ...

    The recipe is written last: from then on the folder is a run, and has all that `resume` needs, a copy of
    the weights file ``start`` among it.

    Raises:
        HeirloomError: (``E-output-exists``) ``out`` is there and not an empty folder;
            (``E-output-unwritable``, ``E-disk``) it cannot be written.
    """
    path = _claim(Path(out)) if out is not None else _next(name)
    lock = filelock.FileLock(path / "lock")
    try:
        with disk_errors(path):
            _acquire(lock, 10, path)
        if (path / "recipe.json").exists():  # another process was quicker
            raise _taken(path)
        sweep(path)
        write_atomically(path / "versions.json", _json(_versions(device, threads, kernels)))
        if start:
            write_atomically(path / START, read_regular(start))
        write_atomically(path / "recipe.json", _json(recipe.as_dict()))
    finally:
        lock.release()
    return Run(path)


def _acquire(lock: filelock.BaseFileLock, seconds: float, path: Path) -> None:
    try:
        lock.acquire(timeout=seconds)
    except filelock.Timeout as error:
        raise HeirloomError(
            "E-locked", f"another process trains in {path}", remedy="wait for it, or stop it"
        ) from error


def _claim(path: Path) -> Path:
    check_free(path)
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def check_free(path: Path) -> None:
    """Refuse a place for a run unless nothing is there, or an empty folder.

    Raises:
        HeirloomError: (``E-output-exists``) Something is; (``E-output-unwritable``) it cannot be read.
    """
    with disk_errors(path):
        # What a start leaves that was killed before its recipe counts as nothing.
        free = is_folder(path) and all(_LEFT.fullmatch(found.name) for found in path.iterdir())
    if os.path.lexists(path) and not free:
        raise _taken(path)


_LEFT = re.compile(r"lock|versions\.json|start\.safetensors|\..+\.tmp")


def _taken(path: Path) -> HeirloomError:
    run = (path / "recipe.json").is_file()
    return HeirloomError(
        "E-output-exists",
        f"{path} exists",
        why="it holds a run" if run else "it is not an empty folder",
        remedy=f"go on with: heirloom resume {path}, or choose another --out"
        if run
        else "choose another --out",
    )


def _next(name: str) -> Path:
    number = 1
    while True:
        path = Path("runs") / f"{name}-{number:03d}"
        with disk_errors(path):
            try:
                path.mkdir(parents=True)
                return path
            except FileExistsError:
                number += 1


def _versions(device: torch.device, threads: int, kernels: str) -> dict[str, Any]:
    return {
        "heirloom": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        **DECODERS,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "device": str(device),
        "threads": threads,
        "allocator": allocator(),
        "kernels": kernels,
    }


def _json(values: Any) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def processor() -> str:
    """What the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
