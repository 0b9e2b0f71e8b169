"""The report of a run: one HTML file without scripts, and its pictures as files of their own.

It is made from the files of the run alone, and says no time of day: equal runs give equal reports, but
for the seconds that they took.
"""

import csv
import dataclasses
from pathlib import Path
from typing import Any

from heirloom.accounting import Summary
from heirloom.data import load_data
from heirloom.errors import HeirloomError
from heirloom.evaluation import evaluate
from heirloom.figures.confusion import MOST_CLASSES, confusion_on_white, confusions
from heirloom.figures.curves import Point, curves_on_white
from heirloom.figures.filters import first_filters
from heirloom.figures.mistakes import MOST_MISTAKES, Mistake, mistakes_sheet, worst_mistakes
from heirloom.files import disk_errors, write_atomically
from heirloom.report_page import Findings, report_page
from heirloom.runs import Run
from heirloom.tracing import trace
from heirloom.weights import load_model


def report(run: Path | str, model: str | None = None) -> Path:
    """Write ``report.html`` and ``pictures/`` of a finished run; evaluates the test split if nobody has.

    ``model`` is as in `load_model`.

    Raises:
        HeirloomError: (``E-run``) Not a run, not finished, or a file of it is damaged; (``E-weights``);
            (``E-data``) its data is gone; (``E-disk``, ``E-output-unwritable``).
    """
    home = Run(run)
    found = _gather(home, model)
    folder = home.path / "pictures"
    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
    for name, picture in _pictures(found).items():
        if picture is not None:
            write_atomically(folder / name, picture)
        else:
            with disk_errors(folder):
                (folder / name).unlink(missing_ok=True)
    path = home.path / "report.html"
    write_atomically(path, report_page(found).encode())
    return path


def _gather(run: Run, model: str | None) -> Findings:
    recipe, loaded = run.recipe, load_model(run.path, model)
    evaluation, mistakes = _answers(run, model)
    images = load_data(recipe.data, fit=loaded.card.preprocess).split("test").images
    worst = [mistake.index for mistake in mistakes[:MOST_MISTAKES]]
    events = run.events()
    epochs = [event for event in events if event.get("event") == "epoch"]
    names = [field.name for field in dataclasses.fields(Point)]
    started = next((event for event in events if event.get("event") == "started"), {})
    filters, size = None, loaded.card.preprocess.size
    books: Summary | HeirloomError
    try:
        books = Summary(trace(loaded.model, size, name=recipe.model.rpartition(":")[2], lower_bound=True))
        filters = first_filters(loaded.model, books.trace)
    except HeirloomError as error:
        books = error
    return Findings(
        recipe=recipe,
        versions=run.versions,
        points=[Point(**{name: event[name] for name in names}) for event in epochs],
        images=started.get("images", 0),
        steps=epochs[-1]["step"] if epochs else 0,
        seconds=sum(event["seconds"] for event in epochs),
        evaluation=evaluation,
        summary=books,
        filters=filters,
        mistakes=mistakes,
        mistaken=loaded.card.preprocess.fit(images[worst]) if worst else images[:0],
        confusions=confusions(evaluation["confusion"]),
    )


def _answers(run: Run, model: str | None) -> tuple[dict[str, Any], list[Mistake]]:
    """The evaluation of the test split, made now where there is none."""
    answers = run.path / "evaluations" / "test-center.csv"
    if not (answers.is_file() and answers.with_suffix(".json").is_file()):
        evaluate(run.path, model=model)
    evaluation = run.read_json("evaluations/test-center.json")
    try:
        with answers.open(newline="", encoding="utf-8") as file:
            return evaluation, worst_mistakes(list(csv.DictReader(file)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HeirloomError("E-run", "cannot read", where=str(answers), why=str(error)) from error


def _pictures(m: Findings) -> dict[str, bytes | None]:
    """The files of ``pictures/``; None where a run has no such picture."""
    worst = m.mistakes[: len(m.mistaken)]
    few = len(m.classes) <= MOST_CLASSES
    return {
        "curves.svg": curves_on_white(m.points, m.title) if m.points else None,
        "filters.png": m.filters.sheet(m.title) if m.filters else None,
        "confusion.svg": confusion_on_white(m.evaluation["confusion"], m.classes, m.title) if few else None,
        "mistakes.png": mistakes_sheet(m.title, m.mistaken, worst, len(m.mistakes)) if worst else None,
    }
