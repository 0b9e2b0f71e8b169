"""Pictures made of pixels: PNG bytes, and sheets of labelled tiles."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from heirloom.figures.canvas import Canvas, fitted, fitted_title, width_of

Pixels = NDArray[np.uint8]
"""(H, W) grey or (H, W, 3) colour."""

_DIVERGING = np.array(
    [[5, 48, 97], [67, 147, 195], [247, 247, 247], [214, 96, 77], [103, 0, 31]], dtype=np.float64
)
"""Blue, white, red of ColorBrewer's RdBu, safe for the colour-blind; at -1, -1/2, 0, 1/2 and 1."""
_MANY_COLOURS = 4096
"""What has more of them is a photograph."""


def diverging(values: NDArray[Any]) -> Pixels:
    """Colours of numbers from -1 (blue) over 0 (white) to 1 (red). Shape (..., 3)."""
    stops = np.linspace(-1, 1, len(_DIVERGING))
    channels = [np.interp(values, stops, _DIVERGING[:, channel]) for channel in range(3)]
    return np.asarray(np.rint(np.stack(channels, axis=-1)), dtype=np.uint8)


def sequential(values: NDArray[Any]) -> Pixels:
    """Colours of numbers from 0 (dark) to 1 (light): matplotlib's viridis. Shape (..., 3)."""
    return np.asarray(colormaps["viridis"](np.clip(values, 0, 1), bytes=True)[..., :3], dtype=np.uint8)


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


def data_uri(pixels: Pixels) -> str:
    """The address of an image that needs no file: a photograph as JPEG, all else exactly, as PNG."""
    kind, file = ("jpeg", _jpeg(pixels)) if _is_photograph(pixels) else ("png", png(pixels))
    return f"data:image/{kind};base64,{base64.b64encode(file).decode()}"


def _is_photograph(pixels: Pixels) -> bool:
    if pixels.ndim == 2:
        return False
    colours = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    return len(np.unique(colours)) > _MANY_COLOURS


def _jpeg(pixels: Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()


def shrunk(pixels: Pixels, wide: int, high: int) -> Pixels:
    """Pixels of at most this size: as they are, or fitted into it."""
    if pixels.shape[1] <= wide and pixels.shape[0] <= high:
        return pixels
    small = Image.fromarray(pixels).resize((max(1, wide), max(1, high)), Image.Resampling.LANCZOS)
    return np.asarray(small)


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


def sheet(title: str, subtitle: str, tiles: Sequence[Tile], columns: int, room: int = 144) -> Canvas:
    """Tiles side by side under a title, for `writing.as_file`; in a PNG their pixels are whole pixels.

    Args:
        title: In bold.
        subtitle: A line below it.
        tiles: In reading order.
        columns: How many stand side by side.
        room: Side of the square that each picture is fitted into.
    """
    margin, gap, line, size = 48, 28, 26, 20
    sizes = [zoom(tile.pixels.shape[:2], room) for tile in tiles]
    tall, wide = max(h for h, _ in sizes), max(max(w for _, w in sizes), room)
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    step_x, step_y = wide + gap, tall + 10 + line * max(len(tile.names + tile.lines) for tile in tiles) + gap
    top = margin + 92
    told = min(round(width_of(subtitle, size)) + 2, 1000)
    width = max(columns * step_x - gap, 560, told) + 2 * margin
    height = top + rows * step_y - gap + margin
    canvas = Canvas(width, height, scale=1)
    room_for_text = width - 2 * margin
    canvas.text(margin, margin + 20, fitted_title(title, 30, room_for_text), 30, bold=True)
    canvas.text(margin, margin + 55, fitted(subtitle, size, room_for_text), size, colour="soft")
    for number, (tile, (h, w)) in enumerate(zip(tiles, sizes, strict=True)):
        row, column = divmod(number, columns)
        x, y = margin + column * step_x, top + row * step_y
        canvas.image(x, y, w, h, tile.pixels)
        canvas.rect(x - 0.5, y - 0.5, w + 1, h + 1, stroke="rule")
        for i, text in enumerate(tile.names + tile.lines):
            words, colour = fitted(text, size, step_x - 8), "ink" if i < len(tile.names) else "soft"
            canvas.text(x, y + h + 29 + i * line, words, size, colour=colour)
    return canvas
