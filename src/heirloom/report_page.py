"""The page of a report: what was found out about a run, set in HTML."""

import dataclasses
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

from torch import Tensor

from heirloom.accounting import Summary
from heirloom.documents import (
    Html,
    Section,
    details,
    document,
    element,
    escaped,
    joined,
    pairs,
    scrolling,
    table,
)
from heirloom.errors import HeirloomError
from heirloom.evaluation import wilson
from heirloom.figures.confusion import MOST_CLASSES, Confusion, tints
from heirloom.figures.curves import Point, curve_on_page, describe
from heirloom.figures.filters import Filters
from heirloom.figures.mistakes import Mistake, percent
from heirloom.figures.pixels import Pixels, data_uri, image_pixels, png, zoom
from heirloom.recipes import Recipe
from heirloom.tables import Cell, cell_text, readable_depth, summary_table

MOST_CONFUSIONS = 15
MOST_EPOCHS = 200
"""Rows of the table of epochs; of more, every second or third is shown, and so on."""


@dataclass(frozen=True)
class Findings:
    """All that a report is made of."""

    recipe: Recipe
    versions: dict[str, Any]
    points: list[Point]
    images: int  # trained on
    steps: int
    seconds: float
    evaluation: dict[str, Any]
    summary: Summary | HeirloomError  # the reason where the network cannot be traced
    filters: Filters | None
    mistakes: list[Mistake]
    mistaken: Tensor  # (N, C, H, W) the worst of them, as the network saw them
    confusions: list[Confusion]

    @property
    def name(self) -> str:
        """Of the network: of ``nets/mine.py:Net`` the part ``Net``."""
        return self.recipe.model.rpartition(":")[2]

    @property
    def title(self) -> str:
        """What was trained on what."""
        return f"{self.name} on {self.recipe.data}"

    @property
    def classes(self) -> list[str]:
        """Their names."""
        return [each["class"] for each in self.evaluation["per_class"]]


def report_page(m: Findings) -> str:
    """The page."""
    sections = [
        Section("curves", "Learning curves", _curves(m)),
        *([Section("filters", "First-layer filters", _filters(m.filters))] if m.filters else []),
        Section("confusion", "Confusions", _confusion(m)),
        Section("mistakes", "Worst mistakes", _mistakes(m)),
        Section("classes", "Class by class", _classes(m)),
        Section("network", "The network", _network(m.summary)),
        Section("recipe", "Recipe", _recipe(m.recipe)),
        Section("versions", "Versions", _versions(m.versions)),
    ]
    foot = element(
        "p", "Heirloom wrote this page from the files of the run. It holds no scripts and loads nothing."
    )
    return document(f"{m.title}, {_top1(m)[0]}", _head(m), sections, foot)


def _top1(m: Findings) -> tuple[str, str, dict[str, Any]]:
    """Accuracy in words, the name of the metric, and its entry in the JSON file."""
    metric, value = next(iter(m.evaluation["metrics"].items()))
    return _share(value["value"]), metric, value


def _head(m: Findings) -> Html:
    accuracy, metric, value = _top1(m)
    low, high = 100 * value["low"], 100 * value["high"]
    start = _start([value["low"]])
    ends = element(
        "div", element("span", f"{start} %"), element("span", "100 %"), class_="ends", aria_hidden="true"
    )
    measured = element(
        "div",
        element("b", accuracy),
        _range(value["value"], (value["low"], value["high"]), start),
        ends,
        element("p", f"95 % interval {low:.2f} to {high:.2f}", style="margin-top:.6rem"),
        element(
            "p",
            f"{value['correct']:,} of {value['n']:,} images right, ",
            element("code", metric),
            class_="soft",
        ),
    )
    facts = [
        ("Trained on", f"{m.images:,} images of {m.recipe.data}:{m.recipe.split}"),
        ("For", f"{_many(len(m.points), 'epoch')}, {_many(m.steps, 'step')}"),
        ("Took", f"{_duration(m.seconds)} on {m.versions.get('device', 'an unknown device')}"),
        ("Seed", str(m.recipe.seed)),
    ]
    if isinstance(m.summary, Summary):
        totals, bound = m.summary.totals, "≥ " if m.summary.lower_bound else ""
        facts[:0] = [
            ("Parameters", f"{totals['parameters']:,}"),
            ("Work for one image", f"{bound}{totals['macs']:,} MACs"),
        ]
    listed = [element("div", element("dt", term), element("dd", words)) for term, words in facts]
    return joined(
        element("p", "Heirloom, report of a training run", class_="eyebrow"),
        element("h1", m.title),
        element("div", measured, element("dl", *listed, class_="facts"), class_="headline"),
    )


