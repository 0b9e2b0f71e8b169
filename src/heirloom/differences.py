"""What distinguishes two networks, row by row."""

import difflib
from dataclasses import dataclass
from typing import Any

from heirloom.accounting import COLUMNS, Summary, pixels, size_text
from heirloom.rows import Row


@dataclass(frozen=True)
class Difference:
    """One difference; an empty side means that the network has nothing there.

    Attributes:
        layer: Name of the row, both names where they differ, or ``total``.
        what: Column or attribute.
        first: Its value in the first network.
        second: Its value in the second network.
    """

    layer: str
    what: str
    first: str
    second: str


def diff(first: Summary, second: Summary) -> list[Difference]:
    """Compare two summaries.

    Rows are paired by name where the networks share names, else by kind and order.
    """
    found = []
    named_alike = _share_names(first.rows, second.rows)
    for a, b in _paired(first.rows, second.rows):
        if a is None or b is None:
            row = a or b
            assert row is not None
            text = f"{row.kind}, {size_text(row.output_size)}"
            found.append(Difference(row.name, "layer", text if a else "", text if b else ""))
            continue
        name = a.name if a.name == b.name else f"{a.name} / {b.name}"
        one, other = _facts(a), _facts(b)
        if a.kind == b.kind:  # else their attributes mean different things
            one, other = one | a.attrs, other | b.attrs
        if named_alike and not (_reads_above(a) and _reads_above(b)):
            one["from"], other["from"] = _sources(a, first.rows), _sources(b, second.rows)
        for what in dict.fromkeys([*one, *other]):
            if one.get(what) != other.get(what):
                texts = _text(what, one.get(what), a), _text(what, other.get(what), b)
                found.append(Difference(name, what, texts[0], texts[1] + ", others" * (texts[0] == texts[1])))
    found += [
        Difference("total", column, f"{first.totals[column]:,}", f"{second.totals[column]:,}")
        for column in COLUMNS
        if first.totals[column] != second.totals[column]
    ]
    return found


def _paired(first: list[Row], second: list[Row]) -> list[tuple[Row | None, Row | None]]:
    shared = _share_names(first, second)

    def key(row: Row) -> str:
        return row.name if shared else row.kind

    matcher = difflib.SequenceMatcher(None, [key(r) for r in first], [key(r) for r in second], autojunk=False)
    pairs: list[tuple[Row | None, Row | None]] = []
    for _, a0, a1, b0, b1 in matcher.get_opcodes():
        left: list[Row | None] = [*first[a0:a1]]
        right: list[Row | None] = [*second[b0:b1]]
        if len(left) == len(right):
            pairs += zip(left, right, strict=True)
        else:
            pairs += [(row, None) for row in left] + [(None, row) for row in right]
    return pairs


def _share_names(first: list[Row], second: list[Row]) -> bool:
    """True if half of the smaller network's names, apart from the input's, are the other's too."""
    names, others = {row.name for row in first[1:]}, {row.name for row in second[1:]}
    return 2 * len(names & others) >= min(len(names), len(others))


def _facts(row: Row) -> dict[str, Any]:
    columns = (
        "kind",
        "output_size",
        "parameters",
        "fixed",
        "connections",
        "macs",
        "receptive_field",
        "executed",
    )
    return {column.replace("_size", "").replace("_", " "): getattr(row, column) for column in columns}


def _reads_above(row: Row) -> bool:
    return row.inputs in ([], [row.id - 1])


def _sources(row: Row, rows: list[Row]) -> str:
    return ", ".join(rows[i].name for i in row.inputs)


def _text(what: str, value: Any, row: Row) -> str:
    if value is None:
        return ""
    if what == "output":
        return size_text(value)
    if what == "receptive field":
        return str(pixels(value))
    if what == "table":  # too long to print
        return f"{sum(map(len, value))} of {len(value) * row.attrs['in_maps']} pairs"
    return f"{value:,}" if type(value) is int else str(value)
