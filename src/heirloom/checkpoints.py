"""Checkpoints that a crash cannot spoil.

A checkpoint is a folder ``step-00001234``. It is written under a temporary name, every file is waited
for, the manifest with sizes and SHA-256 comes last, and then the folder gets its name: so a folder of
that name is whole, unless the disk damages it later, which the manifest tells.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from heirloom.errors import HeirloomError
from heirloom.files import disk_errors, sha256, sync_folder, write_synced
from heirloom.weights import finite

KEEP = 2
"""Checkpoints that are kept: the newest, and the one before in case the newest is damaged."""

_NAME = re.compile(r"step-(\d{8,})")
_TEMPORARY = re.compile(r"\.step-\d{8,}\.\d+\.tmp")
_TENSORS = ("model", "optimizer")
_BEST = "best.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """All that a run needs to go on.

    Attributes:
        step: Updates done.
        model: State dict of the network.
        optimizer: Tensors of the optimiser, by ``parameter.key``.
        state: Plain values: the running sums of an unfinished epoch, the best validation so far, the recipe.
        events: Length of ``events.jsonl`` in bytes at that moment.
        best: The weights file of the best epoch so far, where the run will end with it; else empty.
    """

    step: int
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    state: dict[str, Any]
    events: int
    best: bytes = b""


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint into ``folder`` and remove all but the newest two.

    Raises:
        HeirloomError: (``E-diverged``) A number is not finite; (``E-disk``) there is no room. In either
            case the checkpoints that were there are intact.
    """
    files = {
        f"{name}.safetensors": safetensors.torch.save(finite(getattr(checkpoint, name))) for name in _TENSORS
    }
    files["state.json"] = _json(checkpoint.state)
    if checkpoint.best:
        files[_BEST] = checkpoint.best
    manifest: dict[str, Any] = {
        "format": 1,
        "step": checkpoint.step,
        "events": checkpoint.events,
        "files": {name: {"size": len(data), "sha256": sha256(data)} for name, data in files.items()},
    }
    manifest["sha256"] = sha256(_json(manifest))
    path = folder / f"step-{checkpoint.step:08d}"
    temporary = folder / f".{path.name}.{os.getpid()}.tmp"
    with disk_errors(path):
        folder.mkdir(exist_ok=True)
        try:
            shutil.rmtree(temporary, ignore_errors=True)  # a killed process may have had our number
            temporary.mkdir()
            for name, data in files.items():
                write_synced(temporary / name, data)
            write_synced(temporary / "manifest.json", _json(manifest))
            sync_folder(temporary)
            if path.exists():  # damaged, or written by the run that this one repeats
                shutil.rmtree(path)
            temporary.rename(path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folder(folder)
    _sweep(folder)
    return path


def newest_checkpoint(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint that is whole, and a line for each newer one that is damaged.

    A damaged one gets a name that tells so, and is no longer counted as a checkpoint.

    Raises:
        HeirloomError: (``E-checkpoint``) There are checkpoints and all are damaged.
    """
    damaged: list[tuple[Path, str]] = []
    for path in _found(folder):
        try:
            found = _load(path)
        except HeirloomError:
            raise
        except (OSError, ValueError, KeyError, TypeError, SafetensorError, RecursionError) as error:
            damaged.append((path, f"checkpoint {path.name} is damaged: {error}"))
            continue
        for spoiled, _ in damaged:  # it must not take the place of a good one
            _set_aside(spoiled)
        return found, [words for _, words in damaged]
    aside = folder.glob("damaged-step-*") if folder.is_dir() else ()
    damaged += [(path, f"{path.name} was found damaged before") for path in aside]
    if damaged:
        raise HeirloomError(
            "E-checkpoint",
            "all checkpoints are damaged",
            where=str(folder),
            why=damaged[0][1],
            remedy="restore one from a copy, or train anew in another folder",
        )
    return None, []


def _set_aside(path: Path) -> None:
    aside = path.with_name(f"damaged-{path.name}")
    with contextlib.suppress(OSError):
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)


def _load(path: Path) -> Checkpoint:
    manifest = json.loads((path / "manifest.json").read_bytes())
    claimed = manifest.pop("sha256")
    if claimed != sha256(_json(manifest)):
        raise ValueError("SHA-256 mismatch in manifest.json")
    if manifest["format"] != 1:
        raise HeirloomError(
            "E-checkpoint",
            "the checkpoint is of another format",
            where=str(path),
            why=f"format {manifest['format']}, this program knows 1",
            remedy="go on with the release of heirloom-nets that wrote it",
        )
    files = {}
    for name, facts in manifest["files"].items():
        data = (path / name).read_bytes()
        if len(data) != facts["size"] or sha256(data) != facts["sha256"]:
            raise ValueError(f"SHA-256 mismatch in {name}")
        files[name] = data
    tensors = {name: safetensors.torch.load(files[f"{name}.safetensors"]) for name in _TENSORS}
    return Checkpoint(
        manifest["step"],
        tensors["model"],
        tensors["optimizer"],
        json.loads(files["state.json"]),
        manifest["events"],
        files.get(_BEST, b""),
    )


def _found(folder: Path) -> Iterator[Path]:
    """Checkpoints, the newest first; other names are none of ours."""
    paths = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)] if folder.is_dir() else []
    yield from sorted(paths, key=lambda path: int(path.name[5:]), reverse=True)


def _sweep(folder: Path) -> None:
    """Remove old checkpoints, and temporary folders that a killed process left. Only our own names."""
    old = list(_found(folder))[KEEP:]
    left = [path for path in folder.iterdir() if _TEMPORARY.fullmatch(path.name)]
    for path in [*old, *left]:
        with contextlib.suppress(OSError):
            shutil.rmtree(path)


def _json(values: Any) -> bytes:
    return json.dumps(values, indent=1, sort_keys=True, allow_nan=False).encode()