def _curves(m: Findings) -> Html:
    if not m.points:
        return element("p", "The run has no finished epoch.", class_="soft")
    distorted = f"on distorted images (augment={m.recipe.augment}), " if m.recipe.augment != "none" else ""
    note = f"Training is measured {distorted}while the weights still move"
    if m.points[-1].val_loss is None and m.points[-1].val_accuracy is None:
        note += ". There is no validation: the data has no such split, or it was trained on."
    else:
        note += (
            ": it may lie below validation, which is measured at the end of each epoch on images as they are."
        )
    charts = [element("figure", Html(curve_on_page(m.points, kind))) for kind in ("loss", "accuracy")]
    every = ceil(len(m.points) / MOST_EPOCHS)
    shown = [p for i, p in enumerate(m.points) if (i + 1) % every == 0 or p is m.points[-1]]
    rows = [
        [str(p.epoch), f"{p.loss:.4g}", _share(p.accuracy), _loss(p.val_loss), _share(p.val_accuracy)]
        for p in shown
    ]
    heads = ["epoch", "training loss", "training accuracy", "validation loss", "validation accuracy"]
    numbers = element("div", table(heads, rows, numeric=range(5)), class_="tall")
    return joined(
        element("p", describe(m.points, "accuracy")),
        element("div", *charts, class_="charts"),
        element("p", note, class_="soft small"),
        details("The numbers", scrolling("Numbers of each epoch", numbers)),
    )


def _filters(filters: Filters) -> Html:
    figures = []
    for i in range(len(filters.weight)):
        pixels = filters.pixels(i)
        image = _image(pixels, filters.describe(i), room=80)
        figures.append(element("figure", image, element("figcaption", str(i))))
    limit = f"{filters.limit:.3g}"
    ramp = element("img", src=data_uri(png(filters.ramp)), alt=f"Scale of colours: {filters.legend}")
    marks = [element("span", mark) for mark in (f"−{limit}", "0", f"+{limit}")]
    _, channels, height, width = filters.weight.shape
    size = f"{height} × {width}" + (f", {channels} channels" if channels > 1 else "")
    words = f"{filters.shown} of layer {filters.layer}, {size}, as they lie on the image, all on one scale: "
    words += f"{filters.legend}."
    return joined(
        element("p", words),
        element("div", ramp, *marks, class_="legend"),
        element("div", *figures, class_="tiles small-ones"),
    )


def _confusion(m: Findings) -> Html:
    top = _confusion_list(m)
    if len(m.classes) > MOST_CLASSES:
        k = len(m.classes)
        note = f"The whole matrix, {k:,} × {k:,}, is in evaluations/test-center.json."
        return joined(element("p", note, class_="soft small"), top)
    most = max((c.count for c in m.confusions), default=0)
    legends = [_fade("right", "Right, share of the class", "0 %", "100 %")]
    if most:
        legends.append(_fade("wrong", "Wrong, images", "0", f"{most:,}"))
    return element(
        "div",
        element(
            "div",
            scrolling("Confusion matrix", _matrix(m)),
            element("div", *legends, class_="legends"),
            class_="stack",
        ),
        top,
        class_="matrix",
    )


# Below these tints the numbers stay readable, in the light and in the dark.
_FAINT, _STRONG = 0.06, 0.45


def _matrix(m: Findings) -> Html:
    names, rows, matrix = m.classes, [], m.evaluation["confusion"]
    strength = tints(matrix, _FAINT, _STRONG)
    for i, counts in enumerate(matrix):
        cells, of = [], sum(counts)
        for j, count in enumerate(counts):
            kind = "zero" if not count else "right" if i == j else "wrong"
            tint = f"--a:{strength[i][j]:.2f}" if count else None
            title = f"true {names[i]}, answered {names[j]}: {count} of {of}"
            cells.append(element("td", str(count), class_=kind, style=tint, title=title))
        rows.append(element("tr", element("th", names[i], scope="row", title=names[i]), *cells))
    corner = element("td", element("span", "true class", class_="unseen"))
    heads = [element("th", element("span", name), scope="col", title=name) for name in names]
    return element(
        "table",
        element("caption", element("span", "Images of the test split. Rows: true class. Columns: answer.")),
        element("thead", element("tr", corner, *heads)),
        element("tbody", *rows),
        class_="confusion" + (" long" if max(map(len, names)) > 3 else ""),
    )


def _confusion_list(m: Findings) -> Html:
    if not m.confusions:
        return element("p", "No class was taken for another.")
    rows = []
    for each in m.confusions[:MOST_CONFUSIONS]:
        pair = f"{m.classes[each.label]} → {m.classes[each.answer]}"
        rows.append([pair, f"{each.count:,}", f"{each.of:,}", percent(each.count / each.of)])
    heading = (
        f"The {len(rows)} most frequent of {len(m.confusions)}" if len(rows) < len(m.confusions) else "All"
    )
    listed = table(
        ["true → answered", "images", "of", "share"],
        rows,
        numeric=range(1, 4),
        caption=f"{heading} confusions",
    )
    return scrolling("Most frequent confusions", listed)


