"""The command draw: a picture by its name, and how it becomes a file."""

import importlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from heirloom.errors import HeirloomError, nearest
from heirloom.figures import PICTURES
from heirloom.figures.palette import THEMES
from heirloom.figures.picture import SCALES, Asked, Picture, Subject, fresh, learned
from heirloom.figures.writing import as_file, gif
from heirloom.files import is_folder, write_atomically
from heirloom.models import MODELS, arguments
from heirloom.recipes import RECIPES, find_recipe
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
    theme: str = "light",
    image: Path | str | None = None,
    layers: Sequence[str] = (),
    unit: Sequence[int] | None = None,
    scale: str | None = None,
    answer: str | None = None,
    input_size: Sequence[int] | None = None,
) -> Path:
    """Draw a picture of one or several networks into a file, and its numbers into ``.json`` beside it.

    Args:
        what: One of `PICTURES`.
        networks: Each the name of a network, ``file.py:Class`` or the name of a recipe, which get the initial
            weights of seed 0; or a run directory or weights file. A name comes first, see `named`.
        out: File to write, ``.svg`` or ``.png``, of a film ``.gif``; it may not exist, and the file of its
            numbers may not hold others.
        data: Name of a data set for pictures that need images; by default a run's own, else digits.
        args: Arguments of `create_model` for networks that are named.
        model: As in `load_model`, for runs and files.
        theme: ``light`` or ``dark``.
        image: File with an image, for pictures of what one image does.
        layers: Names of layers, for pictures of some of them.
        unit: (C, Y, X), for pictures of one unit: its map, row and column.
        scale: ``map``, ``layer`` or ``net``: what shares one scale of colours; by default a map.
        answer: Name or index of a class, for pictures of what speaks for it.
        input_size: (C, H, W) for a named network that does not say it itself.

    Returns:
        The file.

    Raises:
        HeirloomError: (``E-usage``) There is no such picture, form or theme, or the picture has no use for
            what is given; (``E-output-exists``, ``E-output-unwritable``, ``E-disk``); and what each picture
            needs of a network.
    """
    out = Path(out)
    if what not in PICTURES:
        raise HeirloomError("E-usage", f"unknown picture {what!r}", why=nearest(what, PICTURES))
    if theme not in THEMES:
        raise HeirloomError("E-usage", f"unknown theme {theme!r}", why=nearest(theme, THEMES))
    if scale is not None and scale not in SCALES:
        raise HeirloomError("E-usage", f"unknown scale {scale!r}", why=nearest(scale, SCALES))
    form = out.suffix.lower()
    if form not in (".svg", ".png", ".gif"):
        raise HeirloomError("E-usage", f"cannot draw {out.name}", remedy="end its name in .svg or .png")
    if out.exists():
        raise _exists(out)
    if not is_folder(out.parent):
        raise HeirloomError(
            "E-output-unwritable",
            "cannot write",
            where=str(out),
            why="no such folder",
            remedy="make it first",
        )
    several = [networks] if isinstance(networks, str | Path) else networks
    kind = PICTURES[what]
    if len(several) != 1 and not kind.several:
        raise HeirloomError("E-usage", f"the picture {what} shows one network", remedy="name one")
    given = {"data": data, "image": image, "layers": layers, "unit": unit, "scale": scale, "class": answer}
    for option, value in given.items():
        if value and option not in kind.uses:
            option = "layer" if option == "layers" else option
            raise HeirloomError("E-usage", f"the picture {what} has no use for --{option}")
    subjects = [_subject(network, args or {}, model, input_size) for network in several]
    module, function = kind.made_by.split(":")
    maker = getattr(importlib.import_module(f"heirloom.figures.{module}"), function)
    asked = Asked(
        subjects,
        data,
        THEMES[theme],
        None if image is None else Path(image),
        tuple(layers),
        None if unit is None else tuple(unit),
        scale or "map",
        answer,
    )
    found: Picture = maker(asked)
    if form == ".gif":
        if not found.frames:
            raise HeirloomError("E-usage", f"the picture {what} does not move", remedy="end its name in .png")
        made = gif(found.frames, asked.theme)
    else:
        words = found.title, found.description
        made = as_file(found.art, "svg" if form == ".svg" else "png", asked.theme, *words, what)
    _write(out, made, (json.dumps(found.numbers, indent=2) + "\n").encode())
    return out


def _write(out: Path, made: bytes, numbers: bytes) -> None:
    """Both files or none; numbers that are there from the same picture in another form stay."""
    beside = out.with_suffix(".json")
    known = beside.exists()
    if known and not (beside.is_file() and beside.read_bytes() == numbers):
        raise _exists(beside)
    try:
        if not known:
            write_atomically(beside, numbers)
        write_atomically(out, made)
    except BaseException:
        if not known:
            beside.unlink(missing_ok=True)
        raise


def _exists(file: Path) -> HeirloomError:
    return HeirloomError("E-output-exists", "the file exists", where=str(file), remedy="choose another name")


def named(network: str) -> str:
    """``recipe`` or ``network`` where one of ours bears the name, else empty.

    Such a name comes before a folder or a file that is called so; ``./lenet5`` means that one.
    """
    return "recipe" if network in RECIPES else "network" if network in MODELS else ""


def _subject(
    network: str | Path, args: dict[str, Any], model: str | None, input_size: Sequence[int] | None
) -> Subject:
    text, path = str(network), Path(network)
    if named(text) == "recipe":
        _, own = find_recipe(text)
        subject = fresh(own.model, arguments(own.args.split()) | args, text, input_size)
        return replace(subject, data=own.data, recipe=own)
    code = path.suffix == ".py" or (":" in text and not path.exists())
    if named(text) or code or not (path.exists() or path.suffix or len(path.parts) > 1):
        return fresh(text, args, input_size=input_size)
    loaded = load_model(path, model)
    run = Run(path) if is_folder(path) else None
    return learned(path.name if run else path.stem, model or loaded.card.model, loaded, run)
