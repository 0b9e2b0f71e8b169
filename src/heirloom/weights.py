"""The weights file: safetensors, with what is needed to use them in its metadata.

The metadata ``heirloom`` is JSON: format, model, args, classes, preprocess, and the SHA-256 of all that
and of the tensors, since the format itself does not notice a flipped bit. A mean image is the tensor
``preprocess.mean_image``. The format is 1 where a program that knows no other can use the file, else 2: the
preprocessing crops, reorders or scales, or has a mean image. It is 3 where there are no classes.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.files import is_folder, read_regular, write_atomically
from heirloom.models import MODELS, create_model, permitted

FORMAT = 3
MEAN_IMAGE = "preprocess.mean_image"


@dataclass(frozen=True)
class Card:
    """What travels with the weights.

    Attributes:
        model: Name of the network, or ``file.py:Class``.
        args: Arguments of `create_model`.
        classes: Names of the classes in the order of the scores; empty for one that gives its input back.
        preprocess: How an image becomes the network's input.
    """

    model: str
    args: dict[str, Any]
    classes: tuple[str, ...]
    preprocess: Preprocess

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "format": self.preprocess.format if self.classes else 3,
            "model": self.model,
            "args": self.args,
            "classes": list(self.classes),
            "preprocess": self.preprocess.as_dict(),
        }

    @classmethod
    def from_dict(cls, values: Any, mean_image: Tensor | None = None) -> "Card":
        """Undo `as_dict`. Raises KeyError, TypeError or ValueError for anything else."""
        model, args, classes = values["model"], values["args"], values["classes"]
        if not isinstance(model, str) or not isinstance(args, dict) or not isinstance(classes, list):
            raise TypeError("model, args, classes")
        if not all(isinstance(name, str) for name in classes) or (not classes and values["format"] < 3):
            raise ValueError("classes")
        if args.get("num_classes", len(classes)) != len(classes):
            raise ValueError("num_classes")
        return cls(model, args, tuple(classes), Preprocess.from_dict(values["preprocess"], mean_image))


@dataclass(frozen=True)
class LoadedModel:
    """A network with its weights, in evaluation mode, and its card."""

    model: nn.Module
    card: Card


def save_model(path: Path, model: nn.Module, card: Card) -> None:
    """Write the weights of ``model`` to ``path``; equal weights give equal bytes.

    Raises:
        HeirloomError: (``E-diverged``) A weight is not finite; (``E-disk``, ``E-output-unwritable``).
    """
    mean_image = card.preprocess.mean_image
    tensors = finite(model.state_dict() | ({} if mean_image is None else {MEAN_IMAGE: mean_image}))
    values = card.as_dict()
    values["sha256"] = _digest(values, tensors)
    metadata = {"heirloom": json.dumps(values, sort_keys=True, ensure_ascii=False)}
    write_atomically(path, safetensors.torch.save(tensors, metadata))


def load_model(path: Path | str, model: str | None = None) -> LoadedModel:
    """Build the network that a weights file, or a finished run, holds.

    Args:
        path: Weights file or run directory.
        model: ``file.py:Class`` or ``package.module:Class``, where the network is code of one's own. A
            file alone never decides which code runs.

    Raises:
        HeirloomError: (``E-model``) The network is code of one's own, and ``model`` does not name it.
            (``E-run``) A run without weights yet; (``E-weights``) the file is missing, damaged or not ours;
            (``E-weights-model``) it does not fit the network that it names.
    """
    path = weights_path(path)
    card, tensors = read_weights(path)
    built = create_model(permitted(card.model, model, str(path)), **card.args)
    fill(built, tensors, path)
    return LoadedModel(built.eval(), card)


def weights_path(path: Path | str) -> Path:
    """The weights file that a run directory or a path means."""
    path = Path(path)
    if not is_folder(path):
        return path
    if (path / "model.safetensors").is_file():
        return path / "model.safetensors"
    run = (path / "recipe.json").is_file()
    raise HeirloomError(
        "E-run",
        f"{path} has no weights yet" if run else f"{path} is not a run",
        why="its training is not finished" if run else "it has no recipe.json",
        remedy=f"heirloom resume {path}" if run else "give a run directory or a .safetensors file",
    )


def read_weights(path: Path) -> tuple[Card, dict[str, Tensor]]:
    """Card and tensors of a weights file, checked against its SHA-256.

    Raises:
        HeirloomError: (``E-weights``) The file is missing, damaged or not ours.
    """
    try:
        data = read_regular(path)
    except OSError as error:
        raise HeirloomError(
            "E-weights",
            "cannot read the weights",
            where=str(path),
            why=(error.strerror or str(error)).lower(),
            remedy="that is a network without weights: name a run of it, or a weights file"
            if str(path) in MODELS
            else "name a run or a weights file",
        ) from error
    try:
        tensors = safetensors.torch.load(data)
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    except (SafetensorError, ValueError, KeyError, RecursionError) as error:
        raise HeirloomError(
            "E-weights",
            "cannot read the weights",
            where=str(path),
            why=looks_like(data) or f"damaged, or no safetensors: {error}",
            remedy=_REMEDY,
        ) from error
    try:
        values = json.loads(metadata["heirloom"])
        newer = values["format"] > FORMAT
        digest = values.pop("sha256")
        intact = digest == _digest(values, tensors)
        card = Card.from_dict(values, tensors.pop(MEAN_IMAGE, None))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise HeirloomError(
            "E-weights",
            "not a weights file of heirloom",
            where=str(path),
            why="it is safetensors without a readable 'heirloom' entry in its metadata",
            remedy=_REMEDY,
        ) from error
    if newer:
        raise HeirloomError(
            "E-weights",
            "the weights are of a newer format",
            where=str(path),
            why=f"format {values['format']}, this program knows {FORMAT}",
            remedy="upgrade heirloom-nets",
        )
    if not intact:
        raise HeirloomError(
            "E-weights", "the weights are damaged", where=str(path), why="SHA-256 mismatch", remedy=_REMEDY
        )
    return card, tensors


_REMEDY = "fetch or copy it again, or train: heirloom train"


def fill(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Load ``tensors`` into ``model``.

    Raises:
        HeirloomError: (``E-weights-model``) Names or sizes differ; says which, and of how many.
    """
    wanted = model.state_dict()
    faults = [f"{name} is missing" for name in wanted if name not in tensors]
    faults += [f"{name} is not in the network" for name in tensors if name not in wanted]
    faults += [
        f"{name} has size {tuple(tensors[name].shape)}, not {tuple(wanted[name].shape)}"
        for name in wanted
        if name in tensors and tensors[name].shape != wanted[name].shape
    ]
    if faults:
        more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise HeirloomError(
            "E-weights-model", "the weights do not fit the network", where=str(path), why=faults[0] + more
        )
    model.load_state_dict(tensors)


