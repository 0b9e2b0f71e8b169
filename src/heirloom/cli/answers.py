"""Commands that ask a trained network: evaluate, compare, predict."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from heirloom.cli.options import (
    DataRoots,
    OwnModel,
    PlainForm,
    Protocol,
    ProtocolName,
    Quiet,
    RunOrFile,
    SplitName,
    TextForm,
    read_lines,
    write,
)
from heirloom.errors import HeirloomError


def evaluate(
    run: RunOrFile,
    data: Annotated[str | None, typer.Option(help="Data set or folder; by default the run's own.")] = None,
    split: SplitName = "test",
    protocol: Protocol = ProtocolName.CENTER,
    model: OwnModel = None,
    data_root: DataRoots = None,
    format: Annotated[PlainForm, typer.Option("--format", help="How to print it.")] = PlainForm.text,
    quiet: Quiet = False,
) -> None:
    """Measure the accuracy on a split, or the error of a reconstruction, with its 95 % interval.

    The name of a metric says the protocol. center: each image as predict has it. 10view: corners and
    centre of the larger square, and their mirror images. dense: slid over the whole image and its mirror
    image.
    """
    from heirloom.data import roots
    from heirloom.evaluation import evaluate
    from heirloom.progress import waits

    roots.use(data_root or [])
    with waits(quiet):
        found = evaluate(run, data, split=split, protocol=protocol, model=model)
    if format is PlainForm.text:
        print("\n".join(found.lines()))
    elif format is PlainForm.csv:
        write(found.as_csv())
    else:
        print(json.dumps(found.as_dict(), indent=2))


def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN|FILE", help="Run directory or weights file.")],
    second: Annotated[Path, typer.Argument(metavar="RUN|FILE", help="Another, of the same task.")],
    data: Annotated[str | None, typer.Option(help="Data set or folder; by default the runs' own.")] = None,
    split: SplitName = "test",
    protocol: Protocol = ProtocolName.CENTER,
    model: OwnModel = None,
    data_root: DataRoots = None,
    format: Annotated[TextForm, typer.Option("--format", help="How to print it.")] = TextForm.text,
    quiet: Quiet = False,
) -> None:
    """Compare two networks on the same images; exit 1 if the second is worse, beyond chance (p < 0.05).

    Accuracies by McNemar's exact test, errors of reconstructions by the mean of their differences.
    """
    from heirloom.comparison import compare
    from heirloom.data import roots
    from heirloom.progress import waits

    roots.use(data_root or [])
    with waits(quiet):
        found = compare(first, second, data, split=split, protocol=protocol, model=model)
    print(found.text if format is TextForm.text else json.dumps(found.as_dict(), indent=2))
    if found.worse:
        raise typer.Exit(1)


def predict(
    run: RunOrFile,
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE...|FOLDER|-", help="Images and folders; - is an image on stdin."),
    ] = None,
    files_from: Annotated[Path | None, typer.Option(help="File with a path on each line.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Classes for each image.")] = 1,
    model: OwnModel = None,
    format: Annotated[PlainForm, typer.Option("--format", help="How to print it.")] = PlainForm.csv,
) -> None:
    """Classify images; a bad one is a row with its error, and exit 3 at the end."""
    from heirloom.prediction import COLUMNS, csv_line, predict

    paths = [*(images or []), *(read_lines(files_from) if files_from else [])]
    if not paths:
        raise HeirloomError("E-usage", "no images", remedy="name images or folders, or --files-from LIST")
    if "-" in paths and sys.stdin is None:
        raise HeirloomError("E-usage", "no image on stdin", why="it is closed")
    sources = [sys.stdin.buffer.read() if path == "-" else path for path in paths]
    found = predict(run, sources, top=top, model=model)
    bad = 0
    if format is PlainForm.csv:
        write(csv_line(COLUMNS))
    for answer in found:
        bad += bool(answer.error)
        if format is PlainForm.csv:
            write(csv_line(answer.cells()))
        elif format is PlainForm.json:
            write(json.dumps(answer.as_dict(), ensure_ascii=False) + "\n")
        else:
            write(f"{answer.error or f'{answer.path}: {answer.label}, {100 * answer.probability:.1f} %'}\n")
    if bad:
        raise typer.Exit(3)
