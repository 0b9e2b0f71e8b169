"""What the maps of a network hold for one image, layer by layer."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heirloom.errors import HeirloomError
from heirloom.figures.canvas import fitted
from heirloom.figures.looking import convolutions, layer_named, nonlinearity, passing
from heirloom.figures.mistakes import percent
from heirloom.figures.page import MARGIN, SMALL, Page, number
from heirloom.figures.picture import Asked, Picture
from heirloom.figures.pixels import Pixels, diverging, sequential
from heirloom.figures.shown import Answer, Shown, answers, shown_image
from heirloom.ops.elementwise import ACTIVATIONS
from heirloom.tracing import trace

LAYERS, FEW, MOST = 5, 16, 256
"""Layers that are chosen where none is asked for, maps of each of them, and of a layer that is."""
_ROOM, _COLUMNS, _LEFT, _IMAGE = 56, 16, 262, 180
_LARGE, _COUPLE = 117, 8
"""Room for each map where there are so few."""


@dataclass(frozen=True)
class Maps:
    """What one layer gives.

    Attributes:
        layer: Its name.
        kind: What it does.
        values: (C, H, W), all of its maps.
        shown: Which of them are in the picture.
    """

    layer: str
    kind: str
    values: NDArray[np.float32]
    shown: list[int]

    @property
    def signed(self) -> bool:
        """Whether a value is below 0."""
        return bool(self.values.min() < 0)

    @property
    def limit(self) -> float:
        """The largest absolute value of all maps, in the picture or not."""
        return float(np.abs(self.values).max())

    def pixels(self, limit: float | None) -> list[Pixels]:
        """The maps that are shown, from 0 or -``limit`` to ``limit``; None: each on a scale of its own."""
        found = []
        for values in self.values[self.shown]:
            end = float(np.abs(values).max()) if limit is None else limit
            part = values / (end or 1.0)
            found.append(diverging(part) if self.signed else sequential(part))
        return found

    def numbers(self) -> dict[str, Any]:
        """For the file beside the picture."""
        flat = self.values.reshape(len(self.values), -1)
        return {
            "layer": self.layer,
            "kind": self.kind,
            "size": list(self.values.shape),
            "shown": self.shown,
            "silent": int((flat == 0).all(1).sum()),
            "min": [float(v) for v in flat.min(1)],
            "max": [float(v) for v in flat.max(1)],
            "mean": [float(v) for v in flat.mean(1, dtype=np.float64)],
        }


def picture(asked: Asked) -> Picture:
    """The maps of one network for one image."""
    (subject,) = asked.subjects
    books = trace(subject.model, subject.preprocess.size, name=subject.label, lower_bound=True)
    names = [layer_named(books, subject.model, name, subject.label) for name in asked.layers]
    if not names:
        rows = [nonlinearity(books, row) for row in convolutions(books)]
        if not rows:
            raise HeirloomError(
                "E-argument",
                f"{subject.label} has no layer with maps",
                why="no convolution gives more than one unit of each kind",
                remedy="name a layer: --layer",
            )
        chosen = np.unique(np.linspace(0, len(rows) - 1, min(LAYERS, len(rows))).round().astype(int))
        names = [rows[i].name for i in chosen]
    seen = shown_image(asked, subject)
    last = [row.name for row in books if row.executed][-1]
    found = passing(subject.model, books, seen.ready(subject), list(dict.fromkeys([*names, last])))
    kinds = {row.name: row.kind for row in books}
    maps = []
    for name in names:
        value = found[name][0]
        if value.ndim != 3:
            value = value.reshape(-1, 1, 1) if value.ndim == 1 else value.unsqueeze(0)
        count = FEW if not asked.layers else MOST
        maps.append(Maps(name, kinds.get(name, "block"), value.float().numpy(), _strongest(value, count)))
    scores = found[last][0]
    best = answers(scores, subject.classes) if scores.ndim == 1 else []
    title = f"{subject.label}: what it sees"
    numbers = {
        "image": seen.name,
        "scale": asked.scale,
        "answers": [{"class": a.label, "index": a.index, "probability": a.probability} for a in best],
        "layers": [m.numbers() for m in maps],
    }
    return Picture(numbers, title, describe(seen, maps), _drawn(title, seen, best, maps, asked.scale))


def _strongest(values: Tensor, count: int) -> list[int]:
    """The maps with the largest absolute values, in their own order."""
    peaks = values.flatten(1).abs().amax(1)
    return sorted(torch.sort(peaks, descending=True, stable=True).indices[:count].tolist())


def describe(seen: Shown, maps: list[Maps]) -> str:
    """The picture in words."""
    told = [f"{m.layer}, {_size(m)}, from {number(m.values.min())} to {number(m.values.max())}" for m in maps]
    return f"{seen.name} and the maps that it calls forth: {'; '.join(told)}."


def _size(m: Maps) -> str:
    count, high, wide = m.values.shape
    return f"{count:,} maps of {high} × {wide}" if high * wide > 1 else f"{count:,} units"


_SCALES = {
    "map": "each map on a scale of its own, up to its largest value",
    "layer": "all maps of a layer on one scale",
    "net": "all maps on one scale",
}


def _drawn(title: str, seen: Shown, best: list[Answer], maps: list[Maps], scale: str) -> Any:
    page = Page(title, f"Maps for {seen.name}: {_SCALES[scale]}")
    top = page.y
    page.section("input", " × ".join(map(str, seen.image.shape)), room=_LEFT - MARGIN - 16)
    high, _ = page.picture(MARGIN, page.y, seen.pixels, _IMAGE)
    y = page.y + high + 30
    for place, answer in enumerate(best):
        name = fitted(answer.label.split(",")[0], SMALL, _LEFT - MARGIN - 100, bold=not place)
        page.canvas.text(MARGIN, y, name, SMALL, bold=not place)
        words = percent(answer.probability)
        page.canvas.text(MARGIN + _IMAGE, y, words, SMALL, colour="soft", anchor="end")
        y += 24
    below, page.y = y, top
    everything = max(m.limit for m in maps)
    for m in maps:
        squashed = "" if m.kind in ACTIVATIONS or m.kind == "block" else f", {m.kind}"
        which = "" if len(m.shown) == len(m.values) else f", the {len(m.shown)} strongest"
        dead = m.numbers()["silent"]
        silent = f", {dead} of them silent" if dead else ""
        words = f"{_size(m)}{which}{silent}{squashed}"
        page.section(m.layer, words, x=_LEFT)
        limit = {"map": None, "layer": m.limit, "net": everything}[scale]
        few = len(m.shown) <= _COUPLE and m.values[0].size > 1
        room, columns = (_LARGE, _COUPLE) if few else (_ROOM, _COLUMNS)
        page.tiles(m.pixels(limit), [""] * len(m.shown), room, columns, x=_LEFT)
        page.y += 12
    _legends(page, maps, scale, everything)
    return page.finished(below)


def _legends(page: Page, maps: list[Maps], scale: str, everything: float) -> None:
    line = np.linspace(-1, 1, 256).reshape(1, 256)
    for signed in sorted({m.signed for m in maps}):
        group = [m for m in maps if m.signed == signed]
        ends = ", ".join(f"{m.layer} {number(m.limit)}" for m in group)
        end = {"map": "max", "layer": "max", "net": number(everything)}[scale]
        words = {"map": "", "layer": f"max: {ends}", "net": ""}[scale]
        if signed:
            page.ramp(diverging(line), (f"−{end}", "0", f"+{end}"), words, x=_LEFT)
        else:
            page.ramp(sequential((line + 1) / 2), ("0", end), words, x=_LEFT)
