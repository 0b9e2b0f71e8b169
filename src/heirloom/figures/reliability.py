"""Reliability: how often answers of a certain probability are right."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from heirloom.figures.charts import chart_on_page, heading, style_in
from heirloom.figures.palette import LIGHT, Theme
from heirloom.measures import wilson

Bins = Sequence[Mapping[str, Any]]
"""As ``calibration.reliability`` in the JSON file of an evaluation."""


def reliability_on_page(bins: Bins) -> str:
    """The diagram as an ``svg`` element for a page with the colours of `palette.css`."""
    with style_in(LIGHT):
        figure = Figure(figsize=(5.6, 4.4))
        _draw(figure.add_axes((0.125, 0.135, 0.85, 0.84)), bins, LIGHT)
        chart = chart_on_page(figure, "reliability", describe_reliability(bins))
        return ET.tostring(chart, encoding="unicode")


def reliability_in(theme: Theme, bins: Bins, title: str) -> Figure:
    """The diagram under a title, as a chart in a theme."""
    with style_in(theme):
        figure = Figure(figsize=(5.8, 6.25))
        heading(figure, title)
        words = "Answers of like probability together, with 95 % intervals"
        figure.text(0.27 / 5.8, 1 - 0.68 / 6.25, words, color=theme.soft, va="center")
        _draw(figure.add_axes((0.165, 0.11, 0.78, 0.724)), bins, theme)
        return figure


def describe_reliability(bins: Bins) -> str:
    """The diagram in words, with its numbers."""
    said = [
        f"{100 * each['accuracy']:.0f} % at {100 * each['probability']:.0f} % ({each['n']:,})"
        for each in bins
        if each["n"]
    ]
    return f"Share of right answers at their mean probability (how many): {', '.join(said)}."


def _draw(axes: Axes, bins: Bins, theme: Theme) -> None:
    axes.plot([0, 100], [0, 100], color=theme.ink, linewidth=1, linestyle=(0, (4, 3)))
    for each in bins:
        if not each["n"]:
            continue
        x, y = 100 * each["probability"], 100 * each["accuracy"]
        low, high = wilson(round(each["accuracy"] * each["n"]), each["n"])
        axes.plot([x, x], [100 * low, 100 * high], color=theme.val, linewidth=2, solid_capstyle="butt")
        axes.plot(x, y, "o", color=theme.val, markersize=7, clip_on=False)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.grid(color=theme.rule)
    for axis, words in ((axes.xaxis, "probability of the answer"), (axes.yaxis, "share that is right")):
        axis.set_major_locator(MultipleLocator(20))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
        axis.set_label_text(words)