def check_classes(card: Card, classes: tuple[str, ...], path: Path | str) -> None:
    """Raise `HeirloomError` (``E-weights-classes``) unless the weights at ``path`` know just ``classes``."""
    if card.classes == classes:
        return
    why = f"{len(card.classes)} and {len(classes)} classes"
    if len(card.classes) == len(classes):
        odd = next(pair for pair in zip(card.classes, classes, strict=True) if pair[0] != pair[1])
        why = f"{odd[0]!r} where the data has {odd[1]!r}"
    raise HeirloomError(
        "E-weights-classes", "the weights and the data have different classes", where=str(path), why=why
    )


def finite(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, contiguous, on the CPU, and each with memory of its own, as the format wants them.

    Raises:
        HeirloomError: (``E-diverged``) One of them is not finite: such weights are never written.
    """
    found = {}
    seen: set[int] = set()
    for name, stored in tensors.items():
        tensor = stored.detach().to("cpu").contiguous()
        memory = tensor.untyped_storage().data_ptr()
        found[name] = tensor.clone() if memory in seen else tensor
        seen.add(memory)
    for name, tensor in found.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise HeirloomError(
                "E-diverged",
                f"{name} is no longer finite",
                why="training has diverged",
                remedy="lower the rate: --set lr=...; earlier checkpoints are intact",
            )
    return found


def _digest(values: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


_SIGNATURES = (
    (b"PK\x03\x04", "it is a zip archive, perhaps a PyTorch file (.pt)"),
    (b"\x80", "it is a pickle, which could run any code"),
    (b"\x89HDF", "it is an HDF5 file, perhaps from Keras"),
    (b"version https://git-lfs", "it is a pointer of Git LFS: git lfs pull fetches the file"),
    (b"<", "it looks like HTML, perhaps a failed download"),
    (b"\x1f\x8b", "it is compressed with gzip"),
    (b"\x89PNG", "it is a PNG image"),
)


def looks_like(data: bytes) -> str:
    """What else a file is that is no safetensors, as far as its first bytes tell; empty if they do not."""
    if not data:
        return "the file is empty"
    return next((words for signature, words in _SIGNATURES if data.startswith(signature)), "")
