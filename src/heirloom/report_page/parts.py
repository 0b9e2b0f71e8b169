"""Pieces that several sections of a report are made of."""

from math import floor

from heirloom.documents import Html, element
from heirloom.figures.pixels import Pixels, data_uri, shrunk, zoom


def image(pixels: Pixels, alt: str, room: int) -> Html:
    """An image at a whole multiple of its size, so that its pixels are square; a large one made smaller."""
    height, width = zoom(pixels.shape[:2], room)
    crisp = "crisp" if width >= pixels.shape[1] else None
    source = data_uri(shrunk(pixels, 2 * width, 2 * height))
    return element("img", src=source, alt=alt, width=width, height=height, class_=crisp)


def share_range(value: float, interval: tuple[float, float] | None, start: int) -> Html:
    """A dot for a share, and a band for its interval if it has one, on a scale from ``start`` to 100 %."""

    def place(part: float) -> float:
        return 100 * (100 * part - start) / (100 - start)

    dot = element("u", style=f"left:{place(value):.2f}%")
    band, words = Html(), f"{100 * value:.1f} %"
    if interval:
        low, high = interval
        band = element("i", style=f"left:{place(low):.2f}%;width:{place(high) - place(low):.2f}%")
        words += f", 95 % interval {100 * low:.1f} to {100 * high:.1f}"
    return element("span", band, dot, class_="range", role="img", aria_label=words)


def share_start(lows: list[float]) -> int:
    """Where a scale up to 100 % begins: a round number below all that it shows."""
    return min(90, floor(10 * min(lows, default=0.0)) * 10)


def share(value: float | None) -> str:
    """``98.12 %``, or a dash where there is none."""
    return "–" if value is None else f"{100 * value:.2f} %"


def number(value: float | None) -> str:
    """``0.1234``, or a dash where there is none."""
    return "–" if value is None else f"{value:.4g}"


def many(count: int, noun: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
