"""The one place where image files are opened.

Formats are told by content, never by name, and only those of `FORMATS` are tried. The rule for pixels:

- The orientation that EXIF or XMP names is applied. Of several frames the first is taken.
- 1-bit images, grey ones of any depth and palettes of greys become one channel, all others red, green, blue.
- 16-bit grey is divided by 257 and rounded; 16-bit colour keeps its high byte. 32-bit integers count as 0 to
  65,535, floating-point numbers as 0 to 1; where a value lies outside of that, the image is refused.
- Transparency, as a channel, in a palette or as one key colour, lies on white.
- CMYK becomes RGB as (255 - C)(255 - K) / 255; in a JPEG with Adobe's marker the values are inverted before.
- Colour profiles and gamma are not applied.

So nothing is clipped silently. A file that is cut short or damaged is refused where its format can tell: a
PNG by its checksums, which Pillow skips, a JPEG where its bytes are too few for its pixels. Damaged metadata
beside good pixels is no fault.
"""

import contextlib
import importlib
import io
import threading
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from heirloom.errors import HeirloomError
from heirloom.files import read_regular

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
MAX_PIXELS = 50_000_000
MOST_BYTES = 2**28
"""Bytes of one file: more than `MAX_PIXELS` colours take uncompressed."""
MOST_PIXELS_A_BYTE = 8 * 64
"""Of a JPEG with Huffman's codes: each block of 8 x 8 takes a bit at least. More pixels are a lie that takes
long, and much memory, to fill."""
SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"]
)
"""What counts as an image in a folder. A file that is named may bear any name."""

_simplejpeg: Any = None
with contextlib.suppress(ImportError):
    _simplejpeg = importlib.import_module("simplejpeg")
"""Twice as quick for JPEG as Pillow, the same pixels; not to be had for every system."""

DECODERS = {"pillow": PIL.__version__, "simplejpeg": getattr(_simplejpeg, "__version__", "none")}
"""The versions of what decodes."""

_STRIP = 2**20
"""Pixels that are brought to grey or RGB at once, so that a large image needs little more than itself."""
_ORIENTATION = 0x0112
_ARITHMETIC = (b"\xff\xc9", b"\xff\xca")
"""Where a JPEG has one of these markers its codes are arithmetic, and shorter."""
_KEY_STEPS = {2: 85, 4: 17}
"""A PNG of few bits names its transparent grey in its own steps, Pillow gives its pixels in 255."""

Pixels = NDArray[np.uint8]
T = TypeVar("T")


@dataclass(frozen=True)
class Picture:
    """An image as it was read.

    Attributes:
        pixels: uint8 (C, H, W), one channel if it is grey, else three.
        format: One of `FORMATS`; ``MPO`` for the JPEGs with several pictures that cameras write.
        mode: How the file stores its pixels, in Pillow's words: ``L``, ``RGB``, ``CMYK``, ``I;16``, ...
        size: (height, width) in the file, orientation applied. ``pixels`` are fewer where ``least`` allowed.
        orientation: 1 to 8, as EXIF counts. A TIFF's is applied by Pillow, and is 1 here.
        animated: There are more frames than the one that was taken.
    """

    pixels: Tensor
    format: str
    mode: str
    size: tuple[int, int]
    orientation: int = 1
    animated: bool = False


@dataclass(frozen=True)
class Head:
    """What an image file says of itself before its pixels.

    Attributes:
        channels: 1 if it is grey, else 3.
        size: (height, width), orientation applied.
    """

    channels: int
    size: tuple[int, int]


def head_of(data: bytes, name: str = "image") -> Head:
    """What the bytes of an image say of it, and whether they end as they should, without decoding the pixels.

    Raises:
        HeirloomError: (``E-image``) It is no image, too large, damaged or cut short. Of what passes, some
            cannot be read nevertheless.
    """
    return _careful(_head, data, name)


def open_image(source: Path | bytes, name: str = "", least: int = 0) -> Tensor:
    """Read an image as uint8 (C, H, W): one channel if it is grey, else three.

    Args:
        source: A file, or its bytes.
        name: What to call it in errors; by default its path.
        least: Where this is not 0, a JPEG whose sides are all at least twice as long may be decoded at a
            half, a quarter or an eighth of them, which is several times as quick. No side gets shorter
            than ``least``.

    Raises:
        HeirloomError: (``E-image``) It cannot be read: missing, no image, cut short, too large, or with
            values that no rule brings to 0 to 255.
    """
    return read_image(source, name, least).pixels


def read_image(source: Path | bytes, name: str = "", least: int = 0) -> Picture:
    """As `open_image`, with what the file says of itself."""
    name = name or (str(source) if isinstance(source, Path) else "image")
    try:
        data = source if isinstance(source, bytes) else read_regular(source, MOST_BYTES)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise HeirloomError("E-image", "cannot read the image", where=name, why=why) from error
    return _careful(_read, data, name, least)


