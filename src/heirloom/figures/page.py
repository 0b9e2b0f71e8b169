"""A canvas that is filled from the top: a heading, sections, rows of small pictures, a scale of colours."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from heirloom.figures.canvas import Canvas, fitted, fitted_title, width_of
from heirloom.figures.pixels import Pixels

WIDTH, MARGIN = 1280, 48
"""Of every page, in pixels of a screen: that of a slide."""
TEXT, SMALL = 19, 16
"""Heights of letters: of what is said, and of labels."""


class Page:
    """A drawing under construction; ``y`` is where the next thing begins."""

    def __init__(self, title: str, subtitle: str) -> None:
        self.canvas = Canvas(WIDTH, MARGIN)
        room = WIDTH - 2 * MARGIN
        self.canvas.text(MARGIN, MARGIN + 18, fitted_title(title, 30, room), 30, bold=True)
        self.y: float = MARGIN + 52
        for line in _lines(subtitle, TEXT, room):
            self.canvas.text(MARGIN, self.y, line, TEXT, colour="soft")
            self.y += 26
        self.canvas.top = self.y - 16
        self.y += 8

    def section(self, name: str, words: str = "", x: float = MARGIN, room: float | None = None) -> None:
        """A name in bold and words behind it, on one line; they are cut where there is no room."""
        room = WIDTH - MARGIN - x if room is None else room
        shown = fitted(name, TEXT, room * (0.6 if words else 1), bold=True)
        self.canvas.text(x, self.y + 20, shown, TEXT, bold=True)
        if words:
            used = width_of(shown, TEXT, bold=True) + 14
            self.canvas.text(x + used, self.y + 20, fitted(words, SMALL, room - used), SMALL, colour="soft")
        self.y += 32

    def picture(
        self, x: float, y: float, pixels: Pixels, room: float, frame: str = "rule"
    ) -> tuple[float, float]:
        """A picture in a square of side ``room``, in its upper left corner; height and width as shown."""
        high, wide = halves(pixels, room)
        self.canvas.image(x, y, wide, high, pixels)
        self.canvas.rect(x - 0.5, y - 0.5, wide + 1, high + 1, stroke=frame)
        return high, wide

    def tiles(
        self,
        pictures: Sequence[Pixels],
        names: Sequence[str],
        room: int,
        columns: int,
        x: float = MARGIN,
        gap: float = 5,
    ) -> None:
        """Pictures side by side, their names below them."""
        label = SMALL + 6 if any(names) else 0
        for first in range(0, len(pictures), columns):
            tall = 0.0
            for place, pixels in enumerate(pictures[first : first + columns]):
                left = x + place * (room + gap)
                high, wide = self.picture(left, self.y, pixels, room)
                tall = max(tall, high)
                if label:
                    words = fitted(names[first + place], SMALL, room + gap - 4)
                    self.canvas.text(
                        left + wide / 2, self.y + high + 16, words, SMALL, colour="soft", anchor="middle"
                    )
            self.y += tall + label + gap

    def ramp(
        self, pixels: Pixels, labels: Sequence[str], words: str = "", x: float = MARGIN, wide: float = 320
    ) -> None:
        """A scale of colours, ``labels`` evenly below it, and words behind it."""
        self.canvas.image(x, self.y, wide, 14, pixels)
        self.canvas.rect(x - 0.5, self.y - 0.5, wide + 1, 15, stroke="rule")
        for place, label in enumerate(labels):
            share = place / max(1, len(labels) - 1)
            anchor = "start" if share == 0 else "end" if share == 1 else "middle"
            self.canvas.text(x + share * wide, self.y + 34, label, SMALL, colour="soft", anchor=anchor)
        for line, text in enumerate(_lines(words, SMALL, WIDTH - MARGIN - x - wide - 28)[:2]):
            self.canvas.text(x + wide + 28, self.y + 13 + 21 * line, text, SMALL, colour="soft")
        self.y += 48

    def finished(self, least: float = 0) -> Canvas:
        """The canvas, as tall as what is on it, but no less than ``least``."""
        self.canvas.height = round(max(self.y, least) + MARGIN - 8)
        return self.canvas


def halves(pixels: Pixels, room: float) -> tuple[float, float]:
    """Height and width of a picture in a square of side ``room``, in pixels of a screen.

    A pixel of it becomes a whole number of half ones, which are whole ones in a PNG; a picture that is larger
    is made smaller.
    """
    high, wide = pixels.shape[:2]
    longest = max(high, wide)
    factor = int(2 * room / longest) / 2 if 2 * room >= longest else room / longest
    return max(0.5, round(2 * high * factor) / 2), max(0.5, round(2 * wide * factor) / 2)


def enlarged(pixels: Pixels, side: int, few: int = 64) -> Pixels:
    """A picture whose longer side is ``side``: smoothly, but one of ``few`` pixels pixel by pixel."""
    high, wide = pixels.shape[:2]
    factor = side / max(high, wide)
    smooth = Image.Resampling.BICUBIC if max(high, wide) > few else Image.Resampling.NEAREST
    size = max(1, round(wide * factor)), max(1, round(high * factor))
    return np.asarray(Image.fromarray(pixels).resize(size, smooth))


def _lines(text: str, size: float, room: float) -> list[str]:
    """``text`` on lines of at most ``room``, broken between words."""
    lines: list[str] = []
    for word in text.split():
        if lines and fitted(f"{lines[-1]} {word}", size, room) == f"{lines[-1]} {word}":
            lines[-1] += f" {word}"
        else:
            lines.append(fitted(word, size, room))
    return lines


def number(value: float) -> str:
    """In three digits, or as a whole number of more, with a true minus sign."""
    text = f"{value:,.0f}" if 1000 <= abs(value) < 1_000_000 else f"{value:.3g}"
    return text.replace("-", "−")
