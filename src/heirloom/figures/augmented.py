"""What becomes of a training image: boxes on the original, and the versions that epoch after epoch sees."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heirloom.data import Undecoded, load_data
from heirloom.data.augmentation import AUGMENTATIONS, Augmentation, Chosen
from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.figures.canvas import Canvas, fitted, fitted_title, width_of
from heirloom.figures.picture import Asked, Picture, Subject
from heirloom.figures.pixels import image_pixels
from heirloom.images import open_image
from heirloom.recipes import Recipe

COLUMNS, ROWS = 8, 3
"""Versions side by side, and below one another: all of one image, or a row for each of several."""

_CELL, _GAP, _BELOW, _MARGIN = 128, 12, 42, 32
_TOP = 124
_SMALL = 15
"""Height of the smallest letters."""
_WIDEST = 400
"""Of an original that is alone."""


@dataclass(frozen=True)
class Seen:
    """An image, and what a network sees of it.

    Attributes:
        name: What it is called.
        index: Its place in the training split, which decides what is drawn.
        original: (C, H, W) uint8, what boxes are drawn on.
        evaluated: Top, left, height and width in its pixels of what evaluation reads; None where it is all.
        versions: What was drawn for each epoch, boxes in pixels of the original.
        pixels: What the network sees in each.
        ground: Colour of what is put round the image.
    """

    name: str
    index: int
    original: Tensor
    evaluated: tuple[float, float, float, float] | None
    versions: list[dict[str, Any]]
    pixels: list[NDArray[np.uint8]]
    ground: str


def picture(asked: Asked) -> Picture:
    """One image in 24 epochs, or three in eight.

    Raises:
        HeirloomError: (``E-usage``) No recipe is named, or both an image and data; (``E-recipe``) it changes
            no image; and as `heirloom.data.load_data` and `heirloom.images.open_image` raise.
    """
    (subject,) = asked.subjects
    if subject.recipe is None:
        raise HeirloomError(
            "E-usage",
            f"{subject.label} is no recipe and no run",
            why="a recipe says what becomes of the images",
            remedy="heirloom list --recipes",
        )
    if asked.image and asked.data:
        raise HeirloomError("E-usage", "an image and data", remedy="give --image or --data")
    recipe = subject.recipe
    if recipe.augment == "none":
        raise HeirloomError("E-recipe", f"{subject.label} leaves images as they are", why="augment=none")
    images = list(_images(asked, subject))
    epochs = COLUMNS * ROWS if len(images) == 1 else COLUMNS
    seen = [_seen(subject, name, i, image, file, epochs) for i, (name, image, file) in enumerate(images)]
    mirrored = sum(v.get("mirrored", False) for each in seen for v in each.versions)
    title = f"{subject.label}: what becomes of a training image"
    names = ", ".join(each.name for each in seen)
    description = (
        f"{epochs} versions of {names}, those of epochs 0 to {epochs - 1}, as augment={recipe.augment} draws "
        f"them with seed {recipe.seed}; {mirrored} of {epochs * len(seen)} are mirrored."
    )
    return Picture(_numbers(subject.label, recipe, seen), title, description, _drawing(title, recipe, seen))


def _images(asked: Asked, subject: Subject) -> Iterator[tuple[str, Tensor, bool]]:
    """Names and pixels (C, H, W) of what is shown, and whether it is as its file has it."""
    recipe = subject.recipe
    assert recipe is not None
    if asked.image:
        yield asked.image.name, open_image(asked.image), True
        return
    dataset = load_data(asked.data or recipe.data, wait=False)
    split = dataset.split(recipe.split).first(ROWS)
    if isinstance(dataset.splits, Undecoded):
        originals = dataset.splits.originals(split.names, 0)
        for name, image in zip(split.names, originals, strict=True):
            yield Path(name).name, image, True
    else:
        for i, image in enumerate(split.images):
            yield f"image {i}, {dataset.classes[split.labels[i]]}", image, False


def _seen(subject: Subject, name: str, index: int, image: Tensor, file: bool, epochs: int) -> Seen:
    recipe = subject.recipe
    assert recipe is not None
    policy = AUGMENTATIONS[recipe.augment]
    preprocess = _preprocess(subject, recipe, policy, image)
    stored = policy.stored(preprocess) if policy.cuts and file else None
    kept = (stored.fit if stored else _keeper(policy, preprocess))(image[None])
    original = image if policy.cuts else kept[0]
    height, width = original.shape[1:]
    whole = (0.0, 0.0, float(height), float(width))
    area = _middle(height, width, 1.0) if stored and stored.resize == "crop" else whole
    shapes = torch.tensor([[height, width]])
    versions, pixels = [], []
    for epoch in range(epochs):
        place = torch.tensor([0])
        chosen = Chosen(
            kept, torch.tensor([index]), recipe.seed, epoch, torch.device("cpu"), shapes, rows=place
        )
        (told,) = policy.told(chosen, preprocess)
        if "box" in told:
            top, left, tall, wide = told["box"]
            box = (area[0] + top * area[2], area[1] + left * area[3], tall * area[2], wide * area[3])
            told["box"] = [round(value, 3) for value in box]
        versions.append({"epoch": epoch, **told})
        shown = preprocess.restored(policy(chosen, preprocess))[0]
        pixels.append(image_pixels(shown.mul(255).clamp(0, 255).round().to(torch.uint8).numpy()))
    of_all = preprocess.size[1] / (preprocess.box or preprocess.size[1])
    evaluated = _middle(height, width, of_all) if policy.cuts and preprocess.resize == "crop" else None
    zero = preprocess.restored(torch.zeros(1, *preprocess.size)).mean((0, 2, 3)).mul(255).tolist()
    return Seen(name, index, original, evaluated, versions, pixels, _colour(zero))


def _keeper(policy: Augmentation, preprocess: Preprocess) -> Any:
    return lambda images: policy.kept(images, preprocess, torch.device("cpu"))


def _preprocess(subject: Subject, recipe: Recipe, policy: Augmentation, image: Tensor) -> Preprocess:
    """That of a run; before it, the recipe's, with the mean of the image where that of the data is meant."""
    if subject.trained:
        return subject.preprocess
    size = subject.preprocess.size
    c = size[0]
    plain = policy.evaluated(Preprocess(size, recipe.box, (0.0,) * c, (1.0,) * c, recipe.resize))
    if recipe.normalise == "given":
        return replace(plain, mean=(recipe.mean,) * c)
    return replace(plain, mean=tuple(plain.scaled(plain.fit(image[None])).mean((0, 2, 3)).tolist()))


