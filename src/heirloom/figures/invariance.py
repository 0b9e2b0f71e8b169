"""What a network still recognises: its features and answers while an image is turned, scaled or spoilt.

Source of the idea: LeCun's pages about LeNet-5, where a digit moves and F6 stays nearly the same.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from heirloom.data import short_name
from heirloom.errors import HeirloomError
from heirloom.figures.canvas import fitted
from heirloom.figures.disturbing import NOISE, SCALE, SHIFT, STROKE, TURN, Disturbance
from heirloom.figures.looking import looking, scorer
from heirloom.figures.page import MARGIN, SMALL, TEXT, Page, number
from heirloom.figures.picture import Asked, Picture, Subject
from heirloom.figures.pixels import diverging, image_pixels
from heirloom.figures.shown import ready, shown_image, test_images
from heirloom.rows import Trace
from heirloom.tracing import trace

IMAGES, LEAST = 100, 20
"""Images over which an accuracy is measured, and with fewer it is not."""
KEPT = 0.9
"""Part of the accuracy of untouched images that counts as kept."""
_BATCH = 50


@dataclass(frozen=True)
class Response:
    """How a network answers to one kind of disturbance.

    Attributes:
        kind: The disturbance.
        answers: Index of the class for the first image, at each step.
        cosines: Mean cosine of the features with those of the untouched image, at each step.
        features: (steps, D) of the first image.
        accuracy: Part of the images answered right, at each step; None where there is one image alone.
    """

    kind: Disturbance
    answers: list[int]
    cosines: list[float]
    features: NDArray[np.float64]
    accuracy: list[float] | None

    @property
    def tolerance(self) -> tuple[float, float] | None:
        """From where to where, around no change, `KEPT` of the accuracy remains, or the answer the same.

        An accuracy is interpolated between steps, an answer is not. None where there is nothing to keep.
        """
        rest = list(self.kind.steps).index(self.kind.rest)
        if self.accuracy is None:
            same = [float(answer == self.answers[rest]) for answer in self.answers]
            return around(self.kind.steps, same, rest, 1.0, between=False)
        if not self.accuracy[rest]:
            return None
        return around(self.kind.steps, self.accuracy, rest, KEPT * self.accuracy[rest])


def around(
    steps: Any, values: list[float], rest: int, least: float, between: bool = True
) -> tuple[float, float]:
    """The ends of the stretch around ``steps[rest]`` where ``values`` are at least ``least``."""
    ends = []
    for way in (-1, 1):
        at = rest
        while 0 <= at + way < len(steps) and values[at + way] >= least:
            at += way
        end = float(steps[at])
        if between and 0 <= at + way < len(steps):
            part = (values[at] - least) / (values[at] - values[at + way])
            end += part * (steps[at + way] - steps[at])
        ends.append(end)
    return ends[0], ends[1]


@torch.no_grad()
def responses(
    subject: Subject, books: Trace, images: Tensor, labels: Tensor | None, kinds: list[Disturbance]
) -> list[Response]:
    """How a network answers to each of ``kinds``.

    Args:
        subject: The network.
        books: Its trace.
        images: (N, C, H, W) uint8, fitted; the first is the one that is shown.
        labels: (N,) their classes, or None.
        kinds: Of disturbances.
    """
    found = []
    for kind in kinds:
        features, scores = zip(
            *[_looked(subject, books, kind(images, step)) for step in kind.steps], strict=True
        )
        still = features[list(kind.steps).index(kind.rest)]
        cosines = [float(F.cosine_similarity(each, still, dim=1).mean()) for each in features]
        accuracy = None
        if labels is not None:
            accuracy = [float((each.argmax(1) == labels).double().mean()) for each in scores]
        firsts = np.stack([each[0].numpy() for each in features])
        found.append(Response(kind, [int(each[0].argmax()) for each in scores], cosines, firsts, accuracy))
    return found


def _looked(subject: Subject, books: Trace, images: Tensor) -> tuple[Tensor, Tensor]:
    """Features (N, D) and scores (N, K). Of features that are maps the mean of each."""
    name = _features(subject, books)
    features, scores = [], []
    for batch in images.split(_BATCH):
        with looking(subject.model, books, [name]) as found:
            scores.append(subject.model(ready(batch, subject)))
        value = found[name].double()
        features.append(value.flatten(2).mean(2) if value.ndim > 2 else value)
    return torch.cat(features), torch.cat(scores)


def _features(subject: Subject, books: Trace) -> str:
    """Name of what the last layer with weights reads: LeNet-5's F6, squashed."""
    last = scorer(books, subject.label)
    return books.rows[last.inputs[0]].name


