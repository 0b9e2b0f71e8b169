"""A recurrent network, and beside it the feed-forward network that it is for images of one height."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from heirloom.figures.charts import heading, style_in
from heirloom.figures.gradients import recurrent_layer
from heirloom.figures.palette import LIGHT, Theme
from heirloom.figures.picture import Asked, Picture

_SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Unfolding:
    """What the picture says in numbers.

    Attributes:
        network: What it is called.
        layer: Kind of the layer with the cycle.
        rows: Steps, one for each row of an image.
        inputs: Numbers of a row.
        units: Numbers of the state.
        scores: Numbers at the end.
        states: Names of what is handed from step to step.
        parameters: Of the layer with the cycle: stored once, used at every step.
    """

    network: str
    layer: str
    rows: int
    inputs: int
    units: int
    scores: int
    states: tuple[str, ...]
    parameters: int


def picture(asked: Asked) -> Picture:
    """Folded and unfolded, one network. No images are needed."""
    (subject,) = asked.subjects
    layer = recurrent_layer(subject.model, subject.label, "there is no cycle to unfold")
    *_, (_, weight) = ((n, p) for n, p in subject.model.named_parameters() if p.ndim == 2)
    found = Unfolding(
        subject.label,
        type(layer).__name__,
        subject.preprocess.size[1],
        layer.inputs,
        layer.units,
        weight.shape[0],
        layer.states,
        sum(p.numel() for p in layer.parameters()),
    )
    title = f"{found.network}: the cycle, and what it is when it is unfolded"
    return Picture(asdict(found), title, _words(found), drawing(found, asked.theme))


_SIZE = 13.2, 5.7
_LOW, _MIDDLE, _HIGH = 0.95, 2.6, 4.1
"""Heights of the rows, of the layer, of the scores."""
_HALF = 0.46
"""Half of the side of a layer."""


@dataclass(frozen=True)
class _Page:
    """Where it is drawn, and in which colours."""

    axes: Axes
    theme: Theme


def drawing(u: Unfolding, theme: Theme = LIGHT) -> Figure:
    """The cycle on the left, the chain on the right."""
    with style_in(theme):
        figure = Figure(figsize=_SIZE)
        heading(figure, f"{u.network}: the cycle, and what it is when it is unfolded")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, _SIZE[0])
        axes.set_ylim(0, _SIZE[1])
        axes.set_axis_off()
        page = _Page(axes, theme)
        _text(page, 0.27, _SIZE[1] - 0.75, _words(u), left=True, colour=theme.soft)
        _folded(page, u, 1.35)
        _text(page, 4.02, _MIDDLE, "=", size=32, colour=page.theme.soft)
        _unfolded(page, u, (6.4, 8.0, 9.6, 12.35))
        return figure


def _words(u: Unfolding) -> str:
    if u.rows == 1:
        return f"For one row it is a feed-forward network of one layer with {u.parameters:,} parameters."
    return (
        f"For {u.rows} rows it is a feed-forward network of {u.rows} layers that share their weights: "
        f"{u.parameters:,} parameters, used {u.rows} times."
    )


def _folded(page: _Page, u: Unfolding, x: float) -> None:
    _text(page, x, _LOW - 0.5, f"row, {u.inputs} numbers", colour=page.theme.soft, size=11.5)
    _layer(page, x, u, ", ".join(u.states))
    _row(page, x, "x")
    _up(page, x, _LOW + 0.27, _MIDDLE - _HALF, "U")
    _up(page, x, _MIDDLE + _HALF, _HIGH - 0.2, "V")
    _scores(page, x, u)
    colour, right = page.theme.train, x + _HALF
    loop = Path(
        [(right, _MIDDLE + 0.22), (right + 1.05, _MIDDLE + 0.75), (right + 1.05, _MIDDLE - 0.75),
         (right, _MIDDLE - 0.22)],
        [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4],
    )  # fmt: skip
    page.axes.add_patch(
        FancyArrowPatch(path=loop, arrowstyle="-|>", mutation_scale=14, linewidth=2, color=colour, fill=False)
    )
    _text(page, right + 0.93, _MIDDLE + 0.13, "W", colour=colour, bold=True, left=True)
    _text(page, right + 0.93, _MIDDLE - 0.17, "one row later", colour=page.theme.soft, size=10.5, left=True)


def _unfolded(page: _Page, u: Unfolding, places: Sequence[float]) -> None:
    """Some layers from the first on, and the last one."""
    shown = list(range(1, u.rows + 1))
    if len(shown) > len(places):
        shown = [*shown[: len(places) - 1], u.rows]
    places = places[: len(shown)]
    colour = page.theme.train
    start = ", ".join(f"{state}₀" for state in u.states) + " = 0"
    page.axes.text(
        places[0] - 0.98, _MIDDLE, start, color=page.theme.soft, fontsize=12.5, ha="right", va="center"
    )
    before = places[0] - 0.92
    for x, number in zip(places, shown, strict=True):
        left_out = number > 1 and number - 1 not in shown
        if left_out:
            between = (before + x - _HALF) / 2
            _text(page, between, _MIDDLE, "· · ·", size=20, colour=colour, bold=True)
            _text(page, between, _LOW, "· · ·", size=16, colour=page.theme.soft)
            _across(page, u, before, between - 0.36, "W")
            before = between + 0.36
        _across(page, u, before, x - _HALF, "W")
        mark = str(number).translate(_SUBSCRIPT)
        _layer(page, x, u, ", ".join(f"{state}{mark}" for state in u.states))
        _row(page, x, f"x{mark}")
        _up(page, x, _LOW + 0.27, _MIDDLE - _HALF, "U")
        before = x + _HALF
    _up(page, places[-1], _MIDDLE + _HALF, _HIGH - 0.2, "V")
    _scores(page, places[-1], u)
    rows = f"{u.rows} rows, from the top" if u.rows > 1 else "the one row"
    _text(page, (places[0] + places[-1]) / 2, _LOW - 0.5, rows, colour=page.theme.soft, size=11.5)


def _layer(page: _Page, x: float, u: Unfolding, text: str) -> None:
    page.axes.add_patch(
        FancyBboxPatch(
            (x - _HALF, _MIDDLE - _HALF),
            2 * _HALF,
            2 * _HALF,
            boxstyle="round,pad=0,rounding_size=0.12",
            facecolor=page.theme.conv,
            edgecolor=page.theme.val,
            linewidth=1.8,
        )
    )
    size = 17 if len(u.states) == 1 else 13.5
    _text(page, x, _MIDDLE + 0.11, text, size=size, bold=True, colour=page.theme.val)
    _text(page, x, _MIDDLE - 0.24, f"{u.layer} {u.units}", size=10.5, colour=page.theme.soft)


def _row(page: _Page, x: float, text: str) -> None:
    page.axes.add_patch(
        FancyBboxPatch(
            (x - _HALF, _LOW - 0.25),
            2 * _HALF,
            0.5,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=page.theme.panel,
            edgecolor=page.theme.input_edge,
            linewidth=1.4,
        )
    )
    _text(page, x, _LOW, text, size=15)


def _scores(page: _Page, x: float, u: Unfolding) -> None:
    _text(page, x, _HIGH, f"{u.scores} scores", size=13.5, bold=True)


def _up(page: _Page, x: float, low: float, high: float, text: str) -> None:
    _arrow(page, (x, low), (x, high), page.theme.ink)
    _text(page, x + 0.12, (low + high) / 2, text, left=True, bold=True)


def _across(page: _Page, u: Unfolding, left: float, right: float, text: str) -> None:
    """The state on its way to the next step: an arrow for each of its parts, the first on top."""
    colour, count = page.theme.train, len(u.states)
    heights = [_MIDDLE + 0.3 * ((count - 1) / 2 - place) for place in range(count)]
    for y in heights:
        _arrow(page, (left, y), (right, y), colour)
    _text(page, (left + right) / 2 - 0.05, heights[0] + 0.2, text, colour=colour, bold=True)


def _arrow(page: _Page, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    page.axes.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=14, linewidth=2, color=colour, shrinkA=1, shrinkB=1
        )
    )


def _text(
    page: _Page,
    x: float,
    y: float,
    text: str,
    size: float = 13,
    *,
    colour: str | None = None,
    bold: bool = False,
    left: bool = False,
) -> None:
    page.axes.text(
        x,
        y,
        text,
        fontsize=size,
        color=colour or page.theme.ink,
        fontweight="bold" if bold else "normal",
        ha="left" if left else "center",
        va="center",
        parse_math=False,
    )
