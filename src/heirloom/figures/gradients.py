"""How the gradient vanishes on its way back through time: its norm at each step of a recurrent network.

Source: Hochreiter 1991; Bengio, Simard, Frasconi 1994, "Learning long-term dependencies with gradient
descent is difficult", IEEE Transactions on Neural Networks 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor, log10
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator
from torch import Tensor, nn

from heirloom.data import load_data
from heirloom.errors import HeirloomError
from heirloom.figures.charts import heading, short, style_in
from heirloom.figures.palette import LIGHT, Theme
from heirloom.figures.picture import Asked, Picture, Subject, fresh, in_double
from heirloom.layers import Recurrent
from heirloom.layers.recurrent import State

TITLE = "The gradient on its way back through time"

COMPARED = ("rnn", "lstm", "gru")
"""One of these alone is shown beside the others."""

IMAGES = 200
"""Of the test split, from the front."""

_LETTER, _LONGEST = 0.118, 26
"""Width of a letter of a label in inches, and the most letters of a name."""


def gradient_norms(model: nn.Module, images: Tensor, labels: Tensor) -> list[float]:
    """Mean norm of d loss / d state for each step, the first step first.

    The loss is the cross entropy of each image. The state is all that one step hands to the next: that of an
    LSTM is its output and its cell together, since gradients travel in both.

    Args:
        model: A network with one layer that is `Recurrent`; it is left with another ``step``.
        images: (N, C, H, W) ready for it, of its type.
        labels: (N,) classes.

    Raises:
        HeirloomError: (``E-argument``) It has no such layer, or several.
    """
    layer = recurrent_layer(model, "the network", "its gradients travel through layers, not through time")
    handed: list[State] = []
    original = layer.step

    def step(read: Tensor, state: State) -> State:
        # A view, so that the part of a gradient that comes from the next step is told from the rest.
        following = tuple(part.view_as(part) for part in original(read, state))
        handed.append(following)
        return following

    layer.step = step  # type: ignore[method-assign]
    with torch.enable_grad():
        loss = F.cross_entropy(model(images.requires_grad_()), labels, reduction="sum")
        parts = [part for state in handed for part in state]
        found = torch.autograd.grad(loss, parts, allow_unused=True)
    count = len(layer.states)
    norms = []
    for place in range(0, len(found), count):
        squares = [part.square().sum(1) for part in found[place : place + count] if part is not None]
        norms.append(float(torch.stack(squares).sum(0).sqrt().mean()) if squares else 0.0)
    return norms


def recurrent_layer(model: nn.Module, label: str, why: str) -> Recurrent:
    """The one layer of a network that has a cycle.

    Raises:
        HeirloomError: (``E-argument``) There is none, and ``why`` that is needed; or there are several.
    """
    found = [layer for layer in model.modules() if isinstance(layer, Recurrent)]
    if len(found) != 1:
        raise HeirloomError(
            "E-argument",
            f"{label} has {'several layers' if found else 'no layer'} with a cycle",
            why="" if found else why,
            remedy=f"take {', '.join(COMPARED[:-1])} or {COMPARED[-1]}",
        )
    return found[0]


@dataclass(frozen=True)
class Curve:
    """The norms of one network, the first step first."""

    label: str
    network: str
    trained: bool
    norms: list[float]

    @property
    def relative(self) -> list[float]:
        """Divided by that of the last step."""
        return [norm / (self.norms[-1] or 1.0) for norm in self.norms]


def picture(asked: Asked) -> Picture:
    """All networks in one chart; a trained one beside itself with fresh weights."""
    why = "its gradients travel through layers, not through time"
    for subject in asked.subjects:
        recurrent_layer(subject.model, subject.label, why)
    data = asked.data or next((s.data for s in asked.subjects if s.data), "digits")
    dataset = load_data(data)
    split = dataset.split("test")
    curves = []
    for subject in _all_subjects(asked.subjects):
        check_classes_of(subject, dataset.classes, data)
        prepared = subject.preprocess(split.images[:IMAGES]).double()
        norms = gradient_norms(in_double(subject), prepared, split.labels[:IMAGES])
        curves.append(Curve(subject.label, subject.name, subject.trained, norms))
    count = min(IMAGES, len(split))
    numbers = {
        "data": data,
        "split": "test",
        "images": count,
        "curves": [
            {"label": c.label, "model": c.network, "trained": c.trained, "norms": c.norms} for c in curves
        ],
    }
    images = f"{count} test images of {data}"
    return Picture(numbers, TITLE, describe(curves, images), chart(curves, images, asked.theme))


def describe(curves: Sequence[Curve], images: str) -> str:
    """The chart in words, with its numbers."""
    told = "; ".join(f"{c.label} {power(c.relative[0])}" for c in curves)
    return f"{_words(curves, images)}. At the first step: {told}."


def check_classes_of(subject: Subject, classes: tuple[str, ...], data: str) -> None:
    """Refuse data with more classes than the network has scores."""
    with torch.no_grad():
        scores = subject.model(torch.zeros(1, *subject.preprocess.size)).shape[1]
    if scores < len(classes):
        raise HeirloomError(
            "E-weights-classes",
            f"{subject.label} tells {scores} classes apart",
            why=f"{data} has {len(classes)}",
            remedy="choose other data: --data",
        )


def _all_subjects(subjects: Sequence[Subject]) -> list[Subject]:
    if len(subjects) == 1 and not subjects[0].trained and subjects[0].name in COMPARED:
        (one,) = subjects
        return [one if one.name == name else fresh(name, one.args) for name in COMPARED]
    before: list[Subject] = []
    for s in subjects:
        if s.trained and not any((s.name, s.args) == (other.name, other.args) for other in before):
            first = fresh(s.name, s.args, f"{s.name.rpartition(':')[2]} untrained", s.preprocess.size)
            before.append(replace(first, preprocess=s.preprocess))
    return [*subjects, *before]


def chart(curves: Sequence[Curve], images: str, theme: Theme = LIGHT) -> Figure:
    """The curves over the steps back from the last one, on a logarithmic scale."""
    with style_in(theme):
        figure = Figure(figsize=(11.2, 6.3))
        heading(figure, TITLE)
        figure.text(0.27 / 11.2, 1 - 0.72 / 6.3, _words(curves, images), color=theme.soft, va="center")
        curves, shown = list(curves), [_words_for(curve, curves) for curve in curves]
        aside = max(map(len, shown)) * _LETTER + 0.3
        axes = figure.add_axes((0.84 / 11.2, 0.115, (11.2 - 0.84 - aside) / 11.2, 0.725))
        names = list(dict.fromkeys(curve.network for curve in curves))
        ends = []
        for curve, words in zip(curves, shown, strict=True):
            if not words:
                continue  # it lies on one that has its name, too
            colour = theme.series[names.index(curve.network) % len(theme.series)]
            values = curve.relative[::-1]
            drawn = [value if value > 0 else float("nan") for value in values]
            dashed = not curve.trained and any(other.trained for other in curves)
            axes.plot(
                range(len(drawn)),
                drawn,
                color=colour,
                linewidth=2.4,
                linestyle=(0, (3, 2)) if dashed else "-",
                marker="o",
                markersize=4.5 if not dashed else 0,
            )
            last = max((i for i, value in enumerate(values) if value > 0), default=0)
            ends.append((last, values[last] or 1.0, words, colour))
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=12))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
        axes.minorticks_off()
        axes.grid(axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
        steps = max(len(curve.norms) for curve in curves)
        axes.set_xlim(-0.4, max(steps - 1, 1) + 0.2)
        axes.set_xlabel("steps back from the last row of the image")
        figure.canvas.draw()
        _label(axes, ends)
        return figure


def _words_for(curve: Curve, curves: Sequence[Curve]) -> str:
    """What stands behind a curve: its name, and those of later ones that lie on it; of these, nothing."""
    same = [c for c in curves if c.relative == curve.relative]
    if same[0] is not curve:
        return ""
    names = short(curve.label, _LONGEST)
    if len(same) > 1:
        others = ", ".join(dict.fromkeys(c.label for c in same[1:]))
        names = f"{names} = {short(others, _LONGEST)}"
    return f"{names}\N{NO-BREAK SPACE} {power(curve.relative[0])}"


def _words(curves: Sequence[Curve], images: str) -> str:
    if not any(curve.trained for curve in curves):
        weights = "untrained"
    else:
        weights = "trained" if all(curve.trained for curve in curves) else "dashed: untrained"
    return f"Norm of ∂ loss / ∂ state, relative to the last step; mean of {images}; {weights}"


def _label(axes: Any, ends: Sequence[tuple[int, float, str, str]]) -> None:
    """Write each curve's name and last value behind its end, apart from one another."""
    height = axes.get_window_extent().height / axes.figure.dpi * 72  # in points
    low, high = (log10(limit) for limit in axes.get_ylim())
    room = 17.0  # points from line to line
    places: list[tuple[float, tuple[int, float, str, str]]] = []
    for end in sorted(ends, key=lambda end: end[1]):
        wanted = (log10(end[1]) - low) / (high - low) * height
        lowest = places[-1][0] + room if places else 0.0
        places.append((max(wanted, lowest), end))
    for y, (_, _, text, colour) in places:
        axes.annotate(
            text,
            (1.0, y / height),
            xycoords="axes fraction",
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
            annotation_clip=False,
            parse_math=False,
        )


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power(value: float) -> str:
    """``0.25``, ``4.7 × 10⁻⁸``, ``10⁻³``."""
    if value <= 0:
        return "0"
    if 0.01 <= value < 1000:
        return f"{value:.2g}"
    digits = floor(log10(value) + 1e-9)
    mantissa = f"{value / 10**digits:.1f}".removesuffix(".0")
    if mantissa == "10":
        mantissa, digits = "1", digits + 1
    exponent = f"10{str(digits).translate(_SUPERSCRIPT)}"
    return exponent if mantissa == "1" else f"{mantissa} × {exponent}"
