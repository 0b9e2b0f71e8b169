"""To reconstruct: an image of the input's shape, measured by how far its grey values are from the input's."""

import csv
import io
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from heirloom.data import Dataset
from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.losses import Loss
from heirloom.measures import ERROR, mean_interval
from heirloom.recipes import Recipe
from heirloom.tasks.task import Task


@dataclass(frozen=True)
class Reconstruction:
    """How far a network's images were from those of one split, one entry per image.

    Attributes:
        model: Name of the network.
        data: Name of the data set.
        split: Name of the split.
        protocol: ``center``: each image once, fitted as in training.
        classes: Names of the data's classes.
        labels: (N,) true classes, of which the network knows nothing.
        errors: (N,) for each image the mean over all its numbers of the squared difference of grey values
            from 0 (black) to 1 (white), at the size of the network's input.
    """

    model: str
    data: str
    split: str
    protocol: str
    classes: tuple[str, ...]
    labels: Tensor
    errors: Tensor

    @property
    def metric(self) -> str:
        """Name of the error, with its protocol."""
        return f"{ERROR.name}@{self.split}:{self.protocol}"

    @property
    def entry(self) -> dict[str, Any]:
        """Mean error, number of images, and the 95 % interval; of a single image there is none."""
        n, errors = len(self.errors), self.errors.double()
        value = float(errors.mean())
        low, high = mean_interval(value, float(errors.std()), n) if n > 1 else (None, None)
        return {"value": value, "n": n, "low": low, "high": high}

    def line(self) -> str:
        """``mse@test:center 0.01234 (382 images), 95 % 0.01198 to 0.01270``."""
        return ERROR.line(self.metric, self.entry)

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON form, schema 1."""
        return {
            "schema": 1,
            "model": self.model,
            "data": self.data,
            "split": self.split,
            "n": len(self.errors),
            "metrics": {self.metric: self.entry},
        }

    def as_csv(self) -> str:
        """One line per image: what it is, and its error."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["index", "label", "error"])
        for i, (label, error) in enumerate(zip(self.labels.tolist(), self.errors.tolist(), strict=True)):
            writer.writerow([i, self.classes[label], f"{error:.6g}"])
        return out.getvalue()


class Reconstruct(Task):
    """An image of the input's shape, on the input's scale; the target is the input, without any noise.

    The error is measured in grey values, whatever mean and deviation the recipe has.
    """

    measure = ERROR
    wants = ("an image of its input's shape", "for scores of classes: --set task=classify")

    def classes(self, dataset: Dataset) -> tuple[str, ...]:
        """None: labels are not learned."""
        return ()

    def output_size(self, images: Tensor, dataset: Dataset) -> tuple[int, ...]:
        """That of the images."""
        return tuple(images.shape)

    def targets(self, images: Tensor, labels: Tensor) -> Tensor:
        """The images."""
        return images

    def loss(self, recipe: Recipe, preprocess: Preprocess) -> Loss:
        """The error, a mean over the images."""
        return lambda output, target: self.kept(output, target, preprocess).mean()

    def total(self, output: Tensor, target: Tensor, preprocess: Preprocess) -> float:
        """Sum of the errors."""
        return float(self.kept(output.detach(), target, preprocess).sum())

    def kept(self, output: Tensor, images: Tensor, preprocess: Preprocess) -> Tensor:
        """The error of each image. Shape (B,)."""
        if output.shape != images.shape:  # one that can be broadcast would pass unnoticed
            raise HeirloomError(
                "E-argument",
                f"the network does not give {self.wants[0]}",
                why=f"{tuple(output.shape)} for {tuple(images.shape)}",
            )
        difference = preprocess.restored(output) - preprocess.restored(images)
        return difference.square().flatten(1).mean(1)

    def validated(self, kept: Tensor, labels: Tensor, loss: Loss) -> tuple[float, float]:
        """The error, which is the loss as well: a penalty exists in training only."""
        return float(kept.mean()), float(kept.mean())

    def found(
        self, model: str, data: str, split: str, dataset: Dataset, labels: Tensor, kept: Tensor
    ) -> Reconstruction:
        """As `Reconstruction`."""
        return Reconstruction(model, data, split, "center", dataset.classes, labels, kept)
