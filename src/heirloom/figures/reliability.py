"""Reliability: how often answers of a certain probability are right."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from heirloom.figures.charts import INK, RULE, VAL, heading, style, svg_on_page, svg_on_white
from heirloom.measures import wilson

Bins = Sequence[Mapping[str, Any]]
"""As ``calibration.reliability`` in the JSON file of an evaluation."""


def reliability_on_page(bins: Bins) -> str:
    """The diagram as an ``svg`` element for a page that defines ``--line`` and ``--val``."""
    with style():
        figure = Figure(figsize=(5.6, 4.4))
        _draw(figure.add_axes((0.125, 0.135, 0.85, 0.84)), bins)
        return svg_on_page(figure, "reliability", describe_reliability(bins))


def reliability_on_white(bins: Bins, title: str) -> bytes:
    """The diagram under a title, as an SVG file."""
    with style():
        figure = Figure(figsize=(5.4, 5.6))
        heading(figure, title)
        _draw(figure.add_axes((0.15, 0.115, 0.8, 0.76)), bins)
        return svg_on_white(figure)


def describe_reliability(bins: Bins) -> str:
    """The diagram in words, with its numbers."""
    said = [
        f"{100 * each['accuracy']:.0f} % at {100 * each['probability']:.0f} % ({each['n']:,})"
        for each in bins
        if each["n"]
    ]
    return f"Share of right answers at their mean probability (how many): {', '.join(said)}."


def _draw(axes: Axes, bins: Bins) -> None:
    axes.plot([0, 100], [0, 100], color=INK, linewidth=1, linestyle=(0, (4, 3)))
    for each in bins:
        if not each["n"]:
            continue
        x, y = 100 * each["probability"], 100 * each["accuracy"]
        low, high = wilson(round(each["accuracy"] * each["n"]), each["n"])
        axes.plot([x, x], [100 * low, 100 * high], color=VAL, linewidth=2, solid_capstyle="butt")
        axes.plot(x, y, "o", color=VAL, markersize=7, clip_on=False)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.grid(color=RULE)
    for axis, words in ((axes.xaxis, "probability of the answer"), (axes.yaxis, "share that is right")):
        axis.set_major_locator(MultipleLocator(20))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
        axis.set_label_text(words)
