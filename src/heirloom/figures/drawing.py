"""The command draw: a picture by its name, and how it becomes a file."""

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from heirloom.errors import HeirloomError, nearest
from heirloom.figures import PICTURES
from heirloom.figures.charts import file_on_white
from heirloom.figures.picture import Asked, Picture, Subject, fresh
from heirloom.files import is_folder, write_atomically
from heirloom.models import MODELS
from heirloom.runs import Run
from heirloom.weights import load_model


def draw(
    what: str,
    networks: Sequence[str | Path] | str | Path,
    out: Path | str,
    *,
    data: str | None = None,
    args: dict[str, Any] | None = None,
    model: str | None = None,
    numbers: bool = False,
) -> Path:
    """Draw a picture of one or several networks into a file.

    Args:
        what: One of `PICTURES`.
        networks: Each the name of a network or ``file.py:Class``, which gets the initial weights of seed 0,
            or a run directory or weights file.
        out: File to write, ``.svg`` or ``.png``; it must not exist.
        data: Name of a data set for pictures that need images; by default a run's own, else digits.
        args: Arguments of `create_model` for networks that are named.
        model: As in `load_model`, for runs and files.
        numbers: Whether to write also what the picture shows, as JSON, into the file of the same name.

    Returns:
        The file.

    Raises:
        HeirloomError: (``E-usage``) There is no such picture, or no such form; (``E-output-exists``); and
            what each picture needs of a network.
    """
    out = Path(out)
    if what not in PICTURES:
        raise HeirloomError("E-usage", f"unknown picture {what!r}", why=nearest(what, PICTURES))
    form = out.suffix.lower()
    if form not in (".svg", ".png"):
        raise HeirloomError("E-usage", f"cannot draw {out.name}", remedy="end its name in .svg or .png")
    beside = out.with_suffix(".json")
    for file in (out, beside) if numbers else (out,):
        if file.exists():
            raise HeirloomError(
                "E-output-exists", "the file exists", where=str(file), remedy="choose another name"
            )
    several = [networks] if isinstance(networks, str | Path) else networks
    subjects = [_subject(network, args or {}, model) for network in several]
    module, function = PICTURES[what].split(":")
    maker = getattr(importlib.import_module(f"heirloom.figures.{module}"), function)
    found: Picture = maker(Asked(subjects, data))
    write_atomically(out, file_on_white(found.figure, "svg" if form == ".svg" else "png"))
    if numbers:
        write_atomically(beside, (json.dumps(found.numbers, indent=2) + "\n").encode())
    return out


def _subject(network: str | Path, args: dict[str, Any], model: str | None) -> Subject:
    text, path = str(network), Path(network)
    own = ":" in text and not path.exists()
    if text in MODELS or own or not (path.exists() or path.suffix or len(path.parts) > 1):
        return fresh(text, args)
    loaded = load_model(path, model)
    data = Run(path).recipe.data if is_folder(path) else None
    return Subject(
        path.name if is_folder(path) else path.stem,
        model or loaded.card.model,
        loaded.card.args,
        loaded.model,
        loaded.card.preprocess,
        trained=True,
        data=data,
    )
