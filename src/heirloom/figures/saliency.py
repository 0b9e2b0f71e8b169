"""Which part of an image speaks for a class: by the gradient of its score, and by covering parts.

Sources: Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks via gradient-based
localization"; Zeiler, Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2
(a grey square slides over the image).
"""

from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from heirloom.errors import HeirloomError, nearest
from heirloom.figures.canvas import fitted
from heirloom.figures.looking import convolutions, last_maps, layer_named, looking
from heirloom.figures.mistakes import percent
from heirloom.figures.page import MARGIN, SMALL, WIDTH, Page, enlarged, number
from heirloom.figures.picture import Asked, Picture, Subject
from heirloom.figures.pixels import Pixels, diverging, image_pixels, sequential
from heirloom.figures.shown import Shown, answers, ready, shown_image
from heirloom.rows import Trace
from heirloom.tracing import trace

PLACES = 5, 29
"""Places of the square along each axis, at least and at most."""
_BATCH = 16


def grad_cam(model: nn.Module, books: Trace, image: Tensor, layer: str, which: int) -> NDArray[np.float64]:
    """Where the maps of ``layer`` speak for a class: their sum, weighted by its mean gradients, above 0.

    Args:
        model: In evaluation mode.
        books: Its trace.
        image: (1, C, H, W) as it reads it.
        layer: One that gives maps.
        which: Index of the class.

    Returns:
        (h, w) of the layer's maps, in units of the score.
    """
    with torch.enable_grad(), looking(model, books, [layer]) as found:
        score = model(image.clone().requires_grad_())[0, which]
        (slope,) = torch.autograd.grad(score, found[layer])
    maps, weight = found[layer][0].detach().double(), slope[0].double().mean((1, 2))
    return np.asarray((weight[:, None, None] * maps).sum(0).clamp(min=0))


@dataclass(frozen=True)
class Covering:
    """How much a score falls where a square covers the image.

    Attributes:
        side: Of the square, in pixels of the input.
        tops: Rows at which it begins.
        lefts: Columns at which it begins.
        falls: (len(tops), len(lefts)) score of the image less that of the covered image.
    """

    side: int
    tops: list[int]
    lefts: list[int]
    falls: NDArray[np.float64]


