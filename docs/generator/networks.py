"""A page for each network, an index of them, and the file of each paper."""

import ast
import csv
import importlib
import inspect
import re
import statistics
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from docs.generator.markdown import code, counted, escaped, prose, sections, table
from docs.generator.python import described
from heirloom.accounting import size_text
from heirloom.auditing import Verdict, audit
from heirloom.auditing.readings import books
from heirloom.differences import diff, difference_table
from heirloom.measures import ACCURACY, measure_of
from heirloom.models import MODELS, list_models
from heirloom.recipes import RECIPES, find_recipe, headline, published_result
from heirloom.tables import readable_depth, summary_table

ROOT = Path(__file__).parent.parent.parent
MODELS_FOLDER = ROOT / "src" / "heirloom" / "models"
ALIKE = 16
"""Differences between two networks up to which a page lists them."""
LONG = 100
"""Rows from which on networks are too long to have so few."""


def groups() -> dict[str, list[str]]:
    """The networks by publication, as README.md groups them."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = text.partition("| published | networks |")[2].partition("\n\n")[0]
    found = re.findall(r"^\| (.+?) \| (`.+`) \|$", rows, re.MULTILINE)
    known = {title: re.findall(r"`(\w+)`", names) for title, names in found}
    others = [name for name in list_models() if not any(name in names for names in known.values())]
    return known | ({"Others": others} if others else {})


def pages() -> Iterator[tuple[str, str]]:
    """Every page of this part: its path, and its text."""
    yield "networks/index.md", index()
    for name in list_models():
        yield f"networks/{name}.md", page(name)
    for path in sorted({_file(name) for name in list_models()}):
        yield (
            f"code/{path.stem}.md",
            listing(path, f"models/{path.name}", "the networks of this file", path.stem),
        )


def index() -> str:
    """All networks with their sizes."""
    parts = [
        "# Networks",
        f"{len(MODELS)} networks, each from its source, in the order of publication. Sizes are those of "
        f"one image, "
        "classes as published. A MAC is one multiplication with its addition "
        "([how we count](../counting.md)).",
    ]
    for title, names in groups().items():
        rows = [
            [
                f"[`{name}`]({name}.md)",
                size_text(books(name).trace.input_size),
                *(f"{books(name).totals[column]:,}" for column in ("parameters", "macs")),
                escaped(_headline(name)),
            ]
            for name in names
        ]
        parts += [f"## {title}", table(["network", "input", "parameters", "MACs", ""], rows, (2, 3))]
    return "\n\n".join(parts)


def page(name: str) -> str:
    """All that is known about a network."""
    file, own = _file(name), _docstrings(name)
    words = sections(own["file"])
    words |= {key: text for key, text in sections(own["class"]).items() if key}
    found = books(name)
    first, *rest = _own_words(own["class"])
    totals = [f"{found.totals[c]:,}" for c in ("parameters", "connections", "macs", "flops")]
    parts = [
        f"# {name}",
        escaped(first),
        table(
            ["input", "parameters", "connections", "MACs", "FLOPs"],
            [[size_text(found.trace.input_size), *totals]],
            (1, 2, 3, 4),
        ),
        *(prose(text) for text in rest),
        f"Shape: {prose(words['Shape'])}" if "Shape" in words else "",
        f"**Source.** {prose(words['Source'])}",
        f"**What we had to decide.** {_capital(prose(words.get('Departs', 'nothing known')))}",
        f"[Read the file](../code/{file.stem}.md): the network, its initial weights and its published "
        f"numbers.",
        "## Build it",
        f'```python\nimport heirloom\n\nmodel = heirloom.create_model("{name}")\n'
        f'print(heirloom.summary(model).totals["parameters"])  # {found.totals["parameters"]}\n```',
        _arguments(name),
        "## Layer by layer",
        f"What `heirloom summary {name}` measures. `field` is the receptive field in pixels of the input; "
        "[how we count](../counting.md) says the rest.",
        counted(summary_table(found, readable_depth(found))),
        *map(escaped, summary_table(found, readable_depth(found)).notes),
        *_claims(name),
        *_nearest(name),
        *_results(name),
        "## What next",
        f"Train it: `heirloom train {name} --data DATA` ([recipes](../recipes.md)). Bring in trained "
        f"weights: "
        f"`heirloom import FILE --as {name} -o FILE` ([weights of others](../weights.md)). Compare it: "
        f"`heirloom diff {name} OTHER` ([all networks](index.md)).",
    ]
    return "\n\n".join(part for part in parts if part)


def listing(path: Path, title: str, what: str, stem: str) -> str:
    """A page with a file of the program."""
    text = path.read_text(encoding="utf-8").rstrip()
    names = [f"[`{name}`](../networks/{name}.md)" for name in list_models() if _file(name).stem == stem]
    of = f"The networks of this file: {', '.join(names)}." if names else what
    return f"# {title}\n\n{of}\n\n~~~python\n{text}\n~~~"


def _file(name: str) -> Path:
    return MODELS_FOLDER / f"{MODELS[name].split(':')[0]}.py"


def _docstrings(name: str) -> dict[str, str]:
    tree = ast.parse(_file(name).read_text(encoding="utf-8"))
    factory = MODELS[name].split(":")[1]
    own = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == factory
    ]
    return {"file": ast.get_docstring(tree) or "", "class": ast.get_docstring(own[0]) or ""}


def _own_words(docstring: str) -> list[str]:
    """The paragraphs about a network without those for a reader of the code, and without its sources."""
    text = sections(docstring)[""]
    parts = [part for part in text.split("\n\n") if part.strip()]
    return [" ".join(part.split()) for part in parts if not re.match(r"(Raises|Args|Returns):", part)]


def _headline(name: str) -> str:
    return _own_words(_docstrings(name)["class"])[0]


def _capital(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."


def _arguments(name: str) -> str:
    """The arguments of `create_model` for a network, with their defaults and what they can be."""
    module, factory = MODELS[name].split(":")
    made = getattr(importlib.import_module(f"heirloom.models.{module}"), factory)
    hints = typing.get_type_hints(made.__init__ if inspect.isclass(made) else made)
    said = described(_docstrings(name)["class"])
    rows = []
    for argument in inspect.signature(made).parameters.values():
        values = allowed(hints.get(argument.name))
        rows.append([code(argument.name), values, code(str(argument.default)), said.get(argument.name, "")])
    return table(["argument", "values", "by default", ""], rows)


def allowed(hint: object) -> str:
    """What an argument can be, or a key of a recipe, from its type."""
    inside = typing.get_args(hint)
    if typing.get_origin(hint) is Sequence:
        return f"list of {allowed(inside[0])}s"
    if inside:
        return ", ".join(code(str(choice)) for choice in inside)
    kinds = {int: "whole number", float: "number", bool: "`true`, `false`"}
    return kinds.get(hint, "") if isinstance(hint, type) else ""


def printed(value: int | tuple[int, ...] | str) -> str:
    """A number as a page shows it."""
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else "×".join(map(str, value))


@cache
def verdicts(name: str) -> tuple[Verdict, ...]:
    """The published numbers of a network, checked."""
    return tuple(audit(name))


def _claims(name: str) -> Iterator[str]:
    found = verdicts(name)
    if not found:
        return
    yield "## Published numbers"
    yield (
        f"{len(found)} numbers that its sources print, or that follow from what they print, checked by "
        f"`heirloom audit {name}`."
    )
    rows = []
    for checked in found:
        claim = checked.claim
        word, _, why = checked.words.partition(": ")
        given = "".join(f", `{key}={value}`" for key, value in claim.args.items())
        rows.append(
            [
                (code(claim.layer) if claim.layer else "total") + given,
                claim.quantity.replace("_", " "),
                printed(claim.value),
                printed(checked.ours),
                word,
                escaped(claim.source) + (f"<br>*{escaped(why)}*" if why else ""),
            ]
        )
    yield table(["layer", "quantity", "printed", "here", "verdict", "source"], rows, (2, 3))


def _nearest(name: str) -> Iterator[str]:
    """What distinguishes it from the network that it is most like."""
    mine = books(name)
    if len(mine.rows) > LONG:
        return
    best, differences = "", ALIKE + 1
    for other in list_models():
        theirs = books(other)
        near = abs(len(mine.rows) - len(theirs.rows)) < ALIKE
        if other == name or mine.trace.input_size != theirs.trace.input_size or not near:
            continue
        found = len(diff(mine, theirs))
        if 0 < found < differences:
            best, differences = other, found
    if best:
        compared = difference_table(diff(mine, books(best)), name, best)
        yield f"## Beside {best}"
        yield f"What `heirloom diff {name} {best}` says; [`{best}`]({best}.md) is most like it of all."
        yield counted(compared)
        yield "\n".join(f"{note}  " for note in map(escaped, compared.notes))


def results() -> list[Mapping[str, str]]:
    """The lines of RESULTS.csv."""
    return list(csv.DictReader((ROOT / "RESULTS.csv").read_text(encoding="utf-8").splitlines()))


def result(recipe: str) -> str:
    """What the runs of a recipe reached, in words, or nothing."""
    runs = [line for line in results() if line["recipe"] == recipe]
    if not runs:
        return ""
    measure = measure_of(runs[0]["metric"])
    reached = [float(run["accuracy" if measure is ACCURACY else "error"]) for run in runs]
    spread = f", standard deviation {measure.deviation_text(reached)}" if len(reached) > 1 else ""
    seeds = f"{len(runs)} seed{'s' * (len(runs) > 1)}"
    return f"{measure.text(statistics.mean(reached))} ({seeds}{spread})"


def _results(name: str) -> Iterator[str]:
    known = [recipe for recipe in RECIPES if find_recipe(recipe)[1].model == name]
    if not known:
        return
    rows = []
    for recipe in known:
        aim = published_result(recipe)
        second_hand = " (second hand)" if aim and not aim.verified else ""
        rows.append(
            [
                f"[`{recipe}`](../recipes.md#{recipe})",
                escaped(headline(recipe)),
                f"{aim.text}{second_hand}" if aim else "·",
                result(recipe) or "·",
            ]
        )
    yield "## Trained here"
    yield table(["recipe", "what it is", "published", "ours"], rows, (2,))
