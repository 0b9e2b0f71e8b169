"""What distinguishes two networks, row by row."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from heirloom.accounting import COLUMNS, Summary, pixels, size_text
from heirloom.models import MODELS, claims, source
from heirloom.rows import Row
from heirloom.tables import Cell, Table


@dataclass(frozen=True)
class Difference:
    """One difference; an empty side means that the network has nothing there.

    Attributes:
        layer: Name of the row, both names where they differ, or ``total``. ``x`` for ``x.conv``.
        what: Column or attribute.
        first: Its value in the first network.
        second: Its value in the second network.
        first_source: Document and place that say so of the first network, where it is a published one.
        second_source: Likewise.
    """

    layer: str
    what: str
    first: str
    second: str
    first_source: str = field(default="", compare=False)
    second_source: str = field(default="", compare=False)


def diff(first: Summary, second: Summary) -> list[Difference]:
    """Compare two summaries.

    Rows are paired by name where the networks share names, else by kind and order. A receptive field counts
    where it begins to differ, not in all that lies behind.
    """
    found = []
    named_alike = _share_names(first.rows, second.rows)
    pairs = _paired(first.rows, second.rows)
    partner = {a.id: b for a, b in pairs if a and b}
    for a, b in pairs:
        if a is None or b is None:
            row = a or b
            assert row is not None
            text = f"{row.kind}, {size_text(row.output_size)}"
            found.append(Difference(row.name, "layer", text if a else "", text if b else ""))
            continue
        name = _name(a.name, b.name)
        one, other = _facts(a), _facts(b)
        if a.kind == b.kind:  # else their attributes mean different things
            one, other = one | a.attrs, other | b.attrs
        if named_alike and not (_reads_above(a) and _reads_above(b)):
            one["from"], other["from"] = _sources(a, first.rows), _sources(b, second.rows)
        if _inherited(a, first.rows, partner):
            del one["receptive field"], other["receptive field"]
        for what in dict.fromkeys([*one, *other]):
            if one.get(what) != other.get(what):
                texts = _text(what, one.get(what), a), _text(what, other.get(what), b)
                found.append(Difference(name, what, texts[0], texts[1] + ", others" * (texts[0] == texts[1])))
    found += [
        Difference("total", column, f"{first.totals[column]:,}", f"{second.totals[column]:,}")
        for column in COLUMNS
        if first.totals[column] != second.totals[column]
    ]
    sources = _Sources(first), _Sources(second)
    return [
        replace(d, first_source=sources[0].of(d, d.first), second_source=sources[1].of(d, d.second))
        for d in found
    ]


_NOT_COMPARED = "Initial weights are not compared: they stand in the files of the networks."


def difference_table(found: Sequence[Difference], first: str, second: str) -> Table:
    """A table of differences, where each side is written as numbers of remarks below it.

    Args:
        found: The differences.
        first: What to call the first network.
        second: What to call the second one, another name.
    """
    numbers: dict[str, int] = {}
    rows = []
    for d in found:
        given = [text for text in dict.fromkeys((d.first_source, d.second_source)) if text]
        marks = [str(numbers.setdefault(text, len(numbers) + 1)) for text in given]
        rows.append([d.layer, d.what, d.first, d.second, ", ".join(marks)])
    heads = ["layer", "what", first, second]
    records: list[dict[str, Cell]] = []
    for d, row in zip(found, rows, strict=True):
        sources = {"first_source": d.first_source, "second_source": d.second_source}
        records.append({**dict(zip(heads, row, strict=False)), **sources})
    return Table(
        f"{first} and {second}: {len(found)} difference{'s' * (len(found) != 1)}",
        [*heads, "source"] if numbers else heads,
        rows if numbers else [row[:4] for row in rows],
        notes=[*(f"{number}: {text}" for text, number in numbers.items()), _NOT_COMPARED],
        data=records,
        records=lambda: records,
    )


class _Sources:
    """Where the numbers of a published network are written."""

    def __init__(self, books: Summary) -> None:
        name = books.trace.model
        published = name in MODELS
        self.described = source(name) if published else ""
        self.numbers: dict[tuple[str, str], str] = {}
        self.layers: dict[str, str] = {}
        for claim in claims(name) if published else ():
            # What follows by arithmetic from the structure is written where the structure is.
            if claim.args == books.args and not claim.off and not claim.source.startswith("arithmetic"):
                layer = claim.layer or "total"
                quantity = claim.quantity.removesuffix("_size").replace("_", " ")
                self.numbers.setdefault((layer, quantity), claim.source)
                if claim.layer:
                    self.layers.setdefault(layer, claim.source)

    def of(self, difference: Difference, value: str) -> str:
        """The claim of that number, else one of that layer, else where the network is described."""
        if not value and difference.what == "layer":
            return ""  # nothing says what is not there
        names = difference.layer.split(" / ")
        found = next((s for n in names if (s := self.numbers.get((n, difference.what)))), "")
        return found or next((self.layers[n] for n in names if n in self.layers), self.described)


def _paired(first: list[Row], second: list[Row]) -> list[tuple[Row | None, Row | None]]:
    shared = _share_names(first, second)

    def keys(rows: list[Row], others: list[Row]) -> list[str]:
        """``x.conv`` is called ``x`` where the other network has an ``x`` that is the same kind of thing."""
        kinds, own = {row.name: row.kind for row in others}, {row.name for row in rows}
        found = []
        for row in rows:
            name, _, _ = row.name.rpartition(".")
            within = row.name not in kinds and name not in own and kinds.get(name) == row.kind
            found.append(name if within else row.name)
        return found if shared else [row.kind for row in rows]

    matcher = difflib.SequenceMatcher(None, keys(first, second), keys(second, first), autojunk=False)
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


def _name(one: str, other: str) -> str:
    """Both names; the shorter one where the other lies within."""
    short, long = sorted((one, other), key=len)
    return short if long == short or long.startswith(f"{short}.") else f"{one} / {other}"


def _inherited(row: Row, rows: list[Row], partner: dict[int, Row]) -> bool:
    """True where the units see more or less than their partners because what they read does."""
    reads = [(rows[i], partner[i]) for i in row.inputs if i in partner]
    return any(one.receptive_field != other.receptive_field for one, other in reads)


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