def _middle(height: int, width: int, part: float) -> tuple[float, float, float, float]:
    """The middle square, its side that part of the shorter one."""
    side = part * min(height, width)
    return (height - side) / 2, (width - side) / 2, side, side


def _numbers(label: str, recipe: Recipe, seen: list[Seen]) -> dict[str, Any]:
    return {
        "recipe": label,
        "augment": recipe.augment,
        "seed": recipe.seed,
        "images": [
            {
                "name": each.name,
                "index": each.index,
                "height": each.original.shape[1],
                "width": each.original.shape[2],
                "evaluated": each.evaluated and [round(value, 3) for value in each.evaluated],
                "versions": each.versions,
            }
            for each in seen
        ],
    }


# The drawing ----------------------------------------------------------------------------------------------


def _drawing(title: str, recipe: Recipe, seen: list[Seen]) -> Canvas:
    alone = len(seen) == 1
    grid = COLUMNS * (_CELL + _GAP) - _GAP
    widest = max(each.original.shape[2] / each.original.shape[1] for each in seen)
    aside = _WIDEST if alone else min(_WIDEST / 2, _CELL * max(1.0, widest))
    x = _MARGIN + aside + 2 * _GAP
    step = _CELL + _BELOW + _GAP
    rows = ROWS if alone else len(seen)
    canvas = Canvas(x + grid + _MARGIN, _TOP + rows * step - _GAP + _MARGIN - 8)
    room = canvas.width - 2 * _MARGIN
    canvas.text(_MARGIN, 50, fitted_title(title, 28, room), 28, bold=True)
    canvas.text(_MARGIN, 78, fitted(_subtitle(recipe, seen), 18, room), 18, colour="soft")
    canvas.top = 84
    if not alone:
        _legend(canvas, seen[0], x, 108, beside=True)
    for number, each in enumerate(seen):
        y = _TOP + (0 if alone else number * step)
        tallest = rows * step - _GAP - 96 if alone else _CELL
        low = _put_original(canvas, each, number, _MARGIN, y, aside, tallest)
        if alone:
            _legend(canvas, each, _MARGIN, low + 66, beside=False)
        for place, (version, pixels) in enumerate(zip(each.versions, each.pixels, strict=True)):
            row, column = divmod(place, COLUMNS)
            left = x + column * (_CELL + _GAP)
            _put_version(canvas, each, number, version, pixels, left, y + row * step)
    return canvas


def _subtitle(recipe: Recipe, seen: list[Seen]) -> str:
    last = seen[0].versions[-1]["epoch"]
    return f"augment={recipe.augment}, seed {recipe.seed}: what the network sees in epochs 0 to {last}"


