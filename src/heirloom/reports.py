"""The report of a run: one HTML file without scripts, and its pictures as files of their own.

It is made from the files of the run alone, and says no time of day: equal runs give equal reports, but
for the seconds that they took.
"""

import csv
from pathlib import Path
from typing import Any

from heirloom.accounting import Summary
from heirloom.data import load_data, short_name
from heirloom.errors import HeirloomError
from heirloom.evaluation import evaluate
from heirloom.figures.finished import points_of
from heirloom.figures.mistakes import MOST_MISTAKES, worst_mistakes
from heirloom.figures.picture import learned
from heirloom.figures.reconstructions import chosen, given_back, read_examples
from heirloom.files import disk_errors, write_atomically
from heirloom.protocols import PROTOCOLS
from heirloom.report_page import Findings, Judged, report_page
from heirloom.report_page.answers import Answers
from heirloom.report_page.pictures import drawn
from heirloom.report_page.reconstructions import Reconstructions
from heirloom.runs import Run
from heirloom.tasks import task_of
from heirloom.tracing import trace
from heirloom.weights import LoadedModel, load_model


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
    for name, picture in found.drawn.files().items():
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
    judged = _judged(run, loaded, model)
    events = run.events()
    epochs = [event for event in events if event.get("event") == "epoch"]
    started = next((event for event in events if event.get("event") == "started"), {})
    size = loaded.card.preprocess.size
    books: Summary | HeirloomError
    try:
        books = Summary(trace(loaded.model, size, name=recipe.model.rpartition(":")[2], lower_bound=True))
    except HeirloomError as error:
        books = error
    label = f"{recipe.model.rpartition(':')[2]} on {short_name(recipe.data)}"
    return Findings(
        recipe=recipe,
        versions=run.versions,
        points=points_of(events),
        images=started.get("images", 0),
        steps=epochs[-1]["step"] if epochs else 0,
        seconds=sum(event["seconds"] for event in epochs),
        judged=judged,
        measure=task_of(loaded.card).measure,
        summary=books,
        drawn=drawn(learned(label, recipe.model, loaded, run)),
        kept=next((event.get("kept") for event in events if event.get("event") == "done"), None),
    )


def _judged(run: Run, loaded: LoadedModel, model: str | None) -> Judged:
    """The evaluation of the test split, made now where there is none, and examples of its images."""
    answers = run.path / "evaluations" / "test-center.csv"
    if not (answers.is_file() and answers.with_suffix(".json").is_file()):
        evaluate(run.path, model=model)
    evaluation = run.read_json("evaluations/test-center.json")
    preprocess = loaded.card.preprocess
    dataset = load_data(run.recipe.data, fit=preprocess, wait=False)
    images, fit = dataset.split("test").settled().images, preprocess.fit
    try:
        with answers.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if loaded.card.classes:
            mistakes = worst_mistakes(rows)
            worst = [mistake.index for mistake in mistakes[:MOST_MISTAKES]]
            shown_worst = fit(images[worst]) if worst else images[:0]
            return Answers(evaluation, mistakes, shown_worst, _others(run))
        ranked = read_examples(rows)
        shown = [example.index for examples in chosen(ranked).values() for example in examples]
        fitted = fit(images[shown])
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise HeirloomError("E-run", "cannot read", where=str(answers), why=str(error)) from error
    return Reconstructions(evaluation, ranked, fitted, given_back(loaded.model, preprocess, fitted))


def _others(run: Run) -> tuple[dict[str, Any], ...]:
    """What was found of the test split by other protocols, where somebody has asked."""
    names = [f"evaluations/test-{protocol}.json" for protocol in PROTOCOLS if protocol != "center"]
    return tuple(run.read_json(name) for name in names if (run.path / name).is_file())
