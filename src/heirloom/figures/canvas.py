"""A drawing that is no chart: marks at their places, to be written as SVG or as PNG.

Lengths are pixels of a screen, y goes down. Colours are roles of a `palette.Theme`, so that one drawing
serves both themes. Text is measured with DejaVu Sans, which is wider than what most readers have: what fits
here fits there.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unicodedata import bidirectional

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from numpy.typing import NDArray
from PIL import ImageFont

from heirloom.errors import printable

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Command = tuple[str, tuple[Point, ...]]
"""Part of a path: ``M`` and ``L`` with one point, ``C`` with three, ``Z`` with none."""


@dataclass(frozen=True)
class Shape:
    """A path, filled or stroked or both."""

    commands: tuple[Command, ...]
    fill: str | None = None
    stroke: str | None = None
    width: float = 1.0
    dash: tuple[float, ...] = ()
    opacity: float = 1.0

    @property
    def box(self) -> Box:
        """Left, top, right, bottom of its points."""
        x, y = zip(*(point for _, points in self.commands for point in points), strict=True)
        return (min(x), min(y), max(x), max(y))


@dataclass(frozen=True)
class Words:
    """One line of text; ``y`` is its baseline, ``anchor`` start, middle or end."""

    x: float
    y: float
    text: str
    size: float
    colour: str = "ink"
    bold: bool = False
    anchor: str = "start"
    turned: bool = False
    """Reading upwards."""
    struck: bool = False

    @property
    def box(self) -> Box:
        """Left, top, right, bottom of its letters."""
        wide = width_of(self.text, self.size, self.bold)
        before = {"start": 0.0, "middle": wide / 2, "end": wide}[self.anchor]
        up, down = 0.76 * self.size, 0.24 * self.size
        if self.turned:
            return (self.x - up, self.y + before - wide, self.x + down, self.y + before)
        return (self.x - before, self.y - up, self.x - before + wide, self.y + down)


@dataclass(frozen=True)
class Raster:
    """Pixels (H, W) or (H, W, 3), fitted into a rectangle."""

    x: float
    y: float
    wide: float
    high: float
    pixels: NDArray[np.uint8]

    @property
    def box(self) -> Box:
        """Left, top, right, bottom."""
        return (self.x, self.y, self.x + self.wide, self.y + self.high)


@dataclass(frozen=True)
class Group:
    """Marks that are one thing, such as a layer."""

    id: str
    title: str
    data: dict[str, str]
    marks: list["Mark"]


Mark = Shape | Words | Raster | Group


@dataclass
class Canvas:
    """Marks in the order in which they are drawn.

    Attributes:
        width: In pixels of a screen.
        height: The same.
        scale: Pixels of a PNG for each of these.
        top: Where the heading ends. A page that says in its own words what this is shows what is below.
    """

    width: float
    height: float
    scale: int = 2
    top: float = 0
    marks: list[Mark] = field(default_factory=list)

    def path(self, *commands: Command, **look: Any) -> None:
        """Any path; ``look`` is fill, stroke, width, dash and opacity of `Shape`."""
        self.marks.append(Shape(commands, **look))

    def polygon(self, points: Sequence[Point], **look: Any) -> None:
        """A closed line."""
        self.path(("M", (points[0],)), *(("L", (p,)) for p in points[1:]), ("Z", ()), **look)

    def line(self, points: Sequence[Point], stroke: str = "soft", **look: Any) -> None:
        """An open line through ``points``."""
        self.path(("M", (points[0],)), *(("L", (p,)) for p in points[1:]), stroke=stroke, **look)

    def arrow(self, points: Sequence[Point], stroke: str = "soft", head: float = 7, **look: Any) -> None:
        """A line that ends in an arrow head at the last of ``points``."""
        (x0, y0), (x1, y1) = points[-2:]
        length = float(np.hypot(x1 - x0, y1 - y0)) or 1.0
        dx, dy = (x1 - x0) / length * head, (y1 - y0) / length * head
        back = (x1 - dx, y1 - dy)
        self.line([*points[:-1], back], stroke, **look)
        sides = [(back[0] - dy * 0.5, back[1] + dx * 0.5), (back[0] + dy * 0.5, back[1] - dx * 0.5)]
        self.polygon([(x1, y1), *sides], fill=stroke)

    def rect(self, x: float, y: float, wide: float, high: float, radius: float = 0, **look: Any) -> None:
        """A rectangle from its upper left corner, its corners rounded by ``radius``."""
        r = min(radius, wide / 2, high / 2)
        if not r:
            self.polygon([(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)], **look)
            return
        k, right, low = 0.4477 * r, x + wide, y + high  # a quarter of a circle
        self.path(
            ("M", ((x + r, y),)),
            ("L", ((right - r, y),)),
            ("C", ((right - k, y), (right, y + k), (right, y + r))),
            ("L", ((right, low - r),)),
            ("C", ((right, low - k), (right - k, low), (right - r, low))),
            ("L", ((x + r, low),)),
            ("C", ((x + k, low), (x, low - k), (x, low - r))),
            ("L", ((x, y + r),)),
            ("C", ((x, y + k), (x + k, y), (x + r, y))),
            ("Z", ()),
            **look,
        )

    def text(self, x: float, y: float, text: str, size: float = 14, **look: Any) -> None:
        """A line of text, which may come from outside; ``look`` is the rest of `Words`."""
        text = printable(text)
        if text.startswith("→") and reads_leftwards(text):
            text = "\N{LEFT-TO-RIGHT MARK}" + text  # else the arrow comes last, and points away
        self.marks.append(Words(x, y, text, size, **look))

    def image(self, x: float, y: float, wide: float, high: float, pixels: NDArray[np.uint8]) -> None:
        """A picture of pixels."""
        self.marks.append(Raster(x, y, wide, high, pixels))

    @contextmanager
    def group(self, id: str, title: str, **data: object) -> Iterator[None]:
        """What is drawn inside is one element with a title, its ``data`` as ``data-...`` attributes."""
        outer, self.marks = self.marks, []
        try:
            yield
        finally:
            named = {key.replace("_", "-"): printable(str(value)) for key, value in data.items()}
            outer.append(Group(id, printable(title), named, self.marks))
            self.marks = outer

    def words(self) -> list[Words]:
        """All text, also that in groups."""
        return [mark for mark in _flat(self.marks) if isinstance(mark, Words)]

    def groups(self) -> list[Group]:
        """All groups, outer ones before inner ones."""
        return _groups(self.marks)

    @property
    def subtitle(self) -> str:
        """What its heading says below the title."""
        return " ".join(mark.text for mark in self.words() if mark.y <= self.top and not mark.bold)

    def below_heading(self) -> tuple[list[Mark], Box]:
        """The marks without the heading, and left, top, right, bottom of what they cover."""
        marks = [mark for mark in self.marks if not isinstance(mark, Words) or mark.y > self.top]
        ends = list(zip(*(mark.box for mark in _flat(marks)), strict=True))
        return marks, (min(ends[0]), min(ends[1]), max(ends[2]), max(ends[3]))


def _flat(marks: Sequence[Mark]) -> Iterator[Shape | Words | Raster]:
    for mark in marks:
        if isinstance(mark, Group):
            yield from _flat(mark.marks)
        else:
            yield mark


def _groups(marks: Sequence[Mark]) -> list[Group]:
    return [g for mark in marks if isinstance(mark, Group) for g in (mark, *_groups(mark.marks))]


def reads_leftwards(text: str) -> bool:
    """Whether a part of it is written from right to left."""
    return any(bidirectional(letter) in ("R", "AL") for letter in text)


def font(size: float, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib: the same on every machine."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


_STRANGE = 116
"""Width of a letter of 100 that the font lacks: matplotlib draws a box with the name of its script."""


@cache
def _measure(bold: bool) -> tuple[ImageFont.FreeTypeFont, frozenset[str]]:
    """The font, and the letters that it has."""
    found = font(100, bold)
    return found, frozenset(map(chr, FT2Font(found.path).get_charmap()))


def width_of(text: str, size: float, bold: bool = False) -> float:
    """How wide a line of text is."""
    letters, known = _measure(bold)
    strange = sum(letter not in known for letter in text)
    if strange:
        text = "".join(letter for letter in text if letter in known)
    return (letters.getlength(text) + _STRANGE * strange) * size / 100


def fitted_title(title: str, size: float, room: float) -> str:
    """``title`` in bold on one line; of ``name: what it shows`` the end of the name is left out."""
    name, colon, what = printable(title).rpartition(": ")
    least = width_of("…" + colon + what, size, bold=True)
    if not name or least > 0.75 * room or width_of(name + colon + what, size, bold=True) <= room:
        return fitted(title, size, room, bold=True)
    return fitted(name, size, room - width_of(colon + what, size, bold=True), bold=True) + colon + what


def fitted(text: str, size: float, room: float, bold: bool = False) -> str:
    """``text``, which may come from outside, on one line, its end left out where it is too long."""
    text = printable(text)
    if width_of(text, size, bold) <= room:
        return text
    while text and width_of(text + "…", size, bold) > room:
        text = text[:-1]
    return text.rstrip() + "…"
