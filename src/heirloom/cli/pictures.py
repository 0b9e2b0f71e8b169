"""The command that draws: draw."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from heirloom.cli.options import Arguments, DataRoots, InputSize, OwnModel, Quiet, read_size
from heirloom.errors import HeirloomError
from heirloom.figures import PICTURES
from heirloom.models import arguments


class ThemeName(StrEnum):
    """What a picture stands on."""

    light = "light"
    dark = "dark"


class ScaleName(StrEnum):
    """Over what a scale of colours reaches."""

    map = "map"
    layer = "layer"
    net = "net"


_KINDS = "; ".join(f"{name}: {kind.says}" for name, kind in PICTURES.items())


def draw(
    what: Annotated[str, typer.Argument(metavar="WHAT", help=f"{_KINDS}.")],
    networks: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL|RECIPE|RUN|FILE...",
            help="Network, recipe, run directory or weights file; lenet5 is the network, ./lenet5 a folder.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="New file to write: .svg or .png, of a film .gif."),
    ],
    theme: Annotated[ThemeName, typer.Option(help="Light or dark ground.")] = ThemeName.light,
    data: Annotated[
        str | None, typer.Option(help="Data set with the images; by default a run's own, else digits.")
    ] = None,
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Image that the network is shown.")
    ] = None,
    layer: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Layer, as summary names it; repeatable.")
    ] = None,
    unit: Annotated[
        str | None, typer.Option(metavar="C,Y,X", help="Unit of a layer: its map, row and column, from 0.")
    ] = None,
    scale: Annotated[
        ScaleName | None, typer.Option(help="What shares one scale of colours; by default a map.")
    ] = None,
    answer: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="Class, by its name or number.")
    ] = None,
    arg: Arguments = None,
    input_size: InputSize = None,
    model: OwnModel = None,
    data_root: DataRoots = None,
    quiet: Quiet = False,
) -> None:
    """Draw what a network is and does, as a picture that stands alone; its numbers into .json beside it."""
    from heirloom.data import roots
    from heirloom.figures.drawing import draw, named
    from heirloom.progress import waits

    roots.use(data_root or [])
    for name in networks:
        if (ours := named(name)) and os.path.lexists(name):
            here = "folder" if Path(name).is_dir() else "file"
            print(f"{name} is the {ours}; for the {here} here, write ./{name}", file=sys.stderr)
    with waits(quiet):
        file = draw(
            what,
            networks,
            out,
            data=data,
            args=arguments(arg or []),
            model=model,
            theme=theme.value,
            image=image,
            layers=layer or [],
            unit=_read_unit(unit),
            scale=scale.value if scale else None,
            answer=answer,
            input_size=read_size(input_size),
        )
    print(file)


def _read_unit(text: str | None) -> tuple[int, ...] | None:
    """``C,Y,X`` as numbers; a full connection's unit has its place alone.

    Raises:
        HeirloomError: (``E-usage``) It is no place.
    """
    if text is None:
        return None
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts) or len(parts) > 3:
        raise HeirloomError("E-usage", f"--unit {text}", why="no place", remedy="give it as C,Y,X: 7,4,6")
    return tuple(int(part) for part in parts)
