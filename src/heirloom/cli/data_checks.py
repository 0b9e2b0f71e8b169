"""Commands that look at data before anything is learned from them: doctor, stats."""

import io
import json
from pathlib import Path
from typing import Annotated

import typer

from heirloom.cli.options import DataRoots, PlainForm, Quiet, write

SHOWN = 5
"""Files of a finding that the text names; JSON and CSV have all."""


def doctor(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Class folders, with or without train, val, test; a .csv or .tar."
        ),
    ],
    run: Annotated[
        Path | None, typer.Option(metavar="RUN|FILE", help="Compare its classes with the folder's.")
    ] = None,
    format: Annotated[PlainForm, typer.Option("--format", help="How to print it.")] = PlainForm.text,
    quiet: Quiet = False,
) -> None:
    """Look for what is wrong with images to learn from; exit 1 if something is."""
    from heirloom.diagnosis import doctor
    from heirloom.errors import printable
    from heirloom.prediction import csv_line
    from heirloom.progress import waits
    from heirloom.tables import Cell, Table

    with waits(quiet):
        found = doctor(folder, run)
    if format is PlainForm.json:
        print(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
    elif format is PlainForm.csv:
        write(csv_line(["severity", "what", "file"]))
        for finding in found.findings:
            for file in finding.files:
                write(csv_line(["wrong" if finding.wrong else "odd", finding.what, printable(file)]))
    else:
        labels = list(next(iter(found.counts.values()), {}))
        splits = found.counts.values()
        rows: list[list[Cell]] = [[printable(label), *(s[label] for s in splits)] for label in labels]
        totals: list[Cell] = ["total", *(sum(s.values()) for s in splits)]
        title = f"{found.images:,} images of {len(labels)} classes"
        write(Table(title, ["class", *found.counts], rows, totals).render("text"))
        if found.smallest and found.middle and found.largest:
            sizes = [f"{w} x {h}" for h, w in (found.smallest, found.middle, found.largest)]
            print(f"sizes: {sizes[0]} to {sizes[2]}, {sizes[1]} in the middle")
            for name, counts in (("formats", found.formats), ("pixels", found.modes)):
                print(f"{name}: {', '.join(f'{count:,} {kind}' for kind, count in counts.items())}")
        for finding in found.findings:
            print(f"\n{'wrong' if finding.wrong else 'odd'}: {finding.what}: {len(finding.files):,}")
            for file in finding.files[:SHOWN]:
                print(f"  {printable(file)}")
            if len(finding.files) > SHOWN:
                print(f"  and {len(finding.files) - SHOWN:,} more")
        for note in found.notes:
            print(f"\nnote: {printable(note)}")
        print(f"\n{'nothing is wrong' if found.healthy else 'something is wrong'}")
    if not found.healthy:
        raise typer.Exit(1)


def stats(
    data: Annotated[str, typer.Argument(metavar="DATA", help="Data set, or a folder: ./photos.")],
    split: Annotated[str, typer.Option(help="train, val, test, or several joined by +.")] = "train",
    side: Annotated[
        int, typer.Option(min=1, max=4096, help="Pixels of the square that photographs are cut to.")
    ] = 256,
    mean_image: Annotated[
        Path | None, typer.Option(metavar="FILE.npy", help="Write the mean image, float32 (C, H, W), 0 to 1.")
    ] = None,
    data_root: DataRoots = None,
    format: Annotated[PlainForm, typer.Option("--format", help="How to print it.")] = PlainForm.text,
    quiet: Quiet = False,
) -> None:
    """Measure the channels' means and deviations, the mean image and the axes of the colours."""
    import numpy as np

    from heirloom.data import roots
    from heirloom.data.statistics import stats
    from heirloom.errors import HeirloomError
    from heirloom.files import write_atomically
    from heirloom.progress import waits
    from heirloom.tables import Table

    roots.use(data_root or [])
    if mean_image and mean_image.exists():
        raise HeirloomError(
            "E-output-exists", "the file exists", where=str(mean_image), remedy="choose another name"
        )
    with waits(quiet):
        found = stats(data, split, side)
    if mean_image:
        out = io.BytesIO()
        np.save(out, found.mean_image)
        write_atomically(mean_image, out.getvalue())
    if format is PlainForm.json:
        print(json.dumps(found.as_dict(), indent=2))
        return
    channels = ["red", "green", "blue"] if len(found.mean) == 3 else ["grey"]
    rows = [
        [name, *(f"{number:.6f}" for number in numbers)]
        for name, numbers in (
            ("mean", found.mean),
            ("deviation", found.std),
            *(
                (f"axis {i + 1}, variance {value:.6f}", found.axes[:, i])
                for i, value in enumerate(found.variances)
            ),
        )
    ]
    size = " x ".join(map(str, found.size))
    title = f"{found.data}, {split}: {found.images:,} images of {size}, 0 black to 1 white"
    write(Table(title, ["", *channels], rows).render(format.value))
