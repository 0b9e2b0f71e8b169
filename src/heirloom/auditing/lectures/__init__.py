"""Checks every number of five lecture decks: its arithmetic, and what becomes of it.

The decks are: 000, LeNet and AlexNet; 001, case study LeNet-5 and AlexNet; 002, convolutional neural
network; 003, CNN examples; 004, introduction to deep learning. Their texts are not part of Heirloom: a claim
names the deck and the line of its text.
"""

from dataclasses import dataclass
from pathlib import Path

from heirloom.auditing.lectures import deck_000, deck_001, deck_002, deck_003, deck_004
from heirloom.auditing.lectures.coverage import Coverage, covered
from heirloom.auditing.lectures.deck import Deck, Says, World, ours_text
from heirloom.auditing.lectures.numerals import numerals
from heirloom.auditing.printed import plain_text
from heirloom.auditing.verdicts import fits, holds, judged
from heirloom.errors import HeirloomError

DECKS: tuple[Deck, ...] = (deck_000.DECK, deck_001.DECK, deck_002.DECK, deck_003.DECK, deck_004.DECK)


@dataclass(frozen=True)
class Finding:
    """What became of one printed number of a deck.

    Attributes:
        deck: Number of the deck, three digits.
        line: Line of its text.
        printed: What is printed; a question's is empty.
        about: What it is about.
        arithmetic: How ours comes about.
        ours: Our number as text, empty for a number of the world.
        words: One of `heirloom.auditing.verdicts`, with the reason behind a colon.
        more: Further lines that print the same.
    """

    deck: str
    line: int
    printed: str
    about: str
    arithmetic: str
    ours: str
    words: str
    more: tuple[int, ...] = ()

    @property
    def holds(self) -> bool:
        """False if the number is neither met nor explained."""
        return holds(self.words)

    @property
    def where(self) -> str:
        """The place in words: ``lecture deck 003, line 56``."""
        lines = ", ".join(str(line) for line in (self.line, *self.more))
        return f"lecture deck {self.deck}, line{'s' * bool(self.more)} {lines}"

    @property
    def count(self) -> int:
        """How often it is printed."""
        return 1 + len(self.more)


@dataclass(frozen=True)
class LectureAudit:
    """All findings, and what the decks' texts have beside them.

    Attributes:
        findings: In the order of decks and lines.
        coverage: None where no texts were given.
    """

    findings: list[Finding]
    coverage: Coverage | None = None

    @property
    def holds(self) -> bool:
        """True if no claim is wrong, and the texts have no number that is neither claimed nor set aside."""
        return all(f.holds for f in self.findings) and (self.coverage is None or self.coverage.complete)


def audit_lectures(against: str | Path | None = None) -> LectureAudit:
    """Check every number of the five decks.

    Args:
        against: Folder with the decks' texts, ``000*.txt`` to ``004*.txt``: their numbers are then held
            against the claims, so that none is left out and none is made up.

    Raises:
        HeirloomError: (``E-data-file``) The folder or a text cannot be read, or a deck has no text or
            several.
    """
    found = [_found(deck, says) for deck in DECKS for says in deck.says]
    found.sort(key=lambda finding: (finding.deck, finding.line))
    return LectureAudit(found, None if against is None else covered(DECKS, against))


def _found(deck: Deck, says: Says) -> Finding:
    line, *more = says.places
    return Finding(
        deck.number,
        line,
        plain_text(number_in(says)),
        says.about,
        says.ours.text,
        ours_text(says.ours),
        _words(says),
        tuple(more),
    )


def number_in(says: Says) -> str:
    """What a deck prints, without the words around it that only say where on the line it is."""
    text, ours = says.text.strip(), says.ours.value()
    if says.shown or not text:
        return says.shown
    if not isinstance(ours, str | tuple):
        try:
            fits(text, ours)
        except HeirloomError:
            (only,) = numerals(text)
            return only.text
    return text


def _words(says: Says) -> str:
    if not says.text:
        return "answered"
    if isinstance(says.ours, World):
        return f"cannot be derived: {says.ours.text}"
    text = number_in(says)
    if says.theirs is not None and not fits(text, says.theirs.value()):
        return f"wrong: {says.theirs.text} does not explain it"
    return judged(text, says.ours.value(), says.why)
