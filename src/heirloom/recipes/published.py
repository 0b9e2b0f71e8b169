"""The result that a recipe has to stand beside, and how far from it a run is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heirloom.measures import measure_of

SIZES = {
    "mnist": {"test": 10_000},
    "fashion_mnist": {"test": 10_000},
    "cifar10": {"test": 10_000},
    "cifar100": {"test": 10_000},
    "imagenet": {"val": 50_000},
}
"""Images of the splits that results are published of: of fewer it is another figure."""


@dataclass(frozen=True)
class Published:
    """A printed accuracy, or a printed error.

    Attributes:
        value: Share of right answers, 0 to 1; or mean squared difference of grey values of 0 to 1.
        source: Where it is printed.
        metric: What was measured, with its protocol: figures compare only where these agree.
        verified: False if the figure came to us second hand.
    """

    value: float
    source: str
    metric: str = "top1@test:center"
    verified: bool = True

    @property
    def text(self) -> str:
        """It as the measure of its metric says it: ``99.05 %``, ``0.003827``."""
        return measure_of(self.metric).text(self.value)


@dataclass(frozen=True)
class Distance:
    """A run beside the published result of its recipe.

    Attributes:
        published: The result.
        value: What was measured here, less the published value; None where the two do not compare.
        why: Why they do not; else empty.
        inside: Whether the published value lies in the 95 % interval of what was measured here.
    """

    published: Published
    value: float | None = None
    why: str = ""
    inside: bool = False

    @property
    def text(self) -> str:
        """``published 99.05 % (top1@test:center, LeCun et al. 1998): 0.12 points more here``."""
        source = self.published.source + ("" if self.published.verified else "; second hand")
        words = f"published {self.published.text} ({self.published.metric}, {source}): "
        if self.value is None:
            return words + f"not compared, {self.why}"
        measure = measure_of(self.published.metric)
        size = f"{100 * abs(self.value):.2f} points" if measure.percent else measure.text(abs(self.value))
        ends = ", inside the interval" if self.inside else ""
        return words + f"{size} {'more' if self.value >= 0 else 'less'} here{ends}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, ``text`` among them."""
        return {
            "value": self.published.value,
            "metric": self.published.metric,
            "source": self.published.source,
            "verified": self.published.verified,
            "difference": self.value,
            "why": self.why,
            "text": self.text,
        }


def distance(
    published: Published, on: str, learned: str, data: str, metrics: Mapping[str, Mapping[str, Any]]
) -> Distance:
    """How far metrics are from a published result, if they were measured as it was.

    Args:
        published: The result of a recipe.
        on: Name of the data that the recipe learns, and the result was measured on.
        learned: Name of the data that was learned here.
        data: Name of the data that was evaluated.
        metrics: As in the JSON file of an evaluation, all of one split and protocol.
    """
    if data != on:
        return Distance(published, why=f"that is {on}, this is other data")
    if learned != on:
        return Distance(published, why=f"that learned {on}, this learned other data")
    if published.metric not in metrics:
        return Distance(published, why=f"here it is {' and '.join(metrics)}")
    entry = metrics[published.metric]
    split = published.metric.partition("@")[2].partition(":")[0]
    of = SIZES.get(data, {}).get(split, entry["n"])
    if entry["n"] != of:
        return Distance(published, why=f"here it is {entry['n']:,} of {of:,} images")
    inside = entry["low"] is not None and entry["low"] <= published.value <= entry["high"]
    return Distance(published, entry["value"] - published.value, inside=inside)
