"""Evaluation: scores of every image of a split, accuracy with its interval, the confusion matrix."""

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heirloom.data import absolute, load_data, short_name
from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.files import disk_errors, is_folder, write_atomically
from heirloom.models import faults_of
from heirloom.runs import Run
from heirloom.weights import check_classes, load_model

BATCH = 256
"""Images per forward pass."""


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
        return f"top1@{self.split}:{self.protocol}"

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


def evaluate(
    run: Path | str, data: str | None = None, *, split: str = "test", model: str | None = None
) -> Evaluation:
    """Evaluate a finished run, or a weights file, on one split.

    For a run the result is also written to its ``evaluations/``.

    Args:
        run: Run directory or weights file.
        data: Name of a data set, or path of images; by default what a run was trained on.
        split: ``train``, ``val``, ``test``, or several joined by ``+``.
        model: As in `load_model`.

    Raises:
        HeirloomError: (``E-run``, ``E-weights``) Nothing to load; (``E-weights-classes``) the data has other
            classes; (``E-data``) no such data set or split.
    """
    run = Path(run)
    loaded = load_model(run, model)
    if data is None and not is_folder(run):
        raise HeirloomError("E-data", f"which data shall {run} be evaluated on?", remedy="add --data")
    own = Run(run).recipe.data if is_folder(run) else ""
    data = absolute(data or own)
    dataset = load_data(data, fit=loaded.card.preprocess)
    check_classes(loaded.card, dataset.classes, run)
    chosen = dataset.split(split)
    preprocess = loaded.card.preprocess
    with faults_of(loaded.card.model, f"{data}, {split}"):
        scores = scores_of(loaded.model, preprocess.fit(chosen.images), preprocess)
    found = Evaluation(loaded.card.model, data, split, "center", dataset.classes, chosen.labels, scores)
    if is_folder(run):
        folder = run / "evaluations"
        with disk_errors(folder):
            folder.mkdir(exist_ok=True)
        # Another data set than the run's own is told apart by name.
        name = f"{'' if data == own else f'{short_name(data)}-'}{split}-center"
        Run(run).write_json(f"evaluations/{name}.json", found.as_dict())
        write_atomically(folder / f"{name}.csv", found.as_csv().encode())
    return found


@torch.no_grad()
def scores_of(model: nn.Module, images: Tensor, preprocess: Preprocess) -> Tensor:
    """Scores of fitted uint8 images (N, C, H, W), in evaluation mode, where the images are. Shape (N, K)."""
    model.eval()
    parts = [model(preprocess.normalised(preprocess.scaled(part))) for part in images.split(BATCH)]
    return torch.cat(parts).to(images.device)


def accuracy_line(metric: str, correct: int, n: int) -> str:
    """``top1@test:center 99.12 % (9912/10000), 95 % 98.92 to 99.29``."""
    low, high = wilson(correct, n)
    return f"{metric} {100 * correct / n:.2f} % ({correct}/{n}), 95 % {100 * low:.2f} to {100 * high:.2f}"


def wilson(correct: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a proportion; a mean number of right answers need not be whole.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    z = 1.959963984540054
    p, zz = correct / n, z * z / n
    centre, half = p + zz / 2, z * math.sqrt(p * (1 - p) / n + zz / (4 * n))
    return max(0.0, (centre - half) / (1 + zz)), min(1.0, (centre + half) / (1 + zz))
