"""What distinguishes two networks, row by row."""

import difflib
from dataclasses import dataclass

from heirloom.accounting import COLUMNS, Summary, pixels
from heirloom.tracing import Row


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
    """Compare two summaries: rows are paired by name where the networks share names, else by kind and order."""
    found = []
    for a, b in _paired(first.rows, second.rows):
        if a is None or b is None:
            row = a or b
            assert row is not None
            text = f"{row.kind}, {'×'.join(map(str, row.output_size or ()))}"
            found.append(Difference(row.name, "layer", text if a else "", text if b else ""))
            continue
        name = a.name if a.name == b.name else f"{a.name} / {b.name}"
        one, other = _facts(a), _facts(b)
        found += [
            Difference(name, what, one.get(what, ""), other.get(what, ""))
            for what in dict.fromkeys([*one, *other])
            if one.get(what) != other.get(what)
        ]
    found += [
        Difference("total", column, f"{first.totals[column]:,}", f"{second.totals[column]:,}")
        for column in COLUMNS
        if first.totals[column] != second.totals[column]
    ]
    return found


def _paired(first: list[Row], second: list[Row]) -> list[tuple[Row | None, Row | None]]:
    shared = {row.name for row in first[1:]} & {row.name for row in second[1:]}

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


def _facts(row: Row) -> dict[str, str]:
    facts = {"kind": row.kind, "output": "×".join(map(str, row.output_size or ()))}
    facts |= {column: f"{getattr(row, column):,}" for column in ("parameters", "fixed", "connections", "macs")}
    facts["receptive field"] = str(pixels(row.receptive_field))
    facts |= {key: str(value) for key, value in row.attrs.items()}
    return facts
