"""What is measured of a network, and how it is said: accuracy, and the error of a reconstruction."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Z = 1.959963984540054
"""So many standard deviations, both ways, hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class Measure:
    """One number about a network and a split, a mean over images.

    Attributes:
        name: In the name of a metric, ``top1@test:center``.
        word: In a sentence, and in the events of a run.
        percent: True for a share, False for a number that is said as it is.
        higher_is_better: Which of two runs is the better one.
    """

    name: str
    word: str
    percent: bool
    higher_is_better: bool

    def better(self, value: float, other: float) -> bool:
        """Whether ``value`` is truly better than ``other``."""
        return value > other if self.higher_is_better else value < other

    def text(self, value: float, digits: int = 2) -> str:
        """``98.12 %``, with so many digits, or ``0.01234``."""
        return f"{100 * value:.{digits}f} %" if self.percent else f"{value:#.4g}"

    def line(self, metric: str, entry: dict[str, Any]) -> str:
        """A line about an entry of ``metrics`` in the JSON file of an evaluation, with its interval."""
        if self.percent:
            return accuracy_line(metric, entry["correct"], entry["n"])
        images = f"{entry['n']:,} image{'s' * (entry['n'] != 1)}"
        if entry["low"] is None:
            return f"{metric} {self.text(entry['value'])} ({images})"
        low, high = self.text(entry["low"]), self.text(entry["high"])
        return f"{metric} {self.text(entry['value'])} ({images}), 95 % {low} to {high}"

    def spread_line(self, values: Sequence[float]) -> str:
        """``mean 98.12 %, standard deviation 0.47, 3 seeds``."""
        words = f"mean {self.text(statistics.mean(values))}"
        return f"{words}, standard deviation {self.deviation_text(values)}, {len(values)} seeds"

    def deviation_text(self, values: Sequence[float]) -> str:
        """``0.47``, in points where the measure is a share, or ``0.001234``."""
        deviation = statistics.stdev(values)
        return f"{100 * deviation:.2f}" if self.percent else self.text(deviation)


ACCURACY = Measure("top1", "accuracy", percent=True, higher_is_better=True)
"""Share of right answers: the class with the largest score, of equal ones the first, is the true class."""
TOP5 = Measure("top5", "accuracy of the best five", percent=True, higher_is_better=True)
"""Share of images whose true class is among the five with the largest scores, of equal ones the first."""
ERROR = Measure("mse", "error", percent=False, higher_is_better=False)
"""Mean of squared differences of grey values from 0 (black) to 1 (white), over all numbers of the input."""

MEASURES = (ACCURACY, ERROR)
"""What a task measures while it trains, one each."""


@dataclass(frozen=True)
class ClassCounts:
    """The images of one class, and what was taken for it.

    Attributes:
        correct: Answered so, and right.
        n: Images of the class, its support.
        answered: Images, of whatever class, that were taken for it.
    """

    correct: int
    n: int
    answered: int

    @property
    def precision(self) -> float | None:
        """Share of what was taken for the class that is of it; None where nothing was."""
        return self.correct / self.answered if self.answered else None

    @property
    def recall(self) -> float | None:
        """Share of the class that was answered right; None where it has no images."""
        return self.correct / self.n if self.n else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None where there is neither."""
        return 2 * self.correct / (self.n + self.answered) if self.n + self.answered else None

    def as_dict(self) -> dict[str, Any]:
        """An entry of ``per_class`` in the JSON file of an evaluation."""
        shares = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return {"correct": self.correct, "n": self.n, "answered": self.answered, **shares}


def class_counts(confusion: Sequence[Sequence[int]]) -> list[ClassCounts]:
    """The counts of each class, from ``confusion[true][predicted]``."""
    answered = [sum(column) for column in zip(*confusion, strict=True)]
    return [ClassCounts(row[i], sum(row), answered[i]) for i, row in enumerate(confusion)]


def measure_of(metric: str) -> Measure:
    """Of ``mse@test:center`` the measure called ``mse``.

    Raises:
        StopIteration: There is none.
    """
    return next(measure for measure in (*MEASURES, TOP5) if measure.name == metric.partition("@")[0])


def share_entry(correct: int, n: int) -> dict[str, Any]:
    """A share in the JSON file of an evaluation, with its interval."""
    low, high = wilson(correct, n)
    return {"value": correct / n, "correct": correct, "n": n, "low": low, "high": high}


def accuracy_line(metric: str, correct: int, n: int) -> str:
    """``top1@test:center 99.12 % (9912/10000), 95 % 98.92 to 99.29``."""
    low, high = wilson(correct, n)
    return f"{metric} {100 * correct / n:.2f} % ({correct}/{n}), 95 % {100 * low:.2f} to {100 * high:.2f}"


def wilson(correct: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a proportion; a mean number of right answers need not be whole.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    p, zz = correct / n, Z * Z / n
    centre, half = p + zz / 2, Z * math.sqrt(p * (1 - p) / n + zz / (4 * n))
    return max(0.0, (centre - half) / (1 + zz)), min(1.0, (centre + half) / (1 + zz))


def mean_interval(mean: float, deviation: float, n: int) -> tuple[float, float]:
    """The 95 % interval of the mean of ``n`` numbers that are not negative, from their standard deviation.

    How far the chance of these images reaches, and no other: a run with another seed may lie outside. By
    the normal distribution, which is good enough for a mean of some dozens.
    """
    half = Z * deviation / math.sqrt(n)
    return max(0.0, mean - half), mean + half
