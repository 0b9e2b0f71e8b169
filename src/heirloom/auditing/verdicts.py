"""What can become of a printed number: one small vocabulary for networks, lectures and tables.

``matches``; ``rounds to``: ours, rounded to as many digits as are printed; ``cut to``: its digits are ours,
but the last is not rounded; ``contradicts: because``; ``cannot be derived: ...``: a number of the world, a
year or the size of a data set; ``answered``: a lecture asks and prints no number; ``unresolved: because``:
known second hand, decides nothing; ``wrong``.
"""

import re
from fractions import Fraction

from heirloom.auditing.arithmetic import evaluate
from heirloom.auditing.printed import Fit, fit, read_number, rounded
from heirloom.errors import HeirloomError

Value = int | Fraction | tuple[int, ...] | str
"""What a number can be: a count, a share or a length, a size or several counts, or words."""

WORDS = (
    "matches", "rounds to", "cut to", "contradicts", "cannot be derived", "answered", "unresolved", "wrong",
)  # fmt: skip
"""The beginnings of all verdicts."""


def holds(words: str) -> bool:
    """False for a verdict that fails an audit."""
    return not words.startswith("wrong")


def word(words: str) -> str:
    """The verdict without its reason."""
    return words.partition(":")[0]


def tally(verdicts: list[str]) -> str:
    """``560 matches, 23 rounds to, 0 wrong``: how many of each there are; ``wrong`` always."""
    begins = [next(w for w in WORDS if verdict.startswith(w)) for verdict in verdicts]
    return ", ".join(f"{begins.count(w)} {w}" for w in WORDS if begins.count(w) or w == "wrong")


def fits(text: str, ours: Value) -> Fit:
    """How a number of ours fits a printed text: a number, an equation, arithmetic, a size, or words.

    In an equation each side that is arithmetic must be ours, and each number fit it. A size may give the
    maps first, as we do, or last.

    Raises:
        HeirloomError: (``E-usage``) The text is no such thing.
    """
    if isinstance(ours, str):
        return "matches" if text == ours else ""
    if isinstance(ours, tuple):
        # A hyphen behind a letter or a number is no sign.
        numbers = tuple(
            int(n.replace("−", "-")) for n in re.findall(r"(?<![0-9A-Za-z])[-−][0-9]+|[0-9]+", text)
        )
        return "matches" if numbers in (ours, (*ours[1:], *ours[:1])) else ""
    found: list[Fit] = []
    for side in text.split("="):
        try:
            found.append(fit(read_number(side), ours))
        except HeirloomError as no_number:
            try:
                found.append("matches" if evaluate(side) == ours else "")
            except HeirloomError:
                raise no_number from None
    order: tuple[Fit, ...] = ("", "cut to", "rounds to", "matches")
    return min(found, key=order.index)


def judged(text: str, ours: Value, why: str = "") -> str:
    """The verdict on a printed text, ``why`` being the reason of a contradiction.

    A reason where there is nothing to explain is wrong as well.
    """
    found = fits(text, ours)
    if why:
        return f"wrong: explained, and yet it {found}" if found else f"contradicts: {why}"
    if found == "cut to" and not isinstance(ours, tuple | str):
        return f"cut to: it rounds to {rounded(read_number(text), ours)}"
    return found or "wrong"
