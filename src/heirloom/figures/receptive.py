"""What one unit sees of the image: by the trace, by its gradient, and by the estimate that is wrong.

Sources: Araujo, Norris, Sim 2019, "Computing receptive fields of convolutional neural networks", Distill;
Luo, Li, Urtasun, Zemel 2016, "Understanding the effective receptive field in deep convolutional neural
networks".
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from torch import Tensor

from heirloom.errors import HeirloomError
from heirloom.figures.canvas import Canvas
from heirloom.figures.looking import convolutions, layer_named, looking
from heirloom.figures.palette import LIGHT, Theme
from heirloom.figures.picture import Asked, Picture, Subject
from heirloom.figures.pixels import Pixels
from heirloom.figures.shown import shown_image
from heirloom.figures.volumes import heading
from heirloom.rows import Row, Trace
from heirloom.tracing import trace

INPUTS, PART = 16, 0.9
"""Random images over which the gradient is averaged, and the part of it that the effective field holds."""


@dataclass(frozen=True)
class Seen:
    """What a unit sees, in pixels of the input.

    Attributes:
        layer: Its layer.
        unit: (map, row, column).
        field: (height, width) by the trace; more than the image has where it reaches into the padding.
        start: (row, column) of its first pixel; negative in the padding.
        effective: Side of the square around its middle that holds `PART` of the gradient.
        naive: Image by layer, times its window: what one might think, and None where it has no window.
    """

    layer: str
    unit: tuple[int, int, int]
    field: tuple[int, int]
    start: tuple[int, int]
    effective: int
    naive: int | None


def picture(asked: Asked) -> Picture:
    """One unit of one network; the one in the middle of the last convolution, if none is named.

    Its window lies on the image that is asked for, else on the first test image of the data of a run.

    Raises:
        HeirloomError: (``E-argument``) There is no such layer or unit, or its field is not one window.
    """
    (subject,) = asked.subjects
    if len(asked.layers) > 1:
        raise HeirloomError("E-usage", "the picture receptive-field shows one unit", remedy="name one layer")
    books = trace(subject.model, subject.preprocess.size, name=subject.label)
    row, unit = _unit(books, subject, asked.layers, asked.unit)
    asked.passes(3 * sum(each.macs for each in books), INPUTS, INPUTS)  # a gradient takes as much as two
    gradient = mean_gradient(subject, books, row.name, unit)
    sizes, jumps, starts = row.receptive_field or (0, 0), row.jump or (0, 0), row.start or (0, 0)
    field = (sizes[0], sizes[1])
    start = (starts[0] + unit[1] * jumps[0], starts[1] + unit[2] * jumps[1])
    found = Seen(
        row.name, unit, field, start, effective(gradient, field, start), naive(row, books.input_size)
    )
    picture_of = shown_image(asked, subject).pixels if asked.image or subject.data else None
    title = f"{subject.label}: what a unit of {row.name} sees"
    words = f"Map {unit[0]}, row {unit[1]}, column {unit[2]}: {field[0]} × {field[1]} pixels"
    words += f", {found.effective} × {found.effective} around the middle hold 90 % of the gradient"
    weights = "trained" if subject.trained else "first"
    how = f"Gradient: mean of {INPUTS} random images, {weights} weights"
    numbers: dict[str, Any] = {
        "network": subject.label,
        "input_size": list(books.input_size),
        **asdict(found),
    }
    canvas = drawing(found, gradient, picture_of, title, words, how, asked.theme)
    return Picture(numbers, title, f"{words}. {how}.", canvas)


def _unit(
    books: Trace, subject: Subject, layers: Sequence[str], unit: Sequence[int] | None
) -> tuple[Row, tuple[int, int, int]]:
    rows = convolutions(books)
    if layers:
        name = layer_named(books, subject.model, layers[0], subject.label)
        rows = [row for row in books if row.name == name]
    if not rows or len(books.input_size) != 3:
        raise HeirloomError("E-argument", f"{subject.label} has no maps", why="a unit sees the whole input")
    row = rows[-1]
    size = row.output_size or ()
    if not row.receptive_field or len(row.receptive_field) != 2 or not row.aligned or len(size) != 3:
        raise HeirloomError(
            "E-argument", f"a unit of {row.name} has no window of its own",
            why="it sees the whole input, or units see different parts", remedy="name another layer: --layer",
        )  # fmt: skip
    place = tuple(unit) if unit else (0, size[1] // 2, size[2] // 2)
    if len(place) != 3 or any(not 0 <= at < length for at, length in zip(place, size, strict=True)):
        raise HeirloomError(
            "E-argument", f"{row.name} has no unit {','.join(map(str, place))}",
            why=f"it has {size[0]} maps of {size[1]} × {size[2]}",
        )  # fmt: skip
    return row, (place[0], place[1], place[2])


def mean_gradient(
    subject: Subject, books: Trace, layer: str, unit: tuple[int, int, int]
) -> NDArray[np.float64]:
    """(H, W): the size of the unit's gradient at each pixel, over all channels, mean of random images."""
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(books.input_size[1:], dtype=torch.float64)
    for _ in range(INPUTS):
        image: Tensor = torch.randn(1, *books.input_size, generator=generator).requires_grad_()
        with torch.enable_grad(), looking(subject.model, books, [layer]) as found:
            subject.model(image)
        (slope,) = torch.autograd.grad(found[layer][(0, *unit)], image)
        total += slope[0].abs().sum(0).double()
    return np.asarray(total / INPUTS)


