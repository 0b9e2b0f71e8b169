"""Checks every published number against what the networks really have."""

from dataclasses import dataclass

from heirloom.accounting import Summary, pixels, summary
from heirloom.claim import Claim
from heirloom.models import claims, list_models


@dataclass(frozen=True)
class Verdict:
    """What became of one claim.

    Attributes:
        model: Name of the network.
        claim: What the source says.
        ours: The network's own number.
        words: ``matches``, ``contradicts: because`` (either perhaps with ``(second hand)``), ``unresolved:
            because`` (second hand, decides nothing) or ``wrong``.
    """

    model: str
    claim: Claim
    ours: int | tuple[int, ...]
    words: str

    @property
    def holds(self) -> bool:
        """False if the claim is neither met nor explained."""
        return self.words != "wrong"


def audit(model: str | None = None) -> list[Verdict]:
    """Check the claims of one network, or of all.

    Raises:
        HeirloomError: (``E-model``) There is no such network.
    """
    found = []
    for name in [model] if model else list_models():
        books: dict[str, Summary] = {}
        for claim in claims(name):
            key = repr(claim.args)
            if key not in books:
                books[key] = summary(name, **claim.args)
            found.append(verdict(name, claim, books[key]))
    return found


def verdict(model: str, claim: Claim, books: Summary) -> Verdict:
    """Compare one claim with the books of its network."""
    ours = measured(claim, books)
    value = claim.value
    hand = "" if claim.verified else " (second hand)"
    if isinstance(ours, int) and isinstance(value, int) and claim.off:
        words = f"contradicts{hand}: {claim.why}" if ours + claim.off == value else "wrong"
    elif ours == value:
        words = f"matches{hand}"
    else:
        words = "wrong"
    if words == "wrong" and not claim.verified:
        words = f"unresolved: {claim.why}"
    return Verdict(model, claim, ours, words)


def measured(claim: Claim, books: Summary) -> int | tuple[int, ...]:
    """The network's own number for what a claim is about."""
    if claim.quantity == "units":
        return books.units
    if not claim.layer:
        return books.totals[claim.quantity]
    row = books.trace[claim.layer]
    value = getattr(row, claim.quantity)
    if claim.quantity in ("receptive_field", "jump"):
        value = pixels(value)
    found: int | tuple[int, ...] = tuple(value) if isinstance(value, list) else value
    return found
