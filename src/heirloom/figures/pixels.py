"""Pictures made of pixels: PNG bytes, and sheets of labelled tiles on white."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from heirloom.errors import printable

Pixels = NDArray[np.uint8]
"""(H, W) grey or (H, W, 3) colour."""

INK, SOFT = "#1d1f23", "#5c6168"

_DIVERGING = np.array(
    [[5, 48, 97], [67, 147, 195], [247, 247, 247], [214, 96, 77], [103, 0, 31]], dtype=np.float64
)
"""Blue, white, red of ColorBrewer's RdBu, safe for the colour-blind; at -1, -1/2, 0, 1/2 and 1."""


def diverging(values: NDArray[Any]) -> Pixels:
    """Colours of numbers from -1 (blue) over 0 (white) to 1 (red). Shape (..., 3)."""
    stops = np.linspace(-1, 1, len(_DIVERGING))
    channels = [np.interp(values, stops, _DIVERGING[:, channel]) for channel in range(3)]
    return np.asarray(np.rint(np.stack(channels, axis=-1)), dtype=np.uint8)


def image_pixels(image: NDArray[Any]) -> Pixels:
    """A uint8 image (C, H, W) as it can be shown: three channels in colour, else their mean in grey."""
    shown = image.transpose(1, 2, 0) if len(image) == 3 else image.mean(axis=0)
    return np.ascontiguousarray(np.rint(shown), dtype=np.uint8)


def png(pixels: Pixels | Image.Image) -> bytes:
    """The bytes of a PNG file."""
    out = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def data_uri(file: bytes) -> str:
    """A PNG file as the address of an image that needs no file."""
    return "data:image/png;base64," + base64.b64encode(file).decode()


def zoom(size: tuple[int, int], room: int) -> tuple[int, int]:
    """Height and width at which an image of ``size`` is shown in a square of side ``room``.

    Whole multiples, so that its pixels stay square; an image larger than the room is made smaller.
    """
    longest = max(size)
    factor = room // longest if longest <= room else room / longest
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


@dataclass(frozen=True)
class Tile:
    """A picture with lines of text below it, the first of them darker."""

    pixels: Pixels
    names: tuple[str, ...]
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ramp:
    """A legend: a strip of colour with a number at its left, its middle and its right end."""

    pixels: Pixels
    labels: tuple[str, str, str]


def sheet(
    title: str, subtitle: str, tiles: Sequence[Tile], columns: int, room: int = 144, ramp: Ramp | None = None
) -> bytes:
    """Tiles side by side under a title, on white, as a PNG file.

    Args:
        title: In bold.
        subtitle: A line below it.
        tiles: In reading order.
        columns: How many stand side by side.
        room: Side of the square that each picture is fitted into.
        ramp: A legend below the tiles.
    """
    margin, gap, line = 48, 28, 26
    bold, plain = _font(30, bold=True), _font(20)
    sizes = [zoom(tile.pixels.shape[:2], room) for tile in tiles]
    tall, wide = max(h for h, _ in sizes), max(max(w for _, w in sizes), room)
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    step_x, step_y = wide + gap, tall + 10 + line * max(len(tile.names + tile.lines) for tile in tiles) + gap
    top = margin + 92
    width = max(columns * step_x - gap, 560) + 2 * margin
    height = top + rows * step_y - gap + (82 if ramp else 0) + margin
    canvas = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(canvas)
    room_for_text = width - 2 * margin
    draw.text((margin, margin - 8), _fitted(title, bold, room_for_text), INK, bold)
    draw.text((margin, margin + 36), _fitted(subtitle, plain, room_for_text), SOFT, plain)
    for number, (tile, (h, w)) in enumerate(zip(tiles, sizes, strict=True)):
        row, column = divmod(number, columns)
        x, y = margin + column * step_x, top + row * step_y
        method = Image.Resampling.NEAREST if w >= tile.pixels.shape[1] else Image.Resampling.LANCZOS
        canvas.paste(Image.fromarray(tile.pixels).resize((w, h), method).convert("RGB"), (x, y))
        draw.rectangle((x - 1, y - 1, x + w, y + h), outline="#d5d7da")
        for i, text in enumerate(tile.names + tile.lines):
            words = _fitted(text, plain, step_x - 8)
            draw.text((x, y + h + 10 + i * line), words, INK if i < len(tile.names) else SOFT, plain)
    if ramp:
        _draw_ramp(canvas, draw, ramp, plain, margin, height - margin - 44, min(520, room_for_text))
    return png(canvas)


def _draw_ramp(
    canvas: Image.Image,
    draw: ImageDraw.ImageDraw,
    ramp: Ramp,
    font: ImageFont.FreeTypeFont,
    x: int,
    y: int,
    width: int,
) -> None:
    canvas.paste(Image.fromarray(ramp.pixels).resize((width, 14), Image.Resampling.NEAREST), (x, y))
    draw.rectangle((x - 1, y - 1, x + width, y + 14), outline="#d5d7da")
    for place, anchor, label in zip((0, width / 2, width), ("la", "ma", "ra"), ramp.labels, strict=True):
        draw.text((x + place, y + 22), label, SOFT, font, anchor=anchor)


def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib: the same on every machine."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def _fitted(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """``text`` on one line, its end left out where it is too long."""
    text = printable(text)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
