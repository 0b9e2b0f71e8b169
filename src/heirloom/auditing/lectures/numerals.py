"""The numbers in a text, each digit in exactly one of them."""

import re
from dataclasses import dataclass

# Thousands as 1,516 and as 1,00,000; then a decimal part. Superscripts such as ² and fractions such as ½ are
# numbers of their own.
_PLAIN = r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}(?![0-9])|[0-9]+"


@dataclass(frozen=True)
class Numeral:
    """A number in a line: its text, where it begins, and where it ends."""

    text: str
    start: int
    end: int


def numerals(line: str) -> list[Numeral]:
    """The numbers of a line, also those inside of names: ``55`` in ``55x55``, ``5`` in ``LeNet-5``."""
    found = [
        Numeral(match[0], match.start(), match.end())
        for match in re.finditer(rf"(?:{_PLAIN})(?:\.[0-9]+)?", line)
    ]
    found += [Numeral(c, i, i + 1) for i, c in enumerate(line) if c.isnumeric() and c not in "0123456789"]
    return sorted(found, key=lambda numeral: numeral.start)
