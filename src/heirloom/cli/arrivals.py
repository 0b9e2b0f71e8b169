"""Commands that bring in what others made: import, fetch."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from heirloom.cli.options import Arguments, Form, Format, Quiet, read_lines, write
from heirloom.errors import HeirloomError
from heirloom.models import arguments


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="PyTorch, Caffe, NumPy or safetensors.")],
    model: Annotated[str, typer.Option("--as", metavar="MODEL", help="The network that it is for.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Weights file to write.")],
    arg: Arguments = None,
    preprocess: Annotated[
        str | None,
        typer.Option(
            help="How images are prepared: imagenet, caffe, ..., or a JSON object, or a file of it."
        ),
    ] = None,
    mean_image: Annotated[
        Path | None, typer.Option(help="Mean image to subtract: .npy or .binaryproto.")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(metavar="FILE|N", help="Names of the classes, one on each line; or how many."),
    ] = None,
    publisher: Annotated[
        str | None, typer.Option(help="Whose names the file has; by default it is found out.")
    ] = None,
    fresh_classifier: Annotated[
        bool, typer.Option("--fresh-classifier", help="Do not take the layers that depend on the classes.")
    ] = False,
    format: Format = Form.text,
) -> None:
    """Bring the weights of another program into a network, and say of every tensor where it went."""
    from heirloom.foreign import load_weights
    from heirloom.foreign.matching import Unfit
    from heirloom.weights import save_model

    if out.exists():
        raise HeirloomError(
            "E-output-exists", "the file exists", where=str(out), remedy="choose another name"
        )
    if preprocess and not preprocess.lstrip().startswith("{") and Path(preprocess).is_file():
        preprocess = "\n".join(read_lines(Path(preprocess)))
    names = (
        int(classes) if classes and classes.isdecimal() else read_lines(Path(classes)) if classes else None
    )
    try:
        found = load_weights(
            file,
            model,
            args=arguments(arg or []),
            preprocess=preprocess,
            mean_image=mean_image,
            classes=names,
            publisher=publisher,
            fresh_classifier=fresh_classifier,
        )
    except Unfit as unfit:
        write(unfit.report.table().render(format))
        raise
    save_model(out, found.model, found.card)
    write(found.report.table().render(format))


def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="mnist, fashion_mnist, cifar10 or cifar100.")],
    data_root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder to put it below; else the first of HEIRLOOM_DATA, or a cache."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Download a data set, checked; what is there already is only checked."""
    from heirloom.data.fetching import fetch
    from heirloom.progress import downloads

    try:
        with downloads(quiet) as watcher:
            folder = fetch(name, data_root, watcher=watcher)
    except KeyboardInterrupt:
        print("stopped; to go on, give the same command again", file=sys.stderr)
        raise typer.Exit(130) from None
    print(f"{name}, all files as published: {folder}")