def _put_original(
    canvas: Canvas, seen: Seen, number: int, x: float, y: float, room: float, tallest: float
) -> float:
    """The original with its boxes and its name; returns where it ends."""
    boxes = [version["box"] for version in seen.versions if "box" in version]
    _, height, width = seen.original.shape
    # What boxes have of the ground round the image.
    beyond = max([0.0, *(-float(value) for box in boxes for value in box[:2])])
    scale = min(room / (width + 2 * beyond), tallest / (height + 2 * beyond))
    wide, high = width * scale, height * scale
    left, top = x + beyond * scale, y + beyond * scale
    with canvas.group(f"original-{number}", seen.name, index=seen.index, height=height, width=width):
        if beyond:
            canvas.rect(x, y, wide + 2 * beyond * scale, high + 2 * beyond * scale, fill=seen.ground)
        canvas.image(left, top, wide, high, image_pixels(seen.original.numpy()))
        for box in boxes[1:]:
            _frame(canvas, box, left, top, scale, stroke="#ffffff", width=1.1, opacity=0.6)
        if seen.evaluated:
            _frame(canvas, seen.evaluated, left, top, scale, stroke="#101010", width=3.4, opacity=0.55)
            _frame(canvas, seen.evaluated, left, top, scale, stroke="#ffffff", width=1.6, dash=(6, 4))
        if boxes:
            _frame(canvas, boxes[0], left, top, scale, stroke="#101010", width=4.6, opacity=0.55)
            _frame(canvas, boxes[0], left, top, scale, stroke=_FIRST, width=2.6)
    low = y + high + 2 * beyond * scale
    size = f"{width} × {height}"
    canvas.text(x, low + 20, fitted(seen.name, _SMALL, room, bold=True), _SMALL, bold=True)
    canvas.text(x, low + 38, size, _SMALL, colour="soft")
    return low


_FIRST = "#ff9d3c"
"""Of the first box, on a photograph and on both grounds."""


def _frame(canvas: Canvas, box: Any, left: float, top: float, scale: float, **look: Any) -> None:
    y, x, tall, wide = (scale * value for value in box)
    canvas.rect(left + x, top + y, wide, tall, **look)


def _legend(canvas: Canvas, seen: Seen, x: float, y: float, beside: bool) -> None:
    """What lines and numbers say: below one another, or ``beside``."""
    first, lines = seen.versions[0], []
    if "box" in first:
        lines = [({"stroke": _FIRST, "width": 3.0}, "epoch 0"), ({"stroke": "soft"}, "the other epochs")]
    if seen.evaluated:
        lines.append(({"stroke": "soft", "width": 1.6, "dash": (6, 4)}, "what evaluation reads"))
    for look, words in lines:
        canvas.line([(x, y - 4), (x + 28, y - 4)], **look)  # type: ignore[arg-type]
        canvas.text(x + 38, y, words, _SMALL, colour="soft")
        x, y = (x + 62 + width_of(words, _SMALL), y) if beside else (x, y + 24)
    words = _numbers_mean(first)
    if words and "added" in first and "factors" not in first:
        canvas.rect(x + (0 if beside else 9), y - 9, 10, 10, fill=_chip([8.0, 2.0, -3.0]))
        x += 18 if beside else 38
    if words:
        canvas.text(x, y, words, _SMALL, colour="soft")


def _numbers_mean(version: dict[str, Any]) -> str:
    if "factors" in version:
        return f"times {', '.join(version['factors'])}"
    if "added" in version:
        channels = "red, green, blue" if len(version["added"]) == 3 else "grey"
        return f"added to each pixel: {channels}, of 255"
    return ""


def _put_version(
    canvas: Canvas,
    seen: Seen,
    number: int,
    version: dict[str, Any],
    pixels: NDArray[np.uint8],
    x: float,
    y: float,
) -> None:
    epoch = version["epoch"]
    words = f"Epoch {epoch}" + (", mirrored" if version.get("mirrored") else "")
    with canvas.group(f"image-{number}-epoch-{epoch}", words, epoch=epoch, image=number):
        canvas.image(x, y, _CELL, _CELL, pixels)
        if epoch == 0 and "box" in version:
            canvas.rect(x, y, _CELL, _CELL, stroke=_FIRST, width=2.6)
        base = y + _CELL + 18
        canvas.text(x, base, str(epoch), _SMALL, bold=True)
        if version.get("mirrored"):
            canvas.text(x + _CELL, base, "mirrored", _SMALL, colour="soft", anchor="end")
        if "factors" in version:
            values = " ".join(f"{value:.2f}" for value in version["factors"].values())
            canvas.text(x, base + 19, values, _SMALL, colour="soft")
        elif "added" in version:
            canvas.rect(x, base + 8, 11, 11, fill=_chip(version["added"]))
            signed = " ".join(f"{round(value):+d}".replace("-", "−") for value in version["added"])
            canvas.text(x + 16, base + 19, signed, _SMALL, colour="soft")


def _chip(added: list[float]) -> str:
    """Middle grey with four times that colour added."""
    return _colour([128 + 4 * value for value in added])


def _colour(values: list[float]) -> str:
    """One grey value or three, 0 to 255."""
    return "#" + "".join(
        f"{round(min(255, max(0, value))):02x}" for value in (values * 3 if len(values) == 1 else values)
    )
