"""Commands on what is printed about a network: list, summary, diff, worksheet, audit, explain."""

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
    recipes: Annotated[bool, typer.Option("--recipes", help="List the recipes instead.")] = False,
) -> None:
    """List the networks, or the recipes."""
    import fnmatch

    from heirloom import models
    from heirloom.recipes import RECIPES, headline

    found = [name for name in RECIPES if fnmatch.fnmatch(name, pattern)]
    names = found if recipes else models.list_models(pattern)
    width = max(map(len, names), default=0)
    for name in names:
        print(f"{name:<{width}}  {headline(name) if recipes else models.headline(name)}")
    if not names:
        from heirloom.models import MODELS

        known = RECIPES if recipes else MODELS
        raise HeirloomError("E-model", f"nothing matches {pattern!r}", why=nearest(pattern, known))


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
            text = shares_table(books).render(format)
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
    write(sheet.render(format.value, part.value))


def audit(
    model: Annotated[str | None, typer.Argument(help="Name of a network; by default all.")] = None,
    format: Format = Form.text,
) -> None:
    """Check every published number against the networks; exit 1 if one is wrong."""
    from heirloom.auditing import audit
    from heirloom.tables import Table, cell_text

    found = audit(model)
    rows = [
        [v.model, v.claim.layer or "total", v.claim.quantity, _cell(v.claim.value), _cell(v.ours),
         v.words.partition(":")[0], v.claim.source]
        for v in found
    ]  # fmt: skip
    notes = [
        f"{name}, {layer}, {quantity} {cell_text(printed)}, {source}: {v.words}."
        for (name, layer, quantity, printed, *_, source), v in zip(rows, found, strict=True)
        if ":" in v.words
    ]
    wrong = sum(not verdict.holds for verdict in found)
    title = f"{len(found)} published numbers checked, {wrong} wrong"
    heads = ["model", "layer", "quantity", "printed", "ours", "verdict", "source"]
    full = [
        dict(zip(heads, [*row[:5], v.words, row[6]], strict=True)) for row, v in zip(rows, found, strict=True)
    ]
    write(Table(title, heads, rows, notes=notes, data=full).render(format))
    if wrong:
        raise typer.Exit(1)


def explain(
    number: Annotated[str, typer.Argument(help="A number, such as 1516 or 340,908.")],
    format: Format = Form.text,
) -> None:
    """Find the layers and totals that have a number, and who prints it; exit 1 if there is none."""
    from heirloom.auditing.explaining import explain
    from heirloom.tables import Table

    try:
        value = int(number.replace(",", "").replace("_", ""))
    except ValueError as error:
        raise HeirloomError("E-usage", f"{number!r} is not a whole number") from error
    found = explain(value)
    rows = [[e.model, e.layer, e.quantity, e.why] for e in found]
    title = f"{value:,} stands in {len(found)} place{'s' * (len(found) != 1)}"
    write(Table(title, ["model", "layer", "quantity", "why"], rows).render(format))
    if not found:
        raise typer.Exit(1)


def _cell(value: int | tuple[int, ...]) -> int | str:
    return value if isinstance(value, int) else "×".join(map(str, value))
