"""The filters of the first layer while a network learns: a column for each moment, a row for each filter."""

import copy
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from heirloom.errors import HeirloomError
from heirloom.figures.canvas import Canvas
from heirloom.figures.filters import Filters, first_filters
from heirloom.figures.page import MARGIN, SMALL, WIDTH, Page, number
from heirloom.figures.picture import Asked, Picture, Subject
from heirloom.tracing import trace

MOMENTS, FILTERS, ROWS = 12, 12, 8
"""Moments and filters that are shown at most, and filters where all moments stand side by side."""


def picture(asked: Asked) -> Picture:
    """The snapshots of one run, which training takes after 0, 1, 2, 5, 10, ... steps and at its end."""
    (subject,) = asked.subjects
    if subject.run is None:
        raise HeirloomError(
            "E-argument",
            f"{subject.label} has not been watched while it learned",
            why="the film is made of the snapshots of a run",
            remedy="give a run directory",
        )
    steps, layer, weights = _moments(subject, subject.run)
    shown = np.unique(np.linspace(0, len(steps) - 1, min(MOMENTS, len(steps))).round().astype(int)).tolist()
    count = min(FILTERS, weights.shape[1])
    limit = float(np.abs(weights).max())
    title = f"{subject.label}: how the filters of {layer} were learned"
    rows = min(ROWS, count)
    which = f"the {rows} filters" if rows == weights.shape[1] else f"the first {rows} of {weights.shape[1]}"
    words = f"Before the first step and after more and more of {steps[-1]:,}: {which}, all on one scale"
    flat = weights.reshape(*weights.shape[:2], -1).astype(np.float64)
    numbers = {
        "layer": layer,
        "steps": steps,
        "shown": [steps[i] for i in shown],
        "filters": int(weights.shape[1]),
        "limit": limit,
        "norms": np.sqrt(np.square(flat).sum(2)).tolist(),
        "moved": np.sqrt(np.square(flat - flat[:1]).sum(2)).tolist(),
    }
    page = Page(title, words)
    room, gap = 84 if rows <= 6 else 68, 9
    step = (WIDTH - 2 * MARGIN - 44 + gap) // MOMENTS
    top, x = page.y, float(MARGIN + 44)
    for row in range(rows):
        middle = top + row * (room + gap) + room / 2
        page.canvas.text(MARGIN + 28, middle + 6, str(row), SMALL, colour="soft", anchor="end")
    for i in shown:
        filters = _on_scale(layer, weights[i, :rows], limit)
        page.y = top
        page.tiles([filters.pixels(n) for n in range(rows)], [""] * rows, room, 1, x=x, gap=gap)
        label = "start" if not steps[i] else f"{steps[i]:,}"
        page.canvas.text(x + room / 2, page.y + 12, label, SMALL, anchor="middle")
        x += step
    page.y += 36
    ends = (f"−{number(limit)}", "0", f"+{number(limit)}")
    page.ramp(filters.ramp, ends, f"{filters.legend}; numbers below are steps", x=MARGIN + 44)
    frames = [_frame(title, layer, steps, i, weights[:, :count], limit) for i in shown]
    return Picture(numbers, title, words + ".", page.finished(), frames)


def _frame(
    title: str, layer: str, steps: list[int], moment: int, weights: NDArray[np.float32], limit: float
) -> Canvas:
    """One moment: the filters side by side, and how far training is."""
    step, last = steps[moment], steps[-1]
    page = Page(title, f"after {step:,} of {last:,} steps" if step else f"before the first of {last:,} steps")
    filters = _on_scale(layer, weights[moment], limit)
    few = len(weights[moment])
    page.tiles([filters.pixels(n) for n in range(few)], [str(n) for n in range(few)], 184, 6, gap=14)
    high = page.y + 14
    page.canvas.rect(MARGIN, page.y, WIDTH - 2 * MARGIN, 8, fill="panel")
    page.canvas.rect(MARGIN, page.y, max(1.0, (WIDTH - 2 * MARGIN) * step / max(1, last)), 8, fill="val")
    page.canvas.scale = 1
    return page.finished(high)


def _on_scale(layer: str, weights: NDArray[np.float32], limit: float) -> Filters:
    """Filters on the scale of all moments: one more holds its end, and is not shown."""
    end = np.full((1, *weights.shape[1:]), limit, np.float32)
    return Filters(layer, np.concatenate([weights, end]), len(weights))


def _moments(subject: Subject, run: Path) -> tuple[list[int], str, NDArray[np.float32]]:
    """Steps, the layer, and its weights (moments, filters, C, H, W).

    Raises:
        HeirloomError: (``E-run``) There are no snapshots, or one is damaged; (``E-argument``) no filters.
    """
    model = copy.deepcopy(subject.model)
    books = trace(model, subject.preprocess.size, name=subject.label, lower_bound=True)
    before = first_filters(model, books)
    files: dict[int, Path] = {}
    for path in sorted((run / "snapshots").glob("step-*.safetensors")):
        if found := re.fullmatch(r"step-(\d+)", path.stem):
            files[int(found[1])] = path
    if before is None:
        raise HeirloomError("E-argument", f"the first layer of {subject.label} has no filters")
    if not files:
        raise HeirloomError(
            "E-run", f"{subject.label} has no snapshots", why="its folder snapshots/ is empty or gone"
        )
    weights = []
    for path in files.values():
        try:
            missing = model.load_state_dict(load_file(path), strict=False)
            if missing.unexpected_keys:
                raise ValueError(f"the network has no {missing.unexpected_keys[0]}")
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            why = str(error).splitlines()[0]
            raise HeirloomError("E-run", "cannot read", where=str(path), why=why) from error
        now: Any = first_filters(model, books)
        pixels = now.weight
        if subject.preprocess.order == "BGR" and now.in_colour:
            pixels = pixels[:, ::-1]
        weights.append(pixels.copy())  # else they are those of the next moment
    return list(files), before.layer, np.stack(weights)
