"""Holds a deck's claims against its text: no number may be left over, and no claim may be made up.

The claims of a line are found in their order, each number as it is printed: with another sign, unit, power or
factor it is not that number. Of a line that is set aside as a whole, the numbers are counted.

What is not seen: other words around the same numbers; a number in another column of its row, where the order
stays; on a line that is set aside as a whole, another number in the place of one.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from heirloom.auditing.lectures.deck import Aside, Deck
from heirloom.auditing.lectures.numerals import Numeral, numerals
from heirloom.errors import HeirloomError


@dataclass(frozen=True)
class Left:
    """A number that is neither claimed nor set aside: where, the number, and its line."""

    deck: str
    line: int
    number: str
    text: str


@dataclass(frozen=True)
class Missing:
    """A text of ours that the deck's line does not have."""

    deck: str
    line: int
    text: str


@dataclass
class Coverage:
    """What became of the numbers of the decks.

    Attributes:
        claimed: Numbers that belong to claims.
        aside: Numbers that are set aside, by reason.
        left: Numbers that are left over.
        missing: Claims and texts set aside that are not there.
        strangers: Names of text files that are no deck.
    """

    claimed: int = 0
    aside: Counter[str] = field(default_factory=Counter)
    left: list[Left] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """True if nothing is left over and nothing is made up."""
        return not (self.left or self.missing)


def covered(decks: tuple[Deck, ...], folder: str | Path) -> Coverage:
    """Compare the decks with their texts, one file ``NUMBER*.txt`` each, in UTF-8.

    Raises:
        HeirloomError: (``E-data-file``) The folder or a text cannot be read, or a deck has no text or
            several.
    """
    folder = Path(folder)
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".txt")
    except OSError as error:
        raise HeirloomError(
            "E-data-file", "cannot read the folder", where=str(folder), why=(error.strerror or "").lower()
        ) from error
    found = Coverage()
    for deck in decks:
        own = [path for path in files if path.name.startswith(deck.number)]
        if len(own) != 1:
            raise HeirloomError(
                "E-data-file",
                f"no text of deck {deck.number}" if not own else f"{len(own)} texts of deck {deck.number}",
                where=str(folder),
                why=", ".join(path.name for path in own) or f"no file is named {deck.number}*.txt",
                remedy="give the folder with one text for each deck",
            )
        _compare(deck, _read(own[0]), found)
    numbers = tuple(deck.number for deck in decks)
    found.strangers = [path.name for path in files if not path.name.startswith(numbers)]
    return found


def _read(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror or "" if isinstance(error, OSError) else "it is not UTF-8"
        raise HeirloomError(
            "E-data-file", "cannot read the text", where=str(path), why=why.lower()
        ) from error


# What stands beside a number and changes it. A hyphen behind a letter, a digit or a bracket is no sign, nor
# is one with a space behind it.
_BEFORE = re.compile(r"(?:(?<![0-9A-Za-z)\]}])[-−]|[0-9]\s?(?:[xX×]|\\times)\s?)$")
_BEHIND = re.compile(
    r"\s*\\?%|\s?(?:thousand|million|billion|trillion|[kmgb])(?![a-z])|\^|[⁰¹²³⁴-⁹]"
    r"|\s?(?:[x×]|\\times)\s?[0-9]|\s*\*\s*10\s*\^",
    re.IGNORECASE,
)


class _Page:
    """The lines of a deck, and which of their numbers are still free."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = ["", *lines]
        self.free: list[list[Numeral]] = [numerals(line) for line in self.lines]
        self.told = [0] * len(self.lines)  # where the last claim of a line ends: the next stands behind it

    def take(self, line: int, text: str, in_order: bool = False) -> int | None:
        """Use up the free numbers in the first free occurrence of a text: how many, None if there is none.

        In order, it must stand behind the last one so taken from its line.
        """
        if not 0 < line < len(self.lines):
            return None
        content, every = self.lines[line], numerals(self.lines[line])
        start = content.find(text)
        while start >= 0:
            end = start + len(text)
            inside = [n for n in every if n.start >= start and n.end <= end]
            begins = inside[0].start if inside else start
            if (
                not any(n.start < edge < n.end for n in every for edge in (start, end))
                and not _altered(content, start, end)
                and all(n in self.free[line] for n in inside)
                and not (in_order and begins < self.told[line])
            ):
                self.free[line] = [n for n in self.free[line] if n not in inside]
                if in_order:
                    self.told[line] = inside[-1].end if inside else start
                return len(inside)
            start = content.find(text, start + 1)
        return None

    def take_all(self, line: int, count: int) -> int | None:
        """Use up all numbers of a line: how many, None if they are not ``count``."""
        if not 0 < line < len(self.lines) or len(self.free[line]) != count:
            return None
        self.free[line] = []
        return count


def _altered(content: str, start: int, end: int) -> bool:
    """True if what stands beside a text belongs to its first or its last number: a sign, a unit, a factor."""
    before = content[start : start + 1].isdigit() and _BEFORE.search(content[:start])
    behind = content[end - 1 : end] in tuple("0123456789.") and _BEHIND.match(content, end)
    return bool(before or behind)


def _compare(deck: Deck, lines: list[str], found: Coverage) -> None:
    page = _Page(lines)
    claims: list[tuple[int, str]] = []
    # Texts with a reason, and those that a claim is worked out from: these stand in any order.
    others: list[tuple[int, str, Aside | None]] = []
    for says in deck.says:
        claims += [part for line in says.places for part in _parts(line, says.text)]
        others += [(*part, None) for line, text in says.also for part in _parts(line, text)]
    for aside in deck.asides:
        others += [(line, text, aside) for line in aside.lines for text in aside.texts]
    # The longest text first: "96" must not take the number out of "55 x 55 x 96".
    for line, text, by in sorted(others, key=lambda other: -len(other[1])):
        taken = page.take(line, text)
        if taken is None:
            found.missing.append(Missing(deck.number, line, text))
        elif by is None:
            found.claimed += taken
        else:
            found.aside[by.reason] += taken
    for line, text in claims:
        taken = page.take(line, text, in_order=True)
        if taken is None:
            found.missing.append(Missing(deck.number, line, text))
        found.claimed += taken or 0
    for aside in deck.asides:
        for line in () if aside.texts else aside.lines:
            taken = page.take_all(line, aside.count)
            if taken is None:
                found.missing.append(Missing(deck.number, line, f"{aside.count} numbers"))
            found.aside[aside.reason] += taken or 0
    for number, (line_text, free) in enumerate(zip(page.lines, page.free, strict=True)):
        found.left += [Left(deck.number, number, n.text, line_text.strip()) for n in free]


def _parts(line: int, text: str) -> list[tuple[int, str]]:
    """The lines of a text, each with its number."""
    return [(line + i, part) for i, part in enumerate(text.split("\n")) if part]
