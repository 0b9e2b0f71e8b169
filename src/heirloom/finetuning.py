"""Training that begins with the weights of a file: what is taken from it, what is new, what stays as it is.

The file decides what its numbers are worth nothing without: the network's arguments, its channels, and how
images are prepared. A recipe that states ``args``, or one of `STATED`, is followed instead.

Where the data has other classes, the layers whose size depends on their number begin as the paper says, drawn
from the recipe's seed. The same classes in another order keep their weights, each class its own.
"""

import fnmatch
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError, nearest
from heirloom.models import create_model, published_argument, takes
from heirloom.recipes import Recipe
from heirloom.weights import Card, check_classes, fill, read_weights

STATED = ("box", "resize", "normalise", "mean", "std")
"""What a recipe says of how images are prepared."""

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def start_card(path: Path, model: str) -> Card:
    """The card of a weights file that a network called ``model`` shall begin with.

    Raises:
        HeirloomError: (``E-weights``) The file is missing, damaged or not ours; (``E-weights-model``) it is
            another network's.
    """
    card, _ = read_weights(path)
    if card.model != model:
        raise HeirloomError(
            "E-weights-model",
            f"these are weights of {card.model}, not of {model}",
            where=str(path),
            remedy=f"train {card.model}, or choose another file",
        )
    return card


def start_arguments(card: Card) -> dict[str, Any]:
    """Arguments of `create_model` that the weights need: not those that the data decides."""
    return {key: value for key, value in card.args.items() if key not in ("num_classes", "in_chans")}


def start_preprocess(card: Card, recipe: Recipe) -> Preprocess | None:
    """How images are prepared for the weights; None where the recipe states it."""
    plain = Recipe(model="", data="")
    states = any(getattr(recipe, key) != getattr(plain, key) for key in STATED)
    return None if states else card.preprocess


