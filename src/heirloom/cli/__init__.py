"""The command line. Each command is a few lines over the library function of the same name.

Data go to stdout, everything else to stderr. Torch is imported inside the commands that need it.
"""

from typing import Annotated

import typer

import heirloom
from heirloom.cli import answers, arrivals, books, data_checks, pictures, runs

app = typer.Typer(
    help="The classic convolutional networks, exactly as published. --debug shows where an error comes from.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"heirloom {heirloom.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the command."""


# In the order of `heirloom --help`.
app.command("list")(books.list_)
app.command()(books.summary)
app.command()(books.diff)
app.command()(books.worksheet)
app.command()(books.audit)
app.command()(books.explain)
app.command()(runs.train)
app.command()(runs.resume)
app.command()(runs.report)
app.command()(answers.evaluate)
app.command()(answers.compare)
app.command()(answers.predict)
app.command()(pictures.draw)
app.command("import")(arrivals.import_)
app.command()(arrivals.fetch)
app.command()(data_checks.doctor)
app.command()(data_checks.stats)
