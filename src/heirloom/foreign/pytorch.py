"""PyTorch's state dicts (``.pth``, ``.pt``, ``.th``): the one place where a pickle is read.

Source: torch.load of PyTorch 2.10 and later with ``weights_only=True``: an unpickler that builds tensors and
plain containers and calls nothing else. There is no other way in.
"""

import io
import warnings
import zipfile
from typing import Any

import torch
from torch import Tensor

WITHIN = ("state_dict", "model", "model_state_dict", "net")
"""Keys under which training programs put the state dict, beside epochs and optimisers."""

PREFIXES = ("module.", "_orig_mod.")
"""What wrappers put before each name: several devices, compiled modules."""


def read(data: bytes) -> dict[str, Tensor]:
    """The tensors of a state dict, without the prefixes of wrappers.

    Raises:
        ValueError: It is none, is damaged, or would have to run code; says which.
    """
    if data.startswith(b"PK"):
        _check_archive(data)
    if b"bytearray" in data:  # the one thing PyTorch's unpickler makes that can be large and cost nothing
        raise ValueError("it holds more than tensors: a bytearray")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # what a hostile file raises is not ours to foresee
        raise ValueError(_reason(error)) from error
    return _state_dict(found)


def _check_archive(data: bytes) -> None:
    """torch.save compresses nothing: an archive that grows when it is unpacked is none of its."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise ValueError(f"a damaged zip archive: {error}") from error
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("a compressed zip archive, and PyTorch's are not")
    if sum(entry.file_size for entry in entries) > len(data):
        raise ValueError("a zip archive whose parts are larger than the file")


def _state_dict(found: Any) -> dict[str, Tensor]:
    for _ in range(3):
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}, no state dict")
        inner = [found[key] for key in WITHIN if isinstance(found.get(key), dict)]
        if not inner:
            break
        found = inner[0]
    if not found or not all(isinstance(name, str) for name in found):
        raise ValueError("it is no state dict: its names are no words")
    tensors = {}
    for name, value in found.items():
        if not isinstance(value, Tensor):
            raise ValueError(f"it is no state dict: {name!r} is a {type(value).__name__}")
        if value.layout is not torch.strided or value.is_quantized or value.device.type != "cpu":
            raise ValueError(f"{name!r} is no plain tensor")
        tensors[name] = value.detach()
    return without_prefixes(tensors)


def without_prefixes(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take off what wrappers put before every name, as often as they did."""
    while True:
        prefix = next((p for p in PREFIXES if tensors and all(name.startswith(p) for name in tensors)), None)
        if prefix is None:
            return tensors
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _reason(error: Exception) -> str:
    """What went wrong, in our words: torch's own recommend to switch the protection off."""
    text = " ".join(str(error).split())
    for sign in ("Unsupported global: GLOBAL ", "Trying to load unsupported GLOBAL ", "Unsupported class "):
        if sign in text:
            return f"it would call {text.split(sign)[1].split(' ')[0]}, and files may call nothing"
    if "Weights only load failed" in text or "weights_only" in text or "weights only" in text.lower():
        return "it holds more than tensors, or is damaged: nothing else is loaded"
    told = text[:200] if isinstance(error, RuntimeError | ValueError) and text else type(error).__name__
    return f"damaged, or no file of PyTorch: {told}"
