"""Worksheets: a network's table with numbers missing, for a class to find, and the key with the arithmetic.

What is asked can be worked out from what is shown: kernels, strides, padding, maps and connections stay.
Nothing is asked that is 0, that stands beside the question, or that a row of the same make gives away; a
size that is asked for is left out of the lists of blocks, too.
"""

import ast
import hashlib
import itertools
import operator
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal, get_args

from torch import nn

from heirloom.accounting import CONVENTIONS, Convention, Summary, size_text, summary
from heirloom.errors import HeirloomError, check_choice
from heirloom.rows import Row
from heirloom.tables import Cell, Table, cell_text, folded, latex_text, readable_depth, summary_table, wrapped

SheetForm = Literal["text", "markdown", "latex"]
Part = Literal["both", "sheet", "key"]

_HEADS = {"parameters": "params", "connections": "connections", "macs": "MACs", "flops": "FLOPs"}
_COUNTED = {
    "connections": "Connections are inputs and biases that outputs read, padding included.",
    "macs": "MACs are multiplications by a weight, each with its addition; biases are left out.",
    "flops": "FLOPs are 2 for each MAC and 1 for each bias, pooled input and elementwise result.",
}


@dataclass(frozen=True)
class Blank:
    """A number that is asked for.

    Attributes:
        layer: Where it stands, or ``total``.
        cells: Row, from 0, and heading of all cells where it is missing: as often as the table repeats it.
            The totals stand in the row behind the last.
        answer: What stands there.
        arithmetic: How it is worked out.
    """

    layer: str
    cells: tuple[tuple[int, str], ...]
    answer: Cell
    arithmetic: str

    @property
    def line(self) -> str:
        """The answer as the key gives it."""
        row = self.cells[0][0]
        asked = " and ".join(column for place, column in self.cells if place == row)
        return f"{self.layer}, {asked}: {self.arithmetic} = {cell_text(self.answer)}".replace(" x ", " × ")


@dataclass(frozen=True)
class Worksheet:
    """A table, and which of its numbers are asked for.

    Attributes:
        table: With all its numbers; a column ``made of`` says what each layer is.
        blanks: In the order of the rows; the first is number 1.
    """

    table: Table
    blanks: tuple[Blank, ...]

    @property
    def sheet(self) -> Table:
        """The table with numbered blanks."""
        return self._with_blanks("______")

    def _with_blanks(self, line: str) -> Table:
        rows = [list(row) for row in (*self.table.rows, self.table.totals)]
        for number, blank in enumerate(self.blanks, 1):
            for row, column in blank.cells:
                rows[row][self.table.columns.index(column)] = f"({number}) {line}"
        return replace(self.table, rows=rows[:-1], totals=rows[-1], notes=self._notes)

    @property
    def _notes(self) -> list[str]:
        """The notes, where a size that is asked for is the number of its blank."""
        notes = list(self.table.notes)
        for number, blank in enumerate(self.blanks, 1):
            if blank.cells[0][1] == "output":
                notes = [note.replace(f"({blank.answer})", f"(size as at ({number}))") for note in notes]
        return notes

    def render(self, form: SheetForm = "text", part: Part = "both", width: int = 0) -> str:
        """The sheet and behind it the key, in LaTeX as a document with a page for each.

        Args:
            form: Of the output.
            part: Of the worksheet.
            width: Columns of the terminal that text should fit, where it can; 0 for any.

        Raises:
            HeirloomError: (``E-argument``) Unknown form or part.
        """
        check_choice("form", form, get_args(SheetForm))
        check_choice("part", part, get_args(Part))
        heading = f"Key: {self.table.title}"
        # On a narrow terminal nobody writes on the line.
        table = self._with_blanks("__" if form == "text" and width else "______")
        sheet, lines = [table.render(form, width)], [blank.line for blank in self.blanks]
        if form == "latex":
            sheet = [_LATEX_TABLE.format(title=latex_text(self.table.title), table=sheet[0])]
            sheet += [rf"\noindent {latex_text(note)}\par" + "\n" for note in self._notes]
            items = [f"\\item[({n})] {latex_text(line)}\n" for n, line in enumerate(lines, 1)]
            key = [
                f"\\section*{{{latex_text(heading)}}}\n\\begin{{description}}\n",
                *items,
                "\\end{description}\n",
            ]
        elif form == "markdown":
            key = [f"**{heading}**\n\n", *(f"{n}. {_plain(line)}\n" for n, line in enumerate(lines, 1))]
        else:
            texts = [heading, "", *(f"({n}) {line}" for n, line in enumerate(lines, 1))]
            key = [f"{line}\n" for text in texts for line in wrapped(text, width)]
        pages = ["".join(page) for name, page in (("sheet", sheet), ("key", key)) if part in ("both", name)]
        if form == "latex":
            return _LATEX_HEAD + "\\newpage\n".join(pages) + "\\end{document}\n"
        return ("\n---\n\n" if form == "markdown" else "\n\n").join(pages)


