"""What a recipe works on: its data, and its network with the way in which that takes its images."""

import dataclasses
import sys
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from heirloom.data import Dataset, Split, load_data, of_photographs
from heirloom.data.augmentation import AUGMENTATIONS
from heirloom.data.photographs import SIDE
from heirloom.data.preprocessing import KNOWN, LARGEST_BOX, Preprocess
from heirloom.data.statistics import measured
from heirloom.data.waiting import told
from heirloom.errors import HeirloomError
from heirloom.finetuning import start_arguments, start_preprocess
from heirloom.models import arguments, create_model, faults_of, plain_name, takes
from heirloom.recipes import Recipe
from heirloom.tasks import TASKS
from heirloom.weights import Card

TOGETHER = 512
"""Images that are measured at once."""


def data_of(recipe: Recipe, begun: Card | None) -> tuple[Dataset, Split]:
    """The data set of a recipe, and what it trains on.

    Photographs are stored in the size that the network takes, or that its augmentation cuts from: that is
    asked first.
    """
    fit = stored = None
    if of_photographs(recipe.data):
        with torch.device("meta"), faults_of(recipe.model, "its input size"):
            network = create_model(recipe.model, **_arguments(recipe, begun))
        fit = _fitted(recipe, _input_size(recipe, network, begun, (3, SIDE, SIDE)), begun)
        stored = AUGMENTATIONS[recipe.augment].stored(fit)
    dataset = load_data(recipe.data, fit=fit, wait=False)
    return dataset, dataset.split(recipe.split, stored).first(recipe.train_limit or sys.maxsize)


def _input_size(
    recipe: Recipe, network: nn.Module, begun: Card | None, otherwise: tuple[int, ...]
) -> tuple[int, int, int]:
    """(C, H, W) of what a network reads, by its own word; else as its weights had it, or as data are."""
    try:
        c, h, w = getattr(network, "input_size", begun.preprocess.size if begun else otherwise)
        return int(c), int(h), int(w)
    except (TypeError, ValueError) as error:
        raise HeirloomError(
            "E-argument", f"input_size of {recipe.model} is not (C, H, W)", why=str(error)
        ) from error


def _arguments(recipe: Recipe, begun: Card | None) -> dict[str, Any]:
    """Arguments of the network; what the recipe states comes before what the weights had."""
    return (start_arguments(begun) if begun else {}) | arguments(recipe.args.split())


def network_of(recipe: Recipe, dataset: Dataset, split: Split, begun: Card | None) -> tuple[nn.Module, Card]:
    """The network of a recipe, with as many classes and channels as its task and the data have."""
    if not len(split):
        raise HeirloomError("E-data", f"{dataset.name} has no images in {recipe.split!r}")
    task = TASKS[recipe.task]
    classes = task.classes(dataset)
    given = {"num_classes": len(classes)} if classes else {}
    given["in_chans"] = begun.preprocess.size[0] if begun else split.images.shape[1]
    args = _arguments(recipe, begun)
    for key in given.keys() & args.keys():
        if args[key] != given[key]:
            who = "what the weights were trained on" if begun and key == "in_chans" else dataset.name
            raise HeirloomError("E-recipe", f"args={recipe.args}", why=f"{who} decides {key}, {given[key]}")
    args |= {key: value for key, value in given.items() if takes(recipe.model, key)}
    model = create_model(recipe.model, **args)
    if not any(True for _ in model.parameters()):
        raise HeirloomError("E-argument", f"{recipe.model} has no parameters to train")
    c, *sides = split.images.shape[1:]
    if of_photographs(recipe.data):  # they may be stored larger, to be cut from
        sides = [SIDE, SIDE]
    preprocess = _preprocess(recipe, _input_size(recipe, model, begun, (c, *sides)), split, begun)
    model.eval()
    images = preprocess(split.images[:2])
    with torch.no_grad(), faults_of(recipe.model, dataset.name):
        output = model(images)
    wanted = task.output_size(images, dataset)
    if not isinstance(output, Tensor) or tuple(output.shape) != wanted:
        got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        what, remedy = task.wants
        raise HeirloomError(
            "E-argument", f"{recipe.model} does not give {what}", why=f"{got} for {wanted}", remedy=remedy
        )
    return model, Card(plain_name(recipe.model), args, classes, preprocess)


def _fitted(recipe: Recipe, size: tuple[int, int, int], begun: Card | None) -> Preprocess:
    """How the network of a recipe takes its images, by the numbers of its weights or of the recipe."""
    if begun and (given := start_preprocess(begun, recipe)):
        return AUGMENTATIONS[recipe.augment].evaluated(given)
    c, h, w = size
    fits = recipe.box <= min(h, w) if recipe.resize == "fit" else max(h, w) <= recipe.box <= LARGEST_BOX
    if recipe.box and not fits:
        raise HeirloomError("E-recipe", f"box={recipe.box}", why=f"the input is {h} x {w} pixels")
    mean, std = (recipe.mean,) * c, (recipe.std,) * c
    return AUGMENTATIONS[recipe.augment].evaluated(Preprocess(size, recipe.box, mean, std, recipe.resize))


def _preprocess(recipe: Recipe, size: tuple[int, int, int], split: Split, begun: Card | None) -> Preprocess:
    """The same, normalised as the recipe says: by numbers of its own, or of the images trained on."""
    c, plain = size[0], _fitted(recipe, size, begun)
    if recipe.normalise == "given":
        return plain
    if recipe.normalise == "imagenet":
        if c != len(KNOWN["imagenet"]["mean"]):
            raise HeirloomError("E-recipe", "normalise=imagenet", why=f"the input has {c} channels")
        return dataclasses.replace(plain, mean=KNOWN["imagenet"]["mean"], std=KNOWN["imagenet"]["std"])
    parts = (plain.fit(part).numpy() for part in split.settled().images.split(TOGETHER))
    found = measured(told("measuring images", len(split), parts, len))
    if recipe.normalise == "mean_image":
        image = torch.from_numpy(found.mean_image.astype(np.float32))
        return dataclasses.replace(plain, mean=(0.0,) * c, mean_image=image)
    mean, std = tuple(map(float, found.mean)), tuple(map(float, found.std))
    if recipe.normalise == "channel_mean":
        return dataclasses.replace(plain, mean=mean)
    if not min(std):
        raise HeirloomError("E-recipe", "normalise=channels", why="all pixels of a channel are equal")
    return dataclasses.replace(plain, mean=mean, std=std)
