"""Reads a chart back from its SVG: the numbers of its lines and dots, by what the ticks of its axes say."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

SVG = "{http://www.w3.org/2000/svg}"
_PLAIN = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")


@dataclass
class Chart:
    """What is drawn in one pair of axes, by colour, in the numbers of the axes.

    Attributes:
        lines: Points (N, 2) of each line.
        dots: Points (N, 2).
    """

    lines: dict[str, list[np.ndarray]] = field(default_factory=dict)
    dots: dict[str, list[np.ndarray]] = field(default_factory=dict)


def charts(svg: str | bytes | Path) -> list[Chart]:
    """The charts of a picture, from left to right."""
    root = ET.fromstring(svg.read_bytes() if isinstance(svg, Path) else svg)
    return [_chart(g) for g in root.iter(f"{SVG}g") if g.get("id", "").startswith("axes_")]


def _chart(axes: ET.Element) -> Chart:
    across, up = _scale(axes, "x"), _scale(axes, "y")
    found = Chart()
    for line in axes.findall(f"{SVG}g"):
        if not line.get("id", "").startswith("line2d_"):
            continue
        for path in line.findall(f"{SVG}path"):
            points = np.array([(across(x), up(y)) for x, y in _points(path)])
            found.lines.setdefault(_colour(path, "stroke"), []).append(points)
        for dot in line.iter(f"{SVG}use"):
            place = across(float(dot.get("x", ""))), up(float(dot.get("y", "")))
            found.dots.setdefault(_colour(dot, "fill"), []).append(np.array(place))
    return found


def _points(path: ET.Element) -> list[tuple[float, float]]:
    numbers = [float(word) for word in path.get("d", "").split() if word not in "MLz"]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _colour(mark: ET.Element, of: str) -> str:
    parts = dict(part.split(": ", 1) for part in mark.get("style", "").split("; "))
    return parts[of]


def _scale(axes: ET.Element, axis: str):
    """From places to numbers, which lie evenly or whose logarithms do: so the labelled ticks say."""
    places, values = [], []
    for tick in axes.iter(f"{SVG}g"):
        if not tick.get("id", "").startswith(f"{axis}tick_"):
            continue
        mark, grid = tick.find(f".//{SVG}use"), tick.find(f".//{SVG}path[@clip-path]")
        if grid is not None:
            places.append(_points(grid)[0][axis == "y"])
        else:
            places.append(float(mark.get(axis)))
        values.append(_number("".join(tick.find(f".//{SVG}text").itertext())))
    for there, back in ((np.array, lambda v: v), (np.log10, lambda v: 10**v)):
        if len(values) < 2 or (there is np.log10 and min(values) <= 0):
            break
        line = np.polyfit(places, there(values), 1)
        if np.allclose(np.polyval(line, places), there(values), rtol=1e-4, atol=1e-6):
            return lambda place, line=line, back=back: float(back(np.polyval(line, place)))
    raise AssertionError(f"the ticks of the {axis} axis are on no scale: {places}, {values}")


def _number(label: str) -> float:
    label = label.removesuffix(" %")
    if label.startswith("10") and label[2:] and label[2] in "⁻⁰¹²³⁴⁵⁶⁷⁸⁹":
        return 10.0 ** int(label[2:].translate(_PLAIN))
    return float(label.translate(_PLAIN))
