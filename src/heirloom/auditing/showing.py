"""Verdicts as tables: of the networks, of the lectures, and of a table of one's own."""

from collections.abc import Iterable
from dataclasses import replace

from heirloom.auditing.explaining import Explanation
from heirloom.auditing.lectures import DECKS, Finding, LectureAudit
from heirloom.auditing.networks import Verdict
from heirloom.auditing.own_tables import Checked
from heirloom.auditing.printed import value_text
from heirloom.auditing.verdicts import tally, word
from heirloom.tables import Cell, Table, as_json, wrapped


def networks_table(found: list[Verdict]) -> Table:
    """A line for each claim of a network; contradictions and their reasons below."""
    rows: list[list[Cell]] = [
        [v.model, v.claim.layer or "total", v.claim.quantity, _cell(v.claim.value), _cell(v.ours),
         word(v.words), v.claim.source]
        for v in found
    ]  # fmt: skip
    notes = [
        f"{v.model}, {v.claim.layer or 'total'}, {v.claim.quantity} {value_text(v.claim.value)}, "
        f"{v.claim.source}: {v.words}."
        for v in found
        if ":" in v.words
    ]
    heads = ["model", "layer", "quantity", "printed", "ours", "verdict", "source"]
    full = [
        dict(zip(heads, [*row[:5], v.words, row[6]], strict=True)) for row, v in zip(rows, found, strict=True)
    ]
    title = f"{len(found)} published numbers checked: {tally([v.words for v in found])}"
    spare = ("model",) if len({v.model for v in found}) == 1 else ()
    return Table(
        title,
        heads,
        rows,
        notes=notes,
        data=full,
        spare=spare,
        below={"source": 6},
        folds=("model", "layer", "quantity"),
    )


def own_table(found: list[Checked], width: int = 0) -> Table:
    """A line for each row of a table of one's own; reasons below it, where the terminal is narrow."""
    heads = ["line", "model", "layer", "quantity", "printed", "ours", "verdict"]
    rows: list[list[Cell]] = [
        [c.line, c.model, c.layer, c.quantity, c.printed, c.ours, c.words] for c in found
    ]
    title = f"{len(found)} numbers checked: {tally([c.words for c in found])}"
    table = Table(title, heads, rows, spare=("line",), folds=("model", "layer", "quantity"))
    if not 0 < width < max(map(len, table.render("text").splitlines())):
        return table
    short = [[*row[:-1], word(c.words)] for row, c in zip(rows, found, strict=True)]
    notes = [f"Line {c.line}: {c.words}." for c in found if ":" in c.words]
    return replace(table, rows=short, notes=notes)


def explanations_table(number: str, found: list[Explanation]) -> Table:
    """Where a number stands; layers of a network that have it for the same reason on one line."""
    heads = ["model", "layer", "quantity", "why"]
    places: dict[tuple[str, str, str], list[str]] = {}
    for e in found:
        places.setdefault((e.model, e.quantity, e.why), []).append(e.layer)
    rows = [
        [model, f"{layers[0]}{f' +{len(layers) - 1}' * (len(layers) > 1)}", quantity, why]
        for (model, quantity, why), layers in places.items()
    ]
    records: list[dict[str, Cell]] = [vars(e) for e in found]
    title = f"{number} stands in {len(found)} place{'s' * (len(found) != 1)}"
    return Table(
        title,
        heads,
        rows,
        data=records,
        records=lambda: records,
        below={"why": 8},
        folds=("model", "layer", "quantity"),
    )


def lectures_text(audit: LectureAudit, form: str, width: int = 0) -> str:
    """All that was found in the decks, in one of the forms of a table; as text, a table for each deck.

    Args:
        audit: What was found.
        form: Of `heirloom.tables.FORMATS`.
        width: Columns of the terminal, 0 for any.
    """
    if form == "json":
        return as_json(_data(audit))
    if form == "csv":
        return Table("", _HEADS, [], data=None, records=lambda: _records(audit)).render("csv")
    words = [f.words for f in audit.findings for _ in range(f.count)]
    title = f"{len(words)} numbers of {len(DECKS)} lecture decks checked: {tally(words)}"
    comment = {"latex": "% ", "markdown": ""}.get(form, "")
    parts = [f"{comment}{line}\n" for line in wrapped(title, width)]
    for deck in DECKS:
        found = [f for f in audit.findings if f.deck == deck.number]
        checked = sum(f.count for f in found)
        table = Table(
            f"Deck {deck.number}, {deck.title}: {checked} numbers",
            _SHOWN,
            _rows(found, width),
            notes=[_sentence(f) for f in found if _needs_words(f)],
            spare=("arithmetic",),
        )
        parts.append("\n" + table.render(form, width))
    after = [line for note in _against(audit) for line in wrapped(note, width)]
    return "".join(parts) + "".join(
        f"{'' if i else chr(10)}{comment}{line}\n" for i, line in enumerate(after)
    )


