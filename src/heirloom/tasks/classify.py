"""To classify: a score for each class, measured by the share of images whose true class has the largest."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from heirloom.data import Dataset, Split
from heirloom.data.preprocessing import Preprocess
from heirloom.losses import Loss, loss_of
from heirloom.measures import ACCURACY, TOP5, class_counts, share_entry
from heirloom.recipes import Recipe
from heirloom.tasks.calibration import Calibration, calibration
from heirloom.tasks.task import Found, Task

BEST = 5
"""Of so many classes, or fewer, one is always among the best five."""


@dataclass(frozen=True)
class Evaluation(Found):
    """What a network answered on one split, one entry per image.

    Attributes:
        scores: (N, K) the network's scores, or logarithms of probabilities that are means over several
            views; larger wins, and of equal ones the class that comes first.

    The other attributes are those of `Found`.
    """

    scores: Tensor

    measure = ACCURACY
    columns = (
        "index",
        "label",
        "answer",
        "correct",
        "score",
        "probability",
        "label_probability",
        "label_rank",
    )

    @property
    def answers(self) -> Tensor:
        """(N,) classes with the largest score."""
        return self.scores.argmax(1)

    @property
    def ranks(self) -> Tensor:
        """(N,) places of the true classes among the scores, from 1; of equal scores the first class leads."""
        own = self.scores.gather(1, self.labels[:, None])
        before = torch.arange(self.scores.shape[1]) < self.labels[:, None]
        # What is no number is worse than nothing: where the true class has none, all others lead.
        return 1 + (~(self.scores <= own) | ((self.scores == own) & before)).sum(1)

    @property
    def correct(self) -> int:
        """Number of right answers."""
        return int((self.answers == self.labels).sum())

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """The accuracy, and that of the best five where there are more than five classes."""
        n = len(self.labels)
        found = {self.metric: share_entry(self.correct, n)}
        if len(self.classes) > BEST:
            found[self.named(TOP5)] = share_entry(int((self.ranks <= BEST).sum()), n)
        return found

    @property
    def calibration(self) -> Calibration:
        """How far the probabilities can be believed."""
        return calibration(self.scores, self.labels)

    @property
    def confusion(self) -> Tensor:
        """(K, K) counts, ``confusion[true][predicted]``."""
        k = len(self.classes)
        return torch.bincount(self.labels * k + self.answers, minlength=k * k).view(k, k)

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON form, schema 1."""
        confusion = self.confusion.tolist()
        per_class = [
            {"class": name, **counts.as_dict()}
            for name, counts in zip(self.classes, class_counts(confusion), strict=True)
        ]
        calibration = self.calibration.as_dict()
        return super().as_dict() | {
            "calibration": calibration, "per_class": per_class, "confusion": confusion,
        }  # fmt: skip

    def rows(self) -> Iterator[list[Any]]:
        """What each image is, what the network says, how sure it is."""
        probability, ranks = F.softmax(self.scores, dim=1), self.ranks.tolist()
        for i, (label, answer) in enumerate(zip(self.labels.tolist(), self.answers.tolist(), strict=True)):
            yield [
                i, self.classes[label], self.classes[answer], int(label == answer),
                f"{float(self.scores[i, answer]):.6g}", f"{float(probability[i, answer]):.6g}",
                f"{float(probability[i, label]):.6g}", ranks[i],
            ]  # fmt: skip


class Classify(Task):
    """Scores (B, K), larger wins; targets are the true classes."""

    measure = ACCURACY
    wants = ("a score per class", "if it shall give its input back: --set task=reconstruct")

    def classes(self, dataset: Dataset) -> tuple[str, ...]:
        """Those of the data."""
        return dataset.classes

    def output_size(self, images: Tensor, dataset: Dataset) -> tuple[int, ...]:
        """(B, K)."""
        return (len(images), len(dataset.classes))

    def targets(self, images: Tensor, labels: Tensor) -> Tensor:
        """The labels. Shape (B,)."""
        return labels

    def loss(self, recipe: Recipe, preprocess: Preprocess) -> Loss:
        """One of `heirloom.losses`."""
        return loss_of(recipe)

    def total(self, output: Tensor, target: Tensor, preprocess: Preprocess) -> float:
        """Number of right answers."""
        return int((output.argmax(1) == target).sum())

    def kept(self, output: Tensor, images: Tensor, preprocess: Preprocess) -> Tensor:
        """The scores. Shape (B, K)."""
        return output

    def validated(self, kept: Tensor, labels: Tensor, loss: Loss) -> tuple[float, float]:
        """Loss and accuracy."""
        return float(loss(kept, labels)), float((kept.argmax(1) == labels).float().mean())

    def found(
        self, model: str, data: str, split: str, protocol: str, dataset: Dataset, chosen: Split, kept: Tensor
    ) -> Evaluation:
        """As `Evaluation`."""
        return Evaluation(
            model, data, split, protocol, dataset.classes, chosen.labels, kept, names=chosen.names
        )
