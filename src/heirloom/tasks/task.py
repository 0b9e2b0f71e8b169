"""What a task decides: what a network is asked for, what it is trained by, and what is measured."""

from abc import ABC, abstractmethod
from typing import Any, Protocol

from torch import Tensor

from heirloom.data import Dataset
from heirloom.data.preprocessing import Preprocess
from heirloom.losses import Loss
from heirloom.measures import Measure
from heirloom.recipes import Recipe


class Found(Protocol):
    """What an evaluation found out."""

    @property
    def metric(self) -> str:
        """Name of what was measured, with its split and protocol: ``top1@test:center``."""

    def line(self) -> str:
        """It in one line, with its 95 % interval."""

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON form, schema 1."""

    def as_csv(self) -> str:
        """One line per image."""


class Task(ABC):
    """One task. ``images`` are what the network reads, (B, C, H, W); ``labels`` true classes, (B,)."""

    measure: Measure
    """What is measured of it."""
    wants: tuple[str, str]
    """What a network gives that is fit for it, in words, and what helps where it gives something else."""

    @abstractmethod
    def classes(self, dataset: Dataset) -> tuple[str, ...]:
        """Names of the classes that a network has after it was trained on the data."""

    @abstractmethod
    def output_size(self, images: Tensor, dataset: Dataset) -> tuple[int, ...]:
        """The size that the output must have."""

    @abstractmethod
    def targets(self, images: Tensor, labels: Tensor) -> Tensor:
        """What the output is compared with."""

    @abstractmethod
    def loss(self, recipe: Recipe, preprocess: Preprocess) -> Loss:
        """The loss, of output and target: a mean over the batch."""

    @abstractmethod
    def total(self, output: Tensor, target: Tensor, preprocess: Preprocess) -> float:
        """The measure in training, summed over the images of a batch."""

    @abstractmethod
    def kept(self, output: Tensor, images: Tensor, preprocess: Preprocess) -> Tensor:
        """What an evaluation keeps of each output. Shape (B, ...)."""

    @abstractmethod
    def validated(self, kept: Tensor, labels: Tensor, loss: Loss) -> tuple[float, float]:
        """Loss and measure of a split, from what was kept."""

    @abstractmethod
    def found(
        self, model: str, data: str, split: str, dataset: Dataset, labels: Tensor, kept: Tensor
    ) -> Found:
        """The evaluation of a split, from what was kept."""
