"""The way back from a number to the layer that has it, and to whoever prints it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from heirloom.accounting import COLUMNS
from heirloom.auditing.arithmetic import evaluate
from heirloom.auditing.lectures import Finding, audit_lectures
from heirloom.auditing.printed import Printed, fit, read_number
from heirloom.auditing.readings import books, measured
from heirloom.claim import Claim
from heirloom.errors import HeirloomError
from heirloom.models import claims, list_models

_SIZE = re.compile(r"[0-9]+(?:\s*[xX×]\s*[0-9]+)+")
_OF_A_LAYER = ("parameters", "fixed", "connections", "macs", "flops")


@dataclass(frozen=True)
class Explanation:
    """One place where a number stands.

    Attributes:
        model: Name of the network, or of a lecture deck.
        layer: Name of the row, ``total``, or the line of the deck.
        quantity: What it counts.
        why: The arithmetic, or the source that prints it.
    """

    model: str
    layer: str
    quantity: str
    why: str


def explain(number: int | str) -> list[Explanation]:
    """Find every layer and total of every network that has ``number``, and every source that prints it.

    Args:
        number: A whole number; or as it is printed, ``62.3M``: then what rounds to it, or is cut off to it,
            if two digits or more are given. A size, ``11x11``, or arithmetic, ``7/3``, is looked up among
            what the lectures print.

    Raises:
        HeirloomError: (``E-usage``) It is no number.
    """
    try:
        wanted = read_number(str(number))
    except HeirloomError as no_number:
        found = _printed_in_lectures(str(number))
        if found is None:
            raise no_number from None
        return found
    found = []
    for model in list_models():
        of_it = books(model)
        for row in of_it.rows:
            for quantity in _OF_A_LAYER:
                has = getattr(row, quantity)
                if has and _fits(wanted, has):
                    why = row.formulas.get(quantity, "") or row.kind
                    found.append(Explanation(model, row.name, quantity, _exactly(wanted, has) + why))
        for column in COLUMNS:
            has = of_it.totals[column]
            if has and _fits(wanted, has):
                found.append(Explanation(model, "total", column, _exactly(wanted, has) + "sum of the rows"))
        for claim in claims(model):
            if _prints(model, claim, wanted):
                found.append(Explanation(model, claim.layer or "total", claim.quantity, _source(claim)))
    for finding in audit_lectures().findings:
        if any(value == wanted.value for value in _values((finding.printed, finding.ours))):
            found.append(_of_a_lecture(finding))
    return found


def _of_a_lecture(finding: Finding) -> Explanation:
    line = f"line{'s' * bool(finding.more)} {', '.join(map(str, (finding.line, *finding.more)))}"
    why = f"{finding.printed or 'asked'}: {finding.words}"
    return Explanation(f"lecture deck {finding.deck}", line, finding.about, why)


def _printed_in_lectures(text: str) -> list[Explanation] | None:
    """The findings that print a size or the value of arithmetic; None if the text is neither."""
    size, value = _size(text), Fraction(0)
    try:
        value = value if size else evaluate(text)
    except HeirloomError:
        return None
    return [
        _of_a_lecture(finding)
        for finding in audit_lectures().findings
        if (_size(finding.printed) == size if size else value in _values((finding.printed,)))
    ]


def _size(text: str) -> tuple[str, ...]:
    """The numbers of ``11x11``, empty if it is no size."""
    return tuple(re.findall("[0-9]+", text)) if _SIZE.fullmatch(text.strip()) else ()


def _fits(wanted: Printed, has: int) -> bool:
    """All printed digits, two or more, are its digits: here no zero only fills up."""
    if wanted.value == has:
        return True
    return wanted.value >= 10 * wanted.step > 10 * abs(has - wanted.value) and bool(fit(wanted, has))


def _exactly(wanted: Printed, has: int) -> str:
    return "" if has == wanted.value else f"{has:,} = "


def _prints(model: str, claim: Claim, wanted: Printed) -> bool:
    if not isinstance(claim.value, str):
        return claim.value == wanted.value
    ours = measured(claim.quantity, claim.layer, books(model, claim.args))
    return wanted.value in (read_number(claim.value).value, ours)


def _source(claim: Claim) -> str:
    printed = f"{claim.value}, " if isinstance(claim.value, str) else ""
    return f"{printed}printed in {claim.source}{'; ' * bool(claim.why)}{claim.why}"


def _values(texts: Iterable[str]) -> Iterable[Fraction]:
    """The numbers that a deck prints: sides of an equation, arithmetic, a size's units."""
    for text in texts:
        for side in text.split("="):
            try:
                yield read_number(side).value
            except HeirloomError:
                try:
                    yield evaluate(side)
                except HeirloomError:
                    continue