@torch.no_grad()
def covered(subject: Subject, image: Tensor, which: int, passes: int) -> Covering:
    """Cover a fitted image (C, H, W) uint8 with a square of its mean colour at up to ``passes`` places."""
    high, wide = image.shape[1:]
    side, most = max(1, round(max(high, wide) / 6)), isqrt(passes)
    tops, lefts = _starts(high, side, most), _starts(wide, side, most)
    colour = image.float().mean((1, 2)).round().to(torch.uint8)
    variants = image.expand(len(tops) * len(lefts), *image.shape).clone()
    for place, variant in enumerate(variants):
        y, x = tops[place // len(lefts)], lefts[place % len(lefts)]
        variant[:, y : y + side, x : x + side] = colour[:, None, None]
    scores = torch.cat([subject.model(ready(batch, subject))[:, which] for batch in variants.split(_BATCH)])
    plain = subject.model(ready(image.unsqueeze(0), subject))[0, which]
    falls = (plain.double() - scores.double()).view(len(tops), len(lefts))
    return Covering(side, tops, lefts, np.asarray(falls))


def _starts(size: int, side: int, most: int) -> list[int]:
    """Where the square begins along one axis: evenly, from end to end."""
    last = max(0, size - side)
    return sorted({int(v) for v in np.linspace(0, last, min(most, last + 1)).round()})


def picture(asked: Asked) -> Picture:
    """Both for one image; a network without maps is asked by covering alone."""
    (subject,) = asked.subjects
    books = trace(subject.model, subject.preprocess.size, name=subject.label, lower_bound=True)
    passes = asked.passes(sum(row.macs for row in books), PLACES[0] ** 2, PLACES[1] ** 2)
    seen = shown_image(asked, subject)
    with torch.no_grad():
        scores = subject.model(seen.ready(subject))[0]
    if scores.ndim != 1:
        raise HeirloomError("E-argument", f"{subject.label} has no classes", why="it gives back an image")
    which = class_of(asked.answer, subject.classes, len(scores))
    best = answers(scores, subject.classes)
    which = best[0].index if which is None else which
    answer = answers(scores, subject.classes, len(scores))
    asked_for = next(a for a in answer if a.index == which)
    layer = _layer(asked, subject, books)
    cam = grad_cam(subject.model, books, seen.ready(subject), layer, which) if layer else None
    cover = covered(subject, seen.image, which, passes)
    title = f"{subject.label}: what speaks for {asked_for.label}"
    numbers: dict[str, Any] = {
        "image": seen.name,
        "class": asked_for.label,
        "index": which,
        "score": asked_for.score,
        "probability": asked_for.probability,
        "answers": [{"class": a.label, "index": a.index, "probability": a.probability} for a in best],
        "grad_cam": None if cam is None else {"layer": layer, "values": cam.tolist()},
        "occlusion": {
            "side": cover.side,
            "tops": cover.tops,
            "lefts": cover.lefts,
            "falls": cover.falls.tolist(),
        },
    }
    words = f"{seen.name}: {asked_for.label} has {percent(asked_for.probability)}"
    words += (
        "" if best[0].index == which else f"; the answer is {best[0].label}, {percent(best[0].probability)}"
    )
    panels = [Panel("The image", words, seen.pixels, None)]
    if cam is not None:
        panels.append(_cam_panel(seen, cam, layer or ""))
    panels.append(_cover_panel(seen, cover))
    described = f"{words}. Covering it lowers the score by up to {number(float(cover.falls.max()))}."
    return Picture(numbers, title, described, _drawn(title, words, panels))


def class_of(asked: str | None, classes: tuple[str, ...], count: int) -> int | None:
    """The index of a class by its name, one of its synonyms, or its number.

    Raises:
        HeirloomError: (``E-argument``) There is no such class.
    """
    if asked is None:
        return None
    if asked in classes:
        return classes.index(asked)
    for index, label in enumerate(classes):
        if asked.lower() in [word.strip().lower() for word in label.split(",")]:
            return index
    if asked.isdecimal() and int(asked) < count:
        return int(asked)
    known = classes or tuple(map(str, range(count)))
    raise HeirloomError("E-argument", f"there is no class {asked!r}", why=nearest(asked, known))


def _layer(asked: Asked, subject: Subject, books: Trace) -> str | None:
    if len(asked.layers) > 1:
        raise HeirloomError("E-usage", "this picture shows one layer at a time", remedy="name one: --layer")
    if not asked.layers:
        return last_maps(books, subject.label).name if convolutions(books) else None
    name = layer_named(books, subject.model, asked.layers[0], subject.label)
    inside = [row for row in books if row.name == name or row.name.startswith(f"{name}.")]
    if not inside or len(inside[-1].output_size or ()) != 3:
        raise HeirloomError("E-argument", f"{name} has no maps")
    return name


@dataclass(frozen=True)
class Panel:
    """One of the pictures side by side, and the scale of its colours with two or three labels."""

    name: str
    words: str
    pixels: Pixels
    ramp: tuple[Pixels, tuple[str, ...]] | None


def _cam_panel(seen: Shown, cam: NDArray[np.float64], layer: str) -> Panel:
    top = float(cam.max())
    heat = _stretched(cam / (top or 1.0), seen)
    words = f"{layer}, maps of {cam.shape[0]} × {cam.shape[1]}"
    scale = sequential(np.linspace(0, 1, 256).reshape(1, 256))
    if not top:
        words = f"nothing in the maps of {layer} speaks for it"
    labels = ("0", number(top)) if top else ("0",)
    return Panel("Grad-CAM", words, _laid_over(seen, heat, sequential(heat)), (scale, labels))


def _cover_panel(seen: Shown, cover: Covering) -> Panel:
    end = float(np.abs(cover.falls).max())
    heat = _stretched(cover.falls / (end or 1.0), seen, (cover.tops, cover.lefts, cover.side))
    words = f"fall of the score, {cover.side} × {cover.side} pixels covered"
    scale = diverging(np.linspace(-1, 1, 256).reshape(1, 256))
    labels = (f"rises {number(end)}", "0", f"falls {number(end)}")
    return Panel("Covering", words, _laid_over(seen, heat, diverging(heat)), (scale, labels))


def _stretched(
    values: NDArray[np.float64], seen: Shown, squares: tuple[list[int], list[int], int] | None = None
) -> NDArray[np.float64]:
    """Values (h, w) over the image: cell by cell, or each in the middle of its square."""
    high, wide = seen.image.shape[1:]
    if squares is None:
        stretched = F.interpolate(torch.from_numpy(values)[None, None], (high, wide), mode="bilinear")
        return np.asarray(stretched[0, 0])
    tops, lefts, side = squares
    middle = (side - 1) / 2
    down = [np.interp(np.arange(high), np.array(tops) + middle, column) for column in values.T]
    return np.array([np.interp(np.arange(wide), np.array(lefts) + middle, row) for row in np.array(down).T])


def _laid_over(seen: Shown, heat: NDArray[np.float64], colours: Pixels) -> Pixels:
    """Colours over the image in grey, as strong as the heat is."""
    grey = image_pixels(seen.image.numpy()).astype(np.float64)
    grey = grey.mean(2, keepdims=True) if grey.ndim == 3 else grey[..., None]
    strength = 0.8 * np.sqrt(np.abs(heat))[..., None]
    return np.rint((1 - strength) * grey + strength * colours).astype(np.uint8)


def _drawn(title: str, words: str, panels: list[Panel]) -> Any:
    page = Page(title, words)
    gap = 28
    room = int((WIDTH - 2 * MARGIN - 2 * gap) / 3)
    top = page.y
    for place, panel in enumerate(panels):
        x = MARGIN + place * (room + gap)
        page.y = top
        page.section(panel.name, x=x, room=room)
        page.canvas.text(
            x,
            page.y + 8,
            fitted(panel.words if place else "as the network sees it", SMALL, room),
            SMALL,
            colour="soft",
        )
        page.y += 22
        pixels = enlarged(panel.pixels, 2 * room)
        page.picture(x, page.y, pixels, room)
        if panel.ramp:
            page.y += room + 16
            page.ramp(panel.ramp[0], panel.ramp[1], x=x, wide=room)
    page.y = top + 54 + room + 16 + 48
    return page.finished()