def _mistakes(m: Findings) -> Html:
    if not m.mistakes:
        return element("p", f"None: all {m.evaluation['n']:,} images of the test split were answered right.")
    figures = []
    for mistake, image in zip(m.mistakes, m.mistaken, strict=False):
        alt = f"Test image {mistake.index}: {mistake.label}, answered {mistake.answer}"
        caption = element(
            "figcaption",
            *(element("strong", line, title=line) for line in mistake.names),
            f"true {percent(mistake.label_probability)}",
            element("br"),
            f"said {percent(mistake.probability)}",
            element("br"),
            f"image {mistake.index}",
        )
        figures.append(element("figure", _image(image_pixels(image.numpy()), alt, room=96), caption))
    n, total = len(figures), len(m.mistakes)
    which = f"The worst {n} of {total:,}" if n < total else _many(n, "image") + ", all that there are"
    words = f"{which}, as the network sees them: true → answered, and below the probabilities that it gave "
    words += "to the true class and to what it said. The least probable truth comes first."
    return joined(element("p", words), element("div", *figures, class_="tiles"))


def _classes(m: Findings) -> Html:
    per_class = m.evaluation["per_class"]
    measured = [each for each in per_class if each["n"]]
    shown, note = per_class, ""
    if len(per_class) > MOST_CLASSES:
        shown = sorted(measured, key=lambda each: each["correct"] / each["n"])[:MOST_CLASSES]
        note = f"The {len(shown)} classes with the lowest accuracy of {len(per_class):,}. "
    start = _start([wilson(each["correct"], each["n"])[0] for each in shown if each["n"]])
    rows = []
    for each in shown:
        correct, n = each["correct"], each["n"]
        if not n:
            rows.append([each["class"], "–", "", "–", "0", "0"])
            continue
        low, high = wilson(correct, n)
        interval = f"{100 * low:.1f} to {100 * high:.1f}"
        band = _range(correct / n, (low, high), start)
        rows.append([each["class"], _share(correct / n), band, interval, f"{correct:,}", f"{n:,}"])
    heads = ["class", "accuracy", f"{start} to 100 %", "95 % interval", "right", "of"]
    listed = table(heads, rows, numeric=(1, 3, 4, 5))
    words = f"{note}Dot: accuracy. Band: its 95 % interval, which is wide where a class has few images."
    return joined(element("p", words, class_="soft small"), scrolling("Accuracy of each class", listed))


def _network(books: Summary | HeirloomError) -> Html:
    if isinstance(books, HeirloomError):
        return element("p", f"It cannot be accounted for: {books}", class_="soft")
    ledger = summary_table(books, readable_depth(books))
    numeric = [i for i in range(len(ledger.columns)) if any(isinstance(row[i], int) for row in ledger.rows)]
    content = table(
        ledger.columns, [[_count(cell) for cell in row] for row in ledger.rows], numeric=numeric,
        totals=[cell_text(cell) for cell in ledger.totals],
    )  # fmt: skip
    notes = [element("p", note, class_="soft small") for note in ledger.notes]
    return joined(element("p", ledger.title), scrolling("Summary of the network", content), *notes)


def _recipe(recipe: Recipe) -> Html:
    settings = []
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        words = f"{value:.6g}" if isinstance(value, float) else str(value)
        settings.append((field.name, words or "–", value != field.default))
    again = element("code", "heirloom train recipe.json")
    note = element(
        "p", "Bold is what differs from the default. ", again, " trains it again.", class_="soft small"
    )
    return joined(note, pairs(settings))


def _versions(versions: dict[str, Any]) -> Html:
    if not versions:
        return element("p", "The run does not say.", class_="soft")
    return pairs([(str(key), str(value), False) for key, value in versions.items()])


def _image(pixels: Pixels, alt: str, room: int) -> Html:
    """An image at a whole multiple of its size, so that its pixels are square."""
    height, width = zoom(pixels.shape[:2], room)
    crisp = "crisp" if width >= pixels.shape[1] else None
    return element("img", src=data_uri(png(pixels)), alt=alt, width=width, height=height, class_=crisp)


def _range(value: float, interval: tuple[float, float], start: int) -> Html:
    """A dot for a share, and a band for its interval, on a scale from ``start`` to 100 %."""

    def place(share: float) -> float:
        return 100 * (100 * share - start) / (100 - start)

    low, high = interval
    band = element("i", style=f"left:{place(low):.2f}%;width:{place(high) - place(low):.2f}%")
    dot = element("u", style=f"left:{place(value):.2f}%")
    words = f"{100 * value:.1f} %, 95 % interval {100 * low:.1f} to {100 * high:.1f}"
    return element("span", band, dot, class_="range", role="img", aria_label=words)


def _start(lows: list[float]) -> int:
    """Where a scale up to 100 % begins: a round number below all that it shows."""
    return min(90, floor(10 * min(lows, default=0.0)) * 10)


def _fade(kind: str, title: str, low: str, high: str) -> Html:
    bar = element("span", class_=f"fade {kind}", style=f"--from:{_FAINT};--to:{_STRONG}")
    ends = [element("span", text) for text in (low, "", high)]
    return element(
        "div", element("p", title), element("div", bar, *ends, class_="legend"), class_="small soft"
    )


def _count(cell: Cell) -> Html:
    if cell == 0:
        return element("span", "0", class_="zero")
    return escaped(cell_text(cell))


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"


def _loss(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 120 else f"{minutes} min"
