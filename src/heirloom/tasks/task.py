"""What a task decides: what a network is asked for, what it is trained by, and what is measured."""

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor

from heirloom.data import Dataset, Split
from heirloom.data.listing import BadFile, bad_note
from heirloom.data.preprocessing import Preprocess
from heirloom.losses import Loss
from heirloom.measures import Measure, measure_of
from heirloom.recipes import Recipe
from heirloom.recipes.published import Distance


@dataclass(frozen=True)
class Found(ABC):
    """What an evaluation found out about a network and the images of one split.

    Attributes:
        model: Name of the network.
        data: Name of the data set.
        split: Name of the split.
        protocol: How each image was looked at, one of `heirloom.protocols.PROTOCOLS`.
        classes: Names of the data's classes.
        labels: (N,) true classes.
        names: What the images' files are called, where they have files.
        images: Hexadecimal SHA-256 of which images these are, with their labels; empty if nobody says.
        distance: The published result that a run of this recipe stands beside, where there is one.
        bad: Files of the split that only decoding found bad, and that are left out.
    """

    model: str
    data: str
    split: str
    protocol: str
    classes: tuple[str, ...]
    labels: Tensor
    names: tuple[str, ...] = field(default=(), kw_only=True)
    images: str = field(default="", kw_only=True)
    distance: Distance | None = field(default=None, kw_only=True)
    bad: tuple[BadFile, ...] = field(default=(), kw_only=True)

    measure: ClassVar[Measure]
    """What the first metric measures."""

    def named(self, measure: Measure) -> str:
        """Name of a measure with its split and protocol: ``top1@test:center``."""
        return f"{measure.name}@{self.split}:{self.protocol}"

    @property
    def metric(self) -> str:
        """Name of what was measured, with its split and protocol."""
        return self.named(self.measure)

    @property
    @abstractmethod
    def metrics(self) -> dict[str, dict[str, Any]]:
        """Entries of the JSON file by the name of the metric, the one called `metric` first."""

    def line(self) -> str:
        """``top1@test:center 99.12 % (9912/10000), 95 % 98.92 to 99.29``."""
        return self.measure.line(self.metric, self.metrics[self.metric])

    def lines(self) -> list[str]:
        """Each metric in a line with its 95 % interval, the published one beside it, what was left out."""
        said = [measure_of(metric).line(metric, entry) for metric, entry in self.metrics.items()]
        said += [self.distance.text] if self.distance else []
        return [*said, *([bad_note(self.bad)] if self.bad else [])]

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON form, schema 1."""
        found = {
            "schema": 1,
            "model": self.model,
            "data": self.data,
            "split": self.split,
            "protocol": self.protocol,
            "images": self.images,
            "n": len(self.labels),
            "metrics": self.metrics,
        }
        if self.distance:
            found["published"] = self.distance.as_dict()
        return found

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Of the CSV file."""

    @abstractmethod
    def rows(self) -> Iterator[list[Any]]:
        """The cells of each image, as many as there are columns."""

    def as_csv(self) -> str:
        """One line per image; the last column is the name of its file, where it has one."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*self.columns, *(["path"] if self.names else [])])
        for i, row in enumerate(self.rows()):
            writer.writerow([*row, *self.names[i : i + 1]])
        return out.getvalue()


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
        self, model: str, data: str, split: str, protocol: str, dataset: Dataset, chosen: Split, kept: Tensor
    ) -> Found:
        """The evaluation of the chosen images, from what was kept."""
