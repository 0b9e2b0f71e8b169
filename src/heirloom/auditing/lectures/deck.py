"""What a lecture deck says, as data: its claims, and what is set aside with a reason."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from heirloom.auditing.arithmetic import evaluate
from heirloom.auditing.printed import value_text
from heirloom.auditing.readings import OF_A_NETWORK, OF_A_ROW, books, measured
from heirloom.auditing.verdicts import Value

Place = tuple[int, str]
"""The first line of a text, and the text; a text of several lines goes on on the next ones."""


@dataclass(frozen=True)
class Count:
    """A number of ours, read off the books of a network.

    `quantity` is a column of the summary, or a key of `OF_A_ROW` or `OF_A_NETWORK`.
    """

    model: str
    quantity: str
    layer: str = ""
    args: dict[str, Any] = field(default_factory=dict)

    def value(self) -> Value:
        """The number."""
        found = books(self.model, self.args)
        if self.layer and self.quantity in OF_A_ROW:
            return OF_A_ROW[self.quantity](found.trace[self.layer])
        if not self.layer and self.quantity in OF_A_NETWORK:
            return OF_A_NETWORK[self.quantity](found)
        return measured(self.quantity, self.layer, found)

    @property
    def text(self) -> str:
        """Where it stands, with the arithmetic of that row."""
        quantity = self.quantity.replace("_", " ")
        formula = books(self.model, self.args).trace[self.layer].formulas if self.layer else {}
        place = f"{self.model} {self.layer}".strip()
        given = formula.get(self.quantity, "")
        return f"{place}, {quantity}{': ' if given else ''}{given}"


@dataclass(frozen=True)
class Sum:
    """Several numbers of ours, added."""

    counts: tuple[Count, ...]

    @property
    def text(self) -> str:
        """Where they stand."""
        return " + ".join(count.text for count in self.counts)

    def value(self) -> Value:
        """What they come to."""
        found = [count.value() for count in self.counts]
        assert all(isinstance(value, int) for value in found)
        return sum(value for value in found if isinstance(value, int))


@dataclass(frozen=True)
class Formula:
    """A number of ours that follows from others: ``100 x 576 / 34987``."""

    text: str

    def value(self) -> Value:
        """What it comes to."""
        return evaluate(self.text)


@dataclass(frozen=True)
class Worked:
    """A number of ours that a few lines of code work out, and what they do, in words."""

    text: str
    compute: Callable[[], Value]

    def value(self) -> Value:
        """What they come to."""
        return self.compute()


@dataclass(frozen=True)
class Told:
    """What another publication says: words, or a number as text."""

    words: str
    source: str

    @property
    def text(self) -> str:
        """Its source."""
        return self.source

    def value(self) -> Value:
        """Its words."""
        return self.words


@dataclass(frozen=True)
class World:
    """A number that no arithmetic gives: a year, the size of a data set, a setting, a measurement."""

    text: str

    def value(self) -> Value:
        """There is none of ours."""
        return ""


Ours = Count | Sum | Formula | Worked | Told | World


@dataclass(frozen=True)
class Says:
    """One number that a deck prints, on one line or on several.

    Attributes:
        lines: Where it is printed.
        text: What is printed, letter for letter: a number, a size, an equation; empty where the deck only
            asks.
        about: What it is about.
        ours: What it is compared with.
        why: Why it contradicts that.
        theirs: Where it contradicts, how the deck came to it all the same; this must fit.
        also: Other texts that belong to it, such as the numbers that it is worked out from, on these lines.
        shown: What it says in short, where the text itself has no number.
    """

    lines: int | tuple[int, ...]
    text: str
    about: str
    ours: Ours
    why: str = ""
    theirs: Ours | None = None
    also: tuple[Place, ...] = ()
    shown: str = ""

    @property
    def places(self) -> tuple[int, ...]:
        """The lines that it is printed on."""
        return (self.lines,) if isinstance(self.lines, int) else self.lines


@dataclass(frozen=True)
class Aside:
    """Numbers that claim nothing, and why.

    Attributes:
        reason: Why they claim nothing.
        lines: Where they are.
        texts: The texts that they stand in, each once on every line of ``lines``; empty for all numbers that
            the lines have.
        count: Where there are no texts, how many numbers each of the lines has.
    """

    reason: str
    lines: tuple[int, ...]
    texts: tuple[str, ...] = ()
    count: int = 0


def names(reason: str, places: Mapping[str, Iterable[int]]) -> tuple[Aside, ...]:
    """Texts that are set aside, each with its lines; one that a line has twice names it twice."""
    return tuple(Aside(reason, tuple(lines), (text,)) for text, lines in places.items())


def whole(reason: str, count: int, *lines: int | range) -> Aside:
    """Lines all of whose numbers are set aside: ``count`` of them on each."""
    return Aside(reason, _lines(lines), count=count)


def texts(reason: str, lines: int | Iterable[int], *found: str) -> Aside:
    """Texts that are set aside on some lines."""
    return Aside(reason, (lines,) if isinstance(lines, int) else tuple(lines), found)


def _lines(given: Iterable[int | range]) -> tuple[int, ...]:
    return tuple(n for each in given for n in ([each] if isinstance(each, int) else each))


@dataclass(frozen=True)
class Deck:
    """A lecture deck.

    Attributes:
        number: Three digits; the name of its text file begins with them.
        title: Its title.
        says: What it claims.
        asides: What claims nothing.
    """

    number: str
    title: str
    says: tuple[Says, ...]
    asides: tuple[Aside, ...]


def ours_text(ours: Ours) -> str:
    """The number of ours as people read it, empty if there is none."""
    return "" if isinstance(ours, World) else value_text(ours.value())
