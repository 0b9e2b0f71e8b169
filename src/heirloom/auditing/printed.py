"""Numbers as they are printed, and whether a number rounds to what is printed."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from heirloom.errors import HeirloomError

Fit = Literal["matches", "rounds to", "cut to", ""]
"""How a number fits what is printed: equal, rounded, cut off after the last printed digit, or not."""

UNITS = {
    "": 0, "%": 0,
    "k": 3, "thousand": 3,
    "m": 6, "million": 6,
    "g": 9, "b": 9, "billion": 9,
}  # fmt: skip
"""Unit -> the power of ten that it stands for, in small letters. A share is given in per cent."""

_MARKS = r"≈|~|∼|\\approx|\\sim|about|around|approximately|some|roughly"
_DIGITS = r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}|[0-9]{1,3}(?:_[0-9]{3})+|[0-9]+"
_POWER = r"\s*(?:[x×*]|\\times)\s*10\s*\^\s*\{?(?P<power>-?[0-9]{1,3})\}?|e(?P<exponent>[-+]?[0-9]{1,3})"
_NUMBER = re.compile(
    rf"\s*(?P<mark>{_MARKS})?\s*(?P<sign>[-−+])?\s*(?P<digits>{_DIGITS})(?P<decimals>\.[0-9]+)?"
    rf"(?:{_POWER})?\s*(?P<unit>[a-z]+|\\?%)?\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Printed:
    """A number as it is printed.

    Attributes:
        text: What is printed.
        value: Its value; a share in per cent.
        step: What its last printed digit counts.
        zeros: How many zeros end its whole part, where no decimals follow: they may only fill it up.
        exact: True for a whole number without unit, power or "about": it claims every digit.
        scale: The power of ten that its unit stands for.
        tail: What is printed behind the digits: its unit.
    """

    text: str
    value: Fraction
    step: Fraction
    zeros: int = 0
    exact: bool = False
    scale: int = 0
    tail: str = ""


def _ten_to(power: int) -> Fraction:
    return Fraction(10**power) if power >= 0 else Fraction(1, 10**-power)


def read_number(text: str) -> Printed:
    """Read ``1,516``, ``62.3 million``, ``60K``, ``≈ 61,500``, ``99.7 %``, ``1,00,000`` or ``3.6e9``.

    Raises:
        HeirloomError: (``E-usage``) It is no number.
    """
    found = _NUMBER.fullmatch(text)
    unit = (found["unit"] or "").lower().lstrip("\\") if found else ""
    if found is None or unit not in UNITS:
        raise HeirloomError(
            "E-usage", f"{text.strip()!r} is no number", remedy="print it as 1,516 or 60K or 62.3 million"
        )
    power = found["power"] or found["exponent"]
    scale = UNITS[unit] + int(power or 0)
    decimals = found["decimals"] or ""
    digits = found["digits"].replace(",", "").replace("_", "")
    value = Fraction(digits + decimals) * _ten_to(scale)
    filled = 0 if decimals or not int(digits) else len(digits) - len(digits.rstrip("0"))
    return Printed(
        text.strip(),
        -value if found["sign"] in ("-", "−") else value,
        _ten_to(scale - max(0, len(decimals) - 1)),
        filled,
        exact=not (decimals or unit or power or found["mark"]),
        scale=scale,
        tail=text[found.end("decimals" if decimals else "digits") :].rstrip(),
    )


def fit(printed: Printed, ours: Fraction | int) -> Fit:
    """How a number fits what is printed. The arithmetic is exact; a tie may have gone either way.

    The zeros that end ``140M`` may be digits or only fill it up: first they are taken as digits. Those that
    fill it up leave at least one digit of ours: 60,965,224 is no ``100M``. Nothing rounds to zero.
    """
    if ours == printed.value:
        return "matches"
    if printed.exact or not printed.value:
        return ""
    off = Fraction(abs(ours - printed.value))
    if 2 * off <= printed.step:
        return "rounds to"
    towards_zero = abs(printed.value) < abs(Fraction(ours)) and printed.value * ours > 0
    if towards_zero and off < printed.step:
        return "cut to"
    filled = (printed.step * 10**zeros for zeros in range(1, printed.zeros + 1))
    return "rounds to" if any(2 * off <= step <= abs(ours) for step in filled) else ""


def rounded(printed: Printed, ours: Fraction | int) -> str:
    """What should have been printed: ``ours`` with as many digits, in the same unit."""
    steps = round(ours / printed.step)
    places = 0
    while printed.step * Fraction(10**places) < _ten_to(printed.scale):
        places += 1
    value = steps * printed.step / _ten_to(printed.scale)
    return f"{float(value):,.{places}f}{printed.tail}"


def value_text(value: Fraction | int | tuple[int, ...] | str) -> str:
    """A number of ours as people read it: ``60,000``, ``55×55×96``, ``51.69``."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return "×".join(map(str, value)) if len(value) < 5 else ", ".join(map(str, value))
    if isinstance(value, int) or value.denominator == 1:
        return f"{int(value):,}"
    exact = value.denominator in (2, 4, 5, 8, 10, 20, 25, 50, 100, 1000, 2000, 10000)
    return f"{float(value):,.4f}".rstrip("0") if exact else f"{float(value):,.2f}"


_PLAIN = (
    (r"\\text\{([^}]*)\}", r"\1"),
    (r"\\(?:begin|end)\{[a-z]+\}|[$&]|\\quad|<[^>]*>|\*\*", ""),
    (r"\\times", "×"),
    (r"\\cdot", "·"),
    (r"\\approx", "≈"),
    (r"\\sim", "~"),
    (r"\\\\", " "),
    (r"\\(?=[*%])", ""),
    (r"\s+", " "),
)


def plain_text(text: str) -> str:
    """What is printed, without the marks of LaTeX and Markdown."""
    for pattern, plain in _PLAIN:
        text = re.sub(pattern, plain, text)
    return text.strip()
