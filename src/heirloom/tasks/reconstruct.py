"""To reconstruct: an image of the input's shape, measured by how far its grey values are from the input's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from heirloom.data import Dataset, Split
from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.losses import Loss
from heirloom.measures import ERROR, mean_interval
from heirloom.recipes import Recipe
from heirloom.tasks.task import Found, Task


@dataclass(frozen=True)
class Reconstruction(Found):
    """How far a network's images were from those of one split, one entry per image.

    Attributes:
        errors: (N,) for each image the mean over all its numbers of the squared difference of grey values
            from 0 (black) to 1 (white), at the size of the network's input.

    The network knows nothing of the labels. The other attributes are those of `Found`.
    """

    errors: Tensor

    measure = ERROR
    columns = ("index", "label", "error")

    @property
    def entry(self) -> dict[str, Any]:
        """Mean error, number of images, and the 95 % interval; of a single image there is none."""
        n, errors = len(self.errors), self.errors.double()
        value = float(errors.mean())
        low, high = mean_interval(value, float(errors.std()), n) if n > 1 else (None, None)
        return {"value": value, "n": n, "low": low, "high": high}

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """The mean error, ``mse@test:center``."""
        return {self.metric: self.entry}

    def rows(self) -> Iterator[list[Any]]:
        """What each image is, and its error."""
        for i, (label, error) in enumerate(zip(self.labels.tolist(), self.errors.tolist(), strict=True)):
            yield [i, self.classes[label], f"{error:.6g}"]


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
        self, model: str, data: str, split: str, protocol: str, dataset: Dataset, chosen: Split, kept: Tensor
    ) -> Reconstruction:
        """As `Reconstruction`."""
        return Reconstruction(
            model, data, split, protocol, dataset.classes, chosen.labels, kept, names=chosen.names
        )