def _careful(read: Callable[..., T], data: bytes, name: str, *more: int) -> T:
    """What ``read`` finds in an image file; whatever is wrong with it becomes one clear line."""
    try:
        with _quiet:
            return read(data, name, *more)
    except HeirloomError:
        raise
    except UnidentifiedImageError as error:
        raise HeirloomError(
            "E-image", "not an image", where=name, why=f"its content is none of {', '.join(FORMATS)}"
        ) from error
    except Image.DecompressionBombError as error:  # Pillow's own limit, which is larger
        raise _too_large(name, f"more than {Image.MAX_IMAGE_PIXELS or 0:,} pixels") from error
    # Damaged files make Pillow fail in many ways: KeyError, struct.error, RuntimeError, ...
    except Exception as error:
        why = "out of memory" if isinstance(error, MemoryError) else str(error) or type(error).__name__
        raise HeirloomError("E-image", "cannot read the image", where=name, why=why) from error


def _opened(data: bytes, name: str) -> Image.Image:
    """The image of which the header alone is read: the limit holds before any pixel is decoded."""
    image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _too_large(name, f"{width} x {height} pixels")
    if image.format == "PNG":
        _check_png(data)
    few = image.format in ("JPEG", "MPO") and width * height > MOST_PIXELS_A_BYTE * len(data)
    if few and not any(marker in data for marker in _ARITHMETIC):
        raise ValueError(f"damaged: {len(data):,} bytes are too few for {width} x {height} pixels")
    return image


def _head(data: bytes, name: str) -> Head:
    image = _opened(data, name)
    if image.format in ("JPEG", "MPO") and data.rfind(b"\xff\xd9") < 0:
        raise ValueError("cut short: it has no end")
    mode, (width, height) = image.mode, image.size
    grey = mode in ("1", "L", "LA", "La", "I", "F") or mode.startswith("I;16") or _png_depth(image, data)[1]
    grey = grey or (mode == "P" and _is_grey(image))
    turned = image.format != "TIFF" and _orientation(image) > 4  # of a TIFF Pillow says the size as turned
    return Head(1 if grey else 3, (width, height) if turned else (height, width))


def _read(data: bytes, name: str, least: int) -> Picture:
    image = _opened(data, name)
    (width, height), mode = image.size, image.mode
    if least:
        image.draft(mode, (least, least))
    if image.size == (width, height) and (quick := _quickly(image, data)) is not None:
        return _pictured(image, quick, mode, (width, height))
    image.load()
    if image.format in ("JPEG", "MPO") and mode == "CMYK" and "adobe" not in image.info:
        image = _inverted(image)  # Pillow takes every one for Adobe's
    return _pictured(image, _converted(image, *_png_depth(image, data)), mode, (width, height))


def _quickly(image: Image.Image, data: bytes) -> Pixels | None:
    """The pixels (H, W, C) of a plain JPEG by simplejpeg, where it is installed; they are Pillow's.

    None where they are to be read by Pillow, which also says what is wrong with a file.
    """
    if _simplejpeg is None or image.format != "JPEG" or image.mode not in ("L", "RGB"):
        return None
    try:
        if _simplejpeg.decode_jpeg_header(data)[:2] != (image.height, image.width):
            return None
        pixels: Pixels = _simplejpeg.decode_jpeg(data, "GRAY" if image.mode == "L" else "RGB")
    except ValueError:
        return None
    return pixels


def _pictured(image: Image.Image, pixels: Pixels, mode: str, size: tuple[int, int]) -> Picture:
    """The picture of pixels (H, W, C) as they lie in the file, of ``size`` (width, height)."""
    (width, height), orientation = size, _orientation(image)
    pixels = _turned(pixels, orientation)
    size = (width, height) if orientation > 4 else (height, width)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    return Picture(tensor, str(image.format), mode, size, orientation, _animated(image))


def _too_large(name: str, why: str) -> HeirloomError:
    return HeirloomError(
        "E-image",
        "image too large",
        where=name,
        why=f"{why}, the limit is {MAX_PIXELS:,}",
        remedy="scale it down",
    )


def _check_png(data: bytes) -> None:
    """Raise ValueError unless a PNG's pixels are those that were written, to its end."""
    view, at = memoryview(data), 8
    while at + 12 <= len(data):
        kind, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data) or kind == b"IEND":
            break
        if kind == b"IDAT" and zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(
            data[end - 4 : end], "big"
        ):
            raise ValueError(f"damaged: the checksum of its pixels at byte {at:,} is wrong")
        at = end
    if data[at + 4 : at + 8] != b"IEND":
        raise ValueError(f"cut short: {len(data):,} bytes without an end")


