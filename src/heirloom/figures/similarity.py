"""Which filters of a layer are nearly the same: the cosines between all of them, and the nearest pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering

from heirloom.errors import HeirloomError
from heirloom.figures.filters import Filters
from heirloom.figures.kernels import chosen
from heirloom.figures.page import MARGIN, SMALL, TEXT, Page, halves
from heirloom.figures.picture import Asked, Picture
from heirloom.figures.pixels import diverging
from heirloom.tracing import trace

NEAR = 0.9
"""Cosine from which two filters count as nearly the same; below the negative of it, as opposite."""
PAIRS = 7
"""Pairs that are drawn of each kind."""
MOST = 1024
"""Filters compared: their matrix has the square of it."""
_SIDE, _COLUMN, _ROOM = 560, 290, 60
_NUMBERED = 24
"""Least side of a cell in which the number of its filter stands."""


@dataclass(frozen=True)
class Similarity:
    """Cosines between filters.

    Attributes:
        cosines: (N, N).
        order: The filters so that similar ones stand together.
    """

    cosines: NDArray[np.float64]
    order: list[int]

    @cached_property
    def pairs(self) -> list[tuple[int, int, float]]:
        """All pairs with their cosines, the most similar first."""
        one, other = np.triu_indices(len(self.cosines), 1)
        values = self.cosines[one, other]
        ranks = np.lexsort((other, one, -values))
        return [(int(one[r]), int(other[r]), float(values[r])) for r in ranks]

    @property
    def nearest(self) -> list[tuple[int, int, float]]:
        """The most similar pairs that are drawn."""
        return [pair for pair in self.pairs[:PAIRS] if pair[2] > 0]

    @property
    def farthest(self) -> list[tuple[int, int, float]]:
        """The most opposite pairs that are drawn."""
        return [pair for pair in self.pairs[: -PAIRS - 1 : -1] if pair[2] < 0]

    @property
    def near(self) -> int:
        """Pairs that are nearly the same."""
        return int((np.triu(self.cosines, 1) >= NEAR).sum())

    @property
    def opposite(self) -> int:
        """Pairs of which one is nearly the negative of the other."""
        return int((np.triu(self.cosines, 1) <= -NEAR).sum())

    @property
    def repeated(self) -> int:
        """Filters that have at least one nearly the same beside them."""
        others = self.cosines - 2 * np.eye(len(self.cosines))
        return int((others >= NEAR).any(1).sum())


def similarity(weight: NDArray[Any]) -> Similarity:
    """Cosines between filters (N, C, H, W), which need not be centred; a filter of zeros is like no other.

    The order is that of the leaves of a tree that joins what is nearest on the average.
    """
    flat = weight.reshape(len(weight), -1).astype(np.float64)
    norms = np.sqrt(np.square(flat).sum(1, keepdims=True))
    unit = np.divide(flat, norms, out=np.zeros_like(flat), where=norms > 0)
    cosines = np.clip(unit @ unit.T, -1, 1)
    np.fill_diagonal(cosines, 1.0)
    if len(weight) < 2:
        return Similarity(cosines, list(range(len(weight))))
    tree = AgglomerativeClustering(1, metric="precomputed", linkage="average").fit(1 - cosines)
    return Similarity(cosines, _leaves(tree.children_.tolist()))


def _leaves(children: Sequence[Sequence[int]]) -> list[int]:
    """Leaves of a tree, from left to right; its inner nodes are numbered from the number of leaves on."""
    count = len(children) + 1
    found: list[int] = []
    left = [2 * count - 2]
    while left:
        node = left.pop()
        if node < count:
            found.append(node)
        else:
            left += reversed(children[node - count])
    return found


def picture(asked: Asked) -> Picture:
    """The matrix and the nearest pairs, of one layer of one network."""
    (subject,) = asked.subjects
    books = trace(subject.model, subject.preprocess.size, name=subject.label, lower_bound=True)
    name, weight = chosen(asked, subject, books)
    if not 2 <= len(weight) <= MOST:
        raise HeirloomError(
            "E-argument", f"{name} has {len(weight):,} filters", why=f"2 to {MOST:,} can be compared"
        )
    found = similarity(weight)
    total = len(weight) * (len(weight) - 1) // 2
    title = f"{subject.label}: which filters of {name} are nearly the same"
    words = (
        f"{found.near:,} of {total:,} pairs have a cosine of {NEAR} or more, {found.opposite:,} of −{NEAR} "
        f"or less; {found.repeated} of {len(weight)} filters have a double"
    )
    numbers = {
        "layer": name,
        "filters": len(weight),
        "near": NEAR,
        "pairs": total,
        "near_pairs": found.near,
        "opposite_pairs": found.opposite,
        "repeated": found.repeated,
        "order": found.order,
        "nearest": [{"filters": [a, b], "cosine": c} for a, b, c in found.nearest],
        "most_opposite": [{"filters": [a, b], "cosine": c} for a, b, c in found.farthest],
        "cosines": [[round(float(c), 6) for c in row] for row in found.cosines],
    }
    return Picture(
        numbers, title, words + ".", _drawn(title, words, found, Filters(name, weight, len(weight)))
    )


def _drawn(title: str, words: str, found: Similarity, filters: Filters) -> Any:
    page = Page(title, words)
    top, n = page.y, len(filters.weight)
    page.section(f"All {n}", "similar ones side by side", room=_SIDE)
    pixels = diverging(found.cosines[np.ix_(found.order, found.order)])
    high, _ = page.picture(MARGIN, page.y, pixels, _SIDE)
    if high / n >= _NUMBERED:
        for place, which in enumerate(found.order):
            x, y = MARGIN + (place + 0.5) * high / n, page.y + (place + 0.5) * high / n + 6
            page.canvas.text(x, y, str(which), SMALL, colour="#ffffff", anchor="middle")
    page.y += high + 14
    line = diverging(np.linspace(-1, 1, 256).reshape(1, 256))
    page.ramp(line, ("−1 opposite", "0", "1 the same"))
    below, page.y = page.y, top
    left = MARGIN + _SIDE + 56
    top = page.y
    for kind, pairs in (("Nearest", found.nearest), ("Most opposite", found.farthest)):
        page.y = top
        page.section(kind, "cosine", x=left, room=_COLUMN)
        for a, b, cosine in pairs:
            high = wide = 0.0
            for step, which in enumerate((a, b)):
                part = filters.pixels(which)
                high, wide = halves(part, _ROOM)
                x = left + step * (wide + 6)
                page.picture(x, page.y, part, _ROOM)
                label = SMALL - 1
                page.canvas.text(
                    x + wide / 2, page.y + high + 16, str(which), label, colour="soft", anchor="middle"
                )
            words = f"{cosine:.3f}".replace("-", "−")
            page.canvas.text(left + 2 * wide + 22, page.y + high / 2 + 7, words, TEXT)
            page.y += _ROOM + 25
        left += _COLUMN
    return page.finished(below)
