"""What a picture is asked for, and what it is: numbers first, then their drawing."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import nn

from heirloom.data.preprocessing import Preprocess
from heirloom.models import create_model


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
    """

    label: str
    name: str
    args: dict[str, Any]
    model: nn.Module
    preprocess: Preprocess
    trained: bool = False
    data: str | None = None


@dataclass(frozen=True)
class Asked:
    """What a picture is asked for. A kind that has no use for something given refuses it."""

    subjects: Sequence[Subject]
    data: str | None = None


@dataclass(frozen=True)
class Picture:
    """Numbers and the drawing of them, made in `charts.style_on_white`."""

    numbers: dict[str, Any]
    figure: Figure


def fresh(name: str, args: dict[str, Any], label: str | None = None) -> Subject:
    """A network with the initial weights that seed 0 draws; its pixels are 0 to 1.

    Raises:
        HeirloomError: As `create_model` does.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = create_model(name, **args).eval()
    size = getattr(model, "input_size", (1, 28, 28))
    return Subject(label or name.rpartition(":")[2], name, args, model, Preprocess(tuple(size)))


def in_double(subject: Subject) -> nn.Module:
    """A copy of its network for measurements: in double precision, and without gradients of its own."""
    return copy.deepcopy(subject.model).double().requires_grad_(False)
