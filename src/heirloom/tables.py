"""Tables for people and programs: text, Markdown, CSV, JSON and LaTeX from the same cells."""

import csv
import io
import json
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from heirloom.accounting import (
    COLUMNS,
    CONVENTIONS,
    STATE,
    Summary,
    memory,
    pixels,
    shares,
    size_text,
)
from heirloom.errors import HeirloomError, nearest
from heirloom.rows import Row

Cell = int | float | str


@dataclass(frozen=True)
class Table:
    """A titled table.

    Attributes:
        title: One line above it.
        columns: Headings.
        rows: Cells; numbers are set to the right, whole ones with thousands separators.
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
    records: Callable[[], Sequence[dict[str, Cell]]] | None = None
    """What the CSV form writes instead of the cells; the first one's keys are its headings."""
    counts: frozenset[str] = frozenset()
    """Headings of the columns where the text form sets a zero as a dot: there is none of it."""
    spare: Sequence[str] = ()
    """Headings of the columns that a narrow terminal does without, in this order."""
    below: Mapping[str, int] = field(default_factory=dict)
    """Headings of the columns whose texts a narrow terminal has as numbered notes, in this order, and how
    many letters stay in the column."""
    folds: Sequence[str] = ()
    """Headings of the columns whose names a narrow terminal breaks over lines, where nothing else helps."""
    dense: bool = False
    """Whether the columns of the text form stand two spaces apart instead of three."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """Letters to a line in columns of the text form."""

    def render(self, form: str, width: int = 0) -> str:
        """The table in one of `FORMATS`; as text in ``width`` columns, where it can be; 0 for any."""
        if form not in FORMATS:
            raise HeirloomError("E-usage", f"unknown format {form!r}", why=nearest(form, FORMATS))
        return FORMATS[form](self.narrowed(width) if width and form == "text" else self)

    def narrowed(self, width: int) -> "Table":
        """The table as it fits into ``width`` letters, title and notes too.

        Long texts go below it; then it does without as many of its spare columns as it needs, and a line
        names them; then names are broken.
        """
        table = self
        if self.below and table._width > width:
            table = replace(table, dense=True)
        for head in [name for name in self.below if name in self.columns]:
            if table._width > width:
                table = table._with_notes_for(head)
        table = table._without_spare(width)
        table = table._with_folds(width)
        notes = [line for note in table.notes for line in wrapped(note, width)]
        return replace(table, title="\n".join(wrapped(table.title, width)), notes=notes)

    @property
    def _width(self) -> int:
        return max(map(len, _grid(self)))

    def _with_notes_for(self, head: str) -> "Table":
        """The table with the texts of a column as notes; the column has their numbers."""
        i, known = self.columns.index(head), dict[str, str]()
        taken = sum(note.startswith("[") for note in self.notes)
        rows = [list(row) for row in self.rows]
        for row in rows:
            text = cell_text(row[i])
            if len(text) > self.below[head]:
                row[i] = known.setdefault(text, f"[{len(known) + taken + 1}]")
        notes = [*self.notes, *(f"{mark} {text}" for text, mark in known.items())]
        return replace(self, rows=rows, notes=notes)

    def _with_folds(self, width: int) -> "Table":
        """The table with names on several lines, those of the widest columns first."""
        limits, over = dict[str, int](), self._width - width
        texts = {
            head: [cell_text(row[self.columns.index(head)]) for row in self.rows]
            for head in self.folds
            if head in self.columns
        }
        widest = {head: max(map(len, [head, *cells])) for head, cells in texts.items()}
        for head, natural in sorted(widest.items(), key=lambda item: -item[1]):
            cut = min(over, natural - max(_NARROWEST, len(head)))
            if cut > 0:
                limits[head], over = natural - cut, over - cut
        return replace(self, limits=limits)

    def _without_spare(self, width: int) -> "Table":
        table, gone = self, []
        for head in self.spare:
            if head not in self.columns or table._width <= width:
                continue
            i = table.columns.index(head)
            rows = [[*row[:i], *row[i + 1 :]] for row in table.rows]
            columns = [*table.columns[:i], *table.columns[i + 1 :]]
            totals = [*table.totals[:i], *table.totals[i + 1 :]]
            table = replace(table, columns=columns, rows=rows, totals=totals)
            gone.append(head)
        if not gone:
            return self
        words = f"Left out, for want of room: {', '.join(gone)}. A wider terminal or a pipe shows all."
        return replace(table, notes=[*self.notes, words])


_NARROWEST = 7
"""Letters to a line of a name, at least."""


def wrapped(text: str, width: int) -> list[str]:
    """A text as lines of ``width`` letters, 0 for any; words stay whole."""
    if not width or len(text) <= width:
        return [text]
    return textwrap.wrap(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def cell_text(cell: Cell) -> str:
    """A cell as people read it."""
    if isinstance(cell, float):
        return f"{cell:.2f}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def _text(table: Table) -> str:
    lines = [table.title, *_grid(table), *table.notes]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _grid(table: Table) -> list[str]:
    """As wide as it needs to be: a number is never broken over two lines."""
    grid = RichTable(box=box.SIMPLE_HEAD, show_footer=bool(table.totals), pad_edge=False)
    grid.padding = (0, 1, 0, 0) if table.dense else (0, 1)
    totals = [cell_text(cell) for cell in table.totals] or [""] * len(table.columns)
    for i, (heading, total) in enumerate(zip(table.columns, totals, strict=True)):
        numeric = any(isinstance(row[i], int | float) for row in table.rows)
        grid.add_column(
            heading,
            total,
            justify="right" if numeric else "left",
            no_wrap=heading not in table.limits,
            overflow="fold",
            width=table.limits.get(heading),
        )
    for row in table.rows:
        cells = zip(table.columns, row, strict=True)
        grid.add_row(
            *("·" if cell == 0 and head in table.counts else cell_text(cell) for head, cell in cells)
        )
    out = io.StringIO()
    Console(file=out, width=10_000, color_system=None, highlight=False, markup=False, emoji=False).print(grid)
    lines = [line.rstrip() for line in out.getvalue().rstrip("\n").split("\n")]
    if not table.dense:
        return lines
    ends = max(len(line) for line in lines if "──" not in line)
    return [line[:ends] if "──" in line else line for line in lines]


def _markdown(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    numeric = [any(isinstance(row[i], int | float) for row in table.rows) for i in range(len(table.columns))]
    lines = [f"**{table.title}**", "", line(table.columns), line(["---:" if n else "---" for n in numeric])]
    lines += [line([cell_text(cell) for cell in row]) for row in table.rows]
    if table.totals:
        lines.append(line([f"**{cell_text(cell)}**" if cell != "" else "" for cell in table.totals]))
    lines += [f"\n{note}" for note in table.notes]
    return "\n".join(lines) + "\n"


def _csv(table: Table) -> str:
    out = io.StringIO()
    cells = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    records = table.records() if table.records else cells
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
    return as_json(data)


def as_json(data: Any) -> str:
    """A line for each row: that is how rows are read, searched and compared."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    if not isinstance(data, dict):
        return _lines("[]", map(encode, data)) + "\n"
    parts = []
    for key, value in data.items():
        rows = isinstance(value, list) and value and isinstance(value[0], dict)
        text = _lines("[]", map(encode, value), "  ") if rows else encode(value)
        parts.append(f"{encode(key)}: {text}")
    return _lines("{}", parts) + "\n"


