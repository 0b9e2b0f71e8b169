"""The one error type: what, where, why and remedy in one line, with a stable code and an exit status."""

import difflib
from collections.abc import Iterable

STATUS = {
    # 2: the command or the call is wrong
    "E-usage": 2,
    "E-model": 2,
    "E-argument": 2,
    "E-input-size": 2,
    "E-operation": 2,
    "E-trace": 2,
    "E-data": 2,
    "E-recipe": 2,
    "E-output-exists": 2,
    # 3: data
    "E-image": 3,
    "E-data-file": 3,
    # 4: weights, checkpoints, run directories
    "E-weights": 4,
    "E-weights-model": 4,
    "E-weights-classes": 4,
    "E-checkpoint": 4,
    "E-run": 4,
    # 5: the environment
    "E-output-unwritable": 5,
    "E-disk": 5,
    "E-device": 5,
    "E-locked": 5,
    "E-fetch": 5,
    # 6: training
    "E-diverged": 6,
}
"""Every code with the exit status of the command line."""


class HeirloomError(Exception):
    """Something a user can cause and mend.

    Attributes:
        code: Stable identifier, a key of `STATUS`.
        what: What went wrong, with the user's own words in it.
        where: File, field or layer. May be empty.
        why: The reason. May be empty.
        remedy: What to do now. May be empty.
    """

    def __init__(self, code: str, what: str, *, where: str = "", why: str = "", remedy: str = "") -> None:
        self.code, self.what, self.where, self.why, self.remedy = code, what, where, why, remedy
        self.status = STATUS[code]
        super().__init__(code, what, where, why, remedy)

    def __str__(self) -> str:
        line = ": ".join(part for part in (self.what, self.where, self.why, self.remedy) if part)
        return f"{printable(line)} [{self.code}]"


def printable(text: str) -> str:
    """Put text that came from outside on one line, its control characters escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant: ``did you mean 'lenet5'?``, or list them all."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}"


def check_choice(argument: str, value: object, known: Iterable[str]) -> None:
    """Refuse a value of an argument that is none of the known ones.

    Raises:
        HeirloomError: (``E-argument``) It is not.
    """
    if value not in (names := tuple(known)):
        raise HeirloomError("E-argument", f"{argument} is {value!r}", remedy=f"give {' or '.join(names)}")
