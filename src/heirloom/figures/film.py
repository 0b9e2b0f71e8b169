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
from heirloom.figures.filters import Filters, first_filters
from heirloom.figures.page import MARGIN, SMALL, Page, number
from heirloom.figures.picture import Asked, Picture, Subject
from heirloom.tracing import trace

MOMENTS, FILTERS = 12, 12
"""Moments and filters that are shown at most."""


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
    which = (
        f"the {count} filters" if count == weights.shape[1] else f"the first {count} of {weights.shape[1]}"
    )
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
    room, gap = 84, 9
    top, x = page.y, float(MARGIN + 44)
    for row in range(count):
        middle = top + row * (room + gap) + room / 2
        page.canvas.text(MARGIN + 28, middle + 6, str(row), SMALL, colour="soft", anchor="end")
    for i in shown:
        # On the scale of all moments: a filter more that holds its end, and is not shown.
        end = np.full((1, *weights.shape[2:]), limit, np.float32)
        filters = Filters(layer, np.concatenate([weights[i, :count], end]), count)
        page.y = top
        page.tiles([filters.pixels(n) for n in range(count)], [""] * count, room, 1, x=x, gap=gap)
        label = "start" if not steps[i] else f"{steps[i]:,}"
        page.canvas.text(x + room / 2, page.y + 12, label, SMALL, anchor="middle")
        x += room + gap
    page.y += 36
    ends = (f"−{number(limit)}", "0", f"+{number(limit)}")
    page.ramp(filters.ramp, ends, f"{filters.legend}. Below each column: its step.", x=MARGIN + 44)
    return Picture(numbers, title, words + ".", page.finished())


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
