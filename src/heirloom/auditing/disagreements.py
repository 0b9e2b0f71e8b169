"""Where papers, code and lectures disagree: every contradiction among the published numbers, in one list."""

from dataclasses import dataclass

from heirloom.auditing.lectures import audit_lectures
from heirloom.auditing.networks import audit
from heirloom.auditing.printed import value_text
from heirloom.auditing.verdicts import word


@dataclass(frozen=True)
class Contradiction:
    """A printed number that is not ours.

    Attributes:
        where: Document and place that print it.
        about: The network, its layer and what is counted, or what a lecture's number is about.
        printed: The number as printed.
        ours: Our number.
        why: The reason.
        model: The network that it is claimed of, empty for a lecture's number.
    """

    where: str
    about: str
    printed: str
    ours: str
    why: str
    model: str = ""


def contradictions() -> list[Contradiction]:
    """Those of the networks' claims, then those of the lectures."""
    found = [
        Contradiction(
            v.claim.source,
            f"{v.model} {v.claim.layer or 'total'}, {v.claim.quantity.replace('_', ' ')}",
            value_text(v.claim.value),
            value_text(v.ours),
            v.words.partition(": ")[2],
            v.model,
        )
        for v in audit()
        if word(v.words).startswith("contradicts")
    ]
    return found + [
        Contradiction(f.where, f.about, f.printed, f.ours, f.words.partition(": ")[2])
        for f in audit_lectures().findings
        if word(f.words) == "contradicts"
    ]
