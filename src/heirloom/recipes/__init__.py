"""Recipes: one file per published run, and a general one for everything else.

This file imports no torch, so that listing the recipes is quick.
"""

import importlib
import json
from pathlib import Path

from heirloom.errors import HeirloomError, nearest
from heirloom.models import MODELS
from heirloom.recipes.recipe import Recipe

__all__ = ["RECIPES", "Recipe", "find_recipe"]

RECIPES = ("lenet5_digits",)
"""Names of the recipes; each is a file of this folder."""


def find_recipe(name: str, data: str | None = None) -> tuple[str, Recipe]:
    """A recipe and its name, found by the name of a recipe, of a model, or of a ``.json`` file.

    A model's own recipe for that data set is taken where there is one, else a general recipe.

    Args:
        name: Name of a recipe or a model, ``file.py:Class``, or a ``recipe.json``.
        data: Name of a data set; a recipe has its own.

    Raises:
        HeirloomError: (``E-model``) Nothing bears the name; (``E-recipe``) the file is no recipe, or a
            model was named without a data set.
    """
    if name in RECIPES or name.endswith(".json"):
        recipe = _read(Path(name)) if name.endswith(".json") else _own(name)
        if data and data != recipe.data:
            recipe = recipe.changed([f"data={data}"])
        return (name if name in RECIPES else f"{recipe.model}_{recipe.data}"), recipe
    if ":" not in name and name not in MODELS:
        raise HeirloomError(
            "E-model",
            f"no recipe or model {name!r}",
            why=nearest(name, [*RECIPES, *MODELS]),
            remedy="heirloom list, heirloom list --recipes",
        )
    if not data:
        raise HeirloomError(
            "E-recipe", f"which data shall {name} learn?", remedy="add --data, such as --data digits"
        )
    own = f"{name}_{data}"
    return (own, _own(own)) if own in RECIPES else (_plain(own), Recipe(model=name, data=data))


def _own(name: str) -> Recipe:
    recipe: Recipe = importlib.import_module(f"{__name__}.{name}").RECIPE
    return recipe


def _plain(name: str) -> str:
    """A name fit for a folder: of ``nets/mine.py:Net_digits`` the part ``Net_digits``."""
    return name.rpartition(":")[2].replace("/", "_")


def _read(path: Path) -> Recipe:
    try:
        return Recipe.from_dict(json.loads(path.read_bytes()), where=str(path))
    except (OSError, ValueError) as error:
        raise HeirloomError("E-recipe", "cannot read the recipe", where=str(path), why=str(error)) from error
