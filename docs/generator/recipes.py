"""The page of recipes: what each changes, why, and what it reached."""

import ast
import dataclasses
import typing
from collections.abc import Iterator

from docs.generator.markdown import code, escaped, prose, sections, table
from docs.generator.networks import ROOT, allowed, result
from heirloom.recipes import RECIPES, Recipe, find_recipe, headline, published_result

FOLDER = ROOT / "src" / "heirloom" / "recipes"
_PLAIN = {field.name: field.default for field in dataclasses.fields(Recipe)}


def page() -> str:
    """All recipes, one after the other."""
    return "\n\n".join(_parts())


def _parts() -> Iterator[str]:
    yield "# Recipes"
    yield (
        "A recipe is everything that decides what a training run computes. `heirloom train RECIPE` runs one, "
        "`--set key=value` changes it, `heirloom train MODEL --data DATA` takes the recipe of that name "
        "where there "
        "is one and else a general one. What was reached is measured on test images that had no part in any "
        "choice; every run stands in the [results](results.md)."
    )
    rows = [[f"[`{name}`](#{name})", escaped(headline(name)), result(name) or "·"] for name in RECIPES]
    yield table(["recipe", "what it is", "ours"], rows)
    for name in RECIPES:
        yield from _recipe(name)
    yield "## Every key"
    yield "What `--set` takes, and the values of the general recipe."
    kinds = typing.get_type_hints(Recipe)
    rows = [[code(key), allowed(kinds[key]), _value(value)] for key, value in _PLAIN.items() if _given(value)]
    yield table(["key", "values", "by default"], rows)
    yield "[Read the file](code/recipe.md), which says what each key is."


def _given(value: object) -> bool:
    return value is not dataclasses.MISSING


def _value(value: object) -> str:
    return code(str(value)) if value != "" else "empty"


def _recipe(name: str) -> Iterator[str]:
    words = sections(ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))) or "")
    recipe, aim = find_recipe(name)[1], published_result(name)
    yield f"## {name}"
    yield prose(words[""])
    yield f"```text\nheirloom train {name}\n```"
    for head in ("Source", "Departs", "Chosen", "Cost"):
        if head in words:
            text = prose(words[head])
            yield f"**{head}.** {text[:1].upper()}{text[1:]}"
    if aim:
        second_hand = ", which we have second hand" if not aim.verified else ""
        yield f"**Published.** {aim.text}: {escaped(aim.source)}{second_hand}."
    if reached := result(name):
        yield f"**Reached here.** {reached}."
    own = {key: value for key, value in recipe.as_dict().items() if value != _PLAIN[key]}
    yield table(["key", "value"], [[code(key), _value(value)] for key, value in own.items()])
    yield f"[Read the file](code/{name}.md)."
