"""Tables for people and programs: text, Markdown, CSV, JSON and LaTeX from the same cells."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from heirloom.accounting import COLUMNS, CONVENTIONS, Summary, pixels, size_text
from heirloom.errors import HeirloomError, nearest
from heirloom.rows import Row

Cell = int | str


@dataclass(frozen=True)
class Table:
    """A titled table.

    Attributes:
        title: One line above it.
        columns: Headings.
        rows: Cells; whole numbers are set with thousands separators and to the right.
        totals: A last row, or empty.
        notes: Lines below it.
        data: What the JSON form prints instead of the cells.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    totals: Sequence[Cell] = ()
    notes: Sequence[str] = ()
    data: Any = None
    records: Sequence[dict[str, Cell]] = ()
    """What the CSV form writes instead of the cells; the first one's keys are its headings."""
    counts: frozenset[str] = frozenset()
    """Headings of the columns where the text form sets a zero as a dot: there is none of it."""

    def render(self, form: str) -> str:
        """The table in one of `FORMATS`."""
        if form not in FORMATS:
            raise HeirloomError("E-usage", f"unknown format {form!r}", why=nearest(form, FORMATS))
        return FORMATS[form](self)


def _number(cell: Cell) -> str:
    return f"{cell:,}" if isinstance(cell, int) else cell


def _text(table: Table) -> str:
    """As wide as it needs to be: a number is never broken over two lines."""
    grid = RichTable(box=box.SIMPLE_HEAD, show_footer=bool(table.totals), pad_edge=False)
    totals = [_number(cell) for cell in table.totals] or [""] * len(table.columns)
    for i, (heading, total) in enumerate(zip(table.columns, totals, strict=True)):
        numeric = any(isinstance(row[i], int) for row in table.rows)
        grid.add_column(heading, total, justify="right" if numeric else "left", no_wrap=True)
    for row in table.rows:
        cells = zip(table.columns, row, strict=True)
        grid.add_row(*("·" if cell == 0 and head in table.counts else _number(cell) for head, cell in cells))
    out = io.StringIO()
    Console(file=out, width=10_000, color_system=None, highlight=False, markup=False, emoji=False).print(grid)
    lines = [table.title, *out.getvalue().rstrip("\n").split("\n"), *table.notes]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _markdown(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    numeric = [any(isinstance(row[i], int) for row in table.rows) for i in range(len(table.columns))]
    lines = [f"**{table.title}**", "", line(table.columns), line(["---:" if n else "---" for n in numeric])]
    lines += [line([_number(cell) for cell in row]) for row in table.rows]
    if table.totals:
        lines.append(line([f"**{_number(cell)}**" if cell != "" else "" for cell in table.totals]))
    lines += [f"\n{note}" for note in table.notes]
    return "\n".join(lines) + "\n"


def _csv(table: Table) -> str:
    out = io.StringIO()
    records = table.records or [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    heads = list(records[0]) if records else table.columns
    writer = csv.DictWriter(out, heads, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    if table.totals and not table.records:
        writer.writerow(dict(zip(heads, table.totals, strict=True)))
    return out.getvalue()


def _json(table: Table) -> str:
    data = table.data
    if data is None:
        data = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


_LATEX = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "×": r"$\times$",
    "≥": r"$\geq$",
}


def _latex(table: Table) -> str:
    """A ``tabular`` that needs the package ``booktabs``."""

    def line(cells: Sequence[Cell]) -> str:
        return " & ".join("".join(_LATEX.get(c, c) for c in _number(cell)) for cell in cells) + r" \\"

    numeric = [any(isinstance(row[i], int) for row in table.rows) for i in range(len(table.columns))]
    lines = [r"\begin{tabular}{" + "".join("r" if n else "l" for n in numeric) + "}", r"\toprule"]
    lines += [line(table.columns), r"\midrule", *(line(row) for row in table.rows)]
    if table.totals:
        lines += [r"\midrule", line(table.totals)]
    lines += [r"\bottomrule", r"\end{tabular}"]
    comments = ["% " + text for text in (table.title, *table.notes)]
    return "\n".join([*comments, *lines]) + "\n"


FORMATS: dict[str, Callable[[Table], str]] = {
    "text": _text,
    "markdown": _markdown,
    "csv": _csv,
    "json": _json,
    "latex": _latex,
}


def _pixel_text(value: Sequence[int] | None) -> Cell:
    found = pixels(value)
    return "–" if found is None else found if isinstance(found, int) else "×".join(map(str, found))


_COUNTS = {
    "parameters": "params",
    "fixed": "fixed",
    "connections": "connections",
    "macs": "MACs",
    "flops": "FLOPs",
}
"""The columns of numbers, with their headings."""


def summary_table(summary: Summary) -> Table:
    """The table of a summary: one row per operation, totals below."""
    totals = summary.totals
    bound = "≥ " if summary.lower_bound else ""
    head = CONVENTIONS[summary.convention]
    title = (
        f"{summary.trace.model}, input {size_text(summary.trace.input_size)}: "
        f"{totals['parameters']:,} parameters, {bound}{totals[head]:,} {_LABELS[head]} (FLOP = 2 MAC)"
    )
    notes = ["Counts are for one image, connections as in LeCun et al. 1998."]
    notes += [
        f"{row.name} ({row.attrs.get('operation', row.kind)}) has no rule and is not counted."
        for row in summary.rows
        if not row.counted
    ]
    notes += [f"{row.name} does not run in evaluation." for row in summary.rows if not row.executed]
    heads = ["layer", "kind", "from", "output", *_COUNTS.values(), "field", "jump", "start"]
    rows = [_cells(row, summary) for row in summary.rows]
    sums: list[Cell] = ["total", "", "", "", *(totals[column] for column in _COUNTS), "", "", ""]
    if not any(row[2] for row in rows):  # a chain: each row reads the one above
        del heads[2], sums[2]
        for row in rows:
            del row[2]
    dotted = frozenset(_COUNTS.values())
    records = [_record(row, summary) for row in summary.rows]
    records.append({"layer": "total"} | totals)
    return Table(title, heads, rows, sums, notes, summary.as_dict(), records, counts=dotted)


_LABELS = {"connections": "connections", "macs": "MACs", "flops": "FLOPs"}


def _record(row: Row, summary: Summary) -> dict[str, Cell]:
    """A line of the CSV form, whose columns are the same for every network; sizes as ``6x28x28``."""

    def length(value: Sequence[int] | None) -> Cell:
        found = pixels(value)
        return "" if found is None else found if isinstance(found, int) else "x".join(map(str, found))

    return {
        "layer": row.name,
        "kind": row.kind,
        "inputs": " ".join(summary.rows[i].name for i in row.inputs),
        "output_size": "x".join(map(str, row.output_size or ())),
        **{column: getattr(row, column) for column in COLUMNS},
        "receptive_field": length(row.receptive_field),
        "jump": length(row.jump),
        "start": length(row.start),
    }


def _cells(row: Row, summary: Summary) -> list[Cell]:
    # Said only where it is not the row above.
    names = "" if row.inputs == [row.id - 1] else ", ".join(summary.rows[i].name for i in row.inputs)
    again = "" if row.shared_with is None else f" (again {summary.rows[row.shared_with].name})"
    return [
        row.name + again,
        row.kind,
        names,
        size_text(row.output_size),
        *(getattr(row, column) for column in _COUNTS),
        *(_pixel_text(value) for value in (row.receptive_field, row.jump, row.start)),
    ]
