"""Commands on what is printed about a network: list, summary, diff, worksheet, audit, explain."""

from pathlib import Path
from typing import Annotated

import typer

from heirloom.cli.options import (
    Arguments,
    ConventionName,
    Form,
    Format,
    InputSize,
    Model,
    SheetForm,
    SheetPart,
    read_size,
    terminal_width,
    write,
)
from heirloom.errors import HeirloomError, nearest
from heirloom.memory import garbage_waits
from heirloom.models import arguments


def list_(
    pattern: Annotated[str, typer.Argument(help="Shell pattern, such as 'lenet5*'.")] = "*",
    recipes: Annotated[
        bool, typer.Option("--recipes", help="List the recipes instead, by their data.")
    ] = False,
) -> None:
    """List the networks, or the recipes."""
    import fnmatch

    from heirloom import models
    from heirloom.recipes import RECIPES, data_of, headline

    found = [name for name in RECIPES if fnmatch.fnmatch(name, pattern)]
    names = found if recipes else models.list_models(pattern)
    if not names:
        known = RECIPES if recipes else models.MODELS
        raise HeirloomError("E-model", f"nothing matches {pattern!r}", why=nearest(pattern, known))
    width = max(map(len, names))
    if not recipes:
        for name in names:
            print(f"{name:<{width}}  {models.headline(name)}")
        return
    for number, data in enumerate(dict.fromkeys(map(data_of, names))):
        print(*([""] if number else []), data, sep="\n")
        for name in names:
            if data_of(name) == data:
                print(f"  {name:<{width}}  {headline(name)}")


def summary(
    model: Model,
    input_size: InputSize = None,
    convention: Annotated[ConventionName, typer.Option(help="The headline's count.")] = ConventionName.lecun,
    arg: Arguments = None,
    lower_bound: Annotated[
        bool, typer.Option("--lower-bound", help="Leave out operations without a rule, and say so.")
    ] = False,
    depth: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="LEVELS",
            help="Levels of names to show, the rest added up; 0 for all. By default as many as are readable; "
            "csv and json always have every row.",
        ),
    ] = None,
    shares: Annotated[bool, typer.Option("--shares", help="Shares by kind of operation instead.")] = False,
    memory: Annotated[
        int | None, typer.Option(min=1, metavar="BATCH", help="Bytes in training with that batch instead.")
    ] = None,
    format: Format = Form.text,
) -> None:
    """Account for every parameter, connection and operation of a network."""
    if shares and memory is not None:
        raise HeirloomError("E-usage", "--shares and --memory", why="each is a table of its own")

    with garbage_waits():
        from heirloom.accounting import summary
        from heirloom.tables import as_json, memory_table, readable_depth, shares_table, summary_table

        size, args = read_size(input_size), arguments(arg or [])
        books = summary(model, size, convention=convention.value, lower_bound=lower_bound, **args)
        if shares:
            text = shares_table(books).render(format, terminal_width())
        elif memory is not None:
            text = memory_table(books, memory).render(format)
        elif format == Form.json:
            text = as_json(books.as_dict())
        else:
            table = summary_table(books, readable_depth(books) if depth is None else depth)
            text = table.render(format, terminal_width())
    write(text)


def diff(
    first: Model,
    second: Model,
    input_size: InputSize = None,
    arg: Arguments = None,
    first_arg: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Argument of the first network alone.")
    ] = None,
    second_arg: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Argument of the second network alone.")
    ] = None,
    format: Format = Form.text,
) -> None:
    """Name every difference between what two networks compute, and where each side is written."""
    from heirloom.accounting import summary
    from heirloom.differences import diff, difference_table

    size = read_size(input_size)
    settings = [*(arg or []), *(first_arg or [])], [*(arg or []), *(second_arg or [])]
    sides = list(zip((first, second), settings, strict=True))
    books = [summary(model, size, **arguments(given)) for model, given in sides]
    labels = [" ".join([model, *given]) for model, given in sides]
    if labels[0] == labels[1]:
        labels[1] += " (2)"
    write(difference_table(diff(*books), labels[0], labels[1]).render(format))


def worksheet(
    model: Model,
    blank: Annotated[int, typer.Option(min=1, help="How many numbers to leave out.")] = 8,
    seed: Annotated[int, typer.Option(help="Which ones.")] = 0,
    input_size: InputSize = None,
    convention: Annotated[ConventionName, typer.Option(help="Which count it has.")] = ConventionName.lecun,
    arg: Arguments = None,
    part: Annotated[SheetPart, typer.Option(help="The sheet alone, or its key alone.")] = SheetPart.both,
    format: Annotated[SheetForm, typer.Option("--format", help="How to print it.")] = SheetForm.text,
) -> None:
    """Print a network's table with missing numbers for a class to find, and its key."""
    from heirloom.worksheets import worksheet

    size, args = read_size(input_size), arguments(arg or [])
    sheet = worksheet(model, blank, seed, size, convention=convention.value, **args)
    write(sheet.render(format.value, part.value, terminal_width()))


def audit(
    model: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL|lectures]", help="Name of a network, by default all; or lectures."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="With lectures: the decks' texts; each of their numbers must be claimed."
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Check a table of one's own: model,layer,quantity,value."),
    ] = None,
    format: Format = Form.text,
) -> None:
    """Check every published number against the networks; exit 1 if one is wrong."""
    if table is not None and model is not None:
        raise HeirloomError("E-usage", f"--table and {model}", why="the table names its networks itself")
    if against is not None and model != "lectures":
        raise HeirloomError(
            "E-usage", "--against", why="only lectures have texts", remedy="audit lectures --against DIR"
        )
    from heirloom.auditing import audit, audit_lectures, audit_table
    from heirloom.auditing.showing import lectures_text, networks_table, own_table

    if table is not None:
        own = audit_table(table)
        write(own_table(own, terminal_width()).render(format, terminal_width()))
        holds = all(checked.holds for checked in own)
    elif model == "lectures":
        lectures = audit_lectures(against)
        write(lectures_text(lectures, format, terminal_width()))
        holds = lectures.holds
    else:
        found = audit(model)
        write(networks_table(found).render(format, terminal_width()))
        holds = all(verdict.holds for verdict in found)
    if not holds:
        raise typer.Exit(1)


def explain(
    number: Annotated[str, typer.Argument(help="A number, such as 1516, 340,908 or 62.3M.")],
    format: Format = Form.text,
) -> None:
    """Find the layers and totals that have a number, and who prints it; exit 1 if there is none."""
    from heirloom.auditing.explaining import explain
    from heirloom.auditing.showing import explanations_table

    found = explain(number)
    write(explanations_table(number, found).render(format, terminal_width()))
    if not found:
        raise typer.Exit(1)