_LATEX_HEAD = r"""\documentclass[a4paper]{article}
\usepackage[margin=15mm]{geometry}
\usepackage{adjustbox,booktabs}
\begin{document}
"""
_LATEX_TABLE = r"""\section*{{{title}}}
\noindent
\begin{{adjustbox}}{{max width=\textwidth, max totalheight=0.7\textheight}}
{table}\end{{adjustbox}}

\bigskip
"""


def _plain(line: str) -> str:
    """A line whose signs mean nothing to Markdown."""
    return "".join(f"\\{c}" if c in r"\`*_[]<>|" else c for c in line)


def worksheet(
    model: nn.Module | str,
    blank: int = 8,
    seed: int = 0,
    input_size: Sequence[int] | None = None,
    *,
    convention: Convention = "lecun",
    **args: Any,
) -> Worksheet:
    """Leave out numbers of a network's table, for a class to find them.

    The table is that of `summary`, with as many rows as one still reads; blocks that are added up to a row
    are listed below it. The same seed leaves out the same cells, in every version of Python.

    Args:
        model: A module, or what `create_model` takes: a name or ``file.py:Class``.
        blank: How many numbers to leave out: sizes, parameters, counts and receptive fields in turn; all, and
            the title says so, where there are fewer that can be asked for.
        seed: Which ones.
        input_size: Usually (C, H, W), in pixels; by default the model's own.
        convention: Which count the table has: connections, MACs or FLOPs.
        **args: Arguments of `create_model`.

    Raises:
        HeirloomError: See `summary`; (``E-usage``) ``blank`` is not positive, or nothing can be asked for.
    """
    books = summary(model, input_size, convention=convention, **args)
    table, groups = _table(books)
    found = _askable(books, table, groups)
    if blank < 1 or not found:
        raise HeirloomError(
            "E-usage",
            f"a worksheet with {blank} blanks",
            why=f"{books.trace.model} has {len(found)} numbers that can be asked for",
            remedy=f"give 1 to {len(found)}" if found else "",
        )
    few, blank = blank > len(found), min(blank, len(found))
    order = {place: number for number, place in enumerate(found)}
    chosen = sorted(_drawn(found, seed)[:blank], key=lambda b: order[b])
    what = "missing number" if blank == 1 else f"{blank} missing numbers"
    network = f"{books.trace.model}, input {size_text(books.trace.input_size)}"
    every = ", all that can be asked for" if few else ""
    title = f"{network}, sheet {seed}: find the {what}{every}"
    return Worksheet(replace(table, title=title), tuple(chosen))


def _drawn(found: Sequence[Blank], seed: int) -> list[Blank]:
    """All in an order that the seed decides, the columns taking turns."""

    def lot(blank: Blank) -> bytes:
        return hashlib.sha256(f"{seed} {blank.layer} {blank.cells[0]}".encode()).digest()

    turns: Counter[str] = Counter()
    order = []
    for blank in sorted(found, key=lot):
        column = blank.cells[0][1]
        turns[column] += 1
        order.append((turns[column], lot(blank), blank))
    return [blank for *_, blank in sorted(order, key=lambda entry: entry[:2])]


def _table(books: Summary) -> tuple[Table, list[list[Row]]]:
    """The summary's table with what each layer is made of, and the rows of the trace behind its rows."""
    depth = readable_depth(books)
    table, groups = summary_table(books, depth), folded(books.rows, depth)
    head = CONVENTIONS[books.convention]
    made, blocks = [], dict[str, str]()
    for group in groups:
        if len(group) == 1:
            made.append(_made(group[0]))
        elif content := _content(group, head):
            made.append(blocks.setdefault(content, f"block {_letter(len(blocks))}"))
        else:
            made.append("")
    wanted = ["layer", "kind", "from", "output", "params", _HEADS[head], "field", "jump"]
    kept = [i for i, name in enumerate(table.columns) if name in wanted]
    rows = [[row[i] for i in kept] for row in table.rows]
    columns, totals = [table.columns[i] for i in kept], [table.totals[i] for i in kept]
    columns.insert(2, "made of")
    for line, text in zip((*rows, totals), (*made, ""), strict=True):
        line.insert(2, text)
    idle = [row[0] for row, group in zip(rows, groups, strict=True) if not any(r.executed for r in group)]
    notes = [
        f"Counts are for one image. {_COUNTED[head]}",
        *(f"{name} does not run in evaluation." for name in idle),
        *(f"B{name[1:]}: {content}." for content, name in blocks.items()),
    ]
    below = {"made of": 8, "from": 8, "kind": 10}
    dots = table.counts
    return Table("", columns, rows, totals, notes, counts=dots, below=below, folds=("layer", "kind")), groups


