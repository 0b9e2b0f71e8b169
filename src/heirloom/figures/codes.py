"""The fixed codes of a network, and beside the code of each class what its images call forth.

Source: LeCun, Bottou, Bengio, Haffner 1998, section II.B and figure 3.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heirloom.data import short_name
from heirloom.errors import HeirloomError
from heirloom.figures.canvas import fitted
from heirloom.figures.looking import passing
from heirloom.figures.page import MARGIN, SMALL, TEXT, Page, halves, number
from heirloom.figures.picture import Asked, Picture, Subject
from heirloom.figures.pixels import Pixels
from heirloom.figures.shown import ready, test_images
from heirloom.layers import RBF
from heirloom.rows import Row, Trace
from heirloom.tracing import trace

MOST_CLASSES = 30
_BATCH = 200
_COLUMNS, _ROOM, _GAP, _LEFT = 10, 96, 12, 118


@dataclass(frozen=True)
class Code:
    """One class, and what its images call forth.

    Attributes:
        label: Its name.
        n: How many images of it were looked at.
        distance: Squared distance of the mean response from the code.
        penalty: Mean over the images of the squared distance from the code: the distance and the spread.
        nearest: Name of the class whose code is nearest to the mean response.
        agree: Units whose mean response has the sign of the code.
    """

    label: str
    n: int
    distance: float
    penalty: float
    nearest: str
    agree: int


def picture(asked: Asked) -> Picture:
    """One network whose output layer compares with codes that were given to it.

    Raises:
        HeirloomError: (``E-argument``) It has none.
    """
    (subject,) = asked.subjects
    books = trace(subject.model, subject.preprocess.size, name=subject.label, lower_bound=True)
    row, layer = coded(subject, books)
    read = books.rows[row.inputs[0]]
    name, classes, split = test_images(asked, subject)
    looked = min(len(split), asked.passes(sum(each.macs for each in books), 1, max(1, len(split))))
    labels = split.labels[:looked]
    responses = torch.cat(
        [
            _read(subject, books, read, split.images[i : min(i + _BATCH, looked)])
            for i in range(0, looked, _BATCH)
        ]
    )
    codes = layer.codes.double()
    if responses.shape[1] != codes.shape[1]:
        raise HeirloomError("E-argument", f"what {row.name} reads has no {codes.shape[1]} units")
    names = [classes[i] if i < len(classes) else f"class {i}" for i in range(len(codes))]
    means, found = compared(responses, labels, codes, names)
    title = f"{subject.label}: its codes and its answers"
    what = f"{looked:,} test images of {short_name(name)}"
    words = f"Above the code of each class, below the mean of {read.name} over its images; {what}"
    numbers = {
        "layer": row.name,
        "reads": read.name,
        "data": short_name(name),
        "images": looked,
        "codes": codes.tolist(),
        "means": [None if mean is None else mean.tolist() for mean in means],
        "classes": [asdict(code) for code in found],
    }
    told = "; ".join(f"{c.label} {number(c.distance)}" for c in found if c.n)
    page = _drawn(title, words, codes.numpy(), means, found, read.name)
    said = f"{words}. Squared distances of the means from the codes: {told}."
    return Picture(numbers, title, said, page.finished())


def coded(subject: Subject, books: Trace) -> tuple[Row, RBF]:
    """The layer with fixed codes. Raises `HeirloomError` (``E-argument``) where there is none."""
    modules = dict(subject.model.named_modules())
    for row in books:
        layer = modules.get(row.name)
        if row.executed and isinstance(layer, RBF):
            return row, layer
    last = [row for row in books if row.executed][-1]
    raise HeirloomError(
        "E-argument",
        f"{subject.label} has no fixed codes",
        why=f"what its output {last.name} answers is learned, or nothing that stands for classes",
        remedy="take a network with radial basis functions: lenet5",
    )


def compared(
    responses: Tensor, labels: Tensor, codes: Tensor, names: Sequence[str]
) -> tuple[list[NDArray[np.float64] | None], list[Code]]:
    """The mean response of each class, None where it has no images, and how far it is from the code.

    Args:
        responses: (N, D) what the codes are compared with.
        labels: (N,) classes.
        codes: (K, D).
        names: Of the K classes.
    """
    means: list[NDArray[np.float64] | None] = []
    found = []
    for label, (code, name) in enumerate(zip(codes, names, strict=True)):
        own = responses[labels == label]
        if not len(own):
            means.append(None)
            found.append(Code(name, 0, 0.0, 0.0, name, 0))
            continue
        mean = own.mean(0)
        distances = (mean - codes).square().sum(1)
        penalty = float((own - code).square().sum(1).mean())
        agree = int((mean.sign() == code.sign()).sum())
        nearest = names[int(distances.argmin())]
        means.append(mean.numpy())
        found.append(Code(name, len(own), float(distances[label]), penalty, nearest, agree))
    return means, found


def grid(units: int) -> tuple[int, int]:
    """Height and width of so many units as a bitmap, upright and as square as can be: 12 and 7 of 84."""
    wide = next(width for width in range(isqrt(units), 0, -1) if units % width == 0)
    return units // wide, wide


def _ink(values: NDArray[np.float64]) -> Pixels:
    """Grey of numbers from -1, white, to 1, black: as the paper prints its codes."""
    return np.asarray(np.rint(127.5 * (1 - values)), dtype=np.uint8)


def _read(subject: Subject, books: Trace, read: Row, images: Tensor) -> Tensor:
    fitted_images = subject.preprocess.fit(images)
    return (
        passing(subject.model, books, ready(fitted_images, subject), [read.name])[read.name]
        .flatten(1)
        .double()
    )


def _drawn(
    title: str,
    words: str,
    codes: NDArray[np.float64],
    means: list[NDArray[np.float64] | None],
    found: list[Code],
    reads: str,
) -> Page:
    page = Page(title, words)
    size = grid(codes.shape[1])
    limit = max([float(np.abs(codes).max()), *(float(np.abs(m).max()) for m in means if m is not None)])
    few = min(len(found), MOST_CLASSES)
    for first in range(0, few, _COLUMNS):
        group = range(first, min(first + _COLUMNS, few))
        high, wide = halves(np.zeros(size, np.uint8), 144)
        top = page.y + 30
        below = top + high + 14
        for y, lines in ((top, ("code",)), (below, ("mean of", reads))):
            at = y + high / 2 + 6 - 11 * (len(lines) - 1)
            for line, label in enumerate(lines):
                cut = fitted(label, SMALL, _LEFT - 12)
                page.canvas.text(MARGIN, at + 22 * line, cut, SMALL, colour="soft")
        foot = below + high
        for line, label in enumerate(("distance", "penalty", "images")):
            page.canvas.text(MARGIN, foot + 24 + 22 * line, label, SMALL, colour="soft")
        for place, i in enumerate(group):
            x, code, mean = MARGIN + _LEFT + place * (_ROOM + _GAP), found[i], means[i]
            middle = x + wide / 2
            name = fitted(code.label, TEXT, _ROOM + _GAP - 6, bold=True)
            page.canvas.text(middle, page.y + 18, name, TEXT, bold=True, anchor="middle")
            page.picture(x, top, _ink(codes[i].reshape(size) / limit), 144)
            if mean is not None:
                page.picture(x, below, _ink(mean.reshape(size) / limit), 144)
            told = [number(code.distance), number(code.penalty), f"{code.n:,}"] if code.n else ["–", "–", "0"]
            for line, text in enumerate(told):
                page.canvas.text(
                    middle, foot + 24 + 22 * line, text, SMALL, bold=not line, anchor="middle",
                    colour="soft" if line else "ink" if code.nearest == code.label else "bad",
                )  # fmt: skip
        page.y = foot + 24 + 22 * 3 + 16
    page.ramp(
        _ink(np.linspace(-1, 1, 256).reshape(1, 256)),
        (f"−{number(limit)}", "0", f"+{number(limit)}"),
        "Distance: squared, of the mean from the code, red where another code is nearer. "
        "Penalty: squared, of each image, in the mean: distance and spread.",
    )
    if few < len(found):
        page.canvas.text(
            MARGIN, page.y + 14, f"The first {few} of {len(found):,} classes", SMALL, colour="soft"
        )
        page.y += 24
    return page
