"""The one place where image files are opened.

Formats are told by content, never by name. Colour rules: EXIF orientation is applied; 16-bit grey is
divided by 257; transparency lies on white; palettes and CMYK become RGB; of several frames the first is
taken. Nothing is clipped silently.
"""

import io
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from heirloom.errors import HeirloomError
from heirloom.files import read_regular

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
MAX_PIXELS = 50_000_000
SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"]
)
"""What counts as an image in a folder. A file that is named may bear any name."""


def open_image(source: Path | bytes, name: str = "") -> Tensor:
    """Read an image as uint8 (C, H, W): one channel if it is grey, else three.

    Args:
        source: A file, or its bytes.
        name: What to call it in errors; by default its path.

    Raises:
        HeirloomError: (``E-image``) It cannot be read: missing, no image, cut short, too large, or with
            values that no rule brings to 0 to 255.
    """
    name = name or (str(source) if isinstance(source, Path) else "image")
    try:
        data = read_regular(source) if isinstance(source, Path) else source
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The header alone is read here: the limit holds before any pixel is decoded.
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise HeirloomError(
                    "E-image",
                    "image too large",
                    where=name,
                    why=f"{width} x {height} pixels, the limit is {MAX_PIXELS:,}",
                    remedy="scale it down",
                )
            image.load()
            return _tensor(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise HeirloomError(
            "E-image", "not an image", where=name, why=f"its content is none of {', '.join(FORMATS)}"
        ) from error
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise HeirloomError("E-image", "cannot read the image", where=name, why=why) from error
    except (ValueError, SyntaxError, OverflowError, MemoryError, Image.DecompressionBombError) as error:
        raise HeirloomError("E-image", "cannot read the image", where=name, why=str(error)) from error


def _tensor(image: Image.Image) -> Tensor:
    if image.mode.startswith("I;16"):
        pixels = np.asarray(image).astype(np.uint32)
        return torch.from_numpy(((pixels + 128) // 257).astype(np.uint8)).unsqueeze(0)
    if image.mode in ("I", "F"):
        values = np.asarray(image)
        high = 65535 if image.mode == "I" else 1
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= high):
            raise ValueError(f"values outside of 0 to {high} in an image of mode {image.mode}")
        return torch.from_numpy(np.rint(values * (255 / high)).astype(np.uint8)).unsqueeze(0)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA")).convert(
            "L" if image.mode in ("LA", "La") else "RGB"
        )
    grey = image.mode in ("1", "L")
    pixels = np.array(image.convert("L" if grey else "RGB"))
    return torch.from_numpy(pixels).unsqueeze(0) if grey else torch.from_numpy(pixels).permute(2, 0, 1)