def effective(gradient: NDArray[np.float64], field: Sequence[int], start: Sequence[int]) -> int:
    """Side of the smallest square around the field's middle with `PART` of the gradient."""
    middle = [start[i] + (field[i] - 1) / 2 for i in (0, 1)]
    y, x = np.indices(gradient.shape)
    far = np.maximum(np.abs(y - middle[0]), np.abs(x - middle[1]))
    for side in range(1, max(field) + 1):
        if gradient[far <= (side - 1) / 2 + 0.25].sum() >= PART * gradient.sum():
            return side
    return max(field)


def naive(row: Row, size: Sequence[int]) -> int | None:
    """The image's side by that of the maps that it reads, times its window."""
    if "kernel" not in row.attrs or len(row.input_sizes[0]) != 3:
        return None
    window = int(row.attrs["kernel"][0])
    return round(size[1] / row.input_sizes[0][1] * window)


# The drawing ----------------------------------------------------------------------------------------------

_SIDE, _MARGIN, _TOP = 480.0, 44.0, 142.0


def drawing(
    seen: Seen,
    gradient: NDArray[np.float64],
    image: Pixels | None,
    title: str,
    words: str,
    how: str,
    theme: Theme = LIGHT,
) -> Canvas:
    """The image with the window beside the gradient with the window, and all of what lies in the padding."""
    high, wide = gradient.shape
    ends = [
        (min(0, start), max(length, start + field))
        for length, start, field in zip((high, wide), seen.start, seen.field, strict=True)
    ]
    factor = _SIDE / max(end - start for start, end in ends)
    step = (ends[1][1] - ends[1][0]) * factor + 40
    canvas = Canvas(2 * _MARGIN + 2 * step - 40, _TOP + (ends[0][1] - ends[0][0]) * factor + 108)
    heading(canvas, title, words)
    top = _TOP - ends[0][0] * factor
    for k, label in enumerate(("the window", "where its gradient is")):
        canvas.text(_MARGIN + k * step, _TOP - 14, label, 16, bold=True)
        x = _MARGIN + k * step - ends[1][0] * factor
        box = (x, top, wide * factor, high * factor)
        if k == 1:
            canvas.image(*box, _heat(gradient, theme))
        elif image is not None:
            canvas.image(*box, image)
        else:
            canvas.rect(*box, fill="input")
        canvas.rect(*box, stroke="input_edge", width=1.2)
        y0, x0 = top + seen.start[0] * factor, x + seen.start[1] * factor
        field = (x0, y0, seen.field[1] * factor, seen.field[0] * factor)
        with canvas.group(f"field-{k}", f"{seen.field[0]} × {seen.field[1]} pixels", field=seen.field[0]):
            _outline(canvas, *field, stroke="train", width=3)
        side = (seen.effective if k else seen.naive or 0) * factor
        place = (x0 + (field[2] - side) / 2, y0 + (field[3] - side) / 2)
        if k:
            _outline(canvas, *place, side, side, stroke="val", width=2.4)
        elif seen.naive:
            _outline(canvas, *place, side, side, stroke="bad", width=2, dash=(6, 4))
    y, x = canvas.height - 62, _MARGIN
    legend = [("train", f"{seen.field[0]} × {seen.field[1]} by the trace", False)]
    if seen.naive:
        legend.append(("bad", f"{seen.naive} × {seen.naive} by image over maps times window", True))
    for colour, text, struck in [*legend, ("val", f"{seen.effective} × {seen.effective} effective", False)]:
        canvas.text(x, y, text, 15, colour=colour, bold=True, struck=struck)
        x = canvas.words()[-1].box[2] + 28
    canvas.text(_MARGIN, y + 26, how, 15, colour="soft")
    canvas.width = max(canvas.width, x + 16)
    return canvas


def _outline(canvas: Canvas, x: float, y: float, wide: float, high: float, **look: Any) -> None:
    """A rectangle that is seen on any image: on a line of the ground's colour."""
    canvas.rect(x, y, wide, high, stroke="paper", width=look["width"] + 2.4)
    canvas.rect(x, y, wide, high, **look)


def _heat(gradient: NDArray[np.float64], theme: Theme) -> Pixels:
    """From the ground, nothing, to the largest; the square root, since it falls so quickly."""
    part = np.sqrt(gradient / (gradient.max() or 1.0))[..., None]
    paper, blue, ink = (255 * np.array(to_rgb(colour)) for colour in (theme.paper, theme.val, theme.ink))
    ends = paper, 0.6 * blue + 0.4 * ink
    return np.asarray(np.rint(ends[0] + part * (ends[1] - ends[0])), dtype=np.uint8)
