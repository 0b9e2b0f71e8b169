"""The nine patches of a data set that excite each map of a layer most.

Source: Zeiler, Fergus 2014, "Visualizing and understanding convolutional networks", figure 2.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from heirloom.data import short_name
from heirloom.errors import HeirloomError
from heirloom.figures.looking import convolutions, is_map, last_maps, layer_named, nonlinearity, passing
from heirloom.figures.page import MARGIN, SMALL, WIDTH, Page, enlarged, number
from heirloom.figures.palette import Theme
from heirloom.figures.picture import Asked, Picture, Subject
from heirloom.figures.pixels import Pixels, image_pixels
from heirloom.figures.shown import ready, test_images
from heirloom.rows import Row, Trace
from heirloom.tracing import trace

NINE = 9
MAPS = 12
"""Maps that are shown where none is asked for."""
FEW_PIXELS = 32
"""Up to this side a patch is shown pixel by pixel."""
_BATCH = 16


@dataclass(frozen=True)
class Patch:
    """Where a map is excited.

    Attributes:
        image: Which image of the split.
        place: (row, column) of the unit.
        value: What the unit gives.
        box: (top, left, bottom, right) of its receptive field in pixels of the input, not clipped to it.
    """

    image: int
    place: tuple[int, int]
    value: float
    box: tuple[int, int, int, int]


def top_patches(
    model: nn.Module, books: Trace, row: Row, images: Tensor, subject: Subject, maps: list[int]
) -> dict[int, list[Patch]]:
    """For each of ``maps`` the images in which it is excited most, the most first; one patch of each image.

    Args:
        model: In evaluation mode.
        books: Its trace.
        row: The layer.
        images: (N, C, H, W) uint8, fitted.
        subject: Says how they are read.
        maps: Numbers of maps.
    """
    peaks, places = [], []
    for batch in images.split(_BATCH):
        value = passing(model, books, ready(batch, subject), [row.name])[row.name][:, maps].flatten(2)
        best = value.max(2)
        peaks.append(best.values)
        places.append(best.indices)
    values, units = torch.cat(peaks), torch.cat(places)
    wide = (row.output_size or ())[2]
    found = {}
    for column, which in enumerate(maps):
        ranks = torch.sort(values[:, column], descending=True, stable=True).indices[:NINE].tolist()
        found[which] = [
            Patch(i, place, float(values[i, column]), field_of(row, place))
            for i in ranks
            for place in [divmod(int(units[i, column]), wide)]
        ]
    return found


def field_of(row: Row, place: tuple[int, int]) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of what the unit at (row, column) sees, in pixels of the input.

    Raises:
        HeirloomError: (``E-argument``) The trace does not know it.
    """
    if row.receptive_field is None or row.jump is None or row.start is None or len(row.jump) != 2:
        raise HeirloomError("E-argument", f"what the units of {row.name} see is not known")
    top, left = (s + j * p for s, j, p in zip(row.start, row.jump, place, strict=True))
    return (top, left, top + row.receptive_field[0], left + row.receptive_field[1])


