"""What several commands share: kinds of options, and how they read and print."""

import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from heirloom.errors import HeirloomError


class Form(StrEnum):
    """How a table is printed."""

    text = "text"
    markdown = "markdown"
    csv = "csv"
    json = "json"
    latex = "latex"


class PlainForm(StrEnum):
    """How a result is printed."""

    text = "text"
    csv = "csv"
    json = "json"


class TextForm(StrEnum):
    """How a single result is printed."""

    text = "text"
    json = "json"


class SheetForm(StrEnum):
    """How a worksheet is printed."""

    text = "text"
    markdown = "markdown"
    latex = "latex"


class SheetPart(StrEnum):
    """What of a worksheet is printed."""

    both = "both"
    sheet = "sheet"
    key = "key"


class ConventionName(StrEnum):
    """Which count the headline gives."""

    lecun = "lecun"
    macs = "macs"
    flops = "flops"


class ProtocolName(StrEnum):
    """How an evaluation looks at an image, as `heirloom.protocols` has it."""

    CENTER = "center"
    TEN_VIEWS = "10view"
    DENSE = "dense"


Format = Annotated[Form, typer.Option("--format", help="How to print it.")]
Model = Annotated[str, typer.Argument(help="Name of a network, package.module:Class, or file.py:Class.")]
Arguments = Annotated[
    list[str] | None, typer.Option("--arg", help="Argument of the network, name=value; repeatable.")
]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")]
RunOrFile = Annotated[Path, typer.Argument(metavar="RUN|FILE", help="Run directory or weights file.")]
SplitName = Annotated[str, typer.Option("--split", help="train, val, test, or several joined by +.")]
Protocol = Annotated[ProtocolName, typer.Option("--protocol", help="How each image is looked at.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, ...")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of the processor.")]
Every = Annotated[
    int, typer.Option("--checkpoint-every", min=0, help="Steps between checkpoints; 0: at the end of epochs.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
OwnModel = Annotated[
    str | None,
    typer.Option("--model", metavar="FILE.PY:CLASS", help="The network, where it is code of your own."),
]
DataRoots = Annotated[
    list[Path] | None,
    typer.Option("--data-root", metavar="DIR", help="Folder with data sets, looked below first; repeatable."),
]
InputSize = Annotated[str | None, typer.Option(metavar="C,H,W", help="Size of one input, without the batch.")]


def write(text: str) -> None:
    """Print data, as it is, on stdout."""
    sys.stdout.write(text)


def terminal_width() -> int:
    """Columns of the terminal that stdout is, 0 if it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def read_size(text: str | None) -> tuple[int, ...] | None:
    """``C,H,W`` as numbers.

    Raises:
        HeirloomError: (``E-usage``) It is no size.
    """
    if text is None:
        return None
    try:
        size = tuple(int(part) for part in text.split(","))
    except ValueError:
        size = ()
    if not size or min(size) < 1:
        raise HeirloomError(
            "E-usage", f"--input-size {text}", why="not a size", remedy="give it as C,H,W: 3,224,224"
        )
    return size


def read_lines(path: Path) -> list[str]:
    """Lines of a file, or its names where NUL separates them, none of them empty.

    Raises:
        HeirloomError: (``E-usage``) It cannot be read.
    """
    try:
        text = path.read_text(errors="surrogateescape")
    except OSError as error:
        raise HeirloomError(
            "E-usage", "cannot read the list", where=str(path), why=(error.strerror or "").lower()
        ) from error
    return [line for line in text.split("\0" if "\0" in text else "\n") if line]