def class_axes(model: str, args: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The tensors of a network whose size depends on the number of classes, and along which axes.

    Found by changing the number. There are none where the classes are fixed, such as LeNet-5's codes.

    Args:
        model: As for `create_model`.
        args: Its arguments; without ``num_classes`` it has as many as published.
    """
    if not takes(model, "num_classes"):
        return {}
    classes = args.get("num_classes", published_argument(model, "num_classes"))
    if not isinstance(classes, int):
        return {}
    with torch.device("meta"):
        try:
            first, other = (
                create_model(model, **{**args, "num_classes": number}).state_dict()
                for number in (classes, classes + 1)
            )
        except HeirloomError:
            return {}
    sizes = {name: tuple(zip(first[name].shape, other[name].shape, strict=True)) for name in first}
    axes = {name: tuple(i for i, (a, b) in enumerate(size) if a != b) for name, size in sizes.items()}
    return {name: found for name, found in axes.items() if found}


def new_tensors(card: Card, wanted: Card, model: str) -> frozenset[str]:
    """Tensors of the network ``wanted`` that cannot be taken from weights with ``card``: other classes.

    ``model`` is as for `create_model`; a card has no folders of a file of one's own.
    """
    if sorted(card.classes) == sorted(wanted.classes):
        return frozenset()
    return frozenset(class_axes(model, wanted.args))


def start_from(network: nn.Module, wanted: Card, model: str, path: Path) -> None:
    """Load the weights at ``path`` into a freshly drawn network; its new tensors stay as they are.

    Args:
        network: What is about to be trained.
        wanted: Its card.
        model: As for `new_tensors`.
        path: The weights file.

    Raises:
        HeirloomError: (``E-weights``) The file is missing, damaged, not ours, or has a value that is not
            finite; (``E-weights-model``) it is another network's, or a tensor is missing or has another size;
            (``E-weights-classes``) it knows other classes, and no layer can be new.
    """
    card = start_card(path, wanted.model)
    _, tensors = read_weights(path)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and (bad := int((~torch.isfinite(tensor)).sum())):
            why = f"{bad:,} of the {tensor.numel():,} values of {name} are not finite"
            raise HeirloomError(
                "E-weights", "the weights are of no use", where=str(path), why=why, remedy="take others"
            )
    new = new_tensors(card, wanted, model)
    if not new and card.classes != wanted.classes:
        alike = sorted(set(card.classes)) == sorted(
            wanted.classes
        )  # a name that two classes have is of no use
        axes = class_axes(model, wanted.args) if alike else {}
        if not axes:
            check_classes(card, wanted.classes, path)
        order = torch.tensor([card.classes.index(name) for name in wanted.classes])
        for name in axes.keys() & tensors.keys():
            for axis in axes[name]:
                tensors[name] = tensors[name].index_select(axis, order)
    drawn = network.state_dict()
    fill(network, tensors | {name: drawn[name] for name in new}, path)


def start_notes(card: Card, wanted: Card, new: frozenset[str]) -> list[str]:
    """What its user should know about the weights that a training begins with."""
    notes = []
    if new:
        layers = ", ".join(dict.fromkeys(name.rpartition(".")[0] or name for name in sorted(new)))
        known, have = len(card.classes), len(wanted.classes)
        why = f"{known:,} classes, the data has {have:,}" if known != have else "other classes"
        notes.append(f"new last layer: {layers}, since the weights know {why}")
    elif card.classes != wanted.classes:
        notes.append("the classes of the weights are put into the order of the data's")
    mean_image = card.preprocess.mean_image
    if wanted.preprocess == card.preprocess and wanted.preprocess.mean_image is mean_image:
        notes.append(f"images are prepared as for the weights: {card.preprocess}")
    else:
        notes.append(f"images are prepared as the recipe says, for the weights it was {card.preprocess}")
    return notes


def with_new_rates(recipe: Recipe, new: frozenset[str]) -> Recipe:
    """The recipe in which the new tensors learn by their own rate, ``new_lr``."""
    if recipe.new_lr == 1 or not new:
        return recipe
    rates = [f"{name}:0:{recipe.new_lr}" for name in sorted(new)]
    return replace(recipe, layer_lr=" ".join([recipe.layer_lr, *rates]))


def freeze(network: nn.Module, patterns: str, new: frozenset[str]) -> list[nn.Module]:
    """Take the parameters that match any of the patterns out of training: no update, no decay.

    A batch normalisation whose own parameters are all frozen keeps its statistics as well.

    Args:
        network: Its parameters' ``requires_grad`` is set.
        patterns: Shell patterns of parameters' names, separated by spaces: ``conv1.* fire[2-5].*``.
        new: Names of tensors that begin with fresh numbers: they must not be frozen.

    Returns:
        The layers that are to be kept in evaluation mode.

    Raises:
        HeirloomError: (``E-recipe``) A pattern matches nothing, or a new layer; or nothing is left to train.
    """
    named: dict[str, Tensor] = dict(network.named_parameters())
    for pattern in patterns.split():
        found = [name for name in named if fnmatch.fnmatchcase(name, pattern)]
        if not found:
            why = f"no parameter has such a name: {nearest(pattern, named)}"
            raise HeirloomError("E-recipe", f"freeze={pattern}", why=why, remedy=_NAMES)
        if drawn := sorted(new.intersection(found)):
            why = f"{drawn[0]} matches it, and is new"
            raise HeirloomError("E-recipe", f"freeze={pattern}", why=why, remedy=_NAMES)
        for name in found:
            named[name].requires_grad_(False)
    if named and not any(parameter.requires_grad for parameter in named.values()):
        raise HeirloomError("E-recipe", f"freeze={patterns}", why="nothing is left to train")
    return [layer for layer in network.modules() if isinstance(layer, _BATCH_NORMS) and _frozen(layer)]


def frozen_note(network: nn.Module) -> str:
    """``740,554 parameters, 202,762 trained``."""
    parameters = list(network.parameters())
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    return f"{sum(p.numel() for p in parameters):,} parameters, {trained:,} trained"


_NAMES = "patterns are of whole names: 'conv1.*', 'fire[2-5].*'"


def _frozen(layer: nn.Module) -> bool:
    parameters = list(layer.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)
