"""Holds a deck's claims against its text: no number may be left over, and no claim may be made up."""

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


class _Page:
    """The lines of a deck, and which of their numbers are still free."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = ["", *lines]
        self.free: list[list[Numeral]] = [numerals(line) for line in self.lines]

    def take(self, line: int, text: str) -> int | None:
        """Use up the free numbers in the first free occurrence of a text: how many, None if there is none."""
        if not 0 < line < len(self.lines):
            return None
        content, every = self.lines[line], numerals(self.lines[line])
        start = content.find(text)
        while start >= 0:
            end = start + len(text)
            inside = [n for n in every if n.start >= start and n.end <= end]
            cut = any(n.start < edge < n.end for n in every for edge in (start, end))
            if not cut and all(n in self.free[line] for n in inside):
                self.free[line] = [n for n in self.free[line] if n not in inside]
                return len(inside)
            start = content.find(text, start + 1)
        return None

    def take_all(self, line: int) -> int:
        """Use up all free numbers of a line."""
        taken = len(self.free[line]) if 0 < line < len(self.lines) else 0
        if taken:
            self.free[line] = []
        return taken


def _compare(deck: Deck, lines: list[str], found: Coverage) -> None:
    page = _Page(lines)
    # The longest text first: "96" must not take the number out of "55 x 55 x 96".
    wanted: list[tuple[int, str, Aside | None]] = []
    for says in deck.says:
        for place in [(line, says.text) for line in says.places] + list(says.also):
            wanted += [(place[0] + i, part, None) for i, part in enumerate(place[1].split("\n")) if part]
    for aside in deck.asides:
        if aside.lines is not None:
            wanted += [(line, text, aside) for line in aside.lines for text in aside.texts]
        else:
            occurs = {
                text: [(n, line.count(text)) for n, line in enumerate(page.lines)] for text in aside.texts
            }
            for text, counts in occurs.items():
                wanted += [(n, text, aside) for n, count in counts for _ in range(count)]
                if not any(count for _, count in counts):
                    found.missing.append(Missing(deck.number, 0, text))
    for line, text, by in sorted(wanted, key=lambda want: -len(want[1])):
        taken = page.take(line, text)
        if taken is None and (by is None or by.lines is not None):
            found.missing.append(Missing(deck.number, line, text))
        elif by is None:
            found.claimed += taken or 0
        else:
            found.aside[by.reason] += taken or 0
    for aside in deck.asides:
        if aside.lines is not None and not aside.texts:
            found.aside[aside.reason] += sum(page.take_all(line) for line in aside.lines)
    for number, (line_text, free) in enumerate(zip(page.lines, page.free, strict=True)):
        found.left += [Left(deck.number, number, n.text, line_text.strip()) for n in free]
