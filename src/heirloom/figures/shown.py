"""The images that pictures of a network look at: a file of one's own, or those of a data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from heirloom.data import Split, load_data, short_name
from heirloom.errors import HeirloomError
from heirloom.figures.picture import Asked, Subject
from heirloom.figures.pixels import Pixels, image_pixels
from heirloom.images import open_image

DIGITS = "digits"
"""What is shown to a network of which nobody says what it learned."""


@dataclass(frozen=True)
class Shown:
    """One image as a network sees it.

    Attributes:
        name: What to call it.
        image: (C, H, W) uint8, fitted into the network's input.
        label: Index of its class, where that is known.
    """

    name: str
    image: Tensor
    label: int | None = None

    @property
    def pixels(self) -> Pixels:
        """As it can be shown."""
        return image_pixels(self.image.numpy())

    def ready(self, subject: Subject) -> Tensor:
        """(1, C, H, W) as the network reads it."""
        return ready(self.image.unsqueeze(0), subject)


def ready(images: Tensor, subject: Subject) -> Tensor:
    """uint8 images (B, C, H, W) of the network's size as it reads them."""
    preprocess = subject.preprocess
    return preprocess.normalised(preprocess.scaled(images))


def shown_image(asked: Asked, subject: Subject) -> Shown:
    """The image that is asked for, else the first of the data's test split.

    Raises:
        HeirloomError: (``E-image``) It cannot be read; (``E-data``) there is no such data; (``E-argument``)
            the network reads no images.
    """
    _reads_images(subject)
    if asked.image is not None:
        image = open_image(Path(asked.image))
        return Shown(asked.image.name, subject.preprocess.fit(image.unsqueeze(0))[0])
    name, _, split = test_images(asked, subject)
    if not len(split):
        raise HeirloomError("E-data", f"{name} has no test images")
    image = subject.preprocess.fit(split.images[:1])[0]
    return Shown(f"test image 0 of {short_name(name)}", image, int(split.labels[0]))


def test_images(asked: Asked, subject: Subject) -> tuple[str, tuple[str, ...], Split]:
    """Name, classes and test split of the data that is asked for, else of the network's own, else digits."""
    _reads_images(subject)
    name = asked.data or subject.data or DIGITS
    dataset = load_data(name, fit=subject.preprocess, wait=False)
    return name, dataset.classes, dataset.split("test").settled()


def _reads_images(subject: Subject) -> None:
    size = subject.preprocess.size
    if len(size) != 3:
        read = " x ".join(map(str, size))
        raise HeirloomError("E-argument", f"{subject.label} reads no image", why=f"its input is {read}")


@dataclass(frozen=True)
class Answer:
    """One of the classes that a network names for an image."""

    index: int
    label: str
    score: float
    probability: float


def answers(scores: Tensor, classes: Sequence[str], count: int = 3) -> list[Answer]:
    """The best of the scores (K,) of one image, the best first."""
    probability = F.softmax(scores.double(), dim=0)
    best = torch.topk(scores, min(count, len(scores))).indices.tolist()
    return [
        Answer(i, classes[i] if i < len(classes) else f"class {i}", float(scores[i]), float(probability[i]))
        for i in best
    ]