def picture(asked: Asked) -> Picture:
    """Rotation, scale, shift, stroke width where there are strokes, and noise."""
    (subject,) = asked.subjects
    books = trace(subject.model, subject.preprocess.size, name=subject.label, lower_bound=True)
    kinds = [TURN, SCALE, SHIFT, *([STROKE] if subject.preprocess.size[0] == 1 else []), NOISE]
    macs = sum(row.macs for row in books) * sum(len(kind.steps) for kind in kinds)
    possible = asked.passes(macs, 1, IMAGES)
    seen = shown_image(asked, subject)
    images, labels, where = seen.image.unsqueeze(0), None, seen.name
    if asked.image is None and (asked.data or subject.data) and possible >= LEAST:
        data, classes, split = test_images(asked, subject)
        if len(classes) == len(subject.classes):
            subject = replace(subject, classes=classes)
        images = subject.preprocess.fit(split.images[:possible])
        labels, where = split.labels[:possible], f"{len(images)} test images of {short_name(data)}"
    with torch.no_grad():
        shape = subject.model(ready(images[:1], subject)).shape
    if len(shape) != 2:
        raise HeirloomError("E-argument", f"{subject.label} has no classes", why="it gives back an image")
    found = responses(subject, books, images, labels, kinds)
    name = _features(subject, books)
    size = found[0].features.shape[1]
    title = f"{subject.label}: what it still recognises"
    words = f"{size:,} features of {name} and the answer, for {where}"
    numbers = {
        "images": len(images),
        "of": where,
        "features": name,
        "size": size,
        "kept": KEPT if labels is not None else None,
        "disturbances": [
            {
                "name": r.kind.name,
                "unit": r.kind.unit.strip(),
                "steps": list(r.kind.steps),
                "cosines": r.cosines,
                "answers": [_label(subject, answer) for answer in r.answers],
                "accuracy": r.accuracy,
                "tolerance": None if r.tolerance is None else list(r.tolerance),
            }
            for r in found
        ],
    }
    kept = f"it keeps {100 * KEPT:.0f} % of its accuracy" if labels is not None else "the answer stays"
    told = "; ".join(f"{r.kind.name} {_range(r)}" for r in found)
    drawn = _drawn(title, f"{words}; green: where {kept}", images[:1], found, subject)
    return Picture(numbers, title, f"{words}. Where {kept}: {told}.", drawn)


def _label(subject: Subject, index: int) -> str:
    return subject.classes[index] if index < len(subject.classes) else f"class {index}"


def _said(value: float, kind: Disturbance) -> str:
    sign = "+" if value > 0 and kind.rest == 0 and kind is not NOISE else ""
    digits = ".0f" if kind.unit in ("°", " %") else ".1f"
    text = f"{value:{digits}}".replace("-", "−")
    return f"{kind.unit}{text}" if kind.unit == "×" else f"{sign}{text}{kind.unit}"


def _range(r: Response) -> str:
    """``−24° to +31°``, ``up to 20 %``."""
    if r.tolerance is None:
        return "never right"
    low, high = r.tolerance
    if r.kind is NOISE:
        return f"up to {_said(high, r.kind)}"
    return f"{_said(low, r.kind)} to {_said(high, r.kind)}"


_TALL, _LEFT, _CHART, _STRIP = 124, 206, 286, 9
_IMAGE, _GAP, _BAR = 68, 7, 12