_SHOWN = ("line", "printed", "verdict", "ours", "about", "arithmetic")
_HEADS = ["deck", "line", "printed", "about", "arithmetic", "ours", "verdict"]


def _records(audit: LectureAudit) -> list[dict[str, Cell]]:
    found: list[dict[str, Cell]] = []
    for f in audit.findings:
        for line in (f.line, *f.more):
            cells: list[Cell] = [f.deck, line, f.printed, f.about, f.arithmetic, f.ours, f.words]
            found.append(dict(zip(_HEADS, cells, strict=True)))
    if audit.coverage:
        for left in audit.coverage.left:
            found.append(
                {"deck": left.deck, "line": left.line, "printed": left.number, "verdict": "left over"}
            )
        for missing in audit.coverage.missing:
            cells = [missing.deck, missing.line, missing.text, "", "", "", "not in the deck"]
            found.append(dict(zip(_HEADS, cells, strict=True)))
    return found


def _data(audit: LectureAudit) -> dict[str, object]:
    data: dict[str, object] = {
        "schema": 1,
        "findings": [record for record in _records(LectureAudit(audit.findings))],
    }
    if audit.coverage:
        found = audit.coverage
        data["against"] = {
            "claimed": found.claimed,
            "set_aside": dict(found.aside.most_common()),
            "left": [vars(left) for left in found.left],
            "missing": [vars(missing) for missing in found.missing],
            "other_files": found.strangers,
        }
    return data


def _rows(found: list[Finding], width: int) -> list[list[Cell]]:
    """Texts of the decks are cut where they are long; on a narrow terminal first what they are about."""
    narrow = 0 < width < 100
    texts = [
        [
            f"{f.line}{f' +{len(f.more)}' * bool(f.more)}",
            _short(f.printed, 18 if narrow else 24),
            word(f.words),
            _short(f.ours, 16),
        ]
        for f in found
    ]
    taken = sum(max(map(len, column)) + 3 for column in zip(_SHOWN[:4], *texts, strict=True))
    room = max(8, width - 2 - taken) if narrow else 30
    return [
        [*row, _short(f.about, min(room, 30)), _short(f.arithmetic, 44)]
        for row, f in zip(texts, found, strict=True)
    ]


def _needs_words(finding: Finding) -> bool:
    known = word(finding.words)
    return known not in ("matches", "rounds to", "cannot be derived")


def _sentence(finding: Finding) -> str:
    lines = f"Line{'s' * bool(finding.more)} {', '.join(map(str, (finding.line, *finding.more)))}"
    if word(finding.words) == "answered":
        return f"{lines}, {finding.about}: {finding.ours} ({finding.arithmetic})."
    return f"{lines}, {finding.about}, {finding.printed}; ours {finding.ours}: {finding.words}."


def _against(audit: LectureAudit) -> Iterable[str]:
    found = audit.coverage
    if found is None:
        return
    yield (
        f"The texts have {found.claimed + found.aside.total() + len(found.left):,} numbers: "
        f"{found.claimed:,} belong to claims, {found.aside.total():,} are set aside, "
        f"{len(found.left):,} are left over; {len(found.missing):,} of our texts are not there."
    )
    if found.aside:
        yield "Set aside: " + "; ".join(f"{n} {reason}" for reason, n in found.aside.most_common()) + "."
    for name in found.strangers:
        yield f"Not a deck: {name}."
    for left in found.left:
        yield f"Left over: deck {left.deck}, line {left.line}: {left.number} in {left.text!r}."
    for missing in found.missing:
        place = f"line {missing.line}" if missing.line else "anywhere"
        yield f"Not there: deck {missing.deck}, {place}: {missing.text!r}."


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _cell(value: int | tuple[int, ...] | str) -> int | str:
    return value if isinstance(value, int) else value_text(value)