def picture(asked: Asked) -> Picture:
    """Nine patches for each map of one layer; for twelve of them, or for the one of ``--unit``."""
    (subject,) = asked.subjects
    books = trace(subject.model, subject.preprocess.size, name=subject.label, lower_bound=True)
    row = _layer(asked, subject, books)
    count = (row.output_size or (0,))[0]
    if asked.unit and asked.unit[0] >= count:
        raise HeirloomError(
            "E-argument", f"{row.name} has no map {asked.unit[0]}", why=f"it has 0 to {count - 1}"
        )
    few = np.unique(np.linspace(0, count - 1, min(MAPS, count)).round().astype(int)).tolist()
    maps = [asked.unit[0]] if asked.unit else few
    data, classes, split = test_images(asked, subject)
    looked = min(len(split), asked.passes(sum(each.macs for each in books), NINE, max(NINE, len(split))))
    images = torch.cat([subject.preprocess.fit(part) for part in split.images[:looked].split(_BATCH)])
    labels = split.labels[:looked].tolist()
    found = top_patches(subject.model, books, row, images, subject, maps)
    where = f"the first {looked:,} of {len(split):,}" if looked < len(split) else f"all {looked:,}"
    title = f"{subject.label}: what excites {row.name}"
    seen = " × ".join(map(str, row.receptive_field or ()))
    words = (
        f"The nine patches of {seen} pixels to which each map answers most, and its largest answer; {where} "
        f"test images of {short_name(data)}"
    )
    numbers = {
        "layer": row.name,
        "data": data,
        "images": looked,
        "receptive_field": list(row.receptive_field or ()),
        "maps": [
            {
                "map": which,
                "patches": [
                    {
                        "image": p.image,
                        "class": classes[labels[p.image]],
                        "place": list(p.place),
                        "value": p.value,
                        "box": list(p.box),
                    }
                    for p in patches
                ],
            }
            for which, patches in found.items()
        ],
    }
    return Picture(numbers, title, words + ".", _drawn(title, words, found, images, asked.theme))


def _layer(asked: Asked, subject: Subject, books: Trace) -> Row:
    if len(asked.layers) > 1:
        raise HeirloomError("E-usage", "this picture shows one layer at a time", remedy="name one: --layer")
    if not asked.layers:
        last_maps(books, subject.label)  # there is one
        rows = convolutions(books)
        return nonlinearity(books, rows[len(rows) // 2])
    name = layer_named(books, subject.model, asked.layers[0], subject.label)
    inside = [row for row in books if row.name == name or row.name.startswith(f"{name}.")]
    row = inside[-1]
    if not is_map(row):
        raise HeirloomError(
            "E-argument",
            f"{name} has no maps",
            why="its units see the whole image, or no part of it that is known",
            remedy=f"name a layer before it: {convolutions(books)[-1].name}" if convolutions(books) else "",
        )
    return row


def cut(image: Pixels, box: tuple[int, int, int, int], ground: Pixels) -> Pixels:
    """A patch of an image (H, W, 3); what lies outside of it has the colour ``ground``."""
    top, left, bottom, right = box
    patch = np.empty((bottom - top, right - left, 3), np.uint8)
    patch[:] = ground
    y0, y1 = np.clip((top, bottom), 0, image.shape[0])
    x0, x1 = np.clip((left, right), 0, image.shape[1])
    patch[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return patch


def _drawn(title: str, words: str, found: dict[int, list[Patch]], images: Tensor, theme: Theme) -> Any:
    page = Page(title, words)
    ground = np.array([int(theme.panel[i : i + 2], 16) for i in (1, 3, 5)], np.uint8)
    alone = len(found) == 1
    room, columns = (128, 9) if alone else (57, 3)
    across = 1 if alone else 6
    gap = 4
    block = (WIDTH - 2 * MARGIN) / across
    top = page.y
    for place, (which, patches) in enumerate(found.items()):
        x = MARGIN + place % across * block
        page.y = top
        page.section(f"map {which}", number(patches[0].value), x=x, room=block - 2)
        shown = []
        for patch in patches:
            pixels = image_pixels(images[patch.image].numpy())
            colour = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
            patch_of_it = cut(colour, patch.box, ground)
            small = max(patch_of_it.shape[:2]) <= FEW_PIXELS
            shown.append(patch_of_it if small else enlarged(patch_of_it, 2 * room, FEW_PIXELS))
        labels = [number(p.value) if alone else "" for p in patches]
        page.tiles(shown, labels, room, columns, x=x, gap=gap)
        if place % across == across - 1:
            top = page.y + 18
    high, wide = images.shape[2:]
    if any(min(p.box[:2]) < 0 or p.box[2] > high or p.box[3] > wide for each in found.values() for p in each):
        words = "What lies outside of an image is left empty."
        page.canvas.text(MARGIN, page.y + 22, words, SMALL, colour="soft")
        page.y += 34
    return page.finished()
