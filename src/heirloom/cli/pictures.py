"""The command that draws: draw."""

from pathlib import Path
from typing import Annotated

import typer

from heirloom.cli.options import Arguments, DataRoots, OwnModel
from heirloom.figures import PICTURES
from heirloom.models import arguments


def draw(
    what: Annotated[str, typer.Argument(metavar="WHAT", help=f"{' or '.join(PICTURES)}.")],
    networks: Annotated[
        list[str], typer.Argument(metavar="MODEL|RUN|FILE...", help="Network, run directory or weights file.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="File to write: .svg or .png, a new one.")
    ],
    data: Annotated[
        str | None, typer.Option(help="Data set with the images; by default a run's own, else digits.")
    ] = None,
    arg: Arguments = None,
    model: OwnModel = None,
    json: Annotated[
        bool, typer.Option("--json", help="Write the numbers too, into the same name with .json.")
    ] = False,
    data_root: DataRoots = None,
) -> None:
    """Draw what a network does, as a picture that stands alone."""
    from heirloom.data import roots
    from heirloom.figures.drawing import draw

    roots.use(data_root or [])
    print(draw(what, networks, out, data=data, args=arguments(arg or []), model=model, numbers=json))
