"""Where papers, code and lectures disagree: every contradiction among the published numbers."""

from collections.abc import Iterator
from itertools import groupby

from docs.generator.markdown import code, escaped, table
from docs.generator.networks import groups, printed, verdicts
from heirloom.auditing import Finding, Verdict, audit_lectures
from heirloom.auditing.verdicts import word

ROUNDED = ("rounds to", "cut to")


def page() -> str:
    """The page of errata."""
    return "\n\n".join(_parts())


def _parts() -> Iterator[str]:
    claimed = {name: verdicts(name) for names in groups().values() for name in names}
    wrong = {name: [v for v in found if contradicts(v.words)] for name, found in claimed.items()}
    rounded = [v for found in claimed.values() for v in found if word(v.words).startswith(ROUNDED)]
    lectures = audit_lectures().findings
    doubtful = [finding for finding in lectures if contradicts(finding.words)]
    yield "# Where papers, code and lectures disagree"
    printed_by_decks = sum(finding.count for finding in lectures)
    disputed = sum(finding.count for finding in doubtful)
    yield (
        f"`heirloom audit` checks {_count(claimed)} published numbers of networks, of which {_count(wrong)} "
        "contradict the network that bears their name, or fit none. "
        f"`heirloom audit lectures` checks {printed_by_decks} numbers of five "
        f"[lecture decks](#lecture-decks), of which {disputed} disagree. What is only "
        "[rounded](#only-rounded) stands by itself. Each is tested with its reason, so that a change of a "
        "network is noticed. "
        "“Second hand” is a number that we have not seen in print ourselves. To look one up: "
        "`heirloom explain 60850`."
    )
    for title, names in groups().items():
        items = [line for name in names if wrong[name] for line in _entries(name, wrong[name])]
        if items:
            yield f"## {title}"
            yield from items
    yield "## Lecture decks"
    yield "By deck and line of its text. “Here” is our number, from the arithmetic that the audit prints."
    for deck, findings in groupby(doubtful, lambda finding: finding.deck):
        yield f"### Deck {deck}"
        yield table(
            ["line", "about", "printed", "here", "why"], [_line(finding) for finding in findings], (0,)
        )
    yield "## Only rounded"
    yield "The source prints fewer digits than there are, to the nearest or cut off."
    rows = [
        [
            f"[`{verdict.model}`](networks/{verdict.model}.md)",
            _subject(verdict),
            escaped(printed(verdict.claim.value)),
            printed(verdict.ours),
            escaped(verdict.claim.source) + _hand(verdict),
        ]
        for verdict in rounded
    ]
    yield table(["network", "what", "printed", "here", "source"], rows, (2, 3))


def _count(found: dict[str, list[Verdict]] | dict[str, tuple[Verdict, ...]]) -> int:
    return sum(map(len, found.values()))


def contradicts(words: str) -> bool:
    """Whether a verdict says that what is printed is not what there is."""
    return word(words).startswith(("contradicts", "unresolved"))


def _entries(name: str, wrong: list[Verdict]) -> Iterator[str]:
    yield f"### [{name}](networks/{name}.md)"
    for verdict in wrong:
        claim = verdict.claim
        why = verdict.words.partition(": ")[2]
        yield (
            f"**{escaped(printed(claim.value))}** {_subject(verdict)}; here **{printed(verdict.ours)}**  \n"
            f"{escaped(_sentence(why))}{_hand(verdict)}  \n<small>{escaped(_sentence(claim.source))}</small>"
        )


def _line(finding: Finding) -> list[str]:
    places = "<br>".join(str(line) for line in (finding.line, *finding.more))
    why = finding.words.partition(": ")[2]
    return [places, escaped(finding.about), escaped(finding.printed), escaped(finding.ours), escaped(why)]


def _subject(verdict: Verdict) -> str:
    """``parameters of `c3` ``, or of the whole network, and the arguments under which it is so."""
    claim = verdict.claim
    where = f" of {code(claim.layer)}" if claim.layer else ""
    given = " and".join(f" with `{key}={value}`" for key, value in claim.args.items())
    counted = {"macs": "MACs", "flops": "FLOPs"}.get(claim.quantity, claim.quantity.replace("_", " "))
    return counted + where + given


def _hand(verdict: Verdict) -> str:
    return "" if verdict.claim.verified else " Second hand."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." * (not text.endswith("."))
