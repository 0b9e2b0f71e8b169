"""Where papers, code and lectures disagree: every contradiction among the published numbers."""

from collections.abc import Iterator

from docs.generator.markdown import code, escaped
from docs.generator.networks import groups, printed, verdicts
from heirloom.auditing import Verdict


def page() -> str:
    """The page of errata."""
    return "\n\n".join(_parts())


def _parts() -> Iterator[str]:
    by_network = {name: verdicts(name) for names in groups().values() for name in names}
    every = [verdict for found in by_network.values() for verdict in found]
    wrong = [verdict for verdict in every if contradicts(verdict)]
    yield "# Where papers, code and lectures disagree"
    yield (
        f"Of {len(every)} published numbers that `heirloom audit` checks, {len(wrong)} contradict the network that "
        "bears their name. Each is a test with a reason, so that a change of the network, or of the reason, "
        "is noticed. “Second hand” is a number that we have not seen in print ourselves."
    )
    for title, names in groups().items():
        items = [line for name in names for line in _entries(name, by_network[name])]
        if items:
            yield f"## {title}"
            yield from items


def contradicts(verdict: Verdict) -> bool:
    """Whether what is printed is not what the network has, and why is known."""
    return bool(verdict.claim.why)


def _entries(name: str, found: tuple[Verdict, ...]) -> Iterator[str]:
    wrong = [verdict for verdict in found if contradicts(verdict)]
    if wrong:
        yield f"### {name}"
        yield f"[The network and all its numbers]({'networks/' + name}.md)."
    for verdict in wrong:
        claim = verdict.claim
        where = f"{code(claim.layer)}, " if claim.layer else "total "
        given = "".join(f" with `{key}={value}`" for key, value in claim.args.items())
        hand = "" if claim.verified else " Second hand."
        yield (
            f"**{printed(claim.value)}** {where}{claim.quantity.replace('_', ' ')}{given}; here "
            f"**{printed(verdict.ours)}**  \n{escaped(_sentence(claim.why))}{hand}  \n"
            f"<small>Printed in {escaped(claim.source)}.</small>"
        )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." * (not text.endswith("."))