def _drawn(title: str, words: str, image: Tensor, found: list[Response], subject: Subject) -> Any:
    page = Page(title, words)
    canvas, measured = page.canvas, found[0].accuracy is not None
    x, y = MARGIN + _LEFT, page.y + 4
    if measured:
        canvas.line([(x, y), (x + 16, y)], stroke="val", width=3)
        canvas.text(x + 22, y + 6, "accuracy", SMALL, colour="val")
    start = x + (106 if measured else 0)
    canvas.line([(start, y), (start + 16, y)], stroke="train", width=3, dash=(6, 4))
    canvas.text(start + 22, y + 6, "cosine of features", SMALL, colour="train")
    canvas.text(
        x + _CHART + 26, y + 6, "one image, its features as a strip, and the answer", SMALL, colour="soft"
    )
    page.y += 30
    for r in found:
        _row(page, r, image, subject)
        page.y += _TALL + 16
    return page.finished()


def _row(page: Page, r: Response, image: Tensor, subject: Subject) -> None:
    canvas, top = page.canvas, page.y
    canvas.text(MARGIN, top + 24, r.kind.name, TEXT, bold=True)
    canvas.text(MARGIN, top + 52, _range(r), TEXT, colour="good")
    _chart(page, r, MARGIN + _LEFT, top + 6)
    steps = list(r.kind.steps)
    rest = steps.index(r.kind.rest)
    picked = np.unique(np.linspace(0, len(steps) - 1, _STRIP).round().astype(int)).tolist()
    limit = float(np.abs(r.features).max()) or 1.0
    x = MARGIN + _LEFT + _CHART + 26
    for at in picked:
        pixels = image_pixels(r.kind(image, steps[at])[0].numpy())
        same = r.answers[at] == r.answers[rest]
        _, wide = page.picture(x, top + 2, pixels, _IMAGE, frame="soft" if at == rest else "rule")
        strip = diverging(_folded(r.features[at], _IMAGE) / limit)
        canvas.image(x, top + _IMAGE + 6, wide, _BAR, strip)
        # A class without a name is its number, which fits.
        label = _label(subject, r.answers[at]).removeprefix("class " if not subject.classes else "")
        answer = fitted(label.split(",")[0], SMALL - 1, _IMAGE + _GAP - 4, bold=not same)
        middle = x + wide / 2
        mark = {"colour": "ink" if same else "bad", "bold": not same, "anchor": "middle"}
        canvas.text(middle, top + _IMAGE + _BAR + 22, answer, SMALL - 1, **mark)
        label = _said(steps[at], r.kind)
        canvas.text(middle, top + _IMAGE + _BAR + 40, label, SMALL - 1, colour="soft", anchor="middle")
        x += _IMAGE + _GAP


def _folded(features: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Features as one line of at most ``most`` numbers: means of neighbours where there are more."""
    parts = np.array_split(features, min(most, len(features)))
    return np.array([[part.mean() for part in parts]])


def _chart(page: Page, r: Response, x: float, y: float) -> None:
    canvas, high = page.canvas, 84.0
    steps = r.kind.steps
    low, span = steps[0], steps[-1] - steps[0]
    left, wide = x + 34, _CHART - 40.0

    def place(step: float, value: float) -> tuple[float, float]:
        return left + (step - low) / span * wide, y + high * (1 - min(1.0, max(0.0, value)))

    if r.tolerance is not None:
        start, end = (place(step, 0)[0] for step in r.tolerance)
        canvas.rect(start, y, max(end - start, 1), high, fill="good", opacity=0.14)
    for value, label in ((0.0, "0"), (0.5, ""), (1.0, "1")):
        level = place(low, value)[1]
        canvas.line([(left, level), (left + wide, level)], stroke="rule")
        canvas.text(left - 8, level + 5, label, SMALL - 1, colour="soft", anchor="end")
    points = [place(s, v) for s, v in zip(steps, r.cosines, strict=True)]
    canvas.line(points, stroke="train", width=2.4, dash=(6, 4))
    if r.accuracy is not None:
        points = [place(s, v) for s, v in zip(steps, r.accuracy, strict=True)]
        canvas.line(points, stroke="val", width=2.6)
    for step, anchor in ((steps[0], "start"), (r.kind.rest, "middle"), (steps[-1], "end")):
        if step == steps[0] == r.kind.rest and anchor == "middle":
            continue
        text = number(step) if step == r.kind.rest else _said(step, r.kind)
        canvas.text(place(step, 0)[0], y + high + 20, text, SMALL - 1, colour="soft", anchor=anchor)
