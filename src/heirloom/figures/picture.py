"""What a picture is asked for, and what it is: numbers first, then their drawing."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.figures.canvas import Canvas
from heirloom.figures.palette import LIGHT, Theme
from heirloom.figures.writing import Art
from heirloom.models import create_model
from heirloom.recipes import Recipe
from heirloom.runs import Run
from heirloom.weights import LoadedModel

SCALES = ("map", "layer", "net")
WORK = 10**11
"""Multiply-adds that a picture takes where it can look at more images or at fewer."""


@dataclass(frozen=True)
class Subject:
    """A network that is drawn.

    Attributes:
        label: What it is called in the picture.
        name: The network: a published name, or ``file.py:Class``.
        args: Arguments that it was built with.
        model: With its weights, in evaluation mode.
        preprocess: How an image becomes its input.
        trained: Whether its weights come from a run or a file; else they are the first ones of seed 0.
        data: The data set that its run learned, if that is known.
        recipe: Of its run, or that was named instead of it.
        classes: Names of its classes, as far as they are known.
        run: The run directory, where it comes from one.
    """

    label: str
    name: str
    args: dict[str, Any]
    model: nn.Module
    preprocess: Preprocess
    trained: bool = False
    data: str | None = None
    recipe: Recipe | None = None
    classes: tuple[str, ...] = ()
    run: Path | None = None


@dataclass(frozen=True)
class Asked:
    """What a picture is asked for. What a kind has no use for is refused before.

    Attributes:
        subjects: One network, or several where the kind shows several.
        data: Name of a data set.
        theme: Its colours.
        image: File with an image.
        layers: Names of layers.
        unit: (C, Y, X) of a unit: its map, row and column.
        scale: Over what a scale of colours reaches, one of `SCALES`.
        answer: Name or index of a class.
        work: Multiply-adds that it may take at most; None: `WORK`, and more where it needs them.
    """

    subjects: Sequence[Subject]
    data: str | None = None
    theme: Theme = LIGHT
    image: Path | None = None
    layers: tuple[str, ...] = ()
    unit: tuple[int, ...] | None = None
    scale: str = "map"
    answer: str | None = None
    work: int | None = None

    def passes(self, macs: int, least: int, most: int) -> int:
        """How often the picture may run what costs ``macs``: as often as it likes, but within its work.

        Args:
            macs: Multiply-adds of one pass.
            least: Passes that it needs.
            most: Passes that it can use.

        Raises:
            TooMuchWork: It needs more than ``work``.
        """
        possible = (self.work or WORK) // max(1, macs)
        if self.work and possible < least:
            raise TooMuchWork(self.subjects[0].label, least * macs)
        return max(least, min(most, possible))


class TooMuchWork(HeirloomError):
    """A picture takes more multiply-adds than it may (``E-argument``)."""

    def __init__(self, label: str, macs: int) -> None:
        """Of which network, and how many."""
        super().__init__("E-argument", f"takes {macs / 1e9:,.0f} billion multiply-adds on {label}")


@dataclass(frozen=True)
class Picture:
    """Numbers, the words for them, and their drawing: a `canvas.Canvas`, or a chart in `charts.style_in`.

    Attributes:
        numbers: What stands beside it as JSON.
        title: What it is, in a few words.
        description: What it shows, for those who cannot see it.
        art: The drawing.
        frames: Its moments, where it shows something that moves.
    """

    numbers: dict[str, Any]
    title: str
    description: str
    art: Art
    frames: Sequence[Canvas] = ()


def fresh(
    name: str, args: dict[str, Any], label: str | None = None, input_size: Sequence[int] | None = None
) -> Subject:
    """A network with the initial weights that seed 0 draws; its pixels are 0 to 1.

    Raises:
        HeirloomError: As `create_model` does; (``E-input-size``) nobody says how large its input is.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = create_model(name, **args).eval()
    label = label or name.rpartition(":")[2]
    size = input_size or getattr(model, "input_size", None)
    if size is None:
        raise HeirloomError(
            "E-input-size", f"the input size of {label} is not known", remedy="give --input-size C,H,W"
        )
    return Subject(label, name, args, model, Preprocess(tuple(size)))


def learned(label: str, name: str, loaded: LoadedModel, run: Run | None) -> Subject:
    """A network with the weights of a file, or of a run."""
    recipe = run.recipe if run else None
    return Subject(
        label,
        name,
        loaded.card.args,
        loaded.model,
        loaded.card.preprocess,
        trained=True,
        data=recipe.data if recipe else None,
        recipe=recipe,
        classes=loaded.card.classes,
        run=run.path if run else None,
    )


def in_double(subject: Subject) -> nn.Module:
    """A copy of its network for measurements: in double precision, and without gradients of its own."""
    return copy.deepcopy(subject.model).double().requires_grad_(False)
