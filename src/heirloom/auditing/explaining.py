"""The way back from a number to the layer that has it."""

from dataclasses import dataclass
from functools import cache

from heirloom.accounting import COLUMNS, Summary, summary
from heirloom.models import claims, list_models

_OF_A_LAYER = ("parameters", "fixed", "connections", "macs", "flops")


@dataclass(frozen=True)
class Explanation:
    """One place where a number stands.

    Attributes:
        model: Name of the network.
        layer: Name of the row, or ``total``.
        quantity: What it counts.
        why: The arithmetic, or the source that prints it.
    """

    model: str
    layer: str
    quantity: str
    why: str


@cache
def _books(model: str) -> Summary:
    """As published, which does not change while the program runs."""
    return summary(model)


def explain(number: int) -> list[Explanation]:
    """Find every layer and total of every network that has ``number``, and every source that prints it."""
    found = []
    for model in list_models():
        books = _books(model)
        for row in books.rows:
            for quantity in _OF_A_LAYER:
                if getattr(row, quantity) == number:
                    formula = row.formulas.get(quantity, "")
                    found.append(Explanation(model, row.name, quantity, formula or row.kind))
        for column in COLUMNS:
            if books.totals[column] == number:
                found.append(Explanation(model, "total", column, "sum of the rows"))
        for claim in claims(model):
            if claim.value == number:
                why = f"{claim.source}; {claim.why}" if claim.why else claim.source
                found.append(Explanation(model, claim.layer or "total", claim.quantity, f"printed in {why}"))
    return found
