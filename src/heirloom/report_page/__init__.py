"""The page of a report: what was found out about a run, set in HTML."""

import dataclasses
from dataclasses import dataclass
from math import ceil
from typing import Any, Protocol

from heirloom.accounting import Summary
from heirloom.data import short_name
from heirloom.documents import (
    Html,
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
from heirloom.figures.curves import Point, curve_on_page, describe, kinds_of
from heirloom.figures.palette import css
from heirloom.measures import ACCURACY, Measure
from heirloom.recipes import Recipe
from heirloom.report_page.parts import many, number, share
from heirloom.report_page.pictures import Drawn
from heirloom.report_page.story import chapters
from heirloom.tables import Cell, cell_text, readable_depth, summary_table

MOST_EPOCHS = 200
"""Rows of the table of epochs; of more, every second or third is shown, and so on."""


class Judged(Protocol):
    """What the report says of a network's answers: it differs from task to task."""

    @property
    def text(self) -> str:
        """What was measured, in a word or two."""

    def headline(self) -> Html:
        """It with its interval."""

    def parts(self) -> dict[str, Html]:
        """Parts of the page, by their names in `STORY`."""


@dataclass(frozen=True)
class Findings:
    """All that a report is made of."""

    recipe: Recipe
    versions: dict[str, Any]
    points: list[Point]
    images: int  # trained on
    steps: int
    seconds: float
    judged: Judged
    measure: Measure
    summary: Summary | HeirloomError  # the reason where the network cannot be traced
    drawn: Drawn
    kept: int | None  # the epoch whose weights these are, where they are not the last

    @property
    def name(self) -> str:
        """Of the network: of ``nets/mine.py:Net`` the part ``Net``."""
        return self.recipe.model.rpartition(":")[2]

    @property
    def title(self) -> str:
        """What was trained on what."""
        return f"{self.name} on {short_name(self.recipe.data)}"


def report_page(m: Findings) -> str:
    """The page."""
    own = {
        "curves": _curves(m),
        "network": _network(m.summary),
        "recipe": _recipe(m.recipe),
        "versions": _versions(m.versions),
        **m.judged.parts(),
    }
    parts = {what: m.drawn.on_page(what) for what in m.drawn.pictures if what not in own} | own
    words = "Heirloom wrote this page from the files of the run. It holds no scripts and loads nothing."
    foot = joined(element("p", words), m.drawn.reasons(set(parts)))
    return document(f"{m.title}, {m.judged.text}", _head(m), chapters(parts), foot, css())


def _head(m: Findings) -> Html:
    facts = [
        ("Trained on", f"{m.images:,} images of {m.recipe.data}:{m.recipe.split}"),
        ("For", f"{many(len(m.points), 'epoch')}, {many(m.steps, 'step')}"),
        *([("Weights", f"of epoch {m.kept}, the best by validation")] if m.kept else []),
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
        element("div", m.judged.headline(), element("dl", *listed, class_="facts"), class_="headline"),
    )


def _curves(m: Findings) -> Html:
    if not m.points:
        return element("p", "The run has no finished epoch.", class_="soft")
    distorted = f"on distorted images (augment={m.recipe.augment}), " if m.recipe.augment != "none" else ""
    noisy = "" if m.measure is ACCURACY else "with whatever noise the network adds, "
    note = f"Training is measured {distorted}{noisy}while the weights still move"
    last, word = m.points[-1], m.measure.word
    if last.val_loss is None and getattr(last, f"val_{word}") is None:
        note += ". There is no validation: the data has no such split, or it was trained on."
    else:
        where = "below" if m.measure.higher_is_better else "above"
        note += (
            f": it may lie {where} validation, which is measured at the end of each epoch on images as they "
            "are."
        )
    if word == "error":
        note += " The error is the mean of squared differences of grey values, 0 black and 1 white."
    kinds = kinds_of(m.points)
    charts = [element("figure", Html(curve_on_page(m.points, kind))) for kind in kinds]
    every = ceil(len(m.points) / MOST_EPOCHS)
    shown = [p for i, p in enumerate(m.points) if (i + 1) % every == 0 or p is m.points[-1]]
    columns = [f"{part}{kind}" for part in ("", "val_") for kind in kinds]
    said = {key: share if key.endswith("accuracy") else number for key in columns}
    rows = [[str(p.epoch), *(said[key](getattr(p, key)) for key in columns)] for p in shown]
    heads = [f"{part} {kind}" for part in ("training", "validation") for kind in kinds]
    numbers = element("div", table(["epoch", *heads], rows, numeric=range(5)), class_="tall")
    return joined(
        element("p", describe(m.points, kinds[-1]), class_="soft small"),
        element("div", *charts, class_="charts"),
        element("p", note, class_="soft small"),
        details("The numbers", scrolling("Numbers of each epoch", numbers)),
    )


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


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 120 else f"{minutes} min"


def _count(cell: Cell) -> Html:
    if cell == 0:
        return element("span", "0", class_="zero")
    return escaped(cell_text(cell))
