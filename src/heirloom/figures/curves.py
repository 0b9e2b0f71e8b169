"""Loss, accuracy and error over the epochs, training against validation."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from heirloom.figures.charts import chart_on_page, heading, style_in
from heirloom.figures.palette import LIGHT, Theme
from heirloom.measures import MEASURES

Kind = Literal["loss", "accuracy", "error"]


@dataclass(frozen=True)
class Point:
    """One epoch. Validation is None where there was none, and so is the measure of another task."""

    epoch: int
    loss: float
    accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    error: float | None = None
    val_error: float | None = None


def curve_on_page(points: Sequence[Point], kind: Kind) -> str:
    """One chart as an ``svg`` element for a page with the colours of `palette.css`."""
    with style_in(LIGHT):
        figure = Figure(figsize=(5.6, 3.6))
        _draw(figure, (0.105, 0.135, 0.87, 0.675), points, kind, LIGHT)
        return ET.tostring(chart_on_page(figure, kind, describe(points, kind)), encoding="unicode")


def kinds_of(points: Sequence[Point]) -> list[Kind]:
    """The curves to draw: accuracy or error, and before it the loss where that is another number."""
    measure: Kind = "error" if any(p.error is not None for p in points) else "accuracy"
    pairs = [(p.loss, getattr(p, measure)) for p in points]
    same = all(value is not None and isclose(loss, value, rel_tol=1e-3) for loss, value in pairs)
    return [measure] if same else ["loss", measure]


def curves_in(theme: Theme, points: Sequence[Point], title: str, kinds: Sequence[Kind]) -> Figure:
    """One or two charts side by side under a title, in a theme."""
    with style_in(theme):
        return _side_by_side(points, title, kinds, theme)


def _side_by_side(points: Sequence[Point], title: str, kinds: Sequence[Kind], theme: Theme) -> Figure:
    figure = Figure(figsize=(11.2, 4.3))
    heading(figure, title)
    width = 0.40 if len(kinds) > 1 else 0.895
    for left, kind in zip((0.075, 0.57), kinds, strict=False):
        _draw(figure, (left, 0.14, width, 0.56), points, kind, theme)
    return figure


def describe(points: Sequence[Point], kind: Kind) -> str:
    """The chart in words, with its numbers."""
    last = points[-1]
    if kind == "loss":
        words = f"Loss after epoch {last.epoch}: training {last.loss:.4g}"
        return words + (f", validation {last.val_loss:.4g}." if last.val_loss is not None else ".")
    measure = next(each for each in MEASURES if each.word == kind)
    words = f"{kind.capitalize()} after epoch {last.epoch}: training {measure.text(getattr(last, kind))}"
    value = getattr(last, f"val_{kind}")
    if value is None:
        return words + "."
    known = [(v, p.epoch) for p in points if (v := getattr(p, f"val_{kind}")) is not None]
    best, epoch = (max if measure.higher_is_better else min)(known, key=lambda pair: pair[0])
    words += f", validation {measure.text(value)}"
    return words + f"; best validation {measure.text(best)} at epoch {epoch}."


def _draw(
    figure: Figure,
    box: tuple[float, float, float, float],
    points: Sequence[Point],
    kind: Kind,
    theme: Theme,
) -> None:
    """Draw one chart into ``box`` of the figure: left, bottom, width, height without its labels."""
    axes = figure.add_axes(box)
    factor, unit, digits = (100.0, " %", ".1f") if kind == "accuracy" else (1.0, "", ".3g")
    values: list[float] = []
    for name, key, colour, dash in (
        ("validation", f"val_{kind}", theme.val, "-"),
        ("training", kind, theme.train, (0, (4, 2))),
    ):
        pairs = [(p.epoch, factor * value) for p in points if (value := getattr(p, key)) is not None]
        if not pairs:
            continue
        x, y = zip(*pairs, strict=True)
        values += y
        axes.plot(x, y, color=colour, linestyle=dash, linewidth=2, label=f"{name} {y[-1]:{digits}}{unit}")
        axes.plot(x[-1], y[-1], "o", color=colour, markersize=6, clip_on=False)
    axes.grid(axis="y")
    _scale_epochs(axes, points[0].epoch, points[-1].epoch)
    axes.set_xlabel("epoch")
    title = kind.capitalize() + ("" if kind == "accuracy" else _scale_loss(axes, values))
    if kind == "accuracy":
        low = min(values)
        # None above 100 %: no curve goes there.
        axes.set_ylim(0 if low < 30 else max(0, low - 0.06 * (100 - low) - 0.5), 100)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    # Title and legend begin where the labels of the axis do, not where the axis does.
    indent = -0.095 / box[2] * 5.6 / figure.get_figwidth()
    axes.set_title(title, loc="left", x=indent, pad=36, fontweight="bold", fontsize=13.5)
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(indent, 1.0 + 0.36 / box[3] / figure.get_figheight()),
        ncols=2,
        borderpad=0,
        borderaxespad=0,
        columnspacing=1.6,
    )


def _scale_epochs(axes: Axes, first: int, last: int) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10], min_n_ticks=1))
    alone = first == last
    axes.set_xlim(first - (1 if alone else 0.02 * (last - first)), last + alone)


def _scale_loss(axes: Axes, values: Sequence[float]) -> str:
    """Choose the scale of losses or errors; return what the title of the chart says of it."""
    low, high = min(values), max(values)
    if low <= 0 or high < 10 * low:
        return ""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.minorticks_off()
    return ", on a logarithmic scale"