def _letter(number: int) -> str:
    """A, B, ..., Z, AA, AB, ..."""
    return (_letter(number // 26 - 1) if number > 25 else "") + chr(ord("A") + number % 26)


def _content(group: Sequence[Row], head: str) -> str:
    """What a block counts, in order, each with the size of its result."""
    made = [
        f"{', '.join(filter(None, (row.kind, _made(row))))} ({size_text(row.output_size)})"
        for row in group
        if row.executed and (row.parameters or getattr(row, head))
    ]
    return "; ".join(f"{n} times {text}" if n > 1 else text for text, n in Counter(made).items())


def _made(row: Row) -> str:
    """What one has to know of a layer to count it."""
    a, parts = row.attrs, list[str]()
    if "kernel" in a:
        parts += [size_text(a["kernel"]), f"stride {_short(a['stride'])}"]
        if any(a.get("padding", ())):
            parts.append(f"padding {_short(a['padding'])}")
        if any(n > 1 for n in a.get("dilation", ())):
            parts.append(f"dilation {_short(a['dilation'])}")
        if a.get("ceil_mode"):
            parts.append("rounded up")
    if "out_maps" in a:
        parts.append(f"{a['in_maps']} to {a['out_maps']} maps")
        if "table" in a:
            parts.append(f"{sum(map(len, a['table']))} pairs of maps connected")
        if a.get("groups", 1) > 1:
            parts.append(f"{a['groups']} groups")
    if row.kind in ("linear", "rbf", "gaussian") and row.output_size:
        parts.append(f"{a['in_features']} to {row.output_size[-1]} units" if "in_features" in a else "")
    if "gates" in a:
        steps = prod(row.input_sizes[0]) // a["inputs"]
        parts.append(f"{a['inputs']} to {a['units']} units that read themselves, a bias each, {steps} steps")
        parts.append(f"{a['gates']} gates" if a["gates"] > 1 else "")
    if a.get("bias") is False:
        parts.append("no bias")
    if a.get("unshared_bias"):
        parts.append("a bias for each unit")
    if row.kind == "locally_connected":
        parts.append("a kernel and a bias for each unit")
    if row.kind == "gaussian":
        parts.append("a width for each unit")
    if row.kind == "subsampling":
        parts.append(f"{a['in_maps']} to {a['maps']} maps, a weight and a bias for each")
    if row.kind == "batch_norm" and row.parameters:
        parts.append("a scale and a shift for each map")
    return ", ".join(part for part in parts if part)


def _short(values: Sequence[int]) -> str:
    return str(values[0]) if len(set(values)) == 1 else size_text(values)


# What can be asked -----------------------------------------------------------------------------------


def _askable(books: Summary, table: Table, groups: Sequence[Sequence[Row]]) -> list[Blank]:
    """All numbers with a meaning of their own and an arithmetic that gives them, in the order of the rows."""
    head, found = CONVENTIONS[books.convention], list[Blank]()
    columns = {name: i for i, name in enumerate(table.columns)}
    counted = [columns[_HEADS[quantity]] for quantity in ("parameters", head)]
    makes = [[(row[1], row[2], row[i]) for i in counted] for row in table.rows]
    often = [Counter(pair[which] for pair in makes) for which in (0, 1)]
    # Of a block, the table has the result of its last operation: what reads another one is not asked for,
    # nor what reads a block with several results, since the table does not say which.
    shown = {next((row for row in reversed(group) if row.executed), group[-1]).id for group in groups}
    shown -= _ambiguous(groups)
    for number, (group, row) in enumerate(zip(groups, table.rows, strict=True)):
        alone = len(group) == 1 and shown.issuperset(group[0].inputs)
        for column, ask in (("output", _output), ("field", _field)):
            arithmetic = ask(group[0], books.rows) if alone else ""
            if arithmetic:
                i = columns[column]
                # Rows behind it that pass it on would give it away.
                end = next(
                    (k for k, r in enumerate(table.rows) if k > number and r[i] != row[i]), len(groups)
                )
                same_make = [k for k, r in enumerate(table.rows) if (*r[1:3], r[i]) == (*row[1:3], row[i])]
                if all(number <= k < end for k in same_make):
                    cells = tuple((k, column) for k in range(number, end))
                    found.append(Blank(str(row[0]), cells, row[i], arithmetic))
        same = row[counted[0]] == row[counted[1]]  # as in a fully connected layer
        for which, quantity in enumerate(("parameters", head)):
            count, cells = row[counted[which]], ((number, _HEADS[quantity]),)
            if not count or (same and which) or often[which][makes[number][which]] > 1:
                continue  # nothing to ask, asked already, or another row of that make gives it away
            arithmetic = _sum(group, quantity)
            if arithmetic and _value(arithmetic) == count:
                cells += ((number, _HEADS[head]),) if same else ()
                found.append(Blank(str(row[0]), cells, count, arithmetic))
    same = table.totals[counted[0]] == table.totals[counted[1]]
    for which, quantity in enumerate(("parameters", head)):
        if (same and which) or sum(bool(row[counted[which]]) for row in table.rows) < 2:
            continue
        columns_asked = (_HEADS[quantity], _HEADS[head]) if same else (_HEADS[quantity],)
        cells = tuple((len(groups), column) for column in columns_asked)
        found.append(Blank("total", cells, table.totals[counted[which]], "the sum of the column"))
    return found


def _ambiguous(groups: Sequence[Sequence[Row]]) -> set[int]:
    """Results of blocks of which others read several."""
    place = {row.id: number for number, group in enumerate(groups) for row in group}
    read: dict[int, set[int]] = {}
    for number, group in enumerate(groups):
        for source in (i for row in group for i in row.inputs if place[i] != number):
            read.setdefault(place[source], set()).add(source)
    return {source for sources in read.values() if len(sources) > 1 for source in sources}


def _sum(group: Sequence[Row], quantity: str) -> str:
    """The arithmetic of a count, of a block that of all its layers; empty where one has none."""
    terms = [_arithmetic(row, quantity) for row in group if getattr(row, quantity)]
    if not all(terms):
        return ""
    if len(set(terms)) == 1 and len(terms) == 1:
        return terms[0]
    return " + ".join(f"{n} x ({text})" if n > 1 else text for text, n in Counter(terms).items())


def _arithmetic(row: Row, quantity: str) -> str:
    formulas = row.formulas
    if quantity in formulas or not row.output_size:
        return formulas.get(quantity, "")
    outputs = " x ".join(map(str, row.output_size))
    if quantity == "parameters" and row.kind == "batch_norm":
        return f"2 x {row.output_size[0]}"
    if quantity != "flops":
        return ""
    if row.macs and "macs" in formulas:
        return f"2 x {formulas['macs']}" + (f" + {outputs}" if row.flops > 2 * row.macs else "")
    return formulas.get("connections", "") if row.connections else outputs


_SIGNS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


def _value(arithmetic: str) -> int:
    """What whole numbers and ``+ - x ( )`` come to."""

    def of(node: ast.expr) -> int:
        if isinstance(node, ast.BinOp):
            return _SIGNS[type(node.op)](of(node.left), of(node.right))
        assert isinstance(node, ast.Constant)
        assert isinstance(node.value, int)
        return node.value

    return of(ast.parse(arithmetic.replace("x", "*"), mode="eval").body)


def _output(row: Row, rows: Sequence[Row]) -> str:
    """How the size of a result is found, where it is another than that of the input."""
    before, after, a = row.input_sizes, row.output_size, row.attrs
    if not before or not after or after == before[0]:
        return ""
    if "kernel" not in a or a.get("transposed") or len(before[0]) != len(a["kernel"]) + 1:
        return ""
    zeros, ones = [0] * len(a["kernel"]), [1] * len(a["kernel"])
    words = dict[str, None]()
    for n, m, k, s, p, d in zip(
        before[0][1:], after[1:], a["kernel"], a["stride"], a.get("padding", zeros), a.get("dilation", ones),
        strict=True,
    ):  # fmt: skip
        room = n + 2 * p - d * (k - 1) - 1
        steps = -(-room // s) if a.get("ceil_mode") else room // s
        if steps + 1 != m:
            return ""
        reach = f"({d} x ({k} - 1) + 1)" if d > 1 else str(k)
        rounded = (", rounded up" if a.get("ceil_mode") else ", rounded down") if room % s else ""
        padded = f" + 2 x {p}" if p else ""
        words[f"({n}{padded} - {reach}) / {s} + 1{rounded}"] = None
    return f"{after[0]} maps of {' by '.join(words)}"


def _field(row: Row, rows: Sequence[Row]) -> str:
    """How the receptive field of a window is found from what its inputs see."""
    a = row.attrs
    if "kernel" not in a or len(row.inputs) != 1 or not row.receptive_field:
        return ""
    before = rows[row.inputs[0]]
    if not before.receptive_field or not before.jump or len(before.receptive_field) != len(a["kernel"]):
        return ""
    words = dict[str, None]()
    dilation = a.get("dilation", itertools.repeat(1, len(a["kernel"])))
    for r, j, k, d, found in zip(
        before.receptive_field, before.jump, a["kernel"], dilation, row.receptive_field, strict=True
    ):
        arithmetic = f"{r} + ({k} - 1) x {d} x {j}" if d > 1 else f"{r} + ({k} - 1) x {j}"
        if _value(arithmetic) != found or found == r:
            return ""
        words[arithmetic] = None
    return " by ".join(words)
