"""Where papers, code and lectures disagree: every contradiction among the published numbers."""

from collections.abc import Iterator

from docs.generator.markdown import code, escaped, table
from docs.generator.networks import groups, printed, verdicts
from heirloom.auditing import Verdict


def page() -> str:
    """The page of errata."""
    return "\n\n".join(_parts())


def _parts() -> Iterator[str]:
    found = {name: verdicts(name) for names in groups().values() for name in names}
    other = {name: [v for v in verdicts if v.claim.why] for name, verdicts in found.items()}
    wrong = {name: [v for v in verdicts if not rounded(v)] for name, verdicts in other.items()}
    yield "# Where papers, code and lectures disagree"
    yield (
        f"`heirloom audit` checks {_count(found)} published numbers. {_count(wrong)} of them contradict "
        f"the network "
        f"that bears their name, and {_count(other) - _count(wrong)} more are [rounded](#only-rounded). "
        f"Each is tested, "
        "with its reason, so that a change of the network is noticed. “Second hand” is a number that we "
        "have not seen "
        "in print ourselves. To look one up: `heirloom explain 60850`."
    )
    for title, names in groups().items():
        items = [line for name in names if wrong[name] for line in _entries(name, wrong[name])]
        if items:
            yield f"## {title}"
            yield from items
    yield "## Only rounded"
    yield "The source prints fewer digits than there are, to the nearest or cut off."
    rows = [
        [
            f"[`{name}`](networks/{name}.md)",
            _subject(verdict),
            printed(verdict.claim.value),
            printed(verdict.ours),
            escaped(verdict.claim.source) + _hand(verdict),
        ]
        for name, verdicts in other.items()
        for verdict in verdicts
        if rounded(verdict)
    ]
    yield table(["network", "what", "printed", "here", "source"], rows, (2, 3))


def _count(found: dict[str, list[Verdict]] | dict[str, tuple[Verdict, ...]]) -> int:
    return sum(map(len, found.values()))


def rounded(verdict: Verdict) -> bool:
    """Whether what is printed is the network's number with fewer digits, to the nearest or cut off."""
    value, ours = verdict.claim.value, verdict.ours
    if not isinstance(value, int) or not isinstance(ours, int) or not value:
        return False
    digits = str(value).rstrip("0")
    unit = 10 ** (len(str(value)) - len(digits))
    return unit > 1 and value in (ours // unit * unit, (ours + unit // 2) // unit * unit)


def _entries(name: str, wrong: list[Verdict]) -> Iterator[str]:
    yield f"### [{name}](networks/{name}.md)"
    for verdict in wrong:
        claim = verdict.claim
        yield (
            f"**{printed(claim.value)}** {_subject(verdict)}; here **{printed(verdict.ours)}**  \n"
            f"{escaped(_sentence(claim.why))}{_hand(verdict)}  "
            f"\n<small>{escaped(_sentence(claim.source))}</small>"
        )


def _subject(verdict: Verdict) -> str:
    """``parameters of `c3` ``, or of the whole network, and the arguments under which it is so."""
    claim = verdict.claim
    where = f" of {code(claim.layer)}" if claim.layer else ""
    given = " and".join(f" with `{key}={value}`" for key, value in claim.args.items())
    return (
        {"macs": "MACs", "flops": "FLOPs"}.get(claim.quantity, claim.quantity.replace("_", " "))
        + where
        + given
    )


def _hand(verdict: Verdict) -> str:
    return "" if verdict.claim.verified else " Second hand."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." * (not text.endswith("."))
