"""Which classes are taken for which."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from heirloom.figures.canvas import fitted, width_of
from heirloom.figures.charts import heading, style_in
from heirloom.figures.palette import Theme

MOST_CLASSES = 30
"""Up to so many the whole matrix is shown, above it the largest confusions alone."""

_RIGHT, _WRONG = (28, 95, 196), (205, 62, 20)
_LETTERS, _LONGEST = 12.5, 170.0
"""Height of the letters of a class, and room for its name, in points."""


@dataclass(frozen=True)
class Confusion:
    """One class taken for another.

    Attributes:
        label: Index of the true class.
        answer: Index of the class answered.
        count: How many images.
        of: How many images of the true class there are.
    """

    label: int
    answer: int
    count: int
    of: int


def confusions(matrix: Sequence[Sequence[int]]) -> list[Confusion]:
    """What stands beside the diagonal of ``matrix[true][predicted]``, most frequent first."""
    found = [
        Confusion(label, answer, count, sum(row))
        for label, row in enumerate(matrix)
        for answer, count in enumerate(row)
        if count and label != answer
    ]
    return sorted(found, key=lambda c: (-c.count, c.label, c.answer))


def tints(matrix: Sequence[Sequence[int]], faint: float, strong: float) -> list[list[float]]:
    """How strongly each cell is coloured: from ``faint`` to ``strong``, and not at all where it is 0.

    Right answers by their share of the class, wrong ones by their share of the largest confusion.
    """
    most = max((c.count for c in confusions(matrix)), default=1)
    return [
        [
            faint + (strong - faint) * count / (sum(row) if i == j else most) if count else 0.0
            for j, count in enumerate(row)
        ]
        for i, row in enumerate(matrix)
    ]


def confusion_in(theme: Theme, matrix: Sequence[Sequence[int]], classes: Sequence[str], title: str) -> Figure:
    """The matrix as a chart in a theme."""
    with style_in(theme):
        return _chart(matrix, classes, title, theme)


def _chart(matrix: Sequence[Sequence[int]], classes: Sequence[str], title: str, theme: Theme) -> Figure:
    names = [fitted(name, _LETTERS, _LONGEST) for name in classes]
    k, longest = len(names), max(width_of(name, _LETTERS) for name in names) / 72
    # In inches: a cell, the margin for the names of the rows, and the heights above the matrix.
    counts = max(len(f"{count:,}") for row in matrix for count in row)
    cell, left = max(0.44 if k <= 15 else 0.34, 0.12 + 0.09 * counts), 0.8 + longest
    turned = 90 if longest > cell - 0.06 else 0
    above = 1.15 + (longest if turned else 0.1)
    width, height = max(left + k * cell + 0.35, 5.4), above + k * cell + 0.75
    wrong = sum(c.count for c in confusions(matrix))
    figure = Figure(figsize=(width, height))
    box = (left / width, 0.75 / height, k * cell / width, k * cell / height)
    axes = figure.add_axes(box)
    axes.spines[:].set_visible(False)
    axes.pcolormesh(_colours(matrix, theme)[::-1], edgecolors=theme.paper, linewidth=1.5)
    for i, row in enumerate(matrix):
        for j, count in enumerate(row):
            if count:
                x, y = j + 0.5, k - i - 0.5
                axes.text(x, y, f"{count:,}", ha="center", va="center_baseline", fontsize=11.5)
    places = [i + 0.5 for i in range(k)]
    axes.set_xticks(places, names, rotation=turned, parse_math=False)
    axes.set_yticks(places[::-1], names, parse_math=False)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.set_xlabel("answered", labelpad=8)
    axes.xaxis.set_label_position("top")
    axes.set_ylabel("true", labelpad=8)
    heading(figure, title)
    words = f"{sum(map(sum, matrix)):,} images: blue is right, orange wrong ({wrong:,})"
    figure.text(0.27 / width, 0.36 / height, words, va="center")
    return figure


def _colours(matrix: Sequence[Sequence[int]], theme: Theme) -> NDArray[np.float64]:
    """The colour of each cell on the theme's ground, 0 to 1. Shape (K, K, 3)."""
    strength = np.array(tints(matrix, 0.08, 0.6))[..., None]
    right = np.eye(len(matrix), dtype=bool)[..., None]
    colour = np.where(right, _RIGHT, _WRONG) / 255
    ground = np.array(to_rgb(theme.paper))
    return np.where(strength == 0, np.array(to_rgb(theme.panel)), ground - strength * (ground - colour))
