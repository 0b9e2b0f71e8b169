"""Recipes: one file per published run, a general one for photographs, and one for everything else.

This file imports no torch, so that listing the recipes is quick.
"""

import importlib
import json
from collections.abc import Sequence
from pathlib import Path

from heirloom.data import DATA, is_path, short_name
from heirloom.errors import HeirloomError, nearest
from heirloom.models import MODELS, UNPUBLISHED, takes
from heirloom.recipes.finetuning import finetuning
from heirloom.recipes.photographs import photographs, reads_photographs
from heirloom.recipes.published import Published
from heirloom.recipes.recipe import Recipe

__all__ = [
    "RECIPES", "Published", "Recipe", "data_of", "find_recipe", "headline", "published_beside",
    "published_result", "run_name",
]  # fmt: skip

RECIPES = (
    "lenet5_digits",
    "lenet_1989_mnist",
    "lenet1_mnist",
    "lenet5_mnist_1998",
    "lenet5_mnist_1998_distorted",
    "lenet5_mnist",
    "lenet5_softmax_mnist",
    "lenet5_relu_max_mnist",
    "lenet_caffe_mnist",
    "lenet_caffe_mnist_deck003",
    "mlp_digits",
    "mlp_mnist",
    "mnist_best_61k",
    "rnn_digits",
    "lstm_digits",
    "gru_digits",
    "rnn_mnist",
    "lstm_mnist",
    "gru_mnist",
    "autoencoder_digits",
    "autoencoder_mnist",
    "autoencoder_conv_digits",
    "autoencoder_conv_mnist",
    "autoencoder_sparse_mnist",
    "autoencoder_denoising_mnist",
    "alexnet_imagenet",
    "alexnet_source_imagenet",
    "alexnet_caffe_imagenet",
    "caffenet_imagenet",
    "vgg11_imagenet",
    "vgg11_lrn_imagenet",
    "vgg13_imagenet",
    "vgg16_1x1_imagenet",
    "vgg16_imagenet",
    "vgg19_imagenet",
    "nin_cifar_cifar10",
    "googlenet_imagenet",
    "squeezenet1_0_imagenet",
    "squeezenet1_1_imagenet",
    "resnet50_imagenet",
    "resnet18_imagenet",
    "resnet34_imagenet",
    "resnet101_imagenet",
    "resnet152_imagenet",
    "resnet20_cifar10",
    "resnet20_cifar10_fast",
    "resnet32_cifar10",
    "resnet44_cifar10",
    "resnet56_cifar10",
    "resnet110_cifar10",
    "resnet1202_cifar10",
    "wrn_28_10_cifar10",
    "wrn_28_10_cifar100",
    "wrn_40_4_cifar10",
    "wrn_40_4_cifar100",
    "wrn_16_8_cifar10",
    "wrn_16_8_cifar100",
    "resnext50_32x4d_imagenet",
    "resnext101_32x4d_imagenet",
    "resnext101_64x4d_imagenet",
    "wrn_50_2_imagenet",
    "resnext29_8x64d_cifar10",
    "resnext29_16x64d_cifar10",
    "resnet110_stochastic_cifar10",
    "fractalnet20_cifar10",
    "alexnet_cifar_bn_cifar10",
    "alexnet_cifar_bn_cifar10_fast",
    "lenet5_relu_max_cifar10",
)
"""Names of the recipes; each is a file of this folder."""


def find_recipe(name: str, data: str | None = None, settings: Sequence[str] = ()) -> tuple[str, Recipe]:
    """A recipe and its name, found by the name of a recipe, of a model, or of a ``.json`` file.

    A model's own recipe for that data set is taken where there is one, else a general recipe: for images of
    one's own, to go on from weights (`heirloom.recipes.finetuning`) where the settings name some, or
    `heirloom.recipes.photographs` where the model reads such; to reconstruct where the model is a published
    one that has no classes; to classify else.

    Args:
        name: Name of a recipe or a model, ``file.py:Class``, or a ``recipe.json``.
        data: Name of a data set; a recipe has its own.
        settings: Changes, ``key=value``.

    Raises:
        HeirloomError: (``E-model``) Nothing bears the name; (``E-recipe``) the file is no recipe, a setting
            is wrong, a model was named without a data set, or a file names code of one's own that no
            setting ``model=`` confirms.
    """
    settings = [*settings, *([f"data={data}"] if data else [])]
    begun = any(setting.startswith("weights=") for setting in settings)
    title, recipe = _find(name, data, begun)
    changed = recipe.changed(settings)
    own = ":" in recipe.model and recipe.model not in UNPUBLISHED
    if own and name.endswith(".json") and not any(s.startswith("model=") for s in settings):
        raise HeirloomError(
            "E-recipe",
            f"its network is code of one's own, {recipe.model}",
            where=name,
            why="a file alone must not decide which code runs",
            remedy=f"if you trust that code, name it: --set model={recipe.model}",
        )
    return title, changed


def _find(name: str, data: str | None, begun: bool) -> tuple[str, Recipe]:
    if name in RECIPES or name.endswith(".json"):
        recipe = _read(Path(name)) if name.endswith(".json") else _own(name)
        return (name if name in RECIPES else run_name(recipe)), recipe
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
    if own in RECIPES:
        return own, _own(own)
    recipe = Recipe(model=name, data=data)
    if name in MODELS and not takes(name, "num_classes"):
        recipe = recipe.changed(["task=reconstruct"])
    elif begun and is_path(data):
        recipe = finetuning(name, data)
    elif is_path(data) and reads_photographs(name):
        recipe = photographs(name, data)
    return run_name(recipe), recipe


def run_name(recipe: Recipe) -> str:
    """A name fit for a folder: of ``nets/mine.py:Net`` the part ``Net``, and of the data their short name."""
    return f"{recipe.model.rpartition(':')[2]}_{short_name(recipe.data)}"


def data_of(name: str) -> str:
    """The data that a recipe of ours learns, which its name says."""
    return next(word for word in name.split("_") if word in DATA)


def headline(name: str) -> str:
    """The first sentence about a recipe, read from its source without running it."""
    import ast

    source = (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0].replace("\n", " ")


def published_result(name: str) -> Published | None:
    """The printed result that the recipe of that name stands beside, where there is one."""
    return getattr(importlib.import_module(f"{__name__}.{name}"), "PUBLISHED", None)


def published_beside(recipe: Recipe) -> tuple[Published, str] | None:
    """The printed result that a run of ``recipe`` stands beside, and the data that it was measured on.

    It is that of the recipe which differs in its seed and its data alone: a run with other settings stands
    beside nothing.
    """
    for name in sorted(RECIPES, key=lambda name: _own(name).data != recipe.data):
        own = _own(name)
        if own.changed([f"data={recipe.data}", f"seed={recipe.seed}"]) == recipe:
            found = published_result(name)
            if found:
                return found, own.data
    return None


def _own(name: str) -> Recipe:
    recipe: Recipe = importlib.import_module(f"{__name__}.{name}").RECIPE
    return recipe


def _read(path: Path) -> Recipe:
    try:
        return Recipe.from_dict(json.loads(path.read_bytes()), where=str(path))
    except (OSError, ValueError, RecursionError) as error:
        raise HeirloomError("E-recipe", "cannot read the recipe", where=str(path), why=str(error)) from error
