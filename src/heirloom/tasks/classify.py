"""To classify: a score for each class, measured by the share of images whose true class has the largest."""

import csv
import io
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from heirloom.data import Dataset
from heirloom.data.preprocessing import Preprocess
from heirloom.losses import Loss, loss_of
from heirloom.measures import ACCURACY, accuracy_line, wilson
from heirloom.recipes import Recipe
from heirloom.tasks.task import Task


@dataclass(frozen=True)
class Evaluation:
    """What a network answered on one split, one entry per image.

    Attributes:
        model: Name of the network.
        data: Name of the data set.
        split: Name of the split.
        protocol: ``center``: each image once, fitted as in training.
        classes: Names of the classes.
        labels: (N,) true classes.
        scores: (N, K) the network's scores.
    """

    model: str
    data: str
    split: str
    protocol: str
    classes: tuple[str, ...]
    labels: Tensor
    scores: Tensor

    @property
    def answers(self) -> Tensor:
        """(N,) classes with the largest score."""
        return self.scores.argmax(1)

    @property
    def correct(self) -> int:
        """Number of right answers."""
        return int((self.answers == self.labels).sum())

    @property
    def metric(self) -> str:
        """Name of the accuracy, with its protocol."""
        return f"{ACCURACY.name}@{self.split}:{self.protocol}"

    @property
    def confusion(self) -> Tensor:
        """(K, K) counts, ``confusion[true][predicted]``."""
        k = len(self.classes)
        return torch.bincount(self.labels * k + self.answers, minlength=k * k).view(k, k)

    def line(self) -> str:
        """``top1@test:center 99.12 % (9912/10000), 95 % 98.92 to 99.29``."""
        return accuracy_line(self.metric, self.correct, len(self.labels))

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON form, schema 1."""
        n, confusion = len(self.labels), self.confusion
        low, high = wilson(self.correct, n)
        value = {"value": self.correct / n, "correct": self.correct, "n": n, "low": low, "high": high}
        per_class = [
            {"class": name, "correct": int(confusion[i, i]), "n": int(confusion[i].sum())}
            for i, name in enumerate(self.classes)
        ]
        return {
            "schema": 1,
            "model": self.model,
            "data": self.data,
            "split": self.split,
            "n": n,
            "metrics": {self.metric: value},
            "per_class": per_class,
            "confusion": confusion.tolist(),
        }

    def as_csv(self) -> str:
        """One line per image: what it is, what the network says, how sure it is."""
        probability, answers = F.softmax(self.scores, dim=1), self.answers
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["index", "label", "answer", "correct", "score", "probability", "label_probability"])
        for i, (label, answer) in enumerate(zip(self.labels.tolist(), answers.tolist(), strict=True)):
            writer.writerow(
                [i, self.classes[label], self.classes[answer], int(label == answer),
                 f"{float(self.scores[i, answer]):.6g}", f"{float(probability[i, answer]):.6g}",
                 f"{float(probability[i, label]):.6g}"]
            )  # fmt: skip
        return out.getvalue()


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
        self, model: str, data: str, split: str, dataset: Dataset, labels: Tensor, kept: Tensor
    ) -> Evaluation:
        """As `Evaluation`."""
        return Evaluation(model, data, split, "center", dataset.classes, labels, kept)