def _lines(brackets: str, items: Iterable[str], indent: str = "") -> str:
    inside = f",\n{indent}  ".join(items)
    return f"{brackets[0]}\n{indent}  {inside}\n{indent}{brackets[1]}" if inside else brackets


_LATEX = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "×": r"$\times$",
    "≥": r"$\geq$",
}


def latex_text(text: str) -> str:
    """Text whose signs mean nothing to LaTeX."""
    return "".join(_LATEX.get(c, c) for c in text)


def _latex(table: Table) -> str:
    """A ``tabular`` that needs the package ``booktabs``."""

    def line(cells: Sequence[Cell]) -> str:
        return " & ".join(latex_text(cell_text(cell)) for cell in cells) + r" \\"

    numeric = [any(isinstance(row[i], int | float) for row in table.rows) for i in range(len(table.columns))]
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


_SPARE = ("start", "jump", "FLOPs", "MACs", "fixed", "connections")
"""What a narrow terminal does without, the headline's count excepted."""

READABLE = 60
"""Rows of a table that one still reads."""


def readable_depth(books: Summary) -> int:
    """The most levels of names with which a table has at most `READABLE` rows, or 1; 0 for all rows."""
    deepest = max(row.name.count(".") for row in books.rows)
    if not deepest or len(books.rows) <= READABLE:
        return 0
    return next((n for n in range(deepest, 1, -1) if len(folded(books.rows, n)) <= READABLE), 1)


