"""Where the weights are and where the work is: parameters against multiply-adds, layer by layer."""

from dataclasses import dataclass
from typing import Any

from heirloom.accounting import Summary
from heirloom.errors import HeirloomError
from heirloom.figures.architecture import layers_of
from heirloom.figures.canvas import Canvas, fitted, width_of
from heirloom.figures.mistakes import percent
from heirloom.figures.picture import Asked, Picture
from heirloom.figures.volumes import heading
from heirloom.tracing import trace

MOST = 24
"""Rows shown; of a deeper network the parts of the same name are shown together."""


@dataclass
class Share:
    """Layers that are shown together.

    Attributes:
        name: What they are called: the layer's name, or the beginning that theirs have in common.
        area: Role of their colour.
        parameters: Of all of them.
        macs: Of all of them.
    """

    name: str
    area: str
    parameters: int = 0
    macs: int = 0


def picture(asked: Asked) -> Picture:
    """One network; no data are needed.

    Raises:
        HeirloomError: (``E-argument``) It has neither weights nor work.
    """
    (subject,) = asked.subjects
    books = Summary(trace(subject.model, subject.preprocess.size, name=subject.label))
    totals = books.totals
    if not totals["parameters"] or not totals["macs"]:
        raise HeirloomError(
            "E-argument", f"{subject.label} has no weights and work to compare", why="one of them is 0"
        )
    shares = shares_of(books)
    layers = layers_of(books.trace)
    of = {area: [sum(getattr(layer.row, column) for layer in layers if layer.area == area)
                 for column in ("parameters", "macs")] for area in ("conv", "dense")}  # fmt: skip
    told = [
        f"{name}: {percent(of[area][0] / totals['parameters'])} of the weights, "
        f"{percent(of[area][1] / totals['macs'])} of the work"
        for area, name in (("conv", "convolutions"), ("dense", "full connections"))
        if any(of[area])
    ]
    words = "; ".join(told) or "one kind of layer alone"
    numbers: dict[str, Any] = {
        "network": subject.label,
        "rows": [vars(share) for share in shares],
        "totals": {column: totals[column] for column in ("parameters", "macs")},
    }
    title = f"{subject.label}: where the weights are, and where the work"
    canvas = drawing(shares, totals, title, words)
    return Picture(numbers, title, words.capitalize() + ".", canvas)


def shares_of(books: Summary) -> list[Share]:
    """All layers with weights or work, put together where there are more than `MOST`."""
    layers = [layer for layer in layers_of(books.trace) if layer.parameters or layer.macs]
    idle = sum(row.parameters for row in books.rows if not row.executed)
    deepest = max((layer.name.count(".") for layer in layers), default=0)
    found: dict[str, Share] = {}
    for depth in range(deepest + 1, 0, -1):
        found = {}
        for layer in layers:
            name = ".".join(layer.name.split(".")[:depth])
            share = found.setdefault(name, Share(name, layer.area))
            share.parameters += layer.parameters
            share.macs += layer.macs
        if len(found) <= MOST:
            break
    shares = list(found.values())
    if len(shares) > MOST:  # one name for each layer: the smallest are put together
        ranked = sorted(shares, key=lambda s: -(s.parameters / (books.totals["parameters"] or 1)
                                                + s.macs / (books.totals["macs"] or 1)))  # fmt: skip
        kept = {share.name for share in ranked[: MOST - 1]}
        rest = [share for share in shares if share.name not in kept]
        shares = [share for share in shares if share.name in kept]
        shares.append(
            Share(f"{len(rest)} others", "input", sum(s.parameters for s in rest), sum(s.macs for s in rest))
        )
    if idle:
        shares.append(Share("run in training alone", "input", idle))
    return shares


_ROW, _BAR, _MARGIN, _TOP = 30.0, 330.0, 44.0, 150.0


def drawing(shares: list[Share], totals: dict[str, int], title: str, subtitle: str) -> Canvas:
    """Two bars for each row, to the left and to the right of its name."""
    middle = max(width_of(fitted(s.name, 15, 260), 15) for s in shares) + 36
    number = 190.0
    width = 2 * (_MARGIN + number + _BAR) + middle
    canvas = Canvas(width, _TOP + _ROW * len(shares) + 40)
    heading(canvas, title, subtitle)
    left, right = _MARGIN + number + _BAR, _MARGIN + number + _BAR + middle
    most = max(max(s.parameters / totals["parameters"], s.macs / totals["macs"]) for s in shares)
    canvas.text(left, _TOP - 18, f"{totals['parameters']:,} parameters", 17, bold=True, anchor="end")
    canvas.text(right, _TOP - 18, f"{totals['macs']:,} multiply-adds", 17, bold=True)
    for i, share in enumerate(shares):
        y = _TOP + _ROW * i
        look = {"fill": share.area, "stroke": f"{share.area}_edge"}
        told = f"{share.name}: {share.parameters:,} parameters, {share.macs:,} multiply-adds"
        named = {"name": share.name, "parameters": share.parameters, "macs": share.macs}
        with canvas.group(f"share-{i}", told, **named):
            canvas.text((left + right) / 2, y + 19, fitted(share.name, 15, 260), 15, anchor="middle")
            for count, column, side in ((share.parameters, "parameters", -1), (share.macs, "macs", 1)):
                part = count / totals[column]
                long = _BAR * part / most
                edge = left if side < 0 else right
                if count:
                    canvas.rect(edge - long if side < 0 else edge, y + 3, long, _ROW - 8, **look)  # type: ignore[arg-type]
                canvas.text(edge + side * (long + 8), y + 19, percent(part) if count else "0", 14,
                            colour="soft", anchor="end" if side < 0 else "start")  # fmt: skip
    return canvas