def _png_depth(image: Image.Image, data: bytes) -> tuple[int, bool]:
    """Bits of a channel, and whether a PNG is grey that Pillow makes RGB; (8, False) for other formats."""
    return (data[24], data[25] == 4) if image.format == "PNG" else (8, False)


def _orientation(image: Image.Image) -> int:
    with contextlib.suppress(Exception):  # damaged metadata
        value = image.getexif().get(_ORIENTATION, 1)
        return value if value in range(1, 9) else 1
    return 1


def _animated(image: Image.Image) -> bool:
    with contextlib.suppress(Exception):  # a damaged second frame
        return bool(getattr(image, "is_animated", False))
    return False


def _inverted(image: Image.Image) -> Image.Image:
    again = image.point(lambda value: 255 - value)
    again.format, again.info = image.format, image.info
    return again


def _converted(image: Image.Image, depth: int, grey: bool) -> Pixels:
    """The pixels (H, W, C) by the rule, strip by strip."""
    width, height = image.size
    rows = max(1, _STRIP // width)
    if rows >= height:
        return _strip(image, depth, grey)
    first = _strip(image.crop((0, 0, width, rows)), depth, grey)
    pixels = np.empty((height, width, first.shape[2]), np.uint8)
    pixels[:rows] = first
    for top in range(rows, height, rows):
        bottom = min(height, top + rows)
        pixels[top:bottom] = _strip(image.crop((0, top, width, bottom)), depth, grey)
    return pixels


def _strip(image: Image.Image, depth: int, grey: bool) -> Pixels:
    mode, key = image.mode, image.info.get("transparency")
    if mode in ("I", "F") or mode.startswith("I;16"):
        values = np.asarray(image)
        pixels = _from_wide(values, mode)
        if isinstance(key, int):
            pixels[values == key] = 255
        return pixels[:, :, None]
    if mode == "La":
        image = image.convert("LA")
    if mode == "P" and (grey := _is_grey(image)) and not image.has_transparency_data:
        return np.array(image.convert("L"))[:, :, None]
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or (mode == "P" and image.has_transparency_data):
        return _on_white(np.asarray(image.convert("RGBA")), grey or mode in ("LA", "La"))
    kind = "L" if mode in ("1", "L") else "RGB"
    pixels = np.array(image if mode == kind else image.convert(kind))
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if isinstance(key, int | tuple):
        wanted = np.array(key) >> 8 if depth == 16 else np.array(key) * _KEY_STEPS.get(depth, 1)
        pixels[(pixels == wanted).all(2)] = 255
    return pixels


def _from_wide(values: NDArray[np.generic], mode: str) -> Pixels:
    """Grey of more than 8 bits, by the rule. Raises ValueError for values outside of it."""
    if mode == "F":
        real = values.astype(np.float32)
        if not (np.isfinite(real).all() and real.min() >= 0 and real.max() <= 1):
            raise ValueError("values outside of 0 to 1 in an image of mode F")
        return np.rint(real * 255).astype(np.uint8)
    whole = values.astype(np.int64 if mode == "I" else np.int32)
    if whole.min() < 0 or whole.max() > 65535:
        raise ValueError(f"values outside of 0 to 65535 in an image of mode {mode}")
    return ((whole + 128) // 257).astype(np.uint8)


def _is_grey(image: Image.Image) -> bool:
    """Whether a palette has no colours."""
    colours = np.array(image.getpalette("RGB") or [0, 0, 1], np.uint8).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())


def _on_white(pixels: Pixels, grey: bool) -> Pixels:
    """RGBA (H, W, 4) laid on white: grey (H, W, 1) or RGB (H, W, 3)."""
    alpha = pixels[:, :, 3:].astype(np.uint16)
    colour = pixels[:, :, : 1 if grey else 3].astype(np.uint16)
    # 255 times 255 fits into 16 bits, and so does all that lies between the two.
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _turned(pixels: Pixels, orientation: int) -> Pixels:
    """Rows and columns as EXIF's orientation wants them."""
    if orientation == 1:
        return pixels
    if orientation > 4:
        pixels = pixels.swapaxes(0, 1)
    # Whether the first row or column of the result is the last one here.
    down, right = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return np.ascontiguousarray(pixels[:: -1 if down else 1, :: -1 if right else 1])


class _Quiet:
    """Pillow's warnings are ignored while any thread is inside.

    What they say of metadata is no fault of the pixels. `warnings.catch_warnings` would undo, at the end,
    what others set meanwhile; and whoever leaves such a block meanwhile takes away what was set in it, so
    each who enters looks whether ours still comes first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._ours: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if not warnings.filters or warnings.filters[0] is not self._ours:
                warnings.filterwarnings("ignore", module=r"PIL\.|heirloom\.images")
                self._ours = warnings.filters[0]
            self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                filters: Any = warnings.filters
                with contextlib.suppress(ValueError):  # somebody has taken it away
                    filters.remove(self._ours)


_quiet = _Quiet()