def summary_table(summary: Summary, depth: int = 0) -> Table:
    """The table of a summary: one row per operation, totals below.

    Args:
        summary: The books.
        depth: Levels of names that are shown, ``conv2_x.0`` being two; what lies deeper is added up. 0 for
            all. The forms CSV and JSON always have every row.
    """
    totals = summary.totals
    bound = "≥ " if summary.lower_bound else ""
    head = CONVENTIONS[summary.convention]
    title = (
        f"{summary.trace.model}, input {size_text(summary.trace.input_size)}: "
        f"{totals['parameters']:,} parameters, {bound}{totals[head]:,} {_LABELS[head]} (FLOP = 2 MAC)"
    )
    groups = folded(summary.rows, depth)
    notes = ["Counts are for one image, connections as in LeCun et al. 1998."]
    if len(groups) < len(summary.rows):
        notes.append(
            f"{len(summary.rows)} rows are added up to {len(groups)}; heirloom summary --depth 0 shows all."
        )
    notes += [
        f"{row.name} ({row.attrs.get('operation', row.kind)}) has no rule and is not counted."
        for row in summary.rows
        if not row.counted
    ]
    idle = [group for group in groups if not any(row.executed for row in group)]
    notes += [f"{_shared_name(group)} does not run in evaluation." for group in idle]
    aligned = all(row.aligned for row in summary.rows)
    if not aligned:
        notes.append("aligned: whether the branches that meet there are centred on the same pixels.")
    heads = ["layer", "kind", "from", "output", *_COUNTS.values(), "field", "jump", "start", "aligned"]
    rows = _cells(groups, summary.rows)
    sums: list[Cell] = ["total", "", "", "", *(totals[column] for column in _COUNTS), "", "", "", ""]
    # A chain needs no "from", as each row reads the one above; and it has no branches that meet.
    spare = [i for i, needed in ((12, not aligned), (2, any(row[2] for row in rows))) if not needed]
    for line in (heads, sums, *rows):
        for i in spare:
            del line[i]  # type: ignore[attr-defined]
    dotted = frozenset(_COUNTS.values())

    def records() -> list[dict[str, Cell]]:
        return [*(_record(row, summary) for row in summary.rows), {"layer": "total", **totals}]

    narrow = [each for each in _SPARE if each != _COUNTS[head]]
    return Table(title, heads, rows, sums, notes, summary.as_dict(), records, dotted, narrow)


def folded(rows: Sequence[Row], depth: int) -> list[list[Row]]:
    """Rows that follow one another and share the first ``depth`` levels of their names."""
    if not depth:
        return [[row] for row in rows]
    groups: list[list[Row]] = []
    for row in rows:
        if groups and _prefix(groups[-1][0], depth) == _prefix(row, depth):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _prefix(row: Row, depth: int) -> str:
    return ".".join(row.name.split(".")[:depth])


