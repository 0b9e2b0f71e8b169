"""Checks the claims of the networks against what the networks really have."""

from dataclasses import dataclass

from heirloom.accounting import Summary
from heirloom.auditing.readings import books, measured
from heirloom.auditing.verdicts import holds, judged
from heirloom.claim import Claim
from heirloom.models import claims, list_models


@dataclass(frozen=True)
class Verdict:
    """What became of one claim.

    Attributes:
        model: Name of the network.
        claim: What the source says.
        ours: The network's own number.
        words: One of `heirloom.auditing.verdicts`, with the reason behind a colon; ``matches`` and
            ``contradicts`` perhaps with ``(second hand)``.
    """

    model: str
    claim: Claim
    ours: int | tuple[int, ...]
    words: str

    @property
    def holds(self) -> bool:
        """False if the claim is neither met nor explained."""
        return holds(self.words)


def audit(model: str | None = None) -> list[Verdict]:
    """Check the claims of one network, or of all.

    Raises:
        HeirloomError: (``E-model``) There is no such network.
    """
    names = [model] if model else list_models()
    return [verdict(name, claim, books(name, claim.args)) for name in names for claim in claims(name)]


def verdict(model: str, claim: Claim, books: Summary) -> Verdict:
    """Compare one claim with the books of its network."""
    ours = measured(claim.quantity, claim.layer, books)
    value = claim.value
    if isinstance(value, str):
        words = judged(value, ours)
    elif isinstance(ours, int) and isinstance(value, int) and claim.off:
        words = f"contradicts: {claim.why}" if ours + claim.off == value else "wrong"
    else:
        words = "matches" if ours == value else "wrong"
    if not claim.verified:
        begins, colon, why = words.partition(":")
        words = f"unresolved: {claim.why}" if words == "wrong" else f"{begins} (second hand){colon}{why}"
    return Verdict(model, claim, ours, words)