def shares_table(summary: Summary) -> Table:
    """What each kind of operation has of the parameters and the operations."""
    found, totals = shares(summary), summary.totals
    columns = {"parameters": "params", CONVENTIONS["lecun"]: "connections", "macs": "MACs", "flops": "FLOPs"}
    rows: list[list[Cell]] = []
    for share in found:
        cells: list[Cell] = [share.kind, share.rows]
        for column in columns:
            cells += [share.counts[column], 100 * share.parts[column] if share.counts[column] else "·"]
        rows.append(cells)
    sums: list[Cell] = ["total", sum(share.rows for share in found)]
    heads = ["kind", "rows"]
    for column, head in columns.items():
        sums += [totals[column], ""]
        heads += [head, f"% of {head}"]
    bound = ", a lower bound" if summary.lower_bound else ""
    title = f"{summary.trace.model}, input {size_text(summary.trace.input_size)}: shares by kind{bound}"
    multiply_adds = 2 * totals["macs"] / (totals["flops"] or 1)
    notes = [f"{100 * multiply_adds:.2f} % of all FLOPs are multiply-adds (FLOP = 2 MAC)."]
    kinds: list[dict[str, Cell]] = [
        {"kind": s.kind, "rows": s.rows, **s.counts, **{f"{c}_share": s.parts[c] for c in COLUMNS}}
        for s in found
    ]
    data = {
        "schema": 1,
        "model": summary.trace.model,
        "input_size": list(summary.trace.input_size),
        "kinds": kinds,
        "totals": totals,
        "multiply_add_share": multiply_adds,
    }
    return Table(title, heads, rows, sums, notes, data, lambda: kinds, counts=frozenset(columns.values()))


def memory_table(summary: Summary, batch: int) -> Table:
    """Bytes that training takes with a batch of ``batch`` images, for each optimiser."""
    found = memory(summary, batch)
    rows: list[list[Cell]] = [
        [name, *[found[name]] * len(STATE)] for name in ("parameters", "fixed", "gradients", "activations")
    ]
    rows.append(["optimiser state", *(found[name] for name in STATE)])
    sums: list[Cell] = ["total", *(sum(int(row[i]) for row in rows) for i in range(1, len(STATE) + 1))]
    network = f"{summary.trace.model}, input {size_text(summary.trace.input_size)}"
    notes = [
        "Numbers have 4 bytes. Activations: what PyTorch keeps for the way back, each tensor once.",
        "Not counted: what an operation needs while it runs, the loss, auxiliary heads, adam's counters.",
    ]
    heads = ["what", *STATE]
    records = [dict(zip(heads, row, strict=True)) for row in (*rows, sums)]
    data = {
        "schema": 1,
        "model": summary.trace.model,
        "input_size": list(summary.trace.input_size),
        "batch": batch,
        "bytes": {name: found[name] for name in ("parameters", "fixed", "gradients", "activations")},
        "optimizer_bytes": {name: found[name] for name in STATE},
        "totals": dict(zip(STATE, sums[1:], strict=True)),
    }
    title = f"{network}: bytes in training, batch of {batch}"
    return Table(title, heads, rows, sums, notes, data, lambda: records, counts=frozenset(STATE))


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
        "aligned": str(row.aligned).lower(),
    }


def _cells(groups: Sequence[Sequence[Row]], rows: Sequence[Row]) -> list[list[Cell]]:
    """A line for each group: sums of its counts, and the result and the field of its last operation."""
    place = {row.id: number for number, group in enumerate(groups) for row in group}
    names = [_shared_name(group) for group in groups]
    found: list[list[Cell]] = []
    for number, group in enumerate(groups):
        reads = list(dict.fromkeys(place[i] for row in group for i in row.inputs if place[i] != number))
        # Said only where it is not the row above.
        sources = "" if reads in ([number - 1], []) else ", ".join(names[i] for i in reads)
        last = next((row for row in reversed(group) if row.executed), group[-1])
        first = group[0]
        again = "" if first.shared_with is None else f" (again {rows[first.shared_with].name})"
        aligned = all(row.aligned for row in group)
        found.append(
            [
                names[number] + again * (len(group) == 1),
                first.kind if len(group) == 1 else f"{len(group)} operations",
                sources,
                size_text(last.output_size),
                *(sum(getattr(row, column) for row in group) for column in _COUNTS),
                *(_pixel_text(value) for value in (last.receptive_field, last.jump, last.start)),
                "" if aligned else "no",
            ]
        )
    return found


def _shared_name(group: Sequence[Row]) -> str:
    """The levels that all names of a group begin with."""
    parts = [row.name.split(".") for row in group]
    levels = 0
    while all(len(p) > levels and p[levels] == parts[0][levels] for p in parts):
        levels += 1
    return ".".join(parts[0][:levels])
